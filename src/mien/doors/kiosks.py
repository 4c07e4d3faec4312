"""Kiosks: pages for a tablet at the reception, opened by a key each, and the acceptances of their consent notices."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.checks import between, check_name
from mien.doors.codec import dump, load
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.existing import check_doors, check_places
from mien.doors.naming import find_named
from mien.doors.rules import AHEAD
from mien.doors.types import check_place
from mien.events import AuditLog
from mien.messages import Message
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import DoorAcceptanceRow, DoorKioskRow

ACCEPTANCE: Final = timedelta(minutes=10)
"""How long an acceptance of the notice allows check-ins; then the notice is shown again."""
ACCEPTANCE_DAYS: Final = 365
"""Days for which acceptances are kept by default, and those of deleted kiosks."""
_LONGEST_NOTICE: Final = 4000
_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskSpec:
    """A kiosk's configuration.

    Attributes:
        group: the group in which people are searched: `personGroup/ID`, `largePersonGroup/ID`, `dynamicGroup/ID` or
            `directory`.
        notice: the operator's consent notice, shown before the camera is switched on.
        greeting: text for a recognised person; `{name}` is replaced. The default text when empty.
        reception: text for everybody else. The default text when empty.
        liveness: whether a liveness session must find a live face.
        door: the door whose rules decide on a recognised person; None for a kiosk that only greets.
        acceptance_days: days for which acceptances of the notice are kept.
        enabled: whether its page works; the key of a kiosk that is switched off opens nothing.
    """

    group: str
    notice: str
    greeting: str = ""
    reception: str = ""
    liveness: bool = True
    door: UUID | None = None
    acceptance_days: int = ACCEPTANCE_DAYS
    enabled: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        check_place(self.group)
        if not 1 <= len(self.notice.strip()) <= _LONGEST_NOTICE:
            raise InvalidDoorError("a kiosk needs a consent notice of at most {most} characters", most=_LONGEST_NOTICE)
        if len(self.greeting) > _LONGEST_TEXT or len(self.reception) > _LONGEST_TEXT:
            raise InvalidDoorError("the texts of a kiosk have at most {most} characters", most=_LONGEST_TEXT)
        between("acceptanceDays", self.acceptance_days, 1, 3650)
        if self.door is not None and not self.liveness:
            raise InvalidDoorError("a kiosk with a door needs liveness: a photo would open it")

    @property
    def version(self) -> str:
        """The version of the notice: the SHA-256 of its text, in hexadecimal digits."""
        return hashlib.sha256(self.notice.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """A kiosk; its key is not shown.

    Attributes:
        kiosk_id: identifies it.
        resource_id: id of the resource that owns it.
        name: no other kiosk of the resource has it.
        spec: the rest of its configuration.
        created_at: when it was created.
    """

    kiosk_id: UUID
    resource_id: UUID
    name: str
    spec: KioskSpec
    created_at: datetime


class Kiosks:
    """The kiosks on a database. Every change is audited, without keys.

    Args:
        database: the database.
        vault: computes the keyed hashes of keys.
        clock: the clock.
        audit: the audit log; records every change.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit = audit

    def create(self, resource_id: UUID, name: str, spec: KioskSpec, *, actor: str) -> tuple[Kiosk, str]:
        """Add a kiosk.

        Returns:
            The kiosk and its key, of which only a keyed hash is stored; the key cannot be shown again.

        Raises:
            InvalidDoorError: the name is not valid, or the door or the group does not exist.
            NameInUseError: another kiosk has it.
        """
        name, key = check_name("name", name), secrets.token_urlsafe(32)
        row = DoorKioskRow(
            resource_id=resource_id,
            kiosk_id=uuid4(),
            name=name,
            digest=self._digest(key),
            spec=dump(spec),
            created_at=self._clock.now(),
        )
        try:
            with self._database.write(resource_id) as session:
                _check(session, spec)
                session.add(row)
                session.flush()
                self._record(session, "door.kiosk.create", resource_id, actor, kiosk=name, group=spec.group)
        except IntegrityError:
            raise NameInUseError("there is a kiosk {name!r} already", name=name) from None
        return _kiosk(row), key

    def of(self, resource_id: UUID) -> list[Kiosk]:
        """Return the kiosks of a resource by name."""
        with self._database.read(resource_id) as session:
            return [_kiosk(row) for row in session.scalars(select(DoorKioskRow).order_by(DoorKioskRow.name))]

    def named(self, resource_id: UUID, name: str) -> Kiosk:
        """Return a kiosk by its name or its id.

        Raises:
            NotConfiguredError: there is none.
        """
        return find_named(Message("kiosk"), name, self.of(resource_id), lambda kiosk: kiosk.kiosk_id)

    def change(
        self,
        resource_id: UUID,
        kiosk_id: UUID,
        *,
        actor: str,
        name: str | None = None,
        spec: KioskSpec | None = None,
    ) -> Kiosk:
        """Change a kiosk; None leaves a setting unchanged, and the key stays. A new notice must be accepted again.

        Raises:
            InvalidDoorError: the name is not valid, or the door or a new group does not exist.
            NameInUseError: another kiosk has it.
            NotConfiguredError: there is no such kiosk.
        """
        name = None if name is None else check_name("name", name)
        try:
            with self._database.write(resource_id) as session:
                row = _find(session, kiosk_id)
                before = load(KioskSpec, row.spec)
                after = before if spec is None else spec
                _check(session, after, before)
                row.name = row.name if name is None else name
                row.spec = dump(after)
                session.flush()
                changed = [one for one in KioskSpec.__slots__ if getattr(before, one) != getattr(after, one)]
                about = {"kiosk": row.name, "changed": ", ".join(changed)[:200]}
                self._record(session, "door.kiosk.change", resource_id, actor, **about)
        except IntegrityError:
            raise NameInUseError("there is a kiosk {name!r} already", name=name) from None
        return _kiosk(row)

    def renew_key(self, resource_id: UUID, kiosk_id: UUID, *, actor: str) -> tuple[Kiosk, str]:
        """Replace the key of a kiosk; the old key stops working.

        Returns:
            The kiosk and its new key, which cannot be shown again.

        Raises:
            NotConfiguredError: there is no such kiosk.
        """
        key = secrets.token_urlsafe(32)
        digest = self._digest(key)
        with self._database.write(resource_id) as session:
            row = _find(session, kiosk_id)
            row.digest = digest
            self._record(session, "door.kiosk.key", resource_id, actor, kiosk=row.name)
        return _kiosk(row), key

    def purge(self) -> int:
        """Delete expired acceptances, and return their number; for the retention job."""
        now, done = self._clock.now(), 0
        with self._database.read(EVERY_RESOURCE) as session:
            rows = session.execute(select(DoorKioskRow.resource_id, DoorKioskRow.kiosk_id, DoorKioskRow.spec)).all()
            owners = set(session.scalars(select(DoorAcceptanceRow.resource_id).distinct()))
        for owner in owners:
            days = {kiosk: load(KioskSpec, spec).acceptance_days for whose, kiosk, spec in rows if whose == owner}
            with self._database.write(owner) as session:
                for kiosk, kept in days.items():
                    own = delete(DoorAcceptanceRow).where(DoorAcceptanceRow.kiosk_id == kiosk)
                    done += _count(session.execute(own.where(DoorAcceptanceRow.at < now - timedelta(days=kept))))
                rest = delete(DoorAcceptanceRow).where(DoorAcceptanceRow.kiosk_id.not_in(list(days)))
                old = DoorAcceptanceRow.at < now - timedelta(days=ACCEPTANCE_DAYS)
                done += _count(session.execute(rest.where(old)))
        return done

    def delete(self, resource_id: UUID, kiosk_id: UUID, *, actor: str) -> None:
        """Delete a kiosk: its key stops working. Its events stay, and its acceptances for a year.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.write(resource_id) as session:
            row = _find(session, kiosk_id)
            self._record(session, "door.kiosk.delete", resource_id, actor, kiosk=row.name)
            session.delete(row)

    def opened_by(self, key: str) -> Kiosk:
        """Return the kiosk of a key.

        Raises:
            NotConfiguredError: there is none, or it is switched off.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.scalar(select(DoorKioskRow).where(DoorKioskRow.digest == self._digest(key)))
        kiosk = None if row is None else _kiosk(row)
        if kiosk is None or not kiosk.spec.enabled:
            raise NotConfiguredError("there is no such kiosk")
        return kiosk

    def accept(self, kiosk: Kiosk, version: str, language: str) -> UUID:
        """Record an acceptance of the notice: time, version and language, but no person.

        Raises:
            InvalidDoorError: the version is not that of the present notice.
        """
        if not secrets.compare_digest(version.encode(), kiosk.spec.version.encode()):
            raise InvalidDoorError("the notice has changed; show the new one")
        row = DoorAcceptanceRow(
            resource_id=kiosk.resource_id,
            acceptance_id=uuid4(),
            kiosk_id=kiosk.kiosk_id,
            notice=version,
            language=language[:10],
            at=self._clock.now(),
        )
        with self._database.write(kiosk.resource_id) as session:
            session.add(row)
        return row.acceptance_id

    def is_accepted(self, kiosk: Kiosk, acceptance_id: UUID) -> bool:
        """Return whether an acceptance is of the kiosk's present notice, and recent."""
        now = self._clock.now()
        query = select(DoorAcceptanceRow.at).where(
            DoorAcceptanceRow.acceptance_id == acceptance_id,
            DoorAcceptanceRow.kiosk_id == kiosk.kiosk_id,
            DoorAcceptanceRow.notice == kiosk.spec.version,
            DoorAcceptanceRow.at > now - ACCEPTANCE,
            DoorAcceptanceRow.at <= now + AHEAD,
        )
        with self._database.read(kiosk.resource_id) as session:
            return session.scalar(query) is not None

    def acceptances(self, resource_id: UUID) -> dict[UUID, int]:
        """Return how many acceptances each kiosk has."""
        query = select(DoorAcceptanceRow.kiosk_id, func.count()).group_by(DoorAcceptanceRow.kiosk_id)
        with self._database.read(resource_id) as session:
            return {row.kiosk_id: row[1] for row in session.execute(query)}

    def _digest(self, key: str) -> bytes:
        return self._vault.keyed_hash(f"kiosk {key}")

    def _record(self, session: Session, action: str, resource_id: UUID, actor: str, **details: str) -> None:
        self._audit.record_in(session, actor=actor, action=action, resource_id=resource_id, details=details)


def _find(session: Session, kiosk_id: UUID) -> DoorKioskRow:
    row = session.scalar(select(DoorKioskRow).where(DoorKioskRow.kiosk_id == kiosk_id))
    if row is None:
        raise NotConfiguredError("there is no kiosk {kiosk_id}", kiosk_id=kiosk_id)
    return row


def _check(session: Session, spec: KioskSpec, before: KioskSpec | None = None) -> None:
    """Check that the references of a kiosk exist; its earlier group may be gone."""
    if spec.door is not None:
        check_doors(session, [spec.door])
    check_places(session, [spec.group], [before.group] if before is not None else ())


def _count(result: object) -> int:
    return max(result.rowcount, 0) if isinstance(result, CursorResult) else 0


def _kiosk(row: DoorKioskRow) -> Kiosk:
    return Kiosk(
        kiosk_id=row.kiosk_id,
        resource_id=row.resource_id,
        name=row.name,
        spec=load(KioskSpec, row.spec),
        created_at=row.created_at,
    )
