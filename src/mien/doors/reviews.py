"""Corrections of events by operators: confirm, not this person, or another person."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.doors import door_of
from mien.doors.errors import EventNotFoundError, InvalidDoorError
from mien.doors.events import Event, Kind, events_of_rows
from mien.doors.journal import DoorEvents, find_event
from mien.doors.people import Known, find_person
from mien.doors.roster import leave
from mien.doors.roster_types import RosterPerson
from mien.events import AuditLog
from mien.gallery.reviews import Rejected
from mien.storage import Database
from mien.storage.tables import DoorEventRow, DoorRow, PersonRow

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
        """Record that an event does not show its person, and remove them from it and from the people inside.

        Raises:
            EventNotFoundError: there is no such event.
            InvalidDoorError: it names no person.
        """
        with self._database.write(resource_id) as session:
            row = find_event(session, number)
            if row.person_id is None or row.collection is None:
                raise InvalidDoorError("the event names no person")
            was, collection = row.person_id, row.collection
            if row.granted and row.direction == "entry":
                self._take_out(session, row)
            row.collection = row.person_id = None
            event = self._note(session, row, Review.NOT_THIS_PERSON, actor, person=str(was))
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
        """Set the person whom an event shows.

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
            if find_event(session, number).kind not in {Kind.DECISION, Kind.STRANGER, Kind.SEEN, Kind.CHECK_IN}:
                raise InvalidDoorError("the event is not about a person")
        if enrol is not None:
            enrol(resource_id, place, self._events.picture(resource_id, number), str(person_id))
        with self._database.write(resource_id) as session:
            row = find_event(session, number)
            row.collection, row.person_id = known.collection, person_id
            return self._note(session, row, Review.THIS_IS, actor, person=str(person_id), enrolled=enrol is not None)

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

    def _take_out(self, session: Session, row: DoorEventRow) -> None:
        """Remove the event's person from the area that the event let them into."""
        door = session.scalar(select(DoorRow).where(DoorRow.door_id == row.door_id))
        person = session.scalar(
            select(PersonRow).where(PersonRow.collection == row.collection, PersonRow.person_id == row.person_id)
        )
        if door is not None and person is not None:
            leave(session, door_of(door, "").area, _known(person))


def _known(row: PersonRow) -> Known:
    return Known(row.collection, RosterPerson(place="", person_id=row.person_id, name=row.name), frozenset())
