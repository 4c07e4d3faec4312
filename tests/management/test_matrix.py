"""Every route of the control plane by every role, and with roles that are limited to a resource."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from tests.management.conftest import World

from mien.accounts import Acknowledgement, Resource
from mien.management import Role
from mien.management.application import OPEN_PATHS
from mien.management.roles import ABOUT, PERMISSIONS, Permission
from mien.management.routing import check_routes, permission_of

TERMS: Final = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
ALL: Final = frozenset(Role)
READ: Final = ALL - {Role.AUDITOR}
CONFIRM: Final = frozenset({Role.OWNER, Role.ADMIN, Role.APPROVER, Role.REVIEWER})
FULL: Final = frozenset({Role.OWNER, Role.ADMIN})
RUN: Final = FULL | {Role.OPERATOR}
LOOK: Final = READ
ENROL: Final = RUN | {Role.ENROLLER}
ASK: Final = RUN | {Role.APPROVER}
DECIDE: Final = FULL | {Role.APPROVER}
MEASURE: Final = ALL - {Role.ENROLLER, Role.REVIEWER}
BY_PERMISSION: Final[dict[str, frozenset[Role]]] = {
    "see": READ, "audit": MEASURE, "metrics": MEASURE, "look-up": LOOK, "people": ENROL, "request": ASK,
    "approve": DECIDE, "confirm": CONFIRM, "manage": RUN, "keys": RUN, "tokens": FULL,
}  # fmt: skip
"""Who may do what, written down a second time: an edit of the table in `roles.py` alone fails here."""

# What decides about a route: the first pattern that matches `METHOD path`.
MATRIX: Final[tuple[tuple[str, str], ...]] = (
    (r"\w+ /mien/v1/(admin-tokens|role-assignments).*", "tokens"),
    (r"POST .*/(listKeys|regenerateKey)", "keys"),
    (r"GET /mien/v1/audit.*", "audit"),
    (r"GET (/metrics|/mien/v1/metrics.*|.*microsoft.insights/.*|.*/usages)", "metrics"),
    (r"POST /mien/v1/access-requests", "request"),
    (r"POST /mien/v1/access-requests/\{request_id\}/.*", "approve"),
    (r"GET .*/reviews/\{case\}/picture", "confirm"),
    (r"POST .*/reviews/\{case\}/answers", "confirm"),
    (r"POST .*/reviews", "request"),
    (r"GET .*/reviews(/\{case\})?", "look-up"),
    (r"GET .*/dossiers.*", "audit"),
    (r"GET .*/negatives", "look-up"),
    (r"(POST|DELETE) .*/negatives.*", "people"),
    (r"POST .*/subjects/.*", "people"),
    (r"\w+ .*/consents.*", "people"),
    (r"GET .*/erasure-receipts/\{receipt_id\}", "people"),
    (r"(POST|DELETE) .*/door-(visitors|badges).*", "people"),
    (r"GET .*/door-(visitors|badges)", "people"),
    (r"POST .*/doors/\{door_id\}/check", "people"),
    (r"GET .*/door-(events|presence).*", "manage"),
    (r"POST .*/(checkDomainAvailability|checkSkuAvailability|register|verify)", "see"),
    (r"(GET|HEAD) .*", "see"),
    (r".*", "manage"),
)


def needed(method: str, path: str) -> str:
    return next(name for pattern, name in MATRIX if re.fullmatch(pattern, f"{method} {path}", re.IGNORECASE))


def routes(world: World) -> list[tuple[str, APIRoute]]:
    """Every route but those that need no authentication, by method."""
    found: list[APIRoute] = world.plane.api.state.routes
    return [(method, one) for one in found for method in sorted(one.methods or ())]


def test_the_routes_are_those_of_the_description(quick: World) -> None:
    described = quick.plane.api.openapi()["paths"]
    served = {(verb.upper(), path) for path, verbs in described.items() for verb in verbs}
    assert list(quick.plane.api.state.paths) == list(described)
    assert {(method, one.path) for method, one in routes(quick)} == {one for one in served if one[1] not in OPEN_PATHS}


def address(path: str, **known: str) -> str:
    values = {"subscription": "s", "group": "default", "location": "local", "namespace": "Microsoft.Insights", **known}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: values.get(found[1], str(uuid4())), path)


async def ask(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    return await client.request(method, path, params={"api-version": "2025-09-01"})


def said(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"]) if answer.status_code >= 400 and answer.content else ""


def two(world: World) -> tuple[Resource, Resource]:
    return tuple(world.parts.accounts.create(name, terms=TERMS) for name in ("front", "back"))  # type: ignore[return-value]


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_by_every_role(quick: World, role: Role) -> None:
    quick.parts.accounts.create("front", terms=TERMS)
    every = routes(quick)
    assert len(every) > 80
    async with quick.client(quick.token(role)) as client:
        for method, route in every:
            if route.path.endswith("/stream"):
                continue  # an endless answer; its permission is compared in the next test
            need = needed(method, route.path)
            answer = await ask(client, method, address(route.path, resource="front", account="front"))
            if role in BY_PERMISSION[need]:
                assert said(answer) != "AuthorizationFailed", (role, method, route.path)
                assert answer.status_code not in {401, 500}, (role, method, route.path, answer.text)
            elif method == "HEAD":
                assert answer.status_code == 403, (role, method, route.path)
            else:
                assert (answer.status_code, said(answer)) == (403, "AuthorizationFailed"), (role, method, route.path)
                assert role.value in answer.text


def test_each_route_declares_the_permission_of_the_matrix(quick: World) -> None:
    for method, route in routes(quick):
        allow = permission_of(route)
        assert allow is not None, route.path
        assert allow.permission == needed(method, route.path), (method, route.path)
    assert {str(one) for one in Permission} == set(BY_PERMISSION)
    for name, roles in BY_PERMISSION.items():
        assert {role for role in Role if role.may(Permission(name))} == roles, name


async def test_without_a_token_no_route_answers(quick: World) -> None:
    async with quick.client(None) as client:
        for method, route in routes(quick):
            if route.path != "/metrics":
                assert (await ask(client, method, address(route.path))).status_code == 401, (method, route.path)


def test_a_route_without_a_permission_stops_the_start() -> None:
    def forgotten() -> dict[str, str]:
        return {}

    router = APIRouter()
    router.get("/mien/v1/forgotten")(forgotten)
    with pytest.raises(RuntimeError, match="forgotten"):
        check_routes(router.routes, OPEN_PATHS)
    assert check_routes(router.routes, {"/mien/v1/forgotten"}) == []


@pytest.mark.parametrize("role", list(Role))
async def test_another_resource_looks_as_if_it_were_not_there(quick: World, role: Role) -> None:
    front, _ = two(quick)
    secret = quick.parts.tokens.create("limited", role, created_by="test", resource=front.id).secret
    async with quick.client(secret) as client:
        for method, route in routes(quick):
            if not {"resource", "account"} & set(re.findall(r"\{(\w+)\}", route.path)):
                continue
            there = await ask(client, method, address(route.path, resource="back", account="back"))
            nowhere = await ask(client, method, address(route.path, resource="none", account="none"))
            assert there.status_code == 404, (method, route.path, there.text)
            assert there.text.replace("back", "none") == nowhere.text, (method, route.path)
            if route.path.endswith("/stream"):
                continue
            here = await ask(client, method, address(route.path, resource="front", account="front"))
            allowed = role in BY_PERMISSION[needed(method, route.path)]
            assert (said(here) == "AuthorizationFailed") is not allowed, (method, route.path, here.text)


async def test_an_owner_of_one_resource_sees_and_changes_nothing_of_the_rest(quick: World) -> None:
    front, back = two(quick)
    parts = quick.parts
    wanted: dict[str, Any] = {"organisation": "Example", "contact": "a@example.com", "use_case": "test", "actor": "ben"}
    others = parts.access.submit(back.id, ["Verification"], **wanted)  # type: ignore[list-item]
    own = parts.access.submit(front.id, ["Verification"], **wanted)  # type: ignore[list-item]
    secret = parts.tokens.create("limited", Role.OWNER, created_by="test", resource=front.id).secret
    v1 = "/mien/v1"
    rule = {"name": "r", "condition": {"metric": "ServerErrors", "threshold": 1, "minutes": 5}}
    async with quick.client(quick.token(Role.OWNER)) as whole, quick.client(secret) as client:
        made = [await whole.post(f"{v1}/alert-rules", json=rule | more) for more in ({}, {"resource": "back"})]
        assert [one.status_code for one in made] == [201, 201], made[0].text

        async def get(path: str) -> Any:
            answer = await ask(client, "GET", path)
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert [one["name"] for one in (await get(f"{v1}/resources"))["value"]] == ["front"]
        assert [one["id"] for one in (await get(f"{v1}/access-requests"))["value"]] == [str(own.id)]
        assert (await get(f"{v1}/alert-rules"))["value"] == []
        entries = (await get(f"{v1}/audit"))["value"]
        assert {one["resourceId"] for one in entries} == {str(front.id)}
        assert len((await whole.get(f"{v1}/audit")).json()["value"]) > len(entries)
        for path in (
            "/subscriptions/{0}/resources",
            "/subscriptions/{0}/providers/Microsoft.CognitiveServices/accounts",
        ):
            for place in (await get("/subscriptions"))["value"]:
                assert [one["name"] for one in (await get(path.format(place["subscriptionId"])))["value"]] == ["front"]
        closed = [
            ("GET", f"{v1}/audit?resource=back", None, 404),
            ("GET", f"{v1}/audit?resource={back.id}", None, 404),
            ("GET", f"{v1}/metrics?name=TotalCalls&resource=back", None, 404),
            ("GET", f"{v1}/access-requests?resource=back", None, 404),
            ("GET", f"{v1}/access-requests/{others.id}", None, 404),
            ("GET", f"{v1}/access-requests/{others.id}/history", None, 404),
            ("POST", f"{v1}/access-requests/{others.id}/review", None, 404),
            ("GET", f"{v1}/alert-rules?resource=back", None, 404),
            *((verb, f"{v1}/alert-rules/{one.json()['id']}{end}", None, 404)
              for one in made
              for verb, end in (("GET", ""), ("GET", "/deliveries"), ("POST", "/test"), ("DELETE", ""))),
            ("POST", f"{v1}/alert-rules", rule, 403),
            ("POST", f"{v1}/alert-rules", rule | {"resource": "back"}, 404),
            ("GET", f"{v1}/audit/export", None, 403),
            ("GET", f"{v1}/audit/verify", None, 403),
            ("GET", f"{v1}/admin-tokens", None, 403),
            ("POST", f"{v1}/admin-tokens", {"name": "x", "role": "owner"}, 403),
            ("GET", f"{v1}/role-assignments", None, 403),
            ("GET", "/metrics", None, 403),
        ]  # fmt: skip
        for method, path, body, status in closed:
            answer = await client.request(method, path, json=body)
            assert answer.status_code == status, (method, path, answer.text)
        assert (await client.post(f"{v1}/access-requests/{own.id}/review")).status_code == 200
        assert (await client.post(f"{v1}/alert-rules", json=rule | {"resource": "front"})).status_code == 201
        assert (await client.get(f"{v1}/metrics?name=TotalCalls")).status_code == 200
        parts.accounts.delete(front.id, actor="ben")
        parts.accounts.purge(front.id, actor="ben")
        assert (await get(f"{v1}/resources"))["value"] == [], "the token of a purged resource opens nothing"


async def test_tokens_over_http_expire_unless_that_is_said(quick: World, admin: httpx.AsyncClient) -> None:
    quick.parts.accounts.create("front", terms=TERMS)
    path, body = "/mien/v1/admin-tokens", {"name": "x", "role": "auditor"}
    usual = (await admin.post(path, json=body)).json()
    assert usual["expiresAt"].startswith(f"{quick.clock.now().date().fromordinal(quick.clock.now().toordinal() + 90)}")
    endless = (await admin.post(path, json=body | {"noExpiry": True, "resource": "front"})).json()
    assert endless["expiresAt"] is None
    assert endless["resource"] == str(quick.parts.accounts.resources()[0].id)
    assert (await admin.post(path, json=body | {"noExpiry": True, "days": 3})).status_code == 400
    assert (await admin.post(path, json=body | {"resource": "nowhere"})).status_code == 404


def test_the_table_in_the_documentation_is_the_table_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `([a-z]+)`, `Mien\.\w+` \| ([^|]+) \|", page, re.MULTILINE))
    assert shown == {
        role.value: ", ".join(sorted(PERMISSIONS[role])) if len(PERMISSIONS[role]) < len(Permission) else "everything"
        for role in Role
    }
    assert ABOUT.keys() == PERMISSIONS.keys() == set(itertools.chain(Role))
