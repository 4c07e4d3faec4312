"""The documentation as a site: it is built without a warning, and what is made from the code is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.shared import REPOSITORY
from tools import write_cli_docs, write_decisions_docs, write_errors_docs

from mien.contract.catalogue import ROWS


def sphinx(builder: str, folder: Path) -> None:
    """Build the site, and fail at any warning: a link that leads nowhere, a page that no other one lists."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, "docs", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_every_page_is_read_and_every_link_between_pages_leads_somewhere(tmp_path: Path) -> None:
    """Pages are not written: the theme lists all of them in the margin of each, which is most of a build."""
    sphinx("dummy", tmp_path)


@pytest.mark.heavy
def test_the_site_is_built_with_all_its_pages(tmp_path: Path) -> None:
    sphinx("html", tmp_path)
    pages = {page.relative_to(REPOSITORY / "docs").with_suffix(".html") for page in (REPOSITORY / "docs").rglob("*.md")}
    assert all((tmp_path / page).is_file() for page in pages)


@pytest.mark.parametrize(
    "page",
    [write_cli_docs, write_decisions_docs, write_errors_docs],
    ids=lambda page: str(page.TARGET.relative_to(REPOSITORY / "docs")),
)
def test_a_page_that_is_made_from_the_code_is_up_to_date(page: object) -> None:
    assert page.TARGET.read_text(encoding="utf-8") == page.render(), "run `make docs`"  # type: ignore[attr-defined]  # a module


def test_the_page_of_errors_explains_every_row() -> None:
    text = write_errors_docs.render()
    assert sum(line.count('<a id="') for line in text.splitlines()) == len(ROWS)
    assert all(f'<a id="{row.anchor}">' in text for row in ROWS)


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_a_page_opens_with_what_its_reader_will_have_at_its_end(page: Path) -> None:
    opening = page.read_text(encoding="utf-8").split("\n\n")[1]
    assert page.stem == "index" or re.match(
        r"At the end of this page|At the end you have|This page (tells|has)", opening
    ), f"{page.name} begins with {opening[:60]!r}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "NOTICE"])
def test_links_of_pages_outside_the_site_lead_somewhere(name: str) -> None:
    """Sphinx looks at `docs/` only."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    paths = [path for path in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text) if "://" not in path]
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


HEADER = "Date: 2026-11-28 · Status: accepted\n\n"
SECTIONS = "## Context\n\nWhy.\n\n## Decision\n\nThis.\n\n## Consequences\n\nThat.\n"


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("0002-b.md", f"# 0002: \n\n{HEADER}{SECTIONS}", "0002-b.md does not begin with"),
        ("0002-b.md", f"# 0002: B\n\nStatus: accepted\n\n{SECTIONS}", "0002-b.md does not begin with"),
        ("0002-b.md", f"# 0002: B\n\nDate: 2026-11-29\n\n{SECTIONS}", "0002-b.md does not begin with"),
        ("0002-b.md", f"# 0002: B\n\n{HEADER}Why.\n\n{SECTIONS}", "0002-b.md does not begin with"),
        ("0002-b.md", f"# 0003: B\n\n{HEADER}{SECTIONS}", "0002-b.md has another number"),
        ("0001-b.md", f"# 0001: B\n\n{HEADER}{SECTIONS}", "0001-b.md has the number of 0001-a.md"),
        ("0002-b.md", f"# 0002: B\n\n{HEADER}{SECTIONS.partition('## Cons')[0]}", "0002-b.md has the sections"),
        ("0002-b.md", f"# 0002: B\n\n{HEADER}{SECTIONS}## More\n\nText.\n", "0002-b.md has the sections"),
        ("0002-b.md", f"# 0002: B\n\n{HEADER}{SECTIONS.replace('This.', '')}", "nothing in its section Decision"),
    ],
)
def test_decision_records_have_one_form_and_a_number_each(tmp_path: Path, name: str, text: str, wrong: str) -> None:
    (tmp_path / "0001-a.md").write_text(f"# 0001: A\n\n{HEADER}{SECTIONS}", encoding="utf-8")
    assert "\n| [0001](0001-a.md) | A | 2026-11-28 | accepted |\n" in write_decisions_docs.render(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=wrong):
        write_decisions_docs.render(tmp_path)
