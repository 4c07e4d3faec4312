"""Every page says what it is for, explains its terms, and leads to its page of the documentation."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.portal.conftest import OpenPerson

from mien.portal.frame import Page
from mien.portal.help import Term, documentation
from mien.portal.pages import PAGES

DOCS = Path(__file__).parents[2] / "docs"


def slug(heading: str) -> str:
    """The name of a heading in addresses, as GitHub and the portal have it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_each_page_has_a_help_and_its_documentation_exists(page: Page) -> None:
    assert page.help is not None, f"{page.path} needs `help=Help(mark(…), 'page.md', (Term.…,))` in its Page(…)"
    sentences = re.findall(r"[.!?](?: |$)", page.help.about)
    assert 1 <= len(sentences) <= 3, page.help.about
    name, _, heading = page.help.docs.partition("#")
    assert (DOCS / name).is_file(), page.help.docs
    if heading:
        headings = re.findall(r"^#+ (.+)$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {slug(one) for one in headings}, page.help.docs


def test_every_term_is_explained_somewhere_in_one_sentence() -> None:
    used = {term for page in PAGES if page.help for term in page.help.terms}
    assert used == set(Term)
    for term in Term:
        _, sentence = term.value
        assert sentence.endswith(".")
        assert sentence[:-1].count(". ") == 0


def test_the_documentation_is_found() -> None:
    found = documentation()
    assert found is not None
    assert (found / "portal.md").is_file()


def test_the_help_opens_and_leads_to_the_documentation(person: OpenPerson) -> None:
    someone = person(width=390)
    page = someone.go("/evaluations")
    expect(page.get_by_text("False match rate: how often")).not_to_be_visible()
    page.locator("details.help > summary").click()
    page.get_by_text("False match rate: how often").wait_for()
    page.get_by_role("link", name="Read more in the documentation").click()
    page.get_by_role("heading", name="My threshold").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page = someone.go("/people/largePersonGroup/none")  # with a heading
    expect(page.locator("details.help a")).to_have_attribute("href", re.compile("#look-after-people$"))
    page = someone.go("/documentation/index")
    page.get_by_role("link", name="The portal", exact=True).click()
    page.locator("#look-after-people").wait_for()
    page = someone.go("/documentation/no-such-page")
    page.get_by_text("There is no such page").wait_for()
