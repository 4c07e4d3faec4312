"""The first calls that the overview shows run as they are, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Server
from tests.npm import node_modules
from tests.shared import azure_photo

from mien.portal.snippets import first_calls

pytestmark = [pytest.mark.timeout(180), pytest.mark.shared]

FACE_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(azure_photo("Family1-Dad1"), tmp_path / "photo.jpg")
    return tmp_path


def run(command: list[str], folder: Path, portal: Server) -> str:
    environment = {**os.environ, "FACE_KEY": portal.key1, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(folder: Path, portal: Server) -> None:
    export, _, call = first_calls(portal.endpoint)["curl"].partition("\n")
    assert export.startswith("export FACE_KEY=")
    assert '"faceLandmarks":' in run(["bash", "-c", call.replace("curl ", "curl -fsS ", 1)], folder, portal)


def test_python(folder: Path, portal: Server) -> None:
    (folder / "first_call.py").write_text(first_calls(portal.endpoint)["Python"], encoding="utf-8")
    assert FACE_ID.match(run([sys.executable, "first_call.py"], folder, portal))


def test_javascript(folder: Path, portal: Server) -> None:
    (folder / "node_modules").symlink_to(node_modules(), target_is_directory=True)
    (folder / "first-call.mjs").write_text(first_calls(portal.endpoint)["JavaScript"], encoding="utf-8")
    node = shutil.which("node")
    assert node is not None
    assert FACE_ID.match(run([node, "--no-deprecation", "first-call.mjs"], folder, portal))


def test_over_https_nothing_is_loosened() -> None:
    assert "allowInsecureConnection" not in first_calls("https://front.example.com")["JavaScript"]
