"""Every page is whole, accessible, fits, and is usable by keyboard; what is about one resource works."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson, Person

pytestmark = pytest.mark.timeout(600)

GROUP = "/people/largePersonGroup/everybody"
PATHS = (
    "/",
    "/keys",
    "/networking",
    "/liveness",
    "/try",
    "/try/verify",
    "/try/identify",
    "/try/liveness",
    "/people",
    GROUP,
    "/people/faceList/none",
    "/directory",
    "/directory/groups",
    "/directory/groups/somebody",
    "/cameras",
    "/metrics-and-alerts",
    "/drift",
    "/failed-calls",
    "/status",
    "/access",
    "/review",
    "/audit",
    "/models",
    "/roles",
    "/resources",
    "/resources/new",
)
VIOLATIONS = "axe.run(document, { resultTypes: ['violations'] })"
STILL = (
    "document.getAnimations().every((one) => one.playState !== 'running' "
    "|| one.effect.getComputedTiming().iterations === Infinity)"
)
"""Whether every animation of the page that ends has ended: until then colours differ."""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module", autouse=True)
def somebody(portal: Server) -> Iterator[str]:
    """Makes a group, and a dynamic one of a person in the directory; the person's id."""
    with portal.client() as client:
        body = {"name": "Everybody", "recognitionModel": "recognition_04"}
        assert client.put("/face/v1.2/largepersongroups/everybody", json=body).status_code == 200
        made = client.post("/face/v1.2-preview.1/persons", json={"name": "Somebody"}).raise_for_status()
        person = str(made.json()["personId"])
        members = {"name": "Somebody", "addPersonIds": [person]}
        client.put("/face/v1.2-preview.1/dynamicpersongroups/somebody", json=members).raise_for_status()
    yield person
    with portal.client() as client:
        for path in (f"persons/{person}", "dynamicpersongroups/somebody"):
            client.delete(f"/face/v1.2-preview.1/{path}").raise_for_status()
        client.delete("/face/v1.2/largepersongroups/everybody").raise_for_status()


@pytest.mark.heavy
@pytest.mark.timeout(600)  # axe over every page, on a busy machine
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_whole_accessible_and_fits(
    person: OpenPerson, axe: str, somebody: str, width: int, scheme: str
) -> None:
    check_pages(person(width=width, scheme=scheme), axe, scheme, (*PATHS, f"/directory/persons/{somebody}"))


def test_pages_with_tables_and_forms_are_whole_accessible_and_fit(person: OpenPerson, axe: str) -> None:
    """The short form of the test of every page."""
    check_pages(person(width=390, scheme="dark"), axe, "dark", ("/keys", GROUP, "/people/faceList/none", "/review"))


def check_pages(someone: Person, axe: str, scheme: str, paths: Sequence[str]) -> None:
    for path in paths:
        page = someone.go(path)
        page.locator(f"body.body--{scheme}").wait_for()
        assert page.evaluate(OVERFLOW) <= 0, f"{path} is too wide"
        page.evaluate(axe)
        found = page.evaluate(VIOLATIONS)["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], path
        failed = page.get_by_text("This page cannot be shown")
        expect(failed, path).to_have_count(int(path == "/people/faceList/none"))
    assert someone.troubles == []
    assert someone.hosts == {someone.address.split("/")[2]}


def test_by_keyboard(person: OpenPerson) -> None:
    page = person().go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.page') !== null")


def test_the_menu_of_a_phone(person: OpenPerson) -> None:
    page = person(width=390).go("/")
    keys = page.get_by_role("link", name="Keys and endpoint")
    expect(keys).not_to_be_visible()
    page.get_by_role("button", name="Menu").click()
    keys.click()
    page.get_by_role("heading", name="Keys and endpoint").wait_for()


def test_light_and_dark_are_kept(person: OpenPerson) -> None:
    someone = person()
    someone.go("/").get_by_role("button", name="Light or dark").click()
    someone.page.locator("body.body--dark").wait_for()
    page = someone.go("/keys")
    page.get_by_role("button", name="Light or dark").click()
    page.locator("body.body--light").wait_for()
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("button", name="Show the keys").click()
    page.locator("[data-key='2']").wait_for()
    expect(page.locator("body.body--dark")).to_have_count(1)


def test_the_overview_tells_how_to_call(person: OpenPerson) -> None:
    page = person().go("/")
    page.get_by_text("Running", exact=True).wait_for()
    for language, words in (("Python", "FaceClient("), ("JavaScript", "createFaceClient("), ("C#", "DetectAsync(")):
        page.get_by_role("tab", name=language).click()
        page.get_by_text(words).wait_for()


def test_keys_are_shown_and_replaced(person: OpenPerson, portal: Server) -> None:
    page = person().go("/keys")
    assert portal.key2 not in page.content()
    page.get_by_role("button", name="Show the keys").click()
    shown = page.locator("[data-key='2']")
    shown.wait_for()
    expect(shown).to_have_text(portal.key2)
    page.get_by_role("button", name="Regenerate").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").wait_for(state="detached")
    expect(shown).to_have_text(portal.key2)
    page.get_by_role("button", name="Regenerate").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Regenerate key 2").click()
    page.wait_for_function("old => document.querySelector('[data-key=\"2\"]').textContent !== old", arg=portal.key2)
    url = f"{portal.endpoint}/face/v1.2/facelists"
    keys = (portal.key2, shown.inner_text())
    answers = [httpx.get(url, headers={"Ocp-Apim-Subscription-Key": key}, trust_env=False) for key in keys]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_networking(person: OpenPerson) -> None:
    someone = person()
    page = someone.go("/networking")

    def check(address: str) -> str:
        page.get_by_label("IP address of a caller").fill(address)
        page.get_by_role("button", name="Check").click()
        said = page.get_by_role("status").filter(has_text=address)
        said.wait_for()
        return said.inner_text()

    assert "Yes" in check("203.0.113.9")
    page.get_by_role("radio", name="Only the addresses below").click()
    page.get_by_label("Addresses and networks").fill("127.0.0.1\n198.51.100.0/24")
    page.get_by_role("button", name="Save").click()
    someone.told("Saved")
    assert "No" in check("203.0.113.10")
    assert "Yes" in check("198.51.100.20")
    page.get_by_role("radio", name="Everybody").click()
    page.get_by_role("button", name="Save").click()
    someone.told("Saved")
    assert "Yes" in check("203.0.113.11")


def test_web_pages_that_may_call(person: OpenPerson, portal: Server) -> None:
    someone = person()
    page = someone.go("/networking")
    page.get_by_label("Origins, one a line").fill("not an origin")
    page.get_by_role("button", name="Set origins").click()
    someone.told("not an origin")
    page.get_by_label("Origins, one a line").fill("https://shop.example")
    page.get_by_role("button", name="Set origins").click()
    someone.told("Saved")
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{portal.endpoint}/face/v1.2/detect", headers=headers, trust_env=False)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    expect(someone.go("/networking").get_by_label("Origins, one a line")).to_have_value("https://shop.example")


def test_liveness_without_flashes(person: OpenPerson, portal: Server, axe: str) -> None:
    url = f"{portal.management}/mien/v1/resources/dev"
    headers = {"Authorization": f"Bearer {portal.admin_token}"}

    def policy() -> str:
        told: str = httpx.get(url, headers=headers, trust_env=False).json()["livenessWithoutFlashes"]
        return told

    someone = person()
    page = someone.go("/liveness")
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    expect(page.get_by_role("radio", name="As the server is set: No, everybody sees flashing colours")).to_be_checked()
    page.get_by_role("radio", name="Yes, but never as realface").click()
    page.get_by_role("button", name="Save").click()
    someone.told("Saved")
    assert policy() == "uncertain"
    expect(someone.go("/liveness").get_by_role("radio", name="Yes, but never as realface")).to_be_checked()
    page.get_by_role("radio", name="As the server is set").click()
    page.get_by_role("button", name="Save").click()
    someone.told("Saved")
    assert policy() == "server"


def test_alert_rules(person: OpenPerson) -> None:
    page = person().go("/metrics-and-alerts")
    page.get_by_label("Name").fill("Too many errors")
    page.get_by_role("button", name="Create rule").click()
    row = page.get_by_role("row").filter(has_text="Too many errors")
    row.wait_for()
    expect(row).to_contain_text("ServerErrors at least 1 over 5 min")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No rules yet").wait_for()
    page.get_by_label("Name").fill("Somebody is missed")
    page.get_by_role("combobox", name="Metric").click()
    page.get_by_role("option", name="People that the search engine finds, in percent").click()
    page.get_by_role("checkbox", name="Fire on low values", checked=True).wait_for()
    page.get_by_role("button", name="Create rule").click()
    row = page.get_by_role("row").filter(has_text="Somebody is missed")
    row.wait_for()
    expect(row).to_contain_text("IdentityRecall at most 99.9 over 1440 min")


def test_the_audit_log_has_who_did_it(person: OpenPerson) -> None:
    page = person().go("/audit?action=alert.*")
    row = page.get_by_role("row").filter(has_text="alert.delete")
    expect(row.first).to_contain_text("token:serve --dev")
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("entries are intact").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON lines").click()
    assert '"action":"alert.delete"' in download.value.path().read_text().replace('": ', '":')
    with page.expect_download() as download:
        page.get_by_role("button", name="Export results as CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert rows
    assert all(row["action"].startswith("alert.") and row["actor"] == "token:serve --dev" for row in rows)
    page.goto(page.url + "&until=2020-01-01")
    page.get_by_text("No entries found").wait_for()
