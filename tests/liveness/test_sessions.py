"""Sessions, tokens and attempts on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from tests.liveness.conftest import REFERENCE
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.liveness.attempts import Admission
from mien.liveness.errors import (
    AttemptOverError,
    LockedOutError,
    SessionNotFoundError,
    TokenFault,
    TokenRefusedError,
)
from mien.liveness.records import AttemptResult, ClientRequest, Session, SessionOptions, SessionStatus
from mien.liveness.service import Liveness
from mien.liveness.tokens import KEY_AGE, Tokens
from mien.liveness.types import Decision, Mode
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.base import Base
from mien.storage.tables import LivenessAttemptRow, LivenessImageRow, LivenessSessionRow

OPTIONS = SessionOptions(Mode.PASSIVE, device_correlation_id="device", endpoint="https://here", route="/face/v1.2/x")
REQUEST = ClientRequest("GET", "/face/v1.2/x", "browser", "192.0.2.7")
REAL = AttemptResult(Decision.REAL, digest="A" * 64)
SPOOF = AttemptResult(Decision.SPOOF, digest="B" * 64)


def payload(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def admit(liveness: Liveness, session: Session, **changes: Any) -> Admission:
    return liveness.attempts.admit(session.token, replace(REQUEST, **changes))


def fail(liveness: Liveness, session: Session, outcome: AttemptResult = SPOOF, **changes: Any) -> AttemptResult:
    admission = admit(liveness, session, **changes)
    begun = liveness.attempts.begin(admission, 60)
    return liveness.attempts.finish(admission, begun, outcome, suspicious=True)


def refusal(liveness: Liveness, token: str) -> TokenFault:
    with pytest.raises(TokenRefusedError) as caught:
        liveness.attempts.admit(token, REQUEST)
    return caught.value.refusal


def rows(database: Database) -> dict[str, int]:
    """Count what is left in the tables of liveness."""
    with database.read(EVERY_RESOURCE) as session:
        return {
            name: count
            for name, table in Base.metadata.tables.items()
            if name.startswith("liveness_") and name != "liveness_signing_keys"
            if (count := session.scalar(select(func.count()).select_from(table)))
        }


def test_a_session_is_read_as_it_was_made(liveness: Liveness, resource_id: UUID) -> None:
    options = replace(OPTIONS, with_verify=True, return_image_hash=True, confidence_threshold=0.7)
    made = liveness.sessions.create(resource_id, options, REFERENCE)
    read = liveness.sessions.get(resource_id, made.id, with_verify=True)
    assert read.reference is not None
    assert read.reference.embedding.vector.tolist() == REFERENCE.embedding.vector.tolist()
    assert replace(read, reference=None) == replace(made, reference=None)
    assert read.status is SessionStatus.NOT_STARTED


def test_the_token_says_where_to_go(liveness: Liveness, resource_id: UUID, clock: ManualClock) -> None:
    session = liveness.sessions.create(resource_id, OPTIONS)
    head = session.token.split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "ES256"
    claims = payload(session.token)
    assert (claims["endpoint"], claims["route"], claims["sid"]) == ("https://here", "/face/v1.2/x", session.id)
    assert claims["exp"] - claims["iat"] == 600
    assert len(claims["nonce"]) >= 32


def test_a_token_is_refused_for_a_reason(
    liveness: Liveness, resource_id: UUID, clock: ManualClock, database: Database, vault: Vault
) -> None:
    session = liveness.sessions.create(resource_id, OPTIONS)
    head, body, signature = session.token.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    assert refusal(liveness, "0123456789abcdef0123456789abcdef") is TokenFault.KEY
    assert refusal(liveness, "not a token") is TokenFault.MALFORMED
    for changed in (
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{base64.urlsafe_b64encode(b'{}').decode()}.{signature}",
        f"{unsigned}.{body}.",
        "a.b.c",
    ):
        assert refusal(liveness, changed) is TokenFault.FOREIGN
    liveness.sessions.delete(resource_id, session.id, with_verify=False)
    assert refusal(liveness, session.token) is TokenFault.GONE
    session = liveness.sessions.create(resource_id, OPTIONS)
    clock.advance(timedelta(seconds=600))
    assert refusal(liveness, session.token) is TokenFault.EXPIRED


def test_every_server_knows_the_signing_keys_and_they_rotate(
    liveness: Liveness, resource_id: UUID, clock: ManualClock, database: Database, vault: Vault
) -> None:
    def key_of(token: str) -> str:
        head = token.split(".", maxsplit=1)[0]
        name: str = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
        return name

    first = liveness.sessions.create(resource_id, OPTIONS)
    other = Tokens(database, vault, clock)
    assert str(other.read(first.token).session_id) == first.id
    second = other.issue({"jti": "x"}, clock.now() + timedelta(days=1))
    assert key_of(second) == key_of(first.token)
    clock.advance(KEY_AGE - timedelta(hours=1))
    last = liveness.sessions.create(resource_id, replace(OPTIONS, token_seconds=86400))
    clock.advance(timedelta(hours=2))
    assert key_of(liveness.sessions.create(resource_id, OPTIONS).token) != key_of(last.token)
    assert liveness.tokens.purge() == 0
    liveness.attempts.admit(last.token, REQUEST)
    clock.advance(timedelta(days=2))
    assert liveness.tokens.purge() == 1


def test_attempts_are_counted(liveness: Liveness, resource_id: UUID) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, attempts_allowed=2))
    for left in (1, 0):
        admission = admit(liveness, session)
        begun = liveness.attempts.begin(admission, 60)
        assert (begun.attempts_left, len(begun.nonce)) == (left, 32)
        liveness.attempts.finish(admission, begun, SPOOF)
    assert refusal(liveness, session.token) is TokenFault.USED_UP
    with pytest.raises(TokenRefusedError):  # one that was admitted before
        liveness.attempts.begin(admission, 60)
    read = liveness.sessions.get(resource_id, session.id, with_verify=False)
    assert [attempt.number for attempt in read.attempts] == [2, 1]
    assert read.status is SessionStatus.SUCCEEDED


def test_a_person_who_is_there_ends_the_session(liveness: Liveness, resource_id: UUID) -> None:
    session = liveness.sessions.create(resource_id, OPTIONS)
    fail(liveness, session, REAL)
    assert refusal(liveness, session.token) is TokenFault.USED_UP


def test_nonces_are_never_the_same(liveness: Liveness, resource_id: UUID) -> None:
    nonces = set()
    for _ in range(2):
        session = liveness.sessions.create(resource_id, OPTIONS)
        for _ in range(3):
            admission = admit(liveness, session)
            nonces.add(liveness.attempts.begin(admission, 60).nonce)
    assert len(nonces) == 6


def test_whoever_starts_over_cancels_what_ran(liveness: Liveness, resource_id: UUID) -> None:
    session = liveness.sessions.create(resource_id, OPTIONS)
    admission = admit(liveness, session)
    first = liveness.attempts.begin(admission, 60)
    second = liveness.attempts.begin(admission, 60)
    with pytest.raises(AttemptOverError):
        liveness.attempts.finish(admission, first, REAL)
    liveness.attempts.cancel(admission, second)
    read = liveness.sessions.get(resource_id, session.id, with_verify=False)
    assert [attempt.status for attempt in read.attempts] == [SessionStatus.CANCELED, SessionStatus.CANCELED]
    assert read.status is SessionStatus.RUNNING  # an attempt is left


def test_an_attempt_whose_server_died_does_not_run_for_ever(
    liveness: Liveness, resource_id: UUID, clock: ManualClock
) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, attempts_allowed=1))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    clock.advance(timedelta(seconds=60))
    for purged in (0, 1):
        assert not purged or liveness.attempts.purge() == 1
        read = liveness.sessions.get(resource_id, session.id, with_verify=False)
        assert (read.status, read.attempts[0].status) == (SessionStatus.FAILED, SessionStatus.FAILED)
        assert read.attempts[0].outcome is not None
        assert read.attempts[0].outcome.error_code == "TimedOut"
    with pytest.raises(AttemptOverError):
        liveness.attempts.finish(admission, begun, REAL)


def test_nothing_is_left_of_a_deleted_session(liveness: Liveness, resource_id: UUID, database: Database) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    liveness.attempts.finish(admission, begun, REAL, image=b"jpeg", image_hashes=[b"1" * 32])
    assert rows(database) == {
        "liveness_sessions": 1,
        "liveness_attempts": 1,
        "liveness_images": 1,
        "liveness_frames": 1,
    }
    liveness.sessions.delete(resource_id, session.id, with_verify=False)
    assert rows(database) == {"liveness_frames": 1}  # a keyed hash, kept to know the video again


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_holds_what_was_deleted(
    liveness: Liveness, resource_id: UUID, database: Database, tmp_path: Path
) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    liveness.attempts.finish(admission, begun, REAL, image=bytes(20_000))
    with database.read(EVERY_RESOURCE) as reader:
        sealed = [
            reader.scalars(select(row.sealed)).one()
            for row in (LivenessSessionRow, LivenessAttemptRow, LivenessImageRow)
        ]
    # Long values are spread over pages, so that only a part is sure to be in one piece.
    parts = [part for content in sealed for part in (content[40:72], content[-32:])]

    def held() -> list[bytes]:
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        return [part for part in parts if part in files]

    assert held() == parts
    liveness.sessions.delete(resource_id, session.id, with_verify=False)
    assert held() == []


def test_what_has_expired_is_purged(
    liveness: Liveness, resource_id: UUID, database: Database, clock: ManualClock
) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    done = liveness.attempts.finish(admission, begun, SPOOF, image=b"jpeg", image_hashes=[b"1" * 32], suspicious=True)
    assert liveness.sessions.find(resource_id, done.image_id or "") == b"jpeg"
    clock.advance(timedelta(hours=48))
    assert liveness.sessions.find(resource_id, done.image_id or "") is None
    with pytest.raises(SessionNotFoundError):
        liveness.sessions.get(resource_id, session.id, with_verify=False)
    assert liveness.purge() > 0
    assert rows(database) == {}


def test_what_is_kept_is_sealed(liveness: Liveness, resource_id: UUID, database: Database) -> None:
    options = replace(OPTIONS, keep_image=True, device_correlation_id="the-device", attempts_allowed=1)
    session = liveness.sessions.create(resource_id, options)
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    liveness.attempts.finish(admission, begun, SPOOF, image=b"the picture", suspicious=True)
    with database.read(EVERY_RESOURCE) as reader:
        for name, table in Base.metadata.tables.items():
            if name.startswith("liveness_"):
                stored = repr(reader.execute(select(table)).all())
                for secret in ("the-device", "the picture", "192.0.2.7", session.token, "browser"):
                    assert secret not in stored


def test_another_resource_sees_nothing(
    liveness: Liveness, resource_id: UUID, database: Database, vault: Vault, clock: ManualClock
) -> None:
    stranger = Accounts(database, vault, clock).create("stranger", terms=DEVELOPMENT_TERMS).id
    session = liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    done = liveness.attempts.finish(admission, begun, REAL, image=b"jpeg")
    assert liveness.sessions.page(stranger, with_verify=False) == []
    assert liveness.sessions.find(stranger, done.image_id or "") is None
    for call in (liveness.sessions.get, liveness.sessions.delete):
        with pytest.raises(SessionNotFoundError):
            call(stranger, session.id, with_verify=False)


@pytest.mark.parametrize(
    ("expected", "address", "good"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("192.0.3.0/24", "192.0.2.7", False),
        ("2001:db8::/32", "192.0.2.7", False),
        ("192.0.2.7", "", False),
    ],
)
def test_the_expected_address(expected: str, address: str, good: bool, liveness: Liveness, resource_id: UUID) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, expected_address=expected))
    if good:
        admit(liveness, session, address=address)
    else:
        with pytest.raises(TokenRefusedError) as caught:
            admit(liveness, session, address=address)
        assert caught.value.refusal is TokenFault.ADDRESS


def test_a_device_that_fails_has_to_wait_twice_as_long_each_time(
    liveness: Liveness, resource_id: UUID, clock: ManualClock
) -> None:
    waits = []
    for _ in range(6):
        session = liveness.sessions.create(resource_id, OPTIONS)
        try:
            fail(liveness, session)
            waits.append(0)
        except LockedOutError as error:
            waits.append(error.retry_after)
            clock.advance(timedelta(seconds=error.retry_after))
            fail(liveness, session)
        liveness.sessions.delete(resource_id, session.id, with_verify=False)  # does not help
    assert waits == [0, 0, 0, 15, 30, 60]
    fail(liveness, liveness.sessions.create(resource_id, replace(OPTIONS, device_correlation_id="another")))
    clock.advance(timedelta(seconds=60))
    fail(liveness, liveness.sessions.create(resource_id, OPTIONS))
    clock.advance(timedelta(hours=24))
    fail(liveness, liveness.sessions.create(resource_id, OPTIONS))


def test_a_success_clears_a_device(liveness: Liveness, resource_id: UUID) -> None:
    for _ in range(2):
        fail(liveness, liveness.sessions.create(resource_id, OPTIONS))
    session = liveness.sessions.create(resource_id, OPTIONS)
    admission = admit(liveness, session)
    liveness.attempts.finish(admission, liveness.attempts.begin(admission, 60), REAL)
    for _ in range(3):
        fail(liveness, liveness.sessions.create(resource_id, OPTIONS))


def test_an_address_has_to_wait_after_ten_times_as_many(liveness: Liveness, resource_id: UUID) -> None:
    def options(number: int) -> SessionOptions:
        return replace(OPTIONS, device_correlation_id=f"device {number}")

    for number in range(21):
        fail(liveness, liveness.sessions.create(resource_id, options(number)))
    with pytest.raises(LockedOutError):
        fail(liveness, liveness.sessions.create(resource_id, options(21)))
    fail(liveness, liveness.sessions.create(resource_id, options(21)), address="192.0.2.8")


def test_a_video_that_is_shown_again_is_known(liveness: Liveness, resource_id: UUID, clock: ManualClock) -> None:
    video = [hashlib.sha256(bytes([number])).digest() for number in range(40)]

    def show(frames: list[bytes]) -> AttemptResult:
        session = liveness.sessions.create(resource_id, OPTIONS)
        admission = admit(liveness, session)
        begun = liveness.attempts.begin(admission, 60)
        repeats = liveness.attempts.repeats(admission, frames)
        outcome = SPOOF if repeats else REAL
        return liveness.attempts.finish(admission, begun, outcome, image_hashes=frames, repeats=repeats)

    first = show(video)
    assert first.abuse is not None
    assert (first.decision, first.abuse.detected) == (Decision.REAL, False)
    assert show([hashlib.sha256(frame).digest() for frame in video]).decision is Decision.REAL
    for again in (video, video[::-1], video[2:], [*video[:30], *(bytes([9, n]) * 16 for n in range(5))]):
        seen = show(again)
        assert seen.abuse is not None
        assert (seen.decision, seen.abuse.detected) == (Decision.SPOOF, True)
        assert seen.abuse.others
    clock.advance(timedelta(days=1))
    liveness.purge()
    assert show(video).decision is Decision.REAL


def test_failures_are_reported_as_abuse(liveness: Liveness, resource_id: UUID) -> None:
    sessions = [liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True)) for _ in range(3)]
    reports = []
    for session in sessions:
        admission = admit(liveness, session)
        begun = liveness.attempts.begin(admission, 60)
        done = liveness.attempts.finish(admission, begun, SPOOF, image=b"jpeg", suspicious=True)
        assert done.abuse is not None
        reports.append(done)
    first, second, third = (done.abuse for done in reports if done.abuse)
    assert (first.detected, second.detected, third.detected) == (False, False, True)
    assert {(other.session_id, other.attempt, other.image_id) for other in third.others} == {
        (session.id, 1, done.image_id) for session, done in zip(sessions[:2], reports[:2], strict=True)
    }


def test_abuse_monitoring_can_be_switched_off(liveness: Liveness, resource_id: UUID) -> None:
    assert liveness.sessions.abuse_monitoring(resource_id)
    liveness.sessions.set_abuse_monitoring(resource_id, enabled=False)
    assert not liveness.sessions.abuse_monitoring(resource_id)
    assert fail(liveness, liveness.sessions.create(resource_id, OPTIONS)).abuse is None


def test_no_more_attempts_begin_than_are_allowed_however_many_try_at_once(
    liveness: Liveness, resource_id: UUID
) -> None:
    session = liveness.sessions.create(resource_id, OPTIONS)
    admission = admit(liveness, session)

    def begin(_: int) -> bytes | None:
        try:
            return liveness.attempts.begin(admission, 60).nonce
        except TokenRefusedError:
            return None

    with ThreadPoolExecutor(8) as pool:
        nonces = [nonce for nonce in pool.map(begin, range(8)) if nonce]
    assert len(nonces) == len(set(nonces)) == 3


def test_an_attempt_is_finished_once(liveness: Liveness, resource_id: UUID) -> None:
    admission = admit(liveness, liveness.sessions.create(resource_id, OPTIONS))
    begun = liveness.attempts.begin(admission, 60)

    def finish(_: int) -> bool:
        try:
            liveness.attempts.finish(admission, begun, SPOOF)
        except AttemptOverError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(finish, range(4))) == 1


def test_a_session_that_is_deleted_while_it_is_judged_leaves_nothing(
    liveness: Liveness, resource_id: UUID, database: Database
) -> None:
    session = liveness.sessions.create(resource_id, replace(OPTIONS, keep_image=True))
    admission = admit(liveness, session)
    begun = liveness.attempts.begin(admission, 60)
    liveness.sessions.delete(resource_id, session.id, with_verify=False)
    with pytest.raises(AttemptOverError):
        liveness.attempts.finish(admission, begun, SPOOF, image=b"jpeg", image_hashes=[b"1" * 32], suspicious=True)
    assert rows(database) == {}
