"""The data besides the evidence on which a decision depends, read from the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, case, or_, select
from sqlalchemy.orm import Session

from mien.doors.doors import door_of, find_door, rules_of
from mien.doors.events import Act, EventKind
from mien.doors.evidence import TrackEvidence
from mien.doors.people import Known, find_candidate, find_person, persons_of
from mien.doors.reasons import Code
from mien.doors.rules import AHEAD, FirstOfTwo, PresentedBadge, Situation, may_still_pass
from mien.doors.types import Direction, Door
from mien.doors.unopened import SHUT
from mien.storage.tables import DoorEventRow, DoorHolidayRow, DoorPresenceRow, DoorVisitorRow


def gather(
    session: Session, door_id: UUID, direction: Direction, evidence: TrackEvidence, now: datetime, *, approved: bool
) -> Situation:
    """Read the situation of a decision.

    Args:
        session: a session on the resource; a writing one if the decision is executed.
        door_id: the door.
        direction: which way.
        evidence: evidence of the track.
        now: the moment.
        approved: whether the resource is approved for video identification.

    Raises:
        NotConfiguredError: there is no such door.
    """
    door = door_of(find_door(session, door_id), "")
    best = evidence.best
    person = None if best is None else find_candidate(session, best.collection, best.person_id)
    local = set(session.scalars(select(DoorHolidayRow.day)))
    alone = Situation(
        door=door,
        direction=direction,
        at=now,
        rules=tuple(rules_of(session)),
        person=person,
        approved=approved,
        holidays=frozenset(local),
        visiting=person is not None and is_visiting(session, person, now),
        inside_since=None if person is None else inside_since(session, door, person),
        passed_at=None if person is None else _passed_at(session, door, direction, person, now),
        badge=_badge(session, door, now),
    )
    return replace(alone, waiting=tuple(_waiting(session, alone)))


def is_visiting(session: Session, person: Known, at: datetime) -> bool:
    """Return whether a person is a visitor at a moment."""
    query = select(DoorVisitorRow.visitor_id).where(
        DoorVisitorRow.collection == person.collection,
        DoorVisitorRow.person_id == person.person.person_id,
        DoorVisitorRow.starts_at <= at,
        DoorVisitorRow.ends_at > at,
    )
    return session.scalar(query.limit(1)) is not None


def inside_since(session: Session, door: Door, person: Known) -> datetime | None:
    """Return when a person entered a door's area; None while they are not inside."""
    query = select(DoorPresenceRow.since).where(
        DoorPresenceRow.area == door.area,
        DoorPresenceRow.collection == person.collection,
        DoorPresenceRow.person_id == person.person.person_id,
    )
    return session.scalar(query)


def _passed_at(session: Session, door: Door, direction: Direction, person: Known, now: datetime) -> datetime | None:
    first_of_two = and_(DoorEventRow.kind == EventKind.DECISION.value, DoorEventRow.act == Act.USED.value)
    passed = case((first_of_two, DoorEventRow.acted_at), else_=DoorEventRow.at)
    query = select(passed).where(
        DoorEventRow.person_id == person.person.person_id,
        DoorEventRow.collection == person.collection,
        passed >= now - timedelta(seconds=door.spec.hold_off_seconds),
        passed <= now + AHEAD,
        DoorEventRow.door_id == door.door_id,
        DoorEventRow.direction == direction.value,
        or_(
            and_(
                DoorEventRow.granted.is_(True),
                or_(DoorEventRow.act.is_(None), DoorEventRow.act.not_in([act.value for act in SHUT])),
            ),
            first_of_two,
        ),
    )
    return session.scalar(query.order_by(DoorEventRow.number.desc()).limit(1))


def _badge(session: Session, door: Door, now: datetime) -> PresentedBadge | None:
    """The newest badge, unless it was used: an older one never counts."""
    since = now - timedelta(seconds=door.spec.badge_seconds)
    query = select(DoorEventRow).where(
        DoorEventRow.door_id == door.door_id, DoorEventRow.at >= since, DoorEventRow.kind == EventKind.BADGE.value
    )
    row = session.scalar(query.order_by(DoorEventRow.number.desc()).limit(1))
    if row is None or row.act is not None or row.collection is None or row.person_id is None:
        return None
    return PresentedBadge(row.collection, row.person_id, row.at, row.duress, row.number)


def _waiting(session: Session, alone: Situation) -> Iterator[FirstOfTwo]:
    """Yield the persons who wait at the door in this direction and may still pass: much may change within seconds."""
    door, now = alone.door, alone.at
    query = select(DoorEventRow).where(
        DoorEventRow.door_id == door.door_id,
        DoorEventRow.direction == alone.direction.value,
        DoorEventRow.at >= now - timedelta(seconds=door.spec.pair_seconds),
        DoorEventRow.kind == EventKind.DECISION.value,
        DoorEventRow.code == Code.SECOND_PERSON_MISSING.value,
        DoorEventRow.act.is_(None),
    )
    rows = session.scalars(query.order_by(DoorEventRow.number.desc()).limit(20)).all()
    persons = persons_of(session, [(row.collection, row.person_id) for row in rows if row.collection and row.person_id])
    rules = {rule.rule_id: rule for rule in alone.rules}
    for row in rows:
        if row.rule_id not in rules or row.collection is None or row.person_id is None:
            continue
        found = persons.get((row.collection, row.person_id))
        if found is None:
            continue
        person = find_person(session, found.place, row.person_id)
        since = inside_since(session, door, person)
        theirs = replace(
            alone,
            person=person,
            visiting=is_visiting(session, person, now),
            inside_since=since,
            passed_at=_passed_at(session, door, alone.direction, person, now),
        )
        if not may_still_pass(rules[row.rule_id], theirs):
            continue
        yield FirstOfTwo(
            row.rule_id,
            row.collection,
            row.person_id,
            row.at,
            row.number,
            (row.camera, row.track) if row.track else None,
            since,
            row.duress,
        )
