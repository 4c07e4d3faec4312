"""Filing photos in bulk: one writer enrols templates that workers computed, many a transaction, each photo once.

A photo is known by its content and its person. The row that says so (`ImportedPhotoRow`) is committed together with the
face: after a crash at any moment a photo is either filed and known, or neither.
"""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, cast
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from mien.contract.limits import FACE_USER_DATA_LENGTH
from mien.gallery.checks import check_name, check_user_data
from mien.gallery.duplicate_check import COMPARED_FACES, DuplicateCheck
from mien.gallery.duplicates import Suspect, alike_from, look_alikes, record, suspects_among
from mien.gallery.enrolment import Enrolment
from mien.gallery.errors import (
    ConflictError,
    FingerprintMismatchError,
    GalleryError,
    PersonNotFoundError,
    Quota,
    QuotaExceededError,
    TrainingNotFinishedError,
)
from mien.gallery.faces import SOURCE_LENGTH
from mien.gallery.insertion import Insertion, NewFace, check_fingerprint
from mien.gallery.kinds import CollectionRef
from mien.gallery.persons import check_person_quota
from mien.gallery.policy import EnrolmentPolicy, policy_of
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import BUSY, Rows
from mien.gallery.types import Duplicate, DuplicateKind
from mien.storage import Vault
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, CropRow, ImportedPhotoRow, PersistedFaceRow, PersonRow

_AT_ONCE: Final = 500
_REPORTED: Final = 20
# On the tables, not the classes: one statement for all.
_FACES: Final = insert(cast("Table", PersistedFaceRow.__table__))
_CROPS: Final = insert(cast("Table", CropRow.__table__))
_PHOTOS: Final = insert(cast("Table", ImportedPhotoRow.__table__))


class NamesakesError(GalleryError):
    """Several persons of the group have the name, so that it does not say whose photo it is."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"{count} persons of the group have the name {name}: name the person by id, or merge them")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a template for a collection is computed with; carries no state, so that it can go to other machines.

    Attributes:
        collection: what the collection is inside the service.
        pack: the recogniser's.
        fingerprint: of its templates.
        policy: what a photo must be like.
    """

    collection: UUID
    pack: str
    fingerprint: str
    policy: EnrolmentPolicy


@dataclass(frozen=True, slots=True)
class ReadyPhoto:
    """A photo whose template is computed.

    Attributes:
        digest: as `PhotoFiling.digest` returns it.
        person: the person's name.
        person_id: of the person, where the source names one; then the name is not looked at.
        enrolment: the face.
        user_data: of the person, if the person is created.
        face_data: what is attached to the face.
        source: the name of the photo's file; its end is kept.
    """

    digest: bytes
    person: str
    person_id: UUID | None
    enrolment: Enrolment
    user_data: str | None
    face_data: str | None
    source: str


class FiledAs(StrEnum):
    """What became of a photo."""

    ENROLLED = "enrolled"
    EARLIER = "earlier"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a photo.

    Attributes:
        outcome: what became of it.
        person_id: whose it is; empty if it was refused.
        face_id: the new persisted face id; empty if there is none.
        created: whether the person was created with it.
        error: why it was refused.
        duplicates: what the face may be a duplicate of.
    """

    outcome: FiledAs
    person_id: str = ""
    face_id: str = ""
    created: bool = False
    error: GalleryError | None = None
    duplicates: tuple[Duplicate, ...] = ()


class PhotoFiling:
    """Files photos with ready templates into person groups.

    Args:
        rows: opens sessions on collections.
        recognisers: what the labels stand for.
        vault: seals what is kept.
        duplicate_check: the templates of small collections, for finding duplicates.
    """

    def __init__(self, rows: Rows, recognisers: Recognisers, vault: Vault, duplicate_check: DuplicateCheck) -> None:
        self._rows = rows
        self._recognisers = recognisers
        self._vault = vault
        self._duplicate_check = duplicate_check
        self._insertion = Insertion(vault, duplicate_check)

    def recipe(self, ref: CollectionRef) -> Recipe:
        """Return what templates for a group are computed with.

        Raises:
            CollectionNotFoundError: there is no such group.
            TrainingNotFinishedError: it is being trained.
            FingerprintMismatchError: its faces were made by another recogniser than its label is bound to now.
        """
        with self._rows.reading(ref) as (session, row):
            if row.training_status in BUSY:
                raise TrainingNotFinishedError(ref)
            recogniser = self._recognisers[row.recognition_model]
            check_fingerprint(row, recogniser)
            return Recipe(row.uid, recogniser.pack, recogniser.fingerprint, policy_of(session, row))

    def digest(self, recipe: Recipe, content: str, person: str, person_id: UUID | None = None) -> bytes:
        """Return the keyed hash by which a photo of a person is known.

        Args:
            recipe: of the group.
            content: SHA-256 (hex) of the file.
            person: the person's name; names that people take for the same one are the same.
            person_id: of the person, where the source names one.
        """
        whose = str(person_id) if person_id else f"name:{name_key(person)}"
        return self._vault.keyed_hash(f"imported photo|{recipe.collection}|{content}|{whose}")

    def known(self, ref: CollectionRef, recipe: Recipe, digests: Some[bytes]) -> set[bytes]:
        """Return those of some digests whose photos were filed before."""
        wanted, found = list(digests), set[bytes]()
        with self._rows.database.read(ref.resource_id) as session:
            for start in range(0, len(wanted), _AT_ONCE):
                found |= _known(session, recipe.collection, wanted[start : start + _AT_ONCE])
        return found

    def forget(self, ref: CollectionRef) -> int:
        """Forget which photos were filed in a group, so that a photo whose face was deleted since is filed again.

        Returns:
            How many photos were known.

        Raises:
            CollectionNotFoundError: there is no such group.
            ConflictError: others kept it locked for too long.
        """
        with self._rows.writing(ref, while_training=True) as (session, row):
            gone = session.execute(delete(ImportedPhotoRow).where(ImportedPhotoRow.collection == row.uid))
            return int(getattr(gone, "rowcount", 0))

    def file(self, ref: CollectionRef, recipe: Recipe, photos: Sequence[ReadyPhoto]) -> list[Filed]:
        """File photos in one transaction: all that are not refused are enrolled when this returns, or none.

        A person is created with their first photo, and never without one. A photo that is filed already, also by
        another import at the same time, is not filed again.

        Args:
            ref: the group.
            recipe: the templates were computed with it.
            photos: some dozens, so that other writers wait for moments only.

        Returns:
            What became of each, in order.

        Raises:
            CollectionNotFoundError: there is no such group.
            TrainingNotFinishedError: it is being trained.
            ConflictError: it was replaced by another, or migrated to another recogniser, or others kept it locked.
            FingerprintMismatchError: templates are of another recogniser than the group's.
        """
        row = self._rows.get(ref)
        recogniser = self._recognisers[row.recognition_model]
        if row.uid != recipe.collection or recogniser.fingerprint != recipe.fingerprint:
            raise ConflictError(ref.collection_id)
        ready = [self._prepare(row, recogniser, photo) for photo in photos]
        try:
            with self._rows.writing(ref, uid=row.uid) as (session, fresh):
                if fresh.recognition_model != row.recognition_model:
                    raise ConflictError(ref.collection_id)
                batch = _Batch(
                    rows=self._rows, duplicate_check=self._duplicate_check, session=session, ref=ref, row=fresh,
                    photos=photos, ready=ready,
                )  # fmt: skip
                with session.no_autoflush:  # what is decided is written at the end
                    filed = [batch.file(photo, new) for photo, new in zip(photos, ready, strict=True)]
                return batch.write(recogniser, filed)
        except BaseException:
            # What was compared with may hold faces of this transaction, which was rolled back.
            self._duplicate_check.forget(row.uid)
            raise

    def _prepare(self, row: CollectionRow, recogniser: Recogniser, photo: ReadyPhoto) -> NewFace | GalleryError:
        if photo.enrolment.embedding.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(row.recognition_model)
        try:
            check_name(photo.person)
            check_user_data(photo.user_data)
            check_user_data(photo.face_data, FACE_USER_DATA_LENGTH)
        except GalleryError as error:
            return error
        source = photo.source[-SOURCE_LENGTH:]
        return self._insertion.prepare(row, recogniser, photo.enrolment, photo.face_data, source)


class _Batch:
    """The photos of one transaction: decided one by one, compared with each other, and written at the end together.

    A statement for each face would cost as much as a tenth of computing its template.
    """

    def __init__(
        self,
        *,
        rows: Rows,
        duplicate_check: DuplicateCheck,
        session: Session,
        ref: CollectionRef,
        row: CollectionRow,
        photos: Sequence[ReadyPhoto],
        ready: Sequence[NewFace | GalleryError],
    ) -> None:
        self._rows, self._session, self._ref, self._row = rows, session, ref, row
        self._duplicate_check = duplicate_check
        self._now = rows.clock.now()
        self._most_faces = rows.limits(session, ref.resource_id, ref.kind).faces
        self._known = _known(session, row.uid, [photo.digest for photo in photos])
        self._same: dict[bytes, list[Suspect]] = {}
        images = [new.photo for new in ready if isinstance(new, NewFace)]
        query = select(PersistedFaceRow.photo, PersistedFaceRow.person_id, PersistedFaceRow.face_id)
        same = session.execute(query.where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.photo.in_(images)))
        for image, person_id, face in same:
            self._same.setdefault(image or b"", []).append(Suspect(DuplicateKind.SAME_PHOTO, face, person_id, 1.0))
        self._by_id: dict[UUID, PersonRow] = {}
        self._by_name: dict[str, list[PersonRow]] = {name_key(photo.person): [] for photo in photos}
        wanted = [photo.person_id for photo in photos if photo.person_id]
        of_row = select(PersonRow).where(PersonRow.collection == row.uid)
        for person in session.scalars(of_row.where(PersonRow.name_key.in_(self._by_name))):
            self._by_name[person.name_key].append(person)
        for person in session.scalars(of_row.where(PersonRow.person_id.in_(wanted))) if wanted else ():
            self._by_id[person.person_id] = person
        self._digests: list[bytes] = []
        self._faces: list[tuple[UUID, NewFace]] = []
        self._vectors = np.empty((len(photos), 0), np.float32)
        self._suspects: list[tuple[UUID, UUID, list[Suspect]]] = []

    def file(self, photo: ReadyPhoto, new: NewFace | GalleryError) -> Filed:
        """Decide what becomes of a photo."""
        if isinstance(new, GalleryError):
            return Filed(FiledAs.REFUSED, error=new)
        if photo.digest in self._known:
            return Filed(FiledAs.EARLIER)
        try:
            person = self._person(photo)
            if person is not None:
                there = (one for one in self._same.get(new.photo, ()) if one.person_id == person.person_id)
                if (earlier := next(there, None)) is not None:
                    self._note(photo)
                    return Filed(FiledAs.EARLIER, str(person.person_id), str(earlier.face_id))
            else:
                check_person_quota(self._rows, self._session, self._ref, self._row)
            if (person.faces if person else 0) >= self._most_faces:
                raise QuotaExceededError(Quota.FACES, self._ref.kind, self._most_faces)
        except GalleryError as error:
            return Filed(FiledAs.REFUSED, error=error)
        created = person is None
        person = person or self._create(photo)
        person.faces += 1
        self._add(person.person_id, new)
        self._note(photo)
        return Filed(FiledAs.ENROLLED, str(person.person_id), str(new.face_id), created)

    def write(self, recogniser: Recogniser, filed: list[Filed]) -> list[Filed]:
        """Write what was decided, and return it with what the faces may be duplicates of."""
        row, session = self._row, self._session
        session.flush()  # persons, whom faces belong to
        owned: dict[str, Any] = {"resource_id": row.resource_id, "collection": row.uid}
        if self._faces:
            check_fingerprint(row, recogniser)
            row.revision += 1
            row.training_action_at = self._now
            row.faces += len(self._faces)
            row.fingerprint = recogniser.fingerprint
            faces = [
                owned | {
                    "face_id": new.face_id, "person_id": person, "user_data": new.user_data, "sealed": new.template,
                    "photo": new.photo, "source": new.source, "revision": row.revision, "created_at": self._now,
                }
                for person, new in self._faces
            ]  # fmt: skip
            crops = [owned | {"face_id": new.face_id, "sealed": new.crop} for _, new in self._faces if new.crop]
            session.connection().execute(_FACES, faces)
            if crops:
                session.connection().execute(_CROPS, crops)
        if self._digests:
            session.connection().execute(_PHOTOS, [owned | {"digest": one} for one in self._digests])
        found = {
            str(face): record(session, row, (person, face), suspects, self._now, quiet=True)
            for person, face, suspects in self._suspects
        }
        return [replace(one, duplicates=found.get(one.face_id, ())) for one in filed]

    def _add(self, person_id: UUID, new: NewFace) -> None:
        """Add a face, compared with those that are enrolled and with those of this transaction."""
        count, calibration = len(self._faces), new.recogniser.measured
        suspects = [*self._same.get(new.photo, ())]
        suspects += look_alikes(
            self._duplicate_check, self._session, self._row, new.vector, person_id=person_id, calibration=calibration
        )
        if not count:
            self._vectors = np.empty((len(self._vectors), len(new.vector)), np.float32)
        if count and self._row.faces + count <= COMPARED_FACES:
            similarity = self._vectors[:count] @ new.vector
            least = alike_from(calibration, self._row.faces + count)
            similar = [
                (self._faces[at][0], self._faces[at][1].face_id, float(similarity[at]))
                for at in np.argsort(-similarity, kind="stable").tolist()
                if similarity[at] >= np.float32(least)
            ]
            suspects += suspects_among(similar, person_id=person_id, calibration=calibration)
        self._vectors[count] = new.vector
        self._faces.append((person_id, new))
        if suspects:
            self._suspects.append((person_id, new.face_id, suspects[:_REPORTED]))
        same = Suspect(DuplicateKind.SAME_PHOTO, new.face_id, person_id, 1.0)
        self._same.setdefault(new.photo, []).append(same)

    def _person(self, photo: ReadyPhoto) -> PersonRow | None:
        if photo.person_id is not None:
            found = self._by_id.get(photo.person_id)
            if found is None:
                raise PersonNotFoundError(self._ref.kind, str(photo.person_id))
            return found
        same = self._by_name[name_key(photo.person)]
        if len(same) > 1:
            raise NamesakesError(photo.person, len(same))
        return same[0] if same else None

    def _create(self, photo: ReadyPhoto) -> PersonRow:
        person = PersonRow(
            resource_id=self._row.resource_id,
            collection=self._row.uid,
            person_id=uuid4(),
            name=photo.person,
            user_data=photo.user_data,
            faces=0,
            created_at=self._now,
        )
        self._session.add(person)
        self._row.persons += 1
        self._by_name[name_key(photo.person)].append(person)
        return person

    def _note(self, photo: ReadyPhoto) -> None:
        self._known.add(photo.digest)
        self._digests.append(photo.digest)


def _known(session: Session, collection: UUID, digests: Sequence[bytes]) -> set[bytes]:
    query = select(ImportedPhotoRow.digest).where(ImportedPhotoRow.collection == collection)
    return set(session.scalars(query.where(ImportedPhotoRow.digest.in_(digests))))
