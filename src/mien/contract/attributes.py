"""The face attributes of the contract: each with its gate, its models and its documentation in one declaration.

An attribute is closed until somebody opens it: a member of `Attribute` that has no declaration is in no version, no
model and no document, and a declaration names the feature that a resource must be approved for unless it says that
everybody may have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Protocol

from mien.contract.features import Feature
from mien.contract.models import (
    DETECTION_01,
    DETECTION_03,
    DETECTION_MODELS,
    RECOGNITION_03,
    RECOGNITION_04,
    RECOGNITION_MODELS,
)

Json = dict[str, Any]


class Attribute(StrEnum):
    """The attributes that can be requested, by their names in the contract."""

    HEAD_POSE = "headPose"
    GLASSES = "glasses"
    OCCLUSION = "occlusion"
    ACCESSORIES = "accessories"
    MASK = "mask"
    BLUR = "blur"
    EXPOSURE = "exposure"
    NOISE = "noise"
    QUALITY = "qualityForRecognition"
    AGE = "age"
    SMILE = "smile"
    FACIAL_HAIR = "facialHair"
    HAIR = "hair"
    MAKEUP = "makeup"


class GlassesType(StrEnum):
    """Kinds of glasses."""

    NONE = "noGlasses"
    READING = "readingGlasses"
    SUN = "sunglasses"
    SWIMMING = "swimmingGoggles"


class Level3(StrEnum):
    """Low, medium or high: of blur, noise, and quality for recognition."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ExposureLevel(StrEnum):
    """By value: under [0, .25), good [.25, .75), over [.75, 1]."""

    UNDER = "underExposure"
    GOOD = "goodExposure"
    OVER = "overExposure"


class MaskType(StrEnum):
    """Cover of nose and mouth."""

    NONE = "noMask"
    FACE_MASK = "faceMask"
    OTHER = "otherMaskOrOcclusion"
    UNCERTAIN = "uncertain"


HAIR_COLORS: Final = ("unknown", "white", "gray", "blond", "brown", "red", "black", "other")


class Spelling(Protocol):
    """The properties of an API version that the schemas need."""

    @property
    def head_wear(self) -> str:
        """The accessory on the head."""

    def glasses(self, kind: GlassesType) -> str:
        """Kinds of glasses."""


Schema = Callable[[Spelling], Json]


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that the contract says of one attribute.

    Attributes:
        attribute: the attribute.
        schema: JSON schema of its value in the spelling of a version.
        detection_models: the detection models that have it.
        gate: the feature that a resource must be approved for; None if everybody has it.
        recognition_models: the recognition models that it is defined for.
        legacy_only: only the versions in the spelling of v1.0 have it.
        label: its name for people, in lower case.
    """

    attribute: Attribute
    schema: Schema
    detection_models: tuple[str, ...]
    gate: Feature | None = Feature.LIMITED_ATTRIBUTES
    recognition_models: tuple[str, ...] = RECOGNITION_MODELS
    legacy_only: bool = False
    label: str = ""


_UNIT: Final[Json] = {"type": "number", "minimum": 0, "maximum": 1}
_NUMBER: Final[Json] = {"type": "number"}
_BOOLEAN: Final[Json] = {"type": "boolean"}
_LEVELS: Final[Json] = {"enum": [level.value for level in Level3]}
_BOTH: Final = (DETECTION_01, DETECTION_03)
_FIRST: Final = (DETECTION_01,)


def _record(**properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _always(schema: Json) -> Schema:
    return lambda _spelling: schema


def _glasses(spelling: Spelling) -> Json:
    return {"enum": [spelling.glasses(kind) for kind in GlassesType]}


def _accessories(spelling: Spelling) -> Json:
    kinds = {"enum": [spelling.head_wear, "glasses", "mask"]}
    return {"type": "array", "items": _record(type=kinds, confidence=_UNIT)}


_COLOR: Final = _record(color={"enum": list(HAIR_COLORS)}, confidence=_UNIT)
_EXPOSURE: Final[Json] = {"enum": [level.value for level in ExposureLevel]}
_MASK: Final[Json] = {"enum": [kind.value for kind in MaskType]}

_ALL: Final = (
    Declaration(Attribute.HEAD_POSE, _always(_record(pitch=_NUMBER, roll=_NUMBER, yaw=_NUMBER)), _BOTH, gate=None),
    Declaration(Attribute.GLASSES, _glasses, _FIRST, gate=None),
    Declaration(
        Attribute.OCCLUSION,
        _always(_record(foreheadOccluded=_BOOLEAN, eyeOccluded=_BOOLEAN, mouthOccluded=_BOOLEAN)),
        _FIRST,
        gate=None,
    ),
    Declaration(Attribute.ACCESSORIES, _accessories, _FIRST, gate=None),
    Declaration(Attribute.MASK, _always(_record(type=_MASK, noseAndMouthCovered=_BOOLEAN)), (DETECTION_03,), gate=None),
    Declaration(Attribute.BLUR, _always(_record(blurLevel=_LEVELS, value=_UNIT)), _BOTH, gate=None),
    Declaration(Attribute.EXPOSURE, _always(_record(exposureLevel=_EXPOSURE, value=_UNIT)), _FIRST, gate=None),
    Declaration(Attribute.NOISE, _always(_record(noiseLevel=_LEVELS, value=_UNIT)), _FIRST, gate=None),
    Declaration(
        Attribute.QUALITY,
        _always(_LEVELS),
        _BOTH,
        gate=None,
        recognition_models=(RECOGNITION_03, RECOGNITION_04),
    ),
    Declaration(Attribute.AGE, _always(_NUMBER), _FIRST, label="age"),
    Declaration(Attribute.SMILE, _always(_UNIT), _FIRST, label="smile"),
    Declaration(
        Attribute.FACIAL_HAIR,
        _always(_record(moustache=_UNIT, beard=_UNIT, sideburns=_UNIT)),
        _FIRST,
        label="facial hair",
    ),
    Declaration(
        Attribute.HAIR,
        _always(_record(bald=_UNIT, invisible=_BOOLEAN, hairColor={"type": "array", "items": _COLOR})),
        _FIRST,
        label="hair",
    ),
    Declaration(
        Attribute.MAKEUP,
        _always(_record(eyeMakeup=_BOOLEAN, lipMakeup=_BOOLEAN)),
        _FIRST,
        legacy_only=True,
        label="make-up",
    ),
)

DECLARED: Final[Mapping[Attribute, Declaration]] = MappingProxyType({one.attribute: one for one in _ALL})
"""Every attribute that is open, in the contract's order."""

LIMITED: Final = tuple(one.attribute for one in _ALL if one.gate is not None)
"""The attributes that require an approval."""

RETIRED: Final = ("emotion", "gender")
"""The attributes that no version returns any more."""


ATTRIBUTES_OF: Final[Mapping[str, frozenset[Attribute]]] = MappingProxyType(
    {model: frozenset(one.attribute for one in _ALL if model in one.detection_models) for model in DETECTION_MODELS}
)
"""The attributes of each detection model, by the contract's table."""


def attributes_known(*, legacy: bool) -> frozenset[Attribute]:
    """Return the attributes of an API version.

    Args:
        legacy: whether it is one in the spelling of v1.0.
    """
    return frozenset(one.attribute for one in _ALL if legacy or not one.legacy_only)


@lru_cache(256)
def gates_of(wanted: frozenset[Attribute]) -> tuple[Feature, ...]:
    """Return the features that a resource must be approved for to get these attributes.

    Raises:
        KeyError: one has no declaration: it is closed.
    """
    return tuple(dict.fromkeys(gate for one in Attribute if one in wanted and (gate := DECLARED[one].gate)))
