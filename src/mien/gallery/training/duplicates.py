"""Duplicate search after a training, for faces not compared at enrolment: in large collections and bulk imports.

Faces are searched in the new trained index, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from mien.gallery.duplicate_check import COMPARED_FACES
from mien.gallery.duplicates import Suspect, record
from mien.gallery.kinds import Kind
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace, Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.types import DuplicateKind
from mien.matching.open_set import similarity_for_gallery
from mien.matching.similarity import SAME_IMAGE
from mien.search import Match, Query, TemplateSearch
from mien.storage.tables import CollectionRow, DuplicateRow, PersistedFaceRow

MOST: Final = 200_000
"""Most faces compared after a training; far fewer with pgvector, which searches them one by one."""
MOST_BY_DATABASE: Final = 2_000

_AT_ONCE: Final = 512
_TOP: Final = 4
_log = structlog.get_logger(__name__)


class TrainedDuplicates:
    """Finds duplicates in trained collections.

    Args:
        rows: opens sessions on collections.
        templates: decrypts templates.
        indexes: the trained indexes.
        recognisers: bindings of the recognition models.
    """

    def __init__(self, rows: Rows, templates: Templates, indexes: TrainedIndexes, recognisers: Recognisers) -> None:
        self._rows = rows
        self._templates = templates
        self._indexes = indexes
        self._recognisers = recognisers

    def look(self, uid: UUID, resource_id: UUID, since: int, stopping: Callable[[], bool]) -> int:
        """Compare the faces that were enrolled after a revision without a comparison.

        Args:
            uid: internal id of the collection, which has just been trained.
            resource_id: id of the resource that owns it.
            since: the revision of the previous training.
            stopping: called between portions; if it returns True, the rest is left out.

        Returns:
            The number of recorded duplicates.
        """
        row = self._rows.find(resource_id, uid)
        search = self._indexes.search(row) if row is not None else None
        if row is None or search is None or search.fingerprint != row.fingerprint:
            return 0
        recogniser = self._recognisers[row.recognition_model]
        most = MOST if search.in_memory else MOST_BY_DATABASE
        found, compared = 0, 0
        for some in self._portions(row, since):
            if stopping():
                break
            if compared >= most:
                _log.warning("not all new faces were compared with the others", collection=row.collection_id, most=most)
                break
            found += self._compare(row, some, search, recogniser)
            compared += len(some)
        if found:
            _log.warning("likely duplicates found", collection=row.collection_id, count=found)
        return found

    def _portions(self, row: CollectionRow, since: int) -> Iterator[list[SealedFace]]:
        after: UUID | None = None
        while True:
            query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
            query = query.where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.revision > since)
            if row.faces <= COMPARED_FACES:  # the others were compared at enrolment
                query = query.where(PersistedFaceRow.photo.is_(None))
            if after is not None:
                query = query.where(PersistedFaceRow.face_id > after)
            with self._rows.database.read(row.resource_id) as session:
                some = [
                    SealedFace(*one)
                    for one in session.execute(query.order_by(PersistedFaceRow.face_id).limit(_AT_ONCE))
                ]
            if not some:
                return
            after = some[-1].face_id
            yield [one for one in some if one.sealed]

    def _compare(
        self, row: CollectionRow, some: Sequence[SealedFace], search: TemplateSearch, recogniser: Recogniser
    ) -> int:
        probes = self._templates.faces(row.resource_id, row.uid, some).templates
        if not len(probes) or probes.shape[1] != search.dimension:
            return 0
        of_persons = Kind(row.kind).has_persons
        alike = SAME_IMAGE
        if of_persons and recogniser.measured is not None:
            alike = min(SAME_IMAGE, similarity_for_gallery(recogniser.measured, len(search)))
        answers = search.search(probes, Query(top=_TOP, min_similarity=alike))
        suspects = {
            face.face_id: [
                self._suspect(match, recogniser)
                for match in matches
                if match.person_id != face.person_id and match.face_id != face.face_id
            ]
            for face, matches in zip(some, answers, strict=True)
        }
        return self._write(row, {face.face_id: face.person_id for face in some}, suspects)

    @staticmethod
    def _suspect(match: Match, recogniser: Recogniser) -> Suspect:
        sure = float(recogniser.measured.confidence(match.similarity)) if recogniser.measured else 1.0
        kind = DuplicateKind.SAME_PHOTO if match.similarity >= SAME_IMAGE else DuplicateKind.SAME_PERSON
        return Suspect(kind, match.face_id, match.person_id, sure)

    def _write(self, row: CollectionRow, owners: dict[UUID, UUID], suspects: dict[UUID, list[Suspect]]) -> int:
        suspects = {face: some for face, some in suspects.items() if some}
        if not suspects:
            return 0
        count = 0
        with self._rows.database.write(row.resource_id) as session:
            locked = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid).with_for_update())
            if locked is None:
                return 0
            named = {*suspects, *(one.face_id for some in suspects.values() for one in some)}
            there = _there(session, row.uid, list(named))
            known = _known(session, row.uid, list(suspects))
            for face, some in suspects.items():
                new = []
                for one in some:
                    pair = frozenset((face, one.face_id))
                    if pair <= there and pair not in known:
                        known.add(pair)
                        new.append(one)
                count += len(record(session, row, (owners[face], face), new, self._rows.clock.now(), quiet=True))
        return count


def _there(session: Session, collection: UUID, faces: list[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for start in range(0, len(faces), 500):
        query = select(PersistedFaceRow.face_id).where(PersistedFaceRow.collection == collection)
        found.update(session.scalars(query.where(PersistedFaceRow.face_id.in_(faces[start : start + 500]))))
    return found


def _known(session: Session, collection: UUID, faces: list[UUID]) -> set[frozenset[UUID]]:
    """Return the recorded pairs that contain one of the faces."""
    found: set[frozenset[UUID]] = set()
    for start in range(0, len(faces), 500):
        some = faces[start : start + 500]
        query = select(DuplicateRow.face_id, DuplicateRow.other_face_id).where(DuplicateRow.collection == collection)
        query = query.where(or_(DuplicateRow.face_id.in_(some), DuplicateRow.other_face_id.in_(some)))
        found.update(frozenset((one, other)) for one, other in session.execute(query))
    return found
