"""Counts checked answers of search engines, and those that lacked the most similar person, for alerts on recall.

Checks are counted in memory; the recorder of metrics adds the counts to the database, so that a rule sees those of all
servers.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import GaugeRow
from mien.storage.upserts import insertion

LEAST_RECALL: Final = 0.999
"""The operator is warned when the recall is lower."""

FEWEST_MISSES: Final = 2
"""With fewer misses, recall counts as 100 %: a single miss says nothing about a rate."""

_CHECKS: Final = "RecallChecks"
_MISSES: Final = "RecallMisses"

Key = tuple[UUID, int, str]


class RecallCounts:
    """Counts checks; safe to call from any thread.

    Args:
        database: the database with the counts.
        clock: the clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: Counter[Key] = Counter()

    def note(self, resource_id: UUID, found: bool) -> None:
        """Count one checked answer.

        Args:
            resource_id: id of the collection's resource.
            found: whether the answer contained the most similar person.
        """
        minute = int(self._clock.now().timestamp()) // 60
        with self._lock:
            self._noted[resource_id, minute, _CHECKS] += 1
            if not found:
                self._noted[resource_id, minute, _MISSES] += 1

    def flush(self) -> int:
        """Add the counts to the database, or keep them if that fails.

        Returns:
            How many rows were written.
        """
        with self._lock:
            noted, self._noted = self._noted, Counter()
        if not noted:
            return 0
        rows = [
            {"resource_id": key[0], "minute": key[1], "name": key[2], "value": count}
            for key, count in sorted(noted.items())
        ]
        try:
            with self._database.writing_connection() as connection:
                connection.execute(self._add, rows)
        except SQLAlchemyError:
            with self._lock:
                self._noted += noted
            raise
        return len(rows)

    @property
    def _add(self) -> Any:
        statement = insertion(self._database, GaugeRow)
        return statement.on_conflict_do_update(
            index_elements=[GaugeRow.resource_id, GaugeRow.minute, GaugeRow.name],
            set_={"value": GaugeRow.value + statement.excluded["value"]},
        )


def recall_percent(database: Database, resource_id: UUID | None, since: datetime, until: datetime) -> float | None:
    """Return the percentage of checked answers that contained the most similar person; None without checks.

    Args:
        database: the database with the counts.
        resource_id: only this resource; None for all.
        since: first minute.
        until: last minute.
    """
    first, last = (int(moment.timestamp()) // 60 for moment in (since, until))
    query = select(GaugeRow.name, func.sum(GaugeRow.value)).where(
        GaugeRow.name.in_((_CHECKS, _MISSES)), GaugeRow.minute >= first, GaugeRow.minute <= last
    )
    if resource_id is not None:
        query = query.where(GaugeRow.resource_id == resource_id)
    with database.read(EVERY_RESOURCE) as session:
        counts = {name: int(count) for name, count in session.execute(query.group_by(GaugeRow.name))}
    checks, misses = counts.get(_CHECKS, 0), counts.get(_MISSES, 0)
    if not checks:
        return None
    return 100.0 * (1 - misses / checks) if misses >= FEWEST_MISSES else 100.0
