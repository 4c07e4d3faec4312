"""Doors, their rules, the check, the feed of events with corrections, and who is inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.conftest import Server
from tests.doors.parts import granted_event
from tests.portal.conftest import OpenPerson
from tests.waiting import until

from mien.clock import SystemClock
from mien.doors.events import Act
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.service import DoorServices, open_doors
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy, Policies
from mien.gallery.rows import Rows
from mien.portal.pages.door_events import outcome
from mien.services import Services, open_services
from mien.settings import Settings

pytestmark = pytest.mark.timeout(600)


@contextmanager
def state(portal: Server) -> Iterator[tuple[Services, DoorServices, UUID]]:
    """The server's own database, opened beside it."""
    services = open_services(Settings(data_dir=portal.data_dir))
    doors = open_doors(services.database, services.vault, services.clock, services.audit, accounts=services.accounts)
    (owner,) = [one.id for one in services.accounts.resources() if one.name == "dev"]
    yield services, doors, owner
    services.close()


def enrol(portal: Server, *names: str) -> list[str]:
    with portal.client() as client:
        made = client.put(
            "/face/v1.2/largepersongroups/staff", json={"name": "Staff", "recognitionModel": "recognition_04"}
        )
        assert made.status_code in {200, 409}, made.text
        found = []
        for name in names:
            answer = client.post("/face/v1.2/largepersongroups/staff/persons", json={"name": name})
            found.append(str(answer.json()["personId"]))
        return found


def walk(doors: DoorServices, owner: UUID, door: str, person: str | None, track: str) -> None:
    """Somebody comes to the door and leaves the picture."""
    now = SystemClock().now()
    best = TrackCandidate("staff", person, "", 0.93) if person else None
    evidence = TrackEvidence("Lobby", track, now, now, 9, 8, 8, best, None, "high", 150, 0.9)
    watched = TrackSource(resource_id=owner, camera="Lobby", door_id=doors.doors.named(owner, door).door_id)
    doors.decisions.observe(watched, evidence, shot=lambda: JPEG)
    doors.decisions.ended(watched, evidence, shot=lambda: JPEG)


JPEG = (Path(__file__).parents[2] / "src" / "mien" / "doctor" / "photo.jpg").read_bytes()


@pytest.mark.parametrize(
    ("granted", "act", "said"),
    [
        (False, None, "refused"),
        (False, Act.USED, "let through with a second person"),
        (True, None, "allowed"),
        (True, Act.WAITING, "allowed, opening not confirmed"),
        (True, Act.TOLD, "allowed, opening not confirmed"),
        (True, Act.DONE, "opened"),
        (True, Act.FAILED, "allowed, but not opened"),
        (True, Act.EXPIRED, "allowed, but not opened"),
    ],
)
def test_only_what_the_actuator_confirmed_counts_as_opened(act: Act | None, said: str, *, granted: bool) -> None:
    assert outcome(replace(granted_event(), granted=granted, act=act))[0] == said


def test_a_door_from_its_rule_to_who_is_inside(person: OpenPerson, portal: Server, tmp_path: Path) -> None:
    ada, bob = enrol(portal, "Ada Lovelace", "Bob")
    admin = person()
    page = admin.go("/doors?resource=dev")
    page.get_by_text("No doors yet").wait_for()
    page.get_by_label("Door name").fill("Front door")
    page.get_by_role("checkbox", name="Keep the best picture").click()
    admin.choose("Time zone", "berl", "Europe/Berlin")
    page.get_by_role("button", name="Add door").click()
    page.get_by_role("cell", name="Europe/Berlin").wait_for()

    page.get_by_role("button", name="Check").click()
    admin.told("Choose a person.")
    admin.choose("Person", "lovelace ada", "Ada Lovelace")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("Front door stays shut").wait_for()
    page.get_by_text("No rule applies to this door and direction.").wait_for()

    page.get_by_label("Rule name").fill("Staff")
    page.get_by_role("combobox", name="Doors").click()
    page.get_by_role("option", name="Front door").click()
    page.keyboard.press("Escape")
    admin.choose("Groups", "staf", "Staff")
    admin.choose("Persons", bob[:8], "Bob")
    page.get_by_label("Times").fill("always")
    page.get_by_role("combobox", name="They may").click()
    page.get_by_role("option", name="enter only").click()
    page.get_by_role("button", name="Add rule").click()
    page.get_by_text("and Bob may enter by Front door by their face alone, always, except on hol").wait_for()
    admin.choose("Person", "Ada", "Ada Lovelace")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("Front door opens").wait_for()
    page.screenshot(path=tmp_path / "doors.png", full_page=True)

    with state(portal) as (_, doors, owner):
        walk(doors, owner, "Front door", ada, "1")
        walk(doors, owner, "Front door", None, "2")
    page = admin.go("/door-events?resource=dev")
    row = page.get_by_role("row").filter(has_text="Ada Lovelace")
    row.get_by_text("allowed", exact=True).wait_for()  # nothing opens the door
    row.get_by_role("img", name="Best picture").wait_for()
    page.get_by_text("Nobody in the camera's groups is similar enough.").wait_for()
    page.screenshot(path=tmp_path / "events.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    admin.go("/door-events?resource=dev").screenshot(path=tmp_path / "events-phone.png", full_page=True)
    admin.go("/doors?resource=dev").screenshot(path=tmp_path / "doors-phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})

    page = admin.go("/inside?resource=dev")
    page.get_by_role("heading", name="Front door: 1").wait_for()
    page.screenshot(path=tmp_path / "inside.png", full_page=True)

    page = admin.go("/door-events?resource=dev")
    page.get_by_role("row").filter(has_text="Ada Lovelace").get_by_role("button", name="Not this person").click()
    page.get_by_role("dialog").get_by_text("The policy of the group keeps no negatives").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Not this person").click()
    page.get_by_text(re.compile("not this person · ")).wait_for()
    admin.go("/inside?resource=dev").get_by_text("Nobody is inside").first.wait_for()
    with state(portal) as (services, doors, owner):
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
        Policies(Rows(services.database, services.clock)).set_for(ref, EnrolmentPolicy(negatives=True))
        walk(doors, owner, "Front door", ada, "3")
    page = admin.go("/door-events?resource=dev")
    page.get_by_role("row").filter(has_text="Ada Lovelace").get_by_role("button", name="Not this person").click()
    page.get_by_role("dialog").get_by_text("The face is stored as a negative").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Not this person").click()
    page.get_by_text(re.compile("not this person · ")).nth(1).wait_for()
    headers = {"Authorization": f"Bearer {portal.admin_token}"}
    listed = httpx.get(f"{portal.management}/mien/v1/resources/dev/negatives", headers=headers, timeout=60)
    assert [(one["personId"], one["origin"]) for one in listed.json()["value"]] == [(ada, "event:3")]

    page = admin.go("/door-events?resource=dev&show=strangers")
    page.get_by_role("button", name="This is …").first.click()
    dialog = page.get_by_role("dialog")
    admin.choose("Person", "bob", "Bob", within=dialog)
    dialog.get_by_role("checkbox", name="Add the picture").click()
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("row").filter(has_text="Bob").first.wait_for()
    with portal.client() as client:
        faces = client.get(f"/face/v1.2/largepersongroups/staff/persons/{bob}").json()["persistedFaceIds"]
        assert len(faces) == 1, "the picture of the event is a face of Bob now"
    with state(portal) as (services, _, owner):
        done = [one.action for one in services.audit.search(resource_id=owner, action="door.event.*")]
        until(lambda: services.audit.search(resource_id=owner, action="collection.train"))  # after the new face
    assert done == ["door.event.this_is", "door.event.not_this_person", "door.event.not_this_person"]
    assert admin.troubles == []
