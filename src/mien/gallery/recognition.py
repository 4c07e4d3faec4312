"""Verify, identify, find similar and group."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.events.drift import API, DriftCounts
from mien.gallery.curves import Curves
from mien.gallery.detected_faces import DetectedFace, DetectedFaces
from mien.gallery.errors import (
    FaceListEmptyError,
    FaceNotFoundError,
    FingerprintMismatchError,
    IncompatibleModelError,
    NotTrainedError,
    PersonHasNoFaceError,
    TrainingNotFinishedError,
)
from mien.gallery.identification import confidence, curve_for, identified, query_for, recognised, verification
from mien.gallery.kinds import CollectionRef
from mien.gallery.last_seen import LastSeen
from mien.gallery.negatives import Negatives
from mien.gallery.persons import find_person
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import BUSY, Rows
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.types import FaceGroups, FindMode, Identified, SimilarFace, Verification
from mien.gallery.untrained_index import UntrainedIndex
from mien.matching import Calibration, apart, cosine, group, person_scores
from mien.matching.open_set import similarity_at_fmr, similarity_for_gallery
from mien.search import Query, TemplateSearch
from mien.storage.tables import CollectionRow, PersistedFaceRow, RemovalRow

GROUP_FMR: Final = 1e-4
"""False match rate of the similarity at which `group` joins (see `mien.matching.grouping`)."""
_REMEMBERED: Final = 256

Filing = Callable[[CollectionRow, Sequence[Identified]], object]
"""Files what was found in a collection for review."""


@dataclass(frozen=True, slots=True)
class TrainedGroup:
    """A trained group as it was at a moment.

    Attributes:
        ref: its name.
        row: its row.
        search: its trained index.
        calibration: maps its similarities to confidences.
        without: persons who were deleted since the training.
    """

    ref: CollectionRef
    row: CollectionRow
    search: TemplateSearch
    calibration: Calibration
    without: frozenset[UUID]


class Recognition:
    """Compares short-lived faces with each other and with what is enrolled.

    Args:
        rows: opens sessions on collections.
        faces: the short-lived face ids.
        recognisers: what the labels stand for.
        templates: opens enrolled templates.
        indexes: trained collections.
        untrained_index: searches collections as they are now.
        last_seen: is told who was recognised.
        curves: the calibrations that operators applied.
        negatives: faces that people said are not a person.
    """

    def __init__(
        self,
        rows: Rows,
        faces: DetectedFaces,
        recognisers: Recognisers,
        templates: Templates,
        *,
        indexes: TrainedIndexes,
        untrained_index: UntrainedIndex,
        last_seen: LastSeen,
        curves: Curves,
        negatives: Negatives,
    ) -> None:
        self._rows = rows
        self._faces = faces
        self._recognisers = recognisers
        self._templates = templates
        self._indexes = indexes
        self._untrained = untrained_index
        self.last_seen = last_seen
        self.curves = curves
        self.negatives = negatives
        self.filing: Filing | None = None
        """Files what an identify found, where a collection asks for review; set by the composition root."""
        self.drift: DriftCounts | None = None
        """Counts the scores of identifications; set by the composition root."""
        self._removed = _RemovedPersons()

    # Verify

    def verify(self, resource_id: UUID, face_id1: str, face_id2: str) -> Verification:
        """Compare two faces.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser between them.
        """
        one, other = self.probes(resource_id, [face_id1, face_id2])
        recogniser = self.recogniser_of(resource_id, [one, other])
        if not (one.embedding.readable and other.embedding.readable):
            return NOBODY
        curve = curve_for(recogniser.calibration, one, other)
        return verification(curve, cosine(one.embedding.vector, other.embedding.vector))

    def verify_person(
        self, resource_id: UUID, face_id: str, person_id: str, ref: CollectionRef, *, seen: bool = True
    ) -> Verification:
        """Compare a face with a person of a group as it is now; it need not be trained.

        Args:
            resource_id: whose face and group they are.
            face_id: the probe.
            person_id: whom it may show.
            ref: the person's group.
            seen: whether a match counts as a sighting of the person.

        Raises:
            FaceNotFoundError: the face id is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError: there is no such person in it.
            PersonHasNoFaceError: no face of the person is enrolled.
            IncompatibleModelError: the face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group's faces were made by another recogniser.
        """
        (probe,) = self.probes(resource_id, [face_id])
        with self._rows.reading(ref) as (session, row):
            person = find_person(session, ref, row, person_id)
            sealed = _faces_of_person(session, row.uid, person.person_id)
        recogniser = self._check(probe, row.recognition_model, row.fingerprint if sealed else None, ref)
        verified = self.compare_with_person(probe, recogniser, row, sealed)
        if seen and verified.is_identical:
            self.last_seen.note(row, [str(person.person_id)])
        return verified

    def compare_with_person(
        self, probe: DetectedFace, recogniser: Recogniser, row: CollectionRow, sealed: Sequence[SealedFace]
    ) -> Verification:
        """Compare a face with a person by all of the person's faces.

        Raises:
            PersonHasNoFaceError: there are none.
        """
        if not sealed:
            raise PersonHasNoFaceError("no face of the person is enrolled")
        if not probe.embedding.readable:
            return NOBODY
        enrolled = self._templates.faces(row.resource_id, row.uid, sealed).templates
        vector = probe.embedding.vector[None]
        score = person_scores(vector, enrolled)
        known = self.negatives.of(row, recogniser.fingerprint).get(sealed[0].person_id)
        if known is not None:
            score = apart(score, vector, known)
        recogniser = self.curves.of(recogniser, row.resource_id, row.uid)
        return verification(curve_for(recogniser.calibration, probe), float(score[0]))

    # Identify

    def identify(
        self,
        face_ids: Sequence[str],
        ref: CollectionRef,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Find the persons of a trained group that faces may be.

        Args:
            face_ids: the probes.
            ref: a person group or large person group.
            top: how many candidates at most, >= 1.
            confidence_threshold: in [0, 1]; None for a threshold that grows with the group, so that at most about 1 %
                of strangers are identified as an enrolled person (`mien.matching.open_set`).

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it was never trained with success.
            TrainingNotFinishedError: its first training is under way.
            IncompatibleModelError: a face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group was trained with another recogniser.
        """
        probes = self.probes(ref.resource_id, face_ids)
        found = self.identify_probes(probes, face_ids, ref, top, confidence_threshold)
        self.count_scores(ref.resource_id, found)
        return found

    def count_scores(self, resource_id: UUID, found: Sequence[Identified]) -> None:
        """Count the scores of identifications that a caller of the API asked for."""
        if self.drift is not None:
            for one in found:
                self.drift.scores(resource_id, API, one.top, one.second)

    def identify_probes(
        self,
        probes: Sequence[DetectedFace],
        face_ids: Sequence[str],
        ref: CollectionRef,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Find the persons of a trained group that faces at hand may be, as `identify` does.

        Args:
            probes: the faces, which need not be remembered anywhere.
            face_ids: their names in the answer.
            ref: a person group or large person group.
            top: how many candidates at most, >= 1.
            confidence_threshold: see `identify`.

        Raises:
            What `identify` raises, but for `FaceNotFoundError`.
        """
        return self.identify_in(self.opened(ref), probes, face_ids, top, confidence_threshold)

    def opened(self, ref: CollectionRef) -> TrainedGroup:
        """Return a group as it is trained now, for several searches in a row without the database.

        Raises:
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it was never trained with success.
            TrainingNotFinishedError: its first training is under way.
        """
        with self._rows.reading(ref) as (session, row):
            without = self._removed.of(session, row)
        row, search = self._trained(ref, row)
        recogniser = self._recognisers[row.recognition_model]
        calibration = self.curves.of(recogniser, row.resource_id, row.uid).calibration
        return TrainedGroup(ref, row, search, calibration, without)

    def identify_in(
        self,
        group: TrainedGroup,
        probes: Sequence[DetectedFace],
        face_ids: Sequence[str],
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Find the persons of an opened group that faces at hand may be, as `identify_probes` does.

        Raises:
            IncompatibleModelError: a face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group was trained with another recogniser.
        """
        row, search, calibration = group.row, group.search, group.calibration
        for probe in probes:
            self._check(probe, row.recognition_model, search.fingerprint, group.ref)
        query = query_for(calibration, search.persons, top, confidence_threshold, without=group.without)
        found = identified(
            probes,
            face_ids,
            search,
            query,
            calibration=calibration,
            threshold=confidence_threshold,
            negatives=self.negatives.of(row, search.fingerprint),
        )
        if self.filing is not None:
            self.filing(row, found)
        self.last_seen.note(row, recognised(found))
        return found

    def size_of(self, ref: CollectionRef) -> int:
        """How many persons of a trained group are searched.

        Raises:
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it was never trained with success.
            TrainingNotFinishedError: its first training is under way.
        """
        return self._trained(ref, self._rows.get(ref))[1].persons

    # Find similar

    def find_similar(
        self, resource_id: UUID, face_id: str, face_ids: Sequence[str], mode: FindMode, top: int = 20
    ) -> list[SimilarFace]:
        """Rank faces by their likeness with a face.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser between them.
        """
        unique = list(dict.fromkeys(face_ids))
        probe, *others = self.probes(resource_id, [face_id, *unique])
        calibration = curve_for(self.recogniser_of(resource_id, [probe, *others]).calibration, probe)
        vectors = np.stack([other.embedding.vector for other in others])
        similarity = np.clip(vectors @ probe.embedding.vector, -1.0, 1.0)
        least = _least(calibration, mode, len(others))
        order = np.lexsort((np.array([other.face_id for other in others]), -similarity))
        return [
            SimilarFace(unique[position], confidence(calibration, float(similarity[position])))
            for position in order[:top].tolist()
            if similarity[position] >= least
        ]

    def find_similar_in(self, face_id: str, ref: CollectionRef, mode: FindMode, top: int = 20) -> list[SimilarFace]:
        """Rank the faces of a face list (as it is now) or a large face list (as it was trained).

        Raises:
            FaceNotFoundError: the id is unknown or has expired.
            CollectionNotFoundError: there is no such list.
            FaceListEmptyError: the face list has no face.
            NotTrainedError: the large face list was never trained with success.
            TrainingNotFinishedError: its first training is under way.
            IncompatibleModelError: the face was detected with another recognition model than the list's.
            FingerprintMismatchError: the list's faces were made by another recogniser.
        """
        (probe,) = self.probes(ref.resource_id, [face_id])
        search: TemplateSearch | None
        with self._rows.reading(ref) as (session, row):
            without = self._removed.of(session, row) if ref.kind.trained else frozenset()
            self._check(probe, row.recognition_model, None)
            search = None if ref.kind.trained else self._untrained.search(session, row)
        if ref.kind.trained:
            row, search = self._trained(ref, row)
        if search is None:
            raise FaceListEmptyError("the face list has no face")
        recogniser = self._check(probe, row.recognition_model, search.fingerprint, ref)
        calibration = curve_for(self.curves.of(recogniser, row.resource_id, row.uid).calibration, probe)
        least = _least(calibration, mode, len(search))
        query = Query(top=top, min_similarity=least, without=without)
        found = search.search(probe.embedding.vector[None], query)[0]
        if mode is FindMode.MATCH_PERSON:
            self.last_seen.note(row, [str(match.face_id) for match in found])
        return [SimilarFace(str(match.face_id), confidence(calibration, match.similarity)) for match in found]

    # Group

    def group(self, resource_id: UUID, face_ids: Sequence[str]) -> FaceGroups:
        """Sort faces into groups of one person each; the same whatever their order.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser between them.
        """
        unique = list(dict.fromkeys(face_ids))
        faces = self.probes(resource_id, unique)
        calibration = self.recogniser_of(resource_id, faces).calibration
        vectors = np.stack([face.embedding.vector for face in faces])
        found = group(vectors, similarity_at_fmr(calibration, GROUP_FMR))
        return FaceGroups(
            tuple(tuple(unique[position] for position in members) for members in found.groups),
            tuple(unique[position] for position in found.messy),
        )

    # What they share

    def probes(self, resource_id: UUID, face_ids: Sequence[str]) -> list[DetectedFace]:
        """Return short-lived faces in the order of their ids.

        Raises:
            FaceNotFoundError: one is unknown or has expired.
        """
        found = self._faces.get_many(resource_id, face_ids)
        for face_id in face_ids:
            if face_id not in found:
                raise FaceNotFoundError(face_id)
        return [found[face_id] for face_id in face_ids]

    def recogniser_of(self, resource_id: UUID, faces: Sequence[DetectedFace]) -> Recogniser:
        """Return the recogniser that made all of these templates, with the resource's calibration.

        Raises:
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser since one of them was detected.
        """
        label = faces[0].recognition_model
        for face in faces:
            recogniser = self._check(face, label, None)
        return self.curves.of(recogniser, resource_id)

    def _check(
        self, probe: DetectedFace, label: str, fingerprint: str | None, ref: CollectionRef | None = None
    ) -> Recogniser:
        """Check that a probe may be compared with templates of this label and fingerprint (None: of any)."""
        if probe.recognition_model != label:
            raise IncompatibleModelError(f"the face was detected with {probe.recognition_model}, not with {label}")
        recogniser = self._recognisers[label]
        if fingerprint not in {None, recogniser.fingerprint}:
            raise FingerprintMismatchError(label, ref)
        if probe.embedding.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(label)
        return recogniser

    def _trained(self, ref: CollectionRef, row: CollectionRow) -> tuple[CollectionRow, TemplateSearch]:
        """Return the trained state, and the row that it belongs to: it may have been migrated since it was read."""
        search = self._indexes.search(row)
        if search is None:
            raise TrainingNotFinishedError(ref) if row.training_status in BUSY else NotTrainedError(ref)
        if search.fingerprint != row.fingerprint:
            row = self._rows.get(ref)
            search = self._indexes.search(row) or search
        return row, search


NOBODY: Final = Verification(is_identical=False, confidence=0.0)
"""The answer where a face could not be read: nothing speaks for its being anybody's."""


def _least(calibration: Calibration, mode: FindMode, templates: int) -> float:
    return similarity_for_gallery(calibration, templates) if mode is FindMode.MATCH_PERSON else -1.0


def _faces_of_person(session: Session, collection: UUID, person_id: UUID) -> list[SealedFace]:
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed).where(
        PersistedFaceRow.collection == collection,
        PersistedFaceRow.person_id == person_id,
        func.length(PersistedFaceRow.sealed) > 0,
    )
    return [SealedFace(*found) for found in session.execute(query)]


class _RemovedPersons:
    """Persons deleted since the last training; read again only when a collection has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, tuple[int, str | None, frozenset[UUID]]] = OrderedDict()

    def of(self, session: Session, row: CollectionRow) -> frozenset[UUID]:
        """Return the persons of a trained collection that must not be found any more."""
        with self._lock:
            known = self._known.get(row.uid)
        if known is not None and known[:2] == (row.revision, row.snapshot):
            return known[2]
        # Older notes are done with in the snapshot, and somebody may have come back since.
        query = select(RemovalRow.person_id).where(RemovalRow.collection == row.uid, RemovalRow.face_id.is_(None))
        query = query.where(RemovalRow.revision > row.trained_revision)
        removed = frozenset(session.scalars(query))
        with self._lock:
            self._known[row.uid] = (row.revision, row.snapshot, removed)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return removed
