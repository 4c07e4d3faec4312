"""A standalone Milvus server for tests: the one that the wheel `milvus` carries, in a folder of the user's cache.

Two of these servers at once end each other, so that the processes of a test run share one. The first that needs it
starts a keeper, which holds the server; each user holds a shared lock on a file as long as it lives, and the keeper
ends the server when nobody holds it any more, also after a user was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The wheel imports pkg_resources, which later versions of setuptools have not.
_WHEELS = ("milvus==2.3.5", "setuptools<81")
_FOLDER = "mien-tests/milvus-2.3.5"
_PATIENCE = 180.0
_KEEP = """
import fcntl, json, os, sys, time
from pathlib import Path
from milvus import MilvusServer
data, users, told = sys.argv[1:]
server = MilvusServer()
server.config.configs["data_dir"] = data
try:
    server.start()
    fresh = Path(told + ".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "port": server.listen_port}))
    fresh.rename(told)
    with open(users, "r+") as file:
        while True:
            time.sleep(0.5)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            break  # nobody uses it; those who come now wait for the lock, and then start another
        os.unlink(told)
        server.stop()
finally:
    import shutil
    shutil.rmtree(data, ignore_errors=True)
"""


class NoMilvusError(OSError):
    """The server cannot be had here."""


@contextmanager
def milvus_server() -> Iterator[str]:
    """Give the URL of a server that this process shares with the others of this machine.

    Raises:
        NoMilvusError: it cannot be installed, or does not start.
    """
    wheels = _installed()
    users, told = wheels / "users", wheels / "server.json"
    with users.open("a+") as using:
        # While it is started, the others wait; while it is stopped, the keeper has the lock, and all wait.
        with (wheels / "starting").open("a+") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(using, fcntl.LOCK_SH)
            port = _running(told) or _start(wheels, users, told)
        yield f"http://127.0.0.1:{port}"


def _running(told: Path) -> int | None:
    """Return the port of the server that runs; None if there is none, or its keeper was killed."""
    try:
        known = json.loads(told.read_text())
        arguments = Path(f"/proc/{known['pid']}/cmdline").read_text()
    except (OSError, ValueError):
        return None
    return int(known["port"]) if str(told) in arguments else None


def _start(wheels: Path, users: Path, told: Path) -> int:
    told.unlink(missing_ok=True)
    data = Path(tempfile.mkdtemp(prefix="mien-milvus-"))
    unpacked = wheels / "unpacked"  # the programs, which the first start unpacks: 250 MB
    unpacked.mkdir(exist_ok=True)
    (data / "bin").symlink_to(unpacked)
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEP, str(data), str(users), str(told)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(wheels), "PYTHONWARNINGS": "ignore"},
        start_new_session=True,  # it outlives this process, if another uses the server
    )
    until = time.monotonic() + _PATIENCE
    while (port := _running(told)) is None:
        if keeper.poll() is not None or time.monotonic() > until:
            keeper.kill()
            keeper.wait()
            shutil.rmtree(data, ignore_errors=True)
            raise NoMilvusError("the server did not start")
        time.sleep(0.1)
    keeper.returncode = 0  # it ends by itself, later: this process is not to warn that it does not wait for it
    return port


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
