"""A resource with doors on an empty database, SQLite and PostgreSQL alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from tests.subjects.world import SubjectsWorld, open_place

from mien.clock import ManualClock
from mien.doors.cameras import Cameras
from mien.doors.doors import Doors
from mien.events import AuditLog
from mien.storage import Database, Vault


@dataclass(frozen=True)
class House:
    """What tests work on.

    Attributes:
        place: a gallery with resources.
        cameras: under test.
        doors: under test.
        other: another resource.
    """

    place: SubjectsWorld
    database: Database
    vault: Vault
    clock: ManualClock
    audit: AuditLog
    cameras: Cameras
    doors: Doors

    @property
    def owner(self) -> UUID:
        return self.place.owner

    @property
    def other(self) -> UUID:
        return self.place.other


@pytest.fixture
def house(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> House:
    place = open_place(database, vault, clock, tmp_path)
    state = (database, vault, clock, place.audit)
    return House(place, database, vault, clock, place.audit, Cameras(*state), Doors(*state))
