"""Administrators with tokens of an issuer: a real one, with a discovery document and signing keys."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.issuer import Issuer, running_issuer
from tests.management.conftest import World

from mien.gateway.keysets import KeySets
from mien.gateway.tokens import TokenVerifier
from mien.management import Role
from mien.management.application import ControlPlane
from mien.management.errors import ManagementError
from mien.management.login import Login
from mien.management.oidc import IssuerLogin, finder

AUDIENCE = "https://management.azure.com"


@pytest.fixture
def issuer(quick: World) -> Iterator[Issuer]:
    with running_issuer(quick.clock) as running:
        yield running


@pytest.fixture
def login(quick: World, issuer: Issuer) -> Login:
    verifier = TokenVerifier({issuer.url: KeySets(issuer.url)}, quick.clock, audiences=[AUDIENCE])
    return Login(quick.parts.tokens, (IssuerLogin(verifier, finder(quick.parts.accounts)),))


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["Mien.Admin"], Role.ADMIN),
        (["Mien.Reader", "Mien.Approver"], Role.APPROVER),
        (["Other", "Mien.Reader"], Role.READER),
    ],
)
async def test_the_strongest_role_of_a_token_counts(issuer: Issuer, login: Login, roles: list[str], role: Role) -> None:
    for audience in (AUDIENCE, f"{AUDIENCE}/"):
        token = issuer.token(*roles, aud=audience, preferred_username="anna@example.com")
        actor = await login.identify(f"Bearer {token}", "192.0.2.1")
        assert (actor.name, actor.role) == ("oidc:anna@example.com", role)


@pytest.mark.parametrize(
    ("claims", "status", "said"),
    [
        ({"aud": "https://cognitiveservices.azure.com"}, 401, "made out to"),
        ({"exp": 1}, 401, "expired"),
        ({"iss": "https://elsewhere.example"}, 401, "issuer"),
        ({"roles": ["Cognitive Services User"]}, 403, "Mien.Admin"),
        ({"roles": None}, 403, "Mien.Admin"),
    ],
)
async def test_other_tokens_are_refused_with_the_reason(
    issuer: Issuer, login: Login, claims: dict[str, Any], status: int, said: str
) -> None:
    token = issuer.token("Mien.Admin", **({"aud": AUDIENCE} | claims))
    with pytest.raises(ManagementError, match=said) as caught:
        await login.identify(f"Bearer {token}", "192.0.2.1")
    assert caught.value.status == status


async def test_while_the_issuer_is_away_nobody_is_accused(issuer: Issuer, login: Login, quick: World) -> None:
    issuer.broken = True
    token = issuer.token("Mien.Admin", aud=AUDIENCE)
    for _ in range(9):
        with pytest.raises(ManagementError) as caught:
            await login.identify(f"Bearer {token}", "192.0.2.1")
        assert caught.value.status == 503
    assert (await login.identify(f"Bearer {quick.token(Role.READER)}", "192.0.2.1")).role is Role.READER


async def test_the_audit_log_has_the_principal(issuer: Issuer, login: Login, quick: World) -> None:
    quick.plane = ControlPlane(replace(quick.parts, login=login))
    async with quick.client(issuer.token("Mien.Admin", aud=AUDIENCE)) as client:
        made = await client.post("/mien/v1/admin-tokens", json={"name": "x", "role": "reader"})
        assert made.status_code == 201
    assert [entry.actor for entry in quick.parts.audit.search()] == ["oidc:anna"]
