"""The engine and its sessions: short transactions, and one place where rows are scoped to their resource.

SQLite runs in WAL mode with `synchronous=NORMAL`: a commit survives a killed process (the log has been written to the
kernel); only a power failure or a crash of the kernel may lose the last commits, never the database's integrity. On
PostgreSQL its own settings apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.orm.interfaces import ORMOption

from mien.storage.appender import SqliteAppender
from mien.storage.base import Owned
from mien.storage.reserve import Reserve

_WRITES: Final = "mien_writes"
_SCOPE: Final = "scope"
_BUSY_MILLISECONDS: Final = 30_000
_IDLE_MILLISECONDS: Final = 60_000
PAUSE_SECONDS: Final = 5.0
"""See `Database.limit_pauses`."""
_POSTGRESQL: Final = {
    "client_encoding": "utf8",  # that of a database in SQL_ASCII would be bytes
    "prepare_threshold": 2,
    # Without these a thread waits 15 minutes, the kernel's default, for a server whose network was cut.
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class Everyone(Enum):
    """The scope of work across resources: housekeeping, and identifying the caller."""

    EVERY_RESOURCE = "every resource"


EVERY_RESOURCE: Final = Everyone.EVERY_RESOURCE
Scope = UUID | Everyone


class ScopeError(RuntimeError):
    """A row of another resource was about to be written: a mistake in our code, never a caller's."""


class Database:
    """A database and its sessions.

    Args:
        url: SQLAlchemy URL, of SQLite (a file) or PostgreSQL (psycopg 3).
        pool_size: maximum number of connections; a thread that finds none free waits for one.

    Raises:
        ValueError: the URL names no file, or has an invalid `prepare_threshold`.

    Example:
        ```
        with database.write(resource_id) as session:   # commits at the end, rolls back on an exception
            session.add(row)
        ```
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not self.url.database or self.url.database == ":memory:":
                raise ValueError("the SQLite database must be a file")
            file = Path(self.url.database)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)  # files created next to it get its mode
        arguments: dict[str, Any] = {"timeout": 30.0} if self.is_sqlite else dict(_POSTGRESQL)
        for name in self.url.query:  # the operator's value in the URL takes precedence
            arguments.pop(name, None)
        if "prepare_threshold" in self.url.query:
            arguments["prepare_threshold"] = _prepare_threshold(self.url.query["prepare_threshold"])
        pooled = arguments.get("prepare_threshold", 0) is None  # a pool of transactions takes no options either
        if not self.is_sqlite and "options" not in self.url.query and not pooled:
            # As on SQLite: waiting for another writer's lock fails after a while. And a server that is paused or cut
            # off in a transaction must not keep its locks forever.
            arguments["options"] = (
                f"-c lock_timeout={_BUSY_MILLISECONDS} -c idle_in_transaction_session_timeout={_IDLE_MILLISECONDS}"
            )
        self.engine: Engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30.0,
            pool_pre_ping=not self.is_sqlite,
            hide_parameters=True,  # stored data is biometric: it must not reach a log through an error
            connect_args=arguments,
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite_connection)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(**{_WRITES: True})
        # All statements of a reading session see one state, as they do on SQLite.
        self._reader = (
            self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )
        # SQLite allows one writer and makes the others poll, a millisecond and more at a time; threads of this process
        # queue here instead.
        self._turn: AbstractContextManager[object] = RLock() if self.is_sqlite else nullcontext()
        self.reserve: Reserve | None = None
        self._closers: list[Callable[[], None]] = []

    @contextmanager
    def read(self, scope: Scope) -> Iterator[Session]:
        """Open a read-only session for one resource or for `EVERY_RESOURCE`; it sees one state throughout."""
        with ScopedSession(self._reader, expire_on_commit=False, autoflush=False, info={_SCOPE: scope}) as session:
            yield session

    @contextmanager
    def write(self, scope: Scope) -> Iterator[Session]:
        """Open a session that writes; commits at the end of the block, rolls back when it raises.

        On SQLite the write lock is acquired at the start, so that a transaction that reads first cannot fail when it
        writes.

        Raises:
            OSError: the disk is full, and this is no deletion (`mien.storage.reserve`).
        """
        if self.reserve is not None:
            self.reserve.check()
        with (
            self._turn,
            ScopedSession(self._writer, expire_on_commit=False, info={_SCOPE: scope}) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def writing_connection(self) -> Iterator[Connection]:
        """Open a plain connection in a writing transaction, for migrations and for single hot statements.

        Statements on it are not scoped: they must name the resource themselves.
        """
        with self._turn, self._writer.connect() as connection, connection.begin():
            yield connection

    def appender(self, table: Table) -> Callable[[Sequence[Mapping[str, Any]]], None]:
        """Return an appender that inserts rows, with all columns, into a table, each in its own transaction.

        It is for the rows that a request waits for. As with `writing_connection`, rows name their resource themselves.
        """
        if self.is_sqlite:
            appender = SqliteAppender(self.engine, table, self._turn)
            self.on_close(appender.close)
            return appender.add
        statement = insert(table)

        def add(rows: Sequence[Mapping[str, Any]]) -> None:
            with self.writing_connection() as connection:
                connection.execute(statement, rows)

        return add

    def keep_reserve(self, size: int) -> None:
        """Keep space on the disk for deletions; only SQLite's disk is ours.

        Args:
            size: bytes; none when 0.
        """
        if self.is_sqlite and size and self.url.database:
            self.reserve = Reserve(Path(self.url.database).with_name("reserve"), size)

    def make_room(self) -> bool:
        """Free space for a deletion on a full disk (reserve, log); return whether that may help."""
        if self.reserve is None:
            return False
        self.reserve.release()
        self.empty_log()
        return True

    def lock(self, connection: Connection | Session, name: str) -> None:
        """Wait for a named lock that other processes take too; it is released with the writing transaction.

        On SQLite a writing transaction is always alone.
        """
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"mien {name}"})

    def limit_pauses(self, connection: Connection | Session, *, wait: float | None = None) -> None:
        """Limit how long a writing transaction keeps its locks while this process is paused, and how long it waits.

        For short transactions that a takeover waits for: PostgreSQL ends them after `PAUSE_SECONDS` between two of
        their statements, instead of after a minute. On SQLite, whose lock a paused process keeps, this does nothing.

        Args:
            connection: a connection or session in the transaction.
            wait: how many seconds its later statements wait for a lock; None for as long as elsewhere.
        """
        if not self.is_sqlite:
            limits = {"idle_in_transaction_session_timeout": PAUSE_SECONDS}
            if wait is not None:
                limits["lock_timeout"] = wait
            for name, seconds in limits.items():
                connection.execute(
                    text("SELECT set_config(:name, :value, true)"), {"name": name, "value": str(round(seconds * 1000))}
                )

    def answers(self) -> bool:
        """Return whether the database responds; blocks until it does, or is found not to."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def empty_log(self) -> None:
        """Fold SQLite's write-ahead log into the database, so that deleted rows are in neither (elsewhere nothing)."""
        if self.is_sqlite:
            with self.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                connection.rollback()
                # It waits for readers and blocks writers: not for long, the next purge tries again.
                raw.execute("PRAGMA busy_timeout=200").close()
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                raw.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}").close()

    def on_close(self, close: Callable[[], None]) -> None:
        """Register `close` to be called when the database is closed, by an owner of a separate connection."""
        self._closers.append(close)

    def close(self) -> None:
        """Close all connections."""
        for close in self._closers:
            close()
        self.engine.dispose()


def _prepare_threshold(given: object) -> int | None:
    """Return how often a statement is sent before it is prepared; None, for never: a pool of transactions needs that.

    Raises:
        ValueError: it is neither a whole number nor `none`.
    """
    if str(given).lower() == "none":
        return None
    if str(given).isdecimal():
        return int(str(given))
    raise ValueError("prepare_threshold of the database's URL must be a whole number or none")


class ScopedSession(Session):
    """A session that adds `resource_id = …` to every statement on an owned table."""

    @property
    def scope(self) -> Scope:
        """The resource that this session works for, or `EVERY_RESOURCE`."""
        scope: Scope = self.info[_SCOPE]
        return scope


@event.listens_for(ScopedSession, "do_orm_execute")
def _scope_statement(state: ORMExecuteState) -> None:
    scope = state.session.info[_SCOPE]
    if scope is EVERY_RESOURCE or state.is_column_load or state.is_relationship_load:
        return
    if state.is_insert:
        given = state.parameters or {}
        rows: Sequence[Mapping[str, Any]] = [given] if isinstance(given, Mapping) else given
        for row in rows:  # rows are passed as parameters, not in the statement, so that their owner is visible
            _check_owner(row.get("resource_id"), scope)
        return
    state.statement = state.statement.options(_only_of(scope))


@lru_cache(maxsize=1024)
def _only_of(scope: Scope) -> ORMOption:
    """Return the option that limits a statement to a resource; to build it takes a tenth of a short query's time."""
    return with_loader_criteria(Owned, lambda owned: owned.resource_id == scope, include_aliases=True)


@event.listens_for(ScopedSession, "before_flush")
def _scope_flush(session: Session, _context: UOWTransaction, _instances: object) -> None:
    scope = session.info[_SCOPE]
    if scope is EVERY_RESOURCE:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Owned):
            _check_owner(row.resource_id, scope)


def _check_owner(owner: object, scope: Scope) -> None:
    if owner != scope:
        raise ScopeError("a session of one resource was given a row of another")


def _prepare_sqlite_connection(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions itself: `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
