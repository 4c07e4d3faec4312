"""Negatives over the control plane, by role."""

from __future__ import annotations

from dataclasses import replace

import httpx
import numpy as np
from tests.management.conftest import World

from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.negatives.service import Negatives
from mien.gallery.policy import EnrolmentPolicy
from mien.management import Role
from mien.vision.types import Embedding

PATH = "/mien/v1/resources/front/negatives"


async def test_negatives_are_added_listed_and_removed(measured: World) -> None:
    assert measured.parts.evaluations is not None
    gallery = measured.parts.evaluations._gallery
    negatives: Negatives = gallery.negatives
    parts = replace(measured.parts, negatives=negatives)
    world = replace(measured, parts=parts)
    resource = parts.accounts.named("front")
    assert resource is not None
    ref = CollectionRef(resource.id, Kind.LARGE_PERSON_GROUP, "staff")
    (person, *_) = gallery.persons.page(ref)
    faces: DetectedFaces = gallery.recognition.probes.faces
    vector = np.full(256, 1 / 16, np.float32)
    fingerprint = gallery.rows.get(ref).fingerprint
    (face_id,) = faces.remember(resource.id, "recognition_04", [Embedding(vector, fingerprint, 9.0)], 600)
    body = {"collection": "largePersonGroup/staff", "personId": person.person_id, "faceId": face_id}
    async with world.client(world.token(Role.ENROLLER)) as enroller, world.client(world.token(Role.READER)) as reader:
        refused = await enroller.post(PATH, json=body)
        assert (refused.status_code, "--negatives" in refused.json()["error"]["message"]) == (409, True)
        gallery.policies.set(resource.id, EnrolmentPolicy(negatives=True))
        made = await enroller.post(PATH, json=body)
        assert made.status_code == 201
        assert made.json()["origin"] == "face"
        await check_refusals(enroller, body)
        assert (await reader.post(PATH, json=body)).status_code == 403
        (seen,) = (await reader.get(PATH, params={"personId": person.person_id})).json()["value"]
        assert (seen["id"], seen["inUse"]) == (made.json()["id"], True)
        assert (await reader.delete(f"{PATH}/{seen['id']}")).status_code == 403
        assert (await enroller.delete(f"{PATH}/{seen['id']}")).status_code == 204
        assert (await enroller.delete(f"{PATH}/{seen['id']}")).status_code == 404
    actions = [entry.action for entry in parts.audit.search(action="negative.*")]
    assert actions == ["negative.remove", "negative.add"]


async def check_refusals(client: httpx.AsyncClient, body: dict[str, str]) -> None:
    for changed, status in (
        ({**body, "photo": "AAAA"}, 400),
        ({**body, "faceId": None}, 400),
        ({**body, "collection": "staff"}, 400),
        ({**body, "personId": "00000000-0000-0000-0000-000000000001"}, 404),
        ({**body, "collection": "largePersonGroup/none"}, 404),
    ):
        assert (await client.post(PATH, json=changed)).status_code == status, changed
