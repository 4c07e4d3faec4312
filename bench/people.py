"""Latency of pages with the people of a large group: every order, first, middle and last page, search by name.

python bench/people.py [DATABASE_URL] [PERSONS]     SQLite in a temporary folder when no URL is given; 100,000 persons
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import insert, select, update

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.people import Edge, People, PeopleOrder
from mien.gallery.rows import Rows
from mien.storage import Database, Vault, load_master_key, migrate
from mien.storage.tables import CollectionRow, PersonRow

TIMES = 15
FIRST = ("Anna", "Žofie", "José", "Mary Jane", "Mohammed", "Wei", "Olga", "Noël", "Ibrahim", "Zoë")
LAST = ("Weiss", "O'Neill", "García", "Smith", "Al-Farsi", "Li", "Petrova", "Müller", "Ångström", "Kowalski")


def fill(database: Database, resource_id: UUID, uid: UUID, count: int) -> None:
    """Insert persons with repeated names, times and face counts."""
    rng = np.random.default_rng(17)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    picks = rng.integers(0, 10, (count, 3)).tolist()
    for low in range(0, count, 5000):
        rows = [
            {
                "resource_id": resource_id,
                "collection": uid,
                "person_id": uuid4(),
                "name": f"{FIRST[one]} {LAST[two]} {number}",
                "user_data": None,
                "faces": faces,
                "created_at": start + timedelta(seconds=number),
                "seen_at": None,
            }
            for number, (one, two, faces) in enumerate(picks[low : low + 5000], start=low)
        ]
        with database.writing_connection() as connection:
            connection.execute(insert(PersonRow.__table__), rows)  # type: ignore[arg-type]  # it is a table
    with database.write(resource_id) as session:
        session.execute(update(CollectionRow).where(CollectionRow.uid == uid).values(persons=count))


def measure(name: str, people: People, ref: CollectionRef, text: str = "", **more: object) -> None:
    """Print median and maximum latency of a page."""
    seconds, page = [], None
    for _ in range(TIMES):
        begun = time.perf_counter()
        page = people.page(ref, text, **more)  # type: ignore[arg-type]  # as `page` has them
        seconds.append(time.perf_counter() - begun)
    assert page is not None
    seconds.sort()
    found = f"{len(page.people)} of {page.total:,}"
    print(f"{name:42} median {seconds[TIMES // 2] * 1e3:6.1f} ms   worst {seconds[-1] * 1e3:6.1f} ms   {found}")


def main() -> None:
    """Measure on a fresh group."""
    url = next((one for one in sys.argv[1:] if "://" in one), "")
    count = next((int(one) for one in sys.argv[1:] if one.isdigit()), 100_000)
    with tempfile.TemporaryDirectory() as folder:
        database, clock = Database(url or f"sqlite:///{folder}/mien.db"), SystemClock()
        migrate(database)
        accounts = Accounts(database, Vault(database, load_master_key(Path(folder)), clock), clock)
        resource = accounts.create(f"bench-{time.time_ns()}", terms=DEVELOPMENT_TERMS)
        ref = CollectionRef(resource.id, Kind.LARGE_PERSON_GROUP, "everybody")
        uid = uuid4()
        with database.write(resource.id) as session:
            session.add(
                CollectionRow(
                    resource_id=resource.id, kind=ref.kind.value, collection_id=ref.collection_id, uid=uid,
                    name="Everybody", user_data=None, recognition_model="recognition_04", fingerprint="f" * 64,
                    policy=None, persons=0, faces=0, created_at=clock.now(), revision=0, trained_revision=-1,
                    snapshot=None, snapshot_key=b"", training_status=None, training_created_at=None,
                    training_action_at=None, training_success_at=None, training_message=None,
                )
            )  # fmt: skip
        fill(database, resource.id, uid, count)
        people = People(Rows(database, clock))
        print(f"{count:,} persons, {database.engine.dialect.name}")
        with database.read(resource.id) as session:
            middle = session.scalars(
                select(PersonRow).where(PersonRow.collection == uid).order_by(PersonRow.name_key).offset(count // 2)
            ).first()
        assert middle is not None
        edge = Edge(middle.name_key, middle.person_id)
        for order in PeopleOrder:
            measure(f"first page, {order.value}", people, ref, order=order)
        measure("page in the middle, forwards", people, ref, after=edge)
        measure("page in the middle, backwards", people, ref, before=edge)
        measure("by whole name", people, ref, f"{middle.name}")
        measure("by name, a hundredth (anna weiss)", people, ref, "anna weiss")
        measure("by name, a tenth (anna)", people, ref, "anna")
        measure("by name, nobody", people, ref, "nobody at all")
        measure("by id", people, ref, str(middle.person_id))
        for text in ("", "anna", "anna weiss", middle.name, "nobody at all", str(middle.person_id)):
            seconds = []
            for _ in range(TIMES):
                begun = time.perf_counter()
                people.anywhere(resource.id, text, 21)
                seconds.append(time.perf_counter() - begun)
            said = f"in all groups, {text[:20] or 'everybody'}"
            print(f"{said:42} median {sorted(seconds)[TIMES // 2] * 1e3:6.1f} ms   worst {max(seconds) * 1e3:6.1f} ms")
        database.close()


if __name__ == "__main__":
    main()
