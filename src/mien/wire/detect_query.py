"""The query options of Detect: defaults, limits, and which go together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from mien.contract.attributes import ATTRIBUTES_OF, DECLARED, RETIRED, Attribute
from mien.contract.catalogue import row
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.models import DETECTION_MODELS, NO_LANDMARKS, RECOGNITION_MODELS
from mien.contract.versions import Version
from mien.gateway.exchange import Request
from mien.wire.fields import boolean

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
    """What a call of Detect asks for, checked.

    Attributes:
        detection_model: label of the contract.
        recognition_model: label of the contract; what the face ids are bound to.
        face_ids: whether to remember the faces and return ids.
        landmarks: whether to return the 27 landmarks.
        recognition_model_named: whether to name the recognition model beside a face id.
        attributes: the attributes to return.
        seconds: how long the face ids live.
    """

    detection_model: str
    recognition_model: str
    face_ids: bool
    landmarks: bool
    recognition_model_named: bool
    attributes: frozenset[Attribute]
    seconds: int


def parse_detect_query(request: Request, version: Version) -> DetectQuery:
    """Read the options; an absent or empty one has its default, unknown ones are ignored.

    Raises:
        Problem: an option is out of its range, or options do not go together.
    """
    detection_model = parse_detection_model(request)
    recognition_model = (request.query_value("recognitionmodel") or RECOGNITION_MODELS[0]).lower()
    if recognition_model not in RECOGNITION_MODELS:
        raise _RECOGNITION_MODEL.problem(hint=f"It is one of {', '.join(RECOGNITION_MODELS)}.")
    face_ids = boolean(request.query_value("returnfaceid"), default=True)
    if face_ids is None:
        raise _FACE_ID.problem(hint=_BOOLEAN_HINT)
    landmarks = boolean(request.query_value("returnfacelandmarks"), default=False)
    if landmarks is None:
        raise _LANDMARKS.problem(hint=_BOOLEAN_HINT)
    named = boolean(request.query_value("returnrecognitionmodel"), default=False)
    if named is None:
        raise _RETURN_MODEL.problem(hint=_BOOLEAN_HINT)
    asked = [value for name, value in request.query if name == "returnfaceattributes"]
    attributes = _attributes(asked, version, detection_model, recognition_model)
    if landmarks and detection_model in NO_LANDMARKS:
        raise _NO_LANDMARKS.problem()
    seconds = _seconds(request.query_value("faceidtimetolive"))
    return DetectQuery(detection_model, recognition_model, face_ids, landmarks, named, attributes, seconds)


_BOOLEAN_HINT = "Write true or false."


def parse_detection_model(request: Request) -> str:
    """Read `detectionModel`; an absent or empty one is detection_01.

    Raises:
        Problem: it is not one of the contract's labels.
    """
    detection_model = (request.query_value("detectionmodel") or DETECTION_MODELS[0]).lower()
    if detection_model not in DETECTION_MODELS:
        raise _DETECTION_MODEL.problem(hint=f"It is one of {', '.join(DETECTION_MODELS)}.")
    return detection_model


def _seconds(text: str | None) -> int:
    low, high = FACE_ID_SECONDS
    if not text:
        return high
    digits = text.strip()
    # Length first: int() refuses very long texts with an error of its own.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and low <= int(digits) <= high):
        raise _TTL.problem(hint=f"It is a whole number of seconds from {low} to {high}.")
    return int(digits)


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
