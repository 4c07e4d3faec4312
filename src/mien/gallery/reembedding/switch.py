"""The switch of a collection to another recogniser."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from mien.gallery.errors import CollectionExistsError, ConflictError, GalleryError
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef, Kind, faces_ref, persons_ref
from mien.gallery.recognisers import Recogniser
from mien.gallery.reembedding import rows as rows_of
from mien.gallery.rows import BUSY, find, find_collection
from mien.gallery.training import history
from mien.gallery.types import TrainingState
from mien.storage.claims import ClaimLostError, Held
from mien.storage.tables import CollectionRow

_STATUS = tuple(column.name for column in CollectionRow.__table__.c if column.name.startswith("training_"))


class SwitchResult(Enum):
    """Result of an attempt to switch."""

    DONE = "done"
    BUSY = "somebody else trains the collection"
    MORE = "faces were added meanwhile that have no new template yet"


class PlaceTakenError(GalleryError):
    """A directory already has faces of the model that other faces should be re-embedded with."""

    def __init__(self, label: str) -> None:
        super().__init__(
            "the person directory has faces of {label} already: those of two models cannot be "
            "put together, because face ids are addressed under their model; delete the ones or "
            "the others",
            label=label,
        )


def switch(
    gallery: Gallery,
    ref: CollectionRef,
    uid: UUID,
    target: Recogniser,
    *,
    finish: Callable[[], None],
    left_out: Collection[UUID],
) -> SwitchResult:
    """Switch a collection to its new templates and, if it was trained, to their trained index, atomically.

    Args:
        gallery: the collections.
        ref: the collection.
        uid: its internal id; a collection created later under the same id is not changed.
        target: the recogniser of the new templates.
        finish: computes templates of the faces added last; called while a trained collection accepts no writes.
        left_out: faces that need no new template.

    Raises:
        CollectionNotFoundError: it was deleted.
        ConflictError: it was deleted and created again, or writers kept it locked.
        PlaceTakenError: a directory has faces of the target's label already.
    """
    with gallery.indexes.claim(uid) as held:
        if held is None:
            return SwitchResult.BUSY
        row = gallery.rows.get(ref)
        if row.uid != uid:
            raise ConflictError(ref.collection_id)
        if ref.kind is Kind.DIRECTORY and row.recognition_model != target.label:
            _make_room(gallery, ref, target)
        if row.fingerprint == target.fingerprint or not row.faces:
            done = _relabel(gallery, ref, target, held)
        elif row.snapshot is None:
            done = _swap(gallery, ref, target, held, left_out)
        else:
            done = _retrain(gallery, ref, target, held, finish)
        gallery.indexes.tidy(uid, gallery.rows.snapshot_of(ref.resource_id, uid), held)
        return done


def _retrain(
    gallery: Gallery, ref: CollectionRef, target: Recogniser, held: Held, finish: Callable[[], None]
) -> SwitchResult:
    """Switch a trained collection: writers wait as in a training, searches see the old index until the end."""
    before = _hold(gallery, ref, held)
    try:
        finish()
        row = gallery.rows.get(ref)
        name = gallery.indexes.fresh_name(target.fingerprint)
        with gallery.rows.database.read(row.resource_id) as session:
            sealed = rows_of.templates_of(session, row.uid, target.fingerprint)
            faces = gallery.templates.faces(row.resource_id, row.uid, sealed)
        gallery.indexes.store(row, name, held).write(faces, target.fingerprint)
        with gallery.rows.transaction(ref.resource_id, ref.collection_id) as session:
            held.fence(session)
            row = _locked(session, ref)
            rows_of.swap_templates(session, row, target.fingerprint)
            row.snapshot, row.trained_revision = name, row.revision
            row.training_status = TrainingState.SUCCEEDED.value
            row.training_action_at = row.training_success_at = gallery.rows.clock.now()
            row.training_message = None
            note = f"Migrated to {target.label}."
            history.ended(session, row, row.training_action_at, TrainingState.SUCCEEDED, note)
            rows_of.forget_removals(session, row)
            _become(gallery, session, row, target)
    except BaseException:
        with suppress(ClaimLostError):  # another server now owns its state
            _let_go(gallery, ref, held, before)
        raise
    return SwitchResult.DONE


def _hold(gallery: Gallery, ref: CollectionRef, held: Held) -> dict[str, Any]:
    """Block writers as a training does; returns the previous training state. After a crash it is simply trained."""
    now = gallery.rows.clock.now()
    with gallery.rows.writing(ref, while_training=True) as (session, row):
        held.fence(session)
        before = {name: getattr(row, name) for name in _STATUS}
        if row.training_status not in BUSY:
            row.training_created_at = now
        row.training_status, row.training_action_at = TrainingState.RUNNING.value, now
    if before["training_status"] == TrainingState.RUNNING.value:  # left by a killed process
        before["training_status"] = TrainingState.NOT_STARTED.value
    return before


def _let_go(gallery: Gallery, ref: CollectionRef, held: Held, before: dict[str, Any]) -> None:
    with gallery.rows.writing(ref, while_training=True) as (session, row):
        held.fence(session)
        for name, value in before.items():
            setattr(row, name, value)


def _swap(
    gallery: Gallery, ref: CollectionRef, target: Recogniser, held: Held, left_out: Collection[UUID]
) -> SwitchResult:
    """Switch a collection that needs no training, or was never trained."""
    with gallery.rows.transaction(ref.resource_id, ref.collection_id) as session:
        held.fence(session)
        row = _locked(session, ref)
        if row.training_status in BUSY:
            return SwitchResult.BUSY
        gaps = rows_of.missing(session, row.uid, target.fingerprint)
        if any(face not in left_out for _, face, _ in gaps):
            return SwitchResult.MORE
        rows_of.swap_templates(session, row, target.fingerprint)
        _become(gallery, session, row, target)
    return SwitchResult.DONE


def _relabel(gallery: Gallery, ref: CollectionRef, target: Recogniser, held: Held) -> SwitchResult:
    """Switch a collection without templates, or whose templates are already the target's."""
    with gallery.rows.transaction(ref.resource_id, ref.collection_id) as session:
        held.fence(session)
        row = _locked(session, ref)
        if row.training_status in BUSY:
            return SwitchResult.BUSY
        if row.fingerprint != target.fingerprint:
            if row.faces:
                return SwitchResult.MORE
            row.snapshot, row.trained_revision = None, -1
            row.training_status = row.training_created_at = row.training_action_at = row.training_success_at = None
        _become(gallery, session, row, target)
    return SwitchResult.DONE


def _locked(session: Session, ref: CollectionRef) -> CollectionRow:
    if ref.kind is Kind.DIRECTORY:  # its writers lock the persons first
        find_collection(session, persons_ref(ref.resource_id), lock=True)
    return find(session, ref, lock=True)


def _become(gallery: Gallery, session: Session, row: CollectionRow, target: Recogniser) -> None:
    """Change label and fingerprint, and record the time."""
    if row.kind == Kind.DIRECTORY.value and row.recognition_model != target.label:
        # The two collections of a directory are named after their models, so they swap names.
        other = find_collection(session, faces_ref(row.resource_id, target.label), lock=True)
        if other is None or other.faces:
            raise PlaceTakenError(target.label)
        name, other.collection_id = row.collection_id, "moving"
        session.flush()
        row.collection_id = target.label
        session.flush()
        other.collection_id = other.recognition_model = name
    row.recognition_model, row.fingerprint = target.label, target.fingerprint
    known = rows_of.record_of(session, row.uid)
    if known is not None:
        known.switched_at = gallery.rows.clock.now()


def _make_room(gallery: Gallery, ref: CollectionRef, target: Recogniser) -> None:
    """Create a collection to swap names with, if there is none."""
    place = faces_ref(ref.resource_id, target.label)
    with gallery.rows.database.read(ref.resource_id) as session:
        other = find_collection(session, place)
    if other is not None and other.faces:
        raise PlaceTakenError(target.label)
    if other is None:
        with suppress(CollectionExistsError):
            gallery.collections.insert(place, gallery.collections.new_row(place, target.label, None, target))
