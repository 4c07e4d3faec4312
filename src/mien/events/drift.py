"""Counts the values from which drift is computed (`DriftSeries`), by day, resource and camera.

Values are counted in bins in memory; the recorder of metrics adds the counts to the database every few seconds. No
templates, people or single values are stored.
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
"""The source of Face API calls; any other source is the name of a camera."""

KEPT_DAYS: Final = 800
_DAY: Final = 86_400


class DriftSeries(StrEnum):
    """The counted series.

    QUALITY: unified quality score of faces with a template, 0 to 100; for a camera, of each track's best frame.
    SCORE: similarity of the best candidate of an identification, 0 to 1.
    MARGIN: difference between the similarities of the best and the second person, 0 to 1.
    UNREAD: images without a face; for a camera, tracks without a usable frame.
    """

    QUALITY = "quality"
    SCORE = "topScore"
    MARGIN = "margin"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Bins:
    """The histogram bins of a series.

    Attributes:
        high: upper end of the last bin; the first begins at 0.
        count: number of bins of equal width.
        extra: name of an additional bin for missing values; empty if there is none.
    """

    high: float
    count: int
    extra: str = ""

    @property
    def total(self) -> int:
        """Number of bins, with the additional one."""
        return self.count + bool(self.extra)

    def place(self, value: float | None) -> int:
        """Return the index of a value's bin; None belongs to the additional bin."""
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
        enabled: whether anything is counted.
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
            series: the series of the value.
            value: the value; None if it is missing, such as a score without a candidate.
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
        """Return the current day (UTC) as the number of days since 1970."""
        return int(self._clock.now().timestamp()) // _DAY

    def flush(self) -> int:
        """Add the counts to the database, or keep them if that fails. Return the number of written rows."""
        with self._lock:
            taken, self._noted = self._noted, Counter()
        if not taken:
            return 0
        try:
            with self._database.writing_connection() as connection:
                wanted = {key[0] for key in taken}
                alive = set(connection.scalars(select(ResourceRow.id).where(ResourceRow.id.in_(wanted))))
                names = ("resource_id", "source", "series", "day", "bin")
                # Sorted, so that processes lock the same rows in the same order and cannot deadlock.
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
    """Return how many series, of one resource or all, had drifted at the last check; None before the first check."""
    query = select(func.sum(DriftStateRow.moved))
    if resource_id is not None:
        query = query.where(DriftStateRow.resource_id == resource_id)
    with database.read(EVERY_RESOURCE) as session:
        found = session.scalar(query)
    return None if found is None else float(found)
