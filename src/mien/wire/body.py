"""Parses request bodies: the bytes of an image, or a JSON object with the URL of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mien.contract.catalogue import row
from mien.contract.limits import IMAGE_BYTES
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Request

_INVALID = row("common.body_invalid")
_NOT_JSON = row("common.json_invalid")
_MEDIA_TYPE = row("legacy.media_type")

_URL = row("common.url_invalid")

CLOSE = ((b"connection", b"close"),)
"""Response headers that close the connection, so that the rest of a body is not read."""

_JSON_TYPES = frozenset({"application/json", "text/json"})
_IMAGE_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of request bodies.

    Attributes:
        image_bytes: maximum size of an image.
        json_bytes: maximum size of a JSON body.
        seconds: time limit for the whole body.
    """

    image_bytes: int = IMAGE_BYTES[1]
    json_bytes: int = 1024 * 1024
    seconds: float = 60.0


async def read_image_or_json(request: Request, limits: BodyLimits) -> bytes | Mapping[str, Any]:
    """Return the bytes of an image, or a JSON object with its property names in lower case.

    Raises:
        Problem: the media type is neither, or the JSON is not an object.
        BodyTooLargeError: the image is too large.
    """
    sent = request.header(b"content-type") or ""
    kind = sent.partition(";")[0].strip().lower()
    if kind == _IMAGE_TYPE:
        return await request.read(limits.image_bytes, limits.seconds)
    if kind in _JSON_TYPES:
        return await read_json(request, limits)
    raise _MEDIA_TYPE.problem(hint=_media_hint(kind))


async def read_json(request: Request, limits: BodyLimits) -> Mapping[str, Any]:
    """Return a JSON object with its property names in lower case, because clients differ in letter case.

    Raises:
        Problem: the body is too large, not JSON, or not an object.
    """
    try:
        raw = await request.read(limits.json_bytes, limits.seconds)
    except BodyTooLargeError as error:
        headers = CLOSE if error.endless else ()
        raise _INVALID.problem(hint=f"A JSON body may have {error.limit} bytes.", headers=headers) from None
    if not raw.strip():
        raise _INVALID.problem(hint="The body is empty.")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise _NOT_JSON.problem(hint=_json_hint(raw)) from None
    if not isinstance(value, dict):
        raise _INVALID.problem(hint="The body must be a JSON object.")
    return {name.lower(): entry for name, entry in value.items()}


def image_url(url: Any) -> str:
    """Return the image URL in a JSON body.

    Raises:
        Problem: it is absent, not a text, or empty.
    """
    if url is None:
        raise _INVALID.problem(hint="The body must have url.")
    if not isinstance(url, str):
        raise _INVALID.problem(hint="url must be a text.")
    if not url.strip():
        raise _URL.problem(hint="url is empty.")
    return url.strip()


_JSON_HINTS = (
    ((b"\xff\xd8", b"\x89png", b"gif8", b"bm"), f"The body is an image: send it with Content-Type: {_IMAGE_TYPE}."),
    ((b"{'",), "JSON takes double quotes, not single ones."),
    ((b"http:", b"https:"), 'An address must be wrapped: {"url": "https://…"}.'),
    ((b"url=",), 'The body is a form: send {"url": "https://…"}.'),
    ((b"\x1f\x8b",), "The body is compressed with gzip: send it as it is, without Content-Encoding."),
)


def _json_hint(raw: bytes) -> str | None:
    start = raw[:256].lstrip().lower()
    for signatures, hint in _JSON_HINTS:
        if start.startswith(signatures):
            return hint
    try:
        raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")
    except UnicodeDecodeError:
        return (
            "The body is not UTF-8, as JSON must be (PowerShell 5 sends Latin-1: "
            "-Body ([Text.Encoding]::UTF8.GetBytes($json)))."
        )
    return None


def _media_hint(kind: str) -> str:
    if not kind:
        return f"No Content-Type was sent: use {_IMAGE_TYPE} for an image, application/json for a body with a url."
    if kind.startswith("image/"):
        return f"Send the bytes of an image of any format with Content-Type: {_IMAGE_TYPE}, not {kind}."
    if kind == "multipart/form-data":
        return (
            f"Send the image as the body itself with Content-Type: {_IMAGE_TYPE}, not as a form (curl: --data-binary)."
        )
    if kind == "application/x-www-form-urlencoded":
        return (
            f'{kind} is what curl sends unless told otherwise: add -H "Content-Type: {_IMAGE_TYPE}" for an image; for '
            'an address send {"url": "https://…"} with -H "Content-Type: application/json".'
        )
    return f"{kind} is not read: use {_IMAGE_TYPE} for an image, application/json for a body with a url."
