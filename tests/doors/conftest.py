"""A resource with doors on an empty database, SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.doors.parts import Recorder
from tests.manual_clock import ManualClock
from tests.subjects.world import SubjectsWorld, open_place

from mien.doors.actuators.config import NoActuator
from mien.doors.cameras import Cameras
from mien.doors.decisions import Decisions
from mien.doors.doors import Doors
from mien.doors.events import Event
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.journal import DoorEvents
from mien.doors.openings import Openings
from mien.doors.roster import Roster
from mien.doors.types import ALWAYS, Direction, Door, DoorSpec, Rule, RuleSpec
from mien.events import AuditLog
from mien.gallery.errors import CollectionExistsError
from mien.gallery.kinds import CollectionRef, Kind
from mien.storage import Database, Vault
from mien.storage.claims import Claims, Held

STAFF = "largePersonGroup/staff"


@dataclass(frozen=True)
class House:
    """What tests work on.

    Attributes:
        place: a gallery with resources.
        cameras: under test.
        doors: under test.
        events: under test.
        roster: under test.
        decisions: under test.
        approved: resources that are approved for video identification.
    """

    place: SubjectsWorld
    database: Database
    vault: Vault
    clock: ManualClock
    audit: AuditLog
    cameras: Cameras
    doors: Doors
    events: DoorEvents
    roster: Roster
    decisions: Decisions
    approved: set[UUID]
    claims: Claims
    opened: list[Openings] = field(default_factory=list)

    @property
    def owner(self) -> UUID:
        return self.place.owner

    @property
    def other(self) -> UUID:
        return self.place.other

    def group(self, group: str, kind: Kind = Kind.LARGE_PERSON_GROUP, model: str = "recognition_04") -> CollectionRef:
        """Create a group unless it exists."""
        ref = CollectionRef(self.owner, kind, group)
        with suppress(CollectionExistsError):
            self.place.world.gallery.collections.create(ref, group, None, model)
        return ref

    def person(self, name: str, group: str = "staff") -> UUID:
        """Enrol somebody in a large person group."""
        return UUID(self.place.world.gallery.persons.create(self.group(group), name))

    def door(self, name: str = "Front", spec: DoorSpec | None = None) -> Door:
        return self.doors.create(self.owner, name, spec or DoorSpec(), NoActuator(), actor="anna")

    def rule(self, door: Door, **changes: object) -> Rule:
        staff = RuleSpec(name="Staff", doors=(door.door_id,), groups=(STAFF,), schedule=ALWAYS)
        return self.doors.add_rule(self.owner, replace(staff, **changes), actor="anna")  # type: ignore[arg-type]  # fields

    def watched(self, door: Door, direction: Direction = Direction.ENTRY, *, opens: bool = True) -> TrackSource:
        return TrackSource(
            resource_id=self.owner, camera="Lobby", door_id=door.door_id, direction=direction, opens=opens
        )

    def evidence(self, person: UUID | None, group: str = "staff", **changes: object) -> TrackEvidence:
        """Good evidence of somebody, as of now."""
        best = TrackCandidate(group, str(person), "", 0.93) if person else None
        now = self.clock.now()
        made = TrackEvidence("Lobby", "7", now, now, 9, 8, 8, best, None, "high", 150, 0.9)
        return replace(made, **changes)  # type: ignore[arg-type]  # fields of the tests' choice

    def openings(self, door: Door, actuator: Recorder, held: Held) -> Openings:
        made = Openings(self.database, self.clock, (self.owner, door.door_id), actuator, held)
        self.opened.append(made)
        return made

    def all(self) -> list[Event]:
        return list(self.events.all(self.owner))


@pytest.fixture
def house(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> Iterator[House]:
    place = open_place(database, vault, clock, tmp_path)
    state = (database, vault, clock, place.audit)
    events = DoorEvents(database, vault, clock)
    roster = Roster(*state, events)
    approved = {place.owner, place.other}
    decisions = Decisions(database, clock, events, roster, approved.__contains__)
    claims = Claims(database)
    made = House(
        place,
        database,
        vault,
        clock,
        place.audit,
        Cameras(*state),
        Doors(*state),
        events,
        roster,
        decisions,
        approved,
        claims,
    )
    made.group("staff")
    yield made
    for one in made.opened:
        one.stop()
    claims.close()
