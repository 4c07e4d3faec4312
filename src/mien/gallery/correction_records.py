"""Records of merges and moves, written in the same transaction; see `corrections`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from mien.gallery.following import following
from mien.storage.copying import to_json
from mien.storage.tables import CollectionRow, CorrectionRow, PersonRow

KEPT: Final = timedelta(days=7)
"""How long a merge or move can be undone."""


class CorrectionKind(StrEnum):
    """The kinds of corrections."""

    MERGE = "merge"
    MOVE = "move"
    GROUP = "group"


def record_correction(
    session: Session,
    row: CollectionRow,
    kind: CorrectionKind,
    *,
    person: PersonRow,
    into: UUID,
    faces: Sequence[UUID],
    now: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    """Record a merge or move, in its transaction.

    Args:
        session: writing session that has locked the collection.
        row: the collection in which it can be undone.
        kind: the kind of correction.
        person: the person who had the faces.
        into: id of the person who has them now.
        faces: ids of the faces.
        now: the time.
        before: data besides name and user data that a merge would lose, or the previous group of a moved person.
    """
    session.add(
        CorrectionRow(
            resource_id=row.resource_id,
            collection=row.uid,
            id=uuid4(),
            kind=kind.value,
            person_id=person.person_id,
            into=into,
            faces=json.dumps([str(face) for face in faces]),
            name=person.name,
            user_data=person.user_data if kind is CorrectionKind.MERGE else None,
            before=json.dumps(before or {}),
            made_at=now,
        )
    )


def before_merge(session: Session, source: PersonRow, target: PersonRow) -> dict[str, Any]:
    """Return the data, besides faces, name and user data, that a merge will change; call it before the merge."""
    kept_elsewhere = {"resource_id", "collection", "person_id", "name", "name_key", "user_data", "faces"}
    return {
        **to_json(source, kept_elsewhere),
        "into_created_at": to_json(target)["created_at"],
        **following(session, source.collection, source.person_id),
    }


def forget_corrections(session: Session, collection: UUID, person_id: UUID) -> None:
    """Delete the records about a person who is being deleted or merged."""
    concerns = or_(CorrectionRow.person_id == person_id, CorrectionRow.into == person_id)
    session.execute(delete(CorrectionRow).where(CorrectionRow.collection == collection, concerns))
