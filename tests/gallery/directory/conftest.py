"""A person directory over an engine whose photos are texts (`tests.gallery.texts`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gallery.directory.world import World, build
from tests.manual_clock import ManualClock

from mien.storage import Database, Vault


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    return build(database, vault, clock, tmp_path)
