"""History of trainings: the latest `KEPT` of every collection, until the collection is deleted.

Records are written in the transactions that change a training's status, so both always agree.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mien.gallery.types import TrainingRun, TrainingState
from mien.storage.tables import CollectionRow, TrainingRunRow

KEPT: Final = 50
"""Most recorded trainings of a collection."""


def asked(session: Session, row: CollectionRow, now: datetime) -> TrainingRunRow:
    """Record that a training was requested, and delete the oldest record.

    Args:
        session: writing session that has locked the collection.
        row: the collection.
        now: the time.
    """
    of_collection = TrainingRunRow.collection == row.uid
    number = (session.scalar(select(func.max(TrainingRunRow.number)).where(of_collection)) or 0) + 1
    session.execute(delete(TrainingRunRow).where(of_collection, TrainingRunRow.number <= number - KEPT))
    run = TrainingRunRow(
        resource_id=row.resource_id,
        collection=row.uid,
        number=number,
        status=TrainingState.NOT_STARTED.value,
        asked_at=now,
        started_at=None,
        ended_at=None,
        attempts=0,
        unchanged=False,
        message=None,
        persons=None,
        faces=None,
    )
    session.add(run)
    session.flush()
    return run


def unchanged(session: Session, row: CollectionRow, now: datetime) -> None:
    """Record that a training was requested and had nothing to do; see `asked`."""
    run = asked(session, row, now)
    run.unchanged = True
    _close(run, row, now, TrainingState.SUCCEEDED, None)


def begun(session: Session, row: CollectionRow, now: datetime) -> None:
    """Record the start of a training, or its restart after its process was killed."""
    run = _open(session, row, now)
    run.status = TrainingState.RUNNING.value
    run.started_at = now
    run.attempts += 1


def ended(
    session: Session, row: CollectionRow, now: datetime, state: TrainingState, message: str | None = None
) -> None:
    """Record the end of a training."""
    _close(_open(session, row, now), row, now, state, message)


def runs(session: Session, collection: UUID) -> list[TrainingRun]:
    """Return the trainings of a collection, newest first."""
    query = select(TrainingRunRow).where(TrainingRunRow.collection == collection)
    return [
        TrainingRun(
            number=run.number,
            status=TrainingState(run.status),
            asked=run.asked_at,
            started=run.started_at,
            ended=run.ended_at,
            attempts=run.attempts,
            unchanged=run.unchanged,
            message=run.message,
            persons=run.persons,
            faces=run.faces,
        )
        for run in session.scalars(query.order_by(TrainingRunRow.number.desc()))
    ]


def _open(session: Session, row: CollectionRow, now: datetime) -> TrainingRunRow:
    """Return the running training; a new record if none was requested (after a killed re-embedding)."""
    query = select(TrainingRunRow).where(TrainingRunRow.collection == row.uid, TrainingRunRow.ended_at.is_(None))
    run = session.scalar(query.order_by(TrainingRunRow.number.desc()).limit(1))
    return run or asked(session, row, row.training_created_at or now)


def _close(run: TrainingRunRow, row: CollectionRow, now: datetime, state: TrainingState, message: str | None) -> None:
    run.status, run.message, run.ended_at = state.value, message, now
    run.persons, run.faces = row.persons, row.faces
