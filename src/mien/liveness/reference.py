"""From a verify image to the template that a live face is compared with."""

from __future__ import annotations

import hashlib

from mien.contract.attributes import Attribute
from mien.liveness.errors import NoReferenceFaceError, SeveralReferenceFacesError
from mien.liveness.records import VerifyReference
from mien.vision.ports import Engine
from mien.vision.types import Want


def make_reference(engine: Engine, image: bytes, pack: str) -> VerifyReference:
    """Return the reference of a verify image.

    Args:
        engine: analyses the image.
        image: an image file.
        pack: the recogniser that judges attempts.

    Raises:
        ImageError: the image cannot be analysed.
        NoFaceError: there is no face in it.
        SeveralFacesError: there is more than one: it is unclear with whom to compare the live face.
    """
    want = Want(recogniser=pack, attributes=frozenset({Attribute.QUALITY}))
    faces = engine.analyze(image, want).faces
    if not faces:
        raise NoReferenceFaceError("there is no face in the verify image")
    if len(faces) > 1:
        raise SeveralReferenceFacesError(f"there are {len(faces)} faces in the verify image, one is wanted")
    face = faces[0]
    assert face.embedding is not None
    assert face.attributes.quality is not None
    digest = hashlib.sha256(image).hexdigest().upper()
    return VerifyReference(face.embedding, face.box, face.attributes.quality.value, digest)
