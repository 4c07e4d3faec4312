"""A place for each test, on SQLite and PostgreSQL."""

from pathlib import Path

import pytest
from tests.manual_clock import ManualClock
from tests.subjects.world import SubjectsWorld, open_place

from mien.storage import Database, Vault


@pytest.fixture
def place(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> SubjectsWorld:
    return open_place(database, vault, clock, tmp_path)
