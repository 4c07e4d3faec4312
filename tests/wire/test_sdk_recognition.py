"""Enrolling and searching with the vendor's Python SDKs, unmodified, against a real server process and real faces."""

from __future__ import annotations

import io
import time
from typing import Any
from uuid import uuid4

import pytest
from azure.ai.vision.face import FaceAdministrationClient, FaceClient
from azure.ai.vision.face.aio import FaceAdministrationClient as AsyncFaceAdministrationClient
from azure.ai.vision.face.aio import FaceClient as AsyncFaceClient
from azure.cognitiveservices.vision.face import FaceClient as OldFaceClient
from azure.cognitiveservices.vision.face.models import (
    APIErrorException,
    BlurLevel,
    ExposureLevel,
    GlassesType,
    NoiseLevel,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from msrest.authentication import CognitiveServicesCredentials
from tests.conftest import Server
from tests.second_resource import SUBSCRIPTION, file_resource
from tests.shared import azure_photo

from mien.accounts.subscriptions import DEFAULT_SUBSCRIPTION

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:msrest"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure"),
]
DETECT = {"detection_model": "detection_03", "recognition_model": "recognition_04", "return_face_id": True}
FAMILY = {"Dad": ("Family1-Dad1", "Family1-Dad2"), "Mom": ("Family1-Mom1",), "Son": ("Family1-Son1",)}
TOGETHER = "identification1"


def photo(name: str) -> bytes:
    return azure_photo(name).read_bytes()


def fresh(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"


def test_large_person_group_and_identify(server: Server) -> None:
    credential, group_id = AzureKeyCredential(server.key1), fresh("family")
    with (
        FaceAdministrationClient(server.endpoint, credential) as administration,
        FaceClient(server.endpoint, credential) as client,
    ):
        groups = administration.large_person_group
        groups.create(group_id, name="My Family", user_data="u", recognition_model="recognition_04")
        with pytest.raises(ResourceNotFoundError, match="Large person group not trained"):
            groups.get_training_status(group_id)
        persons = {}
        for name, photos in FAMILY.items():
            persons[name] = groups.create_person(group_id, name=name, user_data=name.lower()).person_id
            for taken in photos:
                face = groups.add_face(
                    group_id, persons[name], photo(taken), detection_model="detection_03", user_data=taken
                )
                read = groups.get_face(group_id, persons[name], face.persisted_face_id)
                assert (read.persisted_face_id, read.user_data) == (face.persisted_face_id, taken)
                groups.update_face(group_id, persons[name], face.persisted_face_id, user_data="seen")
                assert groups.get_face(group_id, persons[name], face.persisted_face_id).user_data == "seen"
        listed = groups.get_persons(group_id, top=2)
        listed += groups.get_persons(group_id, start=listed[-1].person_id)
        assert [person.person_id for person in listed] == sorted(persons.values())
        assert {person.name for person in listed} == set(FAMILY)
        dad = groups.get_person(group_id, persons["Dad"])
        assert len(dad.persisted_face_ids) == 2
        groups.update_person(group_id, persons["Dad"], name="Bill")
        assert groups.get_person(group_id, persons["Dad"]).user_data == "dad"

        faces = client.detect(photo(TOGETHER), **DETECT)
        face_ids = [face.face_id for face in faces]
        with pytest.raises(HttpResponseError, match="Large person group not trained") as caught:
            client.identify_from_large_person_group(face_ids=face_ids, large_person_group_id=group_id)
        assert caught.value.error is not None
        assert (caught.value.status_code, caught.value.error.code) == (400, "LargePersonGroupNotTrained")

        groups.begin_train(group_id, polling_interval=0.1).result()
        status = groups.get_training_status(group_id)
        assert status.status == "succeeded"
        assert status.last_successful_training_date_time is not None
        answers = client.identify_from_large_person_group(face_ids=face_ids, large_person_group_id=group_id)
        assert [answer.face_id for answer in answers] == face_ids
        best = [answer.candidates[0].person_id for answer in answers if answer.candidates]
        assert set(best) == set(persons.values())  # the fourth, their sister, looks like her family
        for answer in answers:
            assert all(0.5 <= candidate.confidence <= 1 for candidate in answer.candidates)
            for candidate in answer.candidates[:1]:
                verified = client.verify_from_large_person_group(
                    face_id=answer.face_id, large_person_group_id=group_id, person_id=candidate.person_id
                )
                assert verified.is_identical
                assert verified.confidence == pytest.approx(candidate.confidence, abs=0.02)

        found = groups.get(group_id, return_recognition_model=True)
        assert (found.name, found.user_data, found.recognition_model) == ("My Family", "u", "recognition_04")
        groups.update(group_id, name="Theirs")
        assert groups.get(group_id).name == "Theirs"
        assert group_id in [group.large_person_group_id for group in groups.get_large_person_groups()]
        groups.delete_face(group_id, persons["Dad"], dad.persisted_face_ids[0])
        groups.delete_person(group_id, persons["Mom"])
        with pytest.raises(ResourceNotFoundError, match="Person `"):
            groups.get_person(group_id, persons["Mom"])
        again = client.identify_from_large_person_group(face_ids=face_ids, large_person_group_id=group_id)
        returned = {candidate.person_id for answer in again for candidate in answer.candidates}
        assert persons["Mom"] not in returned
        groups.delete(group_id)
        with pytest.raises(ResourceNotFoundError, match="Large person group is not found"):
            groups.get(group_id)


def test_training_nothing_fails_and_says_why(server: Server) -> None:
    group_id = fresh("empty")
    with FaceAdministrationClient(server.endpoint, AzureKeyCredential(server.key1)) as administration:
        groups = administration.large_person_group
        groups.create(group_id, name="Nobody")
        with pytest.raises(HttpResponseError):
            groups.begin_train(group_id, polling_interval=0.1).result()
        status = groups.get_training_status(group_id)
        assert status.status == "failed"
        assert status.message


def test_find_similar_verify_and_group(server: Server) -> None:
    credential, list_id = AzureKeyCredential(server.key2), fresh("faces")
    names = ["Family1-Dad1", "Family1-Dad2", "Family1-Mom1", "Family1-Mom2"]
    with (
        FaceAdministrationClient(server.endpoint, credential) as administration,
        FaceClient(server.endpoint, credential) as client,
    ):
        ids = {name: client.detect(photo(name), **DETECT)[0].face_id for name in names}
        assert client.verify_face_to_face(face_id1=ids["Family1-Dad1"], face_id2=ids["Family1-Dad2"]).is_identical
        assert not client.verify_face_to_face(face_id1=ids["Family1-Dad1"], face_id2=ids["Family1-Mom1"]).is_identical
        grouped = client.group(face_ids=list(ids.values()))
        assert {frozenset(group) for group in grouped.groups} == {
            frozenset(ids[name] for name in names[:2]),
            frozenset(ids[name] for name in names[2:]),
        }
        assert grouped.messy_group == []
        similar = client.find_similar(face_id=ids["Family1-Dad1"], face_ids=list(ids.values())[1:])
        assert [face.face_id for face in similar] == [ids["Family1-Dad2"]]
        ranked = client.find_similar(face_id=ids["Family1-Dad1"], face_ids=list(ids.values())[1:], mode="matchFace")
        assert len(ranked) == 3
        assert ranked[0].face_id == ids["Family1-Dad2"]

        lists = administration.large_face_list
        lists.create(list_id, name="faces", recognition_model="recognition_04")
        kept = {
            name: lists.add_face(list_id, photo(name), detection_model="detection_03", user_data=name).persisted_face_id
            for name in names
        }
        assert {face.persisted_face_id for face in lists.get_faces(list_id)} == set(kept.values())
        lists.begin_train(list_id, polling_interval=0.1).result()
        found = client.find_similar_from_large_face_list(
            face_id=ids["Family1-Mom2"], large_face_list_id=list_id, max_num_of_candidates_returned=3
        )
        assert [face.persisted_face_id for face in found] == [kept["Family1-Mom2"], kept["Family1-Mom1"]]
        with pytest.raises(HttpResponseError, match="more than 1 face"):
            lists.add_face(list_id, photo(TOGETHER), detection_model="detection_03")
        largest = client.detect(photo(TOGETHER), **DETECT)[0].face_rectangle
        target = [largest.left, largest.top, largest.width, largest.height]
        lists.add_face(list_id, photo(TOGETHER), detection_model="detection_03", target_face=target)
        lists.delete_face(list_id, kept["Family1-Dad1"])
        with pytest.raises(ResourceNotFoundError, match="Large Face List Face"):
            lists.get_face(list_id, kept["Family1-Dad1"])
        lists.delete(list_id)


def test_models_that_differ_are_never_compared(server: Server) -> None:
    with FaceClient(server.endpoint, AzureKeyCredential(server.key1)) as client:
        newer = client.detect(photo("Family1-Dad1"), **DETECT)[0].face_id
        older = client.detect(photo("Family1-Dad2"), **(DETECT | {"recognition_model": "recognition_03"}))[0].face_id
        with pytest.raises(HttpResponseError, match="'recognitionModel' is incompatible") as caught:
            client.verify_face_to_face(face_id1=newer, face_id2=older)
        assert caught.value.status_code == 400


async def test_the_new_sdk_asynchronously(server: Server) -> None:
    credential, group_id = AzureKeyCredential(server.key1), fresh("async")
    async with (
        AsyncFaceAdministrationClient(server.endpoint, credential) as administration,
        AsyncFaceClient(server.endpoint, credential, api_version="v1.2") as client,
    ):
        groups = administration.large_person_group
        await groups.create(group_id, name="g", recognition_model="recognition_04")
        person = await groups.create_person(group_id, name="Dad")
        await groups.add_face(group_id, person.person_id, photo("Family1-Dad1"), detection_model="detection_03")
        poller = await groups.begin_train(group_id, polling_interval=0.1)
        await poller.result()
        (face,) = await client.detect(photo("Family1-Dad3"), **DETECT)
        (stranger,) = await client.detect(photo("Family1-Mom1"), **DETECT)
        known, unknown = await client.identify_from_large_person_group(
            face_ids=[face.face_id, stranger.face_id], large_person_group_id=group_id
        )
        assert [candidate.person_id for candidate in known.candidates] == [person.person_id]
        assert unknown.candidates == []
        await groups.delete(group_id)


def wait_for_training(collection: Any, collection_id: str) -> Any:
    """Poll as the programs of v1.0's time do."""
    collection.train(collection_id)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        status = collection.get_training_status(collection_id)
        if str(status.status).endswith(("succeeded", "failed")):
            return status
        time.sleep(0.05)
    raise TimeoutError(collection_id)


def test_the_old_sdk(server: Server) -> None:
    group_id, list_id = fresh("old"), fresh("list")
    with OldFaceClient(server.endpoint, CognitiveServicesCredentials(server.key1)) as client:
        client.person_group.create(group_id, name="family", recognition_model="recognition_04")
        person = client.person_group_person.create(group_id, name="Dad", user_data="u")
        face = client.person_group_person.add_face_from_stream(
            group_id, person.person_id, io.BytesIO(photo("Family1-Dad1")), detection_model="detection_03"
        )
        assert client.person_group_person.get(group_id, person.person_id).persisted_face_ids == [face.persisted_face_id]
        assert [entry.name for entry in client.person_group_person.list(group_id)] == ["Dad"]
        with pytest.raises(APIErrorException) as caught:
            client.person_group.get_training_status(group_id)
        assert caught.value.error.error.code == "PersonGroupNotTrained"
        status = wait_for_training(client.person_group, group_id)
        assert str(status.status).endswith("succeeded")
        assert status.last_successful_training is not None

        (probe,) = client.face.detect_with_stream(
            io.BytesIO(photo("Family1-Dad2")), recognition_model="recognition_04", detection_model="detection_03"
        )
        (answer,) = client.face.identify([probe.face_id], person_group_id=group_id)
        assert [candidate.person_id for candidate in answer.candidates] == [person.person_id]
        verified = client.face.verify_face_to_person(probe.face_id, person.person_id, person_group_id=group_id)
        assert verified.is_identical

        client.face_list.create(list_id, name="faces", recognition_model="recognition_04")
        with pytest.raises(APIErrorException) as caught:
            client.face.find_similar(probe.face_id, face_list_id=list_id)
        assert caught.value.error.error.code == "FaceListNotReady"
        kept = client.face_list.add_face_from_stream(
            list_id, io.BytesIO(photo("Family1-Dad1")), user_data="d", detection_model="detection_03"
        )
        (face_list,) = [entry for entry in client.face_list.list() if entry.face_list_id == list_id]
        assert face_list.name == "faces"
        stored = client.face_list.get(list_id, return_recognition_model=True)
        assert stored.recognition_model == "recognition_04"
        assert [(entry.persisted_face_id, entry.user_data) for entry in stored.persisted_faces] == [
            (kept.persisted_face_id, "d")
        ]
        (similar,) = client.face.find_similar(probe.face_id, face_list_id=list_id)
        assert similar.persisted_face_id == kept.persisted_face_id
        client.face_list.update(list_id, name="renamed")
        client.face_list.delete_face(list_id, kept.persisted_face_id)
        client.face_list.delete(list_id)
        client.person_group.delete(group_id)
        with pytest.raises(APIErrorException) as caught:
            client.person_group.get(group_id)
        assert caught.value.error.error.code == "PersonGroupNotFound"


def test_training_is_asked_for_where_the_caller_is(server: Server) -> None:
    group_id = fresh("where")
    with server.client() as client:
        client.put(f"/face/v1.0/persongroups/{group_id}", json={"name": "g"})
        response = client.post(f"/face/v1.0/persongroups/{group_id}/train", headers={"X-Forwarded-Host": "evil.test"})
        assert response.status_code == 202
        where = response.headers["operation-location"]
        assert where == f"{server.endpoint}/face/v1.0/persongroups/{group_id}/training"
        assert client.get(where).status_code == 200


def test_snapshots_of_the_old_sdk(server: Server) -> None:
    source, copy, target_key = fresh("source"), fresh("copy"), file_resource(server, fresh("target"))
    with (
        OldFaceClient(server.endpoint, CognitiveServicesCredentials(server.key1)) as client,
        OldFaceClient(server.endpoint, CognitiveServicesCredentials(target_key)) as target,
    ):

        def location_of(call: Any, *given: Any, asked: OldFaceClient = client, **named: Any) -> str:
            """Wait for what was begun and return what it made, as the vendor's sample does."""
            response = call(*given, raw=True, **named)
            operation = response.response.headers["Operation-Location"].replace("/operations/", "")
            deadline = time.monotonic() + 240
            while time.monotonic() < deadline:
                status = asked.snapshot.get_operation_status(operation)
                if str(status.status).endswith("succeeded"):
                    return str(status.resource_location)
                assert not str(status.status).endswith("failed"), status.message
                time.sleep(0.05)
            raise TimeoutError(operation)

        client.person_group.create(source, name="family", recognition_model="recognition_04")
        person = client.person_group_person.create(source, name="Dad")
        client.person_group_person.add_face_from_stream(
            source, person.person_id, io.BytesIO(photo("Family1-Dad1")), detection_model="detection_03"
        )
        wait_for_training(client.person_group, source)
        scope = [DEFAULT_SUBSCRIPTION, SUBSCRIPTION]  # as in the vendor's sample: the source's and the target's
        taken = location_of(client.snapshot.take, "PersonGroup", source, scope, user_data="u")
        snapshot_id = taken.replace("/snapshots/", "")
        snapshot = client.snapshot.get(snapshot_id)
        assert (str(snapshot.type).rpartition(".")[2].lower(), snapshot.user_data) in {
            ("persongroup", "u"),
            ("person_group", "u"),
        }
        assert snapshot_id in [entry.id for entry in client.snapshot.list()]
        assert location_of(client.snapshot.apply, snapshot_id, copy) == f"/persongroups/{copy}"
        (probe,) = client.face.detect_with_stream(
            io.BytesIO(photo("Family1-Dad2")), recognition_model="recognition_04", detection_model="detection_03"
        )
        (answer,) = client.face.identify([probe.face_id], person_group_id=copy)  # its training came with it
        assert [candidate.person_id for candidate in answer.candidates] == [person.person_id]
        there = location_of(target.snapshot.apply, snapshot_id, copy, asked=target)
        assert there == f"/persongroups/{copy}"
        assert [found.person_id for found in target.person_group_person.list(copy)] == [person.person_id]
        assert str(target.person_group.get_training_status(copy).status).endswith("succeeded")
        client.snapshot.update(snapshot_id, user_data="seen")
        assert client.snapshot.get(snapshot_id).user_data == "seen"
        client.snapshot.delete(snapshot_id)
        for group_id in (source, copy):
            client.person_group.delete(group_id)


def test_the_old_sdk_reads_the_attributes_of_v1_as_they_are_sent(server: Server) -> None:
    names = ["glasses", "blur", "exposure", "noise"]
    with OldFaceClient(server.endpoint, CognitiveServicesCredentials(server.key1)) as client:
        (face,) = client.face.detect_with_stream(io.BytesIO(photo("Family1-Mom1")), return_face_attributes=names)
    attributes = face.face_attributes
    assert attributes.glasses is GlassesType.no_glasses
    assert attributes.blur.blur_level in set(BlurLevel)
    assert attributes.exposure.exposure_level in set(ExposureLevel)
    assert attributes.noise.noise_level in set(NoiseLevel)
    with server.client() as raw:
        sent = raw.post(
            "/face/v1.0/detect?returnFaceAttributes=glasses,qualityForRecognition&recognitionModel=recognition_04",
            content=photo("Family1-Mom1"),
            headers={"Content-Type": "application/octet-stream"},
        ).json()[0]["faceAttributes"]
    assert (sent["glasses"], sent["qualityForRecognition"]) == (
        "NoGlasses",
        "high",
    )  # a published quickstart compares both
