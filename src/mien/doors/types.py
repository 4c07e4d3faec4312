"""Configurations of cameras, doors and rules: frozen, without secrets, checked at construction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from mien.contract.models import NEWEST_RECOGNITION
from mien.doors.checks import between, check_name, zone_of
from mien.doors.errors import InvalidDoorError
from mien.gallery.kinds import COLLECTION_ID, STORED_PERSON_GROUPS

Point = tuple[float, float]
"""x and y as fractions of the picture's width and height, 0 to 1, from its upper left corner."""
Polygon = tuple[Point, ...]
"""3 to 32 corners."""

DIRECTORY: Final = "directory"
DYNAMIC_GROUP: Final = "dynamicGroup"
DEFAULT_LABEL: Final = NEWEST_RECOGNITION
"""Recognition model of searches in the person directory."""
PLACES: Final = (*STORED_PERSON_GROUPS, DYNAMIC_GROUP)
DAY: Final = 24 * 60
MOST_PASSBACK_HOURS: Final = 168


def check_place(place: str) -> None:
    """Check the name of a group in which people are enrolled.

    Raises:
        InvalidDoorError: it is malformed.
    """
    kind, _, collection_id = place.partition("/")
    if place != DIRECTORY and (kind not in PLACES or COLLECTION_ID.fullmatch(collection_id) is None):
        raise InvalidDoorError(
            "{place!r} is not {directory} or KIND/ID with the kind {places}",
            place=place[:80],
            directory=DIRECTORY,
            places=", ".join(PLACES),
        )


class Direction(StrEnum):
    """The direction of people whom the camera sees."""

    ENTRY = "entry"
    EXIT = "exit"


class How(StrEnum):
    """The evidence that a rule requires besides the face."""

    FACE = "face"
    """The face alone."""
    FACE_AND_BADGE = "face_and_badge"
    """The face, and a badge of the same person, within `badge_seconds`."""
    TWO_PERSONS = "two_persons"
    """Two different persons whom the rule allows, within `pair_seconds`."""


class Holidays(StrEnum):
    """The effect of a holiday on a rule's schedule."""

    CLOSED = "closed"
    """The rule does not apply on holidays."""
    AS_USUAL = "as_usual"
    """A holiday is treated like any other day."""
    ONLY = "only"
    """The rule applies only on holidays."""


class Strangers(StrEnum):
    """The treatment of tracks whose person the camera's groups do not know. The door always stays shut."""

    IGNORE = "ignore"
    """Nothing is recorded."""
    RECORD = "record"
    """An event without a name; nothing of the face except the picture, if pictures are on."""
    ANNOUNCE = "announce"
    """As `record`, and sent to webhooks and MQTT."""


class Quality(StrEnum):
    """The quality of a track's best shot."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def reaches(self, wanted: Quality) -> bool:
        """Whether it is at least the given quality."""
        order = list(Quality)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """A camera's configuration except its address, which may contain a password and is stored separately.

    Attributes:
        groups: the groups in which people are searched: `personGroup/ID`, `largePersonGroup/ID`, `dynamicGroup/ID` or
            `directory`.
        rate: frames analysed a second, 0.5 to 30.
        regions: zones in which faces are searched; the whole picture when empty.
        privacy: zones that are blacked out before the picture is used.
        door: the door that it watches.
        direction: which way people pass whom it sees.
        enabled: whether it runs.
    """

    groups: tuple[str, ...] = ()
    rate: float = 5.0
    regions: tuple[Polygon, ...] = ()
    privacy: tuple[Polygon, ...] = ()
    door: UUID | None = None
    direction: Direction = Direction.ENTRY
    enabled: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        for place in self.groups:
            check_place(place)
        between("rate", self.rate, 0.5, 30)
        for polygon in (*self.regions, *self.privacy):
            if not 3 <= len(polygon) <= 32:
                raise InvalidDoorError("a zone has 3 to 32 corners")
            if any(not 0 <= part <= 1 for point in polygon for part in point):
                raise InvalidDoorError("the corners of a zone are fractions of the picture, 0 to 1")
        if len(self.regions) + len(self.privacy) > 32:
            raise InvalidDoorError("a camera has at most 32 zones")


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera for display: `host` is its address without user name, password and path.

    Attributes:
        camera_id: identifies it.
        resource_id: id of the resource that owns it.
        name: name of the resource's cameras only this one has it.
        host: address for display, such as `rtsp://192.168.1.20:554`, `webcam` or `file`.
        spec: the rest of its configuration.
        created_at: when it was created.
        changed_at: time of the last change; the process that runs the camera applies it then.
    """

    camera_id: UUID
    resource_id: UUID
    name: str
    host: str
    spec: CameraSpec
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSpec:
    """A door's configuration except its actuator, which may contain keys and is stored separately.

    Attributes:
        time_zone: IANA name; schedules are in its local time.
        area: the area behind the door; doors of one area share their presence. The door's own name when empty.
        confidence: least confidence of a person, 0.5 (the operating point of the recogniser) to 1.
        margin: least lead over the second candidate, in confidence.
        frames: least number of frames that agree on the person.
        agreement: least share of the readable frames that agree.
        quality: least quality of the best shot.
        face_px: least height or width of the face, in pixels of the source.
        liveness: least passive liveness for rules that require it, 0 to 1.
        hold_off_seconds: seconds for which a person who was let through is not let through again.
        anti_passback: whether entry is refused to people inside, and exit to people who are not.
        passback_hours: hours after which a person who entered counts as outside.
        badge_seconds: how long a badge counts with a face.
        pair_seconds: seconds for which the first of two persons waits for the second.
        decision_seconds: seconds after which a decision that was not executed expires.
        open_seconds: how long a relay is asked to open.
        strangers: the treatment of strangers.
        pictures: whether events keep the best shot, encrypted.
        picture_days: how long.
        event_days: how long events are kept.
        duress: persons whose recognition is a silent alarm.
        enabled: whether it may open at all.
    """

    time_zone: str = "UTC"
    area: str = ""
    confidence: float = 0.6
    margin: float = 0.1
    frames: int = 3
    agreement: float = 0.6
    quality: Quality = Quality.MEDIUM
    face_px: int = 80
    liveness: float = 0.5
    hold_off_seconds: float = 5.0
    anti_passback: bool = False
    passback_hours: float = 12.0
    badge_seconds: float = 20.0
    pair_seconds: float = 20.0
    decision_seconds: float = 3.0
    open_seconds: float = 5.0
    strangers: Strangers = Strangers.RECORD
    pictures: bool = False
    picture_days: int = 7
    event_days: int = 90
    duress: tuple[UUID, ...] = ()
    enabled: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        zone_of(self.time_zone)
        if self.area:
            check_name("area", self.area)
        between("confidence", self.confidence, 0.5, 1)
        between("margin", self.margin, 0, 0.5)
        between("frames", self.frames, 1, 50)
        between("agreement", self.agreement, 0.5, 1)
        between("facePx", self.face_px, 36, 4096)
        between("liveness", self.liveness, 0.01, 1)
        between("holdOffSeconds", self.hold_off_seconds, 0, 3600)
        between("passbackHours", self.passback_hours, 0.01, MOST_PASSBACK_HOURS)
        between("badgeSeconds", self.badge_seconds, 1, 120)
        between("pairSeconds", self.pair_seconds, 1, 120)
        between("decisionSeconds", self.decision_seconds, 0.5, 10)
        between("openSeconds", self.open_seconds, 0.5, 60)
        between("pictureDays", self.picture_days, 1, 90)
        between("eventDays", self.event_days, 1, 3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A door for display.

    Attributes:
        door_id: identifies it.
        resource_id: id of the resource that owns it.
        name: name of the resource's doors only this one has it.
        spec: its configuration.
        actuator: the kind of actuator, such as `osdp` or `none`, without secrets.
        created_at: when it was created.
        changed_at: time of the last change.
    """

    door_id: UUID
    resource_id: UUID
    name: str
    spec: DoorSpec
    actuator: str
    created_at: datetime
    changed_at: datetime

    @property
    def area(self) -> str:
        """The area behind the door."""
        return self.spec.area or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours of some days of the week, in local time.

    Attributes:
        days: 0 (Monday) to 6.
        start: minutes after midnight, 0 to 1439.
        end: minutes after midnight, 1 to 1440, exclusive; if not after `start`, on the next day.
    """

    days: tuple[int, ...]
    start: int
    end: int

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        if not self.days or any(not 0 <= day <= 6 for day in self.days):
            raise InvalidDoorError("the days of a schedule are 0 (Monday) to 6 (Sunday)")
        between("start", self.start, 0, DAY - 1)
        between("end", self.end, 1, DAY)


ALWAYS: Final = (Window(days=(0, 1, 2, 3, 4, 5, 6), start=0, end=DAY),)


class Lack(StrEnum):
    """A missing part of a rule, without which it allows nothing."""

    WHO = "who"
    WHERE = "where"
    WHEN = "when"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule: who may pass which doors, when and how. Empty fields allow nobody, nowhere, never.

    Attributes:
        name: for people.
        doors: the doors that it applies to.
        directions: which way.
        groups: groups whose people it allows.
        persons: people whom it allows.
        visitors: whether it allows everyone who is a visitor at that time.
        schedule: the weekly schedule.
        holidays: the effect of holidays.
        first_day: not before this local day.
        last_day: not after this local day.
        how: the evidence besides the face.
        liveness: whether the material evidence must say that the face is live.
        enabled: whether it counts.
    """

    name: str
    doors: tuple[UUID, ...] = ()
    directions: tuple[Direction, ...] = (Direction.ENTRY, Direction.EXIT)
    groups: tuple[str, ...] = ()
    persons: tuple[UUID, ...] = ()
    visitors: bool = False
    schedule: tuple[Window, ...] = ()
    holidays: Holidays = Holidays.CLOSED
    first_day: date | None = None
    last_day: date | None = None
    how: How = How.FACE
    liveness: bool = True
    enabled: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        check_name("name", self.name)
        for place in self.groups:
            check_place(place)
        if self.first_day is not None and self.last_day is not None and self.last_day < self.first_day:
            raise InvalidDoorError("a rule's last day is not before its first")
        if len(self.schedule) > 50 or len(self.persons) > 1000 or len(self.groups) > 100:
            raise InvalidDoorError("a rule has at most 50 windows, 100 groups and 1000 persons")

    @property
    def lacks(self) -> Lack | None:
        """The part without which it allows nothing; None if it has all."""
        if not (self.groups or self.persons or self.visitors):
            return Lack.WHO
        if not (self.doors and self.directions):
            return Lack.WHERE
        return None if self.schedule else Lack.WHEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule with its position.

    Attributes:
        rule_id: identifies it.
        position: rules are tried in this order; the first that allows the person is the reason.
        spec: the configuration of the rule.
    """

    rule_id: UUID
    position: int
    spec: RuleSpec
