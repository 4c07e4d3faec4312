"""The documentation as a site: it is built without a warning, and what is made from the code is up to date."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.shared import REPOSITORY
from tools import write_cli_docs, write_errors_docs

from mien.wire.catalogue import ROWS


def test_the_site_is_built_and_every_link_between_its_pages_leads_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(REPOSITORY / "docs").with_suffix(".html") for page in (REPOSITORY / "docs").rglob("*.md")}
    assert all((tmp_path / page).is_file() for page in pages)


@pytest.mark.parametrize("page", [write_cli_docs, write_errors_docs], ids=lambda page: str(page.TARGET.name))
def test_a_page_that_is_made_from_the_code_is_up_to_date(page: object) -> None:
    assert page.TARGET.read_text(encoding="utf-8") == page.render(), "run `make docs`"  # type: ignore[attr-defined]  # a module


def test_the_page_of_errors_explains_every_row() -> None:
    text = write_errors_docs.render()
    assert sum(line.startswith(("| 4", "| 5")) for line in text.splitlines()) == len(ROWS)
