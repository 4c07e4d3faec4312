"""Visitors, badges, and the people inside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.codec import dump, load
from mien.doors.doors import door_of
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.events import Draft, EventKind
from mien.doors.journal import DoorEvents
from mien.doors.people import find_person, persons_of
from mien.doors.reasons import Code
from mien.doors.roster_types import Badge, BadgeNumber, RegisteredVisitor, RosterPerson
from mien.doors.rules import is_inside
from mien.doors.types import MOST_PASSBACK_HOURS, DoorSpec
from mien.events import AuditLog
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import DoorBadgeRow, DoorPresenceRow, DoorRow, DoorVisitorRow


@dataclass(frozen=True, slots=True)
class Inside:
    """A person who was let into an area and has not been let out since.

    Attributes:
        area: the area.
        person: the person.
        since: time when they were let in. Whether they went through the door is not known.
    """

    area: str
    person: RosterPerson
    since: datetime


class Roster:
    """Visitors, badges and presence of all resources. Every change is audited, without names and numbers.

    Args:
        database: the database.
        vault: encrypts badge numbers.
        clock: the clock.
        audit: the audit log; records every change.
        events: records changes of presence.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, audit: AuditLog, events: DoorEvents) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit = audit
        self._events = events

    def add_visitor(
        self,
        resource_id: UUID,
        place: str,
        person_id: UUID,
        *,
        starts_at: datetime,
        ends_at: datetime,
        host: str | None = None,
        actor: str,
    ) -> RegisteredVisitor:
        """Register a person as a visitor for a time.

        Raises:
            NoSuchPersonError: there is no such person.
            InvalidDoorError: the time is empty or over.
        """
        if ends_at <= max(starts_at, self._clock.now()):
            raise InvalidDoorError("a visit ends after it begins, and in the future")
        if host is not None and (len(host) > 200 or not host.isprintable()):
            raise InvalidDoorError("a host has at most 200 printable characters")
        with self._database.write(resource_id) as session:
            known = find_person(session, place, person_id)
            row = DoorVisitorRow(
                resource_id=resource_id,
                visitor_id=uuid4(),
                collection=known.collection,
                person_id=person_id,
                starts_at=starts_at,
                ends_at=ends_at,
                host=host,
                created_by=actor[:200],
            )
            session.add(row)
            session.flush()
            self._record(session, "door.visitor.add", resource_id, actor, visitor=str(row.visitor_id))
        return _visitor(row, known.person)

    def end_visit(self, resource_id: UUID, visitor_id: UUID, *, actor: str) -> None:
        """End a visit.

        Raises:
            NotConfiguredError: there is none.
        """
        statement = delete(DoorVisitorRow).where(DoorVisitorRow.visitor_id == visitor_id)
        with self._database.write(resource_id) as session:
            if session.execute(statement.returning(DoorVisitorRow.visitor_id)).first() is None:
                raise NotConfiguredError("there is no visitor {visitor_id}", visitor_id=visitor_id)
            self._record(session, "door.visitor.end", resource_id, actor, visitor=str(visitor_id))

    def visitors(self, resource_id: UUID) -> list[RegisteredVisitor]:
        """Return the visits that are not over, by their beginning."""
        query = select(DoorVisitorRow).where(DoorVisitorRow.ends_at > self._clock.now())
        with self._database.read(resource_id) as session:
            rows = session.scalars(query.order_by(DoorVisitorRow.starts_at, DoorVisitorRow.visitor_id)).all()
            persons = persons_of(session, [(row.collection, row.person_id) for row in rows])
        return [_visitor(row, persons[row.collection, row.person_id]) for row in rows]

    def add_badge(
        self,
        resource_id: UUID,
        place: str,
        person_id: UUID,
        number: BadgeNumber,
        *,
        duress: bool = False,
        ends_at: datetime | None = None,
        actor: str,
    ) -> Badge:
        """Register a badge of a person.

        Raises:
            NoSuchPersonError: there is no such person.
            NameInUseError: the badge is registered already.
        """
        badge_id, digest = uuid4(), self._digest(resource_id, number)
        sealed = self._vault.seal(dump(number).encode(), resource_id=resource_id, what=_what(badge_id))
        try:
            with self._database.write(resource_id) as session:
                known = find_person(session, place, person_id)
                session.add(
                    DoorBadgeRow(
                        resource_id=resource_id,
                        badge_id=badge_id,
                        digest=digest,
                        sealed=sealed,
                        collection=known.collection,
                        person_id=person_id,
                        duress=duress,
                        ends_at=ends_at,
                        created_at=self._clock.now(),
                    )
                )
                session.flush()
                self._record(session, "door.badge.add", resource_id, actor, badge=str(badge_id), duress=duress)
        except IntegrityError:
            raise NameInUseError("the badge is registered already") from None
        return Badge(badge_id=badge_id, person=known.person, duress=duress, ends_at=ends_at)

    def delete_badge(self, resource_id: UUID, badge_id: UUID, *, actor: str) -> None:
        """Delete a badge.

        Raises:
            NotConfiguredError: there is none.
        """
        statement = delete(DoorBadgeRow).where(DoorBadgeRow.badge_id == badge_id).returning(DoorBadgeRow.badge_id)
        with self._database.write(resource_id) as session:
            if session.execute(statement).first() is None:
                raise NotConfiguredError("there is no badge {badge_id}", badge_id=badge_id)
            self._record(session, "door.badge.delete", resource_id, actor, badge=str(badge_id))

    def badges(self, resource_id: UUID) -> list[Badge]:
        """Return the badges of a resource, without their numbers."""
        with self._database.read(resource_id) as session:
            rows = session.scalars(select(DoorBadgeRow).order_by(DoorBadgeRow.created_at)).all()
            persons = persons_of(session, [(row.collection, row.person_id) for row in rows])
        return [
            Badge(
                badge_id=row.badge_id,
                person=persons[row.collection, row.person_id],
                duress=row.duress,
                ends_at=row.ends_at,
            )
            for row in rows
        ]

    def find_badge(self, session: Session, resource_id: UUID, number: BadgeNumber) -> DoorBadgeRow | None:
        """Return the badge of a number if it counts at the moment."""
        row = session.scalar(select(DoorBadgeRow).where(DoorBadgeRow.digest == self._digest(resource_id, number)))
        return None if row is None or (row.ends_at is not None and row.ends_at <= self._clock.now()) else row

    def number_of(
        self, resource_id: UUID, collection: UUID, person_id: UUID, badge_id: UUID | None
    ) -> BadgeNumber | None:
        """Return the number that a panel is told for a person; never show or log it.

        Args:
            resource_id: id of the resource.
            collection: the person's.
            person_id: id of the person.
            badge_id: the badge that was presented; the person's newest one that is no duress badge when None.
        """
        now = self._clock.now()
        query = select(DoorBadgeRow).where(
            DoorBadgeRow.collection == collection,
            DoorBadgeRow.person_id == person_id,
            DoorBadgeRow.ends_at.is_(None) | (DoorBadgeRow.ends_at > now),
        )
        if badge_id is not None:
            query = query.where(DoorBadgeRow.badge_id == badge_id)
        else:
            query = query.where(DoorBadgeRow.duress.is_(False))
        with self._database.read(resource_id) as session:
            row = session.scalar(query.order_by(DoorBadgeRow.created_at.desc()).limit(1))
        if row is None:
            return None
        return load(BadgeNumber, self._vault.open(row.sealed, resource_id=resource_id, what=_what(row.badge_id)))

    def inside(self, resource_id: UUID, area: str | None = None) -> list[Inside]:
        """Return who is inside, of one area or all, by area and time.

        People count as outside after the time for which presence lasts at the area's doors; at doors that differ, the
        longest.
        """
        query, now = select(DoorPresenceRow).order_by(DoorPresenceRow.area, DoorPresenceRow.since), self._clock.now()
        if area is not None:
            query = query.where(DoorPresenceRow.area == area)
        with self._database.read(resource_id) as session:
            hours = _hours(session)
            rows = [
                row
                for row in session.scalars(query)
                if is_inside(row.since, now, hours.get(row.area, DoorSpec().passback_hours))
            ]
            persons = persons_of(session, [(row.collection, row.person_id) for row in rows])
        return [Inside(row.area, persons[row.collection, row.person_id], row.since) for row in rows]

    def take_out(self, resource_id: UUID, area: str, place: str, person_id: UUID, *, actor: str) -> None:
        """Record that a person is not inside an area, for example after a fire drill or a mistake.

        Raises:
            NoSuchPersonError: there is no such person.
            NotConfiguredError: the person is not inside.
        """
        with self._database.write(resource_id) as session:
            known = find_person(session, place, person_id)
            if not leave(session, area, (known.collection, person_id)):
                raise NotConfiguredError("the person is not inside")
            draft = Draft(
                kind=EventKind.PRESENCE,
                code=Code.TAKEN_OUT,
                collection=known.collection,
                person_id=person_id,
                details={"area": area},
            )
            event = self._events.append(session, resource_id, draft)
            self._record(session, "door.presence.remove", resource_id, actor, area=area, event=event.number)

    def empty(self, resource_id: UUID, area: str, *, actor: str) -> int:
        """Record that nobody is inside an area.

        Returns:
            Number of people who were inside.

        Raises:
            NotConfiguredError: no door leads into the area, and nobody is inside.
        """
        statement = delete(DoorPresenceRow).where(DoorPresenceRow.area == area).returning(DoorPresenceRow.person_id)
        with self._database.write(resource_id) as session:
            count = len(session.execute(statement).all())
            if not count and not any(door_of(row, "").area == area for row in session.scalars(select(DoorRow))):
                raise NotConfiguredError("there is no area {area!r}", area=area[:80])
            draft = Draft(kind=EventKind.PRESENCE, code=Code.EMPTIED, details={"area": area, "persons": count})
            self._events.append(session, resource_id, draft)
            self._record(session, "door.presence.empty", resource_id, actor, area=area, persons=count)
        return count

    def purge(self) -> int:
        """Delete visits and presence that are over, and return how many; for the retention worker."""
        now = self._clock.now()
        over = delete(DoorVisitorRow).where(DoorVisitorRow.ends_at <= now)
        gone = delete(DoorPresenceRow).where(DoorPresenceRow.since <= now - timedelta(hours=MOST_PASSBACK_HOURS))
        with self._database.write(EVERY_RESOURCE) as session:
            visits = session.execute(over.returning(DoorVisitorRow.visitor_id)).all()
            return len(visits) + len(session.execute(gone.returning(DoorPresenceRow.person_id)).all())

    def _digest(self, resource_id: UUID, number: BadgeNumber) -> bytes:
        return self._vault.keyed_hash(f"badge {resource_id} {number.text}")

    def _record(
        self, session: Session, action: str, resource_id: UUID, actor: str, **details: str | int | bool
    ) -> None:
        self._audit.record_in(session, actor=actor, action=action, resource_id=resource_id, details=details)


def enter(session: Session, resource_id: UUID, area: str, who: tuple[UUID, UUID], now: datetime) -> None:
    """Record that a person, by collection and id, was let into an area, within a writing session."""
    collection, person_id = who
    session.merge(
        DoorPresenceRow(resource_id=resource_id, area=area, collection=collection, person_id=person_id, since=now)
    )
    session.flush()


def leave(session: Session, area: str, who: tuple[UUID, UUID]) -> bool:
    """Record that a person, by collection and id, was let out of an area, within a writing session.

    Returns:
        False if they were not inside.
    """
    collection, person_id = who
    statement = delete(DoorPresenceRow).where(
        DoorPresenceRow.area == area,
        DoorPresenceRow.collection == collection,
        DoorPresenceRow.person_id == person_id,
    )
    return session.execute(statement.returning(DoorPresenceRow.person_id)).first() is not None


def _visitor(row: DoorVisitorRow, person: RosterPerson) -> RegisteredVisitor:
    return RegisteredVisitor(
        visitor_id=row.visitor_id, person=person, starts_at=row.starts_at, ends_at=row.ends_at, host=row.host
    )


def _hours(session: Session) -> dict[str, float]:
    """Return for how many hours presence lasts, by area; also of doors that this machine cannot read."""
    hours: dict[str, float] = {}
    for name, spec in session.execute(select(DoorRow.name, DoorRow.spec)):
        said = json.loads(spec)
        area = said.get("area") or name
        hours[area] = max(hours.get(area, 0.0), float(said.get("passback_hours", DoorSpec().passback_hours)))
    return hours


def _what(badge_id: UUID) -> str:
    return f"door_badges/{badge_id}"
