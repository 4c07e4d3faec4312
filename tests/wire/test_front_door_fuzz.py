"""Anything in headers, hosts, paths and bodies: the answer is never a 5xx, and always the contract's JSON."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from tests.examples import examples
from tests.manual_clock import ManualClock
from tests.wire.conftest import KEY, Accounts

from mien.gateway.checks import Checks
from mien.gateway.keysets import KeySets
from mien.gateway.origin import OriginFinder, parse_networks
from mien.gateway.rates import RateLimits, TierRates
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import TokenVerifier
from mien.wire.application import Application

DOMAIN = b"cognitiveservices.localhost"
NAMES = [
    b"host",
    b"ocp-apim-subscription-key",
    b"authorization",
    b"content-type",
    b"content-length",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-ms-client-request-id",
    b"accept",
]
HOSTS = [b"wire." + DOMAIN, b"westeurope.api." + DOMAIN, b"nobody." + DOMAIN, DOMAIN, b"localhost:1", b"[::1]:80", b""]
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            *HOSTS,
            KEY.encode(),
            KEY.encode() + b" ",
            b"Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.c2ln",
            b"Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Im1pZW4tc3RzIn0.e30.c2ln",
            b"bearer",
            b"application/json",
            b"application/octet-stream",
            b"10.0.0.1, 1.2.3.4",
            b"-1",
            b"99999999999999999999",
        ]
    ),
    st.binary(max_size=40).map(lambda raw: b"Bearer " + raw),
)
GOOD = [(b"ocp-apim-subscription-key", KEY.encode()), (b"host", b"localhost")]
HEADERS = st.builds(
    list.__add__,
    st.sampled_from([[], GOOD]),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8),
)
PATHS = st.one_of(
    st.just("/face/v1.2/detect"),
    st.text(max_size=60).map(lambda text: f"/{text}"),
    st.sampled_from(
        [
            "/face/v1.2/detect",
            "//face/V1.2/DETECT/",
            "/face/v1.0/detect",
            "/face/v9/detect",
            "/face/v1.2/identify",
            "/sts/v1.0/issueToken",
            "/docs",
            "/status",
            "/face/v1.2/../../etc/passwd",
            "/face/v1.2/persongroups/%00",
        ]
    ),
)
QUERIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([f"subscription-key={KEY}".encode(), b"subscription-key=%", b"returnFaceId=%FF", b"a=1&a=2&&=;"]),
)
BODIES = st.one_of(
    st.binary(max_size=200), st.sampled_from([b"{}", b"[", b'{"url":1}', b"[" * 100_000, b"\xff\xd8\xff"])
)
METHODS = st.just("POST") | st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "X"])


@pytest.fixture
def fuzzed(make_service: Callable[..., Any]) -> Iterator[Application]:
    """An application with everything on; the issuer's keys are known and fit nothing."""
    clock = ManualClock()
    key = RSAKey.generate_key(2048, {"kid": "a"})
    keys = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    issuer = "https://issuer.example"
    origin = OriginFinder(parse_networks("10.0.0.0/8"))
    checks = Checks(
        Accounts(),
        origin=origin,
        short_tokens=ShortTokens(lambda text: hashlib.sha256(text.encode()).digest(), clock),
        verifier=TokenVerifier({issuer: KeySets(issuer, f"{issuer}/keys", fetch=lambda _url: keys)}, clock),
        rates=RateLimits(TierRates(paid_per_second=100_000)),
    )
    application = make_service(checks=checks, origin=origin).application
    yield application
    application.close()


async def exchange(
    application: Application, scope: dict[str, Any], body: bytes
) -> tuple[int, bytes, dict[bytes, bytes]]:
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(received, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    head, content = sent
    return head["status"], content["body"], dict(head["headers"])


def test_any_request_gets_an_answer(fuzzed: Application) -> None:
    statuses: set[int] = set()

    @examples(400, *HealthCheck)
    @given(
        method=METHODS,
        path=PATHS,
        query=QUERIES,
        headers=HEADERS,
        body=BODIES,
        client=st.sampled_from([None, "10.0.0.1", "x"]),
    )
    @example("POST", "/sts/v1.0/issueToken", b"", GOOD, b"", "10.0.0.1")
    @example("POST", "/face/v1.2/detect", b"", [*GOOD, (b"content-type", b"application/json")], b"[", "10.0.0.1")
    def run(
        method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes, client: str | None
    ) -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": headers,
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": None if client is None else (client, 1),
        }
        status, content, answered = asyncio.run(exchange(fuzzed, scope, body))
        assert status < 500, (status, content)
        assert answered[b"apim-request-id"]
        if status >= 400 and method != "HEAD":
            error = json.loads(content)["error"]
            assert error["code"].encode() == answered[b"x-ms-error-code"]
            assert error["message"]
        statuses.add(status)

    run()
    assert {200, 400, 401, 404} <= statuses  # it came past the door now and then
