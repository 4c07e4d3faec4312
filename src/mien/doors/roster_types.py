"""People at doors: persons, visitors and badges; frozen, checked at construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mien.doors.checks import between
from mien.doors.errors import InvalidDoorError


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterPerson:
    """An enrolled person, by group.

    Attributes:
        place: `personGroup/ID`, `largePersonGroup/ID` or `directory`.
        person_id: their id.
        name: their current name; "" if there is none.
    """

    place: str
    person_id: UUID
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVisitor:
    """A person who is a visitor for a time.

    Attributes:
        visitor_id: identifies the visit.
        person: the person.
        starts_at: from when.
        ends_at: until when.
        host: the person whom they visit.
    """

    visitor_id: UUID
    person: RosterPerson
    starts_at: datetime
    ends_at: datetime
    host: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeNumber:
    """The number of a badge.

    Attributes:
        number: the card number; at most 2^bits - 1 together with the facility.
        facility: the facility code of the 26-bit Wiegand format, 0 to 255; None for a plain number.
        bits: length of a plain number in bits.
    """

    number: int = field(repr=False)
    facility: int | None = None
    bits: int = 32

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        if self.facility is not None:
            between("facility", self.facility, 0, 255)
            between("number", self.number, 0, 65535)
        else:
            between("bits", self.bits, 8, 64)
            between("number", self.number, 0, (1 << self.bits) - 1)

    @classmethod
    def parse(cls, text: str, bits: int = 32) -> BadgeNumber:
        """Parse a number as people write it: `FACILITY:NUMBER`, or only the number with its length in bits.

        Raises:
            InvalidDoorError: it is not a badge number, or a part of it is out of range.
        """
        facility, colon, number = text.partition(":")
        try:
            if colon:
                return cls(number=int(number), facility=int(facility))
            return cls(number=int(text), bits=bits)
        except ValueError:
            raise InvalidDoorError("a badge is FACILITY:NUMBER or NUMBER") from None

    @property
    def text(self) -> str:
        """The number as people write it: `FACILITY:NUMBER`, or only the number."""
        return str(self.number) if self.facility is None else f"{self.facility}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A badge; its number is not shown.

    Attributes:
        badge_id: identifies it.
        person: the owner of the badge.
        duress: whether its use is a silent alarm.
        ends_at: until when it counts; None for no end.
    """

    badge_id: UUID
    person: RosterPerson
    duress: bool
    ends_at: datetime | None
