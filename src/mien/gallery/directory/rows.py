"""Storage of a person directory: one collection for its persons, one for the faces of each recognition model.

They are ordinary collections (kind `Kind.DIRECTORY`), so templates, revisions, removals and searches work as in groups.
Every write first locks the collection of the persons, so writes to a directory are serial.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.collections import Collections
from mien.gallery.errors import CollectionExistsError, PersonNotFoundError
from mien.gallery.kinds import PERSONS, CollectionRef, Kind, faces_ref, parse_id, persons_ref
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows, find_collection
from mien.storage.tables import CollectionRow, PersonRow

_NO_RECOGNISER: Final = Recogniser("", "", "", None)


class DirectoryRows:
    """Opens sessions on a resource's person directory, which the first write creates.

    Args:
        rows: opens sessions on collections.
        collections: creates the directory's collections.
        recognisers: bindings of the recognition models.
    """

    def __init__(self, rows: Rows, collections: Collections, recognisers: Recognisers) -> None:
        self.rows = rows
        self._collections = collections
        self._recognisers = recognisers
        self._there: set[CollectionRef] = set()

    @contextmanager
    def reading(self, resource_id: UUID) -> Iterator[Session]:
        """Open a reading session."""
        with self.rows.database.read(resource_id) as session:
            yield session

    @contextmanager
    def writing(self, resource_id: UUID) -> Iterator[tuple[Session, CollectionRow]]:
        """Open a writing session that locks the directory until it commits; yields the persons' collection too.

        Raises:
            ConflictError: other writes kept it locked for too long.
        """
        self._ensure(persons_ref(resource_id), _NO_RECOGNISER)
        with self.rows.writing(persons_ref(resource_id)) as found:
            yield found

    def prepare(self, resource_id: UUID, label: str) -> Recogniser:
        """Create the collection for the faces of a recognition model if it does not exist.

        Raises:
            UnknownRecognitionModelError: there is no such model.
        """
        recogniser = self._recognisers[label]
        self._ensure(faces_ref(resource_id, label), recogniser)
        return recogniser

    def check_model(self, label: str) -> None:
        """Check that a recognition model exists.

        Raises:
            UnknownRecognitionModelError: there is no such model.
        """
        self._recognisers[label]

    def _ensure(self, ref: CollectionRef, recogniser: Recogniser) -> None:
        if ref in self._there:  # it exists as long as its resource, whose id is never reused
            return
        self._make(ref, recogniser)
        self._there.add(ref)

    def _make(self, ref: CollectionRef, recogniser: Recogniser) -> None:
        with self.rows.database.read(ref.resource_id) as session:
            if find_collection(session, ref) is not None:
                return
        with suppress(CollectionExistsError):  # another thread or process was faster
            self._collections.insert(ref, self._collections.new_row(ref, ref.collection_id, None, recogniser))


def face_collections(session: Session, *, lock: bool = False) -> list[CollectionRow]:
    """Return the collections of a directory's faces, one for each recognition model, by name."""
    query = select(CollectionRow).where(CollectionRow.kind == Kind.DIRECTORY.value)
    query = query.where(CollectionRow.collection_id != PERSONS).order_by(CollectionRow.collection_id)
    return list(session.scalars(query.with_for_update() if lock else query))


def find_person(session: Session, resource_id: UUID, person_id: str) -> PersonRow:
    """Return the row of a person of the directory.

    Raises:
        PersonNotFoundError: there is none.
    """
    parsed = parse_id(person_id)
    home = find_collection(session, persons_ref(resource_id)) if parsed else None
    person = None
    if home is not None:
        person = session.scalar(
            select(PersonRow).where(PersonRow.collection == home.uid, PersonRow.person_id == parsed)
        )
    if person is None:
        raise PersonNotFoundError(Kind.DIRECTORY, person_id)
    return person


def check_persons(session: Session, resource_id: UUID, person_ids: list[str]) -> list[UUID]:
    """Return ids of persons as GUIDs, without repetitions, in the order given.

    Raises:
        PersonNotFoundError: a person is not in the directory; contains the first such id.
    """
    parsed = {given: parse_id(given) for given in dict.fromkeys(person_ids)}
    wanted = [one for one in parsed.values() if one is not None]
    home = find_collection(session, persons_ref(resource_id))
    known: set[UUID] = set()
    for start in range(0, len(wanted) if home is not None else 0, 500):
        some = PersonRow.person_id.in_(wanted[start : start + 500])
        assert home is not None
        known.update(session.scalars(select(PersonRow.person_id).where(PersonRow.collection == home.uid, some)))
    for given, one in parsed.items():
        if one not in known:
            raise PersonNotFoundError(Kind.DIRECTORY, given)
    return list(dict.fromkeys(wanted))
