"""Matches that applications file for review: the server compares again, and each id creates only one case."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from mien.gallery.detected_faces import DetectedFace
from mien.gallery.directory.recognition import DirectoryRecognition
from mien.gallery.errors import InvalidReviewError
from mien.gallery.identification import curve_for, verification
from mien.gallery.kinds import CollectionRef, Kind, faces_ref, persons_ref
from mien.gallery.recognition import Recognition
from mien.gallery.reviews.service import MOST_CANDIDATES, Reviews
from mien.gallery.reviews.types import Claimed, Filed, ReviewCase
from mien.gallery.rows import Rows
from mien.gallery.types import Candidate
from mien.matching import cosine
from mien.storage.tables import CollectionRow
from mien.vision.ports import Engine
from mien.vision.types import Want

_AHEAD: Final = timedelta(minutes=1)
"""Tolerated lead of an application's clock."""


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """A candidate for a probe; the confidence in [0, 1] is the one that the application received."""

    person_id: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class FiledMatch:
    """A match filed by an application.

    Attributes:
        case_id: chosen by the application, unique for each match.
        collection: the group of the candidates; kind `Kind.DIRECTORY` for the person directory.
        face_id: short-lived face id of the probe.
        candidates: 1 to 10 candidates.
        picture: the image file in which the probe was detected, or a part of it.
        used_from: time of the match; None for now.
        purpose: the operator's description, such as which door.
    """

    case_id: UUID
    collection: CollectionRef
    face_id: str
    candidates: Sequence[MatchCandidate]
    picture: bytes | None = None
    used_from: datetime | None = None
    purpose: str | None = None


class ApplicationReviews:
    """Files the matches of applications.

    Args:
        reviews: stores the cases.
        rows: reads collections.
        recognition: compares with persons of groups.
        directory: compares with persons of the directory.
        engine: finds the probe in a picture.
    """

    def __init__(
        self, reviews: Reviews, rows: Rows, recognition: Recognition, directory: DirectoryRecognition, engine: Engine
    ) -> None:
        self.reviews = reviews
        self._rows = rows
        self._recognition = recognition
        self._directory = directory
        self._engine = engine

    def file(self, match: FiledMatch, *, filed_by: str) -> tuple[ReviewCase, bool]:
        """File a match. Repeating the call returns the existing case, even after the faceId has expired.

        The server computes the confidences of the case itself: it compares the probe with each candidate's current
        faces.

        Args:
            match: the match to file.
            filed_by: name of the application, which may not answer the case.

        Returns:
            The case, and whether this call created it.

        Raises:
            ReviewExistsError: the id is used for another match.
            InvalidReviewError: the candidates, the time or the picture are not valid.
            FaceNotFoundError: the faceId is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError, PersonHasNoFaceError, UnknownCandidateError: a candidate is not enrolled in it.
            IncompatibleModelError, FingerprintMismatchError: the probe is of another recognition model.
            ImageError: the picture cannot be read.
        """
        resource_id = match.collection.resource_id
        sent = {one.person_id.lower(): one.confidence for one in match.candidates if one.confidence is not None}
        claimed = Claimed(match.case_id, _request(match), sent)
        known = self.reviews.again(resource_id, claimed)
        if known is not None:
            return known, False
        self._check(match)
        (probe,) = self._recognition.probes.of(resource_id, [match.face_id])
        candidates = [Candidate(one.person_id, self._confidence(match, one.person_id)) for one in match.candidates]
        if match.picture is not None:
            self._check_picture(resource_id, probe, match.picture)
        ref, searched = self._places(match.collection, probe)
        filed = Filed(
            candidates,
            filed_by,
            used_from=match.used_from,
            picture=match.picture,
            face_id=match.face_id,
            purpose=match.purpose,
            claimed=claimed,
            searched=searched,
        )
        try:
            return self.reviews.file(ref, filed), True
        except IntegrityError:  # a concurrent identical call was faster
            known = self.reviews.again(resource_id, claimed)
            if known is None:
                raise
            return known, False

    def _check(self, match: FiledMatch) -> None:
        if not match.collection.kind.has_persons:
            raise InvalidReviewError("the faces of a list have no persons: file matches of a group or of the directory")
        if not 1 <= len(match.candidates) <= MOST_CANDIDATES:
            raise InvalidReviewError("a case has 1 to {most} candidates", most=MOST_CANDIDATES)
        if match.used_from is not None and match.used_from > self._rows.clock.now() + _AHEAD:
            raise InvalidReviewError("usedFrom is in the future")

    def _confidence(self, match: FiledMatch, person_id: str) -> float:
        """Compare the probe with a person's current faces; does not update the last-seen day."""
        ref = match.collection
        if ref.kind is Kind.DIRECTORY:
            return self._directory.verify_person(ref.resource_id, match.face_id, person_id, seen=False).confidence
        return self._recognition.verify_person(ref.resource_id, match.face_id, person_id, ref, seen=False).confidence

    def _check_picture(self, resource_id: UUID, probe: DetectedFace, picture: bytes) -> None:
        """Check that the picture shows the compared face to reviewers.

        Raises:
            InvalidReviewError: it does not.
        """
        recogniser = self._recognition.probes.recogniser_of(resource_id, [probe])
        curve = curve_for(recogniser.calibration, probe)
        for face in self._engine.analyze(picture, Want(recogniser=recogniser.pack)).faces:
            found = face.embedding
            if found is None or not (found.readable and probe.embedding.readable):
                continue
            if verification(curve, cosine(found.vector, probe.embedding.vector)).is_identical:
                return
        raise InvalidReviewError("the picture does not show the face of faceId: send the image that detect was given")

    def _places(self, ref: CollectionRef, probe: DetectedFace) -> tuple[CollectionRef, CollectionRow | None]:
        """Return the collection of the persons, and the collection of their faces if it is a different one."""
        if ref.kind is not Kind.DIRECTORY:
            return ref, None
        faces = faces_ref(ref.resource_id, probe.recognition_model)
        return persons_ref(ref.resource_id), self._rows.get(faces)


def _request(match: FiledMatch) -> str:
    """Return a digest of a filed match; independent of the order of candidates and the case of ids."""
    sent = {
        "collection": [match.collection.kind.value, match.collection.collection_id],
        "face": match.face_id.lower(),
        "candidates": sorted((one.person_id.lower(), repr(one.confidence)) for one in match.candidates),
        "picture": None if match.picture is None else hashlib.sha256(match.picture).hexdigest(),
        "from": None if match.used_from is None else match.used_from.isoformat(),
        "purpose": match.purpose,
    }
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
