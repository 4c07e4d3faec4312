"""The rows about a person in every table that has them, with all columns that the table has.

A table or column that is added is found without being named here.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Column, LargeBinary, Table, Text, select
from sqlalchemy.orm import Session

from mien.gallery.correction_records import CorrectionKind
from mien.storage.base import Base
from mien.storage.tables import CorrectionRow, DoorRow, DoorRuleRow

_INTERNAL: Final = frozenset({"resource_id", "collection"})


def rows_about(session: Session, collections: Collection[UUID], member: UUID) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about a person, or about a face of a list, by table.

    Encrypted columns and hashes are left out.

    Args:
        session: session on the resource.
        collections: internal ids of the collections that have the person and their faces.
        member: id of the person, or of the face of a list.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    tables: list[Any] = [mapper.class_ for mapper in Base.registry.mappers]
    for table in sorted(tables, key=lambda one: str(one.__tablename__)):
        columns = cast("Table", table.__table__).c
        if "collection" not in columns or "person_id" not in columns:
            continue
        theirs = table.person_id == member
        if table is CorrectionRow:  # a person merged into this one was the same; faces moved here were another's
            merged = (CorrectionRow.into == member) & (CorrectionRow.kind == CorrectionKind.MERGE.value)
            theirs = theirs | merged
        readable = [one.name for one in columns if one.name not in _INTERNAL and not isinstance(one.type, LargeBinary)]
        query = (
            select(*(getattr(table, name) for name in readable))
            .where(table.collection.in_(collections), theirs)
            .order_by(*table.__table__.primary_key)
        )
        if rows := session.execute(query).mappings().all():
            found[table.__tablename__] = [{name: _value(columns[name], row[name]) for name in row} for row in rows]
    return found | _configured(session, member)


def _configured(session: Session, member: UUID) -> dict[str, list[dict[str, Any]]]:
    """Return the rules of doors that name a person, and the doors at which they are a duress person.

    The other people whom a rule or door names are left out.
    """
    named = str(member)
    rules = session.scalars(select(DoorRuleRow).where(DoorRuleRow.spec.contains(named)).order_by(DoorRuleRow.position))
    doors = session.scalars(select(DoorRow).where(DoorRow.spec.contains(named)).order_by(DoorRow.door_id))
    found = {
        "door_rules": [{"rule_id": one.rule_id, "name": json.loads(one.spec)["name"]} for one in rules],
        "doors": [{"door_id": one.door_id, "name": one.name, "duress": True} for one in doors],
    }
    return {table: rows for table, rows in found.items() if rows}


def _value(column: Column[Any], value: Any) -> Any:
    """Return a value as it is exported; columns of the type `Text` contain JSON."""
    return json.loads(value) if isinstance(column.type, Text) and value is not None else value
