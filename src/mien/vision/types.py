"""Types of the vision pipeline: requests, faces, landmarks, attributes.

Coordinates are pixels of the full, upright image (EXIF orientation applied): x to the right, y down, (0, 0) the
outer corner of the top left pixel. "Left" and "right" in names are those of the image, not of the person.
Colour arrays are uint8 (height, width, 3) in BGR order, as in OpenCV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mien.contract.attributes import Attribute, ExposureLevel, GlassesType, Level3, MaskType
from mien.vision.measures import Measure, QualityScore

Float32 = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class OperatingPoint(StrEnum):
    """Operating points of face detection; settings bind the contract's detection models to them."""

    GENERAL = "general"
    SENSITIVE = "sensitive"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face rectangle in whole pixels of the full, upright image, clipped to it."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels covered."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected face.

    Attributes:
        box: left, top, width, height in pixels, not rounded, not clipped.
        score: the detector's confidence in [0, 1].
        points: float32 (5, 2): left eye, right eye, nose tip, left and right mouth corner (image left first).
    """

    box: tuple[float, float, float, float]
    score: float
    points: Float32


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Degrees, with Azure's signs.

    pitch > 0 looks up, roll > 0 is clockwise in the image, yaw > 0 turns the nose towards the image's right.
    """

    pitch: float
    roll: float
    yaw: float


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Which regions of the face are covered."""

    forehead: bool
    eye: bool
    mouth: bool


@dataclass(frozen=True, slots=True)
class Accessory:
    """One worn thing: "headWear", "glasses" or "mask", with a confidence in [0, 1]."""

    type: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Mask:
    """Mask type, and whether nose and mouth are both covered."""

    type: MaskType
    nose_and_mouth_covered: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """A value in [0, 1] and the level it falls in (a `Level3` or an `ExposureLevel`)."""

    level: Level3 | ExposureLevel
    value: float


@dataclass(frozen=True, slots=True)
class FacialHair:
    """Amount of each in [0, 1]; 0 is none."""

    moustache: float
    beard: float
    sideburns: float


@dataclass(frozen=True, slots=True)
class HairColor:
    """One of the contract's hair colours with its confidence in [0, 1]."""

    color: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Hair:
    """Baldness in [0, 1], whether hair is hidden, colours by descending confidence (empty if bald or hidden)."""

    bald: float
    invisible: bool
    colors: tuple[HairColor, ...]


@dataclass(frozen=True, slots=True)
class Makeup:
    """Whether eyes or lips are made up."""

    eye: bool
    lip: bool


@dataclass(frozen=True, slots=True)
class Attributes:
    """The requested attributes; None means not requested."""

    head_pose: HeadPose | None = None
    glasses: GlassesType | None = None
    occlusion: Occlusion | None = None
    accessories: tuple[Accessory, ...] | None = None
    mask: Mask | None = None
    blur: Measured | None = None
    exposure: Measured | None = None
    noise: Measured | None = None
    quality: Level3 | None = None
    age: float | None = None
    smile: float | None = None
    facial_hair: FacialHair | None = None
    hair: Hair | None = None
    makeup: Makeup | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """A face template: a unit vector that is only comparable with others of the same fingerprint.

    Attributes:
        vector: float32 (d,), L2 norm 1; zeros if the face could not be read, so that it matches nobody.
        fingerprint: SHA-256 (hex) of the weights and conventions of its recogniser.
        norm: the norm before normalisation, which predicts how well the face can be recognised. 0 if it was not read.
        strict: whether a match needs a stricter threshold because the face looks like a child's; set only if the
            resource's policy asks for it.
    """

    vector: Float32
    fingerprint: str
    norm: float
    strict: bool = False

    @property
    def readable(self) -> bool:
        """Whether the face could be read; if not, the template must not be used for decisions."""
        return self.norm > 0


@dataclass(frozen=True, slots=True)
class Want:
    """The requested results of `FaceEngine.analyze`; nothing else is computed.

    Attributes:
        operating_point: operating point of the detector.
        recogniser: name of the embedding pack for templates; None for no templates.
        landmarks: whether to find the 27 landmarks.
        attributes: the attributes to compute.
        max_faces: most faces to return, the largest ones.
        quality: whether to measure the faces by ISO/IEC 29794-5 (`mien.vision.measures`).
        photo: whether to return the decoded photo, for callers that crop it.
    """

    operating_point: OperatingPoint = OperatingPoint.GENERAL
    recogniser: str | None = None
    landmarks: bool = False
    attributes: frozenset[Attribute] = frozenset()
    max_faces: int = 100
    quality: bool = False
    photo: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """One analysed face.

    Attributes:
        box: the face rectangle.
        score: the detector's confidence in [0, 1].
        points: float32 (5, 2), see `Detection.points`.
        landmarks: float32 (27, 2) in the order of `LANDMARK_NAMES`; None if not requested.
        attributes: the requested attributes.
        embedding: the template; None if not requested.
        quality: scores by measure; None if not requested.
    """

    box: FaceBox
    score: float
    points: Float32
    landmarks: Float32 | None = None
    attributes: Attributes = field(default_factory=Attributes)
    embedding: Embedding | None = None
    quality: Mapping[Measure, QualityScore] | None = None
