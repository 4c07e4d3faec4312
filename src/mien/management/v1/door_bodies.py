"""Request and response bodies of the routes for cameras and doors."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import Field
from pydantic.alias_generators import to_camel

from mien.doors.codec import dump
from mien.doors.roster_types import BadgeNumber
from mien.doors.types import (
    Camera,
    CameraSpec,
    Direction,
    Door,
    DoorSpec,
    Holidays,
    How,
    Quality,
    Rule,
    RuleSpec,
    Strangers,
    Window,
)
from mien.management.routing import Shown, Strict
from mien.management.v1.fields import Moment

T = TypeVar("T")

ConfiguredName = Annotated[str, Field(min_length=1, max_length=64)]
Place = Annotated[
    str,
    Field(
        max_length=90,
        description="`personGroup/ID`, `largePersonGroup/ID`, `dynamicGroup/ID` or `directory`.",
    ),
]
Source = Annotated[str, Field(max_length=2000, description="Address with its credentials; it is never shown again.")]
Corner = tuple[float, float]


class CameraFields(Strict):
    """The settings of a camera; what is absent keeps its value or has its default."""

    groups: list[Place] | None = None
    rate: float | None = None
    regions: list[list[Corner]] | None = None
    privacy: list[list[Corner]] | None = None
    door: UUID | None = None
    direction: Direction | None = None
    enabled: bool | None = None


class CameraWanted(CameraFields):
    """A camera to be added."""

    name: ConfiguredName
    source: Source


class CameraChange(CameraFields):
    """A change of a camera."""

    name: ConfiguredName | None = None
    source: Source | None = None


class DoorFields(Strict):
    """The settings of a door; what is absent keeps its value or has its default."""

    time_zone: str | None = None
    area: str | None = None
    confidence: float | None = None
    margin: float | None = None
    frames: int | None = None
    agreement: float | None = None
    quality: Quality | None = None
    face_px: int | None = None
    liveness: float | None = None
    hold_off_seconds: float | None = None
    anti_passback: bool | None = None
    passback_hours: float | None = None
    badge_seconds: float | None = None
    pair_seconds: float | None = None
    decision_seconds: float | None = None
    open_seconds: float | None = None
    strangers: Strangers | None = None
    pictures: bool | None = None
    picture_days: int | None = None
    event_days: int | None = None
    duress: list[UUID] | None = None
    enabled: bool | None = None


class ActuatorBody(Strict):
    """A door's actuator; its secrets are never shown again."""

    kind: Literal["none", "osdp", "relay", "mqtt"]
    port: str | None = None
    baud: int | None = None
    address: int | None = None
    key: str | None = None
    url: str | None = None
    method: Literal["GET", "POST", "PUT"] | None = None
    body: str | None = None
    content_type: str | None = None
    token: str | None = None
    topic: str | None = None
    payload: str | None = None

    def text(self) -> str:
        """Return the actuator in the text form of the service."""
        return json.dumps({name: getattr(self, name) for name in self.model_fields_set})


class DoorWanted(DoorFields):
    """A door to be added."""

    name: ConfiguredName
    actuator: ActuatorBody = ActuatorBody(kind="none")


class DoorChange(DoorFields):
    """A change of a door."""

    name: ConfiguredName | None = None
    actuator: ActuatorBody | None = None


class WindowBody(Strict):
    """Hours of some days: 0 is Monday, minutes after midnight in the door's time zone."""

    days: list[int]
    start: int
    end: int


class RuleBody(Strict):
    """A rule; what is absent allows nobody, nowhere, never."""

    name: ConfiguredName
    doors: list[UUID] = Field(default_factory=list, max_length=200)
    directions: list[Direction] = Field(default_factory=lambda: list(Direction))
    groups: list[Place] = Field(default_factory=list)
    persons: list[UUID] = Field(default_factory=list)
    visitors: bool = False
    schedule: list[WindowBody] = Field(default_factory=list)
    holidays: Holidays = Holidays.CLOSED
    first_day: date | None = None
    last_day: date | None = None
    how: How = How.FACE
    liveness: bool = True
    enabled: bool = True
    position: int | None = None

    def spec(self) -> RuleSpec:
        """Return the service's object."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "position"}
        windows = (Window(days=tuple(one.days), start=one.start, end=one.end) for one in self.schedule)
        return RuleSpec(**_tuples(fields) | {"schedule": tuple(windows)})


class VisitorWanted(Strict):
    """A visitor to be added."""

    place: Place
    person_id: UUID
    starts_at: Moment | None = None
    ends_at: Moment
    host: Annotated[str | None, Field(max_length=200)] = None


class BadgeBody(Strict):
    """The number of a badge."""

    number: Annotated[int, Field(ge=0, lt=1 << 64)]
    facility: int | None = None
    bits: int = 32

    def badge(self) -> BadgeNumber:
        """Return the service's object."""
        return BadgeNumber(number=self.number, facility=self.facility, bits=self.bits)


class BadgeWanted(BadgeBody):
    """A badge to be registered."""

    place: Place
    person_id: UUID
    duress: bool = False
    ends_at: Moment | None = None


class BadgeRead(BadgeBody):
    """A badge that was presented at a door."""

    reader: Annotated[str, Field(min_length=1, max_length=64)] = "control plane"


class CheckBody(Strict):
    """A person at a door at a moment; now when it is absent."""

    place: Place
    person_id: UUID
    at: Moment | None = None
    direction: Direction = Direction.ENTRY
    badge: bool = False
    second: bool = False
    live: bool = True


class ReviewBody(Strict):
    """The review of an event by an operator."""

    review: Literal["confirmed", "not_this_person", "this_is"]
    place: Place | None = None
    person_id: UUID | None = None
    enrol: bool = False


class HolidayBody(Strict):
    """The name of a holiday."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class CameraSeen(Shown):
    """A camera; of its address only what is no secret."""

    id: UUID
    name: str
    host: str
    settings: dict[str, Any]
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, camera: Camera) -> CameraSeen:
        """Return the response for a camera."""
        return cls(
            id=camera.camera_id,
            name=camera.name,
            host=camera.host,
            settings=_settings(camera.spec),
            created_at=camera.created_at,
            changed_at=camera.changed_at,
        )


class DoorSeen(Shown):
    """A door; of its actuator only what is no secret."""

    id: UUID
    name: str
    actuator: str
    settings: dict[str, Any]
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, door: Door) -> DoorSeen:
        """Return the response for a door."""
        return cls(
            id=door.door_id,
            name=door.name,
            actuator=door.actuator,
            settings=_settings(door.spec),
            created_at=door.created_at,
            changed_at=door.changed_at,
        )


class RuleSeen(Shown):
    """A rule, and what it says in a sentence."""

    id: UUID
    position: int
    sentence: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, rule: Rule, sentence: str) -> RuleSeen:
        """Return the response for a rule."""
        return cls(id=rule.rule_id, position=rule.position, sentence=sentence, settings=_settings(rule.spec))


class PersonSeen(Shown):
    """Somebody who is enrolled."""

    place: str
    person_id: UUID
    name: str


class VisitorSeen(Shown):
    """A visitor."""

    visitor_id: UUID
    person: PersonSeen
    starts_at: datetime
    ends_at: datetime
    host: str | None


class BadgeSeen(Shown):
    """A badge, without its number."""

    badge_id: UUID
    person: PersonSeen
    duress: bool
    ends_at: datetime | None


class InsideSeen(Shown):
    """Somebody inside."""

    area: str
    person: PersonSeen
    since: datetime


class HolidaySeen(Shown):
    """A holiday."""

    day: date
    name: str


class VerdictSeen(Shown):
    """The verdict and its reasons."""

    granted: bool
    code: str
    rule: str | None
    reasons: list[str]
    duress: bool


class Listed(Shown):
    """A list."""

    value: list[Any]


class Emptied(Shown):
    """How many persons were inside."""

    persons: int


def merged(spec: T, body: Strict) -> T:
    """Return a configuration with the values that a body sets.

    Args:
        spec: a frozen dataclass.
        body: a body; fields that the configuration lacks are ignored.
    """
    names = {one.name for one in dataclasses.fields(spec)}  # type: ignore[arg-type]  # only dataclasses come here
    given = {name: getattr(body, name) for name in body.model_fields_set if name in names}
    nullable = {"door"}
    set_ = {name: value for name, value in given.items() if value is not None or name in nullable}
    return dataclasses.replace(spec, **_tuples(set_))  # type: ignore[type-var]  # as above


def camera_spec(body: CameraFields, before: CameraSpec | None = None) -> CameraSpec:
    """Return a camera's configuration."""
    return merged(before or CameraSpec(), body)


def door_spec(body: DoorFields, before: DoorSpec | None = None) -> DoorSpec:
    """Return a door's configuration."""
    return merged(before or DoorSpec(), body)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in fields.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(one) for one in value) if isinstance(value, list) else value


def _settings(spec: object) -> dict[str, Any]:
    return {to_camel(name): value for name, value in json.loads(dump(spec)).items()}
