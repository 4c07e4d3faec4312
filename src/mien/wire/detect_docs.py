"""Face - Detect as OpenAPI: its options and its answer, in the spelling of each API version."""

from __future__ import annotations

from typing import Any

from mien.contract.attributes import ATTRIBUTES_OF, DECLARED
from mien.contract.landmarks import LANDMARK_NAMES
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.models import DETECTION_MODELS, RECOGNITION_MODELS
from mien.contract.versions import BY_NAME, Version

Json = dict[str, Any]

_NUMBER: Json = {"type": "number"}
_BOOLEAN: Json = {"type": "boolean"}


def describe_detect(version_name: str) -> Json:
    """Return the OpenAPI operation object of Detect in a version."""
    version = BY_NAME[version_name]
    sources = [_object({"url": {"type": "string", "format": "uri"}})]
    if version.session_images:
        sources.append(_object({"sessionImageId": {"type": "string", "minLength": 1}}))
    return {
        "operationId": "detect",
        "description": (
            "Finds the faces of an image: a JPEG, PNG, GIF (first frame) or BMP of 1 KB to 6 MB. Up to 100 faces, the "
            "largest first. Coordinates are pixels of the upright image."
        ),
        "parameters": _parameters(version),
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"oneOf": sources}},
            },
        },
        "responses": {
            "200": {
                "description": "The faces; an empty array when there are none.",
                "content": {"application/json": {"schema": {"type": "array", "items": _face(version)}}},
            }
        },
    }


def _parameters(version: Version) -> list[Json]:
    attributes = [name.value for name in DECLARED if name in version.attributes]
    having = "; ".join(
        f"{model}: {', '.join(sorted(known & version.attributes)) or 'none'}" for model, known in ATTRIBUTES_OF.items()
    )
    low, high = FACE_ID_SECONDS
    return [
        _query("detectionModel", {"enum": list(DETECTION_MODELS), "default": DETECTION_MODELS[0]}, "Finds the faces."),
        _query(
            "recognitionModel",
            {"enum": list(RECOGNITION_MODELS), "default": RECOGNITION_MODELS[0]},
            "What the face ids are bound to; only faces of one recognition model can be compared.",
        ),
        _query("returnFaceId", {**_BOOLEAN, "default": True}, "Whether to keep the faces for later calls."),
        {
            **_query(
                "returnFaceAttributes",
                {"type": "array", "items": {"enum": attributes}},
                f"Attributes, joined by commas. {having}. qualityForRecognition needs recognition_03 or _04.",
            ),
            "explode": False,
        },
        _query("returnFaceLandmarks", {**_BOOLEAN, "default": False}, "Whether to return the 27 landmarks."),
        _query("returnRecognitionModel", {**_BOOLEAN, "default": False}, "Whether to name the recognition model."),
        _query(
            "faceIdTimeToLive",
            {"type": "integer", "minimum": low, "maximum": high, "default": high},
            "How many seconds the face ids live.",
        ),
    ]


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _object(properties: Json, *, optional: frozenset[str] = frozenset()) -> Json:
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _face(version: Version) -> Json:
    point = _object({"x": _NUMBER, "y": _NUMBER})
    whole = {"type": "integer"}
    properties = {
        "faceId": {"type": "string", "format": "uuid"},
        "recognitionModel": {"enum": list(RECOGNITION_MODELS)},
        "faceRectangle": _object({"top": whole, "left": whole, "width": whole, "height": whole}),
        "faceLandmarks": _object(dict.fromkeys(LANDMARK_NAMES, point)),
        "faceAttributes": {"type": "object", "properties": _attributes(version)},
    }
    return _object(properties, optional=frozenset(properties) - {"faceRectangle"})


def _attributes(version: Version) -> Json:
    return {name.value: one.schema(version) for name, one in DECLARED.items() if name in version.attributes}
