"""Measures the cost of counting a call, and of writing the counts of an interval.

    python bench/metrics.py

A detect call takes at least about ten milliseconds (`bench/speed.py`), so 1 % of it is 100 µs. Times are the minimum
and the median of rounds, in µs per call.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from mien.clock import SystemClock
from mien.events import Recorder
from mien.gateway.call_counter import CallObserver
from mien.storage import Database, migrate

CALLS = 20_000
ROUNDS = 15


@dataclass(frozen=True)
class Caller:
    """A resource, with the fields that the observer reads."""

    id: UUID


@dataclass(frozen=True)
class Operation:
    """An operation, with the fields that the observer reads."""

    name: str = "Face - Detect"
    transactions: int = 1


@dataclass(frozen=True)
class Exchange:
    """A call, with the fields that the observer reads."""

    caller: Caller
    operation: Operation = field(default_factory=Operation)
    blocked: bool = False


@dataclass(frozen=True)
class Request:
    """A request, with the fields that the observer reads."""

    received: int = 200_000

    def header(self, name: bytes) -> str | None:
        """Return a header."""
        return "200000" if name == b"content-length" else None


@dataclass(frozen=True)
class Response:
    """A response, with the fields that the observer reads."""

    status: int = 200
    body: bytes = b"x" * 500
    headers: tuple[tuple[bytes, bytes], ...] = ()


def rounds(work: Callable[[], object], calls: int) -> tuple[float, float]:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) / calls * 1e6)
    return min(taken), statistics.median(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'mien.db'}")
        migrate(database)
        recorder = Recorder(database, SystemClock())
        observe: Any = CallObserver(recorder)  # given less than a call of the gateway
        exchanges = [Exchange(Caller(uuid4()), Operation(f"operation {n % 10}")) for n in range(100)]
        request, response = Request(), Response()

        def record() -> None:
            for number in range(CALLS):
                observe(request, exchanges[number % 100], response, 0.0123)

        low, middle = rounds(record, CALLS)
        print(f"count one call             {low:8.2f} min {middle:8.2f} median  µs")
        recorder.flush()

        def write() -> None:
            for exchange in exchanges:
                observe(request, exchange, response, 0.0123)
            recorder.flush()

        low, middle = rounds(write, 1)
        print(f"write 100 rows (5 s apart) {low:8.0f} min {middle:8.0f} median  µs, from a thread")
        database.close()


if __name__ == "__main__":
    main()
