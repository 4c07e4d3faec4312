"""Faces as the contract's JSON: names, order, rounding, and the enum spelling of the API version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mien.contract.attributes import DECLARED
from mien.contract.landmarks import LANDMARK_NAMES
from mien.contract.models import RECOGNITION_MODELS
from mien.contract.versions import Version
from mien.vision.types import Attributes, Face, Float32
from mien.wire.schemas import GUID, NUMBER, record

Json = dict[str, Any]


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


def attributes_json(attributes: Attributes, version: Version) -> Json:  # noqa: PLR0912  one branch per attribute
    """Return the computed attributes, with angles rounded to 0.1° and other values to 0.01."""
    out: Json = {}
    if attributes.head_pose is not None:
        pose = attributes.head_pose
        out["headPose"] = {"pitch": round(pose.pitch, 1), "roll": round(pose.roll, 1), "yaw": round(pose.yaw, 1)}
    if attributes.smile is not None:
        out["smile"] = _value(attributes.smile)
    if attributes.age is not None:
        out["age"] = round(attributes.age, 1)
    if attributes.facial_hair is not None:
        hair = attributes.facial_hair
        lengths = {"moustache": hair.moustache, "beard": hair.beard, "sideburns": hair.sideburns}
        out["facialHair"] = {name: _value(length) for name, length in lengths.items()}
    if attributes.glasses is not None:
        out["glasses"] = version.glasses(attributes.glasses)
    if attributes.makeup is not None:
        out["makeup"] = {"eyeMakeup": attributes.makeup.eye, "lipMakeup": attributes.makeup.lip}
    if attributes.occlusion is not None:
        covered = attributes.occlusion
        out["occlusion"] = {
            "foreheadOccluded": covered.forehead,
            "eyeOccluded": covered.eye,
            "mouthOccluded": covered.mouth,
        }
    if attributes.accessories is not None:
        out["accessories"] = [
            {
                "type": version.head_wear if worn.type == "headWear" else worn.type,
                "confidence": _value(worn.confidence),
            }
            for worn in attributes.accessories
        ]
    if attributes.blur is not None:
        out["blur"] = {"blurLevel": attributes.blur.level.value, "value": _value(attributes.blur.value)}
    if attributes.exposure is not None:
        exposure = attributes.exposure
        out["exposure"] = {"exposureLevel": exposure.level.value, "value": _value(exposure.value)}
    if attributes.noise is not None:
        out["noise"] = {"noiseLevel": attributes.noise.level.value, "value": _value(attributes.noise.value)}
    if attributes.mask is not None:
        out["mask"] = {
            "type": attributes.mask.type.value,
            "noseAndMouthCovered": attributes.mask.nose_and_mouth_covered,
        }
    if attributes.quality is not None:
        out["qualityForRecognition"] = attributes.quality.value
    if attributes.hair is not None:
        out["hair"] = {
            "bald": _value(attributes.hair.bald),
            "invisible": attributes.hair.invisible,
            "hairColor": [
                {"color": entry.color, "confidence": _value(entry.confidence)} for entry in attributes.hair.colors
            ],
        }
    return out


def _value(value: float) -> float:
    return round(value, 2)
