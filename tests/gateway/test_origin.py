"""Under which address a caller sees the server, with and without a reverse proxy between them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.gateway.exchange import Request
from mien.gateway.origin import OriginFinder

TRUSTED = OriginFinder((ip_network("10.0.0.0/8"), ip_network("fd00::/64")))


def request(headers: dict[str, str], client: str | None = "10.1.2.3", scheme: str = "http") -> Request:
    async def receive() -> dict[str, Any]:
        return {}

    scope = {
        "method": "POST",
        "path": "/",
        "scheme": scheme,
        "server": ("127.0.0.1", 8080),
        "client": None if client is None else (client, 1234),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    return Request(scope, receive)


FORWARDED = {"host": "inner:8080", "x-forwarded-proto": "https", "x-forwarded-host": "face.example.com"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "mien.test"}, "http://mien.test"),
        ({"host": "127.0.0.1:5000"}, "http://127.0.0.1:5000"),
        ({"host": "[::1]:5000"}, "http://[::1]:5000"),
        ({}, "http://127.0.0.1:8080"),
        ({"host": "a b/c"}, "http://127.0.0.1:8080"),
        (FORWARDED, "https://face.example.com"),
        (FORWARDED | {"x-forwarded-port": "8443"}, "https://face.example.com:8443"),
        (FORWARDED | {"x-forwarded-port": "443"}, "https://face.example.com"),
        (
            FORWARDED | {"x-forwarded-host": "face.example.com:444", "x-forwarded-port": "1"},
            "https://face.example.com:444",
        ),
        (FORWARDED | {"x-forwarded-host": "a.example.com, b.internal"}, "https://a.example.com"),
        (FORWARDED | {"x-forwarded-host": "a/../evil"}, "https://inner:8080"),
        (FORWARDED | {"x-forwarded-proto": "javascript"}, "http://face.example.com"),
        ({"host": "mien.test:80"}, "http://mien.test"),
        (FORWARDED | {"x-forwarded-host": "face.example.com:443"}, "https://face.example.com"),
        (FORWARDED | {"x-forwarded-prefix": "/mien"}, "https://face.example.com/mien"),
        (FORWARDED | {"x-forwarded-prefix": "/mien/"}, "https://face.example.com/mien"),
        (FORWARDED | {"x-forwarded-prefix": "/outer, /inner"}, "https://face.example.com/outer/inner"),
        (FORWARDED | {"x-forwarded-prefix": "/"}, "https://face.example.com"),
        (FORWARDED | {"x-forwarded-prefix": "//evil.test"}, "https://face.example.com"),
        (FORWARDED | {"x-forwarded-prefix": "/a/../b"}, "https://face.example.com"),
        (FORWARDED | {"x-forwarded-prefix": "/a b"}, "https://face.example.com"),
        (
            {"host": "inner", "forwarded": 'for=192.0.2.60;proto=https;host="face.example.com:8443"'},
            "https://face.example.com:8443",
        ),
        ({"host": "inner", "forwarded": "Proto=HTTPS;Host=face.example.com, for=10.0.0.9"}, "https://face.example.com"),
        (FORWARDED | {"forwarded": "host=other.example.com;proto=http"}, "https://face.example.com"),
        ({"host": "inner", "forwarded": 'host="a, b";;;=,"'}, "http://inner"),
    ],
)
def test_what_a_caller_sees(headers: dict[str, str], expected: str) -> None:
    assert TRUSTED(request(headers)) == expected


@pytest.mark.parametrize("client", ["192.0.2.1", "::1", "unix", None])
def test_strangers_cannot_redirect(client: str | None) -> None:
    assert TRUSTED(request(FORWARDED, client)) == "http://inner:8080"
    assert OriginFinder()(request(FORWARDED)) == "http://inner:8080"


@pytest.mark.parametrize("client", ["fd00::7", "::ffff:10.1.2.3"])
def test_proxies_by_ipv6(client: str) -> None:
    assert TRUSTED(request(FORWARDED, client)) == "https://face.example.com"


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_host_breaks_out_of_the_header(host: str) -> None:
    for headers in ({"host": host}, FORWARDED | {"x-forwarded-host": host, "x-forwarded-port": host}):
        origin = TRUSTED(request(headers))
        assert origin.isascii()
        assert not set(origin) & set("\r\n /?#@\\<>\"'") - set("/")
        assert origin.count("/") == 2


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"forwarded": "for=192.0.2.60"}, "192.0.2.60"),
        ({"forwarded": 'for="[2001:db8::7]:4711";proto=https'}, "2001:db8::7"),
        ({"forwarded": "for=203.0.113.9, for=192.0.2.60, for=10.0.0.9"}, "192.0.2.60"),
        ({"forwarded": "for=unknown"}, "10.1.2.3"),
        ({"forwarded": "for=203.0.113.9", "x-forwarded-for": "192.0.2.60"}, "192.0.2.60"),
    ],
)
def test_the_callers_address_by_the_standard_header(headers: dict[str, str], expected: str) -> None:
    assert str(TRUSTED.client(request(headers))) == expected


def test_a_base_path_that_the_proxy_left_in_the_path_is_taken_off() -> None:
    left = request({"host": "inner", "x-forwarded-prefix": "/mien"})
    left.path = "/mien/face/v1.2/detect"
    assert TRUSTED.path(left) == "/face/v1.2/detect"
    left.path = "/mienface/v1.2/detect"
    assert TRUSTED.path(left) == "/mienface/v1.2/detect"
    assert OriginFinder().path(left) == "/mienface/v1.2/detect"
