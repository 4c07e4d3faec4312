"""The pages that walk through evaluations are true: their commands run, and print the figures of the page."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.shared import REPOSITORY, shared_path
from tests.warm import MienProgram

STEP = re.compile(r"^```bash\n(?P<commands>.*?)^```$(?:\s+^```text\n(?P<printed>.*?)^```$)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-\d+)?")

pytestmark = [pytest.mark.shared, pytest.mark.timeout(1500)]


def steps(page: str) -> list[tuple[str, str | None]]:
    """The commands of a page that are marked as run here, with what they print as far as the page shows it."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    marked = re.split(r"^<!-- not run: tests/docs/test_walks\.py [^>]*-->\n", text, flags=re.MULTILINE)[1:]
    found = [STEP.match(part) for part in marked]
    assert all(found)
    return [(one["commands"], one["printed"]) for one in found if one]


class Walk:
    """A data folder with a resource `my-face`, and photos beside it."""

    def __init__(self, folder: Path, program: MienProgram) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "MIEN_DATA_DIR": str(folder / "data"),
            "PATH": f"{program.folder}:{os.environ['PATH']}",
        }
        self.run("mien resource create my-face --accept-terms --not-for-police")

    def run(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def numbers(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in NUMBER.findall(text)]


def lfw(folder: Path, people: int | None = None) -> None:
    """Link the sample photos of people; of fewer than all, those with two photos or more."""
    (folder / "photos").mkdir()
    several = [one for one in sorted(shared_path("faces", "lfw").iterdir())
               if people is None or len(list(one.iterdir())) > 1]  # fmt: skip
    for one in several[:people]:
        (folder / "photos" / one.name).symlink_to(one)


def test_a_threshold_is_measured_applied_and_taken_back(tmp_path: Path, mien_program: MienProgram) -> None:
    """The short form of the page: fewer people, and so a higher false match rate."""
    lfw(tmp_path, 30)
    walk = Walk(tmp_path, mien_program)
    (_, _), (compare, _), (apply, _), (undo, _) = steps("my-threshold.md")
    printed = walk.run("mien calibrate run my-face photos/ --name 'press photos' --fmr 0.01")
    assert "0.0001  –          needs 216 more people" in printed
    assert "within chance" in walk.run(compare)
    applied = walk.run(apply)
    assert re.search(r"threshold +0\.7\d+", applied)
    assert "the pack's own" in walk.run(undo)
    pairs = ["first,second,same"]
    people = sorted((tmp_path / "photos").iterdir())[:12]
    for person, following in itertools.pairwise(people):
        one, two = sorted(f"photos/{person.name}/{photo.name}" for photo in person.iterdir())[:2]
        other = min(f"photos/{following.name}/{photo.name}" for photo in following.iterdir())
        pairs += [f"{one},{two},yes", f"{one},{other},no"]
    (tmp_path / "pairs.csv").write_text("\n".join(pairs), encoding="utf-8")
    assert "11 of one person, 11 of two people" in walk.run("mien calibrate run my-face pairs.csv --name pairs")


@pytest.mark.heavy
def test_the_figures_of_my_threshold(tmp_path: Path, mien_program: MienProgram) -> None:
    lfw(tmp_path)
    walk = Walk(tmp_path, mien_program)
    for commands, promised in steps("my-threshold.md"):
        printed = walk.run(commands)
        if promised is not None:
            shown = "".join(line for line in printed.splitlines(keepends=True) if not line.startswith("check:"))
            assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", promised).split()
            # Processors round differently: a comparison or two more or less.
            assert numbers(shown) == pytest.approx(numbers(promised), rel=0.25, abs=0.6)


def test_a_report_by_group_is_written(tmp_path: Path, mien_program: MienProgram) -> None:
    """The short form of the page: every fourth photo."""
    (tmp_path / "photos").mkdir()
    for photo in sorted(shared_path("faces", "fairface").glob("*.jpg"))[::3]:
        (tmp_path / "photos" / photo.name).symlink_to(photo)
    (tmp_path / "labels.csv").symlink_to(shared_path("faces", "fairface", "labels.csv"))
    walk = Walk(tmp_path, mien_program)
    (measure, _), (listing, _) = steps("fair-to-my-people.md")
    printed = walk.run(measure.replace("--fmr 0.001", "--fmr 0.01"))
    assert "the highest rate of all groups" in printed
    assert {one.suffix for one in (tmp_path / "report").iterdir()} >= {".html", ".csv"}
    assert "groups" in walk.run(listing)


@pytest.mark.heavy
def test_the_figures_of_fair_to_my_people(tmp_path: Path, mien_program: MienProgram) -> None:
    (tmp_path / "photos").mkdir()
    for photo in shared_path("faces", "fairface").glob("*.jpg"):
        (tmp_path / "photos" / photo.name).symlink_to(photo)
    (tmp_path / "labels.csv").symlink_to(shared_path("faces", "fairface", "labels.csv"))
    walk = Walk(tmp_path, mien_program)
    for commands, promised in steps("fair-to-my-people.md"):
        printed = walk.run(commands)
        if promised is not None:
            shown = printed.partition("written")[0]
            assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", promised).split()
            assert numbers(shown) == pytest.approx(numbers(promised), rel=0.25, abs=0.6)
