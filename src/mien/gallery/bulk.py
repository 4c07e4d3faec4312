"""Enrolling many at once, from ready embeddings: for imports, not for the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, insert

from mien.gallery.checks import check_name, check_user_data
from mien.gallery.errors import ConflictError, FingerprintMismatchError, Quota, QuotaExceededError
from mien.gallery.kinds import CollectionRef
from mien.gallery.persons import check_person_quota
from mien.gallery.recognisers import Recognisers
from mien.gallery.rows import Rows
from mien.gallery.templates import Templates
from mien.gallery.types import NewPerson
from mien.storage.tables import PersistedFaceRow, PersonRow
from mien.vision.types import Embedding

_AT_ONCE: Final = 2_000
# On the tables, not the classes: no unit of work for a hundred thousand rows.
_PERSONS: Final = insert(cast("Table", PersonRow.__table__))
_FACES: Final = insert(cast("Table", PersistedFaceRow.__table__))


class Bulk:
    """Enrols persons and faces by the thousand. Duplicates are looked for when the collection is trained.

    Args:
        rows: opens sessions on collections.
        templates: seals templates.
        recognisers: what the labels stand for.
    """

    def __init__(self, rows: Rows, templates: Templates, recognisers: Recognisers) -> None:
        self._rows = rows
        self._templates = templates
        self._recognisers = recognisers

    def add_persons(self, ref: CollectionRef, people: Iterable[NewPerson]) -> list[str]:
        """Enrol persons with their faces, in transactions of some thousand.

        Returns:
            Their person ids, in order. When it raises, the thousands before are enrolled.

        Raises:
            CollectionNotFoundError: there is no such group.
            TrainingNotFinishedError: it is being trained.
            QuotaExceededError: the tier allows no more.
            ConflictError: it was migrated to another recognition model meanwhile.
            FingerprintMismatchError: an embedding is of another recogniser than the group's label is bound to.
            NameEmptyError: a name is missing.
            NameTooLongError: a name has more than 128 characters.
            UserDataTooLongError: user data has more than 16384 characters.
        """
        ids: list[str] = []
        for some in _batches(people):
            ids += self._add(ref, some)
        return ids

    def add_faces(self, ref: CollectionRef, embeddings: Iterable[Embedding]) -> list[str]:
        """Enrol faces in a face list or large face list; as `add_persons`.

        Returns:
            Their persisted face ids, in order.
        """
        ids: list[str] = []
        for some in _batches(embeddings):
            ids += self._add(ref, [NewPerson("-", None, (embedding,), uuid4()) for embedding in some])
        return ids

    def _add(self, ref: CollectionRef, people: list[NewPerson]) -> list[str]:
        found = self._rows.get(ref)
        uid, label = found.uid, found.recognition_model
        fingerprint = self._recognisers[label].fingerprint
        persons: list[dict[str, Any]] = []
        faces: list[dict[str, Any]] = []
        now = self._rows.clock.now()
        for person in people:
            person_id = person.person_id or uuid4()
            persons.append(
                {
                    "resource_id": ref.resource_id,
                    "collection": uid,
                    "person_id": person_id,
                    "name": check_name(person.name),
                    "user_data": check_user_data(person.user_data),
                    "faces": len(person.embeddings),
                    "created_at": now,
                }
            )
            for embedding in person.embeddings:
                if embedding.fingerprint != fingerprint:
                    raise FingerprintMismatchError(label)
                faces.append(self._face(ref, uid, person_id, embedding))
        with self._rows.writing(ref, uid=uid) as (session, row):
            if row.recognition_model != label:
                raise ConflictError(ref.collection_id)  # it was migrated meanwhile
            if row.faces and row.fingerprint != fingerprint:
                raise FingerprintMismatchError(label, ref)
            limits = self._rows.limits(session, ref.resource_id, ref.kind)
            most = max(len(person.embeddings) for person in people) if ref.kind.has_persons else row.faces + len(faces)
            if most > limits.faces:
                raise QuotaExceededError(Quota.FACES, ref.kind, limits.faces)
            if ref.kind.has_persons:
                check_person_quota(self._rows, session, ref, row, len(persons))
                row.persons += len(persons)
                session.connection().execute(_PERSONS, persons)
            row.revision += 1
            row.training_action_at = self._rows.clock.now()
            row.faces += len(faces)
            row.fingerprint = fingerprint
            if faces:
                of_now = {"revision": row.revision, "created_at": now}
                session.connection().execute(_FACES, [face | of_now for face in faces])
        return [str(person["person_id"]) for person in persons]

    def _face(self, ref: CollectionRef, uid: UUID, person_id: UUID, embedding: Embedding) -> dict[str, Any]:
        face_id = uuid4() if ref.kind.has_persons else person_id
        return {
            "resource_id": ref.resource_id,
            "collection": uid,
            "face_id": face_id,
            "person_id": person_id,
            "user_data": None,
            "sealed": self._templates.seal(ref.resource_id, uid, face_id, embedding),
            "photo": None,
        }


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch
