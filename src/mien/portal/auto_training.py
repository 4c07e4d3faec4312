"""Automatic training some seconds after the last edit in the portal, unless a policy disables it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from anyio import to_thread

from mien.gallery.errors import CollectionNotFoundError, TrainingNotFinishedError
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef

QUIET: Final = 3.0
"""Seconds without an edit before a group is trained, so that several edits in a row cause one training."""
PATIENCE: Final = 20.0
"""Seconds that an edit waits for the end of a training."""
_LOOK: Final = 0.2

_T = TypeVar("_T")
_log = structlog.get_logger("mien.portal")


class AutoTraining:
    """Trains groups after edits; one object per server.

    Args:
        quiet: delay in seconds after the last edit of a group.
    """

    def __init__(self, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._due: dict[CollectionRef, asyncio.Task[None]] = {}

    def after_edit(self, gallery: Gallery, ref: CollectionRef, note: Callable[[], None]) -> None:
        """Schedule a training; call it on the event loop.

        Args:
            gallery: the gallery.
            ref: the changed collection.
            note: writes an audit entry about the training; called in a thread.
        """
        if not ref.kind.trained:
            return
        if (earlier := self._due.pop(ref, None)) is not None:
            earlier.cancel()
        task = asyncio.get_running_loop().create_task(self._train_later(gallery, ref, note))
        self._due[ref] = task
        task.add_done_callback(lambda done: self._due.pop(ref, None) if self._due.get(ref) is done else None)

    def is_due(self, ref: CollectionRef) -> bool:
        """Return whether an automatic training of a collection is scheduled."""
        return ref in self._due

    async def _train_later(self, gallery: Gallery, ref: CollectionRef, note: Callable[[], None]) -> None:
        def train() -> bool:
            """Request a training; return False while another runs, which may not include the last edit."""
            try:
                if gallery.policies.get_for(ref).train_after_edits and gallery.stale.of(ref).is_stale:
                    gallery.training.start(ref)
                    note()
            except TrainingNotFinishedError:
                return False
            except CollectionNotFoundError:  # it was deleted
                pass
            return True

        await asyncio.sleep(self._quiet)
        try:
            while not await to_thread.run_sync(train):
                await asyncio.sleep(1.0)
        except Exception:
            _log.exception("a group could not be trained after an edit", collection=ref.collection_id)


def after_training(work: Callable[[], _T]) -> _T:
    """Call a function in a thread, after a running training has ended.

    Raises:
        TrainingNotFinishedError: the training takes too long.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except TrainingNotFinishedError:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOK)
