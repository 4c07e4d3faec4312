"""Limited access and roles over the whole table of operations: none is left out, and each asks for what it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.wire.conftest import KEY, Service, resource
from tests.wire.told_gallery import ToldGallery

from mien.accounts import Feature
from mien.gateway.exchange import Operation
from mien.gateway.gates import BY_FAMILY, requirements
from mien.gateway.roles import PREFIX, data_action
from mien.wire.context import Context
from mien.wire.liveness.sessions import LivenessContext
from mien.wire.liveness.settings import liveness_operations
from mien.wire.recognition import recognition_operations

NOTHING: Any = object()  # the table is made without touching what handlers stand on
OPERATIONS = [
    *recognition_operations(Context(*[NOTHING] * 8)),
    *liveness_operations(LivenessContext(*[NOTHING] * 5)),
]
RECOGNITION = "Identification,Verification"
EXPECTED = {
    "/identify": "Identification",
    "/verify": "Verification",
    "/findsimilars": RECOGNITION,
    "/group": RECOGNITION,
}


def test_every_operation_has_a_data_action_and_a_gate() -> None:
    assert len(OPERATIONS) > 80
    for operation in OPERATIONS:
        family = operation.action.partition("/")[0]
        assert family in BY_FAMILY, f"{operation.name}: say in gates.py what {family} needs"
        full = data_action(operation.action)
        assert re.fullmatch(f"{re.escape(PREFIX)}[a-z]+(/[a-z]+)*/(read|write|delete|action)", full), full


def expected(operation: Operation) -> str | None:
    """What a refusal must name, by the operation's path and method alone."""
    if operation.method in {"GET", "DELETE"}:
        return None
    if operation.template.lower().startswith("/detectliveness"):
        return "Liveness"
    if operation.template.startswith("/settings"):
        return None
    return EXPECTED.get(operation.template, RECOGNITION)


def id_of(operation: Operation) -> str:
    return f"{operation.name} {min(operation.versions)}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=id_of)
def test_what_an_operation_needs(operation: Operation) -> None:
    needed = ",".join(feature for one in requirements(operation.action) for feature in one)
    assert (needed or None) == expected(operation)


async def test_an_unapproved_resource_is_refused_before_anything_is_read(make_service: Callable[..., Service]) -> None:
    told = ToldGallery()
    service = make_service(gallery=told, directory=told)
    recognition = [operation for operation in OPERATIONS if "iveness" not in operation.name]
    async with service.client(**{"Ocp-Apim-Subscription-Key": KEY}) as client:
        for features in ((), (Feature.IDENTIFICATION,), (Feature.VERIFICATION,)):
            service.accounts.resource = resource(features=frozenset(features))
            for operation in recognition:
                needed = expected(operation)
                if needed is None:
                    continue
                path = f"/face/{min(operation.versions)}{re.sub('{[^}]+}', 'x', operation.template)}"
                response = await client.request(operation.method, path, content=b"not json")
                allowed = any(feature in needed.split(",") for feature in features)
                told_so = "missing approval" in response.text
                assert told_so != allowed, (operation.name, features, response.text)
                if told_so:
                    assert f"features: {needed}. Please apply" in response.json()["error"]["innererror"]["message"]
    service.application.close()
