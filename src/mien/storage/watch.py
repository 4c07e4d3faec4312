"""Noticing that another process has changed something, so cheaply that every request can ask."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, Final

from sqlalchemy.exc import OperationalError

from mien.storage.database import Database

_BUSY_SECONDS: Final = 30.0


class RowWatch:
    """Reads one counter of the database, on a connection of its own that is opened at the first reading.

    It is one prepared statement: some microseconds on SQLite, a round trip to the server on PostgreSQL. Either way the
    value is that of the moment: there is no time during which an old one is believed. (`PRAGMA data_version` would say
    first whether anybody has committed since; under load somebody always has, and it costs as much.)

    Args:
        database: the database with the counter.
        statement: gives one row of one integer.
    """

    def __init__(self, database: Database, statement: str) -> None:
        self._database = database
        self._statement = statement
        self._lock = threading.Lock()
        self._connection: Any = None
        database.on_close(self.close)

    def value(self) -> int:
        """Return the counter.

        Raises:
            sqlite3.Error, sqlalchemy.exc.OperationalError, psycopg.Error: the database does not answer.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            if self._database.is_sqlite:
                return self._read()
            try:
                return self._read(prepare=True)
            except Exception:  # the connection may have been lost meanwhile: once more on a new one
                self._drop()
                self._connection = self._open()
                return self._read(prepare=True)

    def close(self) -> None:
        """Close the connection; the next reading opens another."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _read(self, **options: bool) -> int:
        value: int = self._connection.execute(self._statement, **options).fetchone()[0]
        return value

    def _open(self) -> Any:
        if self._database.is_sqlite:
            file = self._database.url.database
            assert file is not None
            return sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        pooled = self._database.engine.raw_connection()
        pooled.detach()  # not one of those that sessions wait for
        connection = pooled.dbapi_connection
        if connection is None:
            raise OperationalError("connect", None, ConnectionError("the pool gave no connection"))
        connection.autocommit = True
        return connection
