"""CompreFace's errors: an HTTP status with a message and an error number."""

from __future__ import annotations

import json
from typing import Final

from mien.contract.headers import KEY_HEADER
from mien.contract.problem import Problem
from mien.gallery.errors import (
    ContradictedMergeError,
    GalleryError,
    NoFaceError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
    SeveralFacesError,
)
from mien.wire.faults import explain as explain_face
from mien.wire.gallery_faults import explain_gallery

API_KEY_HEADER: Final = "x-api-key"
"""The header in which clients of CompreFace send the key."""

UNDEFINED: Final = 0
KEY_UNKNOWN: Final = 10
IMAGE_NOT_FOUND: Final = 11
INVALID: Final = 26
NO_FACE: Final = 28
SEVERAL_FACES: Final = 31
PARAMETER_MISSING: Final = 33

_ROWS: Final = "large_person_group"


class CompreFaceProblem(Problem):
    """An error with CompreFace's body.

    Args:
        status: HTTP status.
        number: CompreFace's error number.
        message: message for people.
        headers: further response headers.
    """

    def __init__(self, status: int, number: int, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(status, str(number), message, headers=headers)
        self.number = number

    def body(self) -> bytes:
        """Return the JSON object."""
        return json.dumps({"message": self.message, "code": self.number}, ensure_ascii=False).encode()


_KNOWN: Final[tuple[tuple[type[Exception], int, int, str], ...]] = (
    (NoFaceError, 400, NO_FACE, "No face is found in the given image"),
    (SeveralFacesError, 400, SEVERAL_FACES, "Found more than one face in the given image"),
    (PersistedFaceNotFoundError, 404, IMAGE_NOT_FOUND, "Image is not found"),
    (PersonNotFoundError, 404, UNDEFINED, "Subject is not found"),
    (
        ContradictedMergeError,
        400,
        INVALID,
        "Somebody said that these subjects are two people: merge them in the portal",
    ),
)


def explain(error: Exception) -> Problem:
    """Return the response for an exception: CompreFace's error if it has one, else the Face API's."""
    if isinstance(error, CompreFaceProblem):
        return error
    for kind, status, number, message in _KNOWN:
        if isinstance(error, kind):
            return CompreFaceProblem(status, number, message)
    face = explain_gallery(error, _ROWS) if isinstance(error, GalleryError) else explain_face(error)
    number = {400: INVALID, 401: KEY_UNKNOWN}.get(face.status, UNDEFINED)
    hint = (face.hint or "").replace(KEY_HEADER, API_KEY_HEADER)
    return CompreFaceProblem(face.status, number, f"{face.message} {hint}".rstrip(), face.headers)
