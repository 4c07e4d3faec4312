"""Finding the resource of a key, a host name or an id: from memory, yet never what has changed since."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.accounts.records import READ_VERSION, grants_of, requests_of, resource_of
from mien.accounts.types import Resource
from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import KeyRow, ResourceRow
from mien.storage.watch import RowWatch

_REMEMBERED: Final = 10_000
_Question = tuple[str, bytes | str | UUID]


class _Memory:
    """Answers that hold as long as nothing was changed.

    Those that found nothing are kept apart, so that guessing keys cannot push out those of real callers.
    """

    __slots__ = ("found", "missing", "origins", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.found: dict[_Question, tuple[Resource, datetime | None]] = {}
        self.missing: set[_Question] = set()
        self.origins: frozenset[str] | None = None

    def keep(self, question: _Question, resource: Resource | None, until: datetime | None) -> None:
        known: dict[_Question, tuple[Resource, datetime | None]] | set[_Question]
        known = self.missing if resource is None else self.found
        if len(known) >= _REMEMBERED:
            known.clear()
        if resource is None:
            self.missing.add(question)
        else:
            self.found[question] = (resource, until)


class ResourceFinder:
    """Finds resources that are there and not deleted.

    Every look-up first asks whether anybody has changed an account since (`RowWatch`: some microseconds on SQLite, a
    round trip on PostgreSQL); when not, it is answered from memory.

    Args:
        database: the database with the resources.
        vault: makes the keyed hashes of keys; forgets the data keys of resources that another process has purged.
        clock: the clock for expired approvals.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._watch = RowWatch(database, READ_VERSION)
        self._memory = _Memory(-1)

    def by_key(self, key: str) -> Resource | None:
        """Return the resource that a key opens.

        The key itself is neither kept nor compared: its keyed hash is, in constant time.
        """
        lookup = self._vault.keyed_hash(key)

        def find(session: Session) -> ResourceRow | None:
            query = select(KeyRow.lookup, ResourceRow).join(ResourceRow, ResourceRow.id == KeyRow.resource_id)
            found = session.execute(query.where(KeyRow.lookup == lookup)).first()
            return found[1] if found is not None and hmac.compare_digest(found[0], lookup) else None

        return self._answer(("key", lookup), find)

    def by_subdomain(self, label: str) -> Resource | None:
        """Return the resource that has this custom subdomain, in whatever case."""
        wanted = label.lower()
        query = select(ResourceRow).where(ResourceRow.custom_subdomain == wanted)
        return self._answer(("subdomain", wanted), lambda session: session.scalar(query))

    def by_id(self, resource_id: UUID) -> Resource | None:
        """Return the resource of an id."""
        return self._answer(("id", resource_id), lambda session: session.get(ResourceRow, resource_id))

    def allows_origin(self, origin: str) -> bool:
        """Return whether any resource permits calls of web pages from this origin."""
        memory = self._current()
        if memory.origins is None:
            with self._database.read(EVERY_RESOURCE) as session:
                rows = session.scalars(select(ResourceRow.cors_origins).where(ResourceRow.deleted_at.is_(None)))
                memory.origins = frozenset(one for row in rows for one in json.loads(row))
        return "*" in memory.origins or origin.lower() in memory.origins

    def _answer(self, question: _Question, find: Callable[[Session], ResourceRow | None]) -> Resource | None:
        memory = self._current()
        known = memory.found.get(question)
        if known is not None and (known[1] is None or self._clock.now() < known[1]):
            return known[0]
        if known is None and question in memory.missing:
            return None
        with self._database.read(EVERY_RESOURCE) as session:
            row = find(session)
            if row is None or row.deleted_at is not None:
                memory.keep(question, None, None)
                return None
            grants = grants_of(requests_of(session, row), self._clock.now())
        resource = resource_of(row, grants)
        memory.keep(question, resource, grants.until)
        return resource

    def _current(self) -> _Memory:
        version = self._watch.value()
        memory = self._memory
        if memory.version != version:
            # What is read from here on is at least as new as the version.
            memory = self._memory = _Memory(version)
            self._forget_purged()
        return memory

    def _forget_purged(self) -> None:
        if owners := self._vault.owners():
            with self._database.read(EVERY_RESOURCE) as session:
                there = set(session.scalars(select(ResourceRow.id).where(ResourceRow.id.in_(owners))))
            for gone in owners - there:
                self._vault.forget(gone)
