"""Spreading the parts of one image's work over the cores that nothing else is using."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Lock, Semaphore
from typing import TypeVar

T = TypeVar("T")


class SpareCores:
    """Keeps count of the cores that analyses occupy, so that a lone image may use several and many use one each.

    A worker a core is the best throughput; but when only one image is being analysed, its faces (and the networks of
    one face) can be computed side by side, for a shorter answer at no cost to others.

    Args:
        cores: how many there are; those this process may run on when None.
    """

    def __init__(self, cores: int | None = None) -> None:
        cores = cores or len(os.sched_getaffinity(0))
        self._free = Semaphore(cores)
        self._pool = ThreadPoolExecutor(max(1, cores - 1), thread_name_prefix="mien-spare")

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Count the calling thread's core as taken; where all are taken already, it shares one."""
        taken = self._free.acquire(blocking=False)
        try:
            yield
        finally:
            if taken:
                self._free.release()

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make all calls and return their results in order.

        The calling thread makes them one after the other, helped by as many others as there are free cores now.

        Raises:
            Exception: what a call raises; the first by order, after all that were begun have ended.
        """
        helpers = 0
        while helpers < len(calls) - 1 and self._free.acquire(blocking=False):
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
                self._free.release()

        helping = [self._pool.submit(help_out) for _ in range(helpers)]
        work()
        for helper in helping:
            helper.result()
        if errors:
            raise errors[min(errors)]
        return [results[number] for number in range(len(calls))]
