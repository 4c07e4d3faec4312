"""Decide on the evidence of a track, and store the event before any actuator receives a command.

A decision that opens is one transaction: it reads the situation again, writes the event with its expiry, updates
presence, and marks the badge or the waiting person as used. Only a committed decision can be executed
(`mien.doors.openings`), once, and not after it has expired.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.doors import door_of, find_door
from mien.doors.drafts import decision_draft, seen_draft
from mien.doors.events import Act, Draft, Event, EventKind
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.journal import DoorEvents
from mien.doors.people import find_candidate, find_person
from mien.doors.reasons import Code
from mien.doors.roster import Roster, enter, leave
from mien.doors.roster_types import BadgeNumber
from mien.doors.rules import AccessDecision, FirstOfTwo, PresentedBadge, Situation, decide
from mien.doors.situations import gather, is_visiting
from mien.doors.types import Direction, DoorSpec, Strangers
from mien.doors.unopened import presence_details
from mien.storage import Database
from mien.storage.claims import Held
from mien.storage.tables import DoorEventRow, DoorRow

Approved = Callable[[UUID], bool]
"""Returns whether a resource is approved for video identification now."""
Shot = Callable[[], bytes | None]
"""Returns the best shot of the track as JPEG; None if there is none."""

_TRACKS_KEPT: Final = 1000


def _no_shot() -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """One observation of a track: position, evidence, claim, picture, and what was recorded of it."""

    watched: TrackSource
    evidence: TrackEvidence
    held: Held | None
    shot: Shot
    told: _Told


@dataclass
class _Told:
    """The records of a track so far."""

    refusals: set[tuple[str, str]] = field(default_factory=set)
    waiting_until: datetime | None = None
    granted: set[str] = field(default_factory=set)


class Decisions:
    """Decides for all doors of this server.

    Args:
        database: the database with situations and decisions.
        clock: the clock.
        events: stores the decisions.
        roster: looks up badges.
        approved: whether a resource may identify people in video.

    Attributes:
        clock: the clock.
    """

    def __init__(
        self, database: Database, clock: Clock, events: DoorEvents, roster: Roster, approved: Approved
    ) -> None:
        self._database = database
        self.clock = self._clock = clock
        self._events = events
        self._roster = roster
        self._approved = approved
        self._lock = threading.Lock()
        self._told: dict[tuple[UUID, str, str], _Told] = {}

    def observe(
        self, watched: TrackSource, evidence: TrackEvidence, *, held: Held | None = None, shot: Shot = _no_shot
    ) -> Event | None:
        """Decide on the current evidence of a track.

        A track opens a door once for a person: to open it again, they must leave the picture and come back. A refusal
        that more evidence may change is not recorded yet (`ended` does that); any other refusal is recorded once.

        Args:
            watched: the camera and the door.
            evidence: the evidence of the track.
            held: the claim under which this server runs the camera; a decision of a server that lost it is not written.
            shot: gives the picture of the track.

        Returns:
            The event that was written, or None.

        Raises:
            ClaimLostError: another server runs the camera.
            NotConfiguredError: the door is gone.
            SQLAlchemyError: the database does not answer; nothing was decided.
        """
        told = self._of(watched, evidence)
        if watched.door_id is None or evidence.best is None or evidence.best.person_id in told.granted:
            return None  # a stranger is recorded only after they have left: until then they may still be recognised
        with self._database.read(watched.resource_id) as session:
            verdict, situation = self._decide(session, watched, evidence)
        look = _Look(watched, evidence, held, shot, told)
        if verdict.granted:
            return self._grant(look)
        if [one.code for one in verdict.failed] == [Code.SECOND_PERSON_MISSING]:
            return self._wait(look, verdict, situation)
        if verdict.pending:
            return None
        return self._refuse(look, verdict, situation)

    def ended(
        self, watched: TrackSource, evidence: TrackEvidence, *, held: Held | None = None, shot: Shot = _no_shot
    ) -> Event | None:
        """Record the outcome of a track when its person has left, unless it is already recorded.

        Args, Returns, Raises: see `observe`. The end of a track never opens a door.
        """
        with self._lock:
            told = self._told.pop((watched.resource_id, watched.camera, evidence.track), _Told())
        if watched.door_id is None:
            return self._saw(watched, evidence, held)
        if told.granted or told.refusals or told.waiting_until is not None or evidence.readable == 0:
            return None
        with self._database.read(watched.resource_id) as session:
            now = replace(evidence, updated_at=self._clock.now())  # age alone is no reason for a refusal
            verdict, situation = self._decide(session, watched, now)
        if verdict.granted:
            return None
        return self._refuse(_Look(watched, evidence, held, shot, told), verdict, situation)

    def badge(self, resource_id: UUID, door_id: UUID, number: BadgeNumber, *, reader: str) -> Event:
        """Record that a badge was presented at a door; whether it is the person's is decided with the face.

        Args:
            resource_id: id of the door's resource.
            door_id: id of the door.
            number: number of the badge; it is not recorded.
            reader: the reader.
        """
        with self._database.write(resource_id) as session:
            row = self._roster.find_badge(session, resource_id, number)
            door = session.scalar(select(DoorRow.name).where(DoorRow.door_id == door_id))
            draft = Draft(
                kind=EventKind.BADGE,
                code=Code.BADGE if row else Code.BADGE_UNKNOWN,
                duress=row is not None and row.duress,
                door_id=door_id,
                camera=reader[:64],
                collection=row.collection if row else None,
                person_id=row.person_id if row else None,
                details={"door": door} | ({"badge": str(row.badge_id)} if row else {}),
            )
            return self._events.append(session, resource_id, draft)

    def check(
        self,
        resource_id: UUID,
        door_id: UUID,
        place: str,
        person_id: UUID,
        at: datetime,
        *,
        direction: Direction = Direction.ENTRY,
        badge: bool = False,
        second: bool = False,
        live: bool = True,
    ) -> AccessDecision:
        """Return the verdict for a well-recognised person at a door at a given time; changes nothing.

        Args:
            resource_id: id of the door's resource.
            door_id: id of the door.
            place: the group in which the person is enrolled.
            person_id: id of the person.
            at: the time.
            direction: which way.
            badge: with a badge of theirs.
            second: whether a second person whom the same rule allows is present.
            live: whether the passive liveness says that the face is live.

        Raises:
            NotConfiguredError: there is no such door.
            NoSuchPersonError: there is no such person.
        """
        with self._database.read(resource_id) as session:
            known = find_person(session, place, person_id)
            collection = place.partition("/")[2]
            best = TrackCandidate(collection, str(person_id), known.person.name, 1.0)
            evidence = TrackEvidence("", "", at, at, 99, 99, 99, best, None, "high", 4000, 1.0 if live else None)
            situation = gather(session, door_id, direction, evidence, at, approved=self._approved(resource_id))
            visiting = is_visiting(session, known, at)
        waiting: tuple[FirstOfTwo, ...] = ()
        if second:
            other = UUID(int=person_id.int ^ 1)
            waiting = tuple(FirstOfTwo(rule.rule_id, known.collection, other, at) for rule in situation.rules)
        return decide(
            evidence,
            replace(
                situation,
                person=known,
                visiting=visiting,
                passed_at=None,
                badge=PresentedBadge(known.collection, person_id, at) if badge else None,
                waiting=waiting,
            ),
        )

    def _decide(
        self, session: Session, watched: TrackSource, evidence: TrackEvidence
    ) -> tuple[AccessDecision, Situation]:
        assert watched.door_id is not None
        situation = gather(
            session,
            watched.door_id,
            watched.direction,
            evidence,
            self._clock.now(),
            approved=self._approved(watched.resource_id),
        )
        return decide(evidence, situation), situation

    def _grant(self, look: _Look) -> Event | None:
        """Repeat the decision in a writing transaction, which waits for all others of the resource, and record it."""
        picture = self._picture(look.watched, look.shot)
        probe = Draft(kind=EventKind.DECISION, code=Code.GRANTED, picture=picture)
        sealed = self._events.seal_picture(look.watched.resource_id, probe)
        with self._database.write(look.watched.resource_id) as session:
            if look.held is not None:
                look.held.fence(session, brief=True)
            self._events.lock(session, look.watched.resource_id)
            verdict, situation = self._decide(session, look.watched, look.evidence)
            person = situation.person
            if not verdict.granted or person is None:
                return None  # another process decided first: the next frame shows the result
            spec, now = situation.door.spec, situation.at
            draft = decision_draft(look.watched, look.evidence, verdict, situation)
            presence = presence_details(situation.door.area, situation.inside_since, now)
            draft = replace(
                draft,
                details={**draft.details, "presence": presence},
                picture=picture,
                picture_days=spec.picture_days,
                expires_at=now + timedelta(seconds=spec.decision_seconds),
                act=Act.WAITING if look.watched.opens else None,
            )
            if verdict.badge and situation.badge is not None:
                badge_id = _use(session, situation.badge.number)
                draft = replace(draft, details={**draft.details, "badge": badge_id})
            _pass(session, situation, person.collection, person.person.person_id)
            if verdict.partner is not None:
                _use_partner(session, situation, verdict.partner)
                draft = replace(draft, details={**draft.details, "partnerEvent": verdict.partner.number})
            event = self._events.append(session, look.watched.resource_id, draft, sealed if picture else None)
        look.told.granted.add(str(person.person.person_id))
        if verdict.partner is not None:
            self._note_partner(look.watched.resource_id, verdict.partner)
        return event

    def _note_partner(self, resource_id: UUID, partner: FirstOfTwo) -> None:
        """Note for the track of the first of two persons that the door has been opened for them."""
        if partner.seen is None or partner.seen[0] is None:
            return
        with self._lock:
            told = self._told.get((resource_id, partner.seen[0], partner.seen[1]))
        if told is not None:
            told.granted.add(str(partner.person_id))

    def _wait(self, look: _Look, verdict: AccessDecision, situation: Situation) -> Event | None:
        """Record that a person waits for a second one, and again shortly before that expires."""
        again_at, wait = look.told.waiting_until, timedelta(seconds=situation.door.spec.pair_seconds / 2)
        if again_at is not None and timedelta(0) < again_at - situation.at <= wait:
            return None
        event = self._write(look.watched, decision_draft(look.watched, look.evidence, verdict, situation), look.held)
        look.told.waiting_until = situation.at + wait
        return event

    def _refuse(self, look: _Look, verdict: AccessDecision, situation: Situation) -> Event | None:
        who = look.evidence.best.person_id if look.evidence.best else ""
        if verdict.code is Code.EVIDENCE_OLD or (verdict.code.value, who) in look.told.refusals:
            return None
        spec = situation.door.spec
        if verdict.code is Code.STRANGER and spec.strangers is Strangers.IGNORE:
            return None
        draft = decision_draft(look.watched, look.evidence, verdict, situation)
        draft = replace(draft, picture=look.shot() if spec.pictures else None, picture_days=spec.picture_days)
        event = self._write(look.watched, draft, look.held)
        look.told.refusals.add((verdict.code.value, who))
        return event

    def _saw(self, watched: TrackSource, evidence: TrackEvidence, held: Held | None) -> Event | None:
        """Record a known person at a camera without a door."""
        if evidence.best is None or not self._approved(watched.resource_id):
            return None
        with self._database.read(watched.resource_id) as session:
            known = find_candidate(session, evidence.best.collection, evidence.best.person_id)
        if known is None:
            return None
        return self._write(watched, seen_draft(watched, evidence, known), held)

    def _write(self, watched: TrackSource, draft: Draft, held: Held | None) -> Event:
        return self._events.write(watched.resource_id, draft, held=held)

    def _picture(self, watched: TrackSource, shot: Shot) -> bytes | None:
        """Return the picture of a decision if the door keeps pictures."""
        assert watched.door_id is not None
        with self._database.read(watched.resource_id) as session:
            spec = spec_of(session, watched.door_id)
        return shot() if spec.pictures else None

    def _of(self, watched: TrackSource, evidence: TrackEvidence) -> _Told:
        key = (watched.resource_id, watched.camera, evidence.track)
        with self._lock:
            told = self._told.setdefault(key, _Told())
            while len(self._told) > _TRACKS_KEPT:  # tracks whose end was not reported
                self._told.pop(next(iter(self._told)))
        return told


def spec_of(session: Session, door_id: UUID) -> DoorSpec:
    """Return the configuration of a door.

    Raises:
        NotConfiguredError: there is none.
    """
    return door_of(find_door(session, door_id), "").spec


def badge_in(event: Event) -> UUID | None:
    """Return the badge that served a decision."""
    badge = event.details.get("badge")
    return UUID(badge) if event.kind is EventKind.DECISION and badge else None


def _use(session: Session, number: int) -> str | None:
    """Mark the event of a badge as used; return the badge."""
    row = session.scalar(select(DoorEventRow).where(DoorEventRow.number == number))
    if row is None:
        return None
    row.act = Act.USED.value
    session.flush()
    badge: str | None = json.loads(row.details).get("badge") if row.kind == EventKind.BADGE.value else None
    return badge


def _use_partner(session: Session, situation: Situation, partner: FirstOfTwo) -> None:
    """Mark the event of the first of two persons as used; they pass with the second one."""
    row = session.scalar(select(DoorEventRow).where(DoorEventRow.number == partner.number))
    if row is not None:
        row.act, row.acted_at = Act.USED.value, situation.at
        presence = presence_details(situation.door.area, partner.inside_since, situation.at)
        row.details = json.dumps(json.loads(row.details) | {"presence": presence})
        session.flush()
    _pass(session, situation, partner.collection, partner.person_id)


def _pass(session: Session, situation: Situation, collection: UUID, person_id: UUID) -> None:
    """Record that a person was let into the area of the door, or out of it."""
    door = situation.door
    if situation.direction is Direction.ENTRY:
        enter(session, door.resource_id, door.area, (collection, person_id), situation.at)
    else:
        leave(session, door.area, (collection, person_id))
