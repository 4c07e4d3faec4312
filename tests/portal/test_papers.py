"""The papers are created, read, answered and compared in the portal; auditors can only look."""

from __future__ import annotations

import json

import pytest
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token

pytestmark = pytest.mark.timeout(280)


def test_papers_are_created_answered_and_compared(person: OpenPerson, portal: Server, axe: str) -> None:
    someone = person()
    page = someone.go("/papers")
    page.get_by_text("Drafts, not legal advice").wait_for()
    page.get_by_role("button", name="Create papers").click()
    page.get_by_role("heading", name="Papers", exact=True).last.wait_for()
    page.get_by_role("link", name="Data-protection impact assessment").click()
    field = page.get_by_label("Who is the controller (name, address, representative)?")
    field.fill("Example Ltd")
    page.locator("details:not(.help) > summary").first.click()
    page.get_by_text("name = ").first.wait_for()
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("button", name="Create again with these answers").click()
    page.get_by_role("heading", name="Changes").wait_for()
    page.get_by_role("cell", name="answered").first.wait_for()
    assert field.input_value() == "Example Ltd"
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    with page.expect_download() as started:
        page.get_by_role("button", name="Data-protection impact assessment as PDF").click()
    assert started.value.path().read_bytes().startswith(b"%PDF-")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download signed JSON").click()
    assert json.loads(started.value.path().read_text())["dossier"]["answers"] == {"dpia.controller": "Example Ltd"}
    address = page.url.removeprefix(someone.address)

    narrow = person(width=390)
    assert narrow.go(address).evaluate(OVERFLOW) <= 0
    auditor = person(token(portal, "auditor"))
    look = auditor.go(address)
    assert look.get_by_role("button", name="Delete").is_disabled()
    assert look.get_by_role("button", name="Create again with these answers").is_disabled()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/papers?*")
    assert someone.troubles == []


def test_papers_are_proposed_in_the_language_of_the_page(person: OpenPerson) -> None:
    assert person(locale="de-DE").go("/papers").get_by_label("Sprache").last.input_value() == "Deutsch"
    assert person(locale="fr-FR").go("/papers").get_by_label("Langue").last.input_value() == "English"
