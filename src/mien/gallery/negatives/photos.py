"""Faces to store as negatives: from a photo, or from a short-lived face id."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.enrolment import choose
from mien.gallery.errors import FaceNotFoundError, FingerprintMismatchError, NoFaceError
from mien.gallery.kinds import Kind
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.storage.tables import CollectionRow
from mien.vision.ports import Engine
from mien.vision.types import Embedding, Want


class NegativePhotos:
    """Reads faces to store as negatives.

    Args:
        rows: opens sessions.
        recognisers: bindings of the recognition models.
        engine: analyses photos.
        faces: the short-lived face ids.
    """

    def __init__(self, rows: Rows, recognisers: Recognisers, engine: Engine, faces: DetectedFaces) -> None:
        self._rows = rows
        self._recognisers = recognisers
        self._engine = engine
        self._faces = faces

    def remembered(self, resource_id: UUID, face_id: str | None) -> bool:
        """Whether a short-lived face id exists and has not expired."""
        return face_id is not None and self._faces.get(resource_id, face_id) is not None

    def recogniser(self, row: CollectionRow, face_id: str | None) -> Recogniser:
        """Return the recogniser of a collection; for the directory, the face's or else the newest in use."""
        label = row.recognition_model
        if row.kind == Kind.DIRECTORY.value:  # its persons may have faces of several models
            face = None if face_id is None else self._faces.get(row.resource_id, face_id)
            label = face.recognition_model if face is not None else self._newest(row)
        return self._recognisers[label]

    def _newest(self, row: CollectionRow) -> str:
        """Return the newest recognition model of the directory's faces."""
        with self._rows.database.read(row.resource_id) as session:
            labels = select(func.max(CollectionRow.recognition_model)).where(
                CollectionRow.kind == Kind.DIRECTORY.value, CollectionRow.faces > 0
            )
            return session.scalar(labels) or row.recognition_model

    def embedding(
        self, row: CollectionRow, recogniser: Recogniser, photo: bytes | None, face_id: str | None
    ) -> Embedding:
        """Return the embedding of the only face in a photo, or of a short-lived face id.

        Raises:
            FaceNotFoundError: the face is unknown or has expired.
            FingerprintMismatchError: the face's template is of another recogniser.
            NoFaceError, SeveralFacesError, ImageError: the photo cannot be used.
        """
        if face_id is not None:
            face = self._faces.get(row.resource_id, face_id)
            if face is None:
                raise FaceNotFoundError(face_id)
            embedding: Embedding | None = face.embedding
        else:
            if photo is None:
                raise NoFaceError("give a photo or a faceId")
            embedding = choose(self._engine.analyze(photo, Want(recogniser=recogniser.pack)), None).embedding
        if embedding is None or not embedding.readable:
            raise NoFaceError("the face cannot be read reliably enough to store it; take a sharper, upright photo")
        if embedding.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(recogniser.label)
        return embedding
