"""Counts how many answers of search engines were checked, and how many lacked the most similar person, for alerts.

A server notes each check in memory; the recorder of metrics adds the numbers to the minute's in the database, so that a
rule sees those of all servers.
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
"""Below it the operator is told."""

FEWEST_MISSES: Final = 2
"""One miss is told of by its number; from the second on, recall is a rate."""

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
            found: whether the most similar person was in the answer.
        """
        minute = int(self._clock.now().timestamp()) // 60
        with self._lock:
            self._noted[resource_id, minute, _CHECKS] += 1
            if not found:
                self._noted[resource_id, minute, _MISSES] += 1

    def flush(self) -> int:
        """Add what was noted to the database; kept for the next time when that fails.

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
    """Return the share of checked answers that had the most similar person, in per cent; None without checks.

    Args:
        database: the database with the counts.
        resource_id: of one resource; None for all.
        since: from this minute on.
        until: up to this minute.
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
