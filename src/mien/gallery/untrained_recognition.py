"""Recognition in the current state of a group, without training, as other products' interfaces require."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import select

from mien.gallery.curves import Curves
from mien.gallery.detected_faces import DetectedFace
from mien.gallery.errors import CollectionNotFoundError, FingerprintMismatchError, PersistedFaceNotFoundError
from mien.gallery.identification import confidence, identified, query_for, recognised
from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.last_seen import LastSeen
from mien.gallery.negatives.lookup import NegativeLookup
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.untrained_index import UntrainedIndex
from mien.matching import person_scores
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow
from mien.vision.types import Embedding


@dataclass(frozen=True, slots=True)
class NamedCandidate:
    """A candidate person for a face.

    Attributes:
        person_id: lower-case GUID.
        name: the person's name.
        confidence: in [0, 1]; 0.5 at the operating point.
    """

    person_id: str
    name: str
    confidence: float


class UntrainedRecognition:
    """Compares embeddings with the current state of a group.

    Args:
        rows: opens sessions on collections.
        recognisers: bindings of the recognition models.
        templates: decrypts enrolled templates.
        untrained_index: searches the current state of collections.
        curves: the calibrations that operators applied.
        last_seen: called with the people who were recognised.
    """

    def __init__(
        self,
        rows: Rows,
        recognisers: Recognisers,
        templates: Templates,
        *,
        untrained_index: UntrainedIndex,
        curves: Curves,
        last_seen: LastSeen,
        negatives: NegativeLookup,
    ) -> None:
        self._rows = rows
        self._recognisers = recognisers
        self._templates = templates
        self._index = untrained_index
        self._curves = curves
        self._negatives = negatives
        self._last_seen = last_seen

    def identify(
        self, faces: Sequence[Embedding], ref: CollectionRef, top: int = 1, threshold: float = 0.0
    ) -> list[list[NamedCandidate]]:
        """Return for each face the most similar persons of a group, best first.

        Args:
            faces: embeddings of the group's recogniser.
            ref: a person group or large person group; nobody is found in a group that does not exist.
            top: most candidates per face, >= 1.
            threshold: lowest confidence of a candidate, in [0, 1].

        Raises:
            FingerprintMismatchError: the group's faces are of another recogniser than its label is bound to.
        """
        nobody: list[list[NamedCandidate]] = [[] for _ in faces]
        if not faces:
            return nobody
        try:
            with self._rows.reading(ref) as (session, row):
                search = self._index.search(session, row) if row.faces else None
                if search is None:
                    return nobody
                calibration = self._recogniser(row, ref).calibration
                query = query_for(calibration, search.persons, top, threshold)
                now = self._rows.clock.now()
                probes = [DetectedFace("", row.recognition_model, face, now) for face in faces]
                given = [str(place) for place in range(len(probes))]
                negatives = self._negatives.of(row, row.fingerprint)
                answers = identified(
                    probes, given, search, query, calibration=calibration, threshold=threshold, negatives=negatives
                )
                self._last_seen.note(row, recognised(answers))
                wanted = {UUID(one.person_id) for answer in answers for one in answer.candidates}
                named = select(PersonRow.person_id, PersonRow.name).where(
                    PersonRow.collection == row.uid, PersonRow.person_id.in_(wanted)
                )
                names = {str(person_id): name for person_id, name in session.execute(named)}
        except CollectionNotFoundError:
            return nobody
        return [
            [
                NamedCandidate(one.person_id, names[one.person_id], one.confidence)
                for one in answer.candidates
                if one.person_id in names
            ]
            for answer in answers
        ]

    def compare(self, faces: Sequence[Embedding], ref: CollectionRef, face_id: str) -> list[float]:
        """Return the confidence, in [0, 1], of each face with one enrolled face.

        Raises:
            PersistedFaceNotFoundError: there is no such face.
            FingerprintMismatchError: its template is of another recogniser than the label is bound to.
        """
        try:
            with self._rows.reading(ref) as (session, row):
                query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
                query = query.where(
                    PersistedFaceRow.collection == row.uid, PersistedFaceRow.face_id == parse_id(face_id)
                )
                found = session.execute(query).first()
        except CollectionNotFoundError:
            found = None
        if found is None:
            raise PersistedFaceNotFoundError(ref.kind, face_id)
        calibration = self._recogniser(row, ref).calibration
        enrolled = self._templates.faces(ref.resource_id, row.uid, [SealedFace(*found)]).templates
        probes = [face.vector[np.newaxis] if face.readable else None for face in faces]
        return [
            0.0 if probe is None else confidence(calibration, float(person_scores(probe, enrolled)[0]))
            for probe in probes
        ]

    def _recogniser(self, row: CollectionRow, ref: CollectionRef) -> Recogniser:
        """Return the recogniser of a collection with the calibration in effect."""
        recogniser = self._recognisers[row.recognition_model]
        if row.fingerprint not in {None, recogniser.fingerprint}:
            raise FingerprintMismatchError(row.recognition_model, ref)
        return self._curves.of(recogniser, ref.resource_id, row.uid)
