"""The photos of one transaction of a bulk enrolment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from mien.gallery.duplicate_check import COMPARED_FACES, DuplicateCheck
from mien.gallery.duplicates import Suspect, alike_from, look_alikes, record, suspects_among
from mien.gallery.errors import GalleryError, PersonNotFoundError, Quota, QuotaExceededError
from mien.gallery.filed_photos import FiledAs, FiledPhoto, NamesakesError, ReadyPhoto
from mien.gallery.insertion import NewFace, check_fingerprint
from mien.gallery.kinds import CollectionRef
from mien.gallery.persons import PersonQuota
from mien.gallery.recognisers import Recogniser
from mien.gallery.rows import Rows
from mien.gallery.types import DuplicateKind
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, CropRow, ImportedPhotoRow, PersistedFaceRow, PersonRow

_REPORTED: Final = 20
# On the tables, not the mapped classes, so that one statement inserts all rows.
_FACES: Final = insert(cast("Table", PersistedFaceRow.__table__))
_CROPS: Final = insert(cast("Table", CropRow.__table__))
_PHOTOS: Final = insert(cast("Table", ImportedPhotoRow.__table__))


class Batch:
    """The photos of one transaction: checked one by one, also against each other, and written together at the end.

    A statement for each face would take a tenth of the time of computing its template.
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
        self._session, self._ref, self._row = session, ref, row
        self._duplicate_check = duplicate_check
        self._now = rows.clock.now()
        self._most_faces = rows.limits(session, ref.resource_id, ref.kind).faces
        self._quota = PersonQuota(rows, session, ref, row)
        self._known = known_photos(session, row.uid, [photo.digest for photo in photos])
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

    def file(self, photo: ReadyPhoto, new: NewFace | GalleryError) -> FiledPhoto:
        """Decide whether to enrol a photo, and for which person."""
        if isinstance(new, GalleryError):
            return FiledPhoto(FiledAs.REFUSED, error=new)
        if photo.digest in self._known:
            return FiledPhoto(FiledAs.EARLIER)
        try:
            person = self._person(photo)
            if person is not None:
                there = (one for one in self._same.get(new.photo, ()) if one.person_id == person.person_id)
                if (earlier := next(there, None)) is not None:
                    self._note(photo)
                    return FiledPhoto(FiledAs.EARLIER, str(person.person_id), str(earlier.face_id))
            else:
                self._quota.check()
            if (person.faces if person else 0) >= self._most_faces:
                raise QuotaExceededError(Quota.FACES, self._ref.kind, self._most_faces)
        except GalleryError as error:
            return FiledPhoto(FiledAs.REFUSED, error=error)
        created = person is None
        person = person or self._create(photo)
        person.faces += 1
        self._add(person.person_id, new)
        self._note(photo)
        return FiledPhoto(FiledAs.ENROLLED, str(person.person_id), str(new.face_id), created)

    def write(self, recogniser: Recogniser, filed: list[FiledPhoto]) -> list[FiledPhoto]:
        """Write the batch; returns the results with likely duplicates."""
        row, session = self._row, self._session
        session.flush()  # persons first, as faces refer to them
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
        """Add a face, after comparing it with enrolled faces and those of this transaction."""
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
        self._quota.add()
        self._by_name[name_key(photo.person)].append(person)
        return person

    def _note(self, photo: ReadyPhoto) -> None:
        self._known.add(photo.digest)
        self._digests.append(photo.digest)


def known_photos(session: Session, collection: UUID, digests: Sequence[bytes]) -> set[bytes]:
    """Return the digests whose photos were already filed in a collection."""
    query = select(ImportedPhotoRow.digest).where(ImportedPhotoRow.collection == collection)
    return set(session.scalars(query.where(ImportedPhotoRow.digest.in_(digests))))
