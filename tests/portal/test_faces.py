"""Trying the service out on photos, and people: enrolling, training, finding, erasing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.shared import azure_photo

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

DAD = "Family1-Dad1"


def test_what_is_found_in_a_photo(person: OpenPerson) -> None:
    page = person().go("/try")
    page.get_by_label("Drop a photo").set_input_files(azure_photo("detection1"))
    page.get_by_role("status").filter(has_text="found.").wait_for()
    card = page.locator("section.card").filter(has_text="Face 1")
    for name in ("head pose", "glasses", "quality", "blur", "age", "mask"):
        expect(card.last.locator(f"dt:text-is('{name}')")).to_have_count(1)
    expect(card.last).to_contain_text("forehead no")
    size = page.locator("img.photo").evaluate("async (image) => { await image.decode(); return image.naturalWidth; }")
    assert size >= 400


def test_what_is_no_photo(person: OpenPerson) -> None:
    someone = person()
    page = someone.go("/try")
    page.get_by_label("Drop a photo").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    )
    page.locator(".q-notification.bg-negative").wait_for()
    expect(page.get_by_text("Looking for faces")).to_have_count(0)


def test_two_photos_of_one_person(person: OpenPerson) -> None:
    page = person().go("/try/verify")
    page.get_by_label("Drop photo 1").set_input_files(azure_photo(DAD))
    page.get_by_alt_text("The face of photo 1").wait_for()
    page.get_by_label("Drop photo 2").set_input_files(azure_photo("Family1-Dad2"))
    page.get_by_text("The same person", exact=True).wait_for()
    page.get_by_role("img", name="Confidence").locator("svg").wait_for()
    page.get_by_label("Drop photo 2").set_input_files(azure_photo("Family1-Mom1"))
    page.get_by_text("Not the same person").wait_for()


def test_the_liveness_demo_is_a_click_away(person: OpenPerson, portal: Server) -> None:
    page = person().go("/try/liveness")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open the demo").click()
    demo = opened.value
    with demo.expect_response(lambda answer: "/liveness/demo/session" in answer.url) as made:
        demo.get_by_role("button", name="Start").click()
    assert made.value.status == 200
    assert made.value.url.startswith(portal.endpoint)
    assert "sessionId" in made.value.text()


def test_people_from_enrolment_to_erasure(person: OpenPerson, portal: Server) -> None:
    someone = person()
    page = someone.go("/people")
    page.get_by_label("Name").fill("Family")
    page.get_by_label("Id", exact=True).fill("family")
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Name of a new person").fill("Dad")
    page.get_by_role("button", name="Add the person").click()
    page.get_by_label("Drop photos to enrol", exact=True).set_input_files(azure_photo("detection3"))
    page.get_by_text("The photo was not enrolled").or_(page.get_by_text("Enrolled", exact=True)).wait_for()
    page.get_by_label("Drop photos to enrol", exact=True).set_input_files(azure_photo(DAD))
    page.get_by_text("Enrolled", exact=True).wait_for()
    page.get_by_role("cell", name="Family1-Dad1.jpg", exact=True).wait_for()  # shown at once, with its file
    # Trained by itself, some seconds after the edit.
    page.get_by_text("Never trained").wait_for(state="detached")
    page.get_by_role("link", name="Back to the group").click()
    page.get_by_role("status").get_by_text("trained", exact=True).wait_for()

    someone.go("/try/identify")
    page.get_by_role("combobox", name="Search in").click()
    page.get_by_role("option", name="Family").click()
    page.get_by_label("Drop a photo").set_input_files(azure_photo("Family1-Dad2"))
    page.get_by_role("cell", name="Dad", exact=True).wait_for()

    someone.go("/people/largePersonGroup/family")
    page.get_by_role("link", name="Dad", exact=True).click()
    page.get_by_role("button", name="Erase the person").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    page.get_by_text("This group has no persons yet").wait_for()
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    page.get_by_role("heading", name="Create a group or list").wait_for()
    expect(page.get_by_role("link", name="Family")).to_have_count(0)
    with portal.client() as client:
        assert client.get("/face/v1.2/largepersongroups/family").status_code == 404
    log = someone.go("/audit").locator("table").inner_text()
    for action in ("collection.create", "person.create", "face.add", "collection.train", "portal.identify",
                   "person.delete", "collection.delete"):  # fmt: skip
        assert action in log
