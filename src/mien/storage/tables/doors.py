"""Cameras, doors, rules, visitors, badges, holidays, kiosks, events of doors, and presence."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKeyConstraint, Index, LargeBinary, PrimaryKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


def _of_person(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["resource_id", "collection", "person_id"],
        ["persons.resource_id", "persons.collection", "persons.person_id"],
        name=f"fk_{table}_person",
        ondelete="CASCADE",
    )


class CameraRow(Owned, Base):
    """A camera. `source` is its encrypted address, which may contain a password; `spec` is JSON without secrets."""

    __tablename__ = "cameras"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "camera_id"), Index(None, "resource_id", "name", unique=True))

    camera_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(64))
    source: Mapped[bytes] = mapped_column(LargeBinary)
    spec: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class DoorRow(Owned, Base):
    """A door. `spec` is JSON without secrets; `actuator` is encrypted, because it may contain keys and addresses."""

    __tablename__ = "doors"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "door_id"), Index(None, "resource_id", "name", unique=True))

    door_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(64))
    spec: Mapped[str] = mapped_column(Text)
    actuator: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class DoorRuleRow(Owned, Base):
    """A rule of who may pass which doors, when and how; `position` orders the rules of a resource."""

    __tablename__ = "door_rules"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "rule_id"),)

    rule_id: Mapped[UUID]
    position: Mapped[int]
    spec: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class DoorVisitorRow(Owned, Base):
    """A person who is a visitor for a time; deleted with the person."""

    __tablename__ = "door_visitors"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "visitor_id"),
        _of_person("door_visitors"),
        Index("ix_door_visitors_person", "resource_id", "collection", "person_id"),
    )

    visitor_id: Mapped[UUID]
    collection: Mapped[UUID]
    person_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    host: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[str] = mapped_column(String(200))


class DoorBadgeRow(Owned, Base):
    """A badge of a person; deleted with them. `digest` is a keyed hash of the number, `sealed` the encrypted number."""

    __tablename__ = "door_badges"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "badge_id"),
        Index(None, "resource_id", "digest", unique=True),
        _of_person("door_badges"),
        Index("ix_door_badges_person", "resource_id", "collection", "person_id"),
    )

    badge_id: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    collection: Mapped[UUID]
    person_id: Mapped[UUID]
    duress: Mapped[bool]
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class DoorHolidayRow(Owned, Base):
    """A day that is a holiday at all doors of a resource."""

    __tablename__ = "door_holidays"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "day"),)

    day: Mapped[date] = mapped_column(Date)
    name: Mapped[str] = mapped_column(String(100))


class DoorPresenceRow(Owned, Base):
    """A person who was let into an area and not out since; deleted with the person."""

    __tablename__ = "door_presence"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "area", "collection", "person_id"),
        _of_person("door_presence"),
        Index("ix_door_presence_person", "resource_id", "collection", "person_id"),
    )

    area: Mapped[str] = mapped_column(String(64))
    collection: Mapped[UUID]
    person_id: Mapped[UUID]
    since: Mapped[datetime]


class DoorEventRow(Owned, Base):
    """An event of a door or camera, numbered without gaps within its resource.

    `details` is JSON with numbers, codes and names of configuration, never the name of a person. `expires_at` and
    `act` are those of a decision that opens: it is acted on once, and never after it has expired.
    """

    __tablename__ = "door_events"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "number"),
        Index(None, "event_id", unique=True),
        Index(None, "resource_id", "door_id", "at"),
        Index(None, "resource_id", "person_id", "at"),
        Index(None, "act", "expires_at"),
        Index(None, "picture_until"),
    )

    number: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    event_id: Mapped[UUID]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(40))
    granted: Mapped[bool]
    duress: Mapped[bool]
    door_id: Mapped[UUID | None]
    camera: Mapped[str | None] = mapped_column(String(64))
    track: Mapped[str | None] = mapped_column(String(64))
    direction: Mapped[str | None] = mapped_column(String(5))
    rule_id: Mapped[UUID | None]
    collection: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    details: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    act: Mapped[str | None] = mapped_column(String(8))
    acted_at: Mapped[datetime | None]
    act_note: Mapped[str | None] = mapped_column(String(300))
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    picture_until: Mapped[datetime | None]
    review: Mapped[str | None] = mapped_column(String(20))
    reviewed_by: Mapped[str | None] = mapped_column(String(200))
    reviewed_at: Mapped[datetime | None]


class DoorKioskRow(Owned, Base):
    """A kiosk page; `digest` is the keyed hash of the secret in its address."""

    __tablename__ = "door_kiosks"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "kiosk_id"),
        Index(None, "resource_id", "name", unique=True),
        Index(None, "digest", unique=True),
    )

    kiosk_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    spec: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class DoorAcceptanceRow(Owned, Base):
    """An acceptance of a kiosk's consent notice; `notice` is the SHA-256 of the text that was shown."""

    __tablename__ = "door_acceptances"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "acceptance_id"),
        Index(None, "resource_id", "person_id"),
        Index(None, "at"),
    )

    acceptance_id: Mapped[UUID]
    kiosk_id: Mapped[UUID]
    notice: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime]
    collection: Mapped[UUID | None]
    person_id: Mapped[UUID | None]


class DoorCursorRow(Owned, Base):
    """How far a resource's events were sent somewhere: the number of the last one that was."""

    __tablename__ = "door_cursors"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "name"),)

    name: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(BigInteger)
