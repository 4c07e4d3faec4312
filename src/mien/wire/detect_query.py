"""The query parameters of Detect: defaults, limits and combinations."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mien.contract.attributes import ATTRIBUTES_OF, DECLARED, RETIRED, Attribute
from mien.contract.catalogue import Row, row
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.models import DETECTION_MODELS, NO_LANDMARKS, RECOGNITION_MODELS
from mien.contract.versions import Version
from mien.gateway.exchange import Request
from mien.wire import schemas
from mien.wire.fields import QueryOptions, boolean
from mien.wire.schemas import Json

_DETECTION_MODEL = row("common.detection_model_invalid")
_RECOGNITION_MODEL = row("common.recognition_model_invalid")
_ATTRIBUTES = row("detect.attributes_invalid")
_RETIRED = row("mien.attributes_retired")
_NO_ATTRIBUTES = row("detect.attributes_unsupported")
_NO_LANDMARKS = row("detect.landmarks_unsupported")
_FACE_ID = row("mien.return_face_id_invalid")
_LANDMARKS = row("mien.return_landmarks_invalid")
_RETURN_MODEL = row("mien.return_model_invalid")
_TTL = row("mien.time_to_live_invalid")

_BY_LOWER_NAME = {attribute.value.lower(): attribute for attribute in DECLARED}


@dataclass(frozen=True, slots=True)
class DetectQuery:
    """The validated parameters of a Detect call.

    Attributes:
        detection_model: the contract's label.
        recognition_model: the contract's label; face ids belong to this model.
        face_ids: whether to store the faces and return ids.
        landmarks: whether to return the 27 landmarks.
        recognition_model_named: whether to return the recognition model with each face id.
        attributes: the attributes to return.
        seconds: lifetime of the face ids.
    """

    detection_model: str
    recognition_model: str
    face_ids: bool
    landmarks: bool
    recognition_model_named: bool
    attributes: frozenset[Attribute]
    seconds: int


def parse_detection_model(request: Request) -> str:
    """Return `detectionModel`; detection_01 if absent or empty.

    Raises:
        Problem: it is not one of the contract's labels.
    """
    detection_model = (request.query_value("detectionmodel") or DETECTION_MODELS[0]).lower()
    if detection_model not in DETECTION_MODELS:
        raise _DETECTION_MODEL.problem(hint=f"It is one of {', '.join(DETECTION_MODELS)}.")
    return detection_model


def _recognition_model(request: Request) -> str:
    recognition_model = (request.query_value("recognitionmodel") or RECOGNITION_MODELS[0]).lower()
    if recognition_model not in RECOGNITION_MODELS:
        raise _RECOGNITION_MODEL.problem(hint=f"It is one of {', '.join(RECOGNITION_MODELS)}.")
    return recognition_model


def _seconds(request: Request) -> int:
    low, high = FACE_ID_SECONDS
    text = request.query_value("faceidtimetolive")
    if not text:
        return high
    digits = text.strip()
    # Length first: int() raises another error for very long texts.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and low <= int(digits) <= high):
        raise _TTL.problem(hint=f"It is a whole number of seconds from {low} to {high}.")
    return int(digits)


def _flag(name: str, invalid: Row, *, default: bool, says: str) -> QueryOptions[bool]:
    """Return a boolean option."""

    def read(request: Request) -> bool:
        value = boolean(request.query_value(name.lower()), default=default)
        if value is None:
            raise invalid.problem(hint="Write true or false.")
        return value

    return QueryOptions((schemas.query(name, {**schemas.BOOLEAN, "default": default}, says),), read)


_MODELS: Final = {"enum": list(DETECTION_MODELS), "default": DETECTION_MODELS[0]}
DETECTION_MODEL: Final = QueryOptions(
    (schemas.query("detectionModel", {"type": "string", **_MODELS}, "Finds the face."),), parse_detection_model
)
"""The option `detectionModel` of enrolments."""

_DETECTION: Final = QueryOptions((schemas.query("detectionModel", _MODELS, "Finds the faces."),), parse_detection_model)
_RECOGNITION: Final = QueryOptions(
    (
        schemas.query(
            "recognitionModel",
            {"enum": list(RECOGNITION_MODELS), "default": RECOGNITION_MODELS[0]},
            "What the face ids are bound to; only faces of one recognition model can be compared.",
        ),
    ),
    _recognition_model,
)
_RETURN_ID: Final = _flag("returnFaceId", _FACE_ID, default=True, says="Whether to keep the faces for later calls.")
_RETURN_LANDMARKS: Final = _flag(
    "returnFaceLandmarks", _LANDMARKS, default=False, says="Whether to return the 27 landmarks."
)
_NAME_MODEL: Final = _flag(
    "returnRecognitionModel", _RETURN_MODEL, default=False, says="Whether to name the recognition model."
)
_LIFE: Final = QueryOptions(
    (
        schemas.query(
            "faceIdTimeToLive",
            {
                "type": "integer",
                "minimum": FACE_ID_SECONDS[0],
                "maximum": FACE_ID_SECONDS[1],
                "default": FACE_ID_SECONDS[1],
            },
            "How many seconds the face ids live.",
        ),
    ),
    _seconds,
)


def parse_detect_query(request: Request, version: Version) -> DetectQuery:
    """Parse the query; absent or empty options have their defaults, unknown ones are ignored.

    Results are cached, because clients repeat their queries; a query that may contain a key is not cached.

    Raises:
        Problem: an option is not valid, or options cannot be combined.
    """
    raw: bytes = request.scope.get("query_string", b"")
    asked = (raw, version.name)
    query = _known.get(asked)
    if query is None:
        query = _parse(request, version)
        if len(raw) <= _LONGEST_KNOWN and b"key" not in raw.lower():
            if len(_known) >= _KNOWN:
                _known.clear()
            _known[asked] = query
    return query


_KNOWN: Final = 256
_LONGEST_KNOWN: Final = 512
_known: dict[tuple[bytes, str], DetectQuery] = {}


def _parse(request: Request, version: Version) -> DetectQuery:
    detection_model, recognition_model = _DETECTION.read(request), _RECOGNITION.read(request)
    face_ids, landmarks = _RETURN_ID.read(request), _RETURN_LANDMARKS.read(request)
    named = _NAME_MODEL.read(request)
    asked = [value for name, value in request.query if name == "returnfaceattributes"]
    attributes = _attributes(asked, version, detection_model, recognition_model)
    if landmarks and detection_model in NO_LANDMARKS:
        raise _NO_LANDMARKS.problem()
    return DetectQuery(detection_model, recognition_model, face_ids, landmarks, named, attributes, _LIFE.read(request))


def detect_parameters(version: Version) -> list[Json]:
    """Return the OpenAPI parameters that `parse_detect_query` reads."""
    having = "; ".join(
        f"{model}: {', '.join(sorted(known & version.attributes)) or 'none'}" for model, known in ATTRIBUTES_OF.items()
    )
    attributes = schemas.query(
        "returnFaceAttributes",
        {"type": "array", "items": {"enum": [one.value for one in DECLARED if one in version.attributes]}},
        f"Attributes, joined by commas. {having}. qualityForRecognition needs recognition_03 or _04.",
    )
    return [
        *_DETECTION.parameters,
        *_RECOGNITION.parameters,
        *_RETURN_ID.parameters,
        {**attributes, "explode": False},
        *_RETURN_LANDMARKS.parameters,
        *_NAME_MODEL.parameters,
        *_LIFE.parameters,
    ]


def _attributes(
    asked: Iterable[str], version: Version, detection_model: str, recognition_model: str
) -> frozenset[Attribute]:
    names = [name for text in asked for name in (part.strip() for part in text.split(",")) if name]
    if not names:
        return frozenset()
    if not ATTRIBUTES_OF[detection_model]:
        raise _NO_ATTRIBUTES.problem()
    retired = [name for name in RETIRED if name in {given.lower() for given in names}]
    if retired:
        listed = " and ".join(retired)
        raise _RETIRED.problem(values=[listed], hint=f"No approval brings retired attributes back; {listed} must go.")
    wanted = frozenset(_attribute(name, version) for name in names)
    foreign = sorted(wanted - ATTRIBUTES_OF[detection_model])
    if foreign:
        known = ", ".join(sorted(ATTRIBUTES_OF[detection_model] & version.attributes))
        raise _ATTRIBUTES.problem(hint=f"{detection_model} has no {' and no '.join(foreign)}; it has {known}.")
    for attribute in sorted(wanted):
        models = DECLARED[attribute].recognition_models
        if recognition_model not in models:
            raise _ATTRIBUTES.problem(hint=f"{attribute} needs recognitionModel={' or '.join(models)}.")
    return wanted


def _attribute(name: str, version: Version) -> Attribute:
    lowered = name.lower()
    attribute = _BY_LOWER_NAME.get(lowered)
    if attribute is None:
        near = difflib.get_close_matches(lowered, _BY_LOWER_NAME, n=1)
        suggestion = f" Did you mean {_BY_LOWER_NAME[near[0]]}?" if near else ""
        raise _ATTRIBUTES.problem(hint=f"There is no attribute {name[:40]!r}.{suggestion}")
    if attribute not in version.attributes:
        raise _ATTRIBUTES.problem(hint=f"{attribute} is not in {version.name}; v1.0 has it.")
    return attribute
