"""Distributes the work of one image over idle cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Lock
from time import monotonic
from typing import Final, TypeVar

T = TypeVar("T")

_CALM_SECONDS: Final = 0.1
"""Seconds since two analyses last ran at once before one counts as alone: under load a core may look idle for a moment
between two calls."""


class SpareCores:
    """Counts the cores in use, so that a single image may use several, and many images use one each.

    One worker per core has the best throughput. If only one image is being analysed, its faces (and the networks of a
    face) are computed in parallel, for lower latency at no cost to others.

    Args:
        cores: number of cores; None for those this process may run on.

    Attributes:
        count: number of cores.
    """

    def __init__(self, cores: int | None = None) -> None:
        self.count = cores = cores or len(os.sched_getaffinity(0))
        self._free = cores
        self._pool = ThreadPoolExecutor(max(1, cores - 1), thread_name_prefix="mien-spare")
        self._lock = Lock()
        self._analyses = 0
        self._crowded = -_CALM_SECONDS

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Count the calling thread's core as in use; if all are in use, it shares one."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
            self._analyses += 1
            if self._analyses > 1:
                self._crowded = monotonic()
        try:
            yield
        finally:
            with self._lock:
                if self._analyses > 1:
                    self._crowded = monotonic()
                self._analyses -= 1
                self._free += taken

    def _take(self) -> bool:
        """Acquire a core, if one is idle."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
        return taken

    def _give_back(self) -> None:
        with self._lock:
            self._free += 1

    @contextmanager
    def second(self) -> Iterator[bool]:
        """Acquire a second core for the calling thread, if this has been the only analysis for a while.

        Yields:
            Whether there is one; it is released at the end of the block.
        """
        taken = self.count > 1 and monotonic() - self._crowded >= _CALM_SECONDS and self._take()
        try:
            yield taken
        finally:
            if taken:
                self._give_back()

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Run all calls and return their results in order.

        The calling thread runs them one after the other, helped by one thread for each idle core.

        Raises:
            Exception: the exception of the first failed call in order, after all started calls have ended.
        """
        helpers = 0
        while helpers < len(calls) - 1 and self._take():
            helpers += 1
        if not helpers:
            return [call() for call in calls]
        numbers, lock = count(), Lock()
        results: dict[int, T] = {}
        errors: dict[int, BaseException] = {}

        def work() -> None:
            while True:
                with lock:
                    number = next(numbers)
                if number >= len(calls) or errors:
                    return
                try:
                    results[number] = calls[number]()
                except BaseException as error:  # re-raised in the calling thread
                    errors[number] = error

        def help_out() -> None:
            try:
                work()
            finally:
                self._give_back()

        helping = [self._pool.submit(help_out) for _ in range(helpers)]
        work()
        for helper in helping:
            if helper.cancel():  # not started, as all threads of the pool are busy: no work is left for it
                self._give_back()
            else:
                helper.result()
        if errors:
            raise errors[min(errors)]
        return [results[number] for number in range(len(calls))]
