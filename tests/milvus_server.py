"""A standalone Milvus server for tests: the one that the wheel `milvus` carries, in a folder of the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The wheel imports pkg_resources, which later versions of setuptools have not.
_WHEELS = ("milvus==2.3.5", "setuptools<81")
_FOLDER = "mien-tests/milvus-2.3.5"
_SERVE = """
import sys
from milvus import MilvusServer
server = MilvusServer()
server.config.configs["data_dir"] = sys.argv[1]
server.start()
print(server.listen_port, flush=True)
sys.stdin.read()  # until the tests are over, or killed
server.stop()
"""


class NoMilvusError(OSError):
    """The server cannot be had here."""


@contextmanager
def milvus_server() -> Iterator[str]:
    """Start a server with an empty folder, and give its URL.

    Raises:
        NoMilvusError: it cannot be installed, or does not start.
    """
    wheels = _installed()
    data = Path(tempfile.mkdtemp(prefix="mien-milvus-"))
    unpacked = wheels / "unpacked"  # the programs, which the first start unpacks: 250 MB
    unpacked.mkdir(exist_ok=True)
    (data / "bin").symlink_to(unpacked)
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(wheels), "PYTHONWARNINGS": "ignore"},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise NoMilvusError("the server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        shutil.rmtree(data, ignore_errors=True)


def _installed() -> Path:
    """Return the folder with the wheels, installed on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / _FOLDER
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="milvus-", dir=folder.parent))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(fresh), *_WHEELS]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
        fresh.rename(folder)
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not folder.is_dir():  # else another process was first
            raise NoMilvusError(f"pip cannot install {' '.join(_WHEELS)}: {error}") from error
    return folder
