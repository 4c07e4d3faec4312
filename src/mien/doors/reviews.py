"""Corrections of events by operators: confirm, not this person, or another person."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.errors import EventNotFoundError, InvalidDoorError
from mien.doors.events import Act, Event, EventKind, events_of_rows
from mien.doors.journal import DoorEvents, find_event
from mien.doors.people import find_person
from mien.doors.roster import enter, leave
from mien.doors.types import Direction
from mien.doors.unopened import SHUT, presence_details, restore
from mien.events import AuditLog
from mien.gallery.reviews import Rejected
from mien.storage import Database
from mien.storage.tables import DoorEventRow, DoorPresenceRow

Enrol = Callable[[UUID, str, bytes, str], object]
"""Adds a photo to a person, given the resource, where they are enrolled, the photo and their id; raises the gallery's
errors (`mien.doors.enrolling`)."""


class Review(StrEnum):
    """The review of an event by an operator."""

    CONFIRMED = "confirmed"
    NOT_THIS_PERSON = "not_this_person"
    THIS_IS = "this_is"


class DoorReviews:
    """Corrects events. The decision itself does not change; every correction is audited.

    Args:
        database: the database with the events.
        clock: the clock.
        audit: the audit log; records corrections.
        events: gives pictures.
    """

    def __init__(self, database: Database, clock: Clock, audit: AuditLog, events: DoorEvents) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._events = events
        self.rejected: Rejected | None = None
        """Called with persons whom an event does not show; set by the composition root."""

    def confirm(self, resource_id: UUID, number: int, *, actor: str) -> Event:
        """Confirm that an event shows the person whom it names.

        Raises:
            EventNotFoundError: there is no such event.
            InvalidDoorError: it names no person.
        """
        with self._database.write(resource_id) as session:
            row = find_event(session, number)
            if row.person_id is None:
                raise InvalidDoorError("the event names no person")
            return self._note(session, row, Review.CONFIRMED, actor)

    def not_this_person(self, resource_id: UUID, number: int, *, actor: str) -> Event:
        """Record that an event does not show its person, remove them from it, and undo its change of who is inside.

        Raises:
            EventNotFoundError: there is no such event.
            InvalidDoorError: it names no person.
        """
        with self._database.write(resource_id) as session:
            self._events.lock(session, resource_id)
            row = find_event(session, number)
            if row.person_id is None or row.collection is None:
                raise InvalidDoorError("the event names no person")
            was, collection = row.person_id, row.collection
            _correct_presence(session, row, None)
            row.collection = row.person_id = None
            event = self._note(session, row, Review.NOT_THIS_PERSON, actor, person=self._audit.mark(str(was)))
        if self.rejected is not None:
            self._tell_rejected(resource_id, number, collection, was, actor)
        return event

    def _tell_rejected(self, resource_id: UUID, number: int, collection: UUID, person: UUID, actor: str) -> None:
        try:
            picture = self._events.picture(resource_id, number)
        except EventNotFoundError:  # events have a picture only if the door stores pictures
            return
        if self.rejected is not None:
            self.rejected(
                resource_id, collection, [person], photo=picture, face_id=None, origin=f"event:{number}", actor=actor
            )

    def this_is(
        self, resource_id: UUID, number: int, place: str, person_id: UUID, *, enrol: Enrol | None = None, actor: str
    ) -> Event:
        """Set the person whom an event shows, also among the people inside if the event let them pass.

        Args:
            resource_id: id of the event's resource.
            number: number of the event.
            place: the group in which the person is enrolled.
            person_id: id of the person.
            enrol: adds the event's picture to the person's faces; None to add nothing.
            actor: name of the actor, for the audit log.

        Raises:
            EventNotFoundError: there is no such event, or it has no picture to enrol.
            InvalidDoorError: it is not about a person, or the group cannot store faces.
            NoSuchPersonError: there is no such person.
            GalleryError, VisionError: the picture cannot be enrolled; nothing was changed.
        """
        with self._database.read(resource_id) as session:
            known = find_person(session, place, person_id)
            if not EventKind(find_event(session, number).kind).is_about_face:
                raise InvalidDoorError("the event is not about a person")
        if enrol is not None:
            enrol(resource_id, place, self._events.picture(resource_id, number), str(person_id))
        with self._database.write(resource_id) as session:
            self._events.lock(session, resource_id)
            row = find_event(session, number)
            _correct_presence(session, row, (known.collection, person_id))
            row.collection, row.person_id = known.collection, person_id
            mark = self._audit.mark(str(person_id))
            return self._note(session, row, Review.THIS_IS, actor, person=mark, enrolled=enrol is not None)

    def _note(self, session: Session, row: DoorEventRow, review: Review, actor: str, **details: str | bool) -> Event:
        row.review, row.reviewed_by, row.reviewed_at = review.value, actor[:200], self._clock.now()
        session.flush()
        event = events_of_rows(session, [row])[0]
        self._audit.record_in(
            session,
            actor=actor,
            action=f"door.event.{review.value}",
            resource_id=row.resource_id,
            details={"event": row.number, **details},
        )
        return event


def _correct_presence(session: Session, row: DoorEventRow, right: tuple[UUID, UUID] | None) -> None:
    """Correct who is inside, if an event let somebody pass under the wrong name; call it before the event changes.

    Args:
        session: a writing session.
        row: the event, with the wrong person.
        right: collection and id of the right person; None if they are not known.
    """
    wrong = None if row.collection is None or row.person_id is None else (row.collection, row.person_id)
    shut = not row.granted or row.act in {act.value for act in SHUT}
    first_of_two = row.kind == EventKind.DECISION.value and row.act == Act.USED.value
    if wrong == right or (shut and not first_of_two):
        return
    details = json.loads(row.details)
    kept = details.get("presence")
    if kept is None:
        return
    entry = row.direction == Direction.ENTRY.value
    if wrong is not None and (entry or _was_inside(session, row, kept, wrong)):
        restore(session, row)
    if right is None or _moved_since(session, row, kept["area"], right):
        return
    at = datetime.fromisoformat(kept["at"])
    found = session.get(DoorPresenceRow, (row.resource_id, kept["area"], *right))
    before = None if found is None else found.since
    row.details = json.dumps(details | {"presence": presence_details(kept["area"], before, at)})
    if entry:
        enter(session, row.resource_id, kept["area"], right, at)
    else:
        leave(session, kept["area"], right)


def _was_inside(session: Session, row: DoorEventRow, kept: dict[str, Any], who: tuple[UUID, UUID]) -> bool:
    """Return whether somebody who was let out by mistake is still inside, as far as the events say."""
    if _moved_since(session, row, kept["area"], who):
        return False
    query = select(DoorEventRow).where(
        DoorEventRow.number < row.number,
        DoorEventRow.collection == who[0],
        DoorEventRow.person_id == who[1],
        DoorEventRow.direction == Direction.ENTRY.value,
    )
    entries = (json.loads(one.details).get("presence", {}) for one in session.scalars(query))
    return any((one.get("area"), one.get("at")) == (kept["area"], kept["before"]) for one in entries)


def _moved_since(session: Session, row: DoorEventRow, area: str, who: tuple[UUID, UUID]) -> bool:
    """Return whether somebody's presence in an area was decided, or set by an operator, after an event."""
    theirs = and_(DoorEventRow.collection == who[0], DoorEventRow.person_id == who[1])
    emptied = and_(DoorEventRow.kind == EventKind.PRESENCE.value, DoorEventRow.person_id.is_(None))
    query = select(DoorEventRow).where(DoorEventRow.number > row.number, theirs | emptied)
    for later in session.scalars(query):
        details = json.loads(later.details)
        if later.kind == EventKind.PRESENCE.value and details.get("area") == area:
            return True
        passed = later.granted or later.act == Act.USED.value
        shut = later.act in {act.value for act in SHUT}
        if passed and not shut and details.get("presence", {}).get("area") == area:
            return True
    return False
