"""Counts calls in memory and adds the counts to the database every few seconds, in a separate thread.

Recording is a look-up and a few additions under a lock. Processes add to the same rows, so that what is asked of the
database is the sum of all of them. A killed process loses the counts of the last few seconds; an ordinary
stop writes everything.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import delete, func
from sqlalchemy.exc import SQLAlchemyError

from mien.clock import Clock
from mien.contract.operations import TRAINING
from mien.events.metrics import BOUNDS
from mien.storage import Database
from mien.storage.faults import log_failure
from mien.storage.tables import CallRow, GaugeRow
from mien.storage.upserts import insertion

Key = tuple[UUID, str, int, str]
"""Resource id, operation, status and error code."""

Levels = Callable[[], Mapping[UUID, int]]
"""Returns the values of a gauge by resource id."""

BUCKETS: Final = tuple(f"b{number:02}" for number in range(len(BOUNDS) + 1))
"""The columns of the latency histogram."""

_MICROSECONDS: Final = tuple(bound * 1000 for bound in BOUNDS)


@dataclass(slots=True)
class Counts:
    """The counters for the calls of one key; each counter except `buckets` has a column of the same name.

    Attributes:
        calls: answered calls.
        blocked: calls that exceeded the rate or the volume.
        data_in: bytes of request bodies.
        data_out: bytes of response bodies.
        transactions: billed transactions.
        trained: enrolled faces in successful trainings.
        latency_sum: total latency, in microseconds.
        latency_max: longest latency, in microseconds.
        buckets: number of calls per latency bucket, in the order of `BUCKETS`.
    """

    calls: int = 0
    blocked: int = 0
    data_in: int = 0
    data_out: int = 0
    transactions: int = 0
    trained: int = 0
    latency_sum: int = 0
    latency_max: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))

    def add(self, other: Counts) -> None:
        """Add other counters to these."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency_max = max(self.latency_max, other.latency_max)
        self.buckets = [one + more for one, more in zip(self.buckets, other.buckets, strict=True)]

    def copy(self) -> Counts:
        """Return an independent copy."""
        return replace(self, buckets=self.buckets.copy())

    def columns(self) -> dict[str, int]:
        """Return the values by column name."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return numbers | dict(zip(BUCKETS, self.buckets, strict=True))


_NUMBERS: Final = tuple(one.name for one in fields(Counts) if one.name != "buckets")
_SUMS: Final = tuple(name for name in _NUMBERS if name != "latency_max")
COLUMNS: Final = (*_NUMBERS, *BUCKETS)
"""The columns of counters."""

_log = structlog.get_logger(__name__)


class Recorder:
    """Counts calls and trainings; safe to call from any thread.

    Args:
        database: the database with the counts per minute.
        clock: the clock.
        flush_seconds: pause between two writes.
        gauges: functions that read gauges, by metric name.
        gauge_seconds: pause between two readings of the gauges.
        also: functions to call with each write.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        flush_seconds: float = 5.0,
        gauges: Mapping[str, Levels] | None = None,
        gauge_seconds: float = 300.0,
        also: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._also = tuple(also)
        self._gauges = dict(gauges or {})
        self._rounds = max(1, round(gauge_seconds / flush_seconds))
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._minutes: dict[int, dict[Key, Counts]] = {}
        self._totals: dict[Key, Counts] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def call(
        self,
        resource_id: UUID,
        operation: str,
        status: int,
        code: str,
        *,
        seconds: float,
        data_in: int,
        data_out: int,
        transactions: int,
        blocked: bool,
    ) -> None:
        """Count one answered call.

        Args:
            resource_id: id of the resource; `NOBODY` if it could not be determined.
            operation: name of the operation.
            status: HTTP status.
            code: error code; empty for a success.
            seconds: duration of the call.
            data_in: bytes of the request body.
            data_out: bytes of the response body.
            transactions: billed transactions.
            blocked: whether the call exceeded the rate or the volume.
        """
        microseconds = int(seconds * 1_000_000)
        bucket = bisect_left(_MICROSECONDS, microseconds)
        with self._lock:
            for cell in self._cells((resource_id, operation, status, code)):
                cell.calls += 1
                cell.blocked += blocked
                cell.data_in += data_in
                cell.data_out += data_out
                cell.transactions += transactions
                cell.latency_sum += microseconds
                cell.latency_max = max(cell.latency_max, microseconds)
                cell.buckets[bucket] += 1

    def trained(self, resource_id: UUID, images: int) -> None:
        """Count the faces of a successful training."""
        with self._lock:
            for cell in self._cells((resource_id, TRAINING, 0, "")):
                cell.trained += images

    def _cells(self, key: Key) -> tuple[Counts, Counts]:
        """Return the counters of this minute and those since the start."""
        minute = int(self._clock.now().timestamp()) // 60
        cells = self._minutes.get(minute)
        if cells is None:
            cells = self._minutes[minute] = {}
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = Counts()
        total = self._totals.get(key)
        if total is None:
            total = self._totals[key] = Counts()
        return cell, total

    def totals(self) -> dict[Key, Counts]:
        """Return the counts of this process since its start; for Prometheus."""
        with self._lock:
            return {key: cell.copy() for key, cell in self._totals.items()}

    def flush(self) -> int:
        """Add the new counts to the database, or keep them if that fails.

        Returns:
            How many rows were written.
        """
        with self._writing:
            with self._lock:
                taken, self._minutes = self._minutes, {}
            rows = [
                {"resource_id": key[0], "minute": minute, "operation": key[1], "status": key[2], "code": key[3]}
                | cell.columns()
                for minute, cells in taken.items()
                for key, cell in cells.items()
            ]
            # Always in one order: processes that wrote the same rows in different orders would wait for each other.
            rows.sort(key=lambda row: (row["resource_id"], row["minute"], row["operation"], row["status"], row["code"]))
            if not rows:
                return 0
            try:
                with self._database.writing_connection() as connection:
                    connection.execute(self._add_calls, rows)
            except SQLAlchemyError:
                with self._lock:
                    for minute, cells in taken.items():
                        _merge(self._minutes.setdefault(minute, {}), cells)
                raise
            return len(rows)

    @property
    def _add_calls(self) -> Any:
        insert = insertion(self._database, CallRow)
        greatest = func.max if self._database.is_sqlite else func.greatest
        sums = {name: getattr(CallRow, name) + insert.excluded[name] for name in COLUMNS}
        sums["latency_max"] = greatest(CallRow.latency_max, insert.excluded["latency_max"])
        key = [CallRow.resource_id, CallRow.minute, CallRow.operation, CallRow.status, CallRow.code]
        return insert.on_conflict_do_update(index_elements=key, set_=sums)

    def read_gauges(self) -> None:
        """Write the gauges of this minute; processes that read the same gauges write the same rows."""
        minute = int(self._clock.now().timestamp()) // 60
        rows = [
            {"resource_id": resource, "minute": minute, "name": name, "value": value}
            for name, levels in self._gauges.items()
            for resource, value in sorted(levels().items())
        ]
        if not rows:
            return
        insert = insertion(self._database, GaugeRow)
        statement = insert.on_conflict_do_update(
            index_elements=[GaugeRow.resource_id, GaugeRow.minute, GaugeRow.name],
            set_={"value": insert.excluded["value"]},
        )
        with self._database.writing_connection() as connection:
            connection.execute(statement, rows)

    def start(self) -> None:
        """Start the writing thread."""
        self._thread = threading.Thread(target=self._run, name="mien-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and write the remaining counts."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for write in (self.flush, *self._also):
            self._try(write)

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(self._flush_seconds):
            for write in (self.flush, *self._also):
                self._try(write)
            if rounds % self._rounds == 0:
                self._try(self.read_gauges)
            rounds += 1

    @staticmethod
    def _try(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # the next round tries again
            log_failure(_log, "metrics could not be written", error)


def purge_metrics(database: Database, clock: Clock, days: int) -> int:
    """Delete the metrics of minutes older than `days`; for the retention worker.

    Returns:
        How many rows were deleted.
    """
    before = int(clock.now().timestamp()) // 60 - days * 24 * 60
    with database.writing_connection() as connection:
        found = [connection.execute(delete(table).where(table.minute < before)) for table in (CallRow, GaugeRow)]
    return sum(result.rowcount for result in found)


def _merge(into: dict[Key, Counts], cells: Mapping[Key, Counts]) -> None:
    for key, cell in cells.items():
        into.setdefault(key, Counts()).add(cell)
