"""Tokens of an issuer, with a real issuer behind a real socket: genuine ones, forged ones, and keys that rotate."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey
from tests.examples import examples
from tests.issuer import Issuer, running_issuer
from tests.issuer_products import APP_SECRET, APPLICATION, OBJECT, OWN_API, TENANT, Entra
from tests.manual_clock import ManualClock

from mien.accounts.role_assignments import Assignee
from mien.gateway.errors import BadTokenError, IssuerUnavailableError
from mien.gateway.keysets import ATTEMPT_SECONDS, FRESH_SECONDS, STALE_SECONDS, KeySets
from mien.gateway.tokens import AUDIENCE, TokenVerifier
from mien.issuers import names_of

clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[Issuer]:
    with running_issuer(clock) as issuer:
        yield issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer(clock) as issuer:
        yield issuer


def verifier(issuer: Issuer, **options: Any) -> TokenVerifier:
    return TokenVerifier({issuer.url: KeySets(issuer.url)}, clock, **options)


async def refused(issuer: Issuer, token: str, word: str) -> None:
    with pytest.raises(BadTokenError) as caught:
        await verifier(issuer).verify(token)
    assert word in caught.value.hint


async def test_a_genuine_token(shared_issuer: Issuer) -> None:
    check = verifier(shared_issuer)
    identity = await check.verify(shared_issuer.token("Cognitive Services User", "other"))
    assert (identity.subject, identity.roles) == ("anna", ("Cognitive Services User", "other"))
    for audience in (f"{AUDIENCE}/", [AUDIENCE, "else"], [f"{AUDIENCE}/"]):
        assert (await check.verify(shared_issuer.token(aud=audience))).subject == "anna"
    assert (await check.verify(shared_issuer.token(oid=None, sub="bob"))).subject == "bob"
    assert (await check.verify(shared_issuer.token(header={"kid": None}))).subject == "anna"
    assert (await check.verify(shared_issuer.token(roles="one"))).roles == ("one",)
    assert (await check.verify(shared_issuer.token(roles=7))).roles == ()


async def test_roles_may_be_deep_in_the_token(shared_issuer: Issuer) -> None:
    check = verifier(shared_issuer, roles_claim="realm_access.roles")
    token = shared_issuer.token("outside", realm_access={"roles": ["inside"]})
    assert (await check.verify(token)).roles == ("inside",)


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"exp": -1}, "has expired"),
        ({"exp": None}, "lacks the claim exp"),
        ({"exp": "soon"}, "exp is not valid"),
        ({"exp": float("nan")}, "exp is not valid"),
        ({"nbf": 3600}, "nbf is not valid"),
        ({"iat": 3600}, "iat is not valid"),
        ({"iss": "https://evil.example"}, "https://evil.example"),
        ({"iss": None}, "lacks the claim iss"),
        ({"aud": "https://graph.microsoft.com"}, "https://graph.microsoft.com"),
        ({"aud": ["a", "b"]}, "made out to"),
        ({"aud": None}, "lacks the claim aud"),
        ({"aud": 5}, "made out to"),
        ({"oid": None, "sub": None}, "no principal"),
    ],
)
async def test_tokens_that_are_not_for_us_or_not_in_date(
    claims: dict[str, Any], word: str, shared_issuer: Issuer
) -> None:
    now = int(clock.now().timestamp())
    moved: dict[str, Any] = {
        name: now + value if isinstance(value, int) and name != "aud" else value for name, value in claims.items()
    }
    await refused(shared_issuer, shared_issuer.token(**moved), word)


def unsigned(issuer: Issuer, algorithm: str) -> str:
    _, claims, _ = issuer.token("Cognitive Services User").split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "first"}).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}."


async def test_forged_tokens(shared_issuer: Issuer) -> None:
    good = shared_issuer.token("Cognitive Services User")
    head, claims, signature = good.split(".")
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    await refused(shared_issuer, shared_issuer.token(key=stranger), "signature is not the issuer's")
    unknown = RSAKey.generate_key(2048, {"kid": "unknown"})
    await refused(shared_issuer, shared_issuer.token(key=unknown), "does not have")
    await refused(shared_issuer, f"{head}.{claims}.{signature[::-1]}", "signature")
    other = shared_issuer.token("Cognitive Services User", oid="eve").split(".")[1]
    await refused(shared_issuer, f"{head}.{other}.{signature}", "signature")
    for algorithm in ("none", "None", "NONE", "HS256", "", "RS1"):
        await refused(shared_issuer, unsigned(shared_issuer, algorithm), "signed with")
    # The public key as a secret: the oldest of tricks.
    secret = shared_issuer.keys[0].as_pem(private=False)
    forged = unsigned(shared_issuer, "HS256").rstrip(".")
    mark = base64.urlsafe_b64encode(hmac.digest(secret, forged.encode(), "sha256")).rstrip(b"=").decode()
    await refused(shared_issuer, f"{forged}.{mark}", "signed with 'HS256'")


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "e30.e30.e30", "é", "x" * 20_000, "eyJhbGciOiJSUzI1NiJ9", "....", "\x00.\x00.\x00"],
)
async def test_what_is_no_token(token: str, shared_issuer: Issuer) -> None:
    with pytest.raises(BadTokenError):
        await verifier(shared_issuer).verify(token)


def test_depth_does_not_break_the_parser(shared_issuer: Issuer) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 8000).decode().rstrip("=")
    for token in (f"{deep}.e30.e30", f"{deep}"):
        with pytest.raises(BadTokenError):
            asyncio.run(verifier(shared_issuer).verify(token))


@examples(60, HealthCheck.function_scoped_fixture)
@given(
    head=st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "jwk", "typ"]), st.text() | st.integers()),
    claims=st.binary(max_size=50),
)
def test_any_header_is_refused_in_order(head: dict[str, Any], claims: bytes, shared_issuer: Issuer) -> None:
    parts = [json.dumps({"alg": "RS256", **head}).encode(), claims, b"sig"]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    with pytest.raises(BadTokenError):
        asyncio.run(verifier(shared_issuer).verify(token))


async def test_keys_are_fetched_once_and_anew_when_they_rotate(issuer: Issuer) -> None:
    check = verifier(issuer)
    await asyncio.gather(*(check.verify(issuer.token()) for _ in range(20)))
    assert issuer.asked == 1
    old = issuer.token()
    issuer.rotate()
    assert (await check.verify(issuer.token())).subject == "anna"
    assert issuer.asked == 2
    with pytest.raises(BadTokenError):  # a key that the issuer has withdrawn
        await check.verify(old)


async def test_forged_key_ids_do_not_hammer_the_issuer(issuer: Issuer) -> None:
    check = verifier(issuer)
    stranger = RSAKey.generate_key(2048, {"kid": "stranger"})
    for _ in range(30):
        with pytest.raises(BadTokenError):
            await check.verify(issuer.token(key=stranger))
    assert issuer.asked <= 5
    assert (await check.verify(issuer.token())).subject == "anna"


async def test_an_issuer_that_does_not_answer(issuer: Issuer) -> None:
    now = 0.0
    keys = KeySets(issuer.url, now=lambda: now)
    check = TokenVerifier({issuer.url: keys}, clock)
    issuer.broken = True
    with pytest.raises(IssuerUnavailableError):
        await check.verify(issuer.token())
    issuer.broken = False
    now += ATTEMPT_SECONDS + 1
    assert (await check.verify(issuer.token())).subject == "anna"
    issuer.broken = True
    now += FRESH_SECONDS + 1  # stale, yet good enough
    assert (await check.verify(issuer.token())).subject == "anna"
    now += STALE_SECONDS
    with pytest.raises(IssuerUnavailableError):
        await check.verify(issuer.token())


@pytest.mark.parametrize("url", ["http://keys.example/keys", "file:///etc/passwd"])
async def test_keys_are_never_taken_over_plain_http(url: str) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return b"{}"

    with pytest.raises(IssuerUnavailableError):
        await KeySets("https://issuer.example", url, fetch=fetch).find(None)
    assert fetched == []


async def test_the_document_of_another_issuer_is_refused() -> None:
    document = json.dumps({"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"}).encode()
    with pytest.raises(IssuerUnavailableError):
        await KeySets("https://issuer.example", fetch=lambda _url: document).find(None)


async def test_a_symmetric_key_in_a_key_set_is_left_out() -> None:
    key = OctKey.generate_key(256, {"kid": "shared"})
    body = json.dumps({"keys": [key.as_dict(private=True)]}).encode()
    assert await KeySets("https://issuer.example", "https://issuer.example/k", fetch=lambda _url: body).find(None) == ()


async def test_both_issuers_of_an_entra_tenant_with_their_own_claims() -> None:
    entra = Entra()
    entra.listen("https://localhost")
    keys = KeySets(
        "https://localhost", "https://localhost/keys", fetch=lambda _: json.dumps(entra.public_keys()).encode()
    )
    asked: list[tuple[Assignee, str]] = []

    def assigned(shown: Iterable[tuple[Assignee, str]]) -> Sequence[str]:
        asked.extend(shown)
        return ["Cognitive Services User@desk"]

    names = names_of(f"https://sts.windows.net/{TENANT}/").all
    check = TokenVerifier(dict.fromkeys(names, keys), entra.clock, audiences=[AUDIENCE, OWN_API], assigned=assigned)
    form = {"grant_type": "client_credentials", "client_id": APPLICATION, "client_secret": APP_SECRET}

    def token(scope: str) -> str:
        got = entra.grant(f"/{TENANT}/oauth2/v2.0/token", form | {"scope": scope}, "")
        assert got is not None
        return str(got["access_token"])

    usual = await check.verify(token(f"{AUDIENCE}/.default"))
    assert usual.claims["iss"] == names[1]
    assert (usual.subject, usual.roles) == (OBJECT, ("Cognitive Services User@desk",))
    assert asked == [(Assignee.PRINCIPAL, OBJECT), (Assignee.APPLICATION, APPLICATION)]
    entra.app_roles = ["Face.Reader"]
    own = await check.verify(token(f"api://{OWN_API}/.default"))
    assert own.claims["iss"] == names[0]
    assert own.roles == ("Face.Reader", "Cognitive Services User@desk")
    assert (Assignee.ROLE, "Face.Reader") in asked
    with pytest.raises(BadTokenError, match="other-tenant"):
        await check.verify(entra.sign({"iss": "https://sts.windows.net/other-tenant/"}))


async def test_a_token_with_too_many_groups_says_so(shared_issuer: Issuer) -> None:
    check = verifier(shared_issuer)
    for claims in ({"hasgroups": True}, {"_claim_names": {"groups": "src1"}}):
        assert "too many groups" in (await check.verify(shared_issuer.token(**claims))).about
    listed = await check.verify(shared_issuer.token(groups=["a", "b"], azp="app"))
    assert listed.about == "principal anna, application app, group a, group b"
