"""Bulk enrolment: one writer enrols templates that workers computed, many per transaction, each photo once.

A photo is identified by its content and its person. Its row (`ImportedPhotoRow`) is committed together with the face,
so after a crash a photo is either enrolled and recorded, or neither.
"""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete

from mien.contract.limits import FACE_USER_DATA_LENGTH
from mien.gallery.checks import check_name, check_user_data
from mien.gallery.duplicate_check import DuplicateCheck
from mien.gallery.errors import (
    ConflictError,
    FingerprintMismatchError,
    GalleryError,
    TrainingNotFinishedError,
)
from mien.gallery.faces import SOURCE_LENGTH
from mien.gallery.filed_photos import FiledPhoto, ReadyPhoto, Recipe
from mien.gallery.filing_batch import Batch, known_photos
from mien.gallery.insertion import Insertion, NewFace, check_fingerprint
from mien.gallery.kinds import CollectionRef
from mien.gallery.policy import policy_of
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import BUSY, Rows
from mien.storage import Vault
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, ImportedPhotoRow

_AT_ONCE: Final = 500


class PhotoFiling:
    """Enrols photos with computed templates in person groups.

    Args:
        rows: opens sessions on collections.
        recognisers: bindings of the recognition models.
        vault: encrypts stored data.
        duplicate_check: the templates of small collections, for finding duplicates.
    """

    def __init__(self, rows: Rows, recognisers: Recognisers, vault: Vault, duplicate_check: DuplicateCheck) -> None:
        self._rows = rows
        self._recognisers = recognisers
        self._vault = vault
        self._duplicate_check = duplicate_check
        self._insertion = Insertion(vault, duplicate_check)

    def recipe(self, ref: CollectionRef) -> Recipe:
        """Return the parameters for computing a group's templates.

        Raises:
            CollectionNotFoundError: there is no such group.
            TrainingNotFinishedError: it is being trained.
            FingerprintMismatchError: its faces are of another recogniser than its label is bound to now.
        """
        with self._rows.reading(ref) as (session, row):
            if row.training_status in BUSY:
                raise TrainingNotFinishedError(ref)
            recogniser = self._recognisers[row.recognition_model]
            check_fingerprint(row, recogniser)
            return Recipe(row.uid, recogniser.pack, recogniser.fingerprint, policy_of(session, row))

    def digest(self, recipe: Recipe, content: str, person: str, person_id: UUID | None = None) -> bytes:
        """Return the keyed hash that identifies a photo of a person.

        Args:
            recipe: recipe of the group.
            content: SHA-256 (hex) of the file.
            person: the person's name; case, accents and spaces do not matter.
            person_id: id of the person, if the source states one.
        """
        whose = str(person_id) if person_id else f"name:{name_key(person)}"
        return self._vault.keyed_hash(f"imported photo|{recipe.collection}|{content}|{whose}")

    def known(self, ref: CollectionRef, recipe: Recipe, digests: Some[bytes]) -> set[bytes]:
        """Return the digests whose photos were already filed."""
        wanted, found = list(digests), set[bytes]()
        with self._rows.database.read(ref.resource_id) as session:
            for start in range(0, len(wanted), _AT_ONCE):
                found |= known_photos(session, recipe.collection, wanted[start : start + _AT_ONCE])
        return found

    def forget(self, ref: CollectionRef) -> int:
        """Forget the photos filed in a group, so that a photo whose face was deleted can be enrolled again.

        Returns:
            The number of forgotten photos.

        Raises:
            CollectionNotFoundError: there is no such group.
            ConflictError: others kept it locked for too long.
        """
        with self._rows.writing(ref, while_training=True) as (session, row):
            gone = session.execute(delete(ImportedPhotoRow).where(ImportedPhotoRow.collection == row.uid))
            return int(getattr(gone, "rowcount", 0))

    def file(self, ref: CollectionRef, recipe: Recipe, photos: Sequence[ReadyPhoto]) -> list[FiledPhoto]:
        """File photos in one transaction: when this returns, all that are not refused are enrolled.

        A person is created with their first photo, never without one. A photo that is already filed, even by a
        concurrent import, is not filed again.

        Args:
            ref: the group.
            recipe: recipe of the templates.
            photos: a few dozen, so that other writers wait only briefly.

        Returns:
            The result of each photo, in order.

        Raises:
            CollectionNotFoundError: there is no such group.
            TrainingNotFinishedError: it is being trained.
            ConflictError: it was replaced, re-embedded with another recogniser, or locked by others for too long.
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
                batch = Batch(
                    rows=self._rows, duplicate_check=self._duplicate_check, session=session, ref=ref, row=fresh,
                    photos=photos, ready=ready,
                )  # fmt: skip
                with session.no_autoflush:  # everything is written at the end
                    filed = [batch.file(photo, new) for photo, new in zip(photos, ready, strict=True)]
                return batch.write(recogniser, filed)
        except BaseException:
            # The cached templates may contain faces of this transaction, which was rolled back.
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
