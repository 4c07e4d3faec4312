"""The second Python of the tests, and what is left out there; Pythons and uv are scripts that answer as they do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.shared import REPOSITORY
from tools import second_python

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
ONLY = f"Tested on Python {OWN} only; no second one: "
_UV = """#!/bin/sh
echo "$@" >> {told}
case "$*" in *--dry-run*) ;; *) mkdir -p $UV_PROJECT_ENVIRONMENT/bin
  printf '#!/bin/sh\\necho "$@" > {ran}\\nexit 3\\n' > $UV_PROJECT_ENVIRONMENT/bin/python
  chmod +x $UV_PROJECT_ENVIRONMENT/bin/python; exit;; esac
{lacks}
"""
_LACKS = """case "$*" in *{python}*) case "$*" in *no-install-package={package}*) ;; *)
  echo 'error: Distribution `{package}==19.0.2 @ registry+https://pypi.org/simple` can'"'"'t be installed' >&2; exit 2;;
esac;; esac"""

Script = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, a folder of programs that is all of the PATH but for the shell's, and a project."""
    (tmp_path / "bin").mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tools").mkdir()
    for tool in ("mkdir", "chmod"):
        (tmp_path / "tools" / tool).symlink_to(shutil.which(tool) or tool)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), str(tmp_path / "tools")]))
    monkeypatch.setattr(second_python, "ROOT", tmp_path)
    return tmp_path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def python(folder: Path, version: str, *, kind: str = "cpython final", unlocked: int = 0) -> Path:
    minor = version.rpartition(".")[0]
    answer = f"{kind} {version.replace('.', ' ')} {unlocked}"
    return script(folder / f"python{minor}", f"#!/bin/sh\necho {answer}\n")


def uv(machine: Path, **lacks: str) -> None:
    """A uv that knows no wheel of a package for a Python: `onnxruntime="3.45"`."""
    text = "\n".join(_LACKS.format(package=package, python=f"python{version}") for package, version in lacks.items())
    script(machine / "bin" / "uv", _UV.format(told=machine / "told", ran=machine / "ran", lacks=text))


def test_the_newest_release_of_each_minor_version_is_found_wherever_it_is(machine: Path) -> None:
    path = machine / "bin"
    python(path, "3.42.1")
    (path / "python3").symlink_to("python3.42")
    python(path, "3.46.0", kind="cpython candidate")
    python(path, "3.47.0", kind="pypy final")
    python(path, "3.48.0", unlocked=1)
    script(path / "python3.49", "#!/bin/sh\necho 'pyenv: python3.49: command not found' >&2\nexit 127\n")
    script(path / "python3.42-config", "#!/bin/sh\necho cpython final 3 99 0 0\n")
    pyenv = python(machine / ".pyenv" / "versions" / "3.43.5" / "bin", "3.43.5")
    python(machine / ".pyenv" / "versions" / "3.43.0" / "bin", "3.43.0")
    managed = python(machine / ".local" / "share" / "uv" / "python" / "cpython-3.44" / "bin", "3.44.2")
    found = second_python.pythons(second_python.places(os.environ))
    assert [(str(one), one.path) for one in found] == [
        ("3.44.2", managed),
        ("3.43.5", pyenv),
        ("3.42.1", path / "python3.42"),
    ]


def test_the_tests_run_on_the_newest_one_that_has_wheels(machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for version in ("3.43.0", "3.44.0", "3.45.0", f"{OWN}.1"):
        python(machine / "bin", version)
    uv(machine, onnxruntime="3.45")
    assert second_python.main(["-n", "2"]) == 3  # pytest's own
    assert f"The fast tests on Python 3.44.0 ({machine / 'bin' / 'python3.44'})" in capfd.readouterr().out
    installed = (machine / "told").read_text().splitlines()[-1]
    assert "--group fast" in installed
    assert "--no-python-downloads" in installed
    assert "--no-install-package" not in installed
    ran = (machine / "ran").read_text().split()
    assert ran[:6] == ["-m", "pytest", "-q", "-m", "not", "heavy"]
    assert ran[-2 - len(second_python.FAST) :] == ["-n", "2", *second_python.FAST]


def test_an_optional_dependency_without_wheels_is_left_out_with_its_tests(
    machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python(machine / "bin", "3.44.0")
    uv(machine, av="3.44", libosdp="3.44")
    second_python.main([])
    assert "no wheels of av, libosdp (tests/video left out)" in capfd.readouterr().out
    assert "--no-install-package=av --no-install-package=libosdp" in (machine / "told").read_text().splitlines()[-1]
    ran = (machine / "ran").read_text().split()
    assert "tests/video" not in ran
    assert "tests/vision" in ran


def test_one_line_says_why_there_is_no_second_python(machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    uv(machine)
    python(machine / "bin", f"{OWN}.1")
    assert second_python.main([]) == 0
    assert capfd.readouterr().out == f"{ONLY}none is on this machine\n"
    uv(machine, numpy="3.44", onnxruntime="3.45")
    for version in ("3.44.0", "3.45.1"):
        python(machine / "bin", version)
    assert second_python.main([]) == 0
    assert capfd.readouterr().out == f"{ONLY}3.45.1: no wheel of onnxruntime; 3.44.0: no wheel of numpy\n"
    assert not (machine / "ran").exists()


def test_what_fails_for_want_of_a_network_is_said_and_anything_else_fails(
    machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python(machine / "bin", "3.44.0")
    for error, code in (("Failed to fetch: `https://pypi.org/simple/av/`", 0), ("No space left on device", 2)):
        text = f"#!/bin/sh\ncase \"$*\" in *--dry-run*) ;; *) echo 'error: {error}' >&2; exit 2;; esac\n"
        script(machine / "bin" / "uv", text)
        assert second_python.main([]) == code
        output = capfd.readouterr()
        assert error in output.err
        assert (f"{ONLY}the wheels cannot be fetched" in output.out) == (code == 0)


def test_what_the_fast_tests_need_is_declared() -> None:
    optional = second_python.optional_packages()
    for folder, needs in second_python.FAST.items():
        imported: set[str] = set()
        files = list((REPOSITORY / folder).rglob("*.py"))
        assert files, folder
        for file in files:
            imported |= set(re.findall(r"^(?:import|from) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
        assert set(needs) == imported & optional, folder
