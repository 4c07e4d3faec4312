"""The free tier's calls per month, counted in the database for all servers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite

from mien.accounts import Sku
from mien.clock import Clock
from mien.gateway.errors import VolumeExceededError
from mien.gateway.exchange import Exchange
from mien.storage import Database
from mien.storage.tables import CallVolumeRow

DAY_SECONDS: Final = 86_400.0


class CallVolume:
    """The gateway's step that limits the calls of free resources per calendar month (UTC).

    Args:
        database: the database with the counts.
        clock: the clock.
        limit: allowed calls per month.
    """

    def __init__(self, database: Database, clock: Clock, limit: int = 30_000) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._insert = sqlite.insert if database.is_sqlite else postgresql.insert

    async def __call__(self, exchange: Exchange) -> None:
        """Count a call of a free resource.

        Raises:
            VolumeExceededError: the month's calls are used up.
        """
        resource = exchange.caller
        if resource is None or not exchange.version or resource.sku is not Sku.FREE:
            return
        if not await asyncio.to_thread(self.take, resource.id):
            exchange.blocked = True
            now = self._clock.now()
            raise VolumeExceededError((_next_month(now) - now).total_seconds() / DAY_SECONDS, self._limit)

    def take(self, resource_id: UUID) -> bool:
        """Count a call, in one statement, if one is left; return whether one was left."""
        month = self._clock.now().strftime("%Y-%m")
        first = self._insert(CallVolumeRow).values(resource_id=resource_id, month=month, calls=1)
        statement = first.on_conflict_do_update(
            index_elements=[CallVolumeRow.resource_id, CallVolumeRow.month],
            set_={"calls": CallVolumeRow.calls + 1},
            where=CallVolumeRow.calls < self._limit,
        ).returning(CallVolumeRow.calls)
        with self._database.writing_connection() as connection:
            return connection.execute(statement).first() is not None


def _next_month(now: datetime) -> datetime:
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)
