"""Faces as the contract's JSON: names, order, rounding, and the enum spelling of the API version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from mien.contract.attributes import DECLARED, Attribute
from mien.contract.landmarks import LANDMARK_NAMES
from mien.contract.models import RECOGNITION_MODELS
from mien.contract.versions import Version
from mien.vision.types import (
    Accessory,
    Attributes,
    Face,
    FacialHair,
    Float32,
    Hair,
    HeadPose,
    Measured,
    Occlusion,
)
from mien.wire.schemas import GUID, NUMBER, record

Json = dict[str, Any]
T = TypeVar("T")


def face_schema(version: Version) -> Json:
    """Return the schema of a face in Detect's response."""
    point, whole = record({"x": NUMBER, "y": NUMBER}), {"type": "integer"}
    attributes = {name.value: one.schema(version) for name, one in DECLARED.items() if name in version.attributes}
    properties = {
        "faceId": GUID,
        "recognitionModel": {"enum": list(RECOGNITION_MODELS)},
        "faceRectangle": record({"top": whole, "left": whole, "width": whole, "height": whole}),
        "faceLandmarks": record(dict.fromkeys(LANDMARK_NAMES, point)),
        "faceAttributes": {"type": "object", "properties": attributes},
    }
    return record(properties, optional=frozenset(properties) - {"faceRectangle"})


def detected_faces(
    faces: Sequence[Face],
    version: Version,
    *,
    face_ids: Sequence[str] | None,
    recognition_model: str | None,
    with_attributes: bool,
) -> list[Json]:
    """Return Detect's response.

    Args:
        faces: largest first.
        version: API version, which determines the spelling.
        face_ids: one per face; None if not requested.
        recognition_model: the label to return with each face id, or None.
        with_attributes: whether attributes were requested; if not, their object is absent.
    """
    answer = []
    for index, face in enumerate(faces):
        entry: Json = {}
        if face_ids is not None:
            entry["faceId"] = face_ids[index]
            if recognition_model is not None:
                entry["recognitionModel"] = recognition_model
        box = face.box
        entry["faceRectangle"] = {"top": box.top, "left": box.left, "width": box.width, "height": box.height}
        if face.landmarks is not None:
            entry["faceLandmarks"] = landmarks_json(face.landmarks)
        if with_attributes:
            entry["faceAttributes"] = attributes_json(face.attributes, version)
        answer.append(entry)
    return answer


def landmarks_json(points: Float32) -> Json:
    """Return named landmarks from float32 (27, 2) pixels, rounded to 0.1 pixel as in the contract's examples."""
    return {
        name: {"x": round(x, 1), "y": round(y, 1)} for name, (x, y) in zip(LANDMARK_NAMES, points.tolist(), strict=True)
    }


def attributes_json(attributes: Attributes, version: Version) -> Json:
    """Return the computed attributes, with angles rounded to 0.1° and other values to 0.01."""
    values = ((name.value, write(attributes, version)) for name, write in _VALUES.items())
    return {name: value for name, value in values if value is not None}


def _value(value: float) -> float:
    return round(value, 2)


def _pose(pose: HeadPose, _version: Version) -> Json:
    return {"pitch": round(pose.pitch, 1), "roll": round(pose.roll, 1), "yaw": round(pose.yaw, 1)}


def _beard(hair: FacialHair, _version: Version) -> Json:
    return {
        "moustache": _value(hair.moustache),
        "beard": _value(hair.beard),
        "sideburns": _value(hair.sideburns),
    }


def _covered(covered: Occlusion, _version: Version) -> Json:
    return {"foreheadOccluded": covered.forehead, "eyeOccluded": covered.eye, "mouthOccluded": covered.mouth}


def _worn(accessories: Sequence[Accessory], version: Version) -> list[Json]:
    return [
        {
            "type": version.head_wear if worn.type == "headWear" else worn.type,
            "confidence": _value(worn.confidence),
        }
        for worn in accessories
    ]


def _hair(hair: Hair, _version: Version) -> Json:
    colors = [{"color": entry.color, "confidence": _value(entry.confidence)} for entry in hair.colors]
    return {"bald": _value(hair.bald), "invisible": hair.invisible, "hairColor": colors}


def _measured(name: str) -> Callable[[Measured, Version], Json]:
    return lambda measured, _version: {name: measured.level.value, "value": _value(measured.value)}


def _if_computed(
    read: Callable[[Attributes], T | None], write: Callable[[T, Version], Any]
) -> Callable[[Attributes, Version], Any]:
    """Return a function that writes an attribute, or returns None if the attribute was not computed."""

    def written(attributes: Attributes, version: Version) -> Any:
        value = read(attributes)
        return None if value is None else write(value, version)

    return written


_VALUES: Final[Mapping[Attribute, Callable[[Attributes, Version], Any]]] = MappingProxyType(
    {
        Attribute.HEAD_POSE: _if_computed(lambda found: found.head_pose, _pose),
        Attribute.SMILE: _if_computed(lambda found: found.smile, lambda smile, _: _value(smile)),
        Attribute.AGE: _if_computed(lambda found: found.age, lambda age, _: round(age, 1)),
        Attribute.FACIAL_HAIR: _if_computed(lambda found: found.facial_hair, _beard),
        Attribute.GLASSES: _if_computed(lambda found: found.glasses, lambda kind, version: version.glasses(kind)),
        Attribute.MAKEUP: _if_computed(
            lambda found: found.makeup, lambda makeup, _: {"eyeMakeup": makeup.eye, "lipMakeup": makeup.lip}
        ),
        Attribute.OCCLUSION: _if_computed(lambda found: found.occlusion, _covered),
        Attribute.ACCESSORIES: _if_computed(lambda found: found.accessories, _worn),
        Attribute.BLUR: _if_computed(lambda found: found.blur, _measured("blurLevel")),
        Attribute.EXPOSURE: _if_computed(lambda found: found.exposure, _measured("exposureLevel")),
        Attribute.NOISE: _if_computed(lambda found: found.noise, _measured("noiseLevel")),
        Attribute.MASK: _if_computed(
            lambda found: found.mask,
            lambda mask, _: {"type": mask.type.value, "noseAndMouthCovered": mask.nose_and_mouth_covered},
        ),
        Attribute.QUALITY: _if_computed(lambda found: found.quality, lambda level, _: level.value),
        Attribute.HAIR: _if_computed(lambda found: found.hair, _hair),
    }
)
"""How the value of each attribute is written, in the order of the response."""
