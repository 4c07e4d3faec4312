"""The person directory on its pages: persons, their faces, dynamic groups; and looking for somebody in it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import WebSocketRoute, expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_roles import token
from tests.shared import azure_photo
from tests.waiting import until

PREVIEW = "/face/v1.2-preview.1"
pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]


def test_a_person_of_the_directory_from_enrolment_to_erasure(person: OpenPerson, portal: Server) -> None:
    with portal.client() as client:
        assert client.get(f"{PREVIEW}/persons").raise_for_status().json() == []
    someone = person()
    page = someone.go("/directory")
    page.get_by_text("The directory has no persons yet").wait_for()
    page.get_by_label("Name").fill("Dad")
    page.get_by_label("User data").fill("a father")
    page.get_by_role("button", name="Add the person").click()
    page.get_by_role("heading", name="Dad").wait_for()
    page.get_by_label("Name").fill("Father")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Father").wait_for()
    page.locator("dd").get_by_text("a father").wait_for()
    for model, photo in (("recognition_04", "Family1-Dad1"), ("recognition_03", "Family1-Dad2")):
        page.get_by_role("combobox", name="Recognition model").click()
        page.get_by_role("option", name=model).click()
        page.get_by_label("Drop photos to enrol", exact=True).set_input_files(azure_photo(photo))
        page.get_by_text("Enrolled", exact=True).wait_for()
        page.get_by_role("region", name="Faces").get_by_role("row").nth(1).wait_for()
        page.get_by_role("cell", name=model).wait_for()
    father = page.url.partition("?")[0].rpartition("/")[2]
    with portal.client() as client:
        for name in ("Mum", "Son"):
            client.post(f"{PREVIEW}/persons", json={"name": name}).raise_for_status()

    page = someone.go("/directory/groups")
    page.get_by_text("No dynamic groups yet").wait_for()
    page.get_by_label("Name", exact=True).fill("Parents")
    page.get_by_label("Id", exact=True).fill("parents")
    page.get_by_label("Find persons by name or id").fill("fATH")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Choose Father").click()
    page.get_by_role("button", name="Leave Father out").wait_for()
    page.get_by_role("button", name="Create group").click()
    members = page.get_by_role("region", name="Persons")
    members.get_by_role("link", name="Father").wait_for()
    page.get_by_label("Find persons by name or id").fill("m")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="Choose Mum").click()
    page.get_by_role("button", name="Add persons").click()
    members.get_by_role("link", name="Mum").wait_for()
    members.get_by_role("button", name="Remove Mum").click()
    members.get_by_role("link", name="Mum").wait_for(state="detached")
    with portal.client() as client:
        got = client.get(f"{PREVIEW}/dynamicpersongroups/parents/persons").raise_for_status().json()
        assert got["personIds"] == [father]

    page = someone.go("/try/identify")
    for where in ("Whole directory · recognition_03", "Parents · recognition_04"):
        page.get_by_role("combobox", name="Search in").click()
        page.get_by_role("option", name=re.compile(re.escape(where))).click()
        page.get_by_label("Drop a photo").set_input_files(azure_photo("Family1-Dad3"))
        page.get_by_role("region", name=f"Candidates: {where}").get_by_role("cell", name="Father").wait_for()
    page.get_by_label("Drop a photo").set_input_files(azure_photo("Family1-Mom1"))
    page.get_by_text("nobody who is enrolled there").wait_for()

    page = someone.go("/directory?text=father")
    page.get_by_role("link", name="Father").click()
    page.get_by_role("button", name="Remove from Parents").click()
    page.get_by_text("The person is in no group").wait_for()
    page.get_by_role("combobox", name="Another group").click()
    page.get_by_role("option", name="Parents").click()
    page.get_by_role("button", name="Add to the group").click()
    page.get_by_role("link", name="Parents").wait_for()
    faces = page.get_by_role("region", name="Faces")
    faces.get_by_role("button", name="Erase").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    faces.get_by_role("cell", name="recognition_03").wait_for(state="detached")
    faces.get_by_role("cell", name="recognition_04").wait_for()

    reader = person(token(portal, "reader"))
    shown = reader.go(f"/directory/persons/{father}")
    for name in ("Save", "Erase the person", "Erase", "Remove from Parents"):
        expect(shown.get_by_role("button", name=name, exact=True), name).to_be_disabled()
    expect(shown.get_by_label("Drop photos to enrol", exact=True)).to_have_count(0)

    page.get_by_role("button", name="Erase the person").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    page.get_by_role("link", name="Mum").wait_for()
    expect(page.get_by_role("link", name="Father")).to_have_count(0)
    page = someone.go("/directory/groups/parents")
    page.get_by_text("This group has no persons yet").wait_for()
    page.get_by_role("button", name="Delete the group").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No dynamic groups yet").wait_for()
    with portal.client() as client:
        assert client.get(f"{PREVIEW}/persons/{father}").status_code == 404
        assert client.get(f"{PREVIEW}/dynamicpersongroups/parents").status_code == 404
        for one in client.get(f"{PREVIEW}/persons").json():
            client.delete(f"{PREVIEW}/persons/{one['personId']}").raise_for_status()
    log = someone.go("/audit").locator("table").inner_text()
    for action in ("person.create", "person.update", "face.add", "face.delete", "person.delete", "dynamic_group.create",
                   "dynamic_group.update", "dynamic_group.delete", "portal.identify"):  # fmt: skip
        assert action in log
    assert someone.troubles == []


def test_a_photo_does_not_overtake_what_was_chosen_before(person: OpenPerson, portal: Server) -> None:
    """Photos are sent by a request, choices by the WebSocket, which may be slower."""
    with portal.client() as client:
        made = client.post(f"{PREVIEW}/persons", json={"name": "Dad"}).raise_for_status().json()["personId"]
    someone = person()
    servers: list[WebSocketRoute] = []
    held: list[str | bytes] = []
    holds = False

    def relay(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        servers.append(server)

        def pass_on(message: str | bytes) -> None:
            if holds:
                held.append(message)
            else:
                server.send(message)

        socket.on_message(pass_on)

    someone.page.route_web_socket("**/_nicegui_ws/**", relay)
    sent: list[str] = []
    someone.page.on("request", lambda request: sent.append(request.url))
    page = someone.go(f"/directory/persons/{made}")
    page.get_by_role("combobox", name="Recognition model").click()
    holds = True
    page.get_by_role("option", name="recognition_03").click()
    photos = page.get_by_label("Drop photos to enrol", exact=True)
    photos.set_input_files(azure_photo("Family1-Dad1"))
    number = (photos.get_attribute("id") or "").removeprefix("c")

    def is_announced() -> bool:
        page.evaluate("null")  # so that what the page has sent is heard
        return any(re.search(rf'"id":\s*{number}\b', str(message)) for message in held)

    until(is_announced)
    assert not [url for url in sent if "/upload/" in url]
    while held:
        servers[-1].send(held.pop(0))
    holds = False
    page.get_by_text("Enrolled", exact=True).wait_for()
    page.get_by_role("cell", name="recognition_03").wait_for()
    with portal.client() as client:
        client.delete(f"{PREVIEW}/persons/{made}").raise_for_status()
