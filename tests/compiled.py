"""Statements that SQLAlchemy compiled are kept from database to database: nearly every test has one of its own.

A server has one engine, which compiles each statement once. The tests make thousands of engines, and each would compile
all its statements again: a third of the processor time of tests over a database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_STATEMENTS = 5000

_compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS)


def share_compiled_statements() -> None:
    """Let all engines of this process use one cache, in which dialects of one kind and version are the same."""
    for kind in (PGDialect_psycopg, SQLiteDialect_pysqlite):
        kind.engine_created = staticmethod(_share)  # type: ignore[method-assign]  # SQLAlchemy's hook for it
        kind.__hash__ = _hash  # type: ignore[method-assign]
        kind.__eq__ = _is_same  # type: ignore[method-assign]


def _share(engine: Engine) -> None:
    engine._compiled_cache = _compiled


def _hash(self: Any) -> int:
    return hash(type(self))


def _is_same(self: Any, other: object) -> bool:
    return self is other or (type(self) is type(other) and _version(self) == _version(other))


def _version(dialect: Any) -> object:
    return getattr(dialect, "server_version_info", None)
