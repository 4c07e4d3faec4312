"""Find similar and group: ranking and clustering of faces by similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np

from mien.gallery.curves import Curves
from mien.gallery.errors import FaceListEmptyError
from mien.gallery.identification import confidence, curve_for
from mien.gallery.kinds import CollectionRef
from mien.gallery.last_seen import LastSeen
from mien.gallery.probes import Probes
from mien.gallery.rows import Rows
from mien.gallery.trained_state import TrainedState
from mien.gallery.types import FaceGroups, FindMode, SimilarFace
from mien.gallery.untrained_index import UntrainedIndex
from mien.matching import Calibration, group
from mien.matching.open_set import similarity_at_fmr, similarity_for_gallery
from mien.search import Query, TemplateSearch

GROUP_FMR: Final = 1e-4
"""False match rate at the threshold of `group` (see `mien.matching.grouping`)."""


class SimilarFaces:
    """Ranks and groups faces.

    Args:
        rows: opens sessions on collections.
        probes: finds the probes.
        trained: trained large face lists.
        untrained_index: searches the current state of face lists.
        last_seen: called with matching faces of lists.
        curves: the calibrations that operators applied.
    """

    def __init__(
        self,
        rows: Rows,
        probes: Probes,
        trained: TrainedState,
        untrained_index: UntrainedIndex,
        *,
        last_seen: LastSeen,
        curves: Curves,
    ) -> None:
        self._rows = rows
        self._probes = probes
        self._trained = trained
        self._untrained = untrained_index
        self._last_seen = last_seen
        self._curves = curves

    def find(
        self, resource_id: UUID, face_id: str, face_ids: Sequence[str], mode: FindMode, top: int = 20
    ) -> list[SimilarFace]:
        """Rank faces by their similarity to a face.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser between them.
        """
        unique = list(dict.fromkeys(face_ids))
        probe, *others = self._probes.of(resource_id, [face_id, *unique])
        calibration = curve_for(self._probes.recogniser_of(resource_id, [probe, *others]).calibration, probe)
        vectors = np.stack([other.embedding.vector for other in others])
        similarity = np.clip(vectors @ probe.embedding.vector, -1.0, 1.0)
        least = _least(calibration, mode, len(others))
        order = np.lexsort((np.array([other.face_id for other in others]), -similarity))
        return [
            SimilarFace(unique[position], confidence(calibration, float(similarity[position])))
            for position in order[:top].tolist()
            if similarity[position] >= least
        ]

    def find_in(self, face_id: str, ref: CollectionRef, mode: FindMode, top: int = 20) -> list[SimilarFace]:
        """Rank the faces of a face list (current state) or of a large face list (last training).

        Raises:
            FaceNotFoundError: the id is unknown or has expired.
            CollectionNotFoundError: there is no such list.
            FaceListEmptyError: the face list has no face.
            NotTrainedError: the large face list was never trained successfully.
            TrainingNotFinishedError: its first training is under way.
            IncompatibleModelError: the face was detected with another recognition model than the list's.
            FingerprintMismatchError: the list's faces are of another recogniser.
        """
        (probe,) = self._probes.of(ref.resource_id, [face_id])
        search: TemplateSearch | None
        with self._rows.reading(ref) as (session, row):
            without = self._trained.removed.of(session, row) if ref.kind.trained else frozenset()
            self._probes.check(probe, row.recognition_model, None)
            search = None if ref.kind.trained else self._untrained.search(session, row)
        if ref.kind.trained:
            row, search = self._trained.search(ref, row)
        if search is None:
            raise FaceListEmptyError("the face list has no face")
        recogniser = self._probes.check(probe, row.recognition_model, search.fingerprint, ref)
        calibration = curve_for(self._curves.of(recogniser, row.resource_id, row.uid).calibration, probe)
        least = _least(calibration, mode, len(search))
        query = Query(top=top, min_similarity=least, without=without)
        found = search.search(probe.embedding.vector[None], query)[0]
        if mode is FindMode.MATCH_PERSON:
            self._last_seen.note(row, [str(match.face_id) for match in found])
        return [SimilarFace(str(match.face_id), confidence(calibration, match.similarity)) for match in found]

    def group(self, resource_id: UUID, face_ids: Sequence[str]) -> FaceGroups:
        """Sort faces into groups of one person each, independently of their order.

        Raises:
            FaceNotFoundError: an id is unknown or has expired.
            IncompatibleModelError: they were detected with different recognition models.
            FingerprintMismatchError: the label was bound to another recogniser between them.
        """
        unique = list(dict.fromkeys(face_ids))
        faces = self._probes.of(resource_id, unique)
        calibration = self._probes.recogniser_of(resource_id, faces).calibration
        vectors = np.stack([face.embedding.vector for face in faces])
        found = group(vectors, similarity_at_fmr(calibration, GROUP_FMR))
        return FaceGroups(
            tuple(tuple(unique[position] for position in members) for members in found.groups),
            tuple(unique[position] for position in found.messy),
        )


def _least(calibration: Calibration, mode: FindMode, templates: int) -> float:
    return similarity_for_gallery(calibration, templates) if mode is FindMode.MATCH_PERSON else -1.0
