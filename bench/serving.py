"""A real server process for a measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 180.0


@dataclass(frozen=True)
class Served:
    """A running `mien serve --dev`.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
        key: a key of its resource.
        pid: process id of the process.
        log: file for its log.
        data_dir: its data folder.
    """

    endpoint: str
    key: str
    pid: int
    log: Path
    data_dir: Path


@contextmanager
def served(*, cores: Sequence[int] = (), **settings: str) -> Iterator[Served]:
    """Start a server with an empty data folder, and stop it at the end.

    Args:
        cores: allowed processor cores; empty for all.
        settings: settings by name in lower case, without `MIEN_`.

    Raises:
        SystemExit: the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as name:
        folder = Path(name)
        ready, log = folder / "ready.json", folder / "server.log"
        command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0"]
        command += ["--data-dir", str(folder / "data"), "--ready-file", str(ready)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
        if model_dir := os.environ.get("MIEN_MODEL_DIR"):
            environment["MIEN_MODEL_DIR"] = model_dir
        environment |= {"MIEN_LOG_LEVEL": "warning"}
        environment |= {f"MIEN_{setting.upper()}": value for setting, value in settings.items()}
        with log.open("ab") as lines:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=lines
            )
        if cores:
            os.sched_setaffinity(process.pid, cores)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the server did not start:\n{log.read_text()}")
                time.sleep(0.05)
            told = json.loads(ready.read_text("utf-8"))
            yield Served(told["endpoint"], told["key1"], process.pid, log, folder / "data")
        finally:
            process.terminate()
            process.wait()
