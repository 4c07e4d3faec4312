"""Bounded work: a fixed number of threads that compute, and a queue that refuses instead of growing."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SMOOTHING = 0.1


class OverloadedError(Exception):
    """All workers are busy and the queue before them is full.

    Attributes:
        retry_after: whole seconds after which a place is likely to be free.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"no place in the queue, retry after {retry_after} s")
        self.retry_after = retry_after


class WorkerPool:
    """Runs plain functions outside the event loop, so many at a time, with a bounded queue before them."""

    def __init__(self, workers: int, queue_limit: int) -> None:
        """Start no thread yet; `workers` of them start as work comes.

        Args:
            workers: how many functions run at the same time.
            queue_limit: how many more may wait.
        """
        self._workers = workers
        self._places = workers + queue_limit
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="mien-worker")
        self._lock = threading.Lock()
        self._taken = 0
        self._seconds = 0.0  # moving average of one function's run time
        self._finished = 0
        self._busy_seconds = 0.0

    @property
    def taken(self) -> int:
        """How many functions run or wait."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many functions wait for a thread."""
        return max(0, self._taken - self._workers)

    @property
    def finished(self) -> int:
        """How many functions have run since the start."""
        return self._finished

    @property
    def busy_seconds(self) -> float:
        """How long functions have run since the start, all threads together."""
        return self._busy_seconds

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a worker thread and return what it returns, or raise what it raises.

        Raises:
            OverloadedError: all workers are busy and the queue is full.
        """
        with self._lock:
            if self._taken >= self._places:
                raise OverloadedError(self._retry_after())
            self._taken += 1
        try:
            future = self._executor.submit(self._timed, function, *args, **kwargs)
        except BaseException:
            self._release(None)
            raise
        # Counted on the thread's future: a place is free when the work has ended, not when its caller gave up.
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Refuse new work, drop what waits, and let what runs finish."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _timed(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        start = perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds = perf_counter() - start
            with self._lock:
                self._seconds += _SMOOTHING * (seconds - self._seconds)
                self._finished += 1
                self._busy_seconds += seconds

    def _release(self, _future: Future[T] | None) -> None:
        with self._lock:
            self._taken -= 1

    def _retry_after(self) -> int:
        return max(1, math.ceil(self._seconds * self._taken / self._workers))
