"""Reading what a liveness session is created with: JSON, and both ways in which SDKs write forms."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from mien.contract.catalogue import row
from mien.contract.limits import (
    LIVENESS_ATTEMPTS,
    LIVENESS_ID_LENGTH,
    LIVENESS_TOKEN_SECONDS,
    LIVENESS_TOKEN_SECONDS_DEFAULT,
)
from mien.contract.liveness_versions import LivenessVersion
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Request
from mien.liveness.records import SessionOptions
from mien.liveness.types import Mode
from mien.wire.body import CLOSE, BodyLimits
from mien.wire.fields import shown, whole
from mien.wire.multipart import MultipartError, parse_multipart
from mien.wire.schemas import BOOLEAN, TEXT, UNIT, Json, json_body, record

INVALID_BODY = row("liveness_session.body_invalid")
_LIFETIME = row("liveness_session.lifetime_invalid")
_MODE = row("liveness_session.mode_invalid")
_DEVICE = row("liveness_session.device_invalid")
_TOO_BIG = row("common.image_too_big")

_MODES: Final = {mode.value.lower(): mode for mode in Mode}
_BOOLEANS: Final = {"true": True, "false": False}
_IMAGE: Final = "verifyimage"
_PARAMETERS: Final = "parameters"


@dataclass(frozen=True, slots=True)
class CreateBody:
    """A body that asks for a session.

    Attributes:
        fields: values by their names in lower case; those of a form are texts.
        image: the verify image, or None.
    """

    fields: Mapping[str, Any]
    image: bytes | None


async def read_create_body(request: Request, limits: BodyLimits, version: LivenessVersion, verify: bool) -> CreateBody:
    """Read the body of a call that creates a session.

    Args:
        request: the call.
        limits: how much it may send.
        version: which forms it may take.
        verify: whether the session compares with a verify image.

    Raises:
        Problem: it is neither a JSON object nor a form, or lacks the image that its version needs.
    """
    sent = request.header(b"content-type") or ""
    kind = sent.partition(";")[0].strip().lower()
    form = kind == "multipart/form-data"
    most = limits.json_bytes + (limits.image_bytes if form else 0)
    try:
        raw = await request.read(most, limits.seconds)
    except BodyTooLargeError as error:
        if form:
            raise
        headers = CLOSE if error.endless else ()
        raise INVALID_BODY.problem(hint=f"A JSON body may have {error.limit} bytes.", headers=headers) from None
    body = _from_form(sent, raw, limits) if form else CreateBody(_json_object(raw, _type_hint(kind)), None)
    if verify and version.form_only and body.image is None:
        raise INVALID_BODY.problem(
            hint=f"{version.name} takes multipart/form-data with a part verifyImage that is the image file."
            if form
            else f"{version.name} takes multipart/form-data with the fields and verifyImage as parts."
        )
    return body


def _from_form(content_type: str, raw: bytes, limits: BodyLimits) -> CreateBody:
    try:
        parts = parse_multipart(content_type, raw)
    except MultipartError as error:
        raise INVALID_BODY.problem(hint=str(error)) from None
    image = parts.pop(_IMAGE, None)
    if image is not None and len(image) > limits.image_bytes:
        raise _TOO_BIG.problem(hint=f"The verify image may have {limits.image_bytes} bytes.")
    fields: dict[str, Any] = {}
    parameters = parts.pop(_PARAMETERS, None)
    if parameters is not None:
        fields |= _json_object(parameters, "The part Parameters must be a JSON object.")
    fields |= {name: data.decode("utf-8", "replace").strip() for name, data in parts.items()}
    return CreateBody(fields, image)


def _json_object(raw: bytes, hint: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise INVALID_BODY.problem(hint=hint) from None
    if not isinstance(value, dict):
        raise INVALID_BODY.problem(hint=hint)
    return {name.lower(): entry for name, entry in value.items()}


def _type_hint(kind: str) -> str:
    if kind in {"application/json", "text/json", ""}:
        return 'The body must be a JSON object, such as {"livenessOperationMode": "Passive", …}.'
    return f"{kind} is not read: send application/json, or multipart/form-data with a verify image."


_CORRELATION: Final[Json] = {"type": "string", "minLength": 1, "maxLength": LIVENESS_ID_LENGTH}


def body_schema(version: LivenessVersion, *, verify: bool) -> Json:
    """Return the OpenAPI request body of what `read_create_body` and `parse_options` read."""
    fields = _fields(version, verify=verify)
    optional = frozenset(fields) - {"livenessOperationMode"}
    plain = record(fields, optional=optional)
    if not verify:
        return json_body(plain)
    binary: Json = {"type": "string", "format": "binary"}
    if version.form_only:
        form = record({**fields, "verifyImage": binary}, optional=optional)
        return {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    form = record({"Parameters": plain, "VerifyImage": binary})
    body = json_body(plain)
    body["content"]["multipart/form-data"] = {"schema": form}
    return body


def _fields(version: LivenessVersion, *, verify: bool) -> Json:
    (low, high), (least, most) = LIVENESS_TOKEN_SECONDS, LIVENESS_ATTEMPTS
    fields: Json = {"livenessOperationMode": {"enum": list(Mode)}}
    if version.send_results:
        fields["sendResultsToClient"] = BOOLEAN
    fields["deviceCorrelationIdSetInClient"] = {**BOOLEAN, "default": False}
    if version.images:
        fields["enableSessionImage"] = BOOLEAN
    if version.model_field:
        fields[version.model_field] = {"enum": list(version.models)}
    if verify and version.image_hash:
        fields |= {"returnVerifyImageHash": BOOLEAN, "verifyConfidenceThreshold": UNIT}
    fields |= {
        "deviceCorrelationId": _CORRELATION,
        "authTokenTimeToLiveInSeconds": {
            "type": "integer",
            "minimum": low,
            "maximum": high,
            "default": LIVENESS_TOKEN_SECONDS_DEFAULT,
        },
    }
    if version.abuse:
        fields |= {
            "numberOfClientAttemptsAllowed": {"type": "integer", "minimum": least, "maximum": most, "default": least},
            "userCorrelationId": _CORRELATION,
            "userCorrelationIdSetInClient": {**BOOLEAN, "default": False},
            "expectedClientIpAddress": TEXT,
        }
    return fields


def parse_options(fields: Mapping[str, Any], version: LivenessVersion, *, verify: bool) -> SessionOptions:
    """Return what a session is for, without endpoint and route.

    Args:
        fields: values by their names in lower case.
        version: which fields there are.
        verify: whether the session compares with a verify image.

    Raises:
        Problem: a value is missing or is not allowed.
    """
    device, device_in_client = _device(fields)
    user, user_in_client = _user(fields) if version.abuse else (None, False)
    threshold = _threshold(fields) if verify and version.image_hash else None
    return SessionOptions(
        mode=_mode(fields),
        with_verify=verify,
        device_correlation_id=device,
        device_set_in_client=device_in_client,
        user_correlation_id=user,
        user_set_in_client=user_in_client,
        token_seconds=_seconds(fields),
        attempts_allowed=_attempts(fields) if version.abuse else LIVENESS_ATTEMPTS[1],
        send_results=version.send_results and _flag(fields, "sendResultsToClient"),
        keep_image=version.images and _flag(fields, "enableSessionImage"),
        model_version=_model(fields, version),
        return_image_hash=verify and version.image_hash and _flag(fields, "returnVerifyImageHash"),
        confidence_threshold=0.5 if threshold is None else threshold,
        expected_address=_address(fields) if version.abuse else None,
    )


def _mode(fields: Mapping[str, Any]) -> Mode:
    given = fields.get("livenessoperationmode")
    mode = _MODES.get(given.strip().lower()) if isinstance(given, str) else None
    if mode is None:
        told = "It is missing." if given is None else f"It is {shown(given)}."
        raise _MODE.problem(hint=f"{told} livenessOperationMode is Passive or PassiveActive.")
    return mode


def _device(fields: Mapping[str, Any]) -> tuple[str | None, bool]:
    in_client = _flag(fields, "deviceCorrelationIdSetInClient")
    given = fields.get("devicecorrelationid")
    if given is not None and not isinstance(given, str):
        raise _DEVICE.problem(hint="deviceCorrelationId is a text, best a GUID.")
    if in_client and given:
        raise _DEVICE.problem(
            hint="deviceCorrelationIdSetInClient is true: then the client sends it, and it must be absent here."
        )
    if not in_client and not given:
        raise _DEVICE.problem(
            hint="Send deviceCorrelationId, a GUID of your own for each end user's device, or "
            "deviceCorrelationIdSetInClient: true to leave it to the client."
        )
    if given and len(given) > LIVENESS_ID_LENGTH:
        raise _DEVICE.problem(hint=f"It has {len(given)} characters.")
    return given or None, in_client


def _user(fields: Mapping[str, Any]) -> tuple[str | None, bool]:
    in_client = _flag(fields, "userCorrelationIdSetInClient")
    given = fields.get("usercorrelationid")
    if given is not None and (not isinstance(given, str) or len(given) > LIVENESS_ID_LENGTH):
        raise INVALID_BODY.problem(hint=f"userCorrelationId is a text of at most {LIVENESS_ID_LENGTH} characters.")
    if in_client and given:
        raise INVALID_BODY.problem(hint="userCorrelationIdSetInClient is true: then userCorrelationId must be absent.")
    return given or None, in_client


def _seconds(fields: Mapping[str, Any]) -> int:
    given = fields.get("authtokentimetoliveinseconds")
    low, high = LIVENESS_TOKEN_SECONDS
    if given is None:
        return LIVENESS_TOKEN_SECONDS_DEFAULT
    seconds = whole(given)
    if seconds is None or not low <= seconds <= high:
        raise _LIFETIME.problem(hint=f"It is {shown(given)}.")
    return seconds


def _attempts(fields: Mapping[str, Any]) -> int:
    given = fields.get("numberofclientattemptsallowed")
    if given is None:
        return 1
    attempts = whole(given)
    if attempts is None or not LIVENESS_ATTEMPTS[0] <= attempts <= LIVENESS_ATTEMPTS[1]:
        raise INVALID_BODY.problem(hint=f"numberOfClientAttemptsAllowed is 1 to {LIVENESS_ATTEMPTS[1]}.")
    return attempts


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    """Return a boolean; samples send it as a text, too."""
    given = fields.get(name.lower())
    if given is None or given == "":
        return False
    value = _BOOLEANS.get(given.strip().lower()) if isinstance(given, str) else given
    if not isinstance(value, bool):
        raise INVALID_BODY.problem(hint=f"{name} is true or false, not {shown(given)}.")
    return value


def _threshold(fields: Mapping[str, Any]) -> float | None:
    given = fields.get("verifyconfidencethreshold")
    if given is None or given == "":
        return None
    try:
        value = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise INVALID_BODY.problem(hint=f"verifyConfidenceThreshold is a number from 0 to 1, not {shown(given)}.")
    return value


def _model(fields: Mapping[str, Any], version: LivenessVersion) -> str | None:
    if version.model_field is None:
        return None
    given = fields.get(version.model_field.lower())
    if given is None or given == "":
        return None
    known = {name.lower(): name for name in version.models}
    model = known.get(given.strip().lower()) if isinstance(given, str) else None
    if model is None:
        raise INVALID_BODY.problem(hint=f"{version.model_field} is one of {', '.join(version.models)}, or absent.")
    return model


def _address(fields: Mapping[str, Any]) -> str | None:
    given = fields.get("expectedclientipaddress")
    if given is None or given == "":
        return None
    try:
        if not isinstance(given, str):
            raise ValueError
        ip_network(given.strip(), strict=False)
    except ValueError:
        raise INVALID_BODY.problem(
            hint=f"expectedClientIpAddress is an IP address or a network in CIDR form, not {shown(given)}."
        ) from None
    return given.strip()
