"""Outages and full disks, as the databases really tell of them; mistakes of ours are none."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from tests.conftest import sqlite_database

from mien.storage import EVERY_RESOURCE, Database
from mien.storage.faults import StorageFault, fault_of


def raised(database: Database, statement: str) -> BaseException:
    with pytest.raises(SQLAlchemyError) as caught, database.write(EVERY_RESOURCE) as session:
        session.execute(text(statement))
    return caught.value


def test_a_full_disk(tmp_path: Path) -> None:
    database = sqlite_database(tmp_path / "mien.db")
    with database.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    with database.write(EVERY_RESOURCE) as session:
        session.execute(text("CREATE TABLE big (x BLOB)"))
    with pytest.raises(SQLAlchemyError) as caught, database.write(EVERY_RESOURCE) as session:
        session.execute(text(f"PRAGMA max_page_count={pages + 10}"))
        session.execute(text("INSERT INTO big VALUES (zeroblob(1000000))"))
    assert fault_of(caught.value) is StorageFault.FULL
    database.close()
    assert fault_of(OSError(errno.ENOSPC, "No space left on device")) is StorageFault.FULL
    assert fault_of(OSError(errno.ENOENT, "No such file")) is None


def test_mistakes_of_ours_are_no_outage(database: Database) -> None:
    assert fault_of(raised(database, "SELECT * FROM no_such_table")) is None
    assert fault_of(raised(database, "SELEC")) is None
    assert fault_of(ValueError("x")) is None


def test_a_database_that_is_read_only(database: Database) -> None:
    """A primary that became a standby, a file system that the kernel mounted read-only after an error."""
    closed = "PRAGMA query_only=ON" if database.is_sqlite else "SET TRANSACTION READ ONLY"
    with pytest.raises(SQLAlchemyError) as caught, database.write(EVERY_RESOURCE) as session:
        session.execute(text(closed))
        session.execute(text("CREATE TABLE more (x INTEGER)"))
    assert fault_of(caught.value) is StorageFault.CLOSED


def test_rights_that_were_taken_away(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite knows no roles")
    with pytest.raises(SQLAlchemyError) as caught, database.write(EVERY_RESOURCE) as session:
        session.execute(text("SET LOCAL ROLE pg_monitor"))
        session.execute(text("DELETE FROM resources"))
    assert fault_of(caught.value) is StorageFault.CLOSED


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(tmp_path / "nowhere" / "mien.db").execute("SELECT 1")
    assert fault_of(caught.value) is StorageFault.UNAVAILABLE


def test_postgresql_that_does_not_answer() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    assert not database.answers()
    with pytest.raises(SQLAlchemyError) as caught, database.read(EVERY_RESOURCE) as session:
        session.execute(text("SELECT 1"))
    assert fault_of(caught.value) is StorageFault.UNAVAILABLE
    database.close()
