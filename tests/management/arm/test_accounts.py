"""Accounts over ARM without the vendor's client: what it cannot send, and what is refused."""

from typing import Any

import httpx
import pytest
from tests.management.conftest import World

from mien.accounts import DEVELOPMENT_TERMS, Acknowledgement, Feature
from mien.accounts.subscriptions import DEFAULT_GROUP, DEFAULT_SUBSCRIPTION
from mien.management import Role
from mien.management.arm.filing import STATEMENT
from mien.management.arm.shapes import Addresses
from mien.storage.tables import ArmRow

VERSION = {"api-version": "2025-09-01"}
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ACCOUNTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts"
TERMS = f"/mien/v1/subscriptions/{SUBSCRIPTION}/terms"
ACCEPTED = {"acceptedBy": "Anna", "responsibleAi": True, "notForPolice": True}


def body(**properties: Any) -> dict[str, Any]:
    return {"location": "westeurope", "kind": "Face", "sku": {"name": "S0"}, "properties": properties}


async def put(client: httpx.AsyncClient, name: str, content: dict[str, Any]) -> httpx.Response:
    return await client.put(f"{ACCOUNTS}/{name}", params=VERSION, json=content)


@pytest.fixture
async def ready(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a subscription that accepted the terms."""
    assert (await admin.post(TERMS, json=ACCEPTED)).status_code == 201
    return admin


async def test_terms_are_accepted_whole_or_not_at_all(quick: World, admin: httpx.AsyncClient) -> None:
    refused = await put(admin, "a1", body())
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ResourceKindRequireAcceptTerms")
    for missing in ("acceptedBy", "responsibleAi", "notForPolice"):
        half = {name: value for name, value in ACCEPTED.items() if name != missing}
        assert (await admin.post(TERMS, json=half)).status_code == 400
        assert (await admin.post(TERMS, json=half | {missing: False})).status_code == 400
    assert (await admin.get(TERMS)).json() == {"accepted": False, "statement": STATEMENT, "value": []}
    assert (await admin.post(TERMS, json=ACCEPTED)).status_code == 201
    shown = (await admin.get(TERMS.upper().replace("/MIEN/V1", "/mien/v1"))).json()
    assert shown["accepted"]
    assert [(one["acceptedBy"], one["statement"]) for one in shown["value"]] == [("Anna", STATEMENT)]
    assert "police" in STATEMENT
    made = await put(admin, "a1", body())
    assert made.status_code == 201
    resource = quick.parts.accounts.named("a1")
    assert resource is not None
    assert resource.terms is not None
    assert resource.terms.accepted_by == "Anna"
    other = ACCOUNTS.replace(SUBSCRIPTION, "another")
    assert (await admin.put(f"{other}/a2", params=VERSION, json=body())).status_code == 409
    assert [one.action for one in quick.parts.audit.search()] == ["resource.create", "terms.accept"]


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"kind": "Face", "sku": {"name": "S0"}}, "LocationRequired", "location"),
    ({"location": "westeurope", "sku": {"name": "S0"}}, "InvalidRequestContent", "kind"),
    ({"location": "westeurope", "kind": "Face"}, "InvalidRequestContent", "sku"),
    (body() | {"kind": "OpenAI"}, "InvalidApiSetId", "kind"),
    (body() | {"sku": {"name": "S9"}}, "InvalidSkuId", "sku.name"),
    (body() | {"location": "westeurop"}, "InvalidRequestContent", "location"),
    (body() | {"tags": {"a": 1}}, "InvalidRequestContent", "tags.a"),
    (body() | {"tags": {"<": "x"}}, "InvalidRequestContent", "tags"),
    (body(publicNetworkAccess="Maybe"), "InvalidRequestContent", "properties.publicNetworkAccess"),
    (
        body(networkAcls={"defaultAction": "Perhaps"}),
        "InvalidRequestContent",
        "properties.networkAcls.defaultAction",
    ),
    (
        body(networkAcls={"ipRules": [{"value": "10.0.0.300"}]}),
        "InvalidRequestContent",
        "properties.networkAcls.ipRules",
    ),
    (body(customSubDomainName="-"), "InvalidRequestContent", "properties.customSubDomainName"),
    (
        body(networkAcls={"virtualNetworkRules": [{"id": "x"}]}),
        "InvalidRequestContent",
        "properties.networkAcls.virtualNetworkRules",
    ),
    (body(encryption={"keySource": "Microsoft.KeyVault"}), "InvalidRequestContent", "properties.encryption"),
    (body(userOwnedStorage=[{"resourceId": "x"}]), "InvalidRequestContent", "properties.userOwnedStorage"),
    (body(restrictOutboundNetworkAccess=True), "InvalidRequestContent", "properties.restrictOutboundNetworkAccess"),
    (body(restore=True), "CanNotRestoreANonExistingResource", None),
]


async def test_what_cannot_be_is_refused_with_its_place(ready: httpx.AsyncClient) -> None:
    for content, code, target in REFUSED:
        answer = await put(ready, "a1", content)
        assert answer.status_code == 400, content
        error = answer.json()["error"]
        assert (error["code"], error.get("target")) == (code, target), content


async def test_what_means_nothing_here_is_passed_over_or_echoed(ready: httpx.AsyncClient) -> None:
    content = body(
        networkAcls={"bypass": "AzureServices", "virtualNetworkRules": []},
        encryption={"keySource": "Microsoft.CognitiveServices"},
        dynamicThrottlingEnabled=False,
        apiProperties={"x": 1},
        nobodyKnows=[1],
    )
    made = (await put(ready, "a1", content | {"identity": {"type": "None"}, "tags": {"a": "b", "gone": None}})).json()
    assert made["identity"] == {"type": "None"}
    assert made["tags"] == {"a": "b"}
    assert made["properties"]["networkAcls"]["bypass"] == "AzureServices"
    assert "nobodyKnows" not in made["properties"]
    patched = await ready.patch(f"{ACCOUNTS}/a1", params=VERSION, json={"sku": {"name": "e0"}})
    assert patched.json()["sku"] == {"name": "E0", "tier": "Enterprise"}
    assert patched.json()["properties"]["networkAcls"]["bypass"] == "AzureServices"


async def test_conflicts_have_azures_codes(ready: httpx.AsyncClient) -> None:
    assert (await put(ready, "a1", body(customSubDomainName="one"))).status_code == 201
    answers = {
        "InvalidResourceLocation": await put(ready, "a1", body() | {"location": "North Europe"}),
        "CustomDomainInUse": await put(ready, "a2", body(customSubDomainName="ONE")),
        "QuotaExceeded": await put(ready, "a3", body() | {"sku": {"name": "F0"}}),
    }
    assert answers.pop("QuotaExceeded").status_code == 201
    answers["QuotaExceeded"] = await put(ready, "a4", body() | {"sku": {"name": "F0"}})
    for code, answer in answers.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    renamed = await ready.patch(f"{ACCOUNTS}/a1", params=VERSION, json={"properties": {"customSubDomainName": "two"}})
    assert renamed.status_code == 400


async def test_a_version_must_be_named(ready: httpx.AsyncClient) -> None:
    for parameters, code in (({}, "MissingApiVersionParameter"), ({"api-version": "1"}, "InvalidApiVersionParameter")):
        answer = await ready.get(ACCOUNTS, params=parameters)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (await ready.get(ACCOUNTS, params={"API-Version": "2021-10-01"})).status_code == 200


async def test_what_others_made_is_filed_by_default(quick: World, admin: httpx.AsyncClient) -> None:
    terms = Acknowledgement("Ben", responsible_ai=True, not_for_police=True)
    resource = quick.parts.accounts.create("by-hand", terms=terms)
    listed = await admin.get(
        f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.CognitiveServices/accounts", params=VERSION
    )
    (account,) = listed.json()["value"]
    assert f"/resourceGroups/{DEFAULT_GROUP}/" in account["id"]
    assert account["properties"]["endpoint"] == "http://local.api.cognitiveservices.localhost:8080/"
    assert account["properties"]["capabilities"] == []
    request = quick.parts.access.submit(
        resource.id, {Feature.VERIFICATION}, organisation="o", contact="c", use_case="u", actor="x"
    )
    quick.parts.access.review(request.id, actor="x")
    quick.parts.access.approve(request.id, actor="y")
    seen = (await admin.get(account["id"], params=VERSION)).json()
    assert seen["properties"]["capabilities"] == [{"name": "LimitedAccess.Verification"}]
    assert seen["etag"] != account["etag"]


async def test_on_every_database_a_purge_takes_the_filing_along(world: World) -> None:
    async with world.client(world.token(Role.ADMIN)) as client:
        await client.post(TERMS, json=ACCEPTED)
        assert (await put(client, "a1", body())).status_code == 201
        assert (await put(client, "A1", body())).status_code == 200
        assert (await client.delete(f"{ACCOUNTS}/a1", params=VERSION)).status_code == 200
        gone = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.CognitiveServices"
        where = f"{gone}/locations/West Europe/resourceGroups/RG/deletedAccounts/a1"
        assert (await client.get(where, params=VERSION)).json()["properties"]["deletionDate"]
        assert (await client.delete(where, params=VERSION)).status_code == 200
        assert (await client.get(where, params=VERSION)).status_code == 404
        assert (await client.get(f"{gone}/deletedAccounts", params=VERSION)).json() == {"value": []}
    with world.parts.database.engine.connect() as connection:
        assert connection.execute(ArmRow.__table__.select()).all() == []


@pytest.mark.parametrize(
    ("data_plane", "shown"),
    [
        ("https://faces.test:443", "https://westeurope.api.faces.test/"),
        ("http://faces.test:80", "http://westeurope.api.faces.test/"),
        ("https://faces.test:8443", "https://westeurope.api.faces.test:8443/"),
        ("https://faces.test/mien", "https://westeurope.api.faces.test/mien/"),
    ],
)
def test_endpoints_leave_out_usual_ports_and_keep_a_base_path(data_plane: str, shown: str, quick: World) -> None:
    made = quick.parts.accounts.create("ports", terms=DEVELOPMENT_TERMS, location="westeurope")
    assert Addresses(data_plane, "faces.test").of(made) == shown
