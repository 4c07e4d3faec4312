"""Claims: work that only one server does at a time, whichever machine it runs on.

A claim is a lease in the database with a token. The lease ends by the database's clock, so that servers with different
clocks agree; its holder renews it three times per lease. The token grows with every change of the holder. A server that
was paused or cut off may still believe that it holds a claim, so all its writes are fenced: the transaction first
compares the token (`Held.fence`) and keeps the row locked until it ends. A takeover therefore happens either after the
transaction, or before it, and then the transaction fails. Correctness needs no clock: leases only define when a claim
may be taken over, tokens define who may write.

Example:
    ```
    with claims.hold("train/7f…") as held:
        if held is None:
            return  # another thread or server does it
        result = compute(stopping=held.lost.is_set)
        with database.write(resource_id) as session:
            held.fence(session)   # raises ClaimLostError when another server has taken over
            session.execute(move_the_pointer)
    ```
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import BigInteger, Connection, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.functions import GenericFunction

from mien.storage.database import EVERY_RESOURCE, Database
from mien.storage.faults import log_failure
from mien.storage.tables import ClaimRow

LEASE_SECONDS: Final = 10.0
"""How long the claim of a server that died outlives it, unless it ran on the same machine; see `Claims.acquire`."""

_RENEWALS: Final = 3
_AFTER_FAILURE: Final = 0.5
_CLOSING_SECONDS: Final = 5.0
_LOCKED_SECONDS: Final = 2.0
_POSTGRESQL_LOCKED: Final = "55P03"
_KEPT_MILLISECONDS: Final = 7 * 24 * 3600 * 1000
_log = structlog.get_logger(__name__)


class ClaimLostError(Exception):
    """Another server has taken over the claim; nothing that this one did under it may be written."""


class _Now(GenericFunction[int]):
    """The database's clock when the statement runs: milliseconds since 1970."""

    type = BigInteger()
    name = "mien_milliseconds"
    inherit_cache = True


@compiles(_Now, "sqlite")
def _of_sqlite(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ARG001  SQLAlchemy calls it
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(_Now, "postgresql")
def _of_postgresql(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ARG001  SQLAlchemy calls it
    # Not now(): that is when the transaction began, and the statement may have waited for a lock since.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


class Held:
    """A held claim, renewed in the background until it is released or lost; returned by `Claims.acquire`.

    Attributes:
        name: name of the work.
        token: grows with every change of hands.
        lost: set when it was found that another server has the claim; long work should end then.
    """

    def __init__(self, claims: Claims, name: str, token: int, lease: float, since: float) -> None:
        self.name = name
        self.token = token
        self.lost = threading.Event()
        self._claims = claims
        self._lease = lease
        self._until = since + lease

    @property
    def sure(self) -> bool:
        """Whether the lease certainly still runs, by this machine's own elapsed time.

        For effects outside the database, which cannot be fenced (opening a door): after a pause, or while the database
        cannot be reached, this turns false before another server can take over.
        """
        return not self.lost.is_set() and elapsed() < self._until

    def fence(self, session: Session | Connection, *, brief: bool = False) -> None:
        """Make a writing transaction fail if the claim has changed hands, and lock the claim until its end.

        Args:
            session: in the transaction.
            brief: whether the transaction only consists of a few statements. If this process is paused in the middle of
                a brief one, another server waits for its end for `PAUSE_SECONDS` only.

        Raises:
            ClaimLostError: another server has taken it over.
        """
        if brief:
            self._claims.limit_pauses(session)
        query = select(ClaimRow.token).where(ClaimRow.name == self.name).with_for_update(read=True)
        if session.execute(query).scalar() != self.token:
            self.lost.set()
            raise ClaimLostError(f"another server has taken over {self.name}")

    def release(self) -> None:
        """Release the claim: the next server that asks gets it immediately. Does nothing if it was lost."""
        self._claims.release(self)

    @property
    def lease(self) -> float:
        """Seconds for which an acquisition or a renewal lasts."""
        return self._lease

    @property
    def due(self) -> float:
        """When to renew it, by `elapsed`."""
        return self._until - self._lease * (1 - 1 / _RENEWALS)

    def renewed(self, since: float) -> None:
        """Record a renewal; `since` is when it was begun, by `elapsed`."""
        self._until = since + self._lease


class Claims:
    """Acquires claims for this process, and renews them in one background thread while there are any.

    Args:
        database: which all servers share.
        seconds: default length of a lease.
    """

    def __init__(self, database: Database, seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._keeper: threading.Thread | None = None
        self._wake = threading.Event()
        database.on_close(self.close)

    @contextmanager
    def hold(self, name: str, seconds: float | None = None) -> Iterator[Held | None]:
        """Hold a claim for the length of a block; yields None if another thread or server has it.

        Args:
            name: name of the work, such as `training/<collection>`; 120 characters at most.
            seconds: length of this lease, if not the default.
        """
        held = self.acquire(name, seconds)
        try:
            yield held
        finally:
            if held is not None:
                held.release()

    def acquire(self, name: str, seconds: float | None = None) -> Held | None:
        """Acquire a claim and keep it until it is released; None when another thread or server has it.

        A server that has locked a claim for longer than two seconds, in a transaction that it fences, has it too.

        A claim is free if its lease has ended, if it was released, or if its holder was a process of this machine that
        has ended: then nobody needs to wait for the lease.
        """
        lease = seconds or self._seconds
        since = elapsed()
        token = self._take(name, lease)
        if token is None:
            with self._database.read(EVERY_RESOURCE) as session:
                row = session.get(ClaimRow, name)
            if row is None or not has_ended(row.holder):
                return None
            since = elapsed()
            token = self._take(name, lease, of_ended=row.token)
            if token is None:
                return None
        held = Held(self, name, token, lease, since)
        with self._lock:
            if (before := self._held.get(name)) is not None:  # its lease has ended and no renewal has found out yet
                before.lost.set()
            self._held[name] = held
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="mien-claims", daemon=True)
                self._keeper.start()
        self._wake.set()
        return held

    def release(self, held: Held) -> None:
        """See `Held.release`."""
        with self._lock:
            if self._held.get(held.name) is held:
                del self._held[held.name]
        # With another token, so that a renewal in progress does not extend it again.
        statement = update(ClaimRow).where(ClaimRow.name == held.name, ClaimRow.token == held.token)
        try:
            with self._database.write(EVERY_RESOURCE) as session:
                session.execute(statement.values(until=_Now(), token=ClaimRow.token + 1))
        except SQLAlchemyError as error:  # its lease ends anyway
            log_failure(_log, "a claim could not be released and ends with its lease", error, claim=held.name)

    def renew(self) -> None:
        """Renew all held claims; those that another server has taken over are marked as lost."""
        with self._lock:
            some = [self._held[name] for name in sorted(self._held)]
        if not some:
            return
        since = elapsed()
        with self._database.write(EVERY_RESOURCE) as session:
            self._database.limit_pauses(session)
            # One by one, in the order of their names: a fence may keep one of them locked for a while.
            kept = {held.name for held in some if session.scalar(_renewal(held)) is not None}
        for held in some:
            if held.name in kept:
                held.renewed(since)
                continue
            with self._lock:
                mine = self._held.get(held.name) is held
                if mine:
                    del self._held[held.name]
            if mine:  # otherwise it was released in the meantime
                held.lost.set()
                _log.warning("another server has taken over", claim=held.name)

    def holders(self, prefix: str = "") -> dict[str, str]:
        """Return the holders of the claims whose names start with a prefix: name to `host:pid`."""
        query = select(ClaimRow.name, ClaimRow.holder)
        query = query.where(ClaimRow.name.startswith(prefix, autoescape=True), ClaimRow.until > _Now())
        with self._database.read(EVERY_RESOURCE) as session:
            return {name: holder.partition(" ")[0] for name, holder in session.execute(query)}

    def purge(self) -> int:
        """Delete the rows of claims that nobody has held for a week; return their number."""
        old = delete(ClaimRow).where(ClaimRow.until < _Now() - _KEPT_MILLISECONDS).returning(ClaimRow.name)
        with self._database.write(EVERY_RESOURCE) as session:
            return len(session.execute(old).all())

    def _take(self, name: str, lease: float, of_ended: int | None = None) -> int | None:
        """Acquire a claim if it is free, or still held by the ended process; return its new token."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        now, milliseconds = _Now(), round(lease * 1000)
        # A lease that ends later than it could is of before the database's clock was set back.
        free = or_(ClaimRow.until <= now, ClaimRow.until > now + ClaimRow.lease)
        if of_ended is not None:
            free = or_(free, ClaimRow.token == of_ended)
        # A first token is the time instead of 1, so that it is higher than those of a purged row.
        following = case((ClaimRow.token >= now, ClaimRow.token + 1), else_=now)
        values = {"holder": identity(os.getpid()), "until": now + milliseconds, "lease": milliseconds}
        statement = (
            insert(ClaimRow)
            .values(name=name, token=now, **values)
            .on_conflict_do_update(index_elements=[ClaimRow.name], set_={"token": following, **values}, where=free)
            .returning(ClaimRow.token)
        )
        try:
            with self._database.write(EVERY_RESOURCE) as session:
                self._database.limit_pauses(session, wait=_LOCKED_SECONDS)
                return session.scalar(statement)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == _POSTGRESQL_LOCKED:
                return None  # somebody works under it
            raise

    def limit_pauses(self, session: Session | Connection) -> None:
        """See `Database.limit_pauses`."""
        self._database.limit_pauses(session)

    def close(self) -> None:
        """Release all claims and end the thread; called when the database is closed."""
        with self._lock:
            held, keeper = list(self._held.values()), self._keeper
        for one in held:
            one.release()
        self._wake.set()
        if keeper is not None:
            keeper.join(_CLOSING_SECONDS)

    def _keep(self) -> None:
        """Renew until no claim is held."""
        failed = False
        while True:
            self._wake.clear()
            with self._lock:
                if not self._held:
                    self._keeper = None
                    return
                pause = min(held.due for held in self._held.values()) - elapsed()
            if self._wake.wait(max(pause, _AFTER_FAILURE if failed else 0.0)):
                continue  # something was acquired or released
            try:
                self.renew()
                failed = False
            except Exception as error:  # tried again; `Held.sure` becomes false if it takes too long
                failed = True
                log_failure(_log, "claims could not be renewed", error)


def _renewal(held: Held) -> ReturningUpdate[tuple[int]]:
    mine = update(ClaimRow).where(ClaimRow.name == held.name, ClaimRow.token == held.token)
    return mine.values(until=_Now() + round(held.lease * 1000)).returning(ClaimRow.token)


def elapsed() -> float:
    """Return the seconds of a clock that cannot be set and that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@cache
def identity(pid: int) -> str:
    """Return a unique identity of this process: `host:pid boot/namespace/start`; the last part only on Linux."""
    return f"{socket.gethostname()[:64]}:{pid} {_machine()}/{_started(pid)}"


def has_ended(holder: str) -> bool:
    """Whether the holder of a claim was a process of this machine (or container) and has ended."""
    name, _, detail = holder.partition(" ")
    machine, _, started = detail.rpartition("/")
    pid = name.rpartition(":")[2]
    if not started or not pid.isdecimal() or machine != _machine():
        return False
    return _started(int(pid)) != started


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process was started, in ticks since the boot; "" when there is none, or it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in {"Z", "X"} else fields[18]
