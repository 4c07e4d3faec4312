"""Bounded work: a fixed number of threads that compute, and a queue that refuses instead of growing.

The queue is fair by owner, which is the resource that a request is made for: threads take from the owners in turn, and
when the queue is full, the owner with the most waiting loses its last place. One resource's flood costs another at most
one place in the queue for each owner.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

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


OWNER: ContextVar[Hashable] = ContextVar("owner", default=None)
"""The resource on whose behalf the current task works; None for no one in particular."""


class _Work:
    """A function that waits for a thread, and the future that its caller waits for."""

    __slots__ = ("call", "future")

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.future: Future[Any] = Future()


class WorkerPool:
    """Runs plain functions outside the event loop, so many at a time, with a bounded, fair queue before them."""

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
        self._queues: OrderedDict[Hashable, deque[_Work]] = OrderedDict()  # owners in the order of their turns
        self._threads = 0  # that run, or look for the next function
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
        # In the caller's context: what it does may be marked (`mien.storage.reserve.deleting`).
        work = _Work(partial(copy_context().run, self._timed, function, *args, **kwargs))
        owner = OWNER.get()
        with self._lock:
            victim = self._make_room(owner) if self._taken >= self._places else None
            self._taken += 1
            starts = self._threads < self._workers
            if starts:
                self._threads += 1
            else:
                self._queues.setdefault(owner, deque()).append(work)
        # A place is free when the work has ended, not when its caller gave up; one that waits is free at once.
        work.future.add_done_callback(self._release)
        if victim is not None:
            self._refuse(victim)
        if starts:
            try:
                self._executor.submit(self._serve, work)
            except BaseException:
                with self._lock:
                    self._threads -= 1
                work.future.cancel()
                raise
        result: T = await asyncio.wrap_future(work.future)
        return result

    def close(self) -> None:
        """Refuse new work, drop what waits, and let what runs finish."""
        with self._lock:
            waiting = [work for queue in self._queues.values() for work in queue]
            self._queues.clear()
        for work in waiting:
            work.future.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _serve(self, work: _Work | None) -> None:
        """Run one function after the other, until none waits."""
        while work is not None:
            if work.future.set_running_or_notify_cancel():
                try:
                    result = work.call()
                except BaseException as error:
                    work.future.set_exception(error)
                else:
                    work.future.set_result(result)
            with self._lock:
                work = self._next()
                if work is None:
                    self._threads -= 1

    def _next(self) -> _Work | None:
        """Take the next function of the owner whose turn it is; the owner moves to the end of the queue."""
        while self._queues:
            owner, queue = self._queues.popitem(last=False)
            while queue:
                work = queue.popleft()
                if not work.future.done():
                    if queue:
                        self._queues[owner] = queue
                    return work
        return None

    def _make_room(self, owner: Hashable) -> _Work:
        """Return the last function of the owner with the most waiting, which loses its place.

        Raises:
            OverloadedError: nobody has more waiting than `owner` itself.
        """
        live = {one: [work for work in queue if not work.future.done()] for one, queue in self._queues.items()}
        longest = max(live, key=lambda one: len(live[one]), default=owner)
        if len(live.get(longest, ())) <= len(live.get(owner, ())) + 1:
            raise OverloadedError(self._retry_after())
        return live[longest][-1]

    def _refuse(self, work: _Work) -> None:
        with suppress(InvalidStateError):  # a thread has just taken it, or its caller gave up
            work.future.set_exception(OverloadedError(self._retry_after()))

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

    def _release(self, _future: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1

    def _retry_after(self) -> int:
        return max(1, math.ceil(self._seconds * self._taken / self._workers))
