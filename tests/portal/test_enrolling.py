"""Who enrols a poor photo is told all that it lacks, and chooses which of several faces is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.cli._main import build
from mien.services import open_services
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow
from mien.vision.types import Pixels

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

GROUP = "personGroup/gate"


@pytest.fixture(scope="module")
def place(portal: Server) -> Iterator[str]:
    """Address of a person whose group asks for much of its photos."""
    with portal.client() as client:
        body = {"name": "Gate", "recognitionModel": "recognition_04"}
        client.put("/face/v1.2/persongroups/gate", json=body).raise_for_status()
        made = client.post("/face/v1.2/persongroups/gate/persons", json={"name": "Dad"}).raise_for_status().json()
    asked = ["--min-quality", "medium", "--max-blur", "low", "--no-occlusion", "--min-size", "60"]
    command = ["gallery", "policy", "dev", "--collection", GROUP, *asked, "--data-dir", str(portal.data_dir)]
    assert CliRunner().invoke(build(["gallery"]), command).exit_code == 0
    yield f"/people/{GROUP}/{made['personId']}"
    with portal.client() as client:
        client.delete("/face/v1.2/persongroups/gate").raise_for_status()


def photo(name: str) -> Pixels:
    return np.asarray(cv2.imread(str(azure_photo(name, itself=True))), np.uint8)


def spoilt() -> dict[str, Pixels]:
    dad, mum = photo("Family1-Dad1"), photo("Family1-Mom1")
    covered = dad.copy()
    cv2.rectangle(covered, (10, 72), (190, 130), (30, 30, 30), -1)
    beside = cv2.resize(mum, (dad.shape[1], dad.shape[0]))
    grey = np.random.default_rng(1).integers(90, 150, (300, 300, 3), dtype=np.uint8)
    found = {
        "blurred": cv2.GaussianBlur(dad, (0, 0), 8),
        "covered": covered,
        "tiny": cv2.resize(dad, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
        "dark": dad * 0.12,
        "two": cv2.hconcat([dad, beside]),
        "nobody": grey,
    }
    return {name: np.asarray(pixels, np.uint8) for name, pixels in found.items()}


def drop(page: Page, pixels: Pixels) -> None:
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    page.get_by_label("Drop photos to enrol", exact=True).set_input_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": np.asarray(data).tobytes()}
    )


def lacking(page: Page, tone: str) -> dict[str, str]:
    """What the report says of the measures that are not good, by their names."""
    rows = page.get_by_role("list", name="Photo quality").locator(f"li:has(.badge.{tone})")
    # At once: the report of the next photo may replace this one.
    found: dict[str, str] = rows.evaluate_all(
        "all => Object.fromEntries(all.map((row) => [row.querySelector('strong').innerText, row.innerText]))"
    )
    return found


def test_all_that_a_photo_lacks_is_said(person: OpenPerson, place: str, portal: Server) -> None:
    someone, photos = person(motion=True), spoilt()
    page = someone.go(place)
    page.get_by_text("size of the face at least 60 pixels").wait_for()
    refused, report = page.get_by_text("The photo was not enrolled"), page.get_by_role("heading", name="Photo quality")
    expected = {
        "blurred": {"Quality for recognition": "Required: at least medium.", "Blur": "Required: at most low."},
        "covered": {"Covered": "eyes"},
        "tiny": {"Size of the face": "Required: at least 60 pixels."},
    }
    for name, lacks in expected.items():
        drop(someone.go(place), photos[name])
        for measure, words in lacks.items():
            row = page.get_by_role("listitem").filter(has_text=measure).filter(has_text="not accepted")
            row.filter(has_text=words).wait_for()
        refused.wait_for()
        assert lacks.keys() <= lacking(page, "bad").keys()
    drop(page, photos["nobody"])
    page.get_by_text("No face was found").wait_for()
    refused.wait_for()
    expect(report).to_have_count(0)
    page.get_by_label("Drop photos to enrol", exact=True).set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no photo" * 400}
    )
    page.get_by_text("No face was found").wait_for(state="detached")
    refused.wait_for()
    # What no rule refuses is enrolled, and called poor.
    drop(page, photos["dark"])
    page.get_by_text("Low photo quality: quality for recognition, light").wait_for()
    page.get_by_text("Enrolled", exact=True).wait_for()
    assert "too dark" in lacking(page, "warn")["Light"]
    with portal.client() as client:
        (one,) = client.get("/face/v1.2/persongroups/gate/persons").json()
        assert len(one["persistedFaceIds"]) == 1


def test_of_several_faces_one_is_chosen(person: OpenPerson, place: str, portal: Server) -> None:
    someone = person()
    page = someone.go(place)
    drop(page, spoilt()["two"])
    page.get_by_text("The photo shows 2 faces").wait_for()
    page.get_by_alt_text("Face 2").wait_for()
    page.get_by_role("button", name="Enrol face 2").click()
    page.get_by_text("Enrolled", exact=True).wait_for()
    expect(page.get_by_role("button", name="Enrol face 2")).to_have_count(0)
    assert lacking(page, "warn") == {}
    page.get_by_role("region", name="Faces").get_by_role("row").nth(1).wait_for()
    with portal.client() as client:
        query = {"recognitionModel": "recognition_04", "returnFaceId": "true"}
        body = azure_photo("Family1-Mom1").read_bytes()
        raw = {"Content-Type": "application/octet-stream"}
        (mum,) = client.post("/face/v1.2/detect", params=query, content=body, headers=raw).raise_for_status().json()
        whom = {"faceId": mum["faceId"], "personId": place.rpartition("/")[2], "personGroupId": "gate"}
        assert client.post("/face/v1.2/verify", json=whom).raise_for_status().json()["isIdentical"]


def test_a_photo_waits_for_the_end_of_a_training(person: OpenPerson, portal: Server) -> None:
    group = "/face/v1.2/persongroups/busy"
    services = open_services(Settings(data_dir=portal.data_dir))
    with closing(services), portal.client() as client:
        client.put(group, json={"name": "Busy", "recognitionModel": "recognition_04"}).raise_for_status()
        whom = client.post(f"{group}/persons", json={"name": "Dad"}).raise_for_status().json()["personId"]
        body, raw = azure_photo("Family1-Dad1").read_bytes(), {"Content-Type": "application/octet-stream"}
        client.post(f"{group}/persons/{whom}/persistedfaces", content=body, headers=raw).raise_for_status()
        page = person().go(f"/people/personGroup/busy/{whom}")
        with services.database.read(EVERY_RESOURCE) as session:
            uid = session.scalars(select(CollectionRow.uid).where(CollectionRow.collection_id == "busy")).one()
        with services.claims.hold(f"training/{uid}") as held:  # no server can carry out the training
            assert held is not None
            client.post(f"{group}/train").raise_for_status()
            drop(page, np.asarray(cv2.imread(str(azure_photo("Family1-Dad2"))), np.uint8))
            page.get_by_text("Analysing photo.jpg").wait_for()
            page.wait_for_timeout(3000)  # until the photo has been analysed and is tried
            assert client.get(f"{group}/training").raise_for_status().json()["status"] == "notStarted"
            assert not page.get_by_text("was not enrolled").is_visible()
        page.get_by_text("Enrolled", exact=True).wait_for()
        client.delete(group).raise_for_status()


def test_the_report_has_the_measures_of_the_standard(person: OpenPerson, place: str) -> None:
    page = person().go(place)
    drop(page, spoilt()["blurred"])
    page.get_by_text("Measures of ISO/IEC 29794-5").click()
    rows = page.get_by_role("region", name="Measures of ISO/IEC 29794-5").locator("tbody tr")
    found = {row.locator("td").nth(0).inner_text().rstrip(" *"): row.inner_text() for row in rows.all()}
    assert len(found) > 20
    assert "let the camera focus" in found["Sharpness"]
    assert "100" in found["Single face present"]
