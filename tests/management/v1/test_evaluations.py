"""Evaluations over the control plane, by role and by resource."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.conftest import MASTER_KEY
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS, Resource
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.measuring import Measuring
from mien.gallery.recognisers import Recognisers
from mien.gallery.types import NewPerson
from mien.management import Role
from mien.management.application import ControlPlane
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.storage import MasterKey, Vault
from mien.vision.engine import FaceEngine
from mien.vision.types import Embedding


@pytest.fixture
def measured(quick: World, tmp_path: Path) -> World:
    """A control plane with a gallery, and a group of 30 people of three templates each."""
    parts = quick.parts
    store = ModelStore()
    recognisers = Recognisers.of(store, read_bindings(store, Path("nowhere")))
    vault = Vault(parts.database, MasterKey.from_hex(MASTER_KEY), parts.clock)
    gallery = open_gallery(
        parts.database, vault, parts.clock, tmp_path / "snapshots", engine=FaceEngine(store), recognisers=recognisers,
        detected_faces=DetectedFaces(parts.database, vault, parts.clock),
    )  # fmt: skip
    owner = parts.accounts.create("front", terms=DEVELOPMENT_TERMS).id
    ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
    gallery.collections.create(ref, "Staff", None, "recognition_04")
    random, fingerprint = np.random.default_rng(1), recognisers["recognition_04"].fingerprint
    people = []
    for number in range(30):
        near = random.normal(size=256) + 0.7 * random.normal(size=(3, 256))
        units = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        people.append(NewPerson(str(number), None, tuple(Embedding(unit, fingerprint, 9.0) for unit in units)))
    gallery.bulk.add_persons(ref, people)
    changed = replace(parts, evaluations=Measuring(gallery, recognisers, parts.audit))
    return replace(quick, parts=changed, plane=ControlPlane(changed))


@pytest.fixture
async def admin(measured: World) -> AsyncIterator[httpx.AsyncClient]:
    async with measured.client(measured.token(Role.ADMIN)) as client:
        yield client


PATH = "/mien/v1/resources/front"


async def test_a_group_is_measured_compared_applied_and_taken_back(measured: World, admin: httpx.AsyncClient) -> None:
    body = {"name": "may", "collection": "largePersonGroup/staff", "fmr": 0.01, "note": "door"}
    made = await admin.post(f"{PATH}/evaluations", json=body)
    assert made.status_code == 201
    assert made.json()["result"]["people"] == 30
    assert made.json()["source"] == "largePersonGroup/staff"
    assert (await admin.post(f"{PATH}/evaluations", json=body)).status_code == 409
    assert [one["name"] for one in (await admin.get(f"{PATH}/evaluations")).json()["value"]] == ["may"]
    assert (await admin.get(f"{PATH}/evaluations/may/compare/may")).json()["value"][0]["differs"] is False
    applied = (await admin.post(f"{PATH}/evaluations/may/apply", json={"collection": "largePersonGroup/staff"})).json()
    assert (applied["version"], applied["collection"], applied["fmr"]) == (1, "largePersonGroup/staff", 0.01)
    undone = await admin.post(f"{PATH}/calibrations/undo", json={"collection": "largePersonGroup/staff"})
    assert (undone.status_code, undone.json()["threshold"], undone.json()["undoes"]) == (200, None, 1)
    again = await admin.post(f"{PATH}/calibrations/undo", json={"collection": "largePersonGroup/staff"})
    assert again.status_code == 409
    assert len((await admin.get(f"{PATH}/calibrations")).json()["value"]) == 2
    assert (await admin.delete(f"{PATH}/evaluations/may")).status_code == 204
    assert (await admin.get(f"{PATH}/evaluations/may")).status_code == 404
    actions = [entry.action for entry in measured.parts.audit.search(action="calibration.*")]
    assert actions == ["calibration.undo", "calibration.apply"]


async def test_what_is_refused(measured: World, admin: httpx.AsyncClient) -> None:
    other: Resource = measured.parts.accounts.create("other", terms=DEVELOPMENT_TERMS)
    wanted = {"name": "may", "collection": "largePersonGroup/staff"}
    assert (await admin.post(f"/mien/v1/resources/{other.name}/evaluations", json=wanted)).status_code == 404
    for body, status in (
        ({**wanted, "collection": "staff"}, 400),
        ({**wanted, "collection": "largeFaceList/x"}, 400),
        ({**wanted, "name": "<b>"}, 400),
        ({**wanted, "fmr": 2}, 400),
        ({**wanted, "fmr": "nan"}, 400),
    ):
        assert (await admin.post(f"{PATH}/evaluations", json=body)).status_code == status, body
    few = await admin.post(f"{PATH}/evaluations", json=wanted)
    assert few.json()["result"]["missing"] == 216
    refused = await admin.post(f"{PATH}/evaluations/may/apply")
    assert refused.status_code == 409
    assert "216 more people" in refused.json()["error"]["message"]
    async with measured.client(measured.token(Role.READER)) as reader:
        assert (await reader.get(f"{PATH}/evaluations")).status_code == 200
        assert (await reader.post(f"{PATH}/evaluations", json=wanted)).status_code == 403
        assert (await reader.post(f"{PATH}/calibrations/undo")).status_code == 403
