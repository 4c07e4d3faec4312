"""Space that is reserved for deletions: SQLite writes them to its log first, which a full disk prevents.

The data folder contains a file of a few megabytes. If a deletion meets a full disk, the file is deleted and the
deletion is repeated. Until there is space for the file again, all other writes are refused, so that they do not use the
space. On PostgreSQL this is not done.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final, TypeVar

import structlog

from mien.storage.faults import StorageFault, fault_of

T = TypeVar("T")

_LOOK_SECONDS: Final = 1.0
_ROOM: Final = 2
"""The reserve is created again when this many times its size is free."""

_deleting: ContextVar[bool] = ContextVar("deleting", default=False)
_log = structlog.get_logger(__name__)


class Reserve:
    """The file that reserves space.

    Args:
        file: created when there is space for it.
        size: bytes.
    """

    def __init__(self, file: Path, size: int) -> None:
        self._file = file
        self._size = size
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._whole = False

    def check(self) -> None:
        """Ensure that the reserve exists, unless this is a deletion.

        Raises:
            OSError: the disk is full (ENOSPC), and the rest is reserved for deletions.
        """
        if self._whole or _deleting.get():
            return
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                self._whole = self._make()
            if not self._whole:
                raise OSError(errno.ENOSPC, "the disk is full; what is left is kept for deletions", str(self._file))

    def release(self) -> None:
        """Free the space for deletions."""
        with self._lock:
            was = self._file.exists()
            self._file.unlink(missing_ok=True)
            self._whole = False
            self._looked = time.monotonic()
        if was:
            _log.error("the disk is full: the reserve is used for deletions", file=str(self._file), bytes=self._size)

    def _make(self) -> bool:
        """Create the file if it is missing; return whether it exists."""
        if self._file.exists() and self._file.stat().st_size == self._size:
            return True
        if shutil.disk_usage(self._file.parent).free < _ROOM * self._size:
            return False
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:
            self._file.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True


@contextmanager
def deleting() -> Iterator[None]:
    """Mark everything in a block, and in the worker threads that it waits for, as a deletion."""
    token = _deleting.set(True)
    try:
        yield
    finally:
        _deleting.reset(token)


def delete_even_if_full(delete: Callable[[], T], make_room: Callable[[], bool]) -> T:
    """Run a deletion; repeat it if the disk was full and `make_room` (`Database.make_room`) has freed space."""
    with deleting():
        try:
            return delete()
        except Exception as error:
            if fault_of(error) is not StorageFault.FULL or not make_room():
                raise
            return delete()
