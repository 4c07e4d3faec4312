"""Requests made from our own OpenAPI document, right ones and wrong ones: the answers are those that it promises."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.generation import GenerationMode
from tests.examples import examples

from mien.contract.versions import V1_0, V1_2

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [V1_0.name, V1_2.name])
def test_the_document_tells_the_truth(version: str, service: Any, photo: bytes) -> None:
    service.web.answer = photo
    schema = schemathesis.openapi.from_asgi(f"/openapi.json?version={version}", service.application)
    operation = schema["/detect"]["POST"]
    cases = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)
    statuses: set[int] = set()
    headers = {"Ocp-Apim-Subscription-Key": "0123456789abcdef0123456789abcdef"}

    @examples(15, *HealthCheck)
    @given(case=cases)
    def run(case: Any) -> None:
        statuses.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    run()
    assert 400 in statuses
