"""Enrols persons and faces by the thousand, from ready embeddings: for tests and benches that need many people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, insert

from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef
from mien.storage.tables import PersistedFaceRow, PersonRow
from mien.vision.types import Embedding

_AT_ONCE: Final = 2_000
# On the tables, not the classes: no unit of work for a hundred thousand rows.
_PERSONS: Final = insert(cast("Table", PersonRow.__table__))
_FACES: Final = insert(cast("Table", PersistedFaceRow.__table__))


@dataclass(frozen=True)
class NewPerson:
    """A person to enrol.

    Attributes:
        name: as callers would give it.
        user_data: likewise.
        embeddings: of the person's faces, of the group's recogniser.
        person_id: the id to give; a new one when None.
    """

    name: str
    user_data: str | None
    embeddings: tuple[Embedding, ...]
    person_id: UUID | None = None


def add_persons(gallery: Gallery, ref: CollectionRef, people: Iterable[NewPerson]) -> list[str]:
    """Enrol persons with their faces, in transactions of some thousand; return their ids, in order.

    No quota is looked at, and nothing is looked for: duplicates are found when the collection is trained.
    """
    return [one for some in _batches(people) for one in _add(gallery, ref, some)]


def add_faces(gallery: Gallery, ref: CollectionRef, embeddings: Iterable[Embedding]) -> list[str]:
    """Enrol faces in a face list or large face list, as `add_persons`; return their ids, in order."""
    return add_persons(gallery, ref, (NewPerson("-", None, (one,), uuid4()) for one in embeddings))


def _add(gallery: Gallery, ref: CollectionRef, people: list[NewPerson]) -> list[str]:
    uid, now = gallery.rows.get(ref).uid, gallery.rows.clock.now()
    persons: list[dict[str, Any]] = []
    faces: list[dict[str, Any]] = []
    for person in people:
        person_id = person.person_id or uuid4()
        persons.append(
            {
                "resource_id": ref.resource_id,
                "collection": uid,
                "person_id": person_id,
                "name": person.name,
                "user_data": person.user_data,
                "faces": len(person.embeddings),
                "created_at": now,
            }
        )
        for embedding in person.embeddings:
            face_id = uuid4() if ref.kind.has_persons else person_id
            faces.append(
                {
                    "resource_id": ref.resource_id,
                    "collection": uid,
                    "face_id": face_id,
                    "person_id": person_id,
                    "user_data": None,
                    "sealed": gallery.templates.seal(ref.resource_id, uid, face_id, embedding),
                    "photo": None,
                }
            )
    fingerprints = {embedding.fingerprint for person in people for embedding in person.embeddings}
    with gallery.rows.writing(ref, uid=uid) as (session, row):
        if row.faces:
            fingerprints.add(row.fingerprint or "")
        assert len(fingerprints) <= 1, f"templates of several recognisers: {fingerprints}"
        if ref.kind.has_persons:
            row.persons += len(persons)
            session.connection().execute(_PERSONS, persons)
        row.revision += 1
        row.training_action_at = gallery.rows.clock.now()
        row.faces += len(faces)
        if faces:
            (row.fingerprint,) = fingerprints
            of_now = {"revision": row.revision, "created_at": now}
            session.connection().execute(_FACES, [face | of_now for face in faces])
    return [str(person["person_id"]) for person in persons]


def _batches(items: Iterable[NewPerson]) -> Iterator[list[NewPerson]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch
