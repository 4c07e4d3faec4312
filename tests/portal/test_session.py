"""Sessions end with their time, and with the token that they were made with."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from mien.clock import ManualClock
from mien.management import AdminTokens, Role
from mien.management.login import Actor
from mien.portal.session import LIFE, Sessions
from mien.storage import Database, Vault


@pytest.fixture
def tokens(database: Database, vault: Vault, clock: ManualClock) -> AdminTokens:
    return AdminTokens(database, vault, clock)


@pytest.fixture
def sessions(vault: Vault, tokens: AdminTokens, clock: ManualClock) -> Sessions:
    return Sessions(vault, tokens, clock)


def test_a_session_is_as_long_as_a_day_of_work(sessions: Sessions, tokens: AdminTokens, clock: ManualClock) -> None:
    made = tokens.create("anna", Role.APPROVER, created_by="test")
    actor = Actor("token:anna", Role.APPROVER)
    session, cookie = sessions.begin(actor, made.secret)
    assert sessions.read(cookie) == session
    assert session.actor == actor
    assert made.secret not in cookie
    clock.advance(LIFE - timedelta(seconds=1))
    assert sessions.read(cookie) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.read(cookie) is None


def test_a_session_ends_with_its_token(sessions: Sessions, tokens: AdminTokens, clock: ManualClock) -> None:
    actor = Actor("token:anna", Role.ADMIN)
    short = tokens.create("anna", Role.ADMIN, created_by="test", life=timedelta(minutes=5))
    made = tokens.create("anna", Role.ADMIN, created_by="test")
    brief, _ = sessions.begin(actor, short.secret)
    _, cookie = sessions.begin(actor, made.secret)
    clock.advance(timedelta(minutes=5))
    assert not sessions.is_open(brief)
    assert sessions.read(cookie) is not None
    tokens.revoke(made.token.id)
    assert sessions.read(cookie) is None


def test_a_session_of_another_issuer_ends_with_its_token(sessions: Sessions, clock: ManualClock) -> None:
    end = clock.now() + timedelta(minutes=10)
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end.timestamp()}).encode()).decode().rstrip("=")
    session, _ = sessions.begin(Actor("oidc:ben", Role.READER), f"e30.{claims}.signature")
    assert session.until == end
