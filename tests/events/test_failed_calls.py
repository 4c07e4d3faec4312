"""Failed calls: what is kept of them, how many, of whom, and for how long."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.events.failed_calls import KEPT, KEPT_FOR, FailedCalls, NotedCall, message_and_hint
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import FailedCallRow

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def calls(database: Database, clock: ManualClock) -> FailedCalls:
    return FailedCalls(database, clock)


@pytest.fixture
def desk(database: Database, vault: Vault, clock: ManualClock) -> UUID:
    return Accounts(database, vault, clock).create("desk", terms=DEVELOPMENT_TERMS).id


def body(message: str, hint: str) -> bytes:
    error = {"code": "X", "message": message, "innererror": {"details": {"hint": hint}}}
    return json.dumps({"error": error}).encode()


def note(calls: FailedCalls, resource: UUID | None, *, status: int = 403, code: str = "X", number: int = 0) -> None:
    text = body(f"No {number}.", f"Use the key {KEY}.")
    call = NotedCall(
        resource, calls.now(), "Face - Detect", "POST", status, code, text, "192.0.2.1", str(number), 0.0123
    )
    calls.note(call)


def test_a_call_is_kept_without_keys(calls: FailedCalls, desk: UUID, clock: ManualClock) -> None:
    assert calls.flush() == 0
    note(calls, desk)
    note(calls, None, status=401, code="401")
    assert calls.search(desk) == []  # not written yet
    assert calls.flush() == 2
    (one,) = calls.search(desk)
    assert (one.operation, one.status, one.code, one.message) == ("Face - Detect", 403, "X", "No 0.")
    assert (one.address, one.request_id, one.milliseconds, one.at) == ("192.0.2.1", "0", 12, clock.now())
    assert KEY not in one.hint
    assert one.hint.startswith("Use the key")
    assert [call.status for call in calls.search(None)] == [401]
    assert calls.kinds(desk) == (["X"], ["Face - Detect"])
    assert calls.search(uuid4()) == []


def test_the_last_thousand_of_each_resource_are_kept(calls: FailedCalls, desk: UUID, database: Database) -> None:
    for number in range(KEPT + 200):
        note(calls, desk, number=number)
    note(calls, None)
    calls.flush()
    for number in range(KEPT + 200, KEPT + 250):
        note(calls, desk, number=number, status=500)
    calls.flush()
    kept = calls.search(desk, limit=KEPT)
    assert [int(one.request_id) for one in kept] == list(range(KEPT + 249, 249, -1))
    assert len(calls.search(None)) == 1  # the flood of one is not at the cost of others
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalar(select(func.count()).select_from(FailedCallRow)) == KEPT + 1
    assert {one.status for one in calls.search(desk, status=5)} == {500}
    assert len(calls.search(desk, status=500, limit=KEPT)) == 50
    assert calls.search(desk, code="Y") == calls.search(desk, operation="Y") == []
    assert [one.id for one in calls.search(desk, before=kept[4].id, limit=2)] == [kept[5].id, kept[6].id]


def test_old_calls_and_those_of_purged_resources_go(
    calls: FailedCalls, desk: UUID, database: Database, vault: Vault, clock: ManualClock
) -> None:
    note(calls, desk)
    calls.flush()
    clock.advance(KEPT_FOR - timedelta(seconds=1))
    assert calls.purge() == 0
    clock.advance(timedelta(seconds=1))
    assert (calls.purge(), calls.search(desk)) == (1, [])
    note(calls, desk)
    note(calls, None)
    accounts = Accounts(database, vault, clock)
    accounts.delete(desk)
    accounts.purge(desk)
    assert calls.flush() == 1


@pytest.mark.parametrize("answer", [b"", b"no JSON", b"[]", b'{"error": "x"}', b'{"error": {"innererror": 3}}'])
def test_answers_of_other_shapes_say_nothing(answer: bytes) -> None:
    assert message_and_hint(answer) == ("", "")
