"""Spreading the parts of one image's work over the cores that nothing else is using."""

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
"""How long ago two analyses must have been at work at once for one to count as alone: under load there are moments
between two calls in which a core looks free, and is not a moment later."""


class SpareCores:
    """Keeps count of the cores that analyses occupy, so that a lone image may use several and many use one each.

    A worker a core is the best throughput; but when only one image is being analysed, its faces (and the networks of
    one face) can be computed side by side, for a shorter answer at no cost to others.

    Args:
        cores: how many there are; those this process may run on when None.

    Attributes:
        count: how many there are.
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
        """Count the calling thread's core as taken; where all are taken already, it shares one."""
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
        """Acquire a core, if one is free."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
        return taken

    def _give_back(self) -> None:
        with self._lock:
            self._free += 1

    @contextmanager
    def second(self) -> Iterator[bool]:
        """Acquire a second core for the calling thread, if this is the only analysis and has been for a while.

        Yields:
            Whether there is one; it is given back at the end of the block.
        """
        taken = self.count > 1 and monotonic() - self._crowded >= _CALM_SECONDS and self._take()
        try:
            yield taken
        finally:
            if taken:
                self._give_back()

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Run all calls and return their results in order.

        The calling thread makes them one after the other, helped by as many others as there are free cores now.

        Raises:
            Exception: the exception of a call; the first by order, after all calls that were started have ended.
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
                except BaseException as error:  # it is raised again in the calling thread
                    errors[number] = error

        def help_out() -> None:
            try:
                work()
            finally:
                self._give_back()

        helping = [self._pool.submit(help_out) for _ in range(helpers)]
        work()
        for helper in helping:
            if helper.cancel():  # all threads of the pool are busy, this one may be one of them: there is nothing left
                self._give_back()
            else:
                helper.result()
        if errors:
            raise errors[min(errors)]
        return [results[number] for number in range(len(calls))]
