import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError
from tests.conftest import MASTER_KEY
from tests.manual_clock import ManualClock

from mien.events.audit import AuditLog, AuditValueError, clean_actor
from mien.events.audit_chain import FIRST, AuditEntry, verify_entries
from mien.storage import EVERY_RESOURCE, Database, MasterKey, Vault
from mien.storage.tables import AuditRow, ResourceRow

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def audit(database: Database, clock: ManualClock, vault: Vault) -> AuditLog:
    return AuditLog(database, clock, vault)


def fill(audit: AuditLog, count: int, resource_id: UUID | None = None) -> None:
    for number in range(count):
        audit.record(actor="cli:anna", action="test.count", resource_id=resource_id, details={"number": number})


def tamper(database: Database, *statements: str) -> None:
    """Change the table as somebody could who owns the database."""
    with database.writing_connection() as connection:
        for verb in ("update", "delete"):
            on = "" if database.is_sqlite else " ON audit_log"
            connection.execute(text(f"DROP TRIGGER audit_log_no_{verb}{on}"))
        for statement in statements:
            connection.execute(text(statement))


def test_entries_are_chained_and_found_again(audit: AuditLog, clock: ManualClock) -> None:
    resource = uuid4()
    audit.record(actor="cli:anna", action="resource.create", resource_id=resource, details={"name": "desk", "n": 1.5})
    clock.advance(timedelta(hours=1))
    audit.record(actor="admin:bob", action="key.regenerate", resource_id=resource, details={"which": 1, "ok": True})
    audit.record(actor="admin:bob", action="service.start", resource_id=None)
    newest, second, first = audit.search()
    assert (first.sequence, first.previous, second.previous, newest.previous) == (1, FIRST, first.hash, second.hash)
    assert first.details == {"name": "desk", "n": 1.5}
    assert audit.search(resource_id=resource) == [second, first]
    assert audit.search(actor="cli:anna") == [first]
    assert audit.search(action="key.*") == [second]
    assert audit.search(action="key") == [second]
    assert audit.search(action="ke") == []
    assert audit.search(action="service.start") == [newest]
    assert audit.search(since=clock.now()) == [newest, second]
    assert audit.search(until=clock.now()) == [first]
    assert audit.search(limit=2) == [newest, second]
    assert audit.search(limit=2, before=second.sequence) == [first]
    assert audit.verify().entries == 3
    assert audit.verify().broken is None


def test_it_outlives_the_resource(audit: AuditLog, database: Database, clock: ManualClock) -> None:
    resource = uuid4()
    with database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=resource, name="desk", location="local", sku="S0", created_at=clock.now()))
    audit.record(actor="cli:anna", action="resource.create", resource_id=resource)
    with database.write(EVERY_RESOURCE) as session:
        session.execute(delete(ResourceRow))
    assert [entry.resource_id for entry in audit.search(resource_id=resource)] == [resource]


def test_an_entry_is_rolled_back_with_what_it_tells_of(audit: AuditLog, database: Database) -> None:
    with pytest.raises(RuntimeError), database.write(EVERY_RESOURCE) as session:
        audit.record_in(session, actor="cli:anna", action="resource.delete", resource_id=None)
        raise RuntimeError
    assert audit.search() == []


def test_the_database_itself_refuses_changes(audit: AuditLog, database: Database) -> None:
    fill(audit, 2)
    for statement in ("UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"):
        with pytest.raises(DBAPIError, match="append-only"), database.writing_connection() as connection:
            connection.execute(text(statement))
    assert audit.verify().entries == 2


@pytest.mark.parametrize(
    ("statement", "sound", "reason"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE sequence = 3", 2, "contents"),
        ("UPDATE audit_log SET details = '{}' WHERE sequence = 1", 0, "contents"),
        ("DELETE FROM audit_log WHERE sequence = 4", 3, "missing"),
        ("UPDATE audit_log SET previous = hash WHERE sequence = 2", 1, "follow"),
    ],
)
def test_the_first_broken_link_is_found(
    audit: AuditLog, database: Database, statement: str, sound: int, reason: str
) -> None:
    fill(audit, 5)
    tamper(database, statement)
    found = audit.verify()
    assert (found.entries, found.broken) == (sound, sound + 1)
    assert reason in (found.reason or "")


def test_a_chain_made_anew_and_a_cut_end_show_against_a_noted_hash(audit: AuditLog, database: Database) -> None:
    fill(audit, 5)
    last = audit.search(limit=1)[0]
    assert audit.verify(known=(5, last.hash)).broken is None
    forged = made_anew(audit)
    assert verify_entries(forged).broken is None, "without the key nobody can tell"
    assert verify_entries(forged, known=(5, last.hash)).broken == 5
    tamper(database, "DELETE FROM audit_log WHERE sequence > 3")
    assert audit.verify(known=(5, last.hash)).broken == 4


def made_anew(audit: AuditLog, key: bytes | None = None) -> list[AuditEntry]:
    """Compute the chain with another actor, as somebody can who owns the database but has not the master key."""
    forged: list[AuditEntry] = []
    head = FIRST
    for entry in audit.entries():
        draft = replace(entry, actor="somebody else", previous=head)
        forged.append(replace(draft, hash=draft.expected_hash(key)))
        head = forged[-1].hash
    return forged


def put(database: Database, entries: list[AuditEntry]) -> None:
    tamper(
        database,
        *(
            f"UPDATE audit_log SET actor = '{one.actor}', previous = '{one.previous}', hash = '{one.hash}' "
            f"WHERE sequence = {one.sequence}"
            for one in entries
        ),
    )


@pytest.mark.parametrize("key", [None, b"guessed" * 4])
def test_a_chain_made_anew_is_found_without_a_note(audit: AuditLog, database: Database, key: bytes | None) -> None:
    fill(audit, 5)
    put(database, made_anew(audit, key))
    found = audit.verify()
    assert found.broken == (5 if key is None else 1), found.reason


def test_a_cut_end_is_found_without_a_note(audit: AuditLog, database: Database) -> None:
    fill(audit, 5)
    tamper(database, "DELETE FROM audit_log WHERE sequence > 3")
    found = audit.verify()
    assert (found.broken, found.reason) == (4, "the last entries are missing")
    head = audit.search(limit=1)[0].hash
    with database.writing_connection() as connection:
        connection.execute(text(f"UPDATE audit_head SET sequence = 3, hash = '{head}'"))
    assert "seal" in (audit.verify().reason or "")
    with database.writing_connection() as connection:
        connection.execute(text("DELETE FROM audit_head"))
    assert "seal" in (audit.verify().reason or "")


def test_entries_of_versions_before_still_verify(
    audit: AuditLog, database: Database, clock: ManualClock, vault: Vault
) -> None:
    fill(audit, 3)
    put_plain = made_anew(audit)
    with database.writing_connection() as connection:
        connection.execute(text("DELETE FROM audit_head"))
    put(database, put_plain)
    found = audit.verify()
    assert (found.broken, found.entries, found.keyed_from) == (None, 3, None)
    fill(AuditLog(database, clock, vault), 2)
    found = audit.verify()
    assert (found.broken, found.entries, found.keyed_from) == (None, 5, 4)
    plain = replace(audit.search(limit=1)[0], actor="somebody else")
    with database.writing_connection() as connection:  # the triggers are dropped
        connection.execute(
            text(
                f"UPDATE audit_log SET actor = 'somebody else', hash = '{plain.expected_hash(None)}' WHERE sequence = 5"
            )
        )
    assert "with the key" in (audit.verify().reason or "")


def test_another_master_key_verifies_it_too_after_a_rotation(
    audit: AuditLog, database: Database, clock: ManualClock, vault: Vault
) -> None:
    fill(audit, 2)
    vault.rewrap(MasterKey.from_hex("ab" * 32))
    again = AuditLog(database, clock, Vault(database, MasterKey.from_hex("ab" * 32), clock))
    fill(again, 1)
    assert (again.verify().entries, again.verify().broken) == (3, None)


def test_an_export_is_checked_without_the_database(audit: AuditLog) -> None:
    fill(audit, 3, uuid4())
    lines = list(audit.export())
    found = verify_entries(map(AuditEntry.from_json, lines), key=audit.key)
    assert (found.entries, found.unchecked, found.keyed_from) == (3, 0, 1)
    assert verify_entries(map(AuditEntry.from_json, lines)).unchecked == 3
    lines[1] = lines[1].replace("anna", "otto")
    assert verify_entries(map(AuditEntry.from_json, lines), key=audit.key).broken == 2
    with pytest.raises(ValueError, match="not an audit entry"):
        AuditEntry.from_json("[]")


def test_threads_do_not_break_the_chain(audit: AuditLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fill(audit, 5), range(8)))
    assert audit.verify().entries == 40


def test_processes_do_not_break_the_chain(audit: AuditLog, database_url: str) -> None:
    code = (
        "from mien.clock import SystemClock; from mien.events import AuditLog\n"
        "from mien.storage import Database, MasterKey, Vault\n"
        f"database, clock = Database({database_url!r}), SystemClock()\n"
        f"audit = AuditLog(database, clock, Vault(database, MasterKey.from_hex({MASTER_KEY!r}), clock))\n"
        "for n in range(20): audit.record(actor='a', action='b', resource_id=None, details={'n': n})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert audit.verify().entries == 60


def test_what_may_be_biometric_is_refused(audit: AuditLog) -> None:
    refused: list[dict[str, Any]] = [
        {"image": b"\xff\xd8\xff"},
        {"template": [0.1, 0.2]},
        {"text": "a b " * 200},
        {"text": "QUJD" * 40},
        {"number": float("nan")},
        {"a name": 1},
        {"name\n": 1},
    ]
    for details in refused:
        with pytest.raises(AuditValueError):
            audit.record(actor="cli:anna", action="test", resource_id=None, details=details)
    assert audit.search() == []


def test_keys_are_redacted(audit: AuditLog, database: Database) -> None:
    details = {"key1": "short", "admin_token": "x", "text": f"key {KEY} was sent", "header": "Bearer abc.def"}
    audit.record(actor=f"admin:{KEY}", action="test", resource_id=None, details=details)
    with database.read(EVERY_RESOURCE) as session:
        row = session.scalars(select(AuditRow)).one()
    assert KEY not in row.actor + row.details
    assert "short" not in row.details
    assert "abc.def" not in row.details
    assert audit.verify().broken is None


@given(st.text(max_size=300))
def test_an_actor_is_always_storable(actor: str) -> None:
    clean = clean_actor(actor)
    assert len(clean) <= 200
    clean.encode()
    assert "\0" not in clean
