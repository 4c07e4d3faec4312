"""Check-ins at kiosks: by a live face, by a photo if liveness is off, or by the code of a badge or a visit.

A face is searched in the kiosk's group. A liveness session is valid once, within a minute, for the kiosk and the
acceptance that it was created for; it is deleted with its image as soon as it was used. If the kiosk has a door, the
door's rules decide (`mien.doors.decisions`), nothing opens without them, and a person is welcome when it has opened.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session as DatabaseSession

from mien.clock import Clock
from mien.doors.actuators.config import NoActuator
from mien.doors.errors import InvalidDoorError, NotConfiguredError
from mien.doors.events import Act, Draft, Event, EventKind
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.kiosks import Kiosk
from mien.doors.people import find_candidate, persons_of
from mien.doors.reasons import Code
from mien.doors.roster_types import BadgeNumber
from mien.doors.rules import AHEAD
from mien.doors.service import DoorServices
from mien.doors.types import Quality
from mien.liveness.errors import SessionError, SessionNotFoundError
from mien.liveness.records import Session, SessionOptions
from mien.liveness.service import Liveness
from mien.liveness.types import Decision, Mode
from mien.storage import Database
from mien.storage.claims import elapsed
from mien.storage.tables import DoorEventRow, DoorVisitorRow

LOOK_SECONDS: Final = 0.1
"""How often to look whether a door has opened."""
MARGIN: Final = 0.1
"""Least lead over the second person at a kiosk that only greets; a door has its own setting."""
_FRESH: Final = timedelta(seconds=60)
"""How long a session is valid after its end."""
_TOKEN_SECONDS: Final = 300
_BADGE: Final = re.compile(r"(?:(?P<facility>\d{1,3}):)?(?P<number>\d{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PhotoMatch:
    """The result of searching a picture.

    Attributes:
        best: the person that it shows; None for a stranger.
        second: the next person.
        quality: `low`, `medium` or `high`.
        face_px: the shorter side of the face box, in pixels.
    """

    best: TrackCandidate | None
    second: TrackCandidate | None
    quality: str
    face_px: int


class Search(Protocol):
    """Searches for the only face of a picture."""

    def __call__(self, resource_id: UUID, group: str, image: bytes) -> PhotoMatch | None:
        """Return what a picture shows; None when it does not show one readable face."""
        ...


class CheckInResult(StrEnum):
    """The message of the page."""

    WELCOME = "welcome"
    """The person is greeted."""
    RECEPTION = "reception"
    """Please see reception; the reason is in the event, not on the page."""
    FACE = "face"
    """A code was recorded; the face decides."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A decision to open a door that waits for the door's actuator.

    Attributes:
        number: number of its event.
        until: when it has expired, by `elapsed`.
    """

    number: int
    until: float


@dataclass(frozen=True, slots=True)
class CheckInAnswer:
    """The result of a check-in: never a score, never a reason.

    Attributes:
        outcome: the message that the page shows.
        name: name of the person who is greeted; "" if there is none.
        opening: the decision to open the door, while its actuator has not confirmed (see `CheckIns.look`).
    """

    outcome: CheckInResult
    name: str = ""
    opening: Opening | None = None


_RECEPTION: Final = CheckInAnswer(CheckInResult.RECEPTION)


class CheckIns:
    """Checks people in. The caller has checked the kiosk's key, approvals and acceptance.

    Args:
        database: the database; the events in it show which sessions were used.
        clock: the clock.
        doors: kiosks, doors, decisions, badges and events.
        liveness: the liveness sessions.
        search: looks for faces.
    """

    def __init__(
        self, database: Database, clock: Clock, doors: DoorServices, liveness: Liveness, search: Search
    ) -> None:
        self._database = database
        self._clock = clock
        self._doors = doors
        self._liveness = liveness
        self._search = search

    def begin(self, kiosk: Kiosk, acceptance: UUID, endpoint: str, route: str) -> Session:
        """Create the liveness session of a check-in.

        Args:
            kiosk: the kiosk.
            acceptance: acceptance of its notice.
            endpoint: base address at which the browser reaches the server.
            route: path of the session's channel.

        Raises:
            ModeNotAvailableError: the server cannot judge sessions.
        """
        options = SessionOptions(
            Mode.PASSIVE_ACTIVE,
            device_correlation_id=str(kiosk.kiosk_id),
            user_correlation_id=str(acceptance),
            token_seconds=_TOKEN_SECONDS,
            keep_image=True,
            endpoint=endpoint,
            route=route,
        )
        return self._liveness.create(kiosk.resource_id, options)

    def by_session(self, kiosk: Kiosk, acceptance: UUID, session_id: str) -> CheckInAnswer:
        """Check in with a liveness session that has ended.

        Raises:
            InvalidDoorError: the session is not of this kiosk and acceptance, or was used already.
        """
        sessions = self._liveness.sessions
        try:
            session = sessions.get(kiosk.resource_id, session_id, with_verify=False)
        except SessionNotFoundError:
            raise InvalidDoorError("there is no such session") from None
        made_for = (session.options.device_correlation_id, session.options.user_correlation_id)
        if made_for != (str(kiosk.kiosk_id), str(acceptance)):
            raise InvalidDoorError("there is no such session")
        try:
            image = self._live_image(kiosk.resource_id, session)
            if image is None:
                self._note(kiosk, Code.NOT_LIVE, session.id)
                return _RECEPTION
            return self._by_face(kiosk, image, session.id, live=True)
        finally:
            with suppress(SessionNotFoundError):  # another call used it first
                sessions.delete(kiosk.resource_id, session.id, with_verify=False)

    def by_photo(self, kiosk: Kiosk, image: bytes) -> CheckInAnswer:
        """Check in with a picture, at a kiosk without liveness.

        Raises:
            InvalidDoorError: it does require liveness.
        """
        if kiosk.spec.liveness:
            raise InvalidDoorError("the kiosk asks for liveness")
        return self._by_face(kiosk, image, str(uuid4()), live=False)

    def by_code(self, kiosk: Kiosk, text: str) -> CheckInAnswer:
        """Check in with the number of a badge, `NUMBER` or `FACILITY:NUMBER`, or with the id of a visit.

        At a kiosk with a door a code opens nothing, and the response does not reveal whether it is known: the badge is
        recorded for a rule that requires the face and the badge.
        """
        number = _badge_number(text)
        resource_id, spec = kiosk.resource_id, kiosk.spec
        if spec.door is not None:
            if number is not None:
                self._doors.decisions.badge(resource_id, spec.door, number, reader=kiosk.name)
            return CheckInAnswer(CheckInResult.FACE)
        duress = False
        with self._database.read(resource_id) as session:
            who: tuple[UUID, UUID] | None = None
            if number is not None:
                row = self._doors.roster.find_badge(session, resource_id, number)
                if row is not None:
                    who, duress = (row.collection, row.person_id), row.duress
            else:
                who = self._visitor(session, text)
            person = None if who is None else persons_of(session, [who]).get(who)
        if who is None or person is None:
            self._note(kiosk, Code.CODE_UNKNOWN, str(uuid4()))
            return _RECEPTION
        self._note(kiosk, Code.CHECKED_IN, str(uuid4()), who, {"by": "badge" if number else "visit"}, duress=duress)
        return CheckInAnswer(CheckInResult.WELCOME, person.name)

    def _live_image(self, resource_id: UUID, session: Session) -> bytes | None:
        """Return the best frame of a session that found a live face just now."""
        newest = session.attempts[0] if session.attempts else None
        if newest is None or newest.outcome is None or newest.finished_at is None:
            return None
        fresh = -AHEAD <= self._clock.now() - newest.finished_at <= _FRESH
        if not fresh or newest.outcome.decision is not Decision.REAL or newest.outcome.image_id is None:
            return None
        try:
            return self._liveness.sessions.image(resource_id, newest.outcome.image_id)
        except SessionError:
            return None

    def _by_face(self, kiosk: Kiosk, image: bytes, track: str, *, live: bool) -> CheckInAnswer:
        found = self._search(kiosk.resource_id, kiosk.spec.group, image)
        if found is None:
            self._note(kiosk, Code.STRANGER, track)
            return _RECEPTION
        now = self._clock.now()
        agreeing = 0 if found.best is None else 1
        evidence = TrackEvidence(
            camera=kiosk.name,
            track=track,
            started_at=now,
            updated_at=now,
            frames=1,
            readable=1,
            agreeing=agreeing,
            best=found.best,
            second=found.second,
            quality=found.quality,
            face_px=found.face_px,
            liveness=1.0 if live else None,
            session=live,
        )
        best = found.best
        with self._database.read(kiosk.resource_id) as session:
            known = None if best is None else find_candidate(session, best.collection, best.person_id)
        numbers: dict[str, Any] = {
            "by": "face",
            "confidence": None if best is None else round(best.confidence, 4),
            "margin": round(evidence.margin, 4),
            "quality": found.quality,
            "facePx": found.face_px,
            "liveness": evidence.liveness,
        }
        code = self._enough(kiosk, evidence)
        if known is None or code is not Code.CHECKED_IN:
            self._note(kiosk, Code.STRANGER if known is None else code, track, None, numbers)
        else:
            self._note(kiosk, code, track, (known.collection, known.person.person_id), numbers)
        if kiosk.spec.door is not None:
            return self._at_door(kiosk, kiosk.spec.door, evidence, image)
        if known is None or code is not Code.CHECKED_IN:
            return _RECEPTION
        return CheckInAnswer(CheckInResult.WELCOME, known.person.name)

    def _enough(self, kiosk: Kiosk, evidence: TrackEvidence) -> Code:
        """Return whether a picture is good enough for a greeting; a door has its own conditions."""
        if evidence.best is None:
            return Code.STRANGER
        if evidence.quality not in set(Quality) or not Quality(evidence.quality).reaches(Quality.MEDIUM):
            return Code.QUALITY
        if kiosk.spec.door is None and evidence.margin < MARGIN:
            return Code.MARGIN
        return Code.CHECKED_IN

    def _at_door(self, kiosk: Kiosk, door_id: UUID, evidence: TrackEvidence, image: bytes) -> CheckInAnswer:
        """Apply the door's rules; the door's runner executes a grant."""
        resource_id, decisions = kiosk.resource_id, self._doors.decisions
        try:
            opens = not isinstance(self._doors.doors.actuator(resource_id, door_id), NoActuator)
            watched = TrackSource(resource_id=resource_id, camera=kiosk.name, door_id=door_id, opens=opens)
            event = decisions.observe(watched, evidence, shot=lambda: image)
            decisions.ended(watched, evidence, shot=lambda: image)
        except NotConfiguredError:  # the door was deleted
            return _RECEPTION
        if event is None or not event.granted:
            return _RECEPTION
        return _at_opening(event, elapsed() + event.seconds_left(event.at))

    def look(self, kiosk: Kiosk, opening: Opening) -> CheckInAnswer:
        """Return the answer to a check-in whose door had not opened yet; call it every `LOOK_SECONDS`.

        Raises:
            EventNotFoundError: the resource was deleted.
        """
        return _at_opening(self._doors.events.get(kiosk.resource_id, opening.number), opening.until)

    def _note(
        self,
        kiosk: Kiosk,
        code: Code,
        track: str,
        who: tuple[UUID, UUID] | None = None,
        details: dict[str, Any] | None = None,
        *,
        duress: bool = False,
    ) -> None:
        """Write the event, once per track.

        Raises:
            InvalidDoorError: the session was used already.
        """
        draft = Draft(
            kind=EventKind.CHECK_IN,
            code=code,
            duress=duress,
            camera=kiosk.name,
            track=track,
            collection=None if who is None else who[0],
            person_id=None if who is None else who[1],
            details=details or {},
        )
        with self._database.write(kiosk.resource_id) as session:
            self._doors.events.lock(session, kiosk.resource_id)
            used = select(DoorEventRow.number).where(
                DoorEventRow.kind == EventKind.CHECK_IN.value, DoorEventRow.track == track
            )
            if session.scalar(used.limit(1)) is not None:
                raise InvalidDoorError("the session was used already")
            self._doors.events.append(session, kiosk.resource_id, draft)

    def _visitor(self, session: DatabaseSession, text: str) -> tuple[UUID, UUID] | None:
        """Return the person of a visit that takes place at the moment."""
        try:
            visitor_id = UUID(text.strip())
        except ValueError:
            return None
        now = self._clock.now()
        query = select(DoorVisitorRow).where(
            DoorVisitorRow.visitor_id == visitor_id, DoorVisitorRow.starts_at <= now, DoorVisitorRow.ends_at > now
        )
        row = session.scalar(query)
        return None if row is None else (row.collection, row.person_id)


def _at_opening(event: Event, until: float) -> CheckInAnswer:
    """Return the answer to a decision to open: a person is welcome when the door has opened."""
    if event.act in {Act.WAITING, Act.TOLD} and elapsed() < until:
        return CheckInAnswer(CheckInResult.RECEPTION, opening=Opening(event.number, until))
    if event.act in {None, Act.DONE}:  # None: the door has no actuator
        return CheckInAnswer(CheckInResult.WELCOME, event.person.name if event.person else "")
    return _RECEPTION


def _badge_number(text: str) -> BadgeNumber | None:
    """Parse the number of a badge; None for anything else."""
    read = _BADGE.fullmatch(text.strip())
    if read is None:
        return None
    facility = read["facility"]
    try:
        if facility is not None:
            return BadgeNumber(number=int(read["number"]), facility=int(facility))
        return BadgeNumber(number=int(read["number"]), bits=64)
    except InvalidDoorError:
        return None
