"""Short-lived face ids of detect: their encrypted templates are returned only until they expire."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Row, Table, delete, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.storage import Database, Vault
from mien.storage.retention import delete_expired
from mien.storage.tables import DetectedFaceRow
from mien.vision.types import Embedding

_NORM: Final = struct.Struct("<f")
_PURGE_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A detected face with a short-lived id.

    Attributes:
        face_id: lower-case hyphenated GUID.
        recognition_model: the contract's label that it was detected with, e.g. `recognition_04`.
        embedding: its template.
        expires_at: time of expiry.
    """

    face_id: str
    recognition_model: str
    embedding: Embedding
    expires_at: datetime


class DetectedFaces:
    """The short-lived face ids of all resources.

    Args:
        database: the database.
        vault: encrypts the templates.
        clock: the clock.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._add = database.appender(cast("Table", DetectedFaceRow.__table__))

    def remember(
        self, resource_id: UUID, recognition_model: str, embeddings: Sequence[Embedding], ttl_seconds: int
    ) -> list[str]:
        """Store templates for `ttl_seconds`; they are committed when this returns.

        Args:
            resource_id: id of the resource that owns the faces.
            recognition_model: the contract's label, `recognition_01` … `recognition_04`.
            embeddings: one for each face.
            ttl_seconds: lifetime in seconds (the contract allows 60 to 86400; the caller checks).

        Returns:
            A face id for each embedding, in order.
        """
        if not embeddings:
            return []
        expires_at = self._clock.now() + timedelta(seconds=ttl_seconds)
        ids = [uuid4() for _ in embeddings]
        rows = [
            {
                "resource_id": resource_id,
                "face_id": face_id,
                "recognition_model": recognition_model,
                "fingerprint": embedding.fingerprint,
                "sealed": self._vault.seal(_pack(embedding), resource_id=resource_id, what=_what(face_id)),
                "expires_at": expires_at,
            }
            for face_id, embedding in zip(ids, embeddings, strict=True)
        ]
        self._add(rows)
        return [str(face_id) for face_id in ids]

    def get(self, resource_id: UUID, face_id: str) -> DetectedFace | None:
        """Return a face of this resource; None if the id is unknown or has expired."""
        return self.get_many(resource_id, [face_id]).get(face_id)

    def get_many(self, resource_id: UUID, face_ids: Iterable[str]) -> dict[str, DetectedFace]:
        """Return the existing faces that have not expired, by their ids as given."""
        wanted = {given: parsed for given in face_ids if (parsed := _parse(given)) is not None}
        if not wanted:
            return {}
        unique = list(set(wanted.values()))
        rows: dict[UUID, Row[Any]] = {}
        with self._database.read(resource_id) as session:
            for first in range(0, len(unique), _PURGE_ROWS):
                some = DetectedFaceRow.face_id.in_(unique[first : first + _PURGE_ROWS])
                rows.update({row.face_id: row for row in session.execute(_SELECT.where(some))})
        now = self._clock.now()
        return {
            given: self._face(rows[face_id])
            for given, face_id in wanted.items()
            if face_id in rows and now < rows[face_id].expires_at
        }

    def every(self, resource_id: UUID) -> Iterator[DetectedFace]:
        """Yield all faces of a resource that have not expired."""
        with self._database.read(resource_id) as session:
            query = _SELECT.where(DetectedFaceRow.expires_at > self._clock.now())
            rows: Iterator[Row[Any]] = iter(session.execute(query.execution_options(yield_per=_PURGE_ROWS)))
            yield from map(self._face, rows)

    def forget(self, session: Session, face_ids: Sequence[UUID]) -> list[UUID]:
        """Delete faces before they expire, in a writing session of their resource; returns the ids that existed."""
        gone: list[UUID] = []
        for first in range(0, len(face_ids), _PURGE_ROWS):
            some = DetectedFaceRow.face_id.in_(face_ids[first : first + _PURGE_ROWS])
            gone += session.scalars(delete(DetectedFaceRow).where(some).returning(DetectedFaceRow.face_id))
        return gone

    def purge_expired(self) -> int:
        """Delete expired faces, in short transactions, and scrub them from the database's files.

        Returns:
            The number of deleted faces.
        """
        deleted = delete_expired(self._database, DetectedFaceRow.face_id, DetectedFaceRow.expires_at, self._clock.now())
        if deleted:
            self._database.empty_log()
        return deleted

    def _face(self, row: Row[Any]) -> DetectedFace:
        plain = self._vault.open(row.sealed, resource_id=row.resource_id, what=_what(row.face_id))
        (norm,) = _NORM.unpack_from(plain)
        end = len(plain) - len(plain) % _NORM.size
        vector = np.frombuffer(plain[_NORM.size : end], dtype="<f4").astype(np.float32, copy=False)
        embedding = Embedding(vector, row.fingerprint, norm, strict=bool(plain[end:]))
        return DetectedFace(str(row.face_id), row.recognition_model, embedding, row.expires_at)


# Columns, not objects, as no changes need tracking. The session still adds the filter by resource.
_SELECT: Final = select(
    DetectedFaceRow.resource_id,
    DetectedFaceRow.face_id,
    DetectedFaceRow.recognition_model,
    DetectedFaceRow.fingerprint,
    DetectedFaceRow.sealed,
    DetectedFaceRow.expires_at,
)


def _pack(embedding: Embedding) -> bytes:
    """Return the norm and the vector as float32; one more byte if it is marked as strict (likely a child's)."""
    numbers = _NORM.pack(embedding.norm) + np.ascontiguousarray(embedding.vector, dtype="<f4").tobytes()
    return numbers + (b"\1" if embedding.strict else b"")


def _what(face_id: UUID) -> str:
    return f"detected_faces/{face_id}"


def _parse(face_id: str) -> UUID | None:
    try:
        parsed = UUID(face_id)
    except ValueError:
        return None
    return parsed if str(parsed) == face_id.lower() else None
