"""Events of doors, for writing and reading.

Events contain no names of persons: names are looked up when events are read, so they disappear with the person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from mien.doors.people import persons_of
from mien.doors.reasons import Code, sentence
from mien.doors.roster_types import RosterPerson
from mien.storage.tables import DoorEventRow

MOST: Final = 500
_BATCH: Final = 500


class EventKind(StrEnum):
    """The kind of an event."""

    DECISION = "decision"
    """A decision about a known person at a door."""
    STRANGER = "stranger"
    """A person whom the camera's groups do not know."""
    SEEN = "seen"
    """A known person at a camera without a door."""
    BADGE = "badge"
    """A presented badge."""
    CAMERA = "camera"
    """A camera that was lost or is back."""
    PRESENCE = "presence"
    """A change of presence by an operator."""
    CHECK_IN = "check_in"
    """A check-in at a kiosk."""

    @property
    def is_about_face(self) -> bool:
        """Whether an event of this kind is about a face that somebody may know better."""
        return self in {EventKind.DECISION, EventKind.STRANGER, EventKind.SEEN, EventKind.CHECK_IN}


class Act(StrEnum):
    """The state of a decision's actuator, which receives a decision at most once."""

    WAITING = "waiting"
    """The actuator will receive it, unless the decision expires first."""
    TOLD = "told"
    """It is being sent; after a crash it may or may not have arrived."""
    DONE = "done"
    """The actuator confirmed it."""
    FAILED = "failed"
    """The actuator did not confirm it; the door counts as shut."""
    EXPIRED = "expired"
    """It was not sent, and will not be."""
    USED = "used"
    """For a badge, or the first of two persons: it was used for one decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event to be written.

    Attributes:
        kind: the kind of event.
        code: the reason in a word.
        granted: whether a door is to open.
        duress: whether it is a silent alarm.
        door_id: id of the door.
        camera: name of the camera or kiosk.
        track: the camera's name for the track.
        direction: which way.
        rule_id: by which rule.
        collection: the person's collection.
        person_id: id of the person.
        details: plain values, never a name of a person.
        expires_at: time until which the actuator may receive it; with `act`.
        act: state of the actuator.
        picture: JPEG bytes of the best shot.
        picture_days: how long the picture is kept.
    """

    kind: EventKind
    code: Code
    granted: bool = False
    duress: bool = False
    door_id: UUID | None = None
    camera: str | None = None
    track: str | None = None
    direction: str | None = None
    rule_id: UUID | None = None
    collection: UUID | None = None
    person_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    act: Act | None = None
    picture: bytes | None = field(default=None, repr=False)
    picture_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A stored event.

    Attributes:
        number: 1, 2, 3 … without gaps within a resource.
        event_id: identifies it everywhere.
        at: the time.
        kind: the kind of event.
        code: the reason in a word.
        granted: whether the door was to open.
        duress: whether it is a silent alarm.
        door_id: id of the door.
        camera: name of the camera or kiosk.
        track: the camera's name for the track.
        direction: which way.
        rule_id: by which rule.
        person: current name of the person; None for strangers and erased people.
        person_id: id of the person; also of a deleted person.
        details: numbers and names of configuration.
        act: state of the actuator.
        acted_at: since when.
        expires_at: until when the actuator may be told.
        act_note: message of the actuator.
        has_picture: whether the best shot is kept.
        review: `confirmed`, `not_this_person` or `this_is`.
        reviewed_by: name of the reviewer.
    """

    number: int
    event_id: UUID
    at: datetime
    kind: EventKind
    code: str
    granted: bool
    duress: bool
    door_id: UUID | None
    camera: str | None
    track: str | None
    direction: str | None
    rule_id: UUID | None
    person: RosterPerson | None
    person_id: UUID | None
    details: Mapping[str, Any]
    act: Act | None
    acted_at: datetime | None
    expires_at: datetime | None
    act_note: str | None
    has_picture: bool
    review: str | None
    reviewed_by: str | None

    @property
    def stayed_shut(self) -> bool:
        """Whether the door was to open and did not: its actuator failed, or the decision expired."""
        return self.granted and self.act in {Act.FAILED, Act.EXPIRED}

    @property
    def reasons(self) -> list[str]:
        """The reasons as sentences."""
        failed = self.details.get("failed") or [{"code": self.code}]
        return [sentence(one["code"], one.get("have"), one.get("wanted")) for one in failed]

    def seconds_left(self, now: datetime) -> float:
        """Return for how many seconds the actuator may still be told: at most from the decision to its expiry."""
        return 0.0 if self.expires_at is None else (self.expires_at - max(now, self.at)).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values, for exports, webhooks, streams and MQTT."""
        return {
            "number": self.number,
            "id": str(self.event_id),
            "at": self.at.isoformat(timespec="milliseconds"),
            "kind": self.kind.value,
            "code": self.code,
            "granted": self.granted,
            "duress": self.duress,
            "doorId": None if self.door_id is None else str(self.door_id),
            "door": self.details.get("door"),
            "direction": self.direction,
            "camera": self.camera,
            "track": self.track,
            "ruleId": None if self.rule_id is None else str(self.rule_id),
            "rule": self.details.get("rule"),
            "personId": None if self.person_id is None else str(self.person_id),
            "person": self.person.name if self.person else None,
            "place": self.person.place if self.person else None,
            "reasons": self.reasons,
            **{name: self.details.get(name) for name in NUMBERS},
            "actuator": None if self.act is None else self.act.value,
            "actuatorNote": self.act_note,
            "hasPicture": self.has_picture,
            "review": self.review,
        }


NUMBERS: Final = ("confidence", "margin", "frames", "readable", "agreeing", "quality", "facePx", "liveness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter of events.

    Attributes:
        kinds: only events of these kinds; all if empty.
        door_id: only events of this door.
        person_id: only events with this person.
        camera: only events of this camera.
        granted: only decisions that opened (True) or that did not (False).
        duress: only silent alarms.
        since: not before this moment.
        until: before this moment.
    """

    kinds: tuple[EventKind, ...] = ()
    door_id: UUID | None = None
    person_id: UUID | None = None
    camera: str | None = None
    granted: bool | None = None
    duress: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING: Final = Filter()


def events_of_rows(session: Session, rows: list[DoorEventRow]) -> list[Event]:
    """Return events from their rows, with the present names of persons."""
    persons = persons_of(session, [(row.collection, row.person_id) for row in rows if row.collection and row.person_id])
    return [
        Event(
            number=row.number,
            event_id=row.event_id,
            at=row.at,
            kind=EventKind(row.kind),
            code=row.code,
            granted=row.granted,
            duress=row.duress,
            door_id=row.door_id,
            camera=row.camera,
            track=row.track,
            direction=row.direction,
            rule_id=row.rule_id,
            person=persons.get((row.collection, row.person_id)) if row.collection and row.person_id else None,
            person_id=row.person_id,
            details=json.loads(row.details),
            act=None if row.act is None else Act(row.act),
            acted_at=row.acted_at,
            expires_at=row.expires_at,
            act_note=row.act_note,
            has_picture=row.picture is not None,
            review=row.review,
            reviewed_by=row.reviewed_by,
        )
        for row in rows
    ]
