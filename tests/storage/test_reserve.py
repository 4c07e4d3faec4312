"""Deletions on a full disk: a real file system of a few megabytes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select
from tests.conftest import sqlite_database
from tests.manual_clock import ManualClock

from mien.storage import EVERY_RESOURCE, Database
from mien.storage.faults import StorageFault, fault_of
from mien.storage.reserve import delete_even_if_full, deleting
from mien.storage.retention import RetentionWorker
from mien.storage.tables import ResourceRow

SIZE = 2 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root and the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


def add(database: Database, count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    with database.write(EVERY_RESOURCE) as session:
        for one in ids:
            session.add(ResourceRow(id=one, name=one.hex, location="local", sku="S0", created_at=ManualClock().now()))
    return ids


def count(database: Database) -> int:
    with database.read(EVERY_RESOURCE) as session:
        return session.scalar(select(func.count()).select_from(ResourceRow)) or 0


def remove(database: Database, ids: list[UUID]) -> int:
    with database.write(EVERY_RESOURCE) as session:
        return len(session.execute(delete(ResourceRow).where(ResourceRow.id.in_(ids)).returning(ResourceRow.id)).all())


@pytest.fixture
def database(small: Path) -> Iterator[Database]:
    made = sqlite_database(small / "mien.db")
    made.keep_reserve(SIZE)
    yield made
    made.close()


def test_deletions_go_on_and_nothing_else_takes_their_room(database: Database, small: Path) -> None:
    ids = add(database, 3000)
    database.empty_log()
    assert (small / "reserve").stat().st_size == SIZE
    with filled(small):
        with pytest.raises(Exception) as full:  # noqa: PT011  of SQLite, before the reserve is touched
            for _ in range(100):
                add(database, 200)
        assert fault_of(full.value) is StorageFault.FULL
        before = count(database)
        gone = sum(
            delete_even_if_full(partial(remove, database, ids[start : start + 300]), database.make_room)
            for start in range(0, 3000, 300)
        )
        assert gone == 3000
        assert count(database) == before - 3000
        assert not (small / "reserve").exists()
        with pytest.raises(OSError, match="kept for deletions"):
            add(database, 1)
    reserve = database.reserve
    assert reserve is not None
    reserve._looked = float("-inf")
    add(database, 1)
    assert (small / "reserve").stat().st_size == SIZE


def test_without_a_reserve_the_same_deletion_fails(database: Database, small: Path) -> None:
    ids = add(database, 3000)
    database.empty_log()
    database.reserve = None
    (small / "reserve").unlink()
    with filled(small), pytest.raises(Exception) as full:  # noqa: PT011  of SQLite
        delete_even_if_full(lambda: remove(database, ids), database.make_room)
    assert fault_of(full.value) is StorageFault.FULL
    assert count(database) == 3000


def test_the_retention_deletes_on_a_full_disk(database: Database, small: Path) -> None:
    ids = add(database, 3000)
    database.empty_log()
    worker = RetentionWorker([("rows", lambda: remove(database, ids))], 1, make_room=database.make_room)
    with filled(small):
        worker.run_once()
        assert count(database) == 0


def test_a_mark_ends_with_its_block(database: Database, small: Path) -> None:
    with deleting():
        add(database, 1)
    assert not (small / "reserve").exists(), "a deletion does not make the reserve"
    add(database, 1)
    assert (small / "reserve").exists()
