"""What a host says of the resource that is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.gateway.endpoints import ANYWHERE, Endpoint, Endpoints

ENDPOINTS = Endpoints("Face.example")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("front-desk.face.example", Endpoint(subdomain="front-desk")),
        ("westeurope.api.face.example", Endpoint(region="westeurope")),
        ("api.face.example", Endpoint(subdomain="api")),
        ("a.b.face.example", Endpoint(unknown=True)),
        ("a.b.api.face.example", Endpoint(unknown=True)),
        ("face.example", ANYWHERE),
        ("notface.example", ANYWHERE),
        ("localhost", ANYWHERE),
        ("127.0.0.1", ANYWHERE),
        ("[::1]", ANYWHERE),
        ("", ANYWHERE),
    ],
)
def test_hosts(host: str, expected: Endpoint) -> None:
    assert ENDPOINTS.of(host) == expected


@given(st.text())
def test_any_text_is_some_host(host: str) -> None:
    ENDPOINTS.of(host)
    ENDPOINTS.of(f"{host}.face.example")


def test_what_is_told_is_what_is_read() -> None:
    assert ENDPOINTS.of(ENDPOINTS.custom("a").lower()) == Endpoint(subdomain="a")
    assert ENDPOINTS.of(ENDPOINTS.regional("West").lower()) == Endpoint(region="west")
