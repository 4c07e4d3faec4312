"""The person directory: persons with faces of one or more recognition models, searchable without training."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from mien.contract.limits import FACE_USER_DATA_LENGTH
from mien.gallery.checks import (
    check_name,
    check_page,
    check_update,
    check_user_data,
)
from mien.gallery.directory.rows import DirectoryRows, face_collections, find_person
from mien.gallery.enrolment import enrol
from mien.gallery.errors import (
    InvalidStartError,
    PersistedFaceNotFoundError,
    Quota,
    QuotaExceededError,
)
from mien.gallery.faces import SOURCE_LENGTH
from mien.gallery.insertion import Insertion, check_fingerprint
from mien.gallery.kinds import Kind, faces_ref, parse_id, persons_ref
from mien.gallery.operations import Operations
from mien.gallery.persons import check_person_quota
from mien.gallery.policy import policy_of
from mien.gallery.removal import remove_face, remove_faces_of
from mien.gallery.rows import find, find_collection
from mien.gallery.types import UNSET, PersistedFace, Person, Started, TargetFace, Unset
from mien.storage.tables import (
    DynamicGroupMemberRow,
    PersistedFaceRow,
    PersonRow,
)
from mien.vision.ports import Engine
from mien.vision.types import OperatingPoint


class DirectoryPersons:
    """The persons and faces of a resource's directory. Writes are complete when the call returns.

    Its calls raise, where applicable: `PersonNotFoundError`, `PersistedFaceNotFoundError` (kind `Kind.DIRECTORY`),
    `NameEmptyError`, `NameTooLongError`, `UserDataTooLongError`, `NothingToUpdateError`, `StartTooLongError`,
    `InvalidStartError`, `InvalidTopError`, `QuotaExceededError`, `UnknownRecognitionModelError`, `ConflictError` (other
    writes took too long); `add_face` also raises the errors of `PersistedFaces.add`.

    Args:
        rows: opens sessions.
        operations: records the operations.
        engine: analyses photos.
        insertion: inserts faces.
    """

    def __init__(self, rows: DirectoryRows, operations: Operations, engine: Engine, insertion: Insertion) -> None:
        self._rows = rows
        self._operations = operations
        self._engine = engine
        self._insertion = insertion

    # Persons

    def create(self, resource_id: UUID, name: str, user_data: str | None = None) -> Started:
        """Create a person; `Started.id` is the person id."""
        check_name(name)
        check_user_data(user_data)
        person_id = uuid4()
        with self._rows.writing(resource_id) as (session, home):
            check_person_quota(self._rows.rows, session, persons_ref(resource_id), home)
            home.persons += 1
            session.add(
                PersonRow(
                    resource_id=resource_id,
                    collection=home.uid,
                    person_id=person_id,
                    name=name,
                    user_data=user_data,
                    faces=0,
                    created_at=self._rows.rows.clock.now(),
                )
            )
            return Started(str(person_id), self._operations.succeeded(session, resource_id))

    def get(self, resource_id: UUID, person_id: str) -> Person:
        """Return a person, without faces."""
        with self._rows.reading(resource_id) as session:
            return _person(find_person(session, resource_id, person_id))

    def page(self, resource_id: UUID, start: str = "", top: int = 1000) -> list[Person]:
        """Return persons after `start` by ascending id."""
        after = check_person_page(start, top)
        with self._rows.reading(resource_id) as session:
            home = find_collection(session, persons_ref(resource_id))
            if home is None:
                return []
            query = select(PersonRow).where(PersonRow.collection == home.uid)
            if after is not None:
                query = query.where(PersonRow.person_id > after)
            return [_person(row) for row in session.scalars(query.order_by(PersonRow.person_id).limit(top))]

    def update(
        self,
        resource_id: UUID,
        person_id: str,
        name: str | Unset | None = UNSET,
        user_data: str | Unset | None = UNSET,
    ) -> None:
        """Change a name or user data, or both."""
        values = check_update(name, user_data)
        with self._rows.writing(resource_id) as (session, _):
            person = find_person(session, resource_id, person_id)
            for column, value in values.items():
                setattr(person, column, value)

    def delete(self, resource_id: UUID, person_id: str) -> Started:
        """Delete a person with all faces and memberships; `Started.id` is None."""
        with self._rows.writing(resource_id) as (session, home):
            person = find_person(session, resource_id, person_id)
            now = self._rows.rows.clock.now()
            for collection in face_collections(session, lock=True):
                remove_faces_of(session, collection, person.person_id, now)
            # The groups' versions need not change: a person without faces is never found.
            session.execute(delete(DynamicGroupMemberRow).where(DynamicGroupMemberRow.person_id == person.person_id))
            session.delete(person)
            home.persons -= 1
            return Started(None, self._operations.succeeded(session, resource_id))

    def groups_of(self, resource_id: UUID, person_id: str, start: str = "", top: int = 1000) -> list[str]:
        """Return ids of the dynamic groups that a person is in, ascending."""
        check_page(start, top)
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            query = select(DynamicGroupMemberRow.group_id)
            query = query.where(DynamicGroupMemberRow.person_id == person.person_id)
            if start:
                query = query.where(DynamicGroupMemberRow.group_id > ascii_start(start))
            return list(session.scalars(query.order_by(DynamicGroupMemberRow.group_id).limit(top)))

    # Faces

    def add_face(
        self,
        resource_id: UUID,
        person_id: str,
        recognition_model: str,
        image: bytes,
        *,
        target: TargetFace | None = None,
        operating_point: OperatingPoint = OperatingPoint.GENERAL,
        user_data: str | None = None,
        source: str | None = None,
    ) -> Started:
        """Enrol a face; `Started.id` is the persisted face id."""
        check_user_data(user_data, FACE_USER_DATA_LENGTH)
        while True:
            started = self._add_face(
                resource_id,
                person_id,
                recognition_model,
                image,
                target=target,
                operating_point=operating_point,
                user_data=user_data,
                source=source and source[-SOURCE_LENGTH:],
            )
            if started is not None:
                return started

    def _add_face(
        self,
        resource_id: UUID,
        person_id: str,
        recognition_model: str,
        image: bytes,
        *,
        target: TargetFace | None,
        operating_point: OperatingPoint,
        user_data: str | None,
        source: str | None,
    ) -> Started | None:
        """Enrol a face; None if the directory was re-embedded with another recogniser meanwhile."""
        ref = faces_ref(resource_id, recognition_model)
        recogniser = self._rows.prepare(resource_id, recognition_model)
        with self._rows.reading(resource_id) as session:
            find_person(session, resource_id, person_id)
            collection = find(session, ref)
            # Check before the costly analysis, not only after it.
            check_fingerprint(collection, recogniser)
            policy = policy_of(session, collection)
        enrolment = enrol(self._engine, image, recogniser.pack, policy, target=target, operating_point=operating_point)
        new = self._insertion.prepare(collection, recogniser, enrolment, user_data, source)
        with self._rows.writing(resource_id) as (session, _):
            person = find_person(session, resource_id, person_id)
            limit = self._rows.rows.limits(session, resource_id, Kind.DIRECTORY).faces
            if person.faces >= limit:
                raise QuotaExceededError(Quota.FACES, Kind.DIRECTORY, limit)
            row = find(session, ref, lock=True)
            if row.uid != collection.uid or (row.faces and row.fingerprint != collection.fingerprint):
                return None
            person.faces += 1
            now = self._rows.rows.clock.now()
            added = self._insertion.insert(session, row, new, person_id=person.person_id, now=now)
            return Started(added.persisted_face_id, self._operations.succeeded(session, resource_id))

    def face_ids(self, resource_id: UUID, person_id: str, recognition_model: str) -> list[str]:
        """Return the ids of a person's faces of one model, ascending."""
        self._rows.check_model(recognition_model)
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            collection = find_collection(session, faces_ref(resource_id, recognition_model))
            if collection is None:
                return []
            query = select(PersistedFaceRow.face_id).where(
                PersistedFaceRow.collection == collection.uid, PersistedFaceRow.person_id == person.person_id
            )
            return [str(face_id) for face_id in session.scalars(query.order_by(PersistedFaceRow.face_id))]

    def get_face(self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str) -> PersistedFace:
        """Return a face."""
        self._rows.check_model(recognition_model)
        with self._rows.reading(resource_id) as session:
            _, face = self._face(session, resource_id, person_id, recognition_model, face_id)
            return PersistedFace(str(face.face_id), face.user_data)

    def update_face(
        self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str, user_data: str | None
    ) -> None:
        """Change a face's user data; None does not change it."""
        check_user_data(user_data, FACE_USER_DATA_LENGTH)
        self._rows.check_model(recognition_model)
        with self._rows.writing(resource_id) as (session, _):
            _, face = self._face(session, resource_id, person_id, recognition_model, face_id)
            if user_data is not None:
                face.user_data = user_data

    def delete_face(self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str) -> Started:
        """Delete a face; `Started.id` is None."""
        self._rows.check_model(recognition_model)
        with self._rows.writing(resource_id) as (session, _):
            person, face = self._face(session, resource_id, person_id, recognition_model, face_id)
            collection = find(session, faces_ref(resource_id, recognition_model), lock=True)
            remove_face(session, collection, face, self._rows.rows.clock.now())
            person.faces -= 1
            return Started(None, self._operations.succeeded(session, resource_id))

    @staticmethod
    def _face(
        session: Session, resource_id: UUID, person_id: str, label: str, face_id: str
    ) -> tuple[PersonRow, PersistedFaceRow]:
        person = find_person(session, resource_id, person_id)
        collection, parsed = find_collection(session, faces_ref(resource_id, label)), parse_id(face_id)
        face = None
        if collection is not None and parsed is not None:
            query = select(PersistedFaceRow).where(PersistedFaceRow.collection == collection.uid)
            face = session.scalar(query.where(PersistedFaceRow.face_id == parsed))
        if face is None or face.person_id != person.person_id:
            raise PersistedFaceNotFoundError(Kind.DIRECTORY, face_id)
        return person, face


def check_person_page(start: str, top: int) -> UUID | None:
    """Check the parameters of a page of persons; returns the id to start after, None for the first page.

    Raises:
        StartTooLongError: `start` has more than 64 characters.
        InvalidTopError: `top` is not 1 to 1000.
        InvalidStartError: `start` is not a GUID.
    """
    check_page(start, top)
    after = parse_id(start) if start else None
    if start and after is None:
        raise InvalidStartError("start is the person id that the last page ended with")
    return after


def ascii_start(start: str) -> str:
    """Return `start` for comparison with ids, which are ASCII; the databases refuse some other characters."""
    return start.encode("ascii", "replace").decode().replace("\0", " ")


def _person(row: PersonRow) -> Person:
    return Person(str(row.person_id), row.name, row.user_data)
