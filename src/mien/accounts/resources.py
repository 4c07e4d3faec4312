"""Resources and their two keys: making, changing, deleting for a while or for good, showing and regenerating keys."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from mien.accounts.checks import accepted, check_name, check_quota, check_subdomain
from mien.accounts.errors import NotDeletedError, ResourceNotFoundError, SubdomainFixedError
from mien.accounts.keys import SealedKeys, new_key
from mien.accounts.lookup import ResourceFinder
from mien.accounts.records import bump, grants_of, requests_of, resource_of, terms_text
from mien.accounts.types import (
    AccountRules,
    Acknowledgement,
    KeyPair,
    KeySlot,
    ProvisioningState,
    Resource,
    ResourceChange,
    Sku,
)
from mien.accounts.validation import (
    checked_default_action,
    checked_ip_rules,
    checked_location,
    checked_name,
    checked_origins,
    checked_subdomain,
    checked_tags,
    checked_without_flashes,
    if_given,
)
from mien.clock import Clock
from mien.contract.flashes import AS_SERVER
from mien.events import AuditLog
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AccessRequestRow, CallRow, GaugeRow, KeyRow, ResourceRow

Eraser = Callable[[UUID], object]

SERVICE: Final = "mien"
"""The actor of actions that the service takes automatically."""


class Accounts:
    """The resources of this server. Other processes see a change at their next look-up.

    Args:
        database: the database.
        vault: encrypts keys and makes the keyed hashes that they are looked up by.
        clock: the clock.
        audit: the audit log; the database's own log when None.
        rules: how many there may be, and how long deleted ones are kept.
        erasers: called with the id of a resource that was purged, to delete what is not in the database.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        audit: AuditLog | None = None,
        *,
        rules: AccountRules | None = None,
        erasers: Sequence[Eraser] = (),
    ) -> None:
        self.rules = rules or AccountRules()
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit = audit or AuditLog(database, clock, vault)
        self._erasers = tuple(erasers)
        self._keys = SealedKeys(vault, clock)
        self._finder = ResourceFinder(database, vault, clock)

    # Finding

    def find_by_key(self, key: str) -> Resource | None:
        """Return the resource that a key opens, or None; from memory unless an account was changed since."""
        return self._finder.by_key(key)

    def find_by_subdomain(self, label: str) -> Resource | None:
        """Return the resource that has this custom subdomain, or None; from memory as `find_by_key`."""
        return self._finder.by_subdomain(label)

    def allows_origin(self, origin: str) -> bool:
        """Return whether any resource permits calls of web pages from an origin; from memory as `find_by_key`."""
        return self._finder.allows_origin(origin)

    def get(self, resource_id: UUID) -> Resource | None:
        """Return the resource of an id, or None; from memory as `find_by_key`."""
        return self._finder.by_id(resource_id)

    def named(self, name: str, *, deleted: bool = False) -> Resource | None:
        """Return the resource of that name, in whatever case; with `deleted`, the deleted one."""
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.scalar(select(ResourceRow).where(func.lower(ResourceRow.name) == name.lower()))
            if row is None or (row.deleted_at is not None) != deleted:
                return None
            return self._resource(session, row)

    def resources(self) -> list[Resource]:
        """Return all resources that are not deleted, oldest first."""
        return self._all(deleted=False)

    def deleted(self) -> list[Resource]:
        """Return the deleted resources that can still be restored, oldest first."""
        return self._all(deleted=True)

    def is_free(self, subdomain: str) -> bool:
        """Return whether a custom subdomain is there to be taken.

        Raises:
            InvalidValueError: it is malformed.
        """
        wanted = checked_subdomain(subdomain)
        with self._database.read(EVERY_RESOURCE) as session:
            return session.scalar(select(ResourceRow.id).where(ResourceRow.custom_subdomain == wanted)) is None

    def purge_at(self, resource: Resource) -> datetime | None:
        """Return when a deleted resource is purged automatically; None for one that is not deleted."""
        return None if resource.deleted_at is None else resource.deleted_at + self.rules.keep_deleted

    # Making and changing

    def create(
        self,
        name: str,
        *,
        terms: Acknowledgement | None = None,
        location: str = "local",
        sku: Sku = Sku.STANDARD,
        custom_subdomain: str | None = None,
        tags: Mapping[str, str] | None = None,
        public_network_access: bool = True,
        default_action: str = "Allow",
        ip_rules: Sequence[str] = (),
        local_auth: bool = True,
        request_log: bool = False,
        cors_origins: Sequence[str] = (),
        without_flashes: str = AS_SERVER,
        actor: str = SERVICE,
    ) -> Resource:
        """Create a resource with two new keys.

        Args:
            name: 1 to 64 letters, digits, hyphens, dots and underscores; unique whatever the case.
            terms: who acknowledges the terms and declares that there is no police use.
            location: a region's name.
            sku: its tier.
            custom_subdomain: 2 to 64 letters, digits and inner hyphens; kept in lower case; never changed later.
            tags: at most 50.
            public_network_access: see `Resource`.
            default_action: Allow or Deny.
            ip_rules: addresses and networks.
            local_auth: see `Resource`.
            request_log: see `Resource`.
            cors_origins: see `Resource`.
            without_flashes: see `ResourceChange`.
            actor: name of the actor, for the audit log.

        Raises:
            TermsNotAcceptedError: nobody acknowledged the terms, or not all of them.
            InvalidValueError: a value is malformed.
            NameTakenError, SubdomainTakenError: another resource has it.
            SoftDeletedError: a deleted resource has the name.
            ResourceQuotaError: there are as many of the tier as there may be.
        """
        now = self._clock.now()
        row = ResourceRow(
            id=uuid4(),
            name=checked_name(name),
            location=checked_location(location),
            sku=sku.value,
            custom_subdomain=if_given(custom_subdomain, checked_subdomain),
            created_at=now,
            tags=json.dumps(checked_tags(tags or {})),
            state=ProvisioningState.SUCCEEDED.value,
            public_network_access=public_network_access,
            default_action=checked_default_action(default_action),
            ip_rules=json.dumps(checked_ip_rules(ip_rules)),
            local_auth=local_auth,
            request_log=request_log,
            cors_origins=json.dumps(checked_origins(cors_origins)),
            without_flashes=checked_without_flashes(without_flashes),
            terms=terms_text(accepted(terms, now)),
        )
        keys = [self._keys.row(row.id, slot, new_key()) for slot in (1, 2)]
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            check_name(session, name)
            check_subdomain(session, row)
            check_quota(session, row, self.rules)
            session.add(row)
            session.flush()
            session.add_all(keys)
            resource = self._resource(session, row)
            self._record(session, actor, "resource.create", resource, location=row.location, sku=row.sku)
        return resource

    def update(self, resource_id: UUID, change: ResourceChange, *, actor: str = SERVICE) -> Resource:
        """Change what a resource is set to.

        Raises:
            ResourceNotFoundError: there is none, or it is deleted.
            InvalidValueError: a value is malformed.
            SubdomainFixedError: it has another subdomain already.
            SubdomainTakenError: another resource has the subdomain.
            ResourceQuotaError: there are as many of the new tier as there may be.
        """
        columns: dict[str, str | bool | None] = {
            "sku": if_given(change.sku, lambda sku: sku.value),
            "custom_subdomain": if_given(change.custom_subdomain, checked_subdomain),
            "tags": if_given(change.tags, lambda tags: json.dumps(checked_tags(tags))),
            "public_network_access": change.public_network_access,
            "default_action": if_given(change.default_action, checked_default_action),
            "ip_rules": if_given(change.ip_rules, lambda rules: json.dumps(checked_ip_rules(rules))),
            "local_auth": change.local_auth,
            "request_log": change.request_log,
            "cors_origins": if_given(change.cors_origins, lambda origins: json.dumps(checked_origins(origins))),
            "without_flashes": if_given(change.without_flashes, checked_without_flashes),
        }
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = self._living(session, resource_id)
            changed = {name: new for name, new in columns.items() if new is not None and new != getattr(row, name)}
            if "custom_subdomain" in changed and row.custom_subdomain is not None:
                raise SubdomainFixedError(row.custom_subdomain)
            for name, value in changed.items():
                setattr(row, name, value)
            with session.no_autoflush:
                if "custom_subdomain" in changed:
                    check_subdomain(session, row)
                if "sku" in changed:
                    check_quota(session, row, self.rules)
            session.flush()
            resource = self._resource(session, row)
            if changed:
                shown = {name: value for name, value in changed.items() if name not in {"tags", "ip_rules"}}
                changes = ", ".join(sorted(changed))
                self._record(session, actor, "resource.update", resource, changed=changes, **shown)
        return resource

    # Deleting

    def delete(self, resource_id: UUID, *, actor: str = SERVICE) -> Resource:
        """Delete a resource so that it can be restored: its keys are refused, nothing of it is lost yet.

        Raises:
            ResourceNotFoundError: there is none, or it is deleted already.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = self._living(session, resource_id)
            row.deleted_at = self._clock.now()
            session.flush()
            resource = self._resource(session, row)
            self._record(session, actor, "resource.delete", resource)
        return resource

    def restore(self, resource_id: UUID, *, actor: str = SERVICE) -> Resource:
        """Undo `delete`: keys, settings, approvals and data are as they were.

        Raises:
            ResourceNotFoundError: there is none, or it is being purged.
            NotDeletedError: it is not deleted.
            ResourceQuotaError: there are as many of its tier by now as there may be.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = self._deleted(session, resource_id)
            if row.state == ProvisioningState.DELETING.value:
                raise ResourceNotFoundError(row.name)
            check_quota(session, row, self.rules)
            row.deleted_at = None
            session.flush()
            resource = self._resource(session, row)
            self._record(session, actor, "resource.restore", resource)
        return resource

    def purge(self, resource_id: UUID, *, actor: str = SERVICE) -> None:
        """Delete a deleted resource permanently: every row of it, its data keys, and what the erasers delete.

        What is cut short is finished by `purge_due`.

        Raises:
            ResourceNotFoundError: there is none.
            NotDeletedError: it is not deleted.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = self._deleted(session, resource_id)
            row.state = ProvisioningState.DELETING.value
            resource = self._resource(session, row)
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            for counts in (CallRow, GaugeRow):
                session.execute(delete(counts).where(counts.resource_id == resource_id))
            session.execute(delete(ResourceRow).where(ResourceRow.id == resource_id))  # all that it owns goes with it
            self._record(session, actor, "resource.purge", resource)
        self._vault.forget(resource_id)
        for erase in self._erasers:
            erase(resource_id)
        self._database.empty_log()

    def purge_due(self) -> int:
        """Purge what was deleted long enough ago, and what a purge that was cut short has left.

        Returns:
            How many resources were purged.
        """
        now = self._clock.now()
        due = [
            one
            for one in self.deleted()
            if one.state is ProvisioningState.DELETING or (at := self.purge_at(one)) is None or at <= now
        ]
        for resource in due:
            self.purge(resource.id)
        return len(due)

    # Keys

    def keys(self, resource_id: UUID, *, actor: str = SERVICE) -> KeyPair:
        """Return the two keys of a resource, in clear; the audit log has who asked.

        Raises:
            ResourceNotFoundError: there is no such resource, or it is deleted.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            resource = self._resource(session, self._living(session, resource_id))
            found = session.execute(select(KeyRow.slot, KeyRow.sealed).where(KeyRow.resource_id == resource_id))
            sealed = {row.slot: row.sealed for row in found}
            self._record(session, actor, "key.list", resource)
        return KeyPair(*(self._keys.open(resource_id, slot, sealed[slot]) for slot in (1, 2)))

    def regenerate_key(self, resource_id: UUID, slot: KeySlot, *, actor: str = SERVICE) -> str:
        """Replace one key and return the new one; the old one is refused from then on, by every process.

        Raises:
            ResourceNotFoundError: there is no such resource, or it is deleted.
        """
        key = new_key()
        new = self._keys.row(resource_id, slot, key)
        values = {"lookup": new.lookup, "sealed": new.sealed, "created_at": new.created_at}
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            resource = self._resource(session, self._living(session, resource_id))
            mine = (KeyRow.resource_id == resource_id, KeyRow.slot == slot)
            session.execute(update(KeyRow).where(*mine).values(**values))
            self._record(session, actor, "key.regenerate", resource, slot=slot)
        return key

    # Within a session

    def _all(self, *, deleted: bool) -> list[Resource]:
        now = self._clock.now()
        wanted = ResourceRow.deleted_at.is_not(None) if deleted else ResourceRow.deleted_at.is_(None)
        with self._database.read(EVERY_RESOURCE) as session:
            rows = session.scalars(
                select(ResourceRow).where(wanted).order_by(ResourceRow.created_at, ResourceRow.name)
            ).all()
            requests: defaultdict[UUID, list[AccessRequestRow]] = defaultdict(list)
            for request in session.scalars(select(AccessRequestRow)):
                requests[request.resource_id].append(request)
            return [resource_of(row, grants_of(requests[row.id], now)) for row in rows]

    def _resource(self, session: Session, row: ResourceRow) -> Resource:
        return resource_of(row, grants_of(requests_of(session, row), self._clock.now()))

    def _living(self, session: Session, resource_id: UUID) -> ResourceRow:
        row = session.get(ResourceRow, resource_id)
        if row is None or row.deleted_at is not None:
            raise ResourceNotFoundError(resource_id)
        return row

    def _deleted(self, session: Session, resource_id: UUID) -> ResourceRow:
        row = session.get(ResourceRow, resource_id)
        if row is None:
            raise ResourceNotFoundError(resource_id)
        if row.deleted_at is None:
            raise NotDeletedError(row.name)
        return row

    def _record(
        self, session: Session, actor: str, action: str, resource: Resource, **details: str | bool | int | None
    ) -> None:
        about = {"name": resource.name, **details}
        self._audit.record_in(session, actor=actor, action=action, resource_id=resource.id, details=about)
