"""Resources and their two keys: making, finding, showing, regenerating."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from mien.accounts.types import KeyPair, KeySlot, Resource, Sku
from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import KeyRow, ResourceRow

CACHE_SECONDS: Final = 5.0
"""How long another process may go on accepting a key that this one has replaced."""

_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?")
_CACHE_SIZE: Final = 10_000


class AccountError(Exception):
    """A resource cannot be made or found; the message is for whoever runs the service."""


class Accounts:
    """The resources of this server.

    Args:
        database: where they are kept.
        vault: encrypts keys and makes the keyed hashes that they are looked up by.
        clock: stamps what is made.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: dict[bytes, tuple[float, Resource]] = {}

    def create(
        self, name: str, *, location: str = "local", sku: Sku = Sku.STANDARD, custom_subdomain: str | None = None
    ) -> Resource:
        """Make a resource with two fresh keys.

        Args:
            name: 1 to 64 letters, digits and hyphens; neither first nor last a hyphen.
            location: a region's name.
            sku: its tier.
            custom_subdomain: like `name`; kept in lower case.

        Raises:
            AccountError: a name is malformed or taken.
        """
        for label in (name, custom_subdomain or "x", location):
            if not _NAME.fullmatch(label):
                raise AccountError(f"{label!r} is not 1 to 64 letters, digits and inner hyphens")
        now = self._clock.now()
        subdomain = custom_subdomain.lower() if custom_subdomain else None
        resource = Resource(uuid4(), name, location, sku, subdomain, now)
        keys = [self._key_row(resource.id, slot, _new_key()) for slot in (1, 2)]
        try:
            with self._database.write(EVERY_RESOURCE) as session:
                session.add(
                    ResourceRow(
                        id=resource.id,
                        name=name,
                        location=location,
                        sku=sku.value,
                        custom_subdomain=subdomain,
                        created_at=now,
                    )
                )
                session.flush()
                session.add_all(keys)
        except IntegrityError as error:
            raise AccountError(f"there is a resource named {name!r} or with its subdomain already") from error
        return resource

    def resources(self) -> list[Resource]:
        """Return all resources, oldest first."""
        with self._database.read(EVERY_RESOURCE) as session:
            rows = session.scalars(select(ResourceRow).order_by(ResourceRow.created_at, ResourceRow.name))
            return [_resource(row) for row in rows]

    def get(self, name: str) -> Resource | None:
        """Return the resource of that name."""
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.scalar(select(ResourceRow).where(ResourceRow.name == name))
            return None if row is None else _resource(row)

    def delete(self, resource_id: UUID) -> None:
        """Delete a resource with everything that it owns, its data keys included."""
        with self._database.write(EVERY_RESOURCE) as session:
            session.execute(delete(ResourceRow).where(ResourceRow.id == resource_id))
        self._vault.forget(resource_id)
        self._forget_keys()

    def keys(self, resource_id: UUID) -> KeyPair:
        """Return the two keys of a resource, in clear.

        Raises:
            AccountError: there is no such resource.
        """
        with self._database.read(resource_id) as session:
            rows = {row.slot: row.sealed for row in session.scalars(select(KeyRow))}
        if len(rows) != 2:
            raise AccountError("there is no such resource")
        return KeyPair(*(self._open_key(resource_id, slot, rows[slot]) for slot in (1, 2)))

    def regenerate_key(self, resource_id: UUID, slot: KeySlot) -> str:
        """Replace one key and return the new one.

        The old one is refused at once by this process and within `CACHE_SECONDS` by others.

        Raises:
            AccountError: there is no such resource.
        """
        key = _new_key()
        row = self._key_row(resource_id, slot, key)
        with self._database.write(resource_id) as session:
            values = {"lookup": row.lookup, "sealed": row.sealed, "created_at": row.created_at}
            changed = session.execute(update(KeyRow).where(KeyRow.slot == slot).values(**values).returning(KeyRow.slot))
            if changed.first() is None:
                raise AccountError("there is no such resource")
        self._forget_keys()
        return key

    def find_by_key(self, key: str) -> Resource | None:
        """Return the resource that a key belongs to, or None.

        The key itself is neither kept nor compared: its keyed hash is, in constant time. A key that was found is
        remembered for `CACHE_SECONDS`, which makes the next look-ups cost microseconds.
        """
        lookup = self._vault.keyed_hash(key)
        now = time.monotonic()
        hit = self._cache.get(lookup)
        if hit is not None and now < hit[0]:
            return hit[1]
        return self._find_in_database(lookup, now)

    def _find_in_database(self, lookup: bytes, now: float) -> Resource | None:
        cache = self._cache
        with self._database.read(EVERY_RESOURCE) as session:
            found = session.execute(
                select(KeyRow.lookup, ResourceRow)
                .join(ResourceRow, ResourceRow.id == KeyRow.resource_id)
                .where(KeyRow.lookup == lookup)
            ).first()
            if found is None or not hmac.compare_digest(found[0], lookup):
                return None
            resource = _resource(found[1])
        with self._lock:
            if cache is self._cache:  # else a key was replaced while we looked: what we found may be the old one
                if len(cache) >= _CACHE_SIZE:
                    cache.clear()
                cache[lookup] = (now + CACHE_SECONDS, resource)
        return resource

    def _forget_keys(self) -> None:
        with self._lock:
            self._cache = {}

    def _key_row(self, resource_id: UUID, slot: int, key: str) -> KeyRow:
        return KeyRow(
            resource_id=resource_id,
            slot=slot,
            lookup=self._vault.keyed_hash(key),
            # under the service's own data key: the resource may not be there yet
            sealed=self._vault.seal(key.encode("ascii"), resource_id=None, what=_what(resource_id, slot)),
            created_at=self._clock.now(),
        )

    def _open_key(self, resource_id: UUID, slot: int, sealed: bytes) -> str:
        return self._vault.open(sealed, resource_id=None, what=_what(resource_id, slot)).decode("ascii")


def _new_key() -> str:
    return secrets.token_hex(16)


def _what(resource_id: UUID, slot: int) -> str:
    return f"keys/{resource_id}/{slot}"


def _resource(row: ResourceRow) -> Resource:
    return Resource(row.id, row.name, row.location, Sku(row.sku), row.custom_subdomain, row.created_at)
