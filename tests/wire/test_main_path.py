"""The main path on free portraits, in every clone: detect, compare, enrol, train and find with the vendor's SDK."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from azure.ai.vision.face import FaceAdministrationClient, FaceClient
from azure.core.credentials import AzureKeyCredential
from tests import portraits
from tests.conftest import Server

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure"),
]
DETECT = {"detection_model": "detection_03", "recognition_model": "recognition_04", "return_face_id": True}


def portrait(name: str) -> bytes:
    path: Path | None = portraits.portrait(name)
    if path is None:
        pytest.skip("needs the free portraits (python -m tests.portraits)")
    return path.read_bytes()


def test_a_person_of_two_portraits_is_found_in_a_third_and_somebody_else_is_not(server: Server) -> None:
    first, second, third = (portrait(name) for name in portraits.PERSON)
    other = portrait(portraits.OTHER)
    credential, group_id = AzureKeyCredential(server.key1), f"portraits-{uuid4().hex[:8]}"
    with (
        FaceAdministrationClient(server.endpoint, credential) as administration,
        FaceClient(server.endpoint, credential) as client,
    ):
        ((one,), (same,), (stranger,)) = (client.detect(photo, **DETECT) for photo in (first, third, other))
        verified = client.verify_face_to_face(face_id1=one.face_id, face_id2=same.face_id)
        assert verified.is_identical
        assert verified.confidence >= 0.5
        refused = client.verify_face_to_face(face_id1=one.face_id, face_id2=stranger.face_id)
        assert not refused.is_identical
        assert refused.confidence < 0.5

        groups = administration.large_person_group
        groups.create(group_id, name="Portraits", recognition_model="recognition_04")
        try:
            person = groups.create_person(group_id, name="President").person_id
            for photo in (first, second):
                groups.add_face(group_id, person, photo, detection_model="detection_03")
            groups.begin_train(group_id, polling_interval=0.1).result()
            found, nobody = client.identify_from_large_person_group(
                face_ids=[same.face_id, stranger.face_id], large_person_group_id=group_id
            )
            assert [candidate.person_id for candidate in found.candidates] == [person]
            assert nobody.candidates == []
        finally:
            groups.delete(group_id)

        similar = client.find_similar(face_id=one.face_id, face_ids=[same.face_id, stranger.face_id])
        assert [match.face_id for match in similar] == [same.face_id]
        grouped = client.group(face_ids=[one.face_id, same.face_id, stranger.face_id])
        assert [set(group) for group in grouped.groups] == [{one.face_id, same.face_id}]
        assert grouped.messy_group == [stranger.face_id]
