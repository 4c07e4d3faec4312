"""Matches that applications file for review: the server compares again, and an id makes a case only once."""

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
"""How far an application's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """A person whom a probe may show; the confidence in [0, 1] is the one that the application was answered."""

    person_id: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class FiledMatch:
    """A match as an application files it.

    Attributes:
        case_id: chosen by the application, once a match.
        collection: the group of the candidates; kind `Kind.DIRECTORY` for the person directory.
        face_id: the probe, which detect still remembers.
        candidates: people whom it may show, 1 to 10.
        picture: the image file that the probe was detected in, or a part of it.
        used_from: time of the match; now when None.
        purpose: the operator's words, such as which door.
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
        reviews: keeps the cases.
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
        """File a match; the same call again gives the case that it made before, also after the faceId has expired.

        The confidences of the case are the server's own: the probe is compared with each candidate as enrolled now.

        Args:
            match: the match to file.
            filed_by: the application that filed it; it may not answer the case.

        Returns:
            The case, and whether this call made it.

        Raises:
            ReviewExistsError: the id is that of another match.
            InvalidReviewError: the candidates, the time or the picture cannot be right.
            FaceNotFoundError: the faceId is unknown or has expired.
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError, PersonHasNoFaceError, UnknownCandidateError: a candidate is no enrolled person of it.
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
        except IntegrityError:  # the same call came twice at once, and the other was faster
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
        """Compare the probe with a person as enrolled now; that is no sighting of the person."""
        ref = match.collection
        if ref.kind is Kind.DIRECTORY:
            return self._directory.verify_person(ref.resource_id, match.face_id, person_id, seen=False).confidence
        return self._recognition.verify_person(ref.resource_id, match.face_id, person_id, ref, seen=False).confidence

    def _check_picture(self, resource_id: UUID, probe: DetectedFace, picture: bytes) -> None:
        """Check that reviewers will see the face that was compared.

        Raises:
            InvalidReviewError: the picture does not show it.
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
        """Return the collection of the persons, and that of their faces where it is another."""
        if ref.kind is not Kind.DIRECTORY:
            return ref, None
        faces = faces_ref(ref.resource_id, probe.recognition_model)
        return persons_ref(ref.resource_id), self._rows.get(faces)


def _request(match: FiledMatch) -> str:
    """Return a digest of all that was sent; the order of candidates and the case of ids make no difference."""
    sent = {
        "collection": [match.collection.kind.value, match.collection.collection_id],
        "face": match.face_id.lower(),
        "candidates": sorted((one.person_id.lower(), repr(one.confidence)) for one in match.candidates),
        "picture": None if match.picture is None else hashlib.sha256(match.picture).hexdigest(),
        "from": None if match.used_from is None else match.used_from.isoformat(),
        "purpose": match.purpose,
    }
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
