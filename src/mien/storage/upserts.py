"""Upserts: insertions that change a row if it exists. Each dialect has its own class for them."""

from __future__ import annotations

from typing import Any

from mien.storage.base import Base
from mien.storage.database import Database


def insertion(database: Database, table: type[Base]) -> Any:
    """Return an insertion into a table that has `on_conflict_do_update` and `excluded`."""
    if database.is_sqlite:
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415  only the dialect in use is loaded

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # noqa: PLC0415  likewise

    return insert_postgresql(table)
