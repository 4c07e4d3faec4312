"""Every example in the documentation is run, or says why it is not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from tests.conftest import Server, sqlite_database
from tests.npm import node_modules
from tests.shared import REPOSITORY, azure_photo, has_shared
from tests.video.clips import photo_walks_up
from tests.warm import MienProgram

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
INTERPRETERS = {
    "python": [sys.executable, "-c"],
    "bash": ["bash", "-euo", "pipefail", "-c"],
    "js": ["node", "--input-type=module", "-e"],
}
LANGUAGES = {*INTERPRETERS, "csharp", "go", "java"}
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>run|not run: [^>]+?|output) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Example:
    """A block of a page, with what it should print if the page says so."""

    def __init__(self, page: Path, block: re.Match[str]) -> None:
        self.page = page
        self.language = block["language"]
        self.mark = block["mark"]
        self.text = block["text"]
        line = block.string.count("\n", 0, block.start("text"))
        self.name = f"{page.relative_to(REPOSITORY)}:{line}"
        following = BLOCK.search(block.string, block.end())
        self.output = following["text"] if following and following["mark"] == "output" else None

    def __repr__(self) -> str:
        return self.name


def examples() -> list[Example]:
    return [Example(page, block) for page in PAGES for block in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("example", [each for each in examples() if each.language in LANGUAGES], ids=repr)
def test_an_example_is_run_or_says_why_not(example: Example) -> None:
    assert example.mark is not None, "put `<!-- run -->` or `<!-- not run: why -->` before it"


def runnable() -> list[ParameterSet]:
    """Every example to run; all but the first one of a page are heavy."""
    seen: set[Path] = set()
    found = []
    for each in examples():
        if each.mark == "run":
            found.append(pytest.param(each, id=each.name, marks=[pytest.mark.heavy] if each.page in seen else []))
            seen.add(each.page)
    return found


def put_people(folder: Path) -> None:
    """Put a folder of people there."""
    for name, photo in (("Dad", "Family1-Dad1"), ("Dad", "Family1-Dad2"), ("Mom", "Family1-Mom1")):
        (folder / "people" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(azure_photo(photo), folder / "people" / name)


def put_database(folder: Path) -> None:
    """Create a data folder whose database is migrated."""
    folder.mkdir(mode=0o700)
    sqlite_database(folder / "mien.db").close()


@pytest.mark.parametrize("example", runnable())
def test_an_example_works(example: Example, server: Server, mien_program: MienProgram, tmp_path: Path) -> None:
    shutil.copy(azure_photo("detection1"), tmp_path / "photo.jpg")
    if "people" in example.text:
        put_people(tmp_path)
    if "door.mp4" in example.text:  # one of them comes nearer
        photo_walks_up(tmp_path / "door.mp4", azure_photo("Family1-Dad3"))
    if "MIEN_DATA_DIR=$PWD/data" in example.text:  # a command that begins without a database takes longer
        put_database(tmp_path / "data")
    command = INTERPRETERS[example.language]
    if example.language == "js":
        (tmp_path / "node_modules").symlink_to(node_modules())
    if example.language == "bash" and "curl" in example.text and shutil.which("curl") is None:
        pytest.skip("needs curl")
    path = f"{mien_program.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {
        "FACE_ENDPOINT": server.endpoint,
        "FACE_APIKEY": server.key1,
        "FACE_MANAGEMENT": server.management,
        "FACE_ADMIN_TOKEN": server.admin_token,
        "PATH": path,
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [*command, example.text],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,  # of a test's 300: some run six commands, and a machine may be busy
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"error"' not in done.stdout
    if example.output is not None and has_shared("faces", "azure"):  # they show what is in one photo
        assert NUMBER.sub("#", done.stdout) == NUMBER.sub("#", example.output)
        printed, promised = (list(map(float, NUMBER.findall(text))) for text in (done.stdout, example.output))
        assert printed == pytest.approx(promised, abs=6), "processors round differently, but not so much"
