"""Verify (is a face of this person?) and identify (whose face is it?)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mien.events.drift import API, DriftCounts
from mien.gallery.curves import Curves
from mien.gallery.detected_faces import DetectedFace
from mien.gallery.errors import (
    PersonHasNoFaceError,
)
from mien.gallery.identification import curve_for, identified, query_for, recognised, verification
from mien.gallery.kinds import CollectionRef
from mien.gallery.last_seen import LastSeen
from mien.gallery.negatives.lookup import NegativeLookup
from mien.gallery.persons import find_person, sealed_faces_of
from mien.gallery.probes import Probes
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.trained_state import TrainedState
from mien.gallery.types import Identified, Verification
from mien.matching import Calibration, cosine, lower_by_negatives, person_scores
from mien.search import TemplateSearch
from mien.storage.tables import CollectionRow

FileForReview = Callable[[CollectionRow, Sequence[Identified]], object]
"""Files the results of an identification in a collection for review."""


@dataclass(frozen=True, slots=True)
class TrainedGroup:
    """The state of a trained group at one moment.

    Attributes:
        ref: reference to the group.
        row: its row.
        search: its trained index.
        calibration: maps its similarities to confidences.
        without: persons deleted since the training.
    """

    ref: CollectionRef
    row: CollectionRow
    search: TemplateSearch
    calibration: Calibration
    without: frozenset[UUID]


class Recognition:
    """Compares short-lived faces with each other and with enrolled faces.

    Args:
        rows: opens sessions on collections.
        probes: finds the probes.
        recognisers: bindings of the recognition models.
        templates: decrypts enrolled templates.
        trained: trained groups.
        last_seen: called with the people who were recognised.
        curves: the calibrations that operators applied.
        negatives: faces that people said are not a person.
    """

    def __init__(
        self,
        rows: Rows,
        probes: Probes,
        recognisers: Recognisers,
        templates: Templates,
        *,
        trained: TrainedState,
        last_seen: LastSeen,
        curves: Curves,
        negatives: NegativeLookup,
    ) -> None:
        self._rows = rows
        self.probes = probes
        self._recognisers = recognisers
        self._templates = templates
        self._trained = trained
        self.last_seen = last_seen
        self.curves = curves
        self.negatives = negatives
        self.filing: FileForReview | None = None
        """Files identifications in collections that require review; set by the composition root."""
        self.drift: DriftCounts | None = None
        """Counts the scores of identifications; set by the composition root."""

    # Verify

    def verify(self, resource_id: UUID, face_id1: str, face_id2: str) -> Verification:
        """Compare two faces.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: their label was bound to another recogniser between the two detections.
        """
        one, other = self.probes.of(resource_id, [face_id1, face_id2])
        recogniser = self.probes.recogniser_of(resource_id, [one, other])
        if not (one.embedding.readable and other.embedding.readable):
            return NOBODY
        curve = curve_for(recogniser.calibration, one, other)
        return verification(curve, cosine(one.embedding.vector, other.embedding.vector))

    def verify_person(
        self, resource_id: UUID, face_id: str, person_id: str, ref: CollectionRef, *, seen: bool = True
    ) -> Verification:
        """Compare a face with a person in the current state of a group, which need not be trained.

        Args:
            resource_id: id of the resource that owns the face and the group.
            face_id: the probe.
            person_id: id of the claimed person.
            ref: the person's group.
            seen: whether a match updates the person's last-seen day.

        Raises:
            FaceNotFoundError: the face id is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError: there is no such person in it.
            PersonHasNoFaceError: no face of the person is enrolled.
            IncompatibleModelError: the face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group's faces are of another recogniser.
        """
        (probe,) = self.probes.of(resource_id, [face_id])
        with self._rows.reading(ref) as (session, row):
            person = find_person(session, ref, row, person_id)
            sealed = sealed_faces_of(session, row.uid, person.person_id)
        recogniser = self.probes.check(probe, row.recognition_model, row.fingerprint if sealed else None, ref)
        verified = self.compare_with_person(probe, recogniser, row, sealed)
        if seen and verified.is_identical:
            self.last_seen.note(row, [str(person.person_id)])
        return verified

    def compare_with_person(
        self, probe: DetectedFace, recogniser: Recogniser, row: CollectionRow, sealed: Sequence[SealedFace]
    ) -> Verification:
        """Compare a face with a person by all of the person's faces.

        Raises:
            PersonHasNoFaceError: the person has no faces.
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
            score = lower_by_negatives(score, vector, known)
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
        """Identify faces among the persons of a trained group.

        Args:
            face_ids: the probes.
            ref: a person group or large person group.
            top: most candidates per probe, >= 1.
            confidence_threshold: in [0, 1]; None for a threshold that grows with the group, so that at most about 1 %
                of strangers are identified as an enrolled person (`mien.matching.open_set`).

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it has never been trained successfully.
            TrainingNotFinishedError: its first training is under way.
            IncompatibleModelError: a face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group was trained with another recogniser.
        """
        probes = self.probes.of(ref.resource_id, face_ids)
        found = self.identify_probes(probes, face_ids, ref, top, confidence_threshold)
        self.count_scores(ref.resource_id, found)
        return found

    def count_scores(self, resource_id: UUID, found: Sequence[Identified]) -> None:
        """Count the scores of an API caller's identifications, for drift detection."""
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
        """Identify faces in memory, as `identify` does.

        Args:
            probes: the faces, which need not be stored.
            face_ids: their ids in the result.
            ref: a person group or large person group.
            top: most candidates per probe, >= 1.
            confidence_threshold: see `identify`.

        Raises:
            Errors of `identify`, except `FaceNotFoundError`.
        """
        return self.identify_in(self.opened(ref), probes, face_ids, top, confidence_threshold)

    def opened(self, ref: CollectionRef) -> TrainedGroup:
        """Return the current trained state of a group, for several searches without the database.

        Raises:
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it has never been trained successfully.
            TrainingNotFinishedError: its first training is under way.
        """
        with self._rows.reading(ref) as (session, row):
            without = self._trained.removed.of(session, row)
        row, search = self._trained.search(ref, row)
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
        """Identify faces in memory in an opened group, as `identify_probes` does.

        Raises:
            IncompatibleModelError: a face was detected with another recognition model than the group's.
            FingerprintMismatchError: the group was trained with another recogniser.
        """
        row, search, calibration = group.row, group.search, group.calibration
        for probe in probes:
            self.probes.check(probe, row.recognition_model, search.fingerprint, group.ref)
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
        """Return the number of searched persons of a trained group.

        Raises:
            CollectionNotFoundError: there is no such group.
            NotTrainedError: it has never been trained successfully.
            TrainingNotFinishedError: its first training is under way.
        """
        return self._trained.search(ref, self._rows.get(ref))[1].persons


NOBODY: Final = Verification(is_identical=False, confidence=0.0)
"""The result for a face that could not be read."""
