import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from mien.cli._main import build, command_names


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


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys\ntry:\n    from mien.cli import main; main(['serve', '--help'])\nexcept SystemExit:\n"
        "    heavy = {'sqlalchemy', 'onnxruntime', 'cv2', 'numpy', 'uvicorn'} & set(sys.modules)\n"
        "    assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
