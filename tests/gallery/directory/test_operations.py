from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.gallery.directory.world import World
from tests.manual_clock import ManualClock

from mien.gallery.errors import OperationNotFoundError
from mien.gallery.types import OperationState
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import OperationRow


def test_an_operation_is_kept_for_48_hours_to_the_microsecond(
    world: World, clock: ManualClock, database: Database
) -> None:
    began = clock.now()
    operation = world.persons.create(world.owner, "Ada").operation_id
    clock.advance(timedelta(hours=48) - timedelta(microseconds=1))
    assert world.operations.purge_expired() == 0
    found = world.operations.get(world.owner, operation.upper())
    assert (found.operation_id, found.status, found.message) == (operation, OperationState.SUCCEEDED, None)
    assert (found.created, found.last_action, found.finished) == (began, began, began)
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(OperationNotFoundError):
        world.operations.get(world.owner, operation)
    later = world.persons.create(world.owner, "Grace").operation_id
    assert world.operations.purge_expired() == 1
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalar(select(func.count()).select_from(OperationRow)) == 1
    assert world.operations.get(world.owner, later).operation_id == later


def test_an_unknown_operation_is_not_found(world: World) -> None:
    for operation in ("", "x", str(uuid4())):
        with pytest.raises(OperationNotFoundError):
            world.operations.get(world.owner, operation)


def test_many_expired_operations_are_purged_in_one_round(world: World, clock: ManualClock, database: Database) -> None:
    now = clock.now()
    with database.write(world.owner) as session:
        for _ in range(1201):
            world.operations.succeeded(session, world.owner)
    clock.advance(timedelta(hours=48))
    assert clock.now() - now == timedelta(hours=48)
    assert world.operations.purge_expired() == 1201
