"""The review of matches over the control plane: who may do what, and what each sees."""

from __future__ import annotations

import base64

import httpx
import pytest
from sqlalchemy import select
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS
from mien.management import Role
from mien.storage.tables import CollectionRow, PersonRow

PATH = "/mien/v1/resources/front"


@pytest.fixture
def body(measured: World) -> dict[str, object]:
    """A match with two candidates."""
    reviews = measured.parts.reviews
    assert reviews is not None
    front = measured.parts.accounts.named("front")
    assert front is not None
    with measured.parts.database.read(front.id) as session:
        staff = select(CollectionRow.uid).where(CollectionRow.collection_id == "staff")
        ids = list(session.scalars(select(PersonRow.person_id).where(PersonRow.collection.in_(staff)).limit(2)))
    found = [{"personId": str(one), "confidence": 0.9 - place / 10} for place, one in enumerate(ids)]
    picture = base64.b64encode(b"a picture").decode()
    return {"collection": "largePersonGroup/staff", "candidates": found, "picture": picture, "purpose": "door"}


async def test_two_people_confirm_a_match(
    measured: World, front_admin: httpx.AsyncClient, body: dict[str, object]
) -> None:
    made = await front_admin.post(f"{PATH}/reviews", json=body)
    assert made.status_code == 201, made.text
    case = f"{PATH}/reviews/{made.json()['id']}"
    assert (made.json()["counts"], made.json()["reviewers"]) == (False, 2)
    assert {one["confidence"] for one in made.json()["candidates"]} == {None}
    own = await front_admin.post(f"{case}/answers", json={"chosen": 1})
    assert (own.status_code, "you filed this review" in own.json()["error"]["message"].lower()) == (409, True)
    async with (
        measured.client(measured.token(Role.READER)) as reader,
        measured.client(tokens(measured, "ann")) as ann,
        measured.client(tokens(measured, "ben")) as ben,
    ):
        assert (await reader.post(f"{case}/answers", json={"chosen": 1})).status_code == 403
        assert (await reader.post(f"{PATH}/reviews", json=body)).status_code == 403
        assert (await reader.get(f"{case}/picture")).status_code == 403
        assert (await ann.get(f"{case}/picture")).content == b"a picture"
        first = await ann.post(f"{case}/answers", json={"chosen": 1, "reason": "ears"})
        assert (first.status_code, first.json()["state"], first.json()["counts"]) == (201, "waiting", False)
        assert {one["confidence"] for one in first.json()["candidates"]} == {0.9, 0.8}
        hidden = (await ben.get(case)).json()
        assert ({one["confidence"] for one in hidden["candidates"]}, hidden["answers"]) == ({None}, [])
        assert (await ann.post(f"{case}/answers", json={"chosen": 1})).status_code == 409
        second = (await ben.post(f"{case}/answers", json={"chosen": 1})).json()
        assert (second["state"], second["counts"]) == ("confirmed", True)
        assert second["personId"] in {one["personId"] for one in second["candidates"]}
        assert [one["reviewer"] for one in second["answers"]] == ["token:ann", "token:ben"]
        assert second["inputSha256"]
        assert (await ann.delete(case)).status_code == 403
        listed = (await reader.get(f"{PATH}/reviews", params={"state": "confirmed"})).json()["value"]
        assert [one["id"] for one in listed] == [second["id"]]
    assert (await front_admin.get(f"{PATH}/reviews/faults")).json()["value"] == []
    actions = [entry.action for entry in measured.parts.audit.search(action="review.*")]
    assert actions == ["review.answer", "review.answer", "review.file"]
    assert (await front_admin.delete(case)).status_code == 204
    assert (await front_admin.get(case)).status_code == 404


async def test_policies(measured: World, front_admin: httpx.AsyncClient, body: dict[str, object]) -> None:
    wanted = {"collection": "largePersonGroup/staff", "reviewers": 1, "identify": False}
    assert (await front_admin.put(f"{PATH}/review-policies", json=wanted)).json()["reviewers"] == 1
    assert [one["collection"] for one in (await front_admin.get(f"{PATH}/review-policies")).json()["value"]] == [
        "largePersonGroup/staff"
    ]
    assert (await front_admin.post(f"{PATH}/reviews", json=body)).json()["reviewers"] == 1
    for wrong in ({"reviewers": 3}, {"reviewers": 0}, {"collection": "nothing"}, {"keepDays": -1}):
        assert (await front_admin.put(f"{PATH}/review-policies", json=wrong)).status_code == 400, wrong
    async with measured.client(measured.token(Role.APPROVER)) as approver:
        assert (await approver.put(f"{PATH}/review-policies", json=wanted)).status_code == 403
    gone = {"collection": "largePersonGroup/staff"}
    assert (await front_admin.delete(f"{PATH}/review-policies", params=gone)).status_code == 204
    assert (await front_admin.delete(f"{PATH}/review-policies", params=gone)).status_code == 404


async def test_other_resources_and_odd_bodies(
    measured: World, front_admin: httpx.AsyncClient, body: dict[str, object]
) -> None:
    made = (await front_admin.post(f"{PATH}/reviews", json=body)).json()["id"]
    measured.parts.accounts.create("other", terms=DEVELOPMENT_TERMS)
    assert (await front_admin.get(f"/mien/v1/resources/other/reviews/{made}")).status_code == 404
    assert (await front_admin.get("/mien/v1/resources/other/reviews")).json()["value"] == []
    for wrong in ({**body, "picture": "%%"}, {**body, "candidates": []}, {**body, "usedFrom": "yesterday"}):
        assert (await front_admin.post(f"{PATH}/reviews", json=wrong)).status_code == 400


def tokens(world: World, name: str) -> str:
    return world.parts.tokens.create(name, Role.APPROVER, created_by="test").secret
