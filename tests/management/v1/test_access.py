"""Limited access over HTTP: asked for by one, decided by another, with a history."""

from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from tests.management.conftest import World

from mien.accounts import Acknowledgement, Feature
from mien.management import Role

REQUESTS = "/mien/v1/access-requests"
WANTED: dict[str, Any] = {
    "resource": "front",
    "features": ["Verification", "Identification"],
    "organisation": "Example Ltd",
    "contact": "anna@example.com",
    "useCase": "test",
}


@pytest.fixture
def front(world: World) -> World:
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    world.parts.accounts.create("front", terms=terms)
    return world


async def test_a_request_from_its_submission_to_its_end(front: World) -> None:
    async with front.client(front.token(Role.APPROVER)) as approver, front.client(front.token(Role.READER)) as reader:
        assert (await reader.post(REQUESTS, json=WANTED)).status_code == 403
        async with front.client(front.token(Role.OPERATOR)) as operator:
            made = await operator.post(REQUESTS, json=WANTED)
        assert made.status_code == 201
        request = made.json()
        assert (request["state"], request["features"]) == ("submitted", ["Identification", "Verification"])
        assert request["findings"], "a vague description is flagged to the reviewer"
        assert {"rule", "explanation"} == set(request["findings"][0])
        path = f"{REQUESTS}/{request['id']}"

        async def step(name: str, body: Any = None) -> httpx.Response:
            return await approver.post(f"{path}/{name}", json=body) if body else await approver.post(f"{path}/{name}")

        assert (await reader.post(f"{path}/review")).status_code == 403
        assert (await step("approve")).status_code == 409, "nobody has reviewed it"
        assert (await step("review")).json()["state"] == "in_review"
        approved = (await step("approve", {"days": 30, "reason": "seen on site"})).json()
        assert (approved["state"], approved["changedBy"]) == ("approved", "token:a approver")
        resource = front.parts.accounts.named("front")
        assert resource is not None
        assert resource.features == {Feature.IDENTIFICATION, Feature.VERIFICATION}
        assert (await approver.post(REQUESTS, json=WANTED)).status_code == 409, "it is approved already"
        renewed = (await step("renew", {"days": 60})).json()
        assert renewed["expiresAt"] > approved["expiresAt"]
        without_reason = await step("revoke")
        assert (without_reason.status_code, "reason" in without_reason.text) == (400, True)
        assert (await step("revoke", {"reason": "use changed"})).json()["state"] == "revoked"

        history = (await reader.get(f"{path}/history")).json()["value"]
        assert [one["action"] for one in history] == [
            f"access.{name}" for name in ("request", "review", "approve", "renew", "revoke")
        ]
        listed = (await reader.get(REQUESTS, params={"resource": "FRONT", "state": "revoked"})).json()["value"]
        assert [one["id"] for one in listed] == [request["id"]]
        assert (await reader.get(REQUESTS, params={"state": "approved"})).json()["value"] == []


BAD_REQUESTS: Final[list[tuple[dict[str, Any], int, str | None]]] = [
    ({"resource": "nobody"}, 404, None),
    ({"features": []}, 400, "features"),
    ({"features": ["Telepathy"]}, 400, "features.0"),
    ({"features": ["Liveness", "Verification"]}, 400, "features"),
    ({"contact": " "}, 400, "contact"),
    ({"useCase": "x" * 4001}, 400, "useCase"),
    ({"unknown": 1}, 400, "unknown"),
]


async def test_bad_requests_name_what_is_wrong(front: World) -> None:
    async with front.client(front.token(Role.ADMIN)) as client:
        for change, status, target in BAD_REQUESTS:
            answer = await client.post(REQUESTS, json=WANTED | change)
            assert (answer.status_code, answer.json()["error"].get("target")) == (status, target), change


async def test_what_is_not_there_is_a_404(front: World) -> None:
    async with front.client(front.token(Role.ADMIN)) as client:
        path = f"{REQUESTS}/{uuid4()}"
        assert (await client.get(path)).status_code == 404
        assert (await client.get(f"{path}/history")).status_code == 404
        assert (await client.post(f"{path}/review")).status_code == 404
        assert (await client.get(REQUESTS, params={"resource": str(uuid4())})).status_code == 404
