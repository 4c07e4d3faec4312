"""The wheel: built from this checkout, installed elsewhere with pip alone, and serving there."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest
from tests.conftest import stop
from tests.deploy.conftest import DEPLOY
from tests.shared import azure_photo

ROOT = DEPLOY.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("needs uv")
    done = subprocess.run(
        [uv, "build", "--wheel", "--out-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    if "resolve" in done.stderr and "hatchling" in done.stderr:
        pytest.skip("the build backend cannot be fetched")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("mien-*.whl"))


@pytest.mark.heavy
def test_all_that_is_no_python_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("mien/")}
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "src/mien"], capture_output=True, text=True, timeout=60, check=True
    )
    expected = {path.removeprefix("src/") for path in tracked.stdout.split() if not path.endswith("tsconfig.json")}
    assert expected <= held, sorted(expected - held)


@pytest.mark.heavy
@pytest.mark.timeout(900)  # installing takes minutes on a busy machine
def test_it_serves_where_nothing_of_the_checkout_is(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True, timeout=300)
    python = tmp_path / "env" / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", str(wheel)],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIEN_", "PYTHON", "VIRTUAL_ENV"))
    }
    models = os.environ.get("MIEN_MODEL_DIR") or Path.home() / ".local/share/mien/models"  # pulled once for all tests
    environment = kept | {"HOME": str(home), "MIEN_MODEL_DIR": str(models)}
    ready = tmp_path / "ready.json"
    command = [str(tmp_path / "env" / "bin" / "mien"), "serve", "--dev", "--port", "0", "--ready-file", str(ready)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 180
        while not ready.exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        told = json.loads(ready.read_text())
        answer = httpx.post(
            f"{told['endpoint']}/face/v1.2/detect?detectionModel=detection_03",
            headers={"Ocp-Apim-Subscription-Key": told["key1"], "Content-Type": "application/octet-stream"},
            content=azure_photo("detection1").read_bytes(),
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == 1
        portal = httpx.get(f"{told['management']}/login", timeout=60, trust_env=False, follow_redirects=True)
        assert portal.status_code == 200
    finally:
        stop(process)
