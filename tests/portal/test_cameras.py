"""Cameras in the portal: added, seen with names, hidden from readers, with zones drawn in the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from operator import attrgetter

import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token
from tests.shared import azure_photo
from tests.video.clips import MjpegServer, mjpeg_server, walking_photo
from tests.waiting import until

from mien.doors.actuators.config import NoActuator, OsdpActuator
from mien.doors.evidence import TrackCandidate, TrackEvidence
from mien.doors.reasons import Code, Failure
from mien.doors.service import open_doors
from mien.doors.types import CameraSpec, Direction, DoorSpec
from mien.portal.cameras import about_track, outlines, parse_corners, polygons, written_corners
from mien.portal.texts import set_language
from mien.services import open_services
from mien.settings import Settings

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]


@pytest.fixture
def group(portal: Server) -> Iterator[str]:
    """A trained group with one person."""
    with portal.client() as client:
        client.timeout = httpx.Timeout(60)
        url = "/face/v1.2/persongroups/watched"
        client.put(url, json={"name": "Watched", "recognitionModel": "recognition_04"}).raise_for_status()
        person = client.post(f"{url}/persons", json={"name": "Dad Müller"}).raise_for_status().json()["personId"]
        for photo in ("Family1-Dad1", "Family1-Dad2"):
            client.post(
                f"{url}/persons/{person}/persistedfaces?detectionModel=detection_03",
                content=azure_photo(photo).read_bytes(),
                headers={"Content-Type": "application/octet-stream"},
            ).raise_for_status()
        client.post(f"{url}/train").raise_for_status()
        while client.get(f"{url}/training").json()["status"] not in {"succeeded", "failed"}:
            pass
        yield "personGroup/watched"
        client.delete(url).raise_for_status()


@pytest.fixture(scope="module")
def stream() -> Iterator[MjpegServer]:
    """A camera that sees one person walk up again and again."""
    with mjpeg_server("viewer:hunter2", walking_photo(azure_photo("Family1-Dad3"))) as server:
        yield server


@pytest.mark.heavy
def test_a_camera_is_added_seen_and_zoned(
    person: OpenPerson, portal: Server, group: str, stream: MjpegServer, axe: str
) -> None:
    someone = person()
    page = someone.go("/cameras")
    expect(page.get_by_text("No cameras yet")).to_be_visible()
    page.get_by_label("Name").fill("Front door")
    page.get_by_label("Address").fill(stream.url.replace("http://", "http://viewer:hunter2@"))
    someone.choose("Groups", group, "Watched")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url(re.compile("/cameras/[0-9a-f-]{36}"))
    expect(page.get_by_text("connected", exact=True)).to_be_visible(timeout=120_000)
    log = page.get_by_role("log", name="Faces in the picture")
    expect(log.get_by_text("Dad Müller")).to_be_visible(timeout=120_000)
    expect(log.get_by_text(re.compile("confidence 0.*readable frames agree")).first).to_be_visible()
    expect(page.locator(".live svg text", has_text="Dad Müller").first).to_be_attached()
    image = page.locator(".live img")
    assert "hunter2" not in page.content()
    address = image.get_attribute("src") or ""
    answer = page.request.get(portal.management + address if address.startswith("/") else address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 860})
        page.evaluate(axe)
        found = page.evaluate(VIOLATIONS)["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
        assert page.evaluate(OVERFLOW) <= 0
    page.set_viewport_size({"width": 1280, "height": 860})

    box = image.bounding_box()
    assert box is not None
    for x, y in ((0.02, 0.02), (0.2, 0.02), (0.2, 0.9)):
        image.click(position={"x": box["width"] * x, "y": box["height"] * y})
    corners = page.get_by_label("Corners of a new zone")
    expect(corners).to_have_value(re.compile(r"^\S+ \S+ \S+$"))
    page.get_by_role("button", name="Hide this zone").click()
    someone.told("The zones are stored")
    expect(page.get_by_text("Hidden", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("Hidden", exact=True)).to_be_visible()

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No cameras yet")).to_be_visible()
    assert someone.troubles == []


def test_a_camera_that_another_server_runs_says_where(person: OpenPerson, portal: Server) -> None:
    with closing(open_services(Settings(data_dir=portal.data_dir))) as services:
        doors = open_doors(
            services.database, services.vault, services.clock, services.audit, accounts=services.accounts
        )
        (owner,) = [one.id for one in services.accounts.resources() if one.name == "dev"]
        # The server has no such port, so that it lets go of the door at once; this process then has it.
        actuator = OsdpActuator(port="/dev/no-such-port", key="00112233445566778899aabbccddeeff")
        door = doors.doors.create(owner, "Annex", DoorSpec(), actuator, actor="test")
        while (held := services.claims.acquire(f"door/{door.door_id}")) is None:
            continue
        spec = CameraSpec(groups=("directory",), door=door.door_id)
        camera = doors.cameras.create(owner, "Annex", "rtsp://192.0.2.1/live", spec, actor="test")
        (where,) = services.claims.holders(f"door/{door.door_id}").values()
        someone = person()
        page = someone.go("/cameras?resource=dev")
        expect(page.get_by_role("row").filter(has_text="Annex").get_by_text(f"runs on {where}")).to_be_visible()
        page = someone.go(f"/cameras/{camera.camera_id}?resource=dev")
        expect(page.get_by_text(f"The camera runs on the server {where}: its live picture").first).to_be_visible()
        doors.cameras.delete(owner, camera.camera_id, actor="test")
        doors.doors.delete(owner, door.door_id, actor="test")
        held.release()
        assert someone.troubles == []


def test_the_door_of_a_camera_and_the_direction_of_its_people(person: OpenPerson, portal: Server) -> None:
    with closing(open_services(Settings(data_dir=portal.data_dir))) as services:
        doors = open_doors(
            services.database, services.vault, services.clock, services.audit, accounts=services.accounts
        )
        (owner,) = [one.id for one in services.accounts.resources() if one.name == "dev"]
        door = doors.doors.create(owner, "Yard gate", DoorSpec(), NoActuator(), actor="test")
        spec = CameraSpec(groups=("directory",), enabled=False)
        camera = doors.cameras.create(owner, "Yard", "rtsp://192.0.2.1/live", spec, actor="test")
        someone = person()
        page = someone.go(f"/cameras/{camera.camera_id}?resource=dev")
        for field, choice in (("Door", "Yard gate"), ("Direction", "people who leave")):
            page.get_by_role("combobox", name=field, exact=True).click()
            page.get_by_role("option", name=choice).click()
        page.get_by_role("button", name="Save").click()
        wanted = (door.door_id, Direction.EXIT)
        until(lambda: attrgetter("door", "direction")(doors.cameras.get(owner, camera.camera_id).spec) == wanted)
        page = someone.go("/cameras?resource=dev")
        expect(page.get_by_role("cell", name="Yard gate · people who leave")).to_be_visible()
        doors.cameras.delete(owner, camera.camera_id, actor="test")
        doors.doors.delete(owner, door.door_id, actor="test")
        assert someone.troubles == []


def test_readers_see_no_pictures(person: OpenPerson, portal: Server) -> None:
    reader = person(token(portal, "reader"))
    page = reader.go("/cameras")
    expect(page.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    url = f"{portal.management}/cameras/00000000-0000-0000-0000-000000000000/picture?resource=dev"
    assert page.request.get(url).status == 404
    assert httpx.get(url).status_code in {303, 401}


def test_corners_are_read_as_they_are_written() -> None:
    zone = ((0.0, 0.1), (0.5, 0.1), (0.25, 1.0))
    assert parse_corners(written_corners(zone)) == zone
    for text in ("", "1,1 2,2", "a,b c,d e,f", "0,0 50,0 50,101", "1,2,3 4,5 6,7"):
        with pytest.raises(ValueError, match="at least three corners"):
            parse_corners(text)


def test_names_cannot_bring_markup_into_the_picture() -> None:
    drawn = outlines((640, 480), {1: (10, 20, 30, 40)}, {1: ("<script>alert(1)</script>", True)})
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    assert polygons((100, 50), [((0, 0), (1, 0), (1, 1))], [], []).startswith('<polygon points="0,0 100,0 100,50"')


def test_a_track_is_told_in_words_and_numbers() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ann = TrackCandidate("staff", "a", "Ann", 0.83)
    evidence = TrackEvidence("door", "x-1", at, at, 6, 5, 4, ann, None, "high", 120, 0.91)
    assert about_track(evidence, []) == (
        "confidence 0.83, margin 0.83, 4 of 5 readable frames agree, quality: high, face 120 px, liveness 0.91"
    )
    assert about_track(evidence, [Failure(Code.FRAMES, 1, 3)]).endswith(
        ". Not recognised: Frames that agree: 1; needed: 3."
    )
    set_language("de")
    try:
        assert about_track(evidence, [Failure(Code.FRAMES, 1, 3)]).endswith(
            ". Nicht erkannt: Übereinstimmende Bilder: 1; nötig: 3."
        )
    finally:
        set_language("en")
