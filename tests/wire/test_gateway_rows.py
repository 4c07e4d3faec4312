"""The front door's errors, each provoked through the real application on a real database with real accounts."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import MASTER_KEY, sqlite_database
from tests.issuer import Issuer, running_issuer
from tests.manual_clock import ManualClock
from tests.shared import shared_path
from tests.wire.conftest import DETECTION, Memory, ToldEngine, Web

from mien.accounts import DEVELOPMENT_TERMS, AccessRequests, Accounts, Feature, Resource, ResourceChange, Sku
from mien.contract.catalogue import ROWS
from mien.events import AuditLog
from mien.gateway.checks import Checks
from mien.gateway.keysets import KeySets
from mien.gateway.origin import OriginFinder, parse_networks
from mien.gateway.rates import RateLimits, TierRates
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import TokenVerifier
from mien.gateway.volume import CallVolume
from mien.storage import MasterKey, Vault
from mien.wire.application import Application, ApplicationParts
from mien.wire.detect import ModelLabels

FAMILIES = {"gateway", "limited_access"}
DOMAIN = "cognitiveservices.localhost"
PLAIN = "/face/v1.2/detect?returnFaceId=false"
USER = "Cognitive Services User"


@dataclass
class World:
    """A server and how to call it.

    Attributes:
        client: has no key.
        clock: the server's and the issuer's.
        issuer: whose tokens are trusted.
        accounts: the server's resources.
        access: requests for limited access.
        photo: an image.
        resources: what `make` made, by name.
    """

    client: httpx.AsyncClient
    clock: ManualClock
    issuer: Issuer
    accounts: Accounts
    access: AccessRequests
    photo: bytes
    resources: dict[str, Resource] = field(default_factory=dict)

    def make(self, name: str, *, approved: bool = True, **options: Any) -> str:
        """Make a resource and return its first key."""
        made = self.accounts.create(name, terms=DEVELOPMENT_TERMS, custom_subdomain=name, **options)
        if approved:
            self.access.approve_for_development(made)
        self.resources[name] = made
        return self.accounts.keys(made.id).key1

    def change(self, name: str, **changes: Any) -> None:
        self.accounts.update(self.resources[name].id, ResourceChange(**changes))

    async def call(
        self,
        key: str | None = None,
        *,
        host: str = "mien.test",
        token: str | None = None,
        path: str = PLAIN,
        method: str = "POST",
        body: Any = None,
        **headers: str,
    ) -> httpx.Response:
        given = {"Host": host, "Content-Type": "application/octet-stream"} | headers
        if key is not None:
            given["Ocp-Apim-Subscription-Key"] = key
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        content = self.photo if body is None else json.dumps(body).encode()
        if body is not None:
            given["Content-Type"] = "application/json"
        return await self.client.request(method, path, content=content, headers=given)

    async def refused(self, status: int, code: str, message: str, hint: str = "", **call: Any) -> httpx.Response:
        """Call, and check that the answer is this error, with a hint that has `hint` in it."""
        response = await self.call(**call)
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["message"]) == (status, code, message)
        assert response.headers["x-ms-error-code"] == code
        if hint:
            assert hint in error["innererror"]["details"]["hint"], error
        return response


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 12, 3, tzinfo=UTC))


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[Issuer]:
    with running_issuer(clock) as running:
        yield running


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock, issuer: Issuer, photo: bytes) -> AsyncIterator[World]:
    database = sqlite_database(tmp_path / "mien.db")
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    accounts = Accounts(database, vault, clock)
    origin = OriginFinder(parse_networks("10.0.0.0/8"))
    checks = Checks(
        accounts,
        origin=origin,
        private_networks=parse_networks("172.16.0.0/12"),
        short_tokens=ShortTokens(vault.keyed_hash, clock),
        verifier=TokenVerifier({issuer.url: KeySets(issuer.url)}, clock),
        rates=RateLimits(TierRates()),
        volume=CallVolume(database, clock, limit=4),
    )
    parts = ApplicationParts(
        accounts=accounts,
        engine=ToldEngine(),
        memory=Memory(),
        download=Web(),
        labels=ModelLabels(DETECTION, {f"recognition_0{n}": "pack" for n in range(1, 5)}),
        checks=checks,
        on_shutdown=[database.close],
    )
    application = Application(parts)
    transport = httpx.ASGITransport(application, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mien.test") as client:
        yield World(
            client, clock, issuer, accounts, AccessRequests(database, clock, AuditLog(database, clock, vault)), photo
        )
    application.close()


def message_of(family: str, code: str, beginning: str) -> str:
    """The catalogue's message that begins so."""
    (found,) = [
        row.recorded for row in ROWS if (row.family, row.code) == (family, code) and row.recorded.startswith(beginning)
    ]
    return found


DENIED = message_of("gateway", "401", "Access denied")
PERMISSION = message_of("gateway", "PermissionDenied", "")
DISABLED = message_of("gateway", "AuthenticationTypeDisabled", "")
FIREWALL = message_of("gateway", "403", "Access denied due to Virtual Network")
PRIVATE = message_of("gateway", "403", "Public access is disabled")
NOT_FOUND = message_of("gateway", "404", "")
GATED = message_of("limited_access", "InvalidRequest", "")
BAD_TOKEN = message_of("mien", "401", "Unauthorized.")


def test_the_tests_below_cover_every_row() -> None:
    """The contract has no row of these families that this module does not name."""
    contract = json.loads(shared_path("contract", "errors.json").read_text("utf-8"))
    volume = message_of("gateway", "403", "Out of call volume quota")
    rates = {row.recorded for row in ROWS if (row.family, row.code) == ("gateway", "429")}
    named = {DENIED, PERMISSION, DISABLED, FIREWALL, PRIVATE, NOT_FOUND, GATED, volume, *rates}
    assert {row["message"] for row in contract if row["family"] in FAMILIES} == named


async def test_keys_and_endpoints(world: World) -> None:
    key, other = world.make("desk", location="westeurope"), world.make("gate", location="eastus")
    own, regional = f"desk.{DOMAIN}", f"westeurope.api.{DOMAIN}"
    for host in (own, f"{own}:8443", f"DESK.{DOMAIN}.", regional, "localhost:8080", "127.0.0.1", DOMAIN):
        assert (await world.call(key, host=host)).status_code == 200, host
    await world.refused(401, "401", DENIED, f"desk.{DOMAIN}", key=key, host=f"gate.{DOMAIN}")
    await world.refused(401, "401", DENIED, regional, key=key, host=f"eastus.api.{DOMAIN}")
    await world.refused(401, "401", DENIED, "No key was sent", host=own)
    await world.refused(
        401, "401", DENIED, "line break", key=None, host=own, path=f"{PLAIN}&subscription-key={key}%0D%0A"
    )
    await world.refused(401, "401", DENIED, "blanks", key=None, host=own, path=f"{PLAIN}&subscription-key={key}%20")
    wrong = await world.refused(401, "401", DENIED, key="0" * 32, host=own)
    assert len(wrong.content) == 224
    for host, hint in ((f"nobody.{DOMAIN}", "'nobody'"), (f"a.b.{DOMAIN}", "LOCATION.api")):
        for path in (PLAIN, "/docs"):
            await world.refused(
                404, "404", NOT_FOUND, hint, key=key, host=host, path=path, method="GET" if path == "/docs" else "POST"
            )
    await world.refused(404, "404", NOT_FOUND, "Did you mean", key=key, path="/face/v1.2/detct")
    forwarded = {"X-Forwarded-Host": f"gate.{DOMAIN}"}
    assert (await world.call(other, host="inner", **forwarded)).status_code == 200  # the proxy is trusted
    await world.refused(401, "401", DENIED, key=key, host="inner", **forwarded)


async def test_a_replaced_or_deleted_key_is_refused_at_once(world: World) -> None:
    key = world.make("desk")
    desk = world.resources["desk"].id
    assert (await world.call(key)).status_code == 200
    second = world.accounts.keys(desk).key2
    token = (await world.call(key, path="/sts/v1.0/issueToken")).text
    assert (await world.call(token=token)).status_code == 200
    world.accounts.regenerate_key(desk, 1)
    await world.refused(401, "401", DENIED, key=key)
    await world.refused(401, "401", BAD_TOKEN, "no longer valid", token=token)
    assert (await world.call(second)).status_code == 200
    world.accounts.delete(desk)
    await world.refused(401, "401", DENIED, key=second)


async def test_the_token_exchange(world: World) -> None:
    key, _ = world.make("desk"), world.make("gate")
    answer = await world.call(key, path="/sts/v1.0/issueToken", host=f"desk.{DOMAIN}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwt; charset=us-ascii"
    token = answer.text
    assert (await world.call(key, path="/STS/v1.0/issuetoken")).status_code == 200
    for host in ("localhost", f"desk.{DOMAIN}"):
        assert (await world.call(token=token, host=host)).status_code == 200
    await world.refused(401, "401", DENIED, "another resource", token=token, host=f"gate.{DOMAIN}")
    await world.refused(401, "401", DENIED, "for keys only", token=token, path="/sts/v1.0/issueToken")
    await world.refused(401, "401", DENIED, path="/sts/v1.0/issueToken")
    await world.refused(401, "401", BAD_TOKEN, "not one that this server issued", token=token[:-6] + "AAAAAA")
    world.clock.advance(timedelta(minutes=10))
    await world.refused(401, "401", BAD_TOKEN, "10 minutes", token=token)


async def test_tokens_of_the_issuer(world: World) -> None:
    world.make("desk")
    world.make("gate")
    own, token = f"desk.{DOMAIN}", world.issuer.token(USER)
    assert (await world.call(token=token, host=own)).status_code == 200
    for host in ("localhost", f"local.api.{DOMAIN}"):
        needs = message_of("mien", "BadRequest", "Please provide a custom subdomain")
        await world.refused(400, "BadRequest", needs, "SUBDOMAIN", token=token, host=host)
    await world.refused(401, "401", BAD_TOKEN, "expired", token=world.issuer.token(USER, exp=1), host=own)
    await world.refused(401, "401", BAD_TOKEN, "graph", token=world.issuer.token(USER, aud="https://graph.x"), host=own)
    await world.refused(401, "401", BAD_TOKEN, "not a JWT", token="abc", host=own)
    recognizer = world.issuer.token("Cognitive Services Face Recognizer")
    assert (await world.call(token=recognizer, host=own)).status_code == 200
    for roles, hint in (
        ((), "has no role"),
        (("Cognitive Services Contributor",), "has no data action"),
        ((f"{USER}@gate",), "other resources than desk"),
    ):
        denied = world.issuer.token(*roles)
        await world.refused(401, "PermissionDenied", PERMISSION, hint, token=denied, host=own)
    world.issuer.broken = True
    unknown = world.issuer.token(USER, header={"kid": "new"})
    await world.refused(401, "401", BAD_TOKEN, "does not have", token=unknown, host=own)


async def test_an_issuer_that_cannot_be_asked_is_503(world: World) -> None:
    world.make("desk")
    world.issuer.broken = True
    response = await world.call(token=world.issuer.token(USER), host=f"desk.{DOMAIN}")
    assert (response.status_code, response.headers["retry-after"]) == (503, "10")


async def test_keys_that_are_switched_off(world: World) -> None:
    key = world.make("desk")
    token = (await world.call(key, path="/sts/v1.0/issueToken")).text
    world.change("desk", local_auth=False)
    for call in ({"key": key}, {"token": token}, {"key": key, "path": "/sts/v1.0/issueToken"}):
        await world.refused(403, "AuthenticationTypeDisabled", DISABLED, "token", **call)
    await world.refused(401, "401", DENIED, key="0" * 32)
    assert (await world.call(token=world.issuer.token(USER), host=f"desk.{DOMAIN}")).status_code == 200


async def test_network_rules(world: World) -> None:
    key = world.make("desk")

    def at(address: str) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.9, {address}, 10.0.0.7"}

    assert (await world.call(key, **at("198.51.100.7"))).status_code == 200
    world.change("desk", default_action="Deny", ip_rules=["198.51.100.0/24", "2001:db8::1"])
    for address in ("198.51.100.7", "2001:db8::1", "[2001:db8::1]:443", "172.16.5.5"):
        assert (await world.call(key, **at(address))).status_code == 200, address
    for address in ("198.51.101.7", "2001:db8::2", "203.0.113.9"):
        await world.refused(403, "403", FIREWALL, address, key=key, **at(address))
    await world.refused(403, "403", FIREWALL, "10.0.0.9", key=key)
    world.change("desk", public_network_access=False)
    await world.refused(403, "403", PRIVATE, "198.51.100.7", key=key, **at("198.51.100.7"))
    assert (await world.call(key, **at("172.16.5.5"))).status_code == 200
    await world.refused(401, "401", DENIED, key="0" * 32, **at("198.51.100.7"))  # who asks comes first


async def calls_of_a_second(world: World, key: str) -> list[httpx.Response]:
    """Make eleven calls within a second; a machine that was busy for longer tries again in the next one."""
    while True:
        begin = time.monotonic()
        answers = [await world.call(key) for _ in range(11)]
        if time.monotonic() - begin < 1:
            return answers
        await asyncio.sleep(1.05)


async def test_rates(world: World) -> None:
    paid, enterprise = world.make("paid"), world.make("ent", sku=Sku.ENTERPRISE)
    *passed, refused = await calls_of_a_second(world, paid)
    assert [answer.status_code for answer in passed] == [200] * 10
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], refused.headers["retry-after"]) == (429, "429", "1")
    live = message_of("gateway", "429", "Requests to the Face - Detect Operation")
    assert error["message"] == live.replace("v1.0", "v1.2").replace("<n>", "1")
    assert "10 calls in a second" in error["innererror"]["details"]["hint"]
    last = (await calls_of_a_second(world, enterprise))[-1]
    assert "current Face E0 pricing tier" in last.json()["error"]["message"]
    await world.refused(401, "401", DENIED, key="0" * 32)


async def test_the_free_rate_names_operation_and_version(world: World) -> None:
    free = world.make("free", sku=Sku.FREE)
    for _ in range(4):
        assert (await world.call(free)).status_code == 200
    # The volume of this server is 4; its refusals count against the rate, as calls do.
    volume = message_of("gateway", "403", "Out of call volume quota").replace("2.12", "18.88")
    for _ in range(16):
        await world.refused(403, "403", volume, "4 calls a calendar month", key=free)
    refused = await world.call(free)
    message = refused.json()["error"]["message"]
    assert refused.status_code == 429
    live = message_of("gateway", "429", "Requests to the <Operation Name>")
    expected = re.escape(live.replace("<Operation Name>", "Face - Detect").replace("<version>", "v1.2"))
    assert re.fullmatch(expected.replace("1\\ second", r"\d+ seconds"), message)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert f"after {refused.headers['retry-after']} second" in message


def feature_text(*features: str) -> dict[str, str]:
    names = ",".join(features)
    text = f"Feature is not supported, missing approval for one or more of the following features: {names}. "
    return {"code": "UnsupportedFeature", "message": f"{text}Please apply for access at https://aka.ms/facerecognition"}


async def gated(world: World, key: str, path: str, *features: str, body: Any = None) -> str:
    """Check that a call is refused for these features; return the hint."""
    response = await world.refused(403, "InvalidRequest", GATED, key=key, path=path, body=body)
    inner = response.json()["error"]["innererror"]
    hint: str = inner.pop("details")["hint"]
    assert inner == feature_text(*features)
    return hint


async def test_limited_access_of_detect(world: World) -> None:
    key = world.make("desk", approved=False)
    assert (await world.call(key)).status_code == 200
    both = ("Identification", "Verification")
    hint = await gated(world, key, "/face/v1.2/detect", *both)
    assert "'desk'" in hint
    age = "/face/v1.0/detect?returnFaceAttributes=headPose,{}&returnFaceId={}"
    for name in ("age", "smile", "facialHair", "hair", "makeup"):
        await gated(world, key, age.format(name, "false"), "LimitedAttributes")
    await gated(world, key, age.format("age", "true"), *both, "LimitedAttributes")
    retired = await world.call(key, path=age.format("gender", "false"))
    assert (retired.status_code, "retired" in retired.text) == (400, True)


async def test_an_approval_opens_what_it_is_for_and_its_end_closes_it(world: World) -> None:
    key = world.make("desk", approved=False)
    desk, actor = world.resources["desk"].id, "cli:test"
    texts = {"organisation": "Test", "contact": "a@b.example", "use_case": "Staff who agreed open the door by face."}
    request = world.access.submit(desk, {Feature.VERIFICATION}, actor=actor, **texts)
    assert "submitted" in await gated(world, key, "/face/v1.2/detect", "Identification", "Verification")
    world.access.review(request.id, actor=actor)
    assert "in review" in await gated(world, key, "/face/v1.2/detect", "Identification", "Verification")
    world.access.approve(request.id, actor="cli:reviewer", lasts=timedelta(days=30))
    assert (await world.call(key, path="/face/v1.2/detect")).status_code == 200
    world.clock.advance(timedelta(days=30))
    assert "expired" in await gated(world, key, "/face/v1.2/detect", "Identification", "Verification")
