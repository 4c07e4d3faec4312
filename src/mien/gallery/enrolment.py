"""Selection and quality check of the face to enrol in a photo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mien.gallery.crops import Crop
from mien.gallery.errors import LowQualityError, NoFaceError, SeveralFacesError, Shortfall, TargetFaceOutOfRangeError
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import TargetFace
from mien.messages import Message
from mien.vision.decode import Photo
from mien.vision.ports import Engine, FoundFaces
from mien.vision.types import Embedding, Face, FaceBox, OperatingPoint, Want

_SAME_BOX: Final = 0.5
"""IoU from which two rectangles mean the same face."""

_UNREAD: Final = Shortfall(
    "qualityForRecognition",
    Message("too low to tell whose face it is (eyes, nose and mouth could not be read for sure)"),
    Message("a face that is upright, sharp and seen from the front"),
)

_CROP_MARGIN: Final = 0.5
"""Margin on every side, relative to the face's size; enough for any recogniser's alignment."""
_CROP_QUALITY: Final = 95


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A face that may be enrolled.

    Attributes:
        embedding: its template.
        photo: identifies the image file and the face in it: SHA-256 (hex) of the bytes, and the rectangle.
        crop: the face with a margin, if the policy keeps crops.
    """

    embedding: Embedding
    photo: str
    crop: Crop | None


def enrol(
    engine: Engine,
    image: bytes,
    pack: str,
    policy: EnrolmentPolicy,
    *,
    target: TargetFace | None,
    operating_point: OperatingPoint,
) -> Enrolment:
    """Find the face to enrol and check its quality.

    Args:
        engine: analyses the image.
        image: an image file.
        pack: the recogniser's model pack.
        policy: the requirements on the photo.
        target: rectangle of the face; required if there are several.
        operating_point: operating point of the detector.

    Raises:
        ImageError: the image cannot be analysed.
        TargetFaceOutOfRangeError: the target does not lie in the image.
        NoFaceError: there is no face, or none in the target.
        SeveralFacesError: there are several.
        LowQualityError: the photo does not meet the policy, or the face could not be read.
    """
    want = Want(operating_point=operating_point, recogniser=pack, attributes=policy.attributes, photo=policy.keep_crops)
    analysis = engine.analyze(image, want)
    face = choose(analysis, target, operating_point)
    policy.check(face)
    assert face.embedding is not None
    if not face.embedding.readable:
        raise LowQualityError([_UNREAD])
    crop = None
    if policy.keep_crops:
        assert analysis.photo is not None
        crop = make_crop(analysis.photo, face.box)
    box = face.box
    where = f"{box.left},{box.top},{box.width},{box.height}"
    return Enrolment(face.embedding, f"{hashlib.sha256(image).hexdigest()}|{where}", crop)


def _no_face(operating_point: OperatingPoint | None) -> str:
    if operating_point in (OperatingPoint.GENERAL, OperatingPoint.SENSITIVE):
        return Message("no face was found; detection_03 finds more of the faces that are turned or covered")
    return Message("no face was found")


def choose(analysis: FoundFaces, target: TargetFace | None, operating_point: OperatingPoint | None = None) -> Face:
    """Return the face to enrol.

    A face is in the target if its centre is. If there are several, as people in a group stand close, the one with an
    IoU of at least one half with the target is chosen.

    Args:
        analysis: the faces of the image.
        target: rectangle of the face; required if there are several.
        operating_point: operating point of the detector, to suggest one that finds more faces.

    Raises:
        TargetFaceOutOfRangeError: the target does not lie in the image.
        NoFaceError: there is no face, or none in the target.
        SeveralFacesError: there are several.
    """
    faces = analysis.faces
    if target is not None:
        if target.left + target.width > analysis.width or target.top + target.height > analysis.height:
            raise TargetFaceOutOfRangeError(
                "the image has {width} × {height} pixels", width=analysis.width, height=analysis.height
            )
        inside = tuple(face for face in faces if _centre_in(face.box, target))
        same = tuple(face for face in inside if overlap(face.box, target) >= _SAME_BOX)
        faces = same if len(inside) > 1 and len(same) == 1 else inside
    if not faces:
        raise NoFaceError("no face has its centre in targetFace" if target else _no_face(operating_point))
    if len(faces) > 1:
        boxes = "; ".join(f"{face.box.left},{face.box.top},{face.box.width},{face.box.height}" for face in faces[:10])
        raise SeveralFacesError("{count} faces, choose one with targetFace: {boxes}", count=len(faces), boxes=boxes)
    return faces[0]


def make_crop(photo: Photo, box: FaceBox) -> Crop:
    """Cut out a face with a margin of half its size on every side, within the image."""
    across, down = box.width * _CROP_MARGIN, box.height * _CROP_MARGIN
    region = photo.region(box.left - across, box.top - down, box.left + box.width + across, box.top + box.height + down)
    done, data = cv2.imencode(".jpg", region.pixels, [cv2.IMWRITE_JPEG_QUALITY, _CROP_QUALITY])
    if not done:
        raise RuntimeError("a face could not be written as JPEG")
    left, top = box.left - round(region.left), box.top - round(region.top)
    return Crop(np.asarray(data).tobytes(), FaceBox(left, top, box.width, box.height))


def _centre_in(box: FaceBox, target: TargetFace) -> bool:
    x, y = box.left + box.width / 2, box.top + box.height / 2
    return target.left <= x <= target.left + target.width and target.top <= y <= target.top + target.height


def overlap(box: FaceBox, target: TargetFace | FaceBox) -> float:
    """Return the IoU of two rectangles."""
    across = min(box.left + box.width, target.left + target.width) - max(box.left, target.left)
    down = min(box.top + box.height, target.top + target.height) - max(box.top, target.top)
    both = max(across, 0) * max(down, 0)
    return both / (box.width * box.height + target.width * target.height - both)
