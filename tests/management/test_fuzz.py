"""Requests made from the OpenAPI document and beside it: no 5xx, every answer as promised, every error in one shape."""

from __future__ import annotations

import asyncio
import json
import string
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from tests.examples import examples
from tests.management.conftest import World

from mien.accounts import Acknowledgement
from mien.management import Role
from mien.management.application import OPENAPI

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture
def token(quick: World) -> str:
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    quick.parts.accounts.create("front", terms=terms)
    return quick.token(Role.ADMIN)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("count", [60, pytest.param(250, marks=pytest.mark.heavy)])
def test_every_operation_keeps_what_the_document_promises(quick: World, token: str, count: int) -> None:
    schema = schemathesis.openapi.from_asgi(OPENAPI, quick.plane)
    headers = {"Authorization": f"Bearer {token}"}
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 45
    cases = [
        operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)
        for operation in operations
    ]
    statuses: set[int] = set()

    @examples(count, *HealthCheck)
    @given(case=st.one_of(cases))
    def run(case: Any) -> None:
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        statuses.add(answer.status_code)
        if answer.status_code >= 400 and case.method.upper() != "HEAD":  # whose answers have no body
            assert set(answer.json()) == {"error"}

    run()
    assert {200, 400} <= statuses


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
ACCOUNT = st.fixed_dictionaries(
    {"location": JSON | st.just("westeurope"), "kind": JSON | st.just("Face"), "sku": JSON | st.just({"name": "S0"})},
    optional={
        "tags": JSON,
        "identity": JSON,
        "properties": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "customSubDomainName": st.text(max_size=70),
                "publicNetworkAccess": st.text(max_size=10) | st.just("Enabled"),
                "disableLocalAuth": JSON,
                "restore": JSON,
                "networkAcls": JSON
                | st.fixed_dictionaries({"ipRules": st.lists(st.fixed_dictionaries({"value": st.text(max_size=20)}))}),
            },
        ),
    },
)
NAMES = st.text(string.ascii_letters + string.digits + "._-/%?#\\ \x00é", min_size=1, max_size=70)


def test_whatever_is_sent_to_an_account_there_is_no_5xx(quick: World, token: str) -> None:
    terms = "/mien/v1/subscriptions/s/terms"
    accounts = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts"
    accepted = {"acceptedBy": "Anna", "responsibleAi": True, "notForPolice": True}
    statuses: set[int] = set()

    async def send(method: str, name: str, body: Any) -> httpx.Response:
        async with quick.client(token) as client:
            await client.post(terms, json=accepted)
            path = f"{accounts}/{name}".replace("?", "%3F").replace("#", "%23")
            return await client.request(method, path, params={"api-version": "2025-09-01"}, content=body)

    @examples(150, *HealthCheck)
    @example(method="PUT", name="a1", body={"location": "westeurope", "kind": "Face", "sku": {"name": "S0"}})
    @example(method="PATCH", name="a2", body={})
    @given(method=st.sampled_from(["PUT", "PATCH"]), name=NAMES | st.just("a1"), body=ACCOUNT)
    def run(method: str, name: str, body: Any) -> None:
        content = json.dumps(body).encode()
        try:
            answer = asyncio.run(send(method, name, content))
        except httpx.InvalidURL:  # the client itself refuses to send it
            return
        statuses.add(answer.status_code)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"}

    run()
    assert {201, 400, 404} <= statuses
