"""What is asked of photos is seen and set on the pages; pictures of faces are kept only after that was agreed to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token
from tests.shared import azure_photo

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

LIST = "/people/largeFaceList/badges"


@pytest.fixture
def client(portal: Server) -> Iterator[httpx.Client]:
    """Calls the service; a list is there."""
    with portal.client() as client:
        body = {"name": "Badges", "recognitionModel": "recognition_04"}
        client.put("/face/v1.2/largefacelists/badges", json=body).raise_for_status()
        yield client
        client.delete("/face/v1.2/largefacelists/badges").raise_for_status()


def opened(page: Page) -> Page:
    """Open the form of a policy."""
    page.get_by_text("Change", exact=True).click()
    page.get_by_role("button", name="Save").wait_for()
    return page


def fact(page: Page, name: str) -> str:
    return page.locator(f"dt:text-is('{name}') + dd").inner_text()


def test_a_policy_is_set_and_crops_are_kept_and_erased(
    person: OpenPerson, portal: Server, client: httpx.Client, axe: str
) -> None:
    def enrol() -> httpx.Response:
        url = "/face/v1.2/largefacelists/badges/persistedfaces?detectionModel=detection_03"
        photo, kind = azure_photo("Family1-Dad1").read_bytes(), {"Content-Type": "application/octet-stream"}
        return client.post(url, content=photo, headers=kind)

    someone = person()
    page = opened(someone.go(LIST))
    assert (fact(page, "Policy"), fact(page, "Crops of new faces")) == ("The resource's", "Not kept")
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    size = page.get_by_label("Minimum face size")
    size.fill("-3")
    page.get_by_role("button", name="Save").click()
    someone.told("must be above 0")
    size.fill("5000")
    page.get_by_role("combobox", name="Quality for recognition").click()
    page.get_by_role("option", name="Low or better").click()
    page.get_by_role("button", name="Save").click()
    page.locator("dd").get_by_text("This collection's").wait_for()
    assert (
        fact(page, "Photo requirements")
        == "Quality for recognition at least low; size of the face at least 5000 pixels."
    )
    assert "required quality" in enrol().json()["error"]["message"]

    opened(page).get_by_label("Minimum face size").fill("")
    page.get_by_role("checkbox", name="Keep an encrypted crop").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "a picture of the face, not only its template", use_inner_text=True
    )
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert fact(someone.go(LIST), "Crops of new faces") == "Not kept"
    opened(page).get_by_role("checkbox", name="Keep an encrypted crop").click()
    page.get_by_label("Minimum face size").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep crops").click()
    page.locator("dd").get_by_text("Kept, encrypted").wait_for()
    enrol().raise_for_status()

    reader = opened(person(token(portal, "reader"), width=390, scheme="dark").go(LIST))
    assert fact(reader, "Crops kept now") == "1"
    for name in ("Save", "Use the resource's policy", "Erase the crops"):
        expect(reader.get_by_role("button", name=name), name).to_be_disabled()
    assert reader.evaluate(OVERFLOW) <= 0
    reader.evaluate(axe)
    assert reader.evaluate(VIOLATIONS)["violations"] == []

    page = someone.go(LIST)
    page.get_by_role("button", name="Erase the crops").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase the crops").click()
    page.locator("dt:text-is('Crops kept now') + dd:text-is('none')").wait_for()
    opened(page).get_by_role("button", name="Use the resource's policy").click()
    page.locator("dd").get_by_text("The resource's").wait_for()
    assert fact(page, "Crops of new faces") == "Not kept"

    page = opened(someone.go("/people"))
    page.get_by_label("Maximum yaw").fill("80")
    page.get_by_role("button", name="Save").click()
    page.locator("dd").get_by_text("Yaw at most 80°.").wait_for()
    assert fact(someone.go(LIST), "Photo requirements") == "Yaw at most 80°."
    page = opened(someone.go("/people"))
    page.get_by_label("Maximum yaw").fill("")
    page.get_by_role("button", name="Save").click()
    page.locator("dd").get_by_text("Only a detectable face").wait_for()

    log = someone.go("/audit").locator("table").inner_text()
    assert ("gallery.policy" in log, "gallery.crops.erase" in log, "largeFaceList/badges" in log) == (True, True, True)
    assert someone.troubles == []
