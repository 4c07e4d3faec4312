"""Copies of rows. A column is copied because its table has it: only the values that must differ are named.

persons = session.execute(whole(PersonRow).where(PersonRow.collection == source)).mappings()
session.execute(insert(PersonRow), [copy_values(person, collection=target) for person in persons])
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import FromClause, Select, inspect, select
from sqlalchemy.sql.elements import ColumnElement

from mien.storage.base import Base, UtcDateTime

R = TypeVar("R", bound=Base)


def whole(table: type[Base]) -> Select[Any]:
    """Return a query for all columns of a table, which returns mappings instead of objects."""
    return select(*(getattr(table, name) for name in _columns(table)))


def copy_values(values: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the values of a copy of a row.

    Args:
        values: all columns of the row, by name.
        changes: the columns in which the copy differs.

    Raises:
        TypeError: the row has no such column.
    """
    if unknown := changes.keys() - values.keys():
        raise TypeError(f"no such columns: {', '.join(sorted(unknown))}")
    return {**values, **changes}


def copy_row(row: R, **changes: Any) -> R:
    """Return a copy of a row that no session knows yet.

    Args:
        row: the row; all of its columns are copied.
        changes: the columns in which the copy differs.

    Raises:
        TypeError: the row has no such column.
    """
    return type(row)(**copy_values({name: getattr(row, name) for name in _columns(type(row))}, **changes))


def to_json(row: Base, leave: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns of a row as JSON values, by name; `from_json` reads them.

    Args:
        row: the row.
        leave: the columns to leave out.
    """
    values = {name: getattr(row, name) for name in _columns(type(row)) if name not in leave}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def from_json(table: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the columns that `to_json` wrote; everything else in `values` is ignored."""
    kinds = {name: column.type for name, column in _columns(table).items() if name in values}
    moments = {name for name, kind in kinds.items() if isinstance(kind, UtcDateTime) and values[name] is not None}
    return {name: datetime.fromisoformat(values[name]) if name in moments else values[name] for name in kinds}


def copy_columns(to: FromClause, source: FromClause, **changes: ColumnElement[Any]) -> Select[Any]:
    """Return a query that fills all columns of one table from another, for `insert(to).from_select(to.c, …)`.

    Args:
        to: the table to insert into.
        source: the table to read.
        changes: expressions for the columns that `source` does not have, or that differ.

    Raises:
        KeyError: `to` has a column that neither `source` nor `changes` has.
    """
    return select(*(changes[column.name] if column.name in changes else source.c[column.name] for column in to.c))


def _columns(table: type[Base]) -> dict[str, ColumnElement[Any]]:
    """Return the columns of a table by the names of their attributes."""
    return {one.key: one.columns[0] for one in inspect(table).column_attrs}
