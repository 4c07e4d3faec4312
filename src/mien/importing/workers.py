"""Workers that compute templates on this machine: threads of this process for a few photos, processes for many.

Results come back in any order. If a worker's process ends, because of memory or in native code, only the photo that
caused it is lost.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final, Protocol

from mien.gallery.filed_photos import Recipe
from mien.importing.computing import Computed, PhotoTask, compute
from mien.importing.sources import ImportSourceError
from mien.models import ModelStore
from mien.models.errors import ModelError
from mien.vision.decode import ImageRules
from mien.vision.engine import DETECTOR, FaceEngine
from mien.vision.ports import Engine

_WAITING: Final = 8
"""Photos that wait for each worker, so that it is busy while others are read and stored."""
_BATCH: Final = 4
"""Photos that a process receives at once: a transfer costs this process as much as storing a photo."""
_BATCHES_WAITING: Final = 8
"""Batches that wait for each process."""
_WAITING_BYTES: Final = 256 * 1024 * 1024
_ENDS: Final = 5
"""Number of workers that end one after the other, each at one photo, before the machine is blamed instead of the
photos."""
_ENDED: Final = "The worker's process ended while it read this photo, perhaps for lack of memory."


class Workers(Protocol):
    """Computes templates."""

    @property
    def count(self) -> int:
        """Number of photos computed at the same time."""
        ...

    def run(self, tasks: Iterable[PhotoTask]) -> Iterator[Computed]:
        """Compute tasks, and yield the result of each, in any order; tasks are taken a few ahead.

        Raises:
            SourceError: the workers cannot go on, whatever the photo.
            ModelError: this process cannot use its models.
        """
        ...


@dataclass(slots=True)
class TaskWindow:
    """The tasks in progress: enough to keep the workers busy, and few enough to fit into memory.

    Attributes:
        tasks: all that there are to do.
        most: tasks under way at the same time.
    """

    tasks: Iterator[PhotoTask]
    most: int
    _bytes: int = 0

    def next(self, under_way: int) -> PhotoTask | None:
        """Return the next task if there is room for it, None if there is none or no room."""
        if under_way and (under_way >= self.most or self._bytes >= _WAITING_BYTES):
            return None
        task = next(self.tasks, None)
        if task is not None:
            self._bytes += len(task.image)
        return task

    def batch(self, under_way: int) -> list[PhotoTask]:
        """Return the next tasks for one process; none if there are none or no room."""
        found: list[PhotoTask] = []
        while len(found) < _BATCH and (task := self.next(under_way + len(found))) is not None:
            found.append(task)
        return found

    def done(self, *tasks: PhotoTask) -> None:
        """Record that tasks are no longer in progress."""
        self._bytes -= sum(len(task.image) for task in tasks)


@dataclass(frozen=True, slots=True)
class ThreadWorkers:
    """Threads that share an engine.

    Attributes:
        engine: analyses photos.
        recipe: the recipe of the templates.
        count: how many threads.
    """

    engine: Engine
    recipe: Recipe
    count: int

    def run(self, tasks: Iterable[PhotoTask]) -> Iterator[Computed]:
        """Compute tasks; see `Workers.run`."""
        window, pending = TaskWindow(iter(tasks), self.count * _WAITING), dict[Future[Computed], PhotoTask]()
        with ThreadPoolExecutor(self.count, thread_name_prefix="mien-import") as pool:
            try:
                while True:
                    while (task := window.next(len(pending))) is not None:
                        pending[pool.submit(compute, self.engine, self.recipe, task)] = task
                    if not pending:
                        break
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        window.done(pending.pop(future))
                        yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class ProcessWorkers:
    """Processes with a single-threaded engine each: they share no interpreter lock, and a crash costs one photo.

    Attributes:
        recipe: the recipe of the templates.
        count: how many processes.
        model_dir: folder of the model packs; the user's default store when None.
        rules: which image files are accepted.
    """

    recipe: Recipe
    count: int
    model_dir: Path | None = None
    rules: ImageRules = field(default_factory=ImageRules)

    def run(self, tasks: Iterable[PhotoTask]) -> Iterator[Computed]:
        """Compute tasks; see `Workers.run`."""
        window, ended = TaskWindow(iter(tasks), self.count * _BATCH * _BATCHES_WAITING), 0
        while lost := (yield from self._pool(window)):
            # It is not known which of them ended the process: they are tried one by one.
            for task, found in self._one_by_one(lost):
                ended = 0 if found else ended + 1
                if ended == _ENDS:
                    raise ImportSourceError(
                        f"{_ENDS} processes of workers ended one after the other: is there enough memory?"
                    )
                yield found or Computed(task.number, None, _ENDED)

    def _pool(self, window: TaskWindow) -> Generator[Computed, None, list[PhotoTask]]:
        """Compute the tasks of the window; return the tasks that were in progress when a process ended."""
        pending = dict[Future[list[Computed]], list[PhotoTask]]()
        ended: SimpleQueue[Future[list[Computed]]] = SimpleQueue()
        pool = self._executor(self.count)
        try:
            while _fill(pool, window, pending, ended):
                future = ended.get()
                if isinstance(future.exception(), BrokenProcessPool):
                    lost = [task for batch in pending.values() for task in batch]
                    window.done(*lost)
                    return lost
                window.done(*pending.pop(future))
                yield from future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return []

    def _one_by_one(self, tasks: Sequence[PhotoTask]) -> Iterator[tuple[PhotoTask, Computed | None]]:
        """Compute tasks in one process, and after one that ends it (result None) in another."""
        rest = iter(tasks)
        while (first := next(rest, None)) is not None:
            with self._executor(1) as pool:
                for task in chain([first], rest):
                    try:
                        (found,) = pool.submit(_in_process, [task]).result()
                    except BrokenProcessPool:
                        yield task, None
                        break
                    yield task, found

    def _executor(self, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            count,
            # Spawned, not forked: this process has threads, of the database and of the runtime.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.recipe, self.model_dir, self.rules),
        )


def _fill(
    pool: Executor,
    window: TaskWindow,
    pending: dict[Future[list[Computed]], list[PhotoTask]],
    ended: SimpleQueue[Future[list[Computed]]],
) -> bool:
    """Submit tasks while there is room for them; return whether any is in progress.

    Args:
        pool: computes.
        window: gives the tasks.
        pending: gets each batch under its future.
        ended: gets each future when it has ended.
    """
    while batch := window.batch(sum(map(len, pending.values()))):
        try:
            future = pool.submit(_in_process, batch)
        except BrokenProcessPool as error:  # it broke just now: these tasks are lost too
            future = Future()
            future.set_exception(error)
        pending[future] = batch
        future.add_done_callback(ended.put)
        if future.done() and future.exception():
            break
    return bool(pending)


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def open_engine(recipe: Recipe, store: ModelStore, rules: ImageRules) -> FaceEngine:
    """Return an engine of one core whose networks for a recipe are loaded.

    Raises:
        ModelError: a pack is missing or broken.
    """
    engine = FaceEngine(store, cores=1, rules=rules)
    engine.prepare((DETECTOR, recipe.pack))
    return engine


# In a worker's process

_worker: list[tuple[Recipe, ModelStore, ImageRules]] = []
_engine: list[FaceEngine] = []


def _begin(recipe: Recipe, model_dir: Path | None, rules: ImageRules) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the main process ends the others
    Thread(target=_end_with_parent, daemon=True).start()
    _worker[:] = [(recipe, ModelStore(model_dir), rules)]


def _end_with_parent() -> None:
    """End when the main process is gone: `kill -9` leaves it no time to end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_process(tasks: Sequence[PhotoTask]) -> list[Computed]:
    recipe, store, rules = _worker[0]
    if not _engine:  # loaded here, so that a missing model is an error for the operator, not the end of the process
        try:
            _engine.append(open_engine(recipe, store, rules))
        except ModelError as error:
            raise ImportSourceError(str(error)) from None
    return [compute(_engine[0], recipe, task) for task in tasks]
