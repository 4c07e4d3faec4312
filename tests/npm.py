"""What tests need from npm, installed in `tests/js` when it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "js"


def node_modules() -> Path:
    """Return the folder of installed packages; skips the test that asks where npm is missing or cannot install."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs Node.js and npm")
    modules = FOLDER / "node_modules"
    installed = modules / ".package-lock.json"
    with (FOLDER / "package-lock.json").open() as locked:
        flock(locked, LOCK_EX)  # several processes may be testing in this folder
        if not installed.exists() or installed.stat().st_mtime < os.fstat(locked.fileno()).st_mtime:
            command = [npm, "ci", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=280, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install the packages: {done.stderr[-500:]}")
    return modules
