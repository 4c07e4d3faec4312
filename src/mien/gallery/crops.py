"""Stored enrolment crops, which an operator may choose to keep: format, counting and erasure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select

from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.rows import Rows
from mien.storage import Vault
from mien.storage.tables import CropRow, PersistedFaceRow
from mien.vision.types import FaceBox

_HEADER: Final = struct.Struct("<4s4i")
_MAGIC: Final = b"crop"


@dataclass(frozen=True, slots=True)
class Crop:
    """A face cut out of an enrolled photo.

    Attributes:
        jpeg: the picture, with a margin around the face that may show other people.
        box: bounding box of the face in the picture.
    """

    jpeg: bytes
    box: FaceBox

    def pack(self) -> bytes:
        """Return the crop as bytes, for encryption."""
        box = self.box
        return _HEADER.pack(_MAGIC, box.left, box.top, box.width, box.height) + self.jpeg

    @classmethod
    def unpack(cls, data: bytes) -> Crop:
        """Parse the output of `pack`.

        Raises:
            ValueError: the data is something else.
        """
        if len(data) < _HEADER.size or data[:4] != _MAGIC:
            raise ValueError("not an enrolment crop")
        _, *box = _HEADER.unpack_from(data)
        return cls(data[_HEADER.size :], FaceBox(*box))


def crop_name(collection: UUID, face_id: UUID) -> str:
    """Return the associated data of an encrypted enrolment crop."""
    return f"enrolment_crops/{collection}/{face_id}"


class Crops:
    """Reads, counts and erases stored crops.

    Args:
        rows: opens sessions on collections.
        vault: decrypts crops.
    """

    def __init__(self, rows: Rows, vault: Vault) -> None:
        self._rows = rows
        self._vault = vault

    def of(self, ref: CollectionRef, face_ids: Sequence[str]) -> dict[str, Crop]:
        """Return the crops of enrolled faces by face id; faces without a crop are left out.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        wanted = [one for one in map(parse_id, face_ids) if one is not None]
        with self._rows.reading(ref) as (session, row):
            query = select(CropRow.face_id, CropRow.sealed)
            query = query.where(CropRow.collection == row.uid, CropRow.face_id.in_(wanted))
            found = session.execute(query).all()
        return {str(face_id): self._open(ref.resource_id, row.uid, face_id, sealed) for face_id, sealed in found}

    def of_person(self, resource_id: UUID, collection: UUID, person_id: UUID, *, most: int) -> list[bytes]:
        """Return the pictures (JPEG) of a person's crops, in the order of the face ids.

        Args:
            resource_id: id of the owning resource.
            collection: row id of the faces' collection.
            person_id: id of the person.
            most: most crops to return.
        """
        query = (
            select(CropRow.face_id, CropRow.sealed)
            .join(
                PersistedFaceRow,
                (PersistedFaceRow.collection == CropRow.collection) & (PersistedFaceRow.face_id == CropRow.face_id),
            )
            .where(CropRow.collection == collection, PersistedFaceRow.person_id == person_id)
            .order_by(CropRow.face_id)
            .limit(most)
        )
        with self._rows.database.read(resource_id) as session:
            found = session.execute(query).all()
        return [self._open(resource_id, collection, face_id, sealed).jpeg for face_id, sealed in found]

    def _open(self, resource_id: UUID, collection: UUID, face_id: UUID, sealed: bytes) -> Crop:
        plain = self._vault.open(sealed, resource_id=resource_id, what=crop_name(collection, face_id))
        return Crop.unpack(plain)

    def count(self, resource_id: UUID, ref: CollectionRef | None = None) -> int:
        """Return the number of stored crops of a resource or of one of its collections.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        uid = self._rows.get(ref).uid if ref else None
        with self._rows.database.read(resource_id) as session:
            query = select(func.count()).select_from(CropRow)
            return session.scalar(query.where(CropRow.collection == uid) if uid else query) or 0

    def erase(self, resource_id: UUID, ref: CollectionRef | None = None) -> int:
        """Delete crops, also from the database's files; keeps templates. Returns the number of deleted crops.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        uid = self._rows.get(ref).uid if ref else None
        with self._rows.transaction(resource_id, "enrolment crops") as session:
            query = delete(CropRow)
            gone = session.execute(
                (query.where(CropRow.collection == uid) if uid else query).returning(CropRow.face_id)
            )
            count = len(gone.all())
        self._rows.database.empty_log()
        return count
