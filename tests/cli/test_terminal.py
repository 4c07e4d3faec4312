"""What a developer sees who starts the service in a terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import sqlite_database


def start_in_terminal(folder: Path, ready: Path) -> str:
    """Run `mien serve --dev` with a terminal for its output, until it is ready; return what the terminal shows."""
    environment = {name: value for name, value in os.environ.items() if name != "MIEN_LOG_LEVEL"}
    command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0"]
    command += ["--data-dir", str(folder), "--ready-file", str(ready)]
    inner, outer = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=outer, stderr=outer, env=environment)
    os.close(outer)
    shown = b""
    os.set_blocking(inner, False)
    deadline = time.monotonic() + 180
    signalled = False
    try:
        while time.monotonic() < deadline:
            try:
                block = os.read(inner, 65536)
            except BlockingIOError:
                if ready.exists() and not signalled:
                    process.send_signal(signal.SIGTERM)
                    signalled = True
                time.sleep(0.05)
                continue
            except OSError:
                break  # the terminal's other side is closed: the process has ended
            if not block:
                break
            shown += block
    finally:
        process.kill()
        process.wait()
        os.close(inner)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def test_the_keys_and_the_first_call_are_not_buried_in_the_log(tmp_path: Path) -> None:
    sqlite_database(tmp_path / "mien.db").close()
    shown = start_in_terminal(tmp_path, tmp_path / "ready.json")
    assert "Mien answers at http://127.0.0.1:" in shown
    assert "curl " in shown
    assert "audit" not in shown, "entries of the audit log are for the log of a server"
    assert '{"' not in shown, "a terminal gets no JSON"
    after = shown[shown.index("liveness/demo") :].splitlines()[1:]
    assert not [line for line in after if "info" in line]
