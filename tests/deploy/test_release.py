"""A release without publishing it: version, changelog, upgrade notes, wheel, sdist, metadata, bill of materials."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from tests.shared import REPOSITORY
from tools import release

from mien.cli._main import build as build_cli

FILES = ("pyproject.toml", "CHANGELOG.md", "docs/upgrade.md", "deploy/chart/Chart.yaml", "deploy/Containerfile")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that say a version."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_this_checkout_could_be_released() -> None:
    assert release.check(REPOSITORY, None) == []


def test_the_command_says_the_version_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert version("mien") == release.version_of()
    build_cli([])(["--version"], prog_name="mien", standalone_mode=False)
    assert capsys.readouterr().out == f"mien {release.version_of()}\n"


def test_a_tag_needs_its_own_section_and_nothing_unreleased(copy: Path) -> None:
    version = release.version_of(copy)
    told = " ".join(release.check(copy, f"v{version}"))
    assert f"no section '## {version}'" in told
    replace(copy / "CHANGELOG.md", "## Unreleased", f"## {version} – 2026-12-01")
    assert release.check(copy, f"v{version}") == []
    assert release.section((copy / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    replace(copy / "CHANGELOG.md", "# Changelog\n", "# Changelog\n\n## Unreleased\n\n- A new thing.\n")
    assert "still has changes" in " ".join(release.check(copy, f"v{version}"))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("pyproject.toml", '\nversion = "', '\nversion = "9.', "Chart.yaml says"),
        ("deploy/Containerfile", "ARG VERSION=", "ARG VERSION=9", "Containerfile says 9"),
        ("docs/upgrade.md", "## To ", "## From ", "upgrade.md has no section"),
        ("CHANGELOG.md", "## Unreleased", "## Sometime", "CHANGELOG.md has no section"),
    ],
)
def test_what_does_not_agree_stops_a_release(copy: Path, name: str, old: str, new: str, words: str) -> None:
    replace(copy / name, old, new)
    assert words in " ".join(release.check(copy, None))


def test_a_tag_of_another_version_is_refused(copy: Path) -> None:
    assert "the tag must be" in " ".join(release.check(copy, "v99.0.0"))


def test_the_workflow_runs_what_is_tested_here_and_stores_no_token() -> None:
    text = (REPOSITORY / ".github/workflows/release.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    jobs = workflow["jobs"]
    steps = {name: " ".join(str(step.get("run", "")) for step in job["steps"]) for name, job in jobs.items()}
    assert "tools/release.py check" in steps["build"]
    assert "tools/release.py build dist" in steps["build"]
    assert "deploy/build_image.sh" in steps["image"]
    assert jobs["index"]["permissions"] == {"id-token": "write"}
    for job in ("index", "image"):
        assert set(jobs[job]["needs"]) == {"build", "test"}
        assert jobs[job]["if"] == "github.ref_type == 'tag'"
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"GITHUB_TOKEN"}
    for named in re.findall(r"(?:python |^\s+)((?:tools|deploy)/[\w.]+)", text, re.MULTILINE):
        assert (REPOSITORY / named).is_file(), named


@pytest.mark.timeout(900)  # the build backend is fetched
def test_everything_that_is_published_is_built_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    try:
        made = release.build(REPOSITORY, folder)
    except release.ReleaseError as error:
        if "hatchling" in str(error) and "resolve" in str(error):
            pytest.skip("the build backend cannot be fetched")
        raise
    assert [one.suffix for one in made] == [".whl", ".gz", ".json"]
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}" for one in made]
    parts = {one["name"] for one in json.loads(made[2].read_text(encoding="utf-8"))["components"]}
    assert {"av", "pymilvus", "textual-image"} <= parts  # extras, too
    assert not {"pytest", "sphinx"} & parts  # and nothing that is only for development
    with pytest.raises(release.ReleaseError, match="not empty"):
        release.build(REPOSITORY, folder)
