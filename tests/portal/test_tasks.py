"""What people come to the portal for, done as they do it, with the actions counted.

An action is a click, a text typed into a field, or a choice in a list; what is done in a file dialog is one dialog. Who
does it is signed in and begins at the overview.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.conftest import Server
from tests.many_people import NewPerson, add_persons
from tests.memory import shared_engine
from tests.portal.conftest import OpenPerson
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.accounts import Acknowledgement
from mien.cli._main import build
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recognisers
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.services import open_services
from mien.settings import Settings

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

GROUPS = "/face/v1.2/largepersongroups"
FAMILY = {
    "Anna Weiss": ("Family1-Mom1", "Family1-Mom2"),
    "Ben": ("Family1-Dad1", "Family1-Dad2"),
    "Cleo": ("Family1-Daughter1", "Family1-Daughter2"),
    "Dan": ("Family1-Son1", "Family1-Son2"),
    "Eva": ("Family2-Lady1", "Family2-Lady2"),
}


@dataclass
class Counted:
    """Acts on a page and counts.

    Attributes:
        page: the page.
        actions: clicks, texts and choices.
        dialogs: file dialogs.
    """

    page: Page
    actions: int = 0
    dialogs: int = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.actions += 1

    def type(self, target: Locator, text: str) -> None:
        target.fill(text)
        self.actions += 1

    def choose(self, target: Locator, *files: Path) -> None:
        """Click what opens a file dialog, and choose files, or a folder, in it."""
        with self.page.expect_file_chooser() as opened:
            self.click(target)
        opened.value.set_files([str(one) for one in files] if len(files) > 1 else str(files[0]))
        self.dialogs += 1

    def navigate(self, name: str) -> None:
        self.click(self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True))
        self.page.locator("h1", has_text=name).wait_for()


@pytest.fixture
def group(portal: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A group of this test, whose faces have pictures."""
    name = f"task-{request.node.name.replace('_', '-')[5:40]}".strip("-")
    with portal.client() as client:
        body = {"name": name, "recognitionModel": "recognition_04"}
        client.put(f"{GROUPS}/{name}", json=body).raise_for_status()
        command = ["gallery", "policy", "dev", "--collection", f"largePersonGroup/{name}", "--keep-crops"]
        assert CliRunner().invoke(build(["gallery"]), [*command, "--data-dir", str(portal.data_dir)]).exit_code == 0
        yield name
        client.delete(f"{GROUPS}/{name}").raise_for_status()


def begin(person: OpenPerson) -> Counted:
    someone = person()
    someone.go("/")
    return Counted(someone.page)


def enrol(portal: Server, group: str, name: str, *photos: str) -> tuple[str, list[str]]:
    """Enrol somebody over the API; return the ids of the person and of the faces."""
    faces = []
    with portal.client() as client:
        made = client.post(f"{GROUPS}/{group}/persons", json={"name": name}).raise_for_status().json()["personId"]
        for photo in photos:
            added = client.post(
                f"{GROUPS}/{group}/persons/{made}/persistedfaces?detectionModel=detection_03",
                content=azure_photo(photo).read_bytes(),
                headers={"Content-Type": "application/octet-stream"},
            )
            faces.append(str(added.raise_for_status().json()["persistedFaceId"]))
    return str(made), faces


def people_of(portal: Server, group: str) -> dict[str, int]:
    """How many faces each person of a group has."""
    with portal.client() as client:
        found = client.get(f"{GROUPS}/{group}/persons").raise_for_status().json()
    return {one["name"]: len(one["persistedFaceIds"]) for one in found}


def test_a_first_detect_takes_two_clicks(person: OpenPerson) -> None:
    at = begin(person)
    at.navigate("Try it")
    at.choose(at.page.locator("label.drop"), azure_photo("detection1"))
    at.page.get_by_role("img", name="1 face").or_(at.page.locator("img.photo")).first.wait_for()
    assert (at.actions, at.dialogs) == (2, 1)


def test_five_people_of_a_folder_are_enrolled_in_six_actions(
    person: OpenPerson, portal: Server, tmp_path: Path
) -> None:
    for name, photos in FAMILY.items():
        (tmp_path / "people" / name).mkdir(parents=True)
        for photo in photos:
            shutil.copy(azure_photo(photo), tmp_path / "people" / name)
    at = begin(person)
    at.navigate("People")
    at.type(at.page.get_by_label("Name", exact=True), "Five people")
    at.type(at.page.get_by_label("Id", exact=True), "five")
    at.click(at.page.get_by_role("button", name="Create"))
    at.choose(at.page.get_by_role("button", name="Choose a folder"), tmp_path / "people")
    at.page.get_by_role("status").get_by_text("10 enrolled").wait_for()
    assert at.actions <= 6
    assert at.dialogs == 1
    assert people_of(portal, "five") == dict.fromkeys(FAMILY, 2)
    with portal.client() as client:
        until = time.monotonic() + 120
        while client.get(f"{GROUPS}/five/training").json().get("status") != "succeeded":  # by itself
            assert time.monotonic() < until, "the group was not trained"
            at.page.wait_for_timeout(300)
        client.delete(f"{GROUPS}/five").raise_for_status()


def test_a_csv_file_says_whose_photos_are(person: OpenPerson, portal: Server, group: str, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    mum, dad = azure_photo("Family1-Mom1"), azure_photo("Family1-Dad1")
    table.write_text(f"photo,person,user data\n{mum.name},Zoë Groß,P-7\n{dad.name},Ben,\n", encoding="utf-8")
    (tmp_path / "empty.jpg").write_bytes(b"no picture " * 200)
    someone = person()
    page = someone.go(f"/people/largePersonGroup/{group}")
    files = [mum, dad, table, tmp_path / "empty.jpg"]
    page.get_by_label("Drop photos, folders or a CSV file", exact=True).set_input_files([str(one) for one in files])
    page.get_by_role("status").get_by_text("2 enrolled").wait_for()
    page.get_by_role("button", name="Download the report").wait_for()
    report = page.get_by_role("region", name="Report")
    expect(report).to_contain_text("It names the persons of 2 photos.")
    expect(report.get_by_role("row").filter(has_text="empty.jpg")).to_contain_text("not enrolled")
    assert people_of(portal, group) == {"Zoë Groß": 1, "Ben": 1}
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the report").click()
    assert "Zoë Groß" in saved.value.path().read_text(encoding="utf-8")
    page.get_by_role("button", name="Undo all of it").click()
    page.get_by_text("This group has no persons yet").wait_for()
    assert people_of(portal, group) == {}


def test_a_wrong_face_is_put_right_in_three_actions_with_its_picture(
    person: OpenPerson, portal: Server, group: str
) -> None:
    dad, faces_of_dad = enrol(portal, group, "Dad", "Family1-Dad1", "Family1-Dad2", "Family1-Mom1")
    enrol(portal, group, "Mum", "Family1-Mom2")
    someone = person()
    page = someone.go(f"/people/largePersonGroup/{group}/{dad}")
    faces = page.get_by_role("region", name="Faces")
    faces.locator("img.thumb").nth(2).wait_for()
    expect(faces.locator("img.thumb")).to_have_count(3)  # faces are told apart by their pictures
    width = "async (image) => { await image.decode(); return image.naturalWidth; }"
    assert all(one.evaluate(width) > 20 for one in faces.locator("img.thumb").all())
    at = Counted(page)
    wrong = faces.get_by_role("row").filter(has_text=faces_of_dad[2][:8])
    at.click(wrong.get_by_role("button", name="This is wrong"))
    dialog = page.get_by_role("dialog", name="This face is wrong because …")
    dialog.get_by_text("it is probably somebody else").wait_for()
    at.click(dialog.get_by_role("button", name="It shows another person"))
    likely = page.get_by_role("dialog", name="Move this face to …").get_by_role("list", name="Likely persons")
    likely.wait_for()
    expect(likely.get_by_role("listitem").first).to_have_text(re.compile("^Mum"), use_inner_text=True)
    at.click(likely.get_by_role("button", name="Choose Mum"))
    page.get_by_text("1 face moved from Dad to Mum").wait_for()
    assert at.actions <= 3
    assert people_of(portal, group) == {"Dad": 2, "Mum": 2}
    page.get_by_role("button", name="Undo").first.click()
    wrong.wait_for()
    assert people_of(portal, group) == {"Dad": 3, "Mum": 1}


def test_one_of_five_thousand_people_is_found_in_two_actions(person: OpenPerson, portal: Server, group: str) -> None:
    settings = Settings(data_dir=portal.data_dir)
    store = ModelStore(settings.model_dir)
    services = open_services(settings)
    gallery = open_gallery(
        services.database,
        services.vault,
        services.clock,
        portal.data_dir / "snapshots",
        engine=shared_engine(),
        recognisers=Recognisers.of(store, read_bindings(store, portal.data_dir, settings.bindings())),
        detected_faces=services.detected_faces,
    )
    (dev,) = (one for one in services.accounts.resources() if one.name == "dev")
    ref = CollectionRef(dev.id, Kind.LARGE_PERSON_GROUP, group)
    add_persons(gallery, ref, [NewPerson(f"Person {number:05}", None, ()) for number in range(5_000)])
    services.close()
    page = person().go(f"/people/largePersonGroup/{group}")
    page.get_by_text("5,000 persons").wait_for()
    at = Counted(page)
    at.type(page.get_by_label("Find by name or id"), "04217")
    at.click(page.get_by_role("link", name="Person 04217"))
    page.get_by_role("button", name="Erase the person").wait_for()
    assert at.actions == 2
    expect(page.locator("h2").first).to_have_text("Person 04217")


def test_somebody_is_found_by_photo_in_another_group(person: OpenPerson, portal: Server, group: str) -> None:
    mum, _ = enrol(portal, group, "Mum", "Family1-Mom1")
    at = begin(person)
    at.navigate("People")
    place = at.page.locator("label.drop").filter(has_text="Drop a photo to find a person")
    at.choose(place, azure_photo("Family1-Mom2"))
    row = at.page.get_by_role("region", name="Persons with this face").get_by_role("row").filter(has_text=mum)
    row.wait_for()  # the group was never trained
    at.click(row.get_by_role("link", name="Mum"))
    at.page.get_by_role("button", name="Erase the person").wait_for()
    assert (at.actions, at.dialogs) == (3, 1)


def test_a_person_is_renamed_and_a_second_of_the_name_is_asked_about(
    person: OpenPerson, portal: Server, group: str
) -> None:
    one, _ = enrol(portal, group, "Ana")
    enrol(portal, group, "Anna")
    page = person().go(f"/people/largePersonGroup/{group}/{one}")
    page.get_by_text("Rename or change user data").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("Anna")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("1 other person has this name already").wait_for()
    assert people_of(portal, group) == {"Ana": 0, "Anna": 0}
    name.fill("Ana Ruiz")
    name.press("Enter")
    page.get_by_role("heading", name="Ana Ruiz").wait_for()
    assert people_of(portal, group) == {"Ana Ruiz": 0, "Anna": 0}


def test_a_second_resource_reaches_its_first_200_by_what_each_refusal_says(person: OpenPerson, portal: Server) -> None:
    services = open_services(Settings(data_dir=portal.data_dir))
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    lobby = services.accounts.create("lobby", terms=terms)
    key = services.accounts.keys(lobby.id, actor="test").key1
    photo = azure_photo("detection1").read_bytes()

    def detect(query: str) -> httpx.Response:
        headers = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "application/octet-stream"}
        url = f"{portal.endpoint}/face/v1.2/detect?detectionModel=detection_03&recognitionModel=recognition_04&{query}"
        return httpx.post(url, headers=headers, content=photo, trust_env=False, timeout=60)

    refused = detect("")
    assert refused.status_code == 403
    hint = refused.json()["error"]["innererror"]["details"]["hint"]
    assert "mien access request lobby" in hint
    assert detect("returnFaceId=false").status_code == 200  # what it says can be done at once

    at = begin(person)
    at.page.goto(f"{portal.management}/failed-calls?resource=lobby")
    row = at.page.get_by_role("region", name="Failed calls").get_by_role("row").nth(1)
    row.wait_for()
    at.click(row.get_by_role("link"))  # and what the portal says leads to the request
    at.page.get_by_role("heading", name="Limited access").or_(at.page.get_by_label("Organisation")).first.wait_for()
    assert "/access" in at.page.url
    assert "resource=lobby" in at.page.url

    services.access.approve_for_development(lobby)
    services.close()
    assert detect("").status_code == 200
