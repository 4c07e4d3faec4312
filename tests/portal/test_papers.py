"""The papers are created, read, answered and compared in the portal; auditors can only look."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token

pytestmark = pytest.mark.timeout(600)


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
    expect(field).to_have_value("Example Ltd")
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
    expect(look.get_by_role("button", name="Delete")).to_be_disabled()
    expect(look.get_by_role("button", name="Create again with these answers")).to_be_disabled()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/papers?*")
    assert someone.troubles == []


def test_papers_are_proposed_in_the_language_of_the_page(person: OpenPerson) -> None:
    expect(person(locale="de-DE").go("/papers").get_by_label("Sprache").last).to_have_value("Deutsch")
    expect(person(locale="fr-FR").go("/papers").get_by_label("Langue").last).to_have_value("English")
