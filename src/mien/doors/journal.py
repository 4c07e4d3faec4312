"""The events of doors: append with gapless numbers, list, purge, and remove erased persons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, exists, func, select, update
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.errors import EventNotFoundError
from mien.doors.events import EVERYTHING, Draft, Event, Filter, events_of_rows
from mien.doors.types import DoorSpec
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.claims import Held
from mien.storage.tables import DoorAcceptanceRow, DoorEventRow, DoorRow, DoorRuleRow, PersonRow

MOST: Final = 500
_BATCH: Final = 500

Listener = Callable[[Session, Event, UUID], None]
"""Called with the resource in the transaction that writes an event: its writes are committed with the event."""


class DoorEvents:
    """The events of all resources.

    Args:
        database: the database.
        vault: encrypts pictures.
        clock: the clock.
        listeners: write dependent rows in the transaction of an event, such as messages to webhooks.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, listeners: tuple[Listener, ...] = ()) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._listeners = listeners

    def seal_picture(self, resource_id: UUID, draft: Draft) -> tuple[UUID, bytes | None]:
        """Return an id for an event and its encrypted picture; call it before the writing session is opened."""
        event_id = uuid4()
        if draft.picture is None:
            return event_id, None
        return event_id, self._vault.seal(draft.picture, resource_id=resource_id, what=_what(event_id))

    def append(
        self, session: Session, resource_id: UUID, draft: Draft, sealed: tuple[UUID, bytes | None] | None = None
    ) -> Event:
        """Write an event within a writing session on its resource.

        Args:
            session: the session; other writers of the resource's events wait until it ends.
            resource_id: id of the resource.
            draft: the event to write.
            sealed: the result of `seal_picture`; required if there is a picture.
        """
        self.lock(session, resource_id)
        now = self._clock.now()
        event_id, picture = sealed or (uuid4(), None)
        last = session.scalar(select(func.max(DoorEventRow.number)).where(DoorEventRow.resource_id == resource_id))
        row = DoorEventRow(
            resource_id=resource_id,
            number=(last or 0) + 1,
            event_id=event_id,
            at=now,
            kind=draft.kind.value,
            code=draft.code.value,
            granted=draft.granted,
            duress=draft.duress,
            door_id=draft.door_id,
            camera=draft.camera,
            track=draft.track,
            direction=draft.direction,
            rule_id=draft.rule_id,
            collection=draft.collection,
            person_id=draft.person_id,
            details=json.dumps(dict(draft.details), allow_nan=False),
            expires_at=draft.expires_at,
            act=None if draft.act is None else draft.act.value,
            picture=picture,
            picture_until=None if picture is None else now + timedelta(days=draft.picture_days),
        )
        session.add(row)
        session.flush()
        event = events_of_rows(session, [row])[0]
        for listener in self._listeners:
            listener(session, event, resource_id)
        return event

    def lock(self, session: Session, resource_id: UUID) -> None:
        """Wait for other writers of the resource's events, so that numbers follow the order of commits."""
        self._database.limit_pauses(session)
        self._database.lock(session, f"door events {resource_id}")

    def write(self, resource_id: UUID, draft: Draft, *, held: Held | None = None) -> Event:
        """Write an event in its own transaction.

        Args:
            resource_id: id of the resource.
            draft: the event to write.
            held: the claim under which this server writes it; None for none.

        Raises:
            ClaimLostError: another server has taken over.
        """
        sealed = self.seal_picture(resource_id, draft)
        with self._database.write(resource_id) as session:
            if held is not None:
                held.fence(session, brief=True)
            return self.append(session, resource_id, draft, sealed)

    def get(self, resource_id: UUID, number: int) -> Event:
        """Return an event.

        Raises:
            EventNotFoundError: there is none.
        """
        with self._database.read(resource_id) as session:
            return events_of_rows(session, [find_event(session, number)])[0]

    def page(
        self, resource_id: UUID, wanted: Filter = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> list[Event]:
        """Return events, newest first; pass the last one's number as `before` for the next page."""
        query = select(DoorEventRow).where(*_conditions(wanted)).order_by(DoorEventRow.number.desc())
        if before is not None:
            query = query.where(DoorEventRow.number < before)
        with self._database.read(resource_id) as session:
            return events_of_rows(session, list(session.scalars(query.limit(max(1, min(limit, MOST))))))

    def after(self, resource_id: UUID, number: int, wanted: Filter = EVERYTHING, limit: int = _BATCH) -> list[Event]:
        """Return events with a higher number, oldest first."""
        query = select(DoorEventRow).where(DoorEventRow.number > number, *_conditions(wanted))
        with self._database.read(resource_id) as session:
            return events_of_rows(session, list(session.scalars(query.order_by(DoorEventRow.number).limit(limit))))

    def last(self, resource_id: UUID) -> int:
        """Return the number of the newest event; 0 when there is none."""
        with self._database.read(resource_id) as session:
            return session.scalar(select(func.max(DoorEventRow.number))) or 0

    def all(self, resource_id: UUID, wanted: Filter = EVERYTHING) -> Iterator[Event]:
        """Yield all events, oldest first, in short transactions."""
        number = 0
        while events := self.after(resource_id, number, wanted):
            yield from events
            number = events[-1].number

    def picture(self, resource_id: UUID, number: int) -> bytes:
        """Return the best shot of an event as JPEG bytes.

        Raises:
            EventNotFoundError: there is no such event, or it has no picture.
        """
        with self._database.read(resource_id) as session:
            row = find_event(session, number)
        if row.picture is None or row.picture_until is None or row.picture_until <= self._clock.now():
            raise EventNotFoundError("event {number} has no picture", number=number)
        return self._vault.open(row.picture, resource_id=resource_id, what=_what(row.event_id))

    def pictures(self, resource_id: UUID) -> int:
        """Return how many pictures are kept."""
        with self._database.read(resource_id) as session:
            return session.scalar(select(func.count()).where(DoorEventRow.picture.is_not(None))) or 0

    def purge(self) -> int:
        """Delete expired pictures and events, and pictures of persons who are no longer enrolled.

        The newest event of a resource is kept, so that its number is never used again.

        Returns:
            Number of rows that were changed or deleted.
        """
        now, done, rest = self._clock.now(), 0, DoorSpec().event_days
        gone = ~exists().where(
            PersonRow.resource_id == DoorEventRow.resource_id,
            PersonRow.collection == DoorEventRow.collection,
            PersonRow.person_id == DoorEventRow.person_id,
        )
        over = (DoorEventRow.picture_until <= now) | (DoorEventRow.person_id.is_not(None) & gone)
        with self._database.write(EVERY_RESOURCE) as session:
            none = update(DoorEventRow).values(picture=None, picture_until=None)
            done += _count(session.execute(none.where(DoorEventRow.picture.is_not(None), over)))
            doors = session.execute(select(DoorRow.resource_id, DoorRow.door_id, DoorRow.spec)).all()
        # Read as JSON: a door whose time zone this machine lacks must not prevent the deletion of other events.
        days = {(owner, door): json.loads(spec).get("event_days", rest) for owner, door, spec in doors}
        with self._database.read(EVERY_RESOURCE) as session:
            owners = session.execute(
                select(DoorEventRow.resource_id, func.max(DoorEventRow.number)).group_by(DoorEventRow.resource_id)
            ).all()
        for owner, newest in owners:
            done += self._purge_of(
                owner, newest, {door: kept for (whose, door), kept in days.items() if whose == owner}
            )
        return done

    def _purge_of(self, owner: UUID, newest: int, days: Mapping[UUID, int]) -> int:
        now, rest = self._clock.now(), DoorSpec().event_days
        with self._database.write(owner) as session:
            old: list[int] = []
            for door, kept in days.items():
                query = select(DoorEventRow.number).where(DoorEventRow.door_id == door)
                old += session.scalars(query.where(DoorEventRow.at < now - timedelta(days=kept)).limit(5000)).all()
            query = select(DoorEventRow.number).where(DoorEventRow.at < now - timedelta(days=rest))
            others = DoorEventRow.door_id.is_(None) | DoorEventRow.door_id.not_in(list(days))
            old += session.scalars(query.where(others).limit(5000)).all()
            rows = session.scalars(
                select(DoorEventRow).where(DoorEventRow.number.in_(old[:5000]), DoorEventRow.number < newest)
            ).all()
            for row in rows:
                session.delete(row)
            return len(rows)


def forget_person(session: Session, collection: UUID, person_id: UUID) -> int:
    """Remove a person and their pictures from all events, and their id from rules and from the duress persons of doors.

    Args:
        session: a writing session on the resource.
        collection: the person's collection.
        person_id: id of the person.

    Returns:
        Number of events about them.
    """
    theirs = (DoorAcceptanceRow.collection == collection, DoorAcceptanceRow.person_id == person_id)
    session.execute(update(DoorAcceptanceRow).where(*theirs).values(collection=None, person_id=None))
    lists: tuple[tuple[Any, str], ...] = ((DoorRuleRow, "persons"), (DoorRow, "duress"))
    for table, name in lists:
        # Locked: what somebody else changes in them at the moment must not be undone.
        query = select(table).where(table.spec.contains(str(person_id))).with_for_update()
        for row in session.scalars(query):
            row.spec = _without(row.spec, name, person_id)
    statement = update(DoorEventRow).where(DoorEventRow.collection == collection, DoorEventRow.person_id == person_id)
    return _count(
        session.execute(statement.values(collection=None, person_id=None, picture=None, picture_until=None, track=None))
    )


def find_event(session: Session, number: int) -> DoorEventRow:
    """Return the row of an event.

    Raises:
        EventNotFoundError: there is none.
    """
    row = session.scalar(select(DoorEventRow).where(DoorEventRow.number == number))
    if row is None:
        raise EventNotFoundError("there is no event {number}", number=number)
    return row


def _conditions(wanted: Filter) -> list[Any]:
    found: list[Any] = []
    if wanted.kinds:
        found.append(DoorEventRow.kind.in_([kind.value for kind in wanted.kinds]))
    for column, value in (
        (DoorEventRow.door_id, wanted.door_id),
        (DoorEventRow.person_id, wanted.person_id),
        (DoorEventRow.camera, wanted.camera),
        (DoorEventRow.granted, wanted.granted),
        (DoorEventRow.duress, wanted.duress),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.since is not None:
        found.append(DoorEventRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(DoorEventRow.at < wanted.until)
    return found


def _without(spec: str, name: str, person_id: UUID) -> str:
    """Return a stored specification without a person, also one that this machine cannot read (its time zone)."""
    said = json.loads(spec)
    said[name] = [one for one in said.get(name, ()) if one != str(person_id)]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _count(result: object) -> int:
    return max(result.rowcount, 0) if isinstance(result, CursorResult) else 0


def _what(event_id: UUID) -> str:
    return f"door_events/{event_id}"
