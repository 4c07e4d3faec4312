"""The errors of recognition, provoked in a real gallery on a real database through the real ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.conftest import MASTER_KEY, sqlite_database
from tests.gallery.texts import TextEngine, photo, recognisers
from tests.manual_clock import ManualClock
from tests.wire.conftest import DETECTION

from mien.accounts import DEVELOPMENT_TERMS, AccessRequests, Accounts, Sku
from mien.contract.versions import V1_0, V1_2, V1_2_PREVIEW
from mien.events import AuditLog
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.directory.services import open_directory
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import Kind
from mien.gallery.quotas import Limits, Quotas
from mien.storage import Database, MasterKey, Vault, migrate
from mien.wire.application import Application, ApplicationParts
from mien.wire.detect import ModelLabels
from mien.wire.families import FAMILIES, LARGE_FACE_LIST, Family

NOBODY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TIGHT = {
    Kind.FACE_LIST: Limits(2, 0, 0, 2),
    Kind.LARGE_FACE_LIST: Limits(2, 0, 0, 2),
    Kind.PERSON_GROUP: Limits(2, 2, 3, 2),
    Kind.LARGE_PERSON_GROUP: Limits(2, 2, 3, 2),
    Kind.DIRECTORY: Limits(8, 2, 2, 2),
}
GROUPS = [family for family in FAMILIES if family.kind.has_persons]
TRAINED = [family for family in FAMILIES if family.kind.trained]
by_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
by_group = pytest.mark.parametrize("family", GROUPS, ids=lambda family: family.name)
by_trained = pytest.mark.parametrize("family", TRAINED, ids=lambda family: family.name)


@dataclass
class Api:
    """Calls and what came back.

    Attributes:
        client: with a good key.
        gallery: behind it; its training threads do not run.
        clock: of the server.
        engine: that finds the faces.
        owner_id: the resource.
        version: of the API.
    """

    client: httpx.AsyncClient
    gallery: Gallery
    clock: ManualClock
    engine: TextEngine
    owner_id: UUID
    version: str = V1_2.name

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        response = await self.client.request(
            method, f"/face/{self.version}{path}", headers={"Content-Type": kind}, **sent
        )
        assert response.status_code == expect, response.text
        return response.json() if response.content else None

    async def refused(self, status: int, code: str, message: str, method: str, path: str, body: Any = None) -> None:
        error = (await self.call(method, path, body, expect=status))["error"]
        assert (error["code"], error["message"]) == (code, message)

    async def detect(self, seed: int, model: str = "recognition_04") -> str:
        (face,) = await self.call("POST", f"/detect?recognitionModel={model}", photo({"seed": seed}))
        return str(face["faceId"])

    async def make(self, family: Family, name: str = "g", model: str = "recognition_04") -> str:
        await self.call("PUT", f"{family.path}/{name}", {"name": name, "recognitionModel": model})
        return f"{family.path}/{name}"

    async def owner(self, family: Family, name: str = "g") -> str:
        """Make a collection, and a person where faces belong to persons; return the path of their owner."""
        path = await self.make(family, name)
        if not family.kind.has_persons:
            return path
        person = await self.call("POST", f"{path}/persons", {"name": "Ann"})
        return f"{path}/persons/{person['personId']}"

    async def enrol(self, owner: str, seed: int) -> str:
        added = await self.call("POST", f"{owner}/persistedfaces", photo({"seed": seed}))
        return str(added["persistedFaceId"])

    async def train(self, path: str) -> None:
        await self.call("POST", f"{path}/train", expect=202)
        self.gallery.training.run_pending()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    sqlite_database(tmp_path / "mien.db").close()
    async with open_api(f"sqlite:///{tmp_path / 'mien.db'}", tmp_path) as opened:
        yield opened


@asynccontextmanager
async def open_api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """Put the real application together on a database."""
    clock, database = ManualClock(), Database(database_url)
    migrate(database)
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    accounts, faces, engine = Accounts(database, vault, clock), DetectedFaces(database, vault, clock), TextEngine()
    resource = accounts.create("wire", terms=DEVELOPMENT_TERMS)
    AccessRequests(database, clock, AuditLog(database, clock, vault)).approve_for_development(resource)
    key = accounts.keys(resource.id).key1
    gallery = open_gallery(
        database,
        vault,
        clock,
        tmp_path / "snapshots",
        engine=engine,
        recognisers=recognisers(),
        detected_faces=faces,
        quotas=Quotas(dict.fromkeys(Sku, TIGHT), dynamic_groups=2),
    )
    labels = ModelLabels(DETECTION, {f"recognition_0{n}": "text" for n in range(1, 5)})
    directory = open_directory(gallery, database, vault, clock, engine=engine, recognisers=recognisers())
    parts = ApplicationParts(
        accounts=accounts,
        engine=engine,
        memory=faces,
        download=lambda _url: photo(),
        labels=labels,
        gallery=gallery,
        directory=directory,
        on_shutdown=[database.close],
    )
    application = Application(parts)
    transport = httpx.ASGITransport(application)
    headers = {"Ocp-Apim-Subscription-Key": key}
    async with httpx.AsyncClient(transport=transport, base_url="http://mien.test", headers=headers) as client:
        yield Api(client, gallery, clock, engine, resource.id)
    application.close()


@by_family
async def test_collections(family: Family, api: Api) -> None:
    path, name, noun = family.path, family.name, family.noun
    invalid = f"{noun} ID is invalid."
    await api.refused(400, "BadArgument", invalid, "PUT", f"{path}/Upper", {"name": "n"})
    await api.refused(400, "BadArgument", invalid, "PUT", f"{path}/{'x' * 65}", {"name": "n"})
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"name": "n"})):
        await api.refused(404, f"{name}NotFound", f"{noun} is not found.", method, f"{path}/g", body)
        await api.refused(404, f"{name}NotFound", invalid, method, f"{path}/NO!", body)
    await api.refused(400, "BadArgument", "'name' is empty.", "PUT", f"{path}/g", {"name": "  "})
    await api.refused(400, "BadArgument", "'name' is too long.", "PUT", f"{path}/g", {"name": "n" * 129})
    body = {"name": "n", "userData": "u" * 16385}
    await api.refused(400, "BadArgument", "'userData' is too long.", "PUT", f"{path}/g", body)
    await api.make(family)
    await api.refused(409, f"{name}Exists", f"{noun} already exists.", "PUT", f"{path}/g", {"name": "n"})
    empty = "Both 'name' and 'userData' are empty."
    await api.refused(400, "BadArgument", empty, "PATCH", f"{path}/g", {})
    await api.call("PATCH", f"{path}/g", {"userData": "new"})
    got = await api.call("GET", f"{path}/g")
    assert {key: got[key] for key in (family.id_name, "name", "userData")} == {
        family.id_name: "g",
        "name": "g",
        "userData": "new",
    }
    await api.make(family, "h")
    limit = {
        "FaceList": "Face List number reached limit.",
        "LargeFaceList": "Large Face List number reached limit.",
    }.get(name, f"{noun} number reached subscription level limit.")
    await api.refused(403, "QuotaExceeded", limit, "PUT", f"{path}/i", {"name": "n"})
    listed = await api.call("GET", f"{path}?returnRecognitionModel=true")
    assert [(entry[family.id_name], entry["recognitionModel"]) for entry in listed] == [
        ("g", "recognition_04"),
        ("h", "recognition_04"),
    ]
    await api.call("DELETE", f"{path}/g")
    assert [entry[family.id_name] for entry in await api.call("GET", path)] == ["h"]


@by_group
async def test_persons(family: Family, api: Api) -> None:
    path = await api.make(family)
    several = f"{path}/persons"
    ids = [(await api.call("POST", several, {"name": name}))["personId"] for name in ("Ann", "Bob")]
    limit = f"Person number reached {family.noun.lower()} level limit."
    await api.refused(403, "QuotaExceeded", limit, "POST", several, {"name": "Cid"})
    other = await api.make(family, "h")
    await api.call("POST", f"{other}/persons", {"name": "Cid"})
    everywhere = "Person number reached subscription level limit."
    await api.refused(403, "QuotaExceeded", everywhere, "POST", f"{other}/persons", {"name": "Dan"})
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"name": "n"})):
        missing = f"Person `{NOBODY}` is not found."
        await api.refused(404, "PersonNotFound", missing, method, f"{several}/{NOBODY}", body)
        await api.refused(404, "PersonNotFound", "Person ID is invalid.", method, f"{several}/x", body)
    await api.refused(400, "BadArgument", "'name' is empty.", "POST", several, {})
    first = await api.call("GET", f"{several}?top=1")
    rest = await api.call("GET", f"{several}?start={first[0]['personId']}")
    assert [person["personId"] for person in first + rest] == sorted(ids)
    await api.call("DELETE", f"{several}/{ids[0]}")
    assert [person["personId"] for person in await api.call("GET", several)] == [ids[1]]


@by_family
async def test_faces(family: Family, api: Api) -> None:
    owner = await api.owner(family)
    faces = f"{owner}/persistedfaces"
    two = photo({"seed": 1, "box": (10, 10, 80, 80)}, {"seed": 2, "box": (300, 200, 80, 80)})
    await api.refused(400, "InvalidImage", "No face detected in the image.", "POST", faces, photo())
    await api.refused(400, "InvalidImage", "There is more than 1 face in the image.", "POST", faces, two)
    out = "Argument targetFace out of range."
    await api.refused(400, "BadArgument", out, "POST", f"{faces}?targetFace=600,400,100,100", two)
    added = await api.call("POST", f"{faces}?targetFace=290,190,100,100&userData=u", two)
    face = f"{faces}/{added['persistedFaceId']}"
    await api.enrol(owner, 3)
    limit = "Persisted face number reached limit."
    await api.refused(403, "QuotaExceeded", limit, "POST", faces, photo({"seed": 4}))
    lost, invalid = "PersistedFaceNotFound", "Persisted face ID is invalid."
    unnamed = "Persisted face is not found."
    named = f"Persisted face `{NOBODY}` is not found."
    if family is LARGE_FACE_LIST:
        unnamed = named = f"Large Face List Face `{NOBODY}` is not found."
    await api.refused(404, lost, unnamed, "DELETE", f"{faces}/{NOBODY}")
    await api.refused(404, lost, invalid, "DELETE", f"{faces}/x")
    if family.kind is not Kind.FACE_LIST:
        await api.refused(404, lost, named, "GET", f"{faces}/{NOBODY}")
        await api.refused(404, lost, invalid, "GET", f"{faces}/x")
        await api.refused(404, lost, unnamed, "PATCH", f"{faces}/{NOBODY}", {"userData": "u"})
        long = {"userData": "u" * 1025}
        await api.refused(400, "BadArgument", "'userData' is too long.", "PATCH", face, long)
        await api.call("PATCH", face, {"userData": "seen"})
        assert await api.call("GET", face) == {"persistedFaceId": added["persistedFaceId"], "userData": "seen"}
    await api.call("DELETE", face)


@by_trained
async def test_training(family: Family, api: Api) -> None:
    owner = await api.owner(family)
    path = f"{family.path}/g"
    never, busy = f"{family.noun} not trained.", f"{family.noun} is under training."
    await api.refused(404, f"{family.name}NotTrained", never, "GET", f"{path}/training")
    await api.enrol(owner, 1)
    probe = await api.detect(1)
    search: tuple[Any, ...] = ("POST", "/identify", {"faceIds": [probe], family.id_name: "g"})
    untrained = never
    if family is LARGE_FACE_LIST:
        search = ("POST", "/findsimilars", {"faceId": probe, family.id_name: "g"})
        untrained = "Large face list is not trained."
    await api.refused(400, f"{family.name}NotTrained", untrained, *search)
    await api.call("POST", f"{path}/train", expect=202)  # nothing trains it yet
    code = f"{family.name}TrainingNotFinished"
    await api.refused(409, code, busy, *search)
    await api.refused(409, code, busy, "POST", f"{owner}/persistedfaces", photo({"seed": 2}))
    assert (await api.call("GET", f"{path}/training"))["status"] in {"notStarted", "running"}
    api.gallery.training.run_pending()
    status = await api.call("GET", f"{path}/training")
    assert status["status"] == "succeeded"
    assert status["lastSuccessfulTrainingDateTime"] is not None
    (found,) = await api.call(*search)
    assert found.get("confidence") or found["candidates"][0]["confidence"]


async def test_identify_and_verify(api: Api) -> None:
    for family in GROUPS:
        owner = await api.owner(family)
        code, noun = f"{family.name}NotFound", family.noun
        probe, older = await api.detect(1), await api.detect(1, "recognition_03")
        scope, person_id = {family.id_name: "g"}, owner.rpartition("/")[2]
        person = {"faceId": probe, "personId": person_id, **scope}
        nothing = "No persisted face of the person is found."
        await api.refused(404, "PersistedFaceNotFound", nothing, "POST", "/verify", person)
        await api.enrol(owner, 1)
        await api.train(f"{family.path}/g")
        (answer,) = await api.call("POST", "/identify", {"faceIds": [probe], **scope})
        assert [candidate["personId"] for candidate in answer["candidates"]] == [person_id]
        assert (await api.call("POST", "/verify", person))["isIdentical"]
        for call in (("/identify", {"faceIds": [older], **scope}), ("/verify", {**person, "faceId": older})):
            await api.refused(400, "BadArgument", "'recognitionModel' is incompatible.", "POST", *call)
        lost = {"faceIds": [NOBODY], **scope}
        await api.refused(400, "FaceNotFound", "Face is not found.", "POST", "/identify", lost)
        nowhere = {"faceIds": [probe], family.id_name: "none"}
        await api.refused(400, code, f"{noun} is not found.", "POST", "/identify", nowhere)
        await api.refused(
            400, "BadArgument", f"{noun} ID is invalid.", "POST", "/identify", {**nowhere, family.id_name: "NO!"}
        )
        capital = "Large Person Group" if "Large" in noun else "Person Group"
        await api.refused(400, code, f"{capital} is not found.", "POST", "/verify", {**person, family.id_name: "none"})
        wrong = {**person, family.id_name: "NO!"}
        await api.refused(400, "BadArgument", f"{noun} ID is invalid.", "POST", "/verify", wrong)
        await api.refused(
            404, "PersonNotFound", "Person is not found.", "POST", "/verify", {**person, "personId": NOBODY}
        )
        bad = {**person, "personId": "x"}
        await api.refused(400, "BadArgument", "Person ID is invalid.", "POST", "/verify", bad)
        nil = {**person, "personId": "00000000-0000-0000-0000-000000000000"}
        await api.refused(400, "PersonNotFound", "Person is not found.", "POST", "/verify", nil)
        await api.refused(404, "FaceNotFound", "Face is not found.", "POST", "/verify", {**person, "faceId": NOBODY})
        await api.refused(400, "BadArgument", "Face ID is invalid.", "POST", "/verify", {**person, "faceId": "x"})


async def test_find_similar_and_group(api: Api) -> None:
    probe, same, other = await api.detect(1), await api.detect(1), await api.detect(2)
    older = await api.detect(1, "recognition_03")
    incompatible = "'recognitionModel' is incompatible."
    for path, body in (
        ("/verify", {"faceId1": probe, "faceId2": older}),
        ("/findsimilars", {"faceId": probe, "faceIds": [older]}),
        ("/group", {"faceIds": [probe, older]}),
    ):
        await api.refused(400, "BadArgument", incompatible, "POST", path, body)
    found = await api.call("POST", "/findsimilars", {"faceId": probe, "faceIds": [other, same]})
    assert [face["faceId"] for face in found] == [same]
    grouped = await api.call("POST", "/group", {"faceIds": [probe, other, same]})
    assert [sorted(group) for group in grouped["groups"]] == [sorted([probe, same])]
    assert grouped["messyGroup"] == [other]
    await api.refused(400, "FaceNotFound", "Face is not found.", "POST", "/group", {"faceIds": [probe, NOBODY]})
    lost = {"faceId": NOBODY, "faceIds": [probe]}
    await api.refused(400, "FaceNotFound", "Face is not found.", "POST", "/findsimilars", lost)
    for family in FAMILIES[:2]:
        body = {"faceId": probe, family.id_name: "l"}
        missing = f"{family.noun} is not found."
        await api.refused(400, f"{family.name}NotFound", missing, "POST", "/findsimilars", body)
        wrong = {**body, family.id_name: "NO!"}
        await api.refused(400, "BadArgument", f"{family.noun} ID is invalid.", "POST", "/findsimilars", wrong)
        path = await api.make(family, "l")
        if family.kind is Kind.FACE_LIST:
            await api.refused(400, "FaceListNotReady", "Face list is empty.", "POST", "/findsimilars", body)
        face_id = await api.enrol(path, 1)
        if family.kind.trained:
            await api.train(path)
        (similar,) = await api.call("POST", "/findsimilars", body)
        assert similar["persistedFaceId"] == face_id
        await api.refused(400, "BadArgument", incompatible, "POST", "/findsimilars", {**body, "faceId": older})


async def test_a_duplicate_is_told_of(api: Api) -> None:
    owner = await api.owner(LARGE_FACE_LIST)
    first = await api.enrol(owner, 1)
    path, kind = f"/face/v1.2{owner}/persistedfaces", {"Content-Type": "application/octet-stream"}
    again = await api.client.post(path, content=photo({"seed": 1}), headers=kind)
    assert again.status_code == 200
    assert f"the same photo as persisted face {first}" in again.headers["x-mien-duplicates"]


async def test_face_ids_end_to_the_second(api: Api) -> None:
    probe, other = await api.detect(1), await api.detect(1)
    api.clock.advance(timedelta(seconds=86399))
    await api.call("POST", "/verify", {"faceId1": probe, "faceId2": other})
    api.clock.advance(timedelta(seconds=1))
    gone = ("POST", "/verify", {"faceId1": probe, "faceId2": other})
    await api.refused(404, "FaceNotFound", "Face is not found.", *gone)


async def test_the_person_directory(api: Api) -> None:
    api.version = V1_2_PREVIEW.name
    bad, lost, model = "BadArgument", "PersistedFaceNotFound", "recognitionModels/recognition_04"
    made = await api.call("POST", "/persons", {"name": "Ann"}, 202)
    person = f"/persons/{made['personId']}"
    faces = f"{person}/{model}/persistedfaces"
    await api.call("POST", "/persons", {"name": "Bob"}, 202)
    limit = "Person number reached subscription level limit."
    await api.refused(403, "QuotaExceeded", limit, "POST", "/persons", {"name": "Cid"})
    await api.refused(404, "PersonNotFound", "Person is not found.", "GET", f"/persons/{NOBODY}")
    await api.refused(404, "PersonNotFound", "Person ID is invalid.", "GET", "/persons/x")
    await api.refused(400, bad, "'start' is not valid person ID.", "GET", "/persons?start=x")
    await api.refused(400, bad, "Both 'name' and 'userData' are empty.", "PATCH", person, {})
    unknown = "Recognition model is not supported for this feature."
    await api.refused(400, bad, unknown, "GET", faces.replace("_04", "_09"))
    probe = await api.detect(1)
    verify = {"faceId": probe, "personId": made["personId"]}
    nothing = "No persisted face of the person is found."
    await api.refused(404, lost, nothing, "POST", "/verify", verify)
    added = await api.call("POST", faces, photo({"seed": 1}), 202)
    assert (await api.call("POST", "/verify", verify))["isIdentical"]
    await api.call("POST", faces, photo({"seed": 2}), 202)
    limit = "Persisted face number reached limit."
    await api.refused(403, "QuotaExceeded", limit, "POST", faces, photo({"seed": 3}))
    named = f"Persisted face `{NOBODY}` is not found."
    await api.refused(404, lost, named, "GET", f"{faces}/{NOBODY}")
    await api.refused(404, lost, "Persisted face is not found.", "DELETE", f"{faces}/{NOBODY}")
    await api.refused(404, lost, "Persisted Face ID is invalid.", "GET", f"{faces}/x")
    listed = await api.call("GET", faces)
    assert (listed["personId"], len(listed["persistedFaceIds"])) == (made["personId"], 2)
    assert added["persistedFaceId"] in listed["persistedFaceIds"]
    for scope in ({"personIds": ["*"]}, {"personIds": [made["personId"]]}):
        (answer,) = await api.call("POST", "/identify", {"faceIds": [probe], **scope})
        assert [candidate["personId"] for candidate in answer["candidates"]] == [made["personId"]]

    group, missing = "/dynamicpersongroups/g", "DynamicPersonGroupNotFound"
    await api.call("PUT", group, {"name": "g", "addPersonIds": [made["personId"]]}, 202)
    exists = "Dynamic person group ID `g` already exists."
    await api.refused(409, "DynamicPersonGroupExists", exists, "PUT", group, {"name": "g"})
    await api.refused(404, missing, "Dynamic person group was not found.", "GET", f"{group}x")
    await api.refused(400, missing, "Dynamic person group ID is invalid.", "GET", "/dynamicpersongroups/NO!")
    reference = "DynamicPersonGroupPersonReference `gx` is not found."
    await api.refused(404, missing, reference, "GET", f"{group}x/persons")
    assert await api.call("GET", f"{group}/persons") == {"personIds": [made["personId"]]}
    assert await api.call("GET", f"{person}/dynamicPersonGroupReferences") == {"dynamicPersonGroupIds": ["g"]}
    identify = {"faceIds": [probe], "dynamicPersonGroupId": "g"}
    (answer,) = await api.call("POST", "/identify", identify)
    assert [candidate["personId"] for candidate in answer["candidates"]] == [made["personId"]]
    nowhere, wrong = {**identify, "dynamicPersonGroupId": "gx"}, {**identify, "dynamicPersonGroupId": "NO!"}
    await api.refused(400, missing, "Dynamic person group is not found.", "POST", "/identify", nowhere)
    await api.refused(400, bad, "Dynamic person group ID is invalid.", "POST", "/identify", wrong)
    await api.call("PUT", "/dynamicpersongroups/h", {"name": "h"})
    limit = "Dynamic person group number reached subscription level limit."
    await api.refused(403, "QuotaExceeded", limit, "PUT", "/dynamicpersongroups/i", {"name": "i"})
    await api.call("DELETE", person, expect=202)
    (answer,) = await api.call("POST", "/identify", identify)
    assert answer["candidates"] == []


async def test_operations_and_snapshots(api: Api) -> None:
    api.version = V1_0.name
    lost = "Operation is not found."
    await api.refused(404, "OperationNotFound", lost, "GET", f"/operations/{NOBODY}")
    await api.refused(404, "OperationNotFound", lost, "GET", "/operations/x")
    await api.refused(404, "SnapshotNotFound", "Snapshot is not found.", "GET", f"/snapshots/{NOBODY}")
    await api.refused(404, "SnapshotNotFound", "Snapshot is not found.", "DELETE", "/snapshots/x")
    take = {"type": "FaceList", "objectId": "g", "applyScope": [NOBODY]}
    await api.refused(404, "FaceListNotFound", "Face list is not found.", "POST", "/snapshots", take)
    invalid = {**take, "objectId": "NO!"}
    await api.refused(404, "FaceListNotFound", "Face list ID is invalid.", "POST", "/snapshots", invalid)
