"""Error rates are measured, looked at, applied and taken back in the portal; readers can only look."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token
from tests.shared import shared_path

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

PEOPLE = 26
RAW = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def client(portal: Server) -> Iterator[httpx.Client]:
    """Calls the service; a group of people with two photos each is enrolled."""
    people = [one for one in sorted(shared_path("faces", "lfw").iterdir()) if len(list(one.iterdir())) > 1]
    with portal.client() as client:
        group, enrolled = "/face/v1.2/largepersongroups/measured", 0
        client.put(group, json={"name": "Measured", "recognitionModel": "recognition_04"}).raise_for_status()
        for person in people:
            made = client.post(f"{group}/persons", json={"name": person.name}).raise_for_status().json()["personId"]
            url = f"{group}/persons/{made}/persistedfaces?detectionModel=detection_03"
            photos = [photo.read_bytes() for photo in sorted(person.iterdir())[:2]]
            if all(client.post(url, content=photo, headers=RAW).is_success for photo in photos):
                enrolled += 1
            else:  # another face is in the picture
                client.delete(f"{group}/persons/{made}").raise_for_status()
            if enrolled == PEOPLE:
                break
        yield client
        client.delete(group).raise_for_status()


def test_rates_are_measured_applied_and_taken_back(
    person: OpenPerson, portal: Server, client: httpx.Client, axe: str
) -> None:
    someone = person()
    page = someone.go("/evaluations")
    page.get_by_text("The model pack's own").first.wait_for()
    page.get_by_role("combobox", name="Group").click()
    page.get_by_role("option", name="largePersonGroup/measured").click()  # the server is shared
    page.get_by_label("Name of the result").fill("enrolled")
    page.get_by_role("combobox", name="False match rate of the threshold").click()
    page.get_by_role("option", name="1 in 100", exact=True).click()
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("heading", name="DET curve").wait_for()
    words = page.locator(".page:not(.waiting)").inner_text()
    assert "26 of one person, 1,300 of two people (325 pairs of people)" in words
    assert "Needs 52 more people" in words
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    assert page.evaluate(OVERFLOW) <= 0

    page.get_by_role("button", name="Apply").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    page.get_by_role("cell", name="in use").wait_for()
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("dialog").get_by_role("button", name="Step back").click()
    page.get_by_role("cell", name="The pack's own").wait_for()

    narrow = person(width=390)
    narrow.go("/evaluations/result?name=enrolled")
    assert narrow.page.evaluate(OVERFLOW) <= 0
    reader = person(token(portal, "reader"))
    look = reader.go("/evaluations/result?name=enrolled")
    expect(look.get_by_role("button", name="Apply")).to_be_disabled()
    assert someone.troubles == []
