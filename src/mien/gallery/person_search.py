"""Finds the person of a face in the current state of all groups of a resource, trained or not.

Identification (`Recognition.identify`) uses the index of the last training, as the contract requires. Operators need
the current state: here a group is searched by its index and by the changes since, and every person found is scored
again by all of their faces in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.gallery.curves import Curves
from mien.gallery.errors import FingerprintMismatchError, NoTemplateError
from mien.gallery.faces import find_face
from mien.gallery.identification import confidence
from mien.gallery.kinds import PERSON_GROUPS, CollectionRef
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows, ref_of
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.untrained_index import UntrainedIndex, added_since
from mien.matching import person_scores
from mien.matching.open_set import similarity_for_gallery
from mien.search import Query, TrainedIndexError
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow

POSSIBLE: Final = 0.1
"""Confidence from which a person is suggested to an operator, who makes the choice."""
_MORE: Final = 8


@dataclass(frozen=True, slots=True)
class LikelyPerson:
    """A likely person of a face.

    Attributes:
        ref: the group.
        group: name of the group.
        person_id: id of the person.
        name: name of the person.
        confidence: in [0, 1], by all faces of the person.
    """

    ref: CollectionRef
    group: str
    person_id: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class PersonSearchResult:
    """The result of a search.

    Attributes:
        found: likely persons, the most likely first.
        groups: number of searched groups.
        left_out: names of groups of other recognisers, which cannot be searched.
    """

    found: tuple[LikelyPerson, ...]
    groups: int
    left_out: tuple[str, ...] = ()


class PersonSearch:
    """Searches groups for persons.

    Args:
        rows: opens sessions on collections.
        templates: decrypts templates.
        recognisers: bindings of the recognition models.
        indexes: the trained indexes.
        untrained: searches the current state of collections.
        curves: calibrations that operators applied.
    """

    def __init__(
        self,
        rows: Rows,
        templates: Templates,
        recognisers: Recognisers,
        *,
        indexes: TrainedIndexes,
        untrained: UntrainedIndex,
        curves: Curves,
    ) -> None:
        self._rows = rows
        self._templates = templates
        self._recognisers = recognisers
        self._indexes = indexes
        self._untrained = untrained
        self._curves = curves

    def everywhere(
        self, resource_id: UUID, vectors: dict[str, NDArray[np.float32]], top: int = 10
    ) -> PersonSearchResult:
        """Search for a face in all groups of a resource.

        Args:
            resource_id: the resource.
            vectors: the template of the face by recognition model, unit float32 (d,).
            top: most persons to return.
        """
        found: list[LikelyPerson] = []
        searched, left_out = 0, []
        with self._rows.database.read(resource_id) as session:
            kinds = [kind.value for kind in PERSON_GROUPS]
            query = select(CollectionRow).where(CollectionRow.kind.in_(kinds), CollectionRow.faces > 0)
            for row in session.scalars(query.order_by(CollectionRow.kind, CollectionRow.collection_id)):
                vector = vectors.get(row.recognition_model)
                recogniser = self._curves.of(self._recognisers[row.recognition_model], row.resource_id, row.uid)
                if vector is None or recogniser.fingerprint != row.fingerprint:
                    left_out.append(row.name)
                    continue
                searched += 1
                least = similarity_for_gallery(recogniser.calibration, row.persons)
                found += self._in(session, row, recogniser, vector, top=top, least=least)
        found.sort(key=lambda one: (-one.confidence, one.name, one.person_id))
        return PersonSearchResult(tuple(found[:top]), searched, tuple(left_out))

    def models(self, resource_id: UUID) -> list[str]:
        """Return the recognition models of the groups of a resource that have faces."""
        with self._rows.database.read(resource_id) as session:
            kinds = [kind.value for kind in PERSON_GROUPS]
            query = select(CollectionRow.recognition_model).where(CollectionRow.kind.in_(kinds))
            return sorted(session.scalars(query.where(CollectionRow.faces > 0).distinct()))

    def like_face(self, ref: CollectionRef, face_id: str, person_id: str, top: int = 5) -> PersonSearchResult:
        """Return the other persons of a group most similar to an enrolled face, however low the confidence.

        Args:
            ref: the group.
            face_id: the enrolled face.
            person_id: id of the person it is enrolled for, who is not in the result.
            top: most persons to return.

        Raises:
            PersonNotFoundError: there is no such person.
            PersistedFaceNotFoundError: there is no such face of the person.
            NoTemplateError: a re-embedding left out the face.
            FingerprintMismatchError: the group's faces are of another recogniser than its label is bound to.
        """
        with self._rows.reading(ref) as (session, row):
            recogniser, vector, whose = self._vector(session, ref, row, face_id, person_id)
            least = recogniser.calibration.similarity(POSSIBLE)
            found = self._in(session, row, recogniser, vector, top=top + 1, least=least)
            return PersonSearchResult(tuple([one for one in found if one.person_id != str(whose)][:top]), 1)

    def fit(self, ref: CollectionRef, face_id: str, person_id: str) -> float | None:
        """Return the confidence of a face with its person's other faces, in [0, 1]; None if it is the only one.

        Raises:
            Errors of `like_face`.
        """
        with self._rows.reading(ref) as (session, row):
            recogniser, vector, whose = self._vector(session, ref, row, face_id, person_id)
            others = [one for one in sealed_faces(session, row.uid, [whose]) if str(one.face_id) != face_id.lower()]
            if not others:
                return None
            enrolled = self._templates.faces(row.resource_id, row.uid, others).templates
            return confidence(recogniser.calibration, float(person_scores(vector[None], enrolled)[0]))

    def _vector(
        self, session: Session, ref: CollectionRef, row: CollectionRow, face_id: str, person_id: str
    ) -> tuple[Recogniser, NDArray[np.float32], UUID]:
        face = find_face(session, ref, row, face_id, person_id)
        if not face.sealed:
            raise NoTemplateError("a migration left this face without a template, so that it cannot be compared")
        recogniser = self._curves.of(self._recognisers[row.recognition_model], row.resource_id, row.uid)
        if recogniser.fingerprint != row.fingerprint:
            raise FingerprintMismatchError(row.recognition_model, ref)
        vector = self._templates.open(row.resource_id, row.uid, face.face_id, face.sealed)
        return recogniser, vector, face.person_id

    def _in(
        self,
        session: Session,
        row: CollectionRow,
        recogniser: Recogniser,
        vector: NDArray[np.float32],
        *,
        top: int,
        least: float,
    ) -> list[LikelyPerson]:
        """Return the likely persons of a group, the most likely first."""
        persons = self._near(session, row, vector, top + _MORE, least)
        if not persons:
            return []
        names = dict(
            session.execute(
                select(PersonRow.person_id, PersonRow.name).where(
                    PersonRow.collection == row.uid, PersonRow.person_id.in_(persons)
                )
            ).all()
        )
        by_person: dict[UUID, list[SealedFace]] = {}
        for face in sealed_faces(session, row.uid, persons):
            by_person.setdefault(face.person_id, []).append(face)
        found = []
        for person, faces in by_person.items():
            enrolled = self._templates.faces(row.resource_id, row.uid, faces).templates
            score = float(person_scores(vector[None], enrolled)[0])
            if score >= least and person in names:
                sure = confidence(recogniser.calibration, score)
                found.append(LikelyPerson(ref_of(row), row.name, str(person), names[person], sure))
        return sorted(found, key=lambda one: (-one.confidence, one.name, one.person_id))[:top]

    def _near(
        self, session: Session, row: CollectionRow, vector: NDArray[np.float32], top: int, least: float
    ) -> list[UUID]:
        """Return persons with a face of at least similarity `least`, by the index and by the changes since."""
        probe, query = vector[None], Query(top=top, min_similarity=least)
        try:
            trained = self._indexes.search(row) if row.snapshot is not None else None
        except TrainedIndexError:  # it is rebuilt elsewhere; the database has all its faces
            trained = None
        if trained is None or trained.fingerprint != row.fingerprint:
            now = self._untrained.search(session, row)
            return [match.person_id for match in now.search(probe, query)[0]] if now is not None else []
        found = {match.person_id: None for match in trained.search(probe, query)[0]}
        newer = self._templates.faces(
            row.resource_id, row.uid, added_since(session, row.uid, max(row.trained_revision, 0))
        )
        if len(newer):
            similar = newer.templates @ vector
            for at in np.argsort(-similar, kind="stable")[:top].tolist():
                if similar[at] >= least:
                    found[UUID(bytes=newer.person_ids[at].tobytes())] = None
        return list(found)


def sealed_faces(session: Session, collection: UUID, persons: Sequence[UUID]) -> list[SealedFace]:
    """Return the faces of persons of a collection that have a template (a re-embedding may leave faces out)."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed).where(
        PersistedFaceRow.collection == collection,
        PersistedFaceRow.person_id.in_(persons),
        func.length(PersistedFaceRow.sealed) > 0,
    )
    return [SealedFace(*found) for found in session.execute(query)]
