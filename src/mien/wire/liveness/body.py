"""Parses the body that creates a liveness session: JSON, or either form layout of the SDKs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mien.contract.catalogue import row
from mien.contract.liveness_versions import LivenessVersion
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Request
from mien.wire.body import CLOSE, BodyLimits
from mien.wire.liveness.options import INVALID_BODY, REQUIRED, option_schemas
from mien.wire.multipart import MultipartError, parse_multipart
from mien.wire.schemas import Json, json_body, record

_TOO_BIG = row("common.image_too_big")

_IMAGE: Final = "verifyimage"
_PARAMETERS: Final = "parameters"


@dataclass(frozen=True, slots=True)
class CreateBody:
    """A body that creates a session.

    Attributes:
        fields: values by name in lower case; the values of a form are texts.
        image: the verify image, or None.
    """

    fields: Mapping[str, Any]
    image: bytes | None


async def read_create_body(request: Request, limits: BodyLimits, version: LivenessVersion, verify: bool) -> CreateBody:
    """Parse the body of a call that creates a session.

    Args:
        request: the call.
        limits: size and time limits of the body.
        version: version, which determines the accepted layouts.
        verify: whether the session compares with a verify image.

    Raises:
        Problem: the body is neither a JSON object nor a form, or lacks the image that the version needs.
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


def body_schema(version: LivenessVersion, *, verify: bool) -> Json:
    """Return the OpenAPI object of the body that `read_create_body` and `parse_options` (`options.py`) read."""
    fields = option_schemas(version, verify=verify)
    optional = frozenset(fields) - {REQUIRED}
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
