import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from tests.postgresql import empty_postgresql

from mien.storage import EVERY_RESOURCE, Database
from mien.storage.database import ScopeError
from mien.storage.tables import DetectedFaceRow, ResourceRow

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


def add_resource(database: Database, name: str) -> UUID:
    resource_id = uuid4()
    with database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=resource_id, name=name, location="local", sku="S0", created_at=NOW))
    return resource_id


def face(resource_id: UUID, sealed: bytes = b"x") -> DetectedFaceRow:
    return DetectedFaceRow(
        resource_id=resource_id,
        face_id=uuid4(),
        recognition_model="recognition_04",
        fingerprint="f" * 64,
        sealed=sealed,
        expires_at=NOW,
    )


@pytest.fixture
def two(database: Database) -> tuple[UUID, UUID]:
    """Two resources with a face each."""
    ids = add_resource(database, "one"), add_resource(database, "two")
    for resource_id in ids:
        with database.write(resource_id) as session:
            session.add(face(resource_id))
    return ids


def test_a_session_of_a_resource_sees_only_its_rows(database: Database, two: tuple[UUID, UUID]) -> None:
    for resource_id in two:
        with database.read(resource_id) as session:
            assert [row.resource_id for row in session.scalars(select(DetectedFaceRow))] == [resource_id]
            assert session.scalars(select(DetectedFaceRow.resource_id)).all() == [resource_id]
    with database.read(EVERY_RESOURCE) as session:
        assert len(session.scalars(select(DetectedFaceRow)).all()) == 2


def test_a_row_of_another_resource_is_not_got_by_its_key(database: Database, two: tuple[UUID, UUID]) -> None:
    one, other = two
    with database.read(other) as session:
        theirs = session.scalars(select(DetectedFaceRow)).one()
    with database.read(one) as session:
        assert session.get(DetectedFaceRow, (theirs.resource_id, theirs.face_id)) is None


def test_updates_and_deletes_reach_only_the_rows_of_the_resource(database: Database, two: tuple[UUID, UUID]) -> None:
    one, other = two
    with database.write(one) as session:
        session.execute(update(DetectedFaceRow).values(sealed=b"changed"))
    with database.read(other) as session:
        assert session.scalars(select(DetectedFaceRow.sealed)).one() == b"x"
    with database.write(one) as session:
        session.execute(delete(DetectedFaceRow))
    with database.read(EVERY_RESOURCE) as session:
        assert [row.resource_id for row in session.scalars(select(DetectedFaceRow))] == [other]


def test_a_row_of_another_resource_is_not_written(database: Database, two: tuple[UUID, UUID]) -> None:
    one, other = two
    with pytest.raises(ScopeError), database.write(one) as session:
        session.add(face(other))
    row = {name: getattr(face(other), name) for name in DetectedFaceRow.__table__.columns.keys()}  # noqa: SIM118  not a dict
    with pytest.raises(ScopeError), database.write(one) as session:
        session.execute(insert(DetectedFaceRow), [row])
    with pytest.raises(ScopeError), database.write(one) as session:
        session.execute(insert(DetectedFaceRow).values(**row))


def test_what_a_resource_owns_goes_with_it(database: Database, two: tuple[UUID, UUID]) -> None:
    one, other = two
    with database.write(EVERY_RESOURCE) as session:
        session.execute(delete(ResourceRow).where(ResourceRow.id == one))
    with database.read(EVERY_RESOURCE) as session:
        assert [row.resource_id for row in session.scalars(select(DetectedFaceRow))] == [other]


def test_foreign_keys_are_held(database: Database) -> None:
    nobody = uuid4()
    with pytest.raises(IntegrityError), database.write(nobody) as session:
        session.add(face(nobody))


def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(KeyError), database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=uuid4(), name="n", location="l", sku="S0", created_at=NOW))
        session.flush()
        raise KeyError
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(ResourceRow)).all() == []


def test_moments_come_back_as_utc_to_the_microsecond(database: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    with database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=uuid4(), name="n", location="l", sku="S0", created_at=elsewhere))
    with database.read(EVERY_RESOURCE) as session:
        kept = session.scalars(select(ResourceRow.created_at)).one()
        assert session.scalars(select(ResourceRow.name).where(ResourceRow.created_at <= NOW)).one() == "n"
    assert kept == NOW
    assert kept.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"), database.write(EVERY_RESOURCE) as session:
        session.add(ResourceRow(id=uuid4(), name="n", location="l", sku="S0", created_at=NOW.replace(tzinfo=None)))


def test_writers_wait_for_each_other_after_a_read(database: Database) -> None:
    """Two read-modify-writes in threads both succeed: on SQLite the lock is taken before the read."""
    with database.write(EVERY_RESOURCE) as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def add(_: int) -> None:
        with database.write(EVERY_RESOURCE) as session:
            database.lock(session, "counter")
            n = session.execute(text("SELECT n FROM counter")).scalar_one()
            session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(100)))
    with database.read(EVERY_RESOURCE) as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == 100


def test_sqlite_is_set_up_for_durability_and_erasure(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'mien.db'}")
    with database.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    with database.writing_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    files = list((tmp_path / "deep").iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "secure_delete": 1}
    database.close()


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a file"):
        Database("sqlite://")


def test_what_is_stored_does_not_show_in_errors(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.engine.begin() as connection:
        connection.execute(text("INSERT INTO nowhere (secret) VALUES (:secret)"), {"secret": "a template"})
    assert "a template" not in str(caught.value)


def _row(resource_id: UUID, face_id: UUID | None = None) -> dict[str, object]:
    return {
        "resource_id": resource_id,
        "face_id": face_id or uuid4(),
        "recognition_model": "recognition_04",
        "fingerprint": "f" * 64,
        "sealed": b"\0\xff",
        "expires_at": NOW.astimezone(timezone(timedelta(hours=2))),
    }


def test_appended_rows_are_committed_and_read_like_others(database: Database, two: tuple[UUID, UUID]) -> None:
    add = database.appender(cast("Table", DetectedFaceRow.__table__))
    for count in (1, 3):
        add([_row(two[0]) for _ in range(count)])
    with database.read(two[0]) as session:
        rows = session.scalars(select(DetectedFaceRow).where(DetectedFaceRow.sealed == b"\0\xff")).all()
    assert len(rows) == 4
    assert {row.expires_at for row in rows} == {NOW}


@pytest.mark.parametrize("count", [1, 2])
def test_rows_that_cannot_be_appended_leave_nothing_behind(
    database: Database, two: tuple[UUID, UUID], count: int
) -> None:
    add = database.appender(cast("Table", DetectedFaceRow.__table__))
    twice = uuid4()
    add([_row(two[0], twice)])
    with pytest.raises(IntegrityError) as raised:
        add([_row(two[0]) for _ in range(count - 1)] + [_row(two[0], twice)])
    assert "f" * 64 not in str(raised.value)
    with database.write(two[1]) as session:  # no transaction was left open
        session.add(face(two[1]))
    add([_row(two[0])])
    with database.read(two[0]) as session:
        assert len(session.scalars(select(DetectedFaceRow)).all()) == 3


def test_a_pool_of_transactions_gets_neither_prepared_statements_nor_options(postgresql_url: str) -> None:
    """PgBouncer in transaction mode refuses both."""
    with empty_postgresql(postgresql_url) as url:
        joined = "&" if "?" in url else "?"
        for said, threshold, timeout in (("none", None, "0"), ("7", 7, "30s")):
            database = Database(f"{url}{joined}prepare_threshold={said}")
            with database.engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                assert driver.prepare_threshold == threshold
                assert connection.execute(text("SHOW lock_timeout")).scalar() == timeout
            database.close()
        with pytest.raises(ValueError, match="prepare_threshold"):
            Database(f"{url}{joined}prepare_threshold=never")
