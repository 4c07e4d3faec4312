#!/usr/bin/env python3
"""Runs the fast tests on a second Python: the newest other one of this machine that Mien's dependencies allow.

python tools/second_python.py [arguments of pytest]

Pythons are found by name (`python3.13`) on the PATH, and where pyenv and uv install them; none is downloaded. uv says
whether the lock has wheels for one. An optional dependency without wheels is left out, with the tests that need it; a
Python that lacks others is not used. If no Python is left, one line says so and the run counts as passed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]

FAST: Final[Mapping[str, tuple[str, ...]]] = {
    "tests/accounts": (),
    "tests/contract": (),
    "tests/evaluation": (),
    "tests/events": (),
    "tests/fetching": (),
    "tests/gateway": (),
    "tests/matching": (),
    "tests/models": (),
    "tests/search": (),
    "tests/storage": (),
    "tests/video": ("av",),
    "tests/vision": (),
}
"""The tests that run on the second Python, and the optional dependencies that they cannot do without.

They cover what differs between Pythons (addresses, dates, SQLite, compiled libraries) without browsers, servers of
their own and PostgreSQL, and without dossiers and data subjects, which put together what these test. What they need is
the dependency group `fast` of pyproject.toml.
"""

LEFT_OUT: Final = ("tests/gateway/test_azure_identity.py", "tests/vision/test_hostile.py")
"""Of these folders: what needs the SDKs, and what takes a tenth of the time."""

_ASK: Final = (
    "import sys, sysconfig; one = sys.version_info; print(sys.implementation.name, one.releaselevel, *one[:3], "
    "int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))"
)
_GROUP: Final = ("--frozen", "--no-default-groups", "--group", "fast", "--no-python-downloads")


class NotAllowedError(Exception):
    """The dependencies do not allow this Python; the text says which."""


@dataclass(frozen=True, order=True)
class Python:
    """An interpreter.

    Attributes:
        version: major, minor, micro.
        path: of the program.
    """

    version: tuple[int, int, int]
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def places(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders where interpreters may be: the PATH, then those of pyenv's and uv's."""
    yield from map(Path, filter(None, environment.get("PATH", "").split(os.pathsep)))
    home = Path(environment.get("HOME") or "/")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    yield from (Path(environment.get("PYENV_ROOT") or home / ".pyenv") / "versions").glob("*/bin")
    yield from Path(environment.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python").glob("*/bin")


def pythons(folders: Iterable[Path]) -> list[Python]:
    """Return released CPythons with a global lock, one a minor version, the newest first."""
    newest: dict[tuple[int, int], Python] = {}
    seen: set[Path] = set()
    for folder in folders:
        for path in sorted(folder.glob("python3.*")):
            program = path.resolve()
            if not re.fullmatch(r"python3\.\d+", path.name) or program in seen:
                continue
            seen.add(program)
            found = _asked(path)
            if found is not None and found > newest.get(found.version[:2], Python((0, 0, 0), path)):
                newest[found.version[:2]] = found
    return sorted(newest.values(), reverse=True)


def left_out(uv: str, python: Python, optional: frozenset[str]) -> list[str]:
    """Return the optional packages that the lock has no wheels of for a Python; uv plans and installs nothing.

    Raises:
        NotAllowedError: another package has none, or pyproject.toml excludes this Python.
    """
    without: list[str] = []
    while True:
        plan = _sync(uv, python, without, "--dry-run", "--no-build", "--no-install-project")
        if not plan.returncode:
            return without
        found = re.search(r"[Dd]istribution `([\w.-]+?)(==|`)", plan.stderr)
        if found is None or found[1] not in optional or found[1] in without:
            reason = f"no wheel of {found[1]}" if found else plan.stderr.strip().rpartition("\n")[2]
            raise NotAllowedError(reason)
        without.append(found[1])


def optional_packages() -> frozenset[str]:
    """Return the names of the packages that only extras of Mien ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [one for extra in project["optional-dependencies"].values() for one in extra]
    return frozenset(re.split(r"[^\w.-]", one, maxsplit=1)[0].lower() for one in wanted)


def main(arguments: Sequence[str]) -> int:
    """Find the Python, install what the tests need, run them; returns pytest's exit code."""
    beside = str(Path(sys.executable).parent)
    uv = shutil.which("uv", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if uv is None:
        return _no_python("uv, which says what the dependencies allow, is not installed")
    refused = []
    for python in pythons(places(os.environ)):
        if python.version[:2] == sys.version_info[:2]:
            continue
        try:
            without = left_out(uv, python, optional_packages())
        except NotAllowedError as error:
            refused.append(f"{python}: {error}")
            continue
        return _test(uv, python, without, arguments)
    return _no_python("; ".join(refused) or "none is on this machine")


def _test(uv: str, python: Python, without: Sequence[str], arguments: Sequence[str]) -> int:
    chosen = [folder for folder, needs in FAST.items() if not set(needs) & set(without)]
    text = f"The fast tests on Python {python} ({python.path})"
    if without:
        gone = ", ".join(folder for folder in FAST if folder not in chosen) or "no tests"
        text += f", for which there are no wheels of {', '.join(without)} ({gone} left out)"
    print(text, flush=True)
    installed = _sync(uv, python, without, "--compile-bytecode")
    if installed.returncode:
        print(installed.stderr, file=sys.stderr)
        if re.search(r"Failed to (fetch|download)", installed.stderr):
            return _no_python("the wheels cannot be fetched")
        return installed.returncode
    program = [str(_environment(python) / "bin" / "python"), "-m", "pytest", "-q", "-m", "not heavy"]
    program += [f"--ignore={path}" for path in LEFT_OUT]
    # What pytest makes of the tests' asserts is kept: the next run starts sooner.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([*program, *arguments, *chosen], cwd=ROOT, env=environment, check=False).returncode


def _no_python(reason: str) -> int:
    print(f"Tested on Python {sys.version_info.major}.{sys.version_info.minor} only; no second one: {reason}")
    return 0


def _environment(python: Python) -> Path:
    return ROOT / ".venv-fast-{}.{}".format(*python.version)


def _sync(uv: str, python: Python, without: Sequence[str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [uv, "sync", *_GROUP, "--quiet", *options, "--python", str(python.path)]
    command += [f"--no-install-package={name}" for name in without]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(_environment(python))
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


def _asked(path: Path) -> Python | None:
    """Ask a program for its version; None if it does not answer (pyenv's scripts), or is no release of CPython."""
    try:
        answer = subprocess.run([path, "-I", "-c", _ASK], check=False, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.fullmatch(r"cpython final (\d+) (\d+) (\d+) 0\n", answer.stdout)
    return None if told is None else Python((int(told[1]), int(told[2]), int(told[3])), path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
