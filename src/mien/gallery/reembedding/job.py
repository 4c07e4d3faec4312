"""Re-embedding of collections: templates of another recogniser are computed from the stored enrolment crops.

The new templates are stored beside the old ones, which stay in use, and committed in small portions, so a killed job
continues where it stopped. Then one transaction switches the collection to the new templates, their trained index and
the new label. The old templates are kept for a roll-back until `forget` deletes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from mien.gallery.crops import Crop, crop_name
from mien.gallery.enrolment import overlap
from mien.gallery.errors import ConflictError, GalleryError
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.negatives.records import drop_old
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.reembedding import rows as rows_of
from mien.gallery.reembedding.switch import SwitchResult, switch
from mien.gallery.rows import ref_of
from mien.storage import EVERY_RESOURCE, Vault
from mien.storage.claims import ClaimLostError, Held
from mien.storage.tables import CollectionRow, ModelMigrationRow
from mien.vision.errors import ImageError
from mien.vision.ports import Engine
from mien.vision.types import Embedding, OperatingPoint, Want

Report = Callable[[int, int], None]
"""Called with the number of computed templates and the total."""

_AT_ONCE: Final = 32
_SAME_FACE: Final = 0.3
"""IoU from which a face in a crop is the enrolled one."""
_WAIT: Final = 0.05
_PASSES: Final = 1_000


class CannotMigrateError(GalleryError):
    """Some faces have no crop, or no face is found in it; the old templates stay in use.

    Attributes:
        lost: (person, face) of each.
    """

    def __init__(self, ref: CollectionRef, lost: Sequence[tuple[UUID, UUID]]) -> None:
        super().__init__(
            "{count} faces of {kind}/{collection_id} cannot be migrated: no crop of them was "
            "kept, or no face is found in it. Enrol them again, or leave them out with "
            "--leave-out: they stay enrolled without being found, until a roll-back",
            count=len(lost),
            kind=ref.kind.value,
            collection_id=ref.collection_id,
        )
        self.lost = tuple(lost)


class NothingToRollBackError(GalleryError):
    """The collection has not been re-embedded, or its old templates were deleted."""


class MigrationRunningError(GalleryError):
    """Another process is re-embedding the collection."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a collection's re-embedding, as of now.

    Attributes:
        ref: the collection.
        uid: internal id of the collection.
        model: its recognition model.
        fingerprint: fingerprint of its templates.
        target: the new recogniser.
        faces: number of enrolled faces.
        ready: number of faces that already have a template of the target.
        to_make: number of faces with a crop to compute it from.
        lost: (person, face) of faces with neither.
    """

    ref: CollectionRef
    uid: UUID
    model: str
    fingerprint: str
    target: Recogniser
    faces: int
    ready: int
    to_make: int
    lost: tuple[tuple[UUID, UUID], ...]

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return (self.model, self.fingerprint) != (self.target.label, self.target.fingerprint)


class Migrations:
    """Re-embeds collections.

    Args:
        gallery: the collections.
        vault: decrypts crops.
        engine: computes templates; it needs the packs of both recognisers.
        recognisers: bindings of the recognition models.
        pack_of: returns the name of the installed pack of a fingerprint, or None; for roll-backs.
        threads: number of crops analysed at the same time.
    """

    def __init__(
        self,
        gallery: Gallery,
        vault: Vault,
        engine: Engine,
        recognisers: Recognisers,
        *,
        pack_of: Callable[[str], str | None] = lambda _fingerprint: None,
        threads: int = 2,
    ) -> None:
        self._gallery = gallery
        self._vault = vault
        self._engine = engine
        self._recognisers = recognisers
        self._pack_of = pack_of
        self._threads = threads

    # Looking

    def collections(self, resource_id: UUID | None = None) -> list[CollectionRef]:
        """Return the collections with templates of a resource, or of all; without copies of API snapshots."""
        scope = resource_id or EVERY_RESOURCE
        query = select(CollectionRow).where(
            CollectionRow.recognition_model != "", CollectionRow.kind != Kind.TRANSFER.value
        )
        with self._gallery.rows.database.read(scope) as session:
            rows = session.scalars(query.order_by(CollectionRow.created_at, CollectionRow.collection_id)).all()
        return [ref_of(row) for row in rows]

    def plan(self, ref: CollectionRef, label: str | None = None) -> Plan:
        """Plan a re-embedding.

        Args:
            ref: the collection.
            label: the new recognition model; None to keep the model, for new weights.

        Raises:
            CollectionNotFoundError: there is no such collection.
            UnknownRecognitionModelError: there is no such model.
        """
        row = self._gallery.rows.get(ref)
        return self._plan(ref, row, self._recognisers[label or row.recognition_model])

    def _plan(self, ref: CollectionRef, row: CollectionRow, target: Recogniser) -> Plan:
        gaps: list[tuple[UUID, UUID, bool]] = []
        if row.fingerprint != target.fingerprint:
            with self._gallery.rows.database.read(ref.resource_id) as session:
                gaps = rows_of.missing(session, row.uid, target.fingerprint)
        lost = tuple((person, face) for person, face, crop in gaps if not crop)
        return Plan(
            ref, row.uid, row.recognition_model, row.fingerprint, target, row.faces,
            row.faces - len(gaps), len(gaps) - len(lost), lost,
        )  # fmt: skip

    def last(self, ref: CollectionRef) -> ModelMigrationRow | None:
        """Return the record of a collection's last re-embedding; None if there is none."""
        with self._gallery.rows.reading(ref) as (session, row):
            return rows_of.record_of(session, row.uid)

    def bound_to(self, label: str) -> Recogniser:
        """Return the recogniser that a label is bound to now.

        Raises:
            UnknownRecognitionModelError: there is no such model.
        """
        return self._recognisers[label]

    # Doing

    def prepare(self, plan: Plan, *, leave_out: bool = False, report: Report | None = None) -> list[tuple[UUID, UUID]]:
        """Compute the missing templates; nothing changes for callers. A killed call can be repeated.

        Returns:
            The (person, face) pairs without a template.

        Raises:
            CannotMigrateError: there are such pairs, and `leave_out` is not set.
            MigrationRunningError: another process is re-embedding the collection.
            NotCalibratedError: the target has no calibration.
        """
        _ = plan.target.calibration  # raises NotCalibratedError
        with self._alone(plan) as held:
            return self._prepare(plan, held, leave_out, report)

    def migrate(self, plan: Plan, *, leave_out: bool = False, report: Report | None = None) -> list[tuple[UUID, UUID]]:
        """Prepare, then switch the collection to the new recogniser; it is trained if it was before.

        Returns:
            The (person, face) pairs that were left out.

        Raises:
            CannotMigrateError: as in `prepare`; the old templates stay in use.
            MigrationRunningError: another process is re-embedding the collection.
            ConflictError: faces were added faster than they could be re-embedded.
            NotCalibratedError: as in `prepare`.
        """
        _ = plan.target.calibration  # raises NotCalibratedError
        with self._alone(plan) as held:
            return self._migrate(plan, held, leave_out, report)

    def _migrate(
        self, plan: Plan, held: Held, leave_out: bool, report: Report | None, *, noted: bool = True
    ) -> list[tuple[UUID, UUID]]:
        lost = self._prepare(plan, held, leave_out, report, noted)
        if lost and len(lost) == plan.faces:
            raise CannotMigrateError(plan.ref, lost)
        out = {face: person for person, face in lost}

        def finish() -> None:
            out.update({face: person for person, face in self._prepare(plan, held, leave_out, None, noted)})

        finish()  # faces added meanwhile, so that writers wait as short as possible during the switch
        for _ in range(_PASSES):
            done = switch(self._gallery, plan.ref, plan.uid, plan.target, finish=finish, left_out=out.keys())
            if done is SwitchResult.DONE:
                return [(person, face) for face, person in out.items()]
            if done is SwitchResult.BUSY:  # it is being trained: try again
                time.sleep(_WAIT)
            else:  # faces were added meanwhile
                finish()
        raise ConflictError(plan.ref.collection_id)

    def roll_back(
        self, ref: CollectionRef, *, leave_out: bool = False, report: Report | None = None
    ) -> tuple[Plan, list[tuple[UUID, UUID]]]:
        """Undo the last re-embedding: delete prepared templates, or switch back to the old ones.

        Faces enrolled since the switch get a template of the old recogniser from their crops.

        Returns:
            The plan that was carried out, and the (person, face) pairs that were left out.

        Raises:
            NothingToRollBackError: the collection has not been re-embedded.
            CannotMigrateError: faces enrolled since have no crop, or the old recogniser is no longer installed.
        """
        known = self.last(ref)
        if known is None:
            raise NothingToRollBackError(
                "no migration of {kind}/{collection_id} is known", kind=ref.kind.value, collection_id=ref.collection_id
            )
        if known.switched_at is None:
            plan = self.plan(ref, known.to_model)
            with self._alone(plan) as held, self._gallery.rows.database.write(ref.resource_id) as session:
                held.fence(session)
                rows_of.drop_prepared(session, known)
            return plan, []
        measured = self._bound(known.from_fingerprint)
        pack = measured.pack if measured else self._pack_of(known.from_fingerprint) or ""
        old = Recogniser(known.from_model, pack, known.from_fingerprint, measured.measured if measured else None)
        plan = self._plan(ref, self._gallery.rows.get(ref), old)
        with self._alone(plan) as held:
            lost = self._migrate(plan, held, leave_out, report, noted=False)
            with self._gallery.rows.database.write(ref.resource_id) as session:
                held.fence(session)
                rows_of.delete_record(session, plan.uid)
        return plan, lost

    def forget(self, ref: CollectionRef, *, leave_out: bool = False) -> int:
        """Delete the templates of other recognisers; a roll-back is no longer possible.

        Returns:
            The number of deleted templates.

        Raises:
            CannotMigrateError: these are the only templates of some faces, and `leave_out` is not set.
            MigrationRunningError: another process is re-embedding the collection.
        """
        plan = self.plan(ref)
        with self._gallery.rows.database.read(ref.resource_id) as session:
            bare = rows_of.without_template(session, plan.uid)
        if bare and not leave_out:
            raise CannotMigrateError(ref, bare)
        with self._alone(plan) as held:
            with self._gallery.rows.database.write(ref.resource_id) as session:
                held.fence(session)
                count = rows_of.forget(session, plan.uid)
                drop_old(session, plan.uid)
            self._gallery.rows.database.empty_log()
        return count

    def _bound(self, fingerprint: str) -> Recogniser | None:
        return next((one for one in self._recognisers if one.fingerprint == fingerprint), None)

    @contextmanager
    def _alone(self, plan: Plan) -> Iterator[Held]:
        with self._gallery.indexes.claim(plan.uid, "migration") as held:
            if held is None:
                raise MigrationRunningError("{path} is being migrated by another process", path=plan.ref.path)
            try:
                yield held
            except ClaimLostError as error:
                raise MigrationRunningError(
                    "another process has taken over the migration of {kind}/{collection_id}",
                    kind=plan.ref.kind.value,
                    collection_id=plan.ref.collection_id,
                ) from error

    def _prepare(
        self, plan: Plan, held: Held, leave_out: bool, report: Report | None, noted: bool = True
    ) -> list[tuple[UUID, UUID]]:
        row = self._gallery.rows.get(plan.ref)
        if row.uid != plan.uid:
            raise ConflictError(plan.ref.collection_id)
        if row.fingerprint == plan.target.fingerprint:
            self._note(plan, row, held, noted)
            return []
        with self._gallery.rows.database.read(plan.ref.resource_id) as session:
            gaps = rows_of.missing(session, plan.uid, plan.target.fingerprint)
        lost = [(person, face) for person, face, crop in gaps if not crop or not plan.target.pack]
        if lost and not leave_out:
            raise CannotMigrateError(plan.ref, lost)
        self._note(plan, row, held, noted)
        unmade = self._make(plan, row, held, gaps, report)
        if unmade and not leave_out:
            raise CannotMigrateError(plan.ref, unmade)
        return lost + unmade

    def _note(self, plan: Plan, row: CollectionRow, held: Held, noted: bool) -> None:
        # Somebody else may have carried out the plan: noted again, it would have no way back.
        left = (row.recognition_model, row.fingerprint) != (plan.target.label, plan.target.fingerprint)
        if noted and left:
            with self._gallery.rows.database.write(plan.ref.resource_id) as session:
                held.fence(session)
                rows_of.record_start(session, row, plan.target, self._gallery.rows.clock.now())

    def _make(
        self,
        plan: Plan,
        row: CollectionRow,
        held: Held,
        gaps: Sequence[tuple[UUID, UUID, bool]],
        report: Report | None,
    ) -> list[tuple[UUID, UUID]]:
        """Compute templates from crops; returns the faces not found in their crops."""
        owners = {face: person for person, face, crop in gaps if crop and plan.target.pack}
        faces, unmade, done = list(owners), [], 0
        with ThreadPoolExecutor(self._threads) as pool:
            for start in range(0, len(faces), _AT_ONCE):
                some = faces[start : start + _AT_ONCE]
                with self._gallery.rows.database.read(row.resource_id) as session:
                    sealed = rows_of.crops(session, row.uid, some)
                embeddings = pool.map(lambda one: self._embed(row, plan.target.pack, *one), sealed)
                made = []
                for (face, _), embedding in zip(sealed, embeddings, strict=True):
                    if embedding is None:
                        unmade.append((owners[face], face))
                    else:
                        made.append((face, self._seal(row, face, embedding)))
                with self._gallery.rows.database.write(row.resource_id) as session:
                    held.fence(session)
                    there = rows_of.lock_existing(session, row.uid, [face for face, _ in made])
                    made = [one for one in made if one[0] in there]
                    rows_of.add_templates(session, row, plan.target.fingerprint, made)
                done += len(some)
                if report is not None:
                    report(done, len(faces))
        return unmade

    def _seal(self, row: CollectionRow, face: UUID, embedding: Embedding) -> bytes:
        return self._gallery.templates.seal(row.resource_id, row.uid, face, embedding)

    def _embed(self, row: CollectionRow, pack: str, face: UUID, sealed: bytes) -> Embedding | None:
        """Compute a template from a crop; None if the enrolled face is not found in it or cannot be read."""
        plain = self._vault.open(sealed, resource_id=row.resource_id, what=crop_name(row.uid, face))
        crop = Crop.unpack(plain)
        for point in (OperatingPoint.GENERAL, OperatingPoint.SENSITIVE):
            try:
                analysis = self._engine.analyze(crop.jpeg, Want(operating_point=point, recogniser=pack))
            except ImageError:
                return None
            best = max(analysis.faces, key=lambda found: overlap(found.box, crop.box), default=None)
            if best is not None and overlap(best.box, crop.box) >= _SAME_FACE:
                made = best.embedding
                return made if made is not None and made.readable else None
        return None
