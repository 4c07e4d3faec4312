import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli._main import _wrong_settings, build, command_names, main
from mien.services import open_services
from mien.settings import Settings


def mien(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mien", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_version_is_the_packages() -> None:
    done = mien("--version")
    assert (done.returncode, done.stdout) == (0, f"mien {version('mien')}\n")


def test_help_names_every_command() -> None:
    done = mien("--help")
    assert done.returncode == 0
    assert "serve" in command_names()
    for name in command_names():
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_help(name: str) -> None:
    done = CliRunner().invoke(build([name]), [name, "--help"], prog_name="mien")
    assert (done.exit_code, done.exception) == (0, None)
    assert f"Usage: mien {name}" in done.stdout


def test_an_unknown_command_is_refused() -> None:
    done = mien("sevre")
    assert done.returncode == 2
    assert "sevre" in done.stderr


VISION = {"cv2", "numpy", "onnxruntime", "PIL"}


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (("--help",), VISION | {"fastapi", "sqlalchemy", "structlog", "uvicorn"}),
        (("resource", "list"), VISION | {"alembic", "fastapi", "uvicorn"}),
    ],
    ids=["help", "resource list"],
)
def test_commands_are_quick_because_they_import_nothing_heavy_that_they_need_not(
    arguments: tuple[str, ...], heavy: set[str], tmp_path: Path
) -> None:
    services = open_services(Settings(data_dir=tmp_path))  # making a database is never quick
    services.close()
    code = "import sys\ntry:\n    from mien.cli import main; main()\nfinally:\n    print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"MIEN_DATA_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    )
    imported = set(done.stdout.split())
    assert "typer" in imported
    assert not imported & heavy


@pytest.mark.parametrize("arguments", [["serve", "--port", "0"], ["detect", "photo.jpg"], ["resource", "list"]])
def test_a_wrong_setting_is_named_by_every_command(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(b"")
    monkeypatch.setenv("MIEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MIEN_MAX_IMAGE_BYTES", "100")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "mien: MIEN_MAX_IMAGE_BYTES must be at least 1024\n"


def test_wrong_settings_are_said_in_plain_words() -> None:
    """Every kind of mistake that a setting can have is in our words, not pydantic's."""
    wrong = {
        "port": ("abc", "MIEN_PORT must be a whole number"),
        "max_image_bytes": ("1.5 MB", "MIEN_MAX_IMAGE_BYTES must be a whole number"),
        "url_allow_private": ("perhaps", "MIEN_URL_ALLOW_PRIVATE must be true or false"),
        "redis_url": ("http://x", "MIEN_REDIS_URL must begin with redis://"),
    }
    for name, (value, expected) in wrong.items():
        with pytest.raises(ValueError, match="validation error") as found:
            Settings(**{name: value})  # type: ignore[arg-type]  # that is the mistake
        assert [line for line in _wrong_settings(found.value) if line.startswith(expected)], name


def test_other_errors_are_not_taken_for_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_names: object) -> object:
        raise ValueError("something else")

    monkeypatch.setattr("mien.cli._main.build", fails)
    with pytest.raises(ValueError, match="something else"):
        main(["models", "list"])
