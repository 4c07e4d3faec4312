"""Exact comparison of one face with every template of a resource, trained or not, with little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from mien.gallery.enrolment import choose
from mien.gallery.errors import NoFaceError
from mien.gallery.identification import confidence
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.types import TargetFace
from mien.gallery.untrained_index import added_since
from mien.matching.open_set import similarity_for_gallery
from mien.storage.tables import CollectionRow
from mien.subjects.types import Certainty
from mien.vision.ports import Engine
from mien.vision.types import Want

_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """The similarity of a face to the face in the photo.

    Attributes:
        similarity: cosine similarity.
        fingerprint: fingerprint of the recogniser.
    """

    similarity: float
    fingerprint: str


class Probe:
    """The face in a photo, with its template of each recogniser in use.

    Args:
        engine: analyses the photo.
        recognisers: bindings of the recognition models.
        photo: an image file.
        target: rectangle of the face; required if there are several.
    """

    def __init__(self, engine: Engine, recognisers: Recognisers, photo: bytes, target: TargetFace | None) -> None:
        self._engine = engine
        self._recognisers = recognisers
        self._photo = photo
        self._target = target
        self._made: dict[str, NDArray[np.float32]] = {}
        self._known = {one.fingerprint: one for one in recognisers}
        self.compared = 0

    def recogniser(self, fingerprint: str) -> Recogniser | None:
        """Return the bound recogniser with a fingerprint; None if there is none."""
        return self._known.get(fingerprint)

    def vector(self, recogniser: Recogniser) -> NDArray[np.float32]:
        """Return the photo's template, a unit vector.

        Raises:
            ImageError: the image cannot be analysed.
            NoFaceError: there is no face, or none in the target.
            SeveralFacesError: there are several.
            TargetFaceOutOfRangeError: the target does not lie in the image.
        """
        known = self._made.get(recogniser.fingerprint)
        if known is None:
            face = choose(self._engine.analyze(self._photo, Want(recogniser=recogniser.pack)), self._target)
            assert face.embedding is not None
            if not face.embedding.readable:
                raise NoFaceError("the face cannot be told well enough to search by it; take a sharper, upright photo")
            known = self._made[recogniser.fingerprint] = face.embedding.vector
        return known

    def check(self) -> None:
        """Check that the photo has exactly one usable face, even if nothing is enrolled; raises as `vector`."""
        for recogniser in self._recognisers:
            self.vector(recogniser)
            return

    def compare(self, fingerprint: str, template: NDArray[np.float32]) -> Likeness | None:
        """Compare with one template; None if it does not match, or is of a recogniser that is not bound."""
        recogniser = self._known.get(fingerprint)
        if recogniser is None:
            return None
        self.compared += 1
        similarity = float(np.clip(self.vector(recogniser) @ template, -1.0, 1.0))
        return Likeness(similarity, fingerprint) if similarity >= recogniser.calibration.threshold else None

    def search(
        self, session: Session, row: CollectionRow, templates: Templates
    ) -> Mapping[tuple[UUID, UUID], Likeness]:
        """Return the similarities of the matching (person, face) pairs of a collection."""
        recogniser = self._known[row.fingerprint]
        vector, least = self.vector(recogniser), recogniser.calibration.threshold
        found = {}
        for some in _batches(added_since(session, row.uid, -1)):
            faces = templates.faces(row.resource_id, row.uid, some)
            similarity = np.clip(faces.templates @ vector, -1.0, 1.0)
            self.compared += len(some)
            for at in np.flatnonzero(similarity >= least).tolist():
                found[some[at].person_id, some[at].face_id] = Likeness(float(similarity[at]), row.fingerprint)
        return found

    def judge(self, likeness: Likeness) -> tuple[Certainty, float]:
        """Return the certainty of a match after all comparisons, and its confidence."""
        calibration = self._known[likeness.fingerprint].calibration
        sure = likeness.similarity >= similarity_for_gallery(calibration, self.compared)
        return Certainty.SURE if sure else Certainty.POSSIBLE, confidence(calibration, likeness.similarity)


def _batches(faces: Iterable[SealedFace]) -> Iterator[list[SealedFace]]:
    iterator = iter(faces)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch
