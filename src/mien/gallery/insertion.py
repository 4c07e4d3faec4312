"""Insertion of an enrolled face: slow work and encryption first, then one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from mien.gallery.crops import crop_name
from mien.gallery.duplicate_check import DuplicateCheck
from mien.gallery.duplicates import look_alikes, record, same_photo
from mien.gallery.enrolment import Enrolment
from mien.gallery.errors import FingerprintMismatchError
from mien.gallery.recognisers import Recogniser
from mien.gallery.rows import ref_of
from mien.gallery.templates import Templates
from mien.gallery.types import AddedFace
from mien.storage import Vault
from mien.storage.tables import CollectionRow, CropRow, PersistedFaceRow


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face that is ready to be inserted, with encrypted template and crop."""

    face_id: UUID
    recogniser: Recogniser
    user_data: str | None
    source: str | None
    vector: NDArray[np.float32]
    template: bytes
    photo: bytes
    crop: bytes | None


class Insertion:
    """Inserts faces into collections.

    Args:
        vault: encrypts stored data.
        duplicate_check: the templates of small collections, for finding duplicates.
    """

    def __init__(self, vault: Vault, duplicate_check: DuplicateCheck) -> None:
        self._vault = vault
        self._duplicate_check = duplicate_check
        self._templates = Templates(vault)

    def prepare(
        self,
        row: CollectionRow,
        recogniser: Recogniser,
        enrolment: Enrolment,
        user_data: str | None,
        source: str | None = None,
    ) -> NewFace:
        """Encrypt the data of a face. Do not call inside a writing session (see `Vault.seal`).

        Args:
            row: the collection that the face is for.
            recogniser: the recogniser that computed the template.
            enrolment: the face.
            user_data: user data from the caller.
            source: the photo's file name, if known.
        """
        resource_id, collection, face_id = row.resource_id, row.uid, uuid4()
        crop = None
        if enrolment.crop is not None:
            crop = self._vault.seal(enrolment.crop.pack(), resource_id=resource_id, what=crop_name(collection, face_id))
        template = self._templates.seal(resource_id, collection, face_id, enrolment.embedding)
        photo = self._vault.keyed_hash(enrolment.photo)
        return NewFace(face_id, recogniser, user_data, source, enrolment.embedding.vector, template, photo, crop)

    def insert(
        self,
        session: Session,
        row: CollectionRow,
        new: NewFace,
        *,
        person_id: UUID | None,
        now: datetime,
    ) -> AddedFace:
        """Insert a face in a writing session that has locked the collection.

        Args:
            session: the writing session.
            row: the collection.
            new: the face.
            person_id: id of the person; None in face lists.
            now: the time.

        Returns:
            The new persisted face id, and likely duplicates.

        Raises:
            FingerprintMismatchError: the collection's faces are of another recogniser.
        """
        recogniser = new.recogniser
        check_fingerprint(row, recogniser)
        whose = person_id or new.face_id
        suspects = same_photo(session, row.uid, new.photo)
        suspects += look_alikes(
            self._duplicate_check, session, row, new.vector, person_id=person_id, calibration=recogniser.measured
        )
        row.revision += 1
        row.training_action_at = now
        row.faces += 1
        row.fingerprint = recogniser.fingerprint
        session.add(
            PersistedFaceRow(
                resource_id=row.resource_id,
                collection=row.uid,
                face_id=new.face_id,
                person_id=whose,
                user_data=new.user_data,
                sealed=new.template,
                photo=new.photo,
                source=new.source,
                revision=row.revision,
                created_at=now,
            )
        )
        session.flush()
        if new.crop is not None:
            session.add(CropRow(resource_id=row.resource_id, collection=row.uid, face_id=new.face_id, sealed=new.crop))
        return AddedFace(str(new.face_id), record(session, row, (whose, new.face_id), suspects, now))


def check_fingerprint(row: CollectionRow, recogniser: Recogniser) -> None:
    """Check that a collection's templates are of this recogniser; an empty collection accepts any.

    Raises:
        FingerprintMismatchError: the collection's faces are of another recogniser.
    """
    if row.faces and row.fingerprint != recogniser.fingerprint:
        raise FingerprintMismatchError(row.recognition_model, ref_of(row))
