"""Noticing that another process has changed something, so cheaply that every request can ask."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, Final

from sqlalchemy.exc import OperationalError

from mien.storage.database import Database

_BUSY_SECONDS: Final = 30.0


class Watch:
    """Reads one counter of the database, on a connection of its own that is opened at the first reading.

    On SQLite `PRAGMA data_version` tells within microseconds whether anybody has committed since the last reading;
    only then is the counter read. On PostgreSQL it is one prepared statement, a round trip to the server. Either way
    the value is that of the moment: there is no time during which an old one is believed.

    Args:
        database: where the counter is.
        statement: gives one row of one integer.
    """

    def __init__(self, database: Database, statement: str) -> None:
        self._database = database
        self._statement = statement
        self._lock = threading.Lock()
        self._connection: Any = None
        self._commits = -1
        self._value = 0
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
                return self._of_sqlite()
            try:
                return self._of_postgresql()
            except Exception:  # the connection may have been lost meanwhile: once more on a new one
                self._drop()
                self._connection = self._open()
                return self._of_postgresql()

    def close(self) -> None:
        """Close the connection; the next reading opens another."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._commits = -1

    def _of_sqlite(self) -> int:
        commits: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if commits != self._commits:
            self._value = self._connection.execute(self._statement).fetchone()[0]
            self._commits = commits
        return self._value

    def _of_postgresql(self) -> int:
        value: int = self._connection.execute(self._statement, prepare=True).fetchone()[0]
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
