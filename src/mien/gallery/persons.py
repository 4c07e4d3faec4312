"""The persons of person groups and large person groups."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.gallery.checks import check_name, check_page, check_update, check_user_data, comes_after
from mien.gallery.errors import PersonNotFoundError, Quota, QuotaExceededError
from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.removal import remove_person
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace
from mien.gallery.types import UNSET, Person, Unset
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow


class Persons:
    """Creates, lists, changes and deletes persons.

    Args:
        rows: opens sessions on collections.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def create(self, ref: CollectionRef, name: str, user_data: str | None = None) -> str:
        """Create a person without faces.

        Returns:
            The person id, a lower-case GUID.

        Raises:
            CollectionNotFoundError: there is no such collection.
            NameEmptyError: missing or white space.
            NameTooLongError: more than 128 characters.
            UserDataTooLongError: more than 16384 characters.
            QuotaExceededError: the tier allows no more.
            TrainingNotFinishedError: the collection is being trained.
        """
        check_name(name)
        check_user_data(user_data)
        person_id = uuid4()
        with self._rows.writing(ref) as (session, row):
            check_person_quota(self._rows, session, ref, row)
            session.add(_row(row, person_id, name, user_data, self._rows.clock.now()))
            row.persons += 1
        return str(person_id)

    def get(self, ref: CollectionRef, person_id: str) -> Person:
        """Return a person with the ids of their faces.

        Raises:
            CollectionNotFoundError: there is no such collection.
            PersonNotFoundError: there is no such person in it.
        """
        with self._rows.reading(ref) as (session, row):
            person = find_person(session, ref, row, person_id)
            return _person(person, _faces_of(session, row.uid, [person.person_id]))

    def name_of(self, ref: CollectionRef, person_id: UUID) -> str | None:
        """Return a person's name; None if there is no such person in the collection."""
        query = (
            select(PersonRow.name)
            .join(CollectionRow, CollectionRow.uid == PersonRow.collection)
            .where(PersonRow.person_id == person_id)
            .where(CollectionRow.kind == ref.kind.value, CollectionRow.collection_id == ref.collection_id)
        )
        with self._rows.database.read(ref.resource_id) as session:
            return session.scalar(query)

    def page(self, ref: CollectionRef, start: str = "", top: int = 1000) -> list[Person]:
        """Return persons whose id comes after `start`, ascending.

        Raises:
            CollectionNotFoundError: there is no such collection.
            StartTooLongError: `start` has more than 64 characters.
            InvalidTopError: `top` is not 1 to 1000.
        """
        check_page(start, top)
        with self._rows.reading(ref) as (session, row):
            query = select(PersonRow).where(PersonRow.collection == row.uid, comes_after(PersonRow.person_id, start))
            people = session.scalars(query.order_by(PersonRow.person_id).limit(top)).all()
            faces = _faces_of(session, row.uid, [person.person_id for person in people if person.faces])
            return [_person(person, faces) for person in people]

    def named(self, ref: CollectionRef, name: str, top: int = 20) -> list[Person]:
        """Return the persons with exactly this name, ordered by id.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (session, row):
            query = select(PersonRow).where(PersonRow.collection == row.uid, PersonRow.name == name)
            people = session.scalars(query.order_by(PersonRow.person_id).limit(top)).all()
            faces = _faces_of(session, row.uid, [person.person_id for person in people])
            return [_person(person, faces) for person in people]

    def update(
        self,
        ref: CollectionRef,
        person_id: str,
        name: str | Unset | None = UNSET,
        user_data: str | Unset | None = UNSET,
    ) -> None:
        """Change a name or user data, or both; raises as `create`, `get` and `Collections.update` do."""
        values = check_update(name, user_data)
        with self._rows.writing(ref) as (session, row):
            person = find_person(session, ref, row, person_id)
            for column, value in values.items():
                setattr(person, column, value)

    def delete(self, ref: CollectionRef, person_id: str) -> None:
        """Delete a person with all faces; they are no longer found from now on.

        Raises:
            CollectionNotFoundError: there is no such collection.
            PersonNotFoundError: there is no such person in it.
            TrainingNotFinishedError: the collection is being trained.
        """
        with self._rows.writing(ref) as (session, row):
            person = find_person(session, ref, row, person_id)
            remove_person(session, row, person, self._rows.clock.now())


def find_person(session: Session, ref: CollectionRef, row: CollectionRow, person_id: str) -> PersonRow:
    """Return the row of a person.

    Raises:
        PersonNotFoundError: there is no such person in the collection.
    """
    parsed = parse_id(person_id)
    person = (
        session.scalar(select(PersonRow).where(PersonRow.collection == row.uid, PersonRow.person_id == parsed))
        if parsed
        else None
    )
    if person is None:
        raise PersonNotFoundError(ref.kind, person_id)
    return person


def check_person_quota(
    rows: Rows, session: Session, ref: CollectionRef, row: CollectionRow, more: int = 1, *, in_all: int | None = None
) -> None:
    """Check that the tier allows more persons.

    Args:
        rows: looks up the tiers.
        session: the session that read `row`.
        ref: the collection.
        row: the collection's row.
        more: number of persons to add to the collection.
        in_all: number of persons to add to the resource, if some only move; None for `more`.

    Raises:
        QuotaExceededError: the tier does not allow them.
    """
    PersonQuota(rows, session, ref, row).check(more, in_all=in_all)


class PersonQuota:
    """The quota of persons, read once for several persons added in one transaction.

    Args:
        rows: looks up the tiers.
        session: the session that read `row`.
        ref: the collection.
        row: the collection's row.
    """

    def __init__(self, rows: Rows, session: Session, ref: CollectionRef, row: CollectionRow) -> None:
        self._kind = ref.kind
        self._limits = limits = rows.limits(session, ref.resource_id, ref.kind)
        self._persons = row.persons
        self._in_all = 0  # not counted if the resource cannot have that many
        if limits.persons_in_all < limits.persons * limits.collections:
            of_kind = select(func.sum(CollectionRow.persons)).where(CollectionRow.kind == ref.kind.value)
            self._in_all = session.scalar(of_kind) or 0

    def check(self, more: int = 1, *, in_all: int | None = None) -> None:
        """Check that the tier allows more persons; see `check_person_quota`."""
        if self._persons + more > self._limits.persons:
            raise QuotaExceededError(Quota.PERSONS_OF_COLLECTION, self._kind, self._limits.persons)
        counted = self._limits.persons_in_all < self._limits.persons * self._limits.collections
        if counted and self._in_all + (more if in_all is None else in_all) > self._limits.persons_in_all:
            raise QuotaExceededError(Quota.PERSONS_OF_RESOURCE, self._kind, self._limits.persons_in_all)

    def add(self) -> None:
        """Count an added person."""
        self._persons += 1
        self._in_all += 1


def _row(collection: CollectionRow, person_id: UUID, name: str, user_data: str | None, now: datetime) -> PersonRow:
    return PersonRow(
        resource_id=collection.resource_id,
        collection=collection.uid,
        person_id=person_id,
        name=name,
        user_data=user_data,
        faces=0,
        created_at=now,
    )


def _faces_of(session: Session, collection: UUID, persons: list[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for start in range(0, len(persons), 500):
        query = (
            select(PersistedFaceRow.person_id, PersistedFaceRow.face_id)
            .where(PersistedFaceRow.collection == collection)
            .where(PersistedFaceRow.person_id.in_(persons[start : start + 500]))
            .order_by(PersistedFaceRow.face_id)
        )
        for person_id, face_id in session.execute(query):
            found.setdefault(person_id, []).append(str(face_id))
    return found


def _person(row: PersonRow, faces: dict[UUID, list[str]]) -> Person:
    return Person(str(row.person_id), row.name, row.user_data, tuple(faces.get(row.person_id, ())))


def sealed_faces_of(session: Session, collection: UUID, person_id: UUID) -> list[SealedFace]:
    """Return the enrolled faces of a person that have a template."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed).where(
        PersistedFaceRow.collection == collection,
        PersistedFaceRow.person_id == person_id,
        func.length(PersistedFaceRow.sealed) > 0,
    )
    return [SealedFace(*found) for found in session.execute(query)]
