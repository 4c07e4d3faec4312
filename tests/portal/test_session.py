"""Sessions end with their time, and with the token that they were made with."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select
from tests.issuer import CLIENT, SECRET, sign_in_issuer
from tests.manual_clock import ManualClock

from mien.gateway.keysets import KeySets
from mien.gateway.tokens import TokenVerifier
from mien.management import AdminTokens, Role
from mien.management.login import Actor
from mien.portal.openid import PATIENCE, ClientRegistration, OpenId, SignInError
from mien.portal.session import LIFE, PortalSessions
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import PortalSessionRow


@pytest.fixture
def tokens(database: Database, vault: Vault, clock: ManualClock) -> AdminTokens:
    return AdminTokens(database, vault, clock)


@pytest.fixture
def sessions(database: Database, vault: Vault, tokens: AdminTokens, clock: ManualClock) -> PortalSessions:
    return PortalSessions(database, vault, tokens, clock)


def test_a_session_is_as_long_as_a_day_of_work(
    sessions: PortalSessions, tokens: AdminTokens, clock: ManualClock
) -> None:
    made = tokens.create("anna", Role.APPROVER, created_by="test")
    actor = Actor.of("token:anna", Role.APPROVER)
    session, cookie = sessions.begin(actor, made.secret)
    assert sessions.read(cookie) == session
    assert session.actor == actor
    assert made.secret not in cookie
    clock.advance(LIFE - timedelta(seconds=1))
    assert sessions.read(cookie) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.read(cookie) is None


def test_a_session_ends_with_its_token(sessions: PortalSessions, tokens: AdminTokens, clock: ManualClock) -> None:
    actor = Actor.of("token:anna", Role.ADMIN)
    short = tokens.create("anna", Role.ADMIN, created_by="test", life=timedelta(minutes=5))
    made = tokens.create("anna", Role.ADMIN, created_by="test")
    brief, _ = sessions.begin(actor, short.secret)
    _, cookie = sessions.begin(actor, made.secret)
    clock.advance(timedelta(minutes=5))
    assert not sessions.is_open(brief)
    assert sessions.read(cookie) is not None
    tokens.revoke(made.token.id)
    assert sessions.read(cookie) is None


def test_a_session_of_another_issuer_ends_with_its_token(sessions: PortalSessions, clock: ManualClock) -> None:
    end = clock.now() + timedelta(minutes=10)
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end.timestamp()}).encode()).decode().rstrip("=")
    session, _ = sessions.begin(Actor.of("oidc:ben", Role.READER), f"e30.{claims}.signature")
    assert session.until == end


def test_a_session_of_who_signed_in_at_the_issuer_is_as_long_as_the_settings_say(
    database: Database, vault: Vault, tokens: AdminTokens, clock: ManualClock
) -> None:
    brief = PortalSessions(database, vault, tokens, clock, timedelta(hours=1))
    session, cookie = brief.begin(Actor.of("oidc:ben", Role.READER), None)
    assert session.until == clock.now() + timedelta(hours=1)
    assert session.at_issuer
    assert PortalSessions(database, vault, tokens, clock).read(cookie) == session


def test_signing_out_ends_the_cookie_on_every_server(
    sessions: PortalSessions, database: Database, vault: Vault, tokens: AdminTokens, clock: ManualClock
) -> None:
    other = PortalSessions(database, vault, tokens, clock)
    session, cookie = sessions.begin(Actor.of("oidc:ben", Role.READER), None)
    still, kept = sessions.begin(Actor.of("oidc:ben", Role.READER), None)
    assert other.read(cookie) == session
    sessions.end(session)
    assert other.read(cookie) is None
    assert not other.is_open(session)
    assert other.read(kept) == still  # of the same person, at another browser
    clock.advance(LIFE)
    sessions.begin(Actor.of("oidc:ann", Role.READER), None)
    with database.read(EVERY_RESOURCE) as session_:
        assert len(session_.scalars(select(PortalSessionRow)).all()) == 1  # what is over is not kept


async def test_who_takes_too_long_at_the_issuer_begins_anew(vault: Vault, clock: ManualClock) -> None:
    callback = "http://127.0.0.1/sign-in/callback"
    with sign_in_issuer() as issuer:
        issuer.clock = clock
        verifier = TokenVerifier({issuer.url: KeySets(issuer.url)}, clock, audiences=[CLIENT])
        openid = OpenId(
            ClientRegistration(issuer.url, CLIENT, SECRET, "openid"), verifier, vault, clock, find=lambda _: None
        )

        async def sign_in(after: timedelta) -> tuple[Actor, str]:
            address, cookie = await openid.begin("/keys", callback)
            asked = dict(parse_qsl(urlsplit(address).query))
            clock.advance(after)
            answer = {"code": issuer.give(asked, "anna", "Mien.Reader"), "state": asked["state"]}
            return await openid.end(answer, cookie, callback)

        assert await sign_in(PATIENCE - timedelta(seconds=1)) == (Actor.of("oidc:anna", Role.READER), "/keys")
        with pytest.raises(SignInError, match="too long"):
            await sign_in(PATIENCE)
