"""Telling a database that cannot be reached, or a disk that is full, from a programming error."""

from __future__ import annotations

import errno
import sqlite3
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class StorageFault(StrEnum):
    """A fault outside this program."""

    UNAVAILABLE = "the database does not answer"
    FULL = "the disk is full"
    CLOSED = "the database is read-only, or the server may not write to it"
    KEY = "the master key was replaced: give this server the new one and restart it"


class StorageFaultError(Exception):
    """A fault outside this program that we find ourselves.

    Attributes:
        fault: what it is.
    """

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE_FULL: Final = 13
_SQLITE_OUTAGES: Final = frozenset({5, 6, 10, 14, 15})  # busy, locked, I/O, cannot open, locking protocol
_SQLITE_CLOSED: Final = frozenset({3, 8})  # no permission, read-only
_POSTGRESQL_FULL: Final = "53100"
# A primary that became a standby or was made read-only, and rights that were taken away: the driver sorts these with
# mistakes in statements, and so it does a transaction that waited for its client too long.
_POSTGRESQL_CLOSED: Final = frozenset({"25006", "42501"})
_POSTGRESQL_IDLE: Final = "25P03"
_DRIVERS: Final = frozenset({"OperationalError", "InterfaceError"})


def fault_of(error: BaseException) -> StorageFault | None:
    """Return the fault outside this program; None for any other error.

    Args:
        error: error of SQLAlchemy, of a driver (`mien.storage.watch` asks drivers directly), or of writing a file.
    """
    if isinstance(error, StorageFaultError):
        return error.fault
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, PoolTimeoutError | DisconnectionError):
        return StorageFault.UNAVAILABLE
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state in _POSTGRESQL_CLOSED:
            return StorageFault.CLOSED
        if state == _POSTGRESQL_IDLE:
            return StorageFault.UNAVAILABLE
        if not isinstance(error, OperationalError | InterfaceError) or error.orig is None:
            return None
        error = error.orig
    return _of_driver(error)


def _of_driver(error: BaseException) -> StorageFault | None:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _SQLITE_CLOSED:
            return StorageFault.CLOSED
        outage = StorageFault.UNAVAILABLE if code in _SQLITE_OUTAGES else None
        return StorageFault.FULL if code == _SQLITE_FULL else outage
    if any(kind.__module__.startswith("psycopg") and kind.__name__ in _DRIVERS for kind in type(error).__mro__):
        full = getattr(error, "sqlstate", None) == _POSTGRESQL_FULL
        return StorageFault.FULL if full else StorageFault.UNAVAILABLE
    return StorageFault.FULL if isinstance(error, OSError) and error.errno in _NO_SPACE else None


def brief(error: BaseException) -> str:
    """Return the kind, first line and origin of an error, for one line of a log."""
    lines = str(error).splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else text


def log_failure(log: Any, event: str, error: BaseException, **about: object) -> None:
    """Log a failure of work in the background that is tried again: one line, and no traceback.

    Args:
        log: log of structlog.
        event: name of the failure.
        error: why.
        about: further details.
    """
    fault = fault_of(error)
    if fault is not None:
        log.warning(event, reason=fault.value, **about)
    else:
        log.error(event, reason=brief(error), **about)
