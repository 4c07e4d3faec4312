"""Tokens that a key was exchanged for."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.manual_clock import ManualClock
from tests.wire.conftest import KEY, resource

from mien.gateway.errors import BadTokenError
from mien.gateway.short_tokens import LIFE, ShortTokens


def hashed(secret: str) -> ShortTokens:
    return ShortTokens(lambda text: hmac.digest(secret.encode(), text.encode(), "sha256"), ManualClock())


def test_a_token_stands_for_its_key_for_ten_minutes_on_every_server() -> None:
    clock = ManualClock()
    one, two = (ShortTokens(lambda text: hmac.digest(b"s", text.encode(), "sha256"), clock) for _ in range(2))
    token = one.issue(KEY, resource())
    assert timedelta(minutes=10) == LIFE
    assert two.is_short_token(token)
    assert two.key_of(token) == KEY
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 600
    assert KEY not in json.dumps(claims)
    clock.advance(timedelta(minutes=9, seconds=59))
    assert two.key_of(token) == KEY
    clock.advance(timedelta(seconds=1))
    with pytest.raises(BadTokenError, match="10 minutes are over"):
        two.key_of(token)


def test_tokens_of_another_installation_and_changed_ones_are_refused() -> None:
    ours, theirs = hashed("ours"), hashed("theirs")
    with pytest.raises(BadTokenError):
        ours.key_of(theirs.issue(KEY, resource()))
    head, claims, signature = ours.issue(KEY, resource()).split(".")
    other = ours.issue("f" * 32, resource()).split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{claims}.", f"{head}.{claims}", head):
        with pytest.raises(BadTokenError):
            ours.key_of(forged)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_no_token(text: str) -> None:
    tokens = hashed("s")
    assert not tokens.is_short_token(text)
    with pytest.raises(BadTokenError):
        tokens.key_of(text)
