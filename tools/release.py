#!/usr/bin/env python3
"""Checks and builds a release; publishing itself is the workflow's part (.github/workflows/release.yml).

python tools/release.py check [--tag v1.2.3]   version, changelog and upgrade notes agree
python tools/release.py build FOLDER           wheel, sdist and bill of materials, checked as the index would
python tools/release.py notes VERSION          print the changelog of a version

The version stands in pyproject.toml; other files repeat it where their format has no other way, and `check` compares.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
UNRELEASED: Final = "Unreleased"

_REPEATED: Final = (
    ("deploy/chart/Chart.yaml", r"^version: (\S+)$"),
    ("deploy/chart/Chart.yaml", r"^appVersion: (\S+)$"),
    ("deploy/Containerfile", r"^ARG VERSION=(\S+)$"),
)
"""Files that repeat the version, and where."""


class ReleaseError(Exception):
    """The release cannot be made; the text says why."""


def version_of(root: Path = ROOT) -> str:
    """Return the version of pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def section(text: str, title: str) -> str | None:
    """Return the text below a second-level heading that is or begins with a title; None without one."""
    found = re.search(rf"^## {re.escape(title)}(?=[\s,–-]|$)[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else None


def check(root: Path, tag: str | None) -> list[str]:
    """Return what stands against a release, a sentence each.

    Args:
        root: the project.
        tag: tag of the release, `v` and the version; None for a dry run, in which the changelog may still say
            "Unreleased".
    """
    version = version_of(root)
    problems = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        problems.append(f"pyproject.toml: {version!r} is not a version such as 1.2.3")
    if tag is not None and tag != f"v{version}":
        problems.append(f"the tag is {tag!r}, but pyproject.toml says {version}: the tag must be 'v{version}'")
    for name, pattern in _REPEATED:
        found = re.findall(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if found != [version]:
            problems.append(f"{name} says {', '.join(found) or 'no version'}, pyproject.toml {version}")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    told = section(changes, version)
    if told is None and tag is None:
        told = section(changes, UNRELEASED)
    if not told:
        problems.append(f"CHANGELOG.md has no section '## {version}'" + (f" or '{UNRELEASED}'" if tag is None else ""))
    if tag is not None and section(changes, UNRELEASED):
        problems.append(f"CHANGELOG.md still has changes under '{UNRELEASED}': move them to '## {version}'")
    if not section((root / "docs" / "upgrade.md").read_text(encoding="utf-8"), f"To {version}"):
        problems.append(f"docs/upgrade.md has no section '## To {version}' with what an operator does")
    return problems


def build(root: Path, folder: Path) -> list[Path]:
    """Build wheel, sdist and bill of materials, check them, and write SHA256SUMS beside them.

    Args:
        root: the project.
        folder: folder to write to; must be empty or missing.

    Returns:
        The files.

    Raises:
        ReleaseError: a step failed; the text has its output.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty")
    version = version_of(root)
    _run(root, _uv(), "build", "--quiet", "--out-dir", str(folder))
    wheel, sdist = folder / f"mien-{version}-py3-none-any.whl", folder / f"mien-{version}.tar.gz"
    for artefact in (wheel, sdist):
        if not artefact.is_file():
            raise ReleaseError(f"{artefact.name} was not built: does the build take its version from elsewhere?")
    _look_into(wheel, sdist, version)
    _run(root, sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist))
    bill = folder / f"mien-{version}.cdx.json"
    _run(
        root, _uv(), "export", "--quiet", "--preview-features", "sbom-export", "--frozen", "--no-default-groups",
        "--all-extras", "--format", "cyclonedx1.5", "--output-file", str(bill),
    )  # fmt: skip
    _look_into_bill(bill)
    made = [wheel, sdist, bill]
    sums = "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in made)
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return made


def _look_into(wheel: Path, sdist: Path, version: str) -> None:
    """Check that both hold the version, the licence and nothing that is not the project's."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"mien-{version}.dist-info/METADATA").decode()
    if f"\nVersion: {version}\n" not in metadata or "\nLicense-File: LICENSE\n" not in metadata:
        raise ReleaseError(f"{wheel.name}: its metadata lack the version or the licence")
    strange = [name for name in names if not name.startswith(("mien/", f"mien-{version}.dist-info/"))]
    if strange:
        raise ReleaseError(f"{wheel.name} has files that are not the package's: {', '.join(strange[:5])}")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    lacking = {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "src/mien/__init__.py"} - held
    if lacking:
        raise ReleaseError(f"{sdist.name} lacks {', '.join(sorted(lacking))}")


def _look_into_bill(bill: Path) -> None:
    """Check that the bill of materials names what is installed, with versions."""
    told = json.loads(bill.read_text(encoding="utf-8"))
    parts = {one["name"]: one.get("version") for one in told.get("components", ())}
    if told.get("bomFormat") != "CycloneDX" or not {"fastapi", "onnxruntime", "numpy"} <= set(parts):
        raise ReleaseError(f"{bill.name} is no bill of materials of Mien")
    if nameless := [name for name, version in parts.items() if not version]:
        raise ReleaseError(f"{bill.name}: {', '.join(nameless[:5])} have no version")


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if found is None:
        raise ReleaseError("uv is missing: pip install uv")
    return found


def _run(root: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check").add_argument("--tag", help="v and the version; without, a dry run")
    commands.add_parser("build").add_argument("folder", type=Path)
    commands.add_parser("notes").add_argument("version")
    given = parser.parse_args()
    try:
        if given.command == "check":
            problems = check(ROOT, given.tag)
            print("\n".join(problems) or f"{version_of()} can be released")
            return 1 if problems else 0
        if given.command == "build":
            print("\n".join(str(one) for one in build(ROOT, given.folder)))
            return 0
        told = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), given.version)
        if told is None:
            raise ReleaseError(f"CHANGELOG.md has no section '## {given.version}'")
        print(told)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
