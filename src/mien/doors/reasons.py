"""Reasons why a door opened or stayed shut: codes for programs, and texts with numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Number = float | int | str | None


class Code(StrEnum):
    """The reason of a decision or of another event."""

    GRANTED = "granted"
    NOT_APPROVED = "not_approved"
    DOOR_DISABLED = "door_disabled"
    EVIDENCE_OLD = "evidence_old"
    STRANGER = "stranger"
    PERSON_UNKNOWN = "person_unknown"
    FRAMES = "frames"
    AGREEMENT = "agreement"
    CONFIDENCE = "confidence"
    MARGIN = "margin"
    QUALITY = "quality"
    FACE_SIZE = "face_size"
    HOLD_OFF = "hold_off"
    ALREADY_INSIDE = "already_inside"
    NOT_INSIDE = "not_inside"
    NO_RULE = "no_rule"
    NOT_ALLOWED = "not_allowed"
    WRONG_TIME = "wrong_time"
    LIVENESS_MISSING = "liveness_missing"
    LIVENESS = "liveness"
    HELD_PICTURE = "held_picture"
    BADGE_MISSING = "badge_missing"
    BADGE_OF_OTHER = "badge_of_other"
    SECOND_PERSON_MISSING = "second_person_missing"
    CHECKED_IN = "checked_in"
    NOT_LIVE = "not_live"
    CODE_UNKNOWN = "code_unknown"
    CONNECTED = "connected"
    LOST = "lost"
    BADGE = "badge"
    BADGE_UNKNOWN = "badge_unknown"
    SEEN = "seen"
    TAKEN_OUT = "taken_out"
    EMPTIED = "emptied"


WORDS: Final[Mapping[Code, str]] = {
    Code.GRANTED: "Every condition is met.",
    Code.NOT_APPROVED: "The resource is not approved for video identification.",
    Code.DOOR_DISABLED: "The door is switched off.",
    Code.EVIDENCE_OLD: "The evidence is {have} s old; it counts for {wanted} s.",
    Code.STRANGER: "Nobody in the camera's groups is similar enough.",
    Code.PERSON_UNKNOWN: "The person is not enrolled any more.",
    Code.FRAMES: "Frames that agree: {have}; needed: {wanted}.",
    Code.AGREEMENT: "{have} of the readable frames agree; {wanted} is needed.",
    Code.CONFIDENCE: "The confidence is {have}; {wanted} is needed.",
    Code.MARGIN: "The lead over the second candidate is {have}; {wanted} is needed.",
    Code.QUALITY: "The best picture has {have} quality; {wanted} is needed.",
    Code.FACE_SIZE: "The face is {have} pixels wide; {wanted} are needed.",
    Code.HOLD_OFF: "The person passed {have} s ago; the hold-off is {wanted} s.",
    Code.ALREADY_INSIDE: "The person is inside already (anti-passback).",
    Code.NOT_INSIDE: "The person is not inside (anti-passback).",
    Code.NO_RULE: "No rule applies to this door and direction.",
    Code.NOT_ALLOWED: "No rule allows the person.",
    Code.WRONG_TIME: "The rule does not apply at this time.",
    Code.LIVENESS_MISSING: (
        "Liveness was not measured yet: it takes three views of the face with its surroundings. {wanted} is needed."
    ),
    Code.LIVENESS: "The liveness evidence is {have}; {wanted} is needed.",
    Code.HELD_PICTURE: "Straight edges move with the face, as those of a print or screen that somebody holds.",
    Code.BADGE_MISSING: "A badge of the person is needed within {wanted} s.",
    Code.BADGE_OF_OTHER: "The badge belongs to somebody else.",
    Code.SECOND_PERSON_MISSING: "A second person is needed within {wanted} s.",
    Code.CHECKED_IN: "The person checked in at a kiosk.",
    Code.NOT_LIVE: "The liveness check did not find a live face.",
    Code.CODE_UNKNOWN: "The code belongs to no badge or visit that is valid now.",
    Code.CONNECTED: "The camera sends pictures.",
    Code.LOST: "No picture arrives from the camera.",
    Code.BADGE: "A badge was presented.",
    Code.BADGE_UNKNOWN: "A badge was presented that is not registered or no longer valid.",
    Code.SEEN: "The person was seen at a camera without a door.",
    Code.TAKEN_OUT: "An operator recorded that the person is not inside.",
    Code.EMPTIED: "An operator recorded that nobody is inside.",
}

PENDING: Final = frozenset(
    {
        Code.FRAMES,
        Code.AGREEMENT,
        Code.CONFIDENCE,
        Code.MARGIN,
        Code.QUALITY,
        Code.FACE_SIZE,
        Code.LIVENESS_MISSING,
        Code.LIVENESS,
        Code.HELD_PICTURE,
        Code.BADGE_MISSING,
        Code.SECOND_PERSON_MISSING,
        Code.STRANGER,
    }
)
"""Reasons that more evidence of the same track may change."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A condition that is not met.

    Attributes:
        code: the reason.
        have: the actual value.
        wanted: the required value.
    """

    code: Code
    have: Number = None
    wanted: Number = None

    @property
    def text(self) -> str:
        """The condition as a sentence."""
        return WORDS[self.code].format(have=plain(self.have), wanted=plain(self.wanted))


def plain(value: Number) -> Number:
    """Return a value for a sentence: a whole number without decimals."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def number(value: float) -> float:
    """Return a number as a reason shows it; what is not a number counts as nothing."""
    return round(value, 3) if math.isfinite(value) else 0.0


def sentence(code: str, have: Number = None, wanted: Number = None) -> str:
    """Return a stored reason as a sentence; the code itself if this version does not know it."""
    try:
        return Failure(Code(code), have, wanted).text
    except ValueError:
        return code
