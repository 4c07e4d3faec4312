"""The calls of applications for reviews, through the whole ASGI application."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.examples import examples
from tests.gallery.conftest import World, open_world, photo, unit
from tests.gallery.test_application_reviews import applications_of
from tests.gallery.test_reviews import people
from tests.manual_clock import ManualClock
from tests.wire.conftest import KEY, Service, resource

from mien.accounts import Feature
from mien.gallery.reviews import ApplicationReviews
from mien.storage import Database, Vault
from mien.wire.body import BodyLimits
from mien.wire.reviews import PATH, review_calls

LIMITS = BodyLimits(image_bytes=20_000, json_bytes=4000, seconds=1)


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    return open_world(database, vault, clock, tmp_path)


@pytest.fixture
def applications(world: World, database: Database, vault: Vault, clock: ManualClock) -> ApplicationReviews:
    return applications_of(world, database, vault, clock)


@pytest.fixture
def service(make_service: Callable[..., Service], world: World, applications: ApplicationReviews) -> Service:
    service = make_service(dialects=[review_calls(applications, LIMITS)])
    service.accounts.resource = resource(id=world.owner, name="front")
    return service


@pytest.fixture
async def api(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(**{"Ocp-Apim-Subscription-Key": KEY}) as client:
        yield client
    service.application.close()


@pytest.fixture
def body(world: World) -> dict[str, Any]:
    ref, _ = people(world)
    probe = world.detect(unit(50, near=1))
    (found,) = world.gallery.recognition.identify([probe], ref, confidence_threshold=0.0)
    return {
        "collection": "personGroup/group",
        "faceId": probe,
        "candidates": [{"personId": one.person_id, "confidence": one.confidence} for one in found.candidates],
        "picture": base64.b64encode(photo({"seed": 50, "near": 1})).decode(),
        "usedFrom": "2020-01-01T08:30:00+01:00",
        "purpose": "Empfang – Tür 2",
    }


async def test_a_match_is_filed_and_its_result_read(
    api: httpx.AsyncClient, applications: ApplicationReviews, world: World, body: dict[str, Any]
) -> None:
    path = f"{PATH}/{uuid4()}"
    made = await api.put(path, json=body)
    assert made.status_code == 201, made.text
    said = made.json()
    assert (said["state"], said["counts"], said["filedBy"], said["reviewers"]) == ("waiting", False, "key:front", 2)
    assert (said["faceId"], said["purpose"], said["usedFrom"]) == (
        body["faceId"], "Empfang – Tür 2", "2020-01-01T07:30:00+00:00"
    )  # fmt: skip
    again = await api.put(path.upper().replace(PATH.upper(), PATH), json=body)
    assert (again.status_code, again.json()) == (200, said)
    other = await api.put(path, json={**body, "purpose": "another"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "ReviewExists")
    best = body["candidates"][0]["personId"]
    (case,) = applications.reviews.cases(world.owner)
    number = next(one.number for one in case.candidates if one.person_id == best)
    applications.reviews.answer(world.owner, case.id, number, reviewer="ann", reason="the ears")
    half = await api.get(path)
    assert (half.json()["state"], half.json()["counts"]) == ("waiting", False)
    assert {one["confidence"] for one in half.json()["candidates"]} == {None}
    applications.reviews.answer(world.owner, case.id, number, reviewer="ben")
    done = (await api.get(path)).json()
    assert (done["state"], done["counts"], done["personId"]) == ("confirmed", True, best)
    assert all(one["confidence"] is not None for one in done["candidates"])
    for secret in ("ann", "ben", "ears", '"p1"'):  # an application needs no reviewers, reasons and names
        assert secret not in (await api.get(path)).text
    listed = await api.get(PATH, params={"faceId": body["faceId"], "state": "confirmed"})
    assert listed.json()["value"] == [done]
    assert (await api.get(PATH, params={"state": ["waiting", "escalated"]})).json()["value"] == []
    assert (await api.get(PATH, params={"faceId": str(uuid4())})).json()["value"] == []


async def test_another_resource_sees_nothing(
    api: httpx.AsyncClient, service: Service, world: World, body: dict[str, Any]
) -> None:
    path = f"{PATH}/{uuid4()}"
    assert (await api.put(path, json=body)).status_code == 201
    service.accounts.resource = resource(id=uuid4(), name="other")
    unseen = await api.get(path)
    assert (unseen.status_code, unseen.json()["error"]["code"]) == (404, "ReviewNotFound")
    assert unseen.json() == (await api.get(f"{PATH}/{uuid4()}")).json(), "an id that exists elsewhere looks the same"
    assert (await api.get(PATH)).json()["value"] == []
    refused = await api.put(path, json=body)
    assert refused.status_code in {400, 404}
    assert "key:front" not in refused.text


async def test_approvals(api: httpx.AsyncClient, service: Service, world: World, body: dict[str, Any]) -> None:
    one = {**body, "candidates": body["candidates"][:1]}
    for features, several, single in (
        (set(), 403, 403),
        ({Feature.VERIFICATION}, 403, 201),
        ({Feature.IDENTIFICATION}, 201, 201),
    ):
        service.accounts.resource = resource(id=world.owner, name="front", features=frozenset(features))
        assert (await api.put(f"{PATH}/{uuid4()}", json=body)).status_code == several, features
        assert (await api.put(f"{PATH}/{uuid4()}", json=one)).status_code == single, features
    service.accounts.resource = resource(id=world.owner, name="front", features=frozenset())
    assert len((await api.get(PATH)).json()["value"]) == 3, "results can be read after an approval ends"
    nobody = await api.get(PATH, headers={"Ocp-Apim-Subscription-Key": "0" * 32})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "401")


async def test_what_is_refused_is_told_and_leaves_nothing(api: httpx.AsyncClient, body: dict[str, Any]) -> None:
    path = f"{PATH}/{uuid4()}"
    first = body["candidates"][0]
    for change, word in (
        ({"collection": "faceList/x"}, "collection"),
        ({"collection": "personGroup/"}, "collection"),
        ({"collection": None}, "collection"),
        ({"collection": "personGroup/none"}, ""),
        ({"collection": "personGroup/UPPER"}, ""),
        ({"faceId": "me"}, "faceId"),
        ({"faceId": None}, "faceId"),
        ({"faceId": str(uuid4())}, "face id"),
        ({"candidates": []}, "candidates"),
        ({"candidates": [first["personId"]]}, "candidates"),
        ({"candidates": [{"personId": "me"}]}, "personId"),
        ({"candidates": [{**first, "confidence": 1.5}]}, "confidence"),
        ({"candidates": [{**first, "confidence": "1"}]}, "confidence"),
        ({"candidates": [{**first, "confidence": True}]}, "confidence"),
        ({"candidates": [first, first]}, "candidate"),
        ({"candidates": [{"personId": str(uuid4())}]}, "person"),
        ({"picture": "%%"}, "picture"),
        ({"picture": base64.b64encode(photo({"seed": 9})).decode()}, "picture"),
        ({"usedFrom": "yesterday"}, "usedFrom"),
        ({"usedFrom": "2026-01-01T08:30:00"}, "usedFrom"),
        ({"usedFrom": "2999-01-01T08:30:00Z"}, "usedFrom"),
        ({"purpose": "x" * 1001}, "purpose"),
        ({"purpose": "\x00"}, "purpose"),
        ({"reviewers": 1}, "reviewers"),
    ):
        refused = await api.put(path, json={**body, **change})
        assert refused.status_code == 400, (change, refused.text)
        error = refused.json()["error"]
        assert word in error.get("innererror", {}).get("details", {}).get("hint", ""), (change, refused.text)
    for raw in (b"", b"[]", b"{", b'{"candidates": [{"personId": NaN}]}', b"x" * 40_000):
        assert (await api.put(path, content=raw)).status_code == 400, raw[:40]
    assert (await api.put(f"{PATH}/front-door-1", json=body)).status_code == 400
    for query in ({"state": "lost"}, {"faceId": "x"}, {"limit": "0"}, {"limit": "many"}):
        assert (await api.get(PATH, params=query)).status_code == 400, query
    assert (await api.get(PATH)).json()["value"] == []


async def test_paths(api: httpx.AsyncClient) -> None:
    for method, path in (
        ("POST", PATH),
        ("DELETE", f"{PATH}/{uuid4()}"),
        ("PUT", PATH),
        ("GET", f"{PATH}/{uuid4()}/answers"),
        ("GET", f"{PATH}x"),
        ("GET", f"{PATH}/nothing"),
        ("GET", f"/face/v1.2{PATH}"),
    ):
        missing = await api.request(method, path)
        assert missing.status_code == 404, (method, path)
        assert set(missing.json()) == {"error"}
    assert (await api.head(PATH)).status_code == 200
    assert (await api.get(f"{PATH}/")).json() == {"value": []}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


async def test_no_body_breaks_it(api: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Any value in any property is filed or refused with an error of the catalogue, never a fault of the server."""
    found: list[int] = []

    @examples(150, *HealthCheck)
    @given(name=st.sampled_from(sorted(body)), value=JSON)
    def collect(name: str, value: object) -> None:
        if not (name == "picture" and isinstance(value, str)):  # the engine of texts reads JSON only
            tries.append({**body, name: value})

    tries: list[dict[str, Any]] = []
    assert (await api.put(f"{PATH}/{uuid4()}", json=body)).status_code == 201
    collect()
    for one in tries:
        try:
            answer = await api.put(f"{PATH}/{uuid4()}", json=one)
        except ValueError:  # the client does not send infinities
            continue
        found.append(answer.status_code)
        assert answer.status_code in {201, 400}, (one, answer.text)
    assert 400 in found
