"""People who were enrolled twice or in the wrong place: suspected, merged, moved; and the history of trainings."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_doors import state
from tests.portal.test_pages import OVERFLOW, STILL, VIOLATIONS
from tests.portal.test_roles import token
from tests.shared import azure_photo

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy, Policies
from mien.gallery.rows import Rows

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

GROUP = "/people/largePersonGroup/desk"
DAD, AGAIN, MUM = "Family1-Dad1", "Family1-Dad2", "Family1-Mom1"


@pytest.fixture
def client(portal: Server) -> Iterator[httpx.Client]:
    """Calls the service; two groups are there."""
    with portal.client() as client:
        client.timeout = httpx.Timeout(60)
        for group in ("desk", "gate"):
            body = {"name": group.capitalize(), "recognitionModel": "recognition_04"}
            client.put(f"/face/v1.2/largepersongroups/{group}", json=body).raise_for_status()
        client.put(
            "/face/v1.2/largepersongroups/old", json={"name": "Old", "recognitionModel": "recognition_03"}
        ).raise_for_status()
        yield client
        for group in ("desk", "gate", "old"):
            client.delete(f"/face/v1.2/largepersongroups/{group}").raise_for_status()


def enrol(client: httpx.Client, name: str, *photos: str) -> str:
    url = "/face/v1.2/largepersongroups/desk/persons"
    person = str(client.post(url, json={"name": name}).raise_for_status().json()["personId"])
    for photo in photos:
        add_face(client, person, photo)
    return person


def add_face(client: httpx.Client, person: str, photo: str) -> str:
    added = client.post(
        f"/face/v1.2/largepersongroups/desk/persons/{person}/persistedfaces?detectionModel=detection_03",
        content=azure_photo(photo).read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    return str(added.raise_for_status().json()["persistedFaceId"])


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def test_somebody_enrolled_twice_is_merged(person: OpenPerson, portal: Server, client: httpx.Client, axe: str) -> None:
    dad, twin = enrol(client, "Dad", DAD), enrol(client, "Father", AGAIN)
    enrol(client, "Mum", MUM)
    with state(portal) as (services, _, owner):
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "desk")
        alone = EnrolmentPolicy(train_after_edits=False)  # the history has the trainings of the buttons only
        Policies(Rows(services.database, services.clock)).set_for(ref, alone)
    someone = person(motion=True)
    page = someone.go(GROUP)
    page.get_by_text("No training has been requested yet").wait_for()
    page.get_by_role("button", name="Train", exact=True).click()
    history = page.get_by_role("region", name="Trainings")
    history.get_by_text("trained", exact=True).wait_for()
    cells = history.get_by_role("row").nth(1).get_by_role("cell")
    for place, words in ((3, "3"), (4, "3"), (5, "–")):
        expect(cells.nth(place)).to_have_text(words)

    suspected = page.get_by_role("region", name="Likely duplicates")
    row = suspected.get_by_role("row").filter(has_text="Father")
    expect(row).to_contain_text("similar faces")
    reader = person(token(portal, "reader"), width=390, scheme="dark")
    for path in (GROUP, f"{GROUP}/{dad}"):
        seen = reader.go(path)
        assert seen.evaluate(OVERFLOW) <= 0, f"{path} is too wide"
        seen.evaluate(axe)
        assert seen.evaluate(VIOLATIONS)["violations"] == [], path
        for name in ("Resolve", "Merge", "Dismiss", "Train", "Move to", "This is wrong", "Remove", "Erase", "Save"):
            for button in seen.get_by_role("button", name=name).all():
                expect(button, str((path, name))).to_be_disabled()

    row.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_function(STILL)
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    expect(page.get_by_role("dialog")).to_contain_text(f"Father, 1 face, id {twin}", use_inner_text=True)
    expect(page.get_by_role("dialog")).to_contain_text("Move the face of Father to Dad", use_inner_text=True)
    press(page, "Merge and keep Dad")
    page.get_by_text("Father was merged into Dad (1 face)").wait_for()
    expect(page.get_by_role("region", name="Likely duplicates")).to_have_count(0)
    assert client.get(f"/face/v1.2/largepersongroups/desk/persons/{twin}").status_code == 404
    faces = client.get(f"/face/v1.2/largepersongroups/desk/persons/{dad}").json()["persistedFaceIds"]
    assert len(faces) == 2

    page.get_by_role("button", name="Train", exact=True).click()
    expect(history.get_by_text("trained", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Train", exact=True).click()
    history.get_by_text("nothing to do").wait_for()
    expect(history).to_contain_text("Nothing had changed")

    again = enrol(client, "Somebody", DAD)
    page = someone.go(GROUP)
    rows = suspected.get_by_role("row").filter(has_text="Somebody")
    rows.first.wait_for()
    for left in range(rows.count(), 0, -1):
        rows.first.get_by_role("button", name="Dismiss").click()
        rows.nth(left - 1).wait_for(state="detached")
    assert client.get(f"/face/v1.2/largepersongroups/desk/persons/{again}").status_code == 200
    log = someone.go("/audit").locator("table").inner_text()
    assert ("person.merge" in log, "duplicate.dismiss" in log, "token:serve --dev" in log) == (True, True, True)


def test_faces_and_persons_are_moved(person: OpenPerson, client: httpx.Client, axe: str) -> None:
    dad, mum = enrol(client, "Dad", DAD), enrol(client, "Mum")
    wrong = add_face(client, dad, MUM)
    enrol(client, "Twice")
    enrol(client, "Twice")
    someone = person()
    page = someone.go(f"{GROUP}/{dad}")
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS)["violations"] == []
    page.get_by_role("button", name="Move the chosen faces").click()
    someone.told("Choose faces in the table above.")
    page.get_by_role("checkbox", name=f"Choose face {wrong}").click()
    page.get_by_role("button", name="Move the chosen faces").click()
    dialog = page.get_by_role("dialog", name="Move this face to …")
    dialog.get_by_role("button", name="Choose Twice").nth(1).wait_for()
    expect(dialog.get_by_role("button", name="Choose Dad")).to_have_count(0)
    field = dialog.get_by_label("Find by name or id")
    field.fill("Nobody")
    dialog.get_by_text("Nobody was found.").wait_for()
    field.fill("mum")
    dialog.get_by_role("button", name="Choose Mum").click()
    page.get_by_text("1 face moved from Dad to Mum").wait_for()
    url = "/face/v1.2/largepersongroups"
    assert client.get(f"{url}/desk/persons/{mum}").json()["persistedFaceIds"] == [wrong]

    page = someone.go(f"{GROUP}/{mum}")
    page.get_by_role("combobox", name="Group").click()
    offered = page.get_by_role("listbox").get_by_role("option")
    gate = offered.filter(has_text="Gate (Large person group, gate)")
    gate.wait_for()
    expect(offered.filter(has_text="Old ("), "it has another model").to_have_count(0)
    gate.click()
    page.get_by_role("button", name="Move to the group").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "Mum moves from Desk to Gate with faces (1 face)", use_inner_text=True
    )
    press(page, "Move")
    page.wait_for_url(f"**/people/largePersonGroup/gate/{mum}**")
    assert client.get(f"{url}/gate/persons/{mum}").json()["persistedFaceIds"] == [wrong]
    assert client.get(f"{url}/desk/persons/{mum}").status_code == 404

    page = someone.go(f"{GROUP}/{dad}")
    (twice, _) = (one["personId"] for one in client.get(f"{url}/desk/persons").json() if one["name"] == "Twice")
    for sure in (False, True):
        page.get_by_role("button", name="Merge into another person").click()
        page.get_by_label("Find by name or id").fill(twice)
        one = page.get_by_role("list", name="Persons found").get_by_role("listitem")
        expect(one).to_have_count(1)  # others would be drawn anew while one is clicked
        one.get_by_role("button", name="Choose Twice").click()
        asks = page.get_by_role("dialog", name="Merge Dad into Twice?")
        asks.wait_for()
        page.get_by_role("dialog", name="Merge Dad into …").wait_for(state="detached")
        expect(asks).to_contain_text(
            f"Calls with the id {dad} then return that there is no such person.", use_inner_text=True
        )
        if not sure:
            page.keyboard.press("Escape")
            page.get_by_role("dialog").wait_for(state="detached")
            assert client.get(f"{url}/desk/persons/{dad}").status_code == 200
    press(page, "Merge")
    page.wait_for_url(f"**{GROUP}/{twice}**")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Dad was merged into Twice (1 face)").wait_for(state="detached")
    assert client.get(f"{url}/desk/persons/{dad}").json()["name"] == "Dad"
    log = someone.go("/audit").locator("table").inner_text()
    for action in ("face.move", "person.move", "person.merge"):
        assert action in log
    assert someone.troubles == []


@pytest.fixture
def management(portal: Server) -> Iterator[httpx.Client]:
    """The control plane of the resource."""
    with httpx.Client(
        base_url=f"{portal.management}/mien/v1/resources/dev",
        headers={"Authorization": f"Bearer {portal.admin_token}"},
        timeout=60,
        trust_env=False,
    ) as one:
        yield one


def test_a_merge_that_a_negative_speaks_against_is_asked_twice(
    person: OpenPerson, portal: Server, client: httpx.Client, management: httpx.Client, axe: str
) -> None:
    """Somebody answered "not this person" before: the second question says so, and no is an answer."""
    dad, mum = enrol(client, "Dad", DAD), enrol(client, "Mum", MUM)
    enrol(client, "Somebody else", DAD)  # so that the list is not of one person before it was searched
    with state(portal) as (services, _, owner):
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "desk")
        Policies(Rows(services.database, services.clock)).set_for(ref, EnrolmentPolicy(negatives=True))
    photo = base64.b64encode(azure_photo(MUM).read_bytes()).decode()
    body = {"collection": "largePersonGroup/desk", "personId": dad, "photo": photo}
    management.post("/negatives", json=body).raise_for_status()

    def negatives() -> list[dict[str, str]]:
        kept: list[dict[str, str]] = management.get("/negatives").json()["value"]
        return [one for one in kept if one["collection"] == body["collection"]]  # the server is shared

    someone = person()
    page = someone.go(f"{GROUP}/{mum}")
    question = page.get_by_role("dialog", name="Merge them all the same?")
    for sure in (False, True):
        page.get_by_role("button", name="Merge into another person").click()
        page.get_by_label("Find by name or id").fill(dad)
        one = page.get_by_role("list", name="Persons found").get_by_role("listitem")
        expect(one).to_have_count(1)
        one.get_by_role("button", name="Choose Dad").click()
        first = page.get_by_role("dialog", name="Merge Mum into Dad?")
        first.get_by_role("button", name="Merge").click()
        question.wait_for()
        expect(question).to_contain_text("A face that was kept says that these are two people")
        first.wait_for(state="detached")
        assert client.get(f"/face/v1.2/largepersongroups/desk/persons/{mum}").status_code == 200
        if not sure:
            page.evaluate(axe)
            assert page.evaluate(VIOLATIONS)["violations"] == []
            question.get_by_role("button", name="Cancel").click()
            question.wait_for(state="detached")
            assert len(negatives()) == 1
    question.get_by_role("button", name="Merge").click()
    page.wait_for_url(f"**{GROUP}/{dad}**")
    assert client.get(f"/face/v1.2/largepersongroups/desk/persons/{mum}").status_code == 404
    assert negatives() == []
    assert someone.troubles == []


def test_groups_and_lists_beyond_the_first_page(person: OpenPerson, client: httpx.Client) -> None:
    ids = [f"many-{number:03}" for number in range(100)]
    for one in ids:
        client.put(f"/face/v1.2/largefacelists/{one}", json={"name": one}).raise_for_status()
    try:
        page, seen = person().go("/people"), list[str]()
        while True:
            seen += page.get_by_role("region", name="Groups and lists").locator("td .mono").all_inner_texts()
            more = page.get_by_role("link", name="More groups and lists")
            if not more.count():
                break
            address = page.url
            more.click()
            page.wait_for_url(lambda url: url != address)  # noqa: B023
            page.locator(".page h1").wait_for()
            page.locator(".skeleton").wait_for(state="detached")
        expected = [*ids, "desk", "gate", "old"]  # kind by kind
        assert [one for one in seen if one in expected] == expected  # the server is shared: others make groups, too
    finally:
        for one in ids:
            client.delete(f"/face/v1.2/largefacelists/{one}").raise_for_status()
