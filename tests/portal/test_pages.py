"""Walks through every page as a person would, against a real server."""

from __future__ import annotations

import httpx
import pytest
from tests.conftest import Server
from tests.portal.conftest import OpenPerson

pytestmark = pytest.mark.timeout(180)


PATHS = ("/", "/keys", "/networking")
VIOLATIONS = "axe.run(document, { resultTypes: ['violations'] })"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_whole_accessible_and_fits(person: OpenPerson, axe: str, width: int, scheme: str) -> None:
    someone = person(width=width, scheme=scheme)
    for path in PATHS:
        page = someone.go(path)
        page.locator(f"body.body--{scheme}").wait_for()
        assert page.evaluate(OVERFLOW) <= 0, f"{path} is too wide"
        page.evaluate(axe)
        found = page.evaluate(VIOLATIONS)["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], path
    assert someone.troubles == []
    assert someone.hosts == {someone.address.split("/")[2]}


def test_by_keyboard(person: OpenPerson) -> None:
    page = person().go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.page') !== null")


def test_light_and_dark_are_kept(person: OpenPerson) -> None:
    someone = person()
    someone.go("/").get_by_role("button", name="Light or dark").click()
    someone.page.locator("body.body--dark").wait_for()
    someone.go("/keys").locator("body.body--dark").wait_for()


def test_the_overview_tells_how_to_call(person: OpenPerson, portal: Server) -> None:
    page = person().go("/")
    assert page.get_by_text("Running", exact=True).is_visible()
    for language, words in (("Python", "FaceClient("), ("JavaScript", "createFaceClient("), ("C#", "DetectAsync(")):
        page.get_by_role("tab", name=language).click()
        page.get_by_text(words).wait_for()


def test_keys_are_shown_and_replaced(person: OpenPerson, portal: Server) -> None:
    page = person().go("/keys")
    assert portal.key2 not in page.content()
    page.get_by_role("button", name="Show the keys").click()
    shown = page.locator("[data-key='2']")
    shown.wait_for()
    assert shown.inner_text() == portal.key2
    page.get_by_role("button", name="Regenerate").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Regenerate").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Regenerate key 2").click()
    page.wait_for_function("old => document.querySelector('[data-key=\"2\"]').textContent !== old", arg=portal.key2)
    url = f"{portal.endpoint}/face/v1.2/facelists"
    keys = (portal.key2, shown.inner_text())
    answers = [httpx.get(url, headers={"Ocp-Apim-Subscription-Key": key}, trust_env=False) for key in keys]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_networking(person: OpenPerson, portal: Server) -> None:
    page = person().go("/networking")

    def check(address: str) -> str:
        page.get_by_label("IP address of a caller").fill(address)
        page.get_by_role("button", name="Check").click()
        page.get_by_role("status").get_by_text(address).first.wait_for()
        return page.get_by_role("status").filter(has_text=address).inner_text()

    assert check("203.0.113.9").count("Yes,")
    page.get_by_text("Only the addresses below").click()
    page.get_by_label("Addresses and networks").fill("127.0.0.1\n198.51.100.0/24")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved").first.wait_for()
    assert check("203.0.113.10").count("No,")
    assert check("198.51.100.20").count("Yes,")
    page.get_by_text("Everybody").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved").nth(1).wait_for()
    assert check("203.0.113.11").count("Yes,")
