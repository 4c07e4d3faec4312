"""Verify and identify in the person directory as it is now.

A probe is compared with faces of its own recognition model alone; a person who has faces of other models only is not a
candidate of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.detected_faces import DetectedFace, DetectedFaces
from mien.gallery.directory_rows import (
    DirectoryRows,
    check_persons,
    face_collections,
    faces_ref,
    find_collection,
    find_person,
)
from mien.gallery.dynamic_groups import find_group, members_of
from mien.gallery.errors import (
    FaceNotFoundError,
    FingerprintMismatchError,
    IncompatibleModelError,
    PersonHasNoFaceError,
)
from mien.gallery.live import LiveSearches
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.types import Candidate, Identified, Verification
from mien.matching import cosine_matrix
from mien.matching.open_set import similarity_for_gallery
from mien.search import ExactSearch, Query
from mien.storage.tables import CollectionRow, DynamicGroupRow, PersistedFaceRow

EVERYONE: Final = ("*",)
"""Stands for all persons of the directory (contract, section 4)."""

_CACHED_GROUPS: Final = 64


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Among whom, how many, and how sure; None for everyone and for as sure as the number of faces asks for."""

    only: frozenset[UUID] | None
    top: int
    threshold: float | None


class DirectoryRecognition:
    """Compares short-lived faces with the persons of a directory.

    Args:
        rows: opens sessions on the directory.
        detected_faces: the probes.
        recognisers: what the recognition models stand for.
        templates: opens enrolled templates.
        live: the searches of all faces of a model.
    """

    def __init__(
        self,
        rows: DirectoryRows,
        detected_faces: DetectedFaces,
        recognisers: Recognisers,
        templates: Templates,
        live: LiveSearches,
    ) -> None:
        self._rows = rows
        self._detected_faces = detected_faces
        self._recognisers = recognisers
        self._templates = templates
        self._live = live
        self._members = _Members()

    def verify_person(self, resource_id: UUID, face_id: str, person_id: str) -> Verification:
        """Tell whether a face is of a person: of the faces that the person has, the most like counts.

        Raises:
            FaceNotFoundError: the probe is unknown or has expired.
            PersonNotFoundError: the directory has no such person.
            PersonHasNoFaceError: no face of the person is enrolled.
            IncompatibleModelError: the person has faces of other recognition models only.
            FingerprintMismatchError: the label was bound to another recogniser since.
            NotCalibratedError: the recogniser has no calibration.
        """
        probe = self._probes(resource_id, [face_id])[face_id]
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            if not person.faces:
                raise PersonHasNoFaceError("no face of the person is enrolled")
            collection = find_collection(session, faces_ref(resource_id, probe.recognition_model))
            sealed = _sealed_faces(session, collection, person.person_id) if collection is not None else []
            if collection is None or not sealed:
                others = [one.recognition_model for one in face_collections(session)]
                models = ", ".join(label for label in others if label != probe.recognition_model)
                raise IncompatibleModelError(
                    f"the face was detected with {probe.recognition_model}, of which the person has no face; "
                    f"the directory has faces of {models}"
                )
            recogniser = self._recogniser(collection, [probe])
            enrolled = self._templates.faces(resource_id, collection.uid, sealed)
        similarity = float(cosine_matrix(probe.embedding.vector[None], enrolled.templates).max())
        confidence = recogniser.calibration.confidence(similarity)
        return Verification(confidence >= 0.5, confidence)

    def identify_persons(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        person_ids: Sequence[str],
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Find who the probes are among some persons, or with `EVERYONE` in the whole directory.

        Raises:
            FaceNotFoundError: a probe is unknown or has expired.
            PersonNotFoundError: the directory has no such person.
            FingerprintMismatchError: a label was bound to another recogniser since.
            NotCalibratedError: a recogniser has no calibration.
        """
        probes = self._probes(resource_id, face_ids)
        with self._rows.reading(resource_id) as session:
            everyone = tuple(person_ids) == EVERYONE
            only = None if everyone else frozenset(check_persons(session, resource_id, list(person_ids)))
            found = self._identify(session, resource_id, probes, _Wanted(only, top, confidence_threshold))
        return [Identified(face_id, found.get(face_id, ())) for face_id in face_ids]

    def identify_dynamic(
        self,
        resource_id: UUID,
        face_ids: Sequence[str],
        group_id: str,
        top: int = 10,
        confidence_threshold: float | None = None,
    ) -> list[Identified]:
        """Find who the probes are among the persons of a dynamic group.

        Raises:
            What `identify_persons` raises, and:
            DynamicGroupNotFoundError: there is no such group.
        """
        probes = self._probes(resource_id, face_ids)
        with self._rows.reading(resource_id) as session:
            only = self._members.of(session, find_group(session, group_id))
            found = self._identify(session, resource_id, probes, _Wanted(only, top, confidence_threshold))
        return [Identified(face_id, found.get(face_id, ())) for face_id in face_ids]

    def _probes(self, resource_id: UUID, face_ids: Sequence[str]) -> dict[str, DetectedFace]:
        found = self._detected_faces.get_many(resource_id, face_ids)
        for face_id in face_ids:
            if face_id not in found:
                raise FaceNotFoundError(face_id)
        return found

    def _identify(
        self,
        session: Session,
        resource_id: UUID,
        probes: dict[str, DetectedFace],
        wanted: _Wanted,
    ) -> dict[str, tuple[Candidate, ...]]:
        candidates: dict[str, tuple[Candidate, ...]] = {}
        for label in {probe.recognition_model for probe in probes.values()}:
            own = [face_id for face_id, probe in probes.items() if probe.recognition_model == label]
            collection = find_collection(session, faces_ref(resource_id, label))
            if collection is None or not collection.faces:
                continue
            recogniser = self._recogniser(collection, [probes[face_id] for face_id in own])
            search = self._live.search(session, collection)
            if search is None:
                continue
            vectors = np.stack([probes[face_id].embedding.vector for face_id in own])
            found = _candidates(search, recogniser, vectors, wanted)
            candidates.update(zip(own, found, strict=True))
        return candidates

    def _recogniser(self, collection: CollectionRow, probes: Sequence[DetectedFace]) -> Recogniser:
        """The recogniser of a collection, when the probes and the enrolled faces are all of it."""
        recogniser = self._recognisers[collection.recognition_model]
        if {collection.fingerprint, *(probe.embedding.fingerprint for probe in probes)} != {recogniser.fingerprint}:
            raise FingerprintMismatchError(collection.recognition_model)
        return recogniser


def _candidates(
    search: ExactSearch,
    recogniser: Recogniser,
    vectors: NDArray[np.float32],
    wanted: _Wanted,
) -> list[tuple[Candidate, ...]]:
    calibration, only, threshold = recogniser.calibration, wanted.only, wanted.threshold
    if threshold is None:
        searched = len(search) if only is None else sum(len(one.rows_of_persons(only)) for one in search.segments)
        least = similarity_for_gallery(calibration, searched)
    else:
        least = calibration.similarity(threshold)
    answers = []
    for matches in search.search(vectors, Query(top=wanted.top, min_similarity=least, only=only)):
        scored = [Candidate(str(match.person_id), calibration.confidence(match.similarity)) for match in matches]
        answers.append(tuple(one for one in scored if threshold is None or one.confidence >= threshold))
    return answers


def _sealed_faces(session: Session, collection: CollectionRow, person_id: UUID) -> list[SealedFace]:
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
    query = query.where(PersistedFaceRow.collection == collection.uid, PersistedFaceRow.person_id == person_id)
    return [SealedFace(*found) for found in session.execute(query)]


class _Members:
    """Who is in the dynamic groups that were searched last, so that large ones need not be read every time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, frozenset[UUID]] = OrderedDict()

    def of(self, session: Session, group: DynamicGroupRow) -> frozenset[UUID]:
        with self._lock:
            known = self._known.get(group.version)
            if known is not None:
                self._known.move_to_end(group.version)
                return known
        members = members_of(session, group.group_id)
        with self._lock:
            self._known[group.version] = members
            while len(self._known) > _CACHED_GROUPS:
                self._known.popitem(last=False)
        return members
