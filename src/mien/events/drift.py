"""Counts what drift is measured on: quality, top score, margin and unread images, by day, resource and camera.

A value is put into a bin in memory, which is a look-up and an addition under a lock, and the counts are added to the
database by the recorder of metrics, every few seconds. Nothing else is kept: no template, no person, no single value.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import DriftCountRow, DriftStateRow, ResourceRow
from mien.storage.upserts import insertion

API: Final = ""
"""The source of calls of the Face API; any other source is a camera's name."""

KEPT_DAYS: Final = 800
_DAY: Final = 86_400


class DriftSeries(StrEnum):
    """The series that are counted.

    QUALITY: unified quality score of faces that got a template, 0 to 100; of a camera's track its best frame.
    SCORE: similarity of the best candidate of an identification, 0 to 1.
    MARGIN: by how much it is above the second person's.
    UNREAD: images without a face; of cameras, tracks without a readable frame.
    """

    QUALITY = "quality"
    SCORE = "topScore"
    MARGIN = "margin"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of a series.

    Attributes:
        high: upper end of the last bin of numbers; the first begins at 0.
        count: count of bins of numbers.
        extra: name of one more bin for values that are none; empty without.
    """

    high: float
    count: int
    extra: str = ""

    @property
    def total(self) -> int:
        """All bins."""
        return self.count + bool(self.extra)

    def place(self, value: float | None) -> int:
        """Return the bin of a value; None goes to the extra bin."""
        if value is None:
            return self.count
        return min(self.count - 1, max(0, int(value * self.count / self.high)))


BINS: Final = {
    DriftSeries.QUALITY: Bins(100.0, 20),
    DriftSeries.SCORE: Bins(1.0, 20, "no candidate"),
    DriftSeries.MARGIN: Bins(1.0, 20, "no second person"),
    DriftSeries.UNREAD: Bins(1.0, 2),
}

Key = tuple[UUID, str, str, int, int]


class DriftCounts:
    """Counts values; safe to call from any thread.

    Args:
        database: the database with the counts.
        clock: the clock.
        enabled: false counts nothing.
    """

    def __init__(self, database: Database, clock: Clock, *, enabled: bool = True) -> None:
        self._database = database
        self._clock = clock
        self._enabled = enabled
        self._lock = threading.Lock()
        self._noted: Counter[Key] = Counter()

    def note(self, resource_id: UUID, source: str, series: DriftSeries, value: float | None) -> None:
        """Count one value.

        Args:
            resource_id: id of the resource.
            source: `API`, or the camera's name.
            series: the series that it belongs to.
            value: None for one that is none (no candidate).
        """
        if self._enabled:
            key = (resource_id, source[:64], series.value, self.today(), BINS[series].place(value))
            with self._lock:
                self._noted[key] += 1

    def scores(self, resource_id: UUID, source: str, top: float | None, second: float | None) -> None:
        """Count an identification by the similarities of its best and second person."""
        self.note(resource_id, source, DriftSeries.SCORE, top)
        if top is not None:
            self.note(resource_id, source, DriftSeries.MARGIN, None if second is None else top - second)

    def today(self) -> int:
        """Return the day, counted from 1970, UTC."""
        return int(self._clock.now().timestamp()) // _DAY

    def flush(self) -> int:
        """Add what was counted to the database; kept for the next time when that fails. Returns how many rows."""
        with self._lock:
            taken, self._noted = self._noted, Counter()
        if not taken:
            return 0
        try:
            with self._database.writing_connection() as connection:
                wanted = {key[0] for key in taken}
                alive = set(connection.scalars(select(ResourceRow.id).where(ResourceRow.id.in_(wanted))))
                names = ("resource_id", "source", "series", "day", "bin")
                # Always in one order: processes that wrote the same rows in different orders would wait for each other.
                rows = [
                    {**dict(zip(names, key, strict=True)), "count": count}
                    for key, count in sorted(taken.items(), key=lambda one: (str(one[0][0]), one[0][1:]))
                    if key[0] in alive
                ]
                if rows:
                    connection.execute(self._addition(), rows)
        except SQLAlchemyError:
            with self._lock:
                self._noted.update(taken)
            raise
        return len(rows)

    def _addition(self) -> Any:
        statement = insertion(self._database, DriftCountRow)
        return statement.on_conflict_do_update(
            index_elements=["resource_id", "source", "series", "day", "bin"],
            set_={"count": DriftCountRow.count + statement.excluded["count"]},
        )

    def purge(self) -> int:
        """Delete counts that are older than `KEPT_DAYS`; for the retention worker."""
        old = delete(DriftCountRow).where(DriftCountRow.day < self.today() - KEPT_DAYS)
        with self._database.writing_connection() as connection:
            return connection.execute(old).rowcount


def moved_series(database: Database, resource_id: UUID | None) -> float | None:
    """Return how many series had moved at the last look, of one resource or all; None before the first look."""
    query = select(func.sum(DriftStateRow.moved))
    if resource_id is not None:
        query = query.where(DriftStateRow.resource_id == resource_id)
    with database.read(EVERY_RESOURCE) as session:
        found = session.scalar(query)
    return None if found is None else float(found)
