"""What the Azure CLI and Terraform ask before they ask for an account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.issuer import serving
from tests.issuer_products import TENANT, Keycloak
from tests.management.conftest import World

from mien.accounts import Acknowledgement
from mien.accounts.subscriptions import DEFAULT_SUBSCRIPTION
from mien.gateway.discovery import Discovery, fetcher
from mien.issuers import names_of
from mien.management import Role
from mien.management.application import ControlPlane
from mien.management.arm.sign_in import SignInPlace

VERSION = {"api-version": "2025-09-01"}
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Faces"
AUDIENCES = ["https://management.azure.com"]


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Keycloak, Path]]:
    folder = tmp_path_factory.mktemp("issuer")
    with serving(Keycloak(), folder, host="localhost") as issuer:
        yield issuer, folder / "ca.pem"


def placed(quick: World, place: SignInPlace | None) -> httpx.AsyncClient:
    """Somebody without a token, at a control plane with this issuer."""
    quick.plane = ControlPlane(replace(quick.parts, place=place))
    return quick.client(None)


async def test_the_metadata_lead_to_entra_id_itself(quick: World) -> None:
    async with placed(quick, SignInPlace(names_of(f"https://sts.windows.net/{TENANT}/"), AUDIENCES, None)) as client:
        told = (await client.get("/metadata/endpoints", params={"api-version": "2022-09-01"})).json()
        assert told["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com"
        assert (told["name"], told["resourceManager"]) == ("Mien", "http://management.test")
        # What Terraform's provider cannot do without, and what it takes for Azure Stack otherwise.
        assert told["microsoftGraphResourceId"]
        assert (told["authentication"]["tenant"], told["authentication"]["identityProvider"]) == ("common", "AAD")
        assert told["authentication"]["audiences"] == AUDIENCES
        (older,) = (await client.get("/metadata/endpoints", params={"api-version": "2020-06-01"})).json()
        assert older == told
        assert (await client.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")).status_code == 404


async def test_another_issuer_is_found_as_entra_id_would_be(quick: World, keycloak: tuple[Keycloak, Path]) -> None:
    issuer, authority = keycloak
    names = names_of(issuer.url)
    place = SignInPlace(names, AUDIENCES, Discovery(names.name, fetcher(authority)))
    async with placed(quick, place) as client:
        told = (await client.get("/metadata/endpoints")).json()
        assert told["authentication"]["loginEndpoint"] == "http://management.test"
        for tenant in ("mien", str(names.tenant), "MIEN"):
            document = (await client.get(f"/{tenant}/v2.0/.well-known/openid-configuration")).json()
            assert document["issuer"] == f"http://management.test/{names.tenant}/v2.0"
            assert document["token_endpoint"] == f"{issuer.url}/protocol/openid-connect/token"
            sent = await client.post(f"/{tenant}/oauth2/v2.0/token", data={"client_secret": "not read"})
            assert sent.status_code == 307
            assert sent.headers["location"] == f"{issuer.url}/protocol/openid-connect/token"
        assert (await client.get("/other/v2.0/.well-known/openid-configuration")).status_code in {401, 404}
        assert (await client.get("/tenants", params=VERSION)).status_code == 401
    untrusted = SignInPlace(names, AUDIENCES, Discovery(names.name, fetcher()))
    async with placed(quick, untrusted) as client:
        away = await client.get("/mien/v2.0/.well-known/openid-configuration")
        assert (away.status_code, away.headers["retry-after"]) == (503, "10")


@pytest.fixture
async def reader(quick: World) -> AsyncIterator[httpx.AsyncClient]:
    async with quick.client(quick.token(Role.READER)) as client:
        yield client


async def value(client: httpx.AsyncClient, path: str) -> list[Any]:
    answer = await client.get(path, params=VERSION)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["value"])


async def test_resource_groups(quick: World, admin: httpx.AsyncClient, reader: httpx.AsyncClient) -> None:
    assert (await admin.get(GROUP, params=VERSION)).json()["error"]["code"] == "ResourceGroupNotFound"
    assert (await admin.head(GROUP, params=VERSION)).status_code == 404
    body: dict[str, Any] = {"location": "West Europe", "tags": {"team": "desk", "none": None}}
    assert (await reader.put(GROUP, params=VERSION, json=body)).status_code == 403
    made = await admin.put(GROUP, params=VERSION, json=body)
    assert (made.status_code, made.json()["location"], made.json()["tags"]) == (201, "westeurope", {"team": "desk"})
    assert (await admin.put(GROUP.lower(), params=VERSION, json=body)).status_code == 200
    elsewhere = await admin.put(GROUP, params=VERSION, json=body | {"location": "northeurope"})
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (409, "InvalidResourceGroupLocation")
    patched = await admin.patch(
        GROUP.upper().replace("RESOURCEGROUPS", "resourcegroups"), params=VERSION, json={"tags": {}}
    )
    assert (patched.json()["name"], patched.json()["tags"]) == ("Faces", {})
    assert (await admin.head(GROUP, params=VERSION)).status_code == 204
    assert [one["name"] for one in await value(reader, f"/subscriptions/{SUBSCRIPTION}/resourceGroups")] == ["Faces"]
    assert SUBSCRIPTION in [one["subscriptionId"] for one in await value(reader, "/subscriptions")]
    assert (await admin.delete(GROUP, params=VERSION)).status_code == 200
    assert (await admin.delete(GROUP, params=VERSION)).status_code == 404


async def test_a_group_with_accounts_is_kept(quick: World, admin: httpx.AsyncClient) -> None:
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    quick.parts.accounts.create("by-hand", terms=terms)
    group = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/mien"
    (held,) = await value(admin, f"{group}/resources")
    assert (held["name"], held["type"]) == ("by-hand", "Microsoft.CognitiveServices/accounts")
    everything = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resources"
    for name, count in (("MIEN", 1), ("other", 0)):
        filtered = await admin.get(everything, params=VERSION | {"$filter": f"resourceGroup eq '{name}'"})
        assert len(filtered.json()["value"]) == count
    refused = await admin.delete(group, params=VERSION)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ResourceGroupDeletionBlocked")
    for name in ("deployments", "commitmentPlans"):
        assert await value(admin, f"{group}/providers/Microsoft.CognitiveServices/accounts/by-hand/{name}") == []
        missing = f"{group}/providers/Microsoft.CognitiveServices/accounts/other/{name}"
        assert (await admin.get(missing, params=VERSION)).status_code == 404


async def test_providers_are_registered_or_unknown(reader: httpx.AsyncClient) -> None:
    providers = f"/subscriptions/{SUBSCRIPTION}/providers"
    listed = {one["namespace"]: one["registrationState"] for one in await value(reader, providers)}
    assert listed["Microsoft.CognitiveServices"] == "Registered"
    ours = await reader.get(f"{providers}/microsoft.cognitiveservices", params=VERSION)
    assert ours.json()["namespace"] == "Microsoft.CognitiveServices"
    registered = await reader.post(f"{providers}/Microsoft.CognitiveServices/register", params=VERSION)
    assert registered.json() == ours.json()
    other = await reader.get(f"{providers}/Microsoft.Compute", params=VERSION)
    assert other.json()["registrationState"] == "NotRegistered"
    refused = await reader.post(f"{providers}/Microsoft.Compute/register", params=VERSION)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "InvalidResourceNamespace")


async def test_any_subscription_is_as_good_as_another(reader: httpx.AsyncClient) -> None:
    (tenant,) = await value(reader, "/tenants")
    one = (await reader.get(f"/subscriptions/{SUBSCRIPTION}", params=VERSION)).json()
    assert (one["state"], one["tenantId"]) == ("Enabled", tenant["tenantId"])
    assert [one["subscriptionId"] for one in await value(reader, "/subscriptions")] == [DEFAULT_SUBSCRIPTION]
    assert "westeurope" in [one["name"] for one in await value(reader, f"/subscriptions/{SUBSCRIPTION}/locations")]
    assert (await reader.get("/subscriptions")).json()["error"]["code"] == "MissingApiVersionParameter"
