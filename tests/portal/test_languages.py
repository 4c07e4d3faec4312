"""The portal in other languages: chosen or the browser's own, on every page, in messages and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page
from tests.conftest import Server
from tests.portal.conftest import OpenPerson, Person
from tests.portal.test_catalogues import strings
from tests.portal.test_pages import GROUP, OVERFLOW, PATHS, VIOLATIONS, somebody
from tools.texts import messages_of, read

from mien.accounts import Feature
from mien.portal.texts import CATALOGUES

pytestmark = pytest.mark.timeout(600)
__all__ = ["somebody"]

SEEN = """() => {
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const inside = walk.currentNode.parentElement;
        if (!inside.closest("script, style, pre, code, .q-icon, [lang='en'], [data-names]"))
            found.push(walk.currentNode.textContent);
    }
    for (const one of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]"))
        for (const name of ["aria-label", "placeholder", "title", "alt"])
            if (one.hasAttribute(name)) found.push(one.getAttribute(name));
    return [...new Set(found.map((text) => text.trim()).filter(Boolean))];
}"""


def english_texts(code: str) -> tuple[frozenset[str], list[re.Pattern[str]]]:
    """Return the English texts that are others in a language: whole ones, and those with places as patterns."""
    whole, patterns = set(), []
    for message in read(code):
        if not message.id:
            continue
        for source, said in zip(strings(message.id), strings(message.string), strict=True):
            words = re.sub(r"\{[^{}]*\}", " ", source)
            if source == said or not re.search("[A-Za-z]{3}", words):
                continue
            if "{" not in source:
                whole.add(source.strip())
            elif len(re.findall("[A-Za-z]{3,}", words)) >= 2:
                places = re.split(r"\{[^{}]*\}", source)
                patterns.append(re.compile(".+".join(map(re.escape, places)), re.DOTALL))
    translations = {
        said for message in read(code) for said in strings(message.string)
    }  # an English word may be one of the language's
    return frozenset(whole - translations - {one.value for one in Feature}), patterns  # names of the API stay


def left_in_english(page: Page, code: str) -> list[str]:
    whole, patterns = english_texts(code)
    return [text for text in page.evaluate(SEEN) if text in whole or any(one.fullmatch(text) for one in patterns)]


def check(someone: Person, code: str, axe: str, paths: Sequence[str]) -> None:
    for path in paths:
        page = someone.go(path)
        assert page.evaluate("document.documentElement.lang") == code
        for details in page.locator(".page details").all():
            details.evaluate("one => one.open = true")
        assert left_in_english(page, code) == [], path
        assert page.evaluate(OVERFLOW) <= 0, f"{path} is too wide"
        page.evaluate(axe)
        found = page.evaluate(VIOLATIONS)["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], path


@pytest.mark.heavy
@pytest.mark.timeout(900)  # axe over every page, on a busy machine
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_every_page_in_german(person: OpenPerson, axe: str, somebody: str, width: int, scheme: str) -> None:
    paths = [path for path in PATHS if "none" not in path]
    paths += [f"/directory/persons/{somebody}", "/doors", "/door-events", "/inside", "/evaluations", "/matches"]
    check(person(width=width, scheme=scheme, locale="de-DE"), "de", axe, paths)


@pytest.mark.parametrize(
    ("code", "locale"),
    [("de", "de-AT"), *(pytest.param(*one, marks=pytest.mark.heavy) for one in (("es", "es-MX"), ("fr", "fr-CA")))],
)
def test_pages_in_the_browsers_language(person: OpenPerson, axe: str, code: str, locale: str) -> None:
    """The short form of the test of every page."""
    check(person(width=390, locale=locale), code, axe, ("/", GROUP, "/access"))


def test_what_the_test_finds() -> None:
    whole, patterns = english_texts("de")
    assert {"Keys and endpoint", "Limited access", "Loading …"} <= whole
    assert any(one.fullmatch("All 12 entries are intact") for one in patterns)
    assert "Name" not in whole
    assert set(messages_of('section(t("A"), tn("{count} b", "{count} bs", 2)); X = mark("C")')) == {
        "A", ("{count} b", "{count} bs"), "C",
    }  # fmt: skip
    assert {path.stem for path in CATALOGUES.glob("*.po")} == {"de", "es", "fr"}


def test_a_language_is_chosen_and_kept(person: OpenPerson) -> None:
    someone = person()
    page = someone.go("/keys")
    page.get_by_role("combobox", name="Language").select_option("de")
    page.get_by_role("heading", name="Schlüssel und Endpunkt").wait_for()
    page = someone.go("/networking")
    page.get_by_label("IP-Adresse eines Aufrufers").fill("nonsense")
    page.get_by_role("button", name="Prüfen").click()
    someone.told("Das ist keine IP-Adresse.")  # said by a handler, which the websocket called
    page.get_by_role("button", name="Ursprünge setzen").click()
    someone.told("Gespeichert: Browser sehen es in Sekunden.")  # after work in a thread
    page.get_by_role("combobox", name="Sprache").select_option("en")
    page.get_by_role("heading", name="Networking", exact=True).wait_for()
    assert someone.troubles == []


def test_errors_of_services_and_audit_actions_are_in_the_language(person: OpenPerson) -> None:
    someone = person(locale="de-DE")
    page = someone.go("/networking")
    page.get_by_label("Ursprünge, je Zeile einer").fill("nonsense")
    page.get_by_role("button", name="Ursprünge setzen").click()
    someone.told("'nonsense' ist kein Ursprung einer Webseite")
    page = someone.go("/audit?scope=all")
    page.get_by_text("Am Portal angemeldet").first.wait_for()
    assert page.locator("code", has_text="portal.sign_in").count()


def test_times_are_in_the_browsers_zone(person: OpenPerson) -> None:
    someone = person()
    session = someone.page.context.new_cdp_session(someone.page)
    session.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
    someone.go("/audit?scope=all")  # its script says where the browser is
    page = someone.go("/audit?scope=all")
    cell = page.locator("td[title$=UTC]").first
    shown, hint = cell.inner_text(), cell.get_attribute("title")
    assert hint is not None
    local = datetime.strptime(shown, "%Y-%m-%d %H:%M")
    utc = datetime.strptime(hint, "%Y-%m-%d %H:%M UTC")
    assert local - utc == timedelta(hours=5, minutes=45)
    signed = httpx.get(someone.address + "/sign-in", trust_env=False)
    assert "mien_zone=" in signed.text


def test_signing_in_has_the_language_too(portal: Server) -> None:
    with httpx.Client(base_url=portal.management, trust_env=False) as client:
        german = client.get("/sign-in?next=/keys", headers={"Accept-Language": "de"})
        assert '<html lang="de">' in german.text
        assert "<code>mien serve --dev</code> zeigt eines an" in german.text
        french = client.get("/sign-in?next=/keys&language=fr", headers={"Accept-Language": "de"})
        assert "<h1>Se connecter</h1>" in french.text
        assert 'name="next" value="/keys"' in french.text
        assert client.cookies["mien_language"] == "fr"
        refused = client.post("/sign-in", data={"token": "no"}, headers={"Origin": portal.management})
        assert refused.status_code == 401
        assert "Ce jeton n&#x27;est pas valable" in refused.text
        assert '<html lang="en">' in client.get("/sign-in?language=xx", headers={"Cookie": ""}).text
