"""Stored evaluation results and the calibrations applied from them: versioned, audited, with one level of undo."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from mien.contract.models import NEWEST_RECOGNITION
from mien.events.audit import AuditLog
from mien.gallery.curves import Curves, read_curve, write_curve
from mien.gallery.errors import (
    CalibrationMismatchError,
    EvaluationExistsError,
    EvaluationNotFoundError,
    InvalidEvaluationNameError,
    NothingToUndoError,
    NotMeasuredError,
)
from mien.gallery.kinds import CollectionRef
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows, find, ref_of
from mien.matching import Calibration
from mien.messages import Message
from mien.storage.tables import AppliedCalibrationRow, CollectionRow, EvaluationRow

CALIBRATION: Final = "calibration"
GROUPS: Final = "groups"

_NAME: Final = re.compile(r"[\w][\w .,()+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A stored result.

    Attributes:
        id: id of the result.
        name: unique in its resource.
        kind: `calibration` or `groups`.
        label: recognition model.
        pack: model pack that the label was bound to.
        fingerprint: fingerprint of the measured templates.
        source: the measured source, such as `folder`, `pairs` or `personGroup/staff`; never a path.
        note: the operator's remark, such as which cameras.
        created_by: name of the actor.
        created_at: time of creation.
        result: the figures, as JSON values.
    """

    id: UUID
    name: str
    kind: str
    label: str
    pack: str
    fingerprint: str
    source: str
    note: str | None
    created_by: str
    created_at: datetime
    result: Mapping[str, Any]

    @property
    def calibration(self) -> Calibration | None:
        """The measured calibration; None if there were too few people."""
        stated = self.result.get("calibration")
        return None if stated is None else read_curve(json.dumps(stated))


@dataclass(frozen=True, slots=True)
class Applied:
    """A version of an applied calibration.

    Attributes:
        version: counts from 1 in its scope.
        collection: KIND/ID; None for the whole resource.
        fingerprint: fingerprint of the templates it applies to.
        name: name of the evaluation; None for the model pack's own calibration.
        curve: the calibration; None for the model pack's own.
        undoes: the version that this one undid.
        applied_by: name of the actor.
        applied_at: time of application.
        holds: whether it is in effect: the newest of its scope and fingerprint.
    """

    version: int
    collection: str | None
    fingerprint: str
    name: str | None
    curve: Calibration | None
    undoes: int | None
    applied_by: str
    applied_at: datetime
    holds: bool


class Evaluations:
    """Stores evaluation results and applies calibrations from them.

    Args:
        rows: opens sessions.
        recognisers: bindings of the recognition models.
        curves: called when the calibrations change.
        audit: the audit log.
    """

    def __init__(self, rows: Rows, recognisers: Recognisers, curves: Curves, audit: AuditLog) -> None:
        self._rows = rows
        self._recognisers = recognisers
        self._curves = curves
        self._audit = audit

    def add(
        self,
        resource_id: UUID,
        name: str,
        result: Mapping[str, Any],
        *,
        recogniser: Recogniser,
        source: str,
        actor: str,
        kind: str = CALIBRATION,
        note: str | None = None,
    ) -> Evaluation:
        """Store a result.

        Raises:
            InvalidEvaluationNameError: the name is empty, too long or has characters that are not allowed.
            EvaluationExistsError: the resource has one of that name.
        """
        self.check_name(resource_id, name)
        row = EvaluationRow(
            resource_id=resource_id,
            evaluation_id=uuid4(),
            name=name,
            kind=kind,
            label=recogniser.label,
            pack=recogniser.pack,
            fingerprint=recogniser.fingerprint,
            source=source,
            note=note,
            created_by=actor[:200],
            created_at=self._rows.clock.now(),
            result=json.dumps(result, allow_nan=False),
        )
        with self._rows.database.write(resource_id) as session:
            if session.scalar(select(EvaluationRow.evaluation_id).where(EvaluationRow.name == name)):
                raise EvaluationExistsError(name)
            session.add(row)
            self._audit.record_in(
                session,
                actor=actor,
                action=f"evaluation.{kind}",
                resource_id=resource_id,
                details={"name": name, "pack": recogniser.pack, "fingerprint": recogniser.fingerprint[:16]},
            )
        return _evaluation(row)

    def check_name(self, resource_id: UUID, name: str) -> None:
        """Check a name, before a long measurement.

        Raises:
            InvalidEvaluationNameError: as `add`.
            EvaluationExistsError: as `add`.
        """
        if _NAME.fullmatch(name) is None:
            raise InvalidEvaluationNameError(name)
        with self._rows.database.read(resource_id) as session:
            if session.scalar(select(EvaluationRow.evaluation_id).where(EvaluationRow.name == name)):
                raise EvaluationExistsError(name)

    def all(self, resource_id: UUID, kind: str | None = None) -> list[Evaluation]:
        """Return the results of a resource, oldest first."""
        query = select(EvaluationRow).order_by(EvaluationRow.created_at, EvaluationRow.name)
        if kind is not None:
            query = query.where(EvaluationRow.kind == kind)
        with self._rows.database.read(resource_id) as session:
            return [_evaluation(row) for row in session.scalars(query)]

    def get(self, resource_id: UUID, name: str) -> Evaluation:
        """Return a result by its name.

        Raises:
            EvaluationNotFoundError: there is none.
        """
        with self._rows.database.read(resource_id) as session:
            return _evaluation(_find(session, name))

    def delete(self, resource_id: UUID, name: str, *, actor: str) -> None:
        """Delete a result; a calibration applied from it stays in effect.

        Raises:
            EvaluationNotFoundError: there is none.
        """
        with self._rows.database.write(resource_id) as session:
            row = _find(session, name)
            session.execute(delete(EvaluationRow).where(EvaluationRow.evaluation_id == row.evaluation_id))
            self._audit.record_in(
                session, actor=actor, action="evaluation.delete", resource_id=resource_id, details={"name": name}
            )

    def apply(self, resource_id: UUID, name: str, ref: CollectionRef | None = None, *, actor: str) -> Applied:
        """Apply a measured calibration to a resource, or to one collection.

        It determines confidences and the default thresholds of identify and find similar.

        Raises:
            EvaluationNotFoundError: there is no such result.
            NotMeasuredError: it has no calibration, for lack of people.
            CalibrationMismatchError: it was measured on templates of another recogniser.
            CollectionNotFoundError: there is no such collection.
        """
        found = self.get(resource_id, name)
        curve = found.calibration
        if curve is None:
            raise NotMeasuredError(name, int(found.result.get("missing") or 0))
        if self._recognisers[found.label].fingerprint != found.fingerprint:
            raise CalibrationMismatchError(name, self._recognisers[found.label].pack)
        with self._rows.database.write(resource_id) as session:
            collection, label = _scope(session, ref, found.fingerprint, name)
            row = self._append(session, resource_id, collection, found.fingerprint, actor)
            row.name, row.curve = name, write_curve(curve)
            self._record(session, row, label, "calibration.apply", curve)
        self._curves.forget(resource_id)
        return _applied(row, label, holds=True)

    def undo(
        self, resource_id: UUID, ref: CollectionRef | None = None, *, label: str = NEWEST_RECOGNITION, actor: str
    ) -> Applied:
        """Undo the last version: the one before it takes effect again.

        Raises:
            NothingToUndoError: nothing was applied, or the newest version is itself an undo.
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.database.write(resource_id) as session:
            collection, said = _scope(session, ref, None, "")
            versions = _versions(session, collection, self._recognisers[label].fingerprint)
            if not versions or versions[-1].undoes is not None:
                raise NothingToUndoError(said or Message("the resource"))
            last, before = versions[-1], versions[-2] if len(versions) > 1 else None
            row = self._append(session, resource_id, collection, last.fingerprint, actor)
            row.undoes = last.version
            if before is not None:
                row.name, row.curve = before.name, before.curve
            self._record(session, row, said, "calibration.undo", read_curve(row.curve))
        self._curves.forget(resource_id)
        return _applied(row, said, holds=True)

    def applied(self, resource_id: UUID) -> list[Applied]:
        """Return all versions of a resource and its collections, oldest first."""
        with self._rows.database.read(resource_id) as session:
            names = {row.uid: ref_of(row).path for row in session.scalars(select(CollectionRow))}
            order = (AppliedCalibrationRow.applied_at, AppliedCalibrationRow.version)
            rows = list(session.scalars(select(AppliedCalibrationRow).order_by(*order)))
        newest = {(row.collection, row.fingerprint): row.version for row in sorted(rows, key=lambda row: row.version)}
        return [
            _applied(
                row,
                names.get(row.collection) if row.collection is not None else None,
                holds=newest[row.collection, row.fingerprint] == row.version,
            )
            for row in rows
        ]

    def _append(
        self, session: Session, resource_id: UUID, collection: UUID | None, fingerprint: str, actor: str
    ) -> AppliedCalibrationRow:
        self._rows.database.lock(session, f"calibrations of {resource_id}")
        versions = _versions(session, collection, fingerprint)
        row = AppliedCalibrationRow(
            resource_id=resource_id,
            applied_id=uuid4(),
            collection=collection,
            fingerprint=fingerprint,
            version=versions[-1].version + 1 if versions else 1,
            name=None,
            curve=None,
            undoes=None,
            applied_by=actor[:200],
            applied_at=self._rows.clock.now(),
        )
        session.add(row)
        return row

    def _record(
        self, session: Session, row: AppliedCalibrationRow, label: str | None, action: str, curve: Calibration | None
    ) -> None:
        details = {
            "evaluation": row.name,
            "collection": label,
            "version": row.version,
            "fingerprint": row.fingerprint[:16],
            "threshold": None if curve is None else round(curve.threshold, 6),
            "fmr": None if curve is None else curve.fmr,
        }
        self._audit.record_in(
            session, actor=row.applied_by, action=action, resource_id=row.resource_id, details=details
        )


def _scope(
    session: Session, ref: CollectionRef | None, fingerprint: str | None, name: str
) -> tuple[UUID | None, str | None]:
    if ref is None:
        return None, None
    row = find(session, ref)
    if fingerprint is not None and row.fingerprint != fingerprint:
        raise CalibrationMismatchError(name, ref.path)
    return row.uid, ref.path


def _versions(session: Session, collection: UUID | None, fingerprint: str) -> list[AppliedCalibrationRow]:
    row = AppliedCalibrationRow
    query = select(row).where(row.fingerprint == fingerprint).order_by(row.version)
    query = query.where(row.collection.is_(None) if collection is None else row.collection == collection)
    return list(session.scalars(query))


def _find(session: Session, name: str) -> EvaluationRow:
    row = session.scalar(select(EvaluationRow).where(EvaluationRow.name == name))
    if row is None:
        raise EvaluationNotFoundError(name)
    return row


def _evaluation(row: EvaluationRow) -> Evaluation:
    return Evaluation(
        row.evaluation_id,
        row.name,
        row.kind,
        row.label,
        row.pack,
        row.fingerprint,
        row.source,
        row.note,
        row.created_by,
        row.created_at,
        json.loads(row.result),
    )


def _applied(row: AppliedCalibrationRow, collection: str | None, *, holds: bool) -> Applied:
    return Applied(
        row.version,
        collection,
        row.fingerprint,
        row.name,
        read_curve(row.curve),
        row.undoes,
        row.applied_by,
        row.applied_at,
        holds,
    )
