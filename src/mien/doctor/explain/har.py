"""Reads HAR files (HTTP Archive 1.2), the calls that a browser or a proxy recorded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mien.doctor.explain.observed import Observed

_FACE: Final = re.compile(r"/face/v|cognitiveservices|cognitive\.microsoft|/sts/v1", re.IGNORECASE)
_MOST: Final = 500


def read_har(log: Mapping[str, Any]) -> list[Observed]:
    """Return the calls to a Face service in a HAR's `log`, oldest first; if there are none, other failed calls."""
    entries = log.get("entries")
    if not isinstance(entries, list):
        return []
    browser = (
        bool(log.get("browser")) or "webinspector" in str(log.get("creator", "")).lower() or bool(log.get("pages"))
    )
    calls = [_call(entry, browser=browser) for entry in entries if isinstance(entry, dict)]
    face = [one for one in calls if _FACE.search(one.url)]
    return (face or [one for one in calls if (one.status or 0) >= 400 or not one.status])[:_MOST]


def _call(entry: Mapping[str, Any], *, browser: bool) -> Observed:
    request, response = _object(entry.get("request")), _object(entry.get("response"))
    status = response.get("status")
    sent = _headers(request.get("headers"))
    notes = tuple(
        text
        for text in (response.get("_error"), entry.get("_error"), response.get("statusText"))
        if isinstance(text, str) and text
    )
    if not isinstance(status, int) or status <= 0:
        notes = (*notes, "The browser got no answer, or was not allowed to see it.")
    return Observed(
        method=str(request.get("method", "")),
        url=str(request.get("url", "")),
        sent=sent,
        status=status if isinstance(status, int) and 100 <= status <= 599 else None,
        headers=_headers(response.get("headers")),
        body=_body(_object(response.get("content"))),
        notes=notes,
        at=_moment(entry.get("startedDateTime")),
        browser=browser or "sec-fetch-mode" in sent,
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _headers(value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for header in value if isinstance(value, list) else ():
        if isinstance(header, dict) and isinstance(header.get("name"), str):
            found.setdefault(header["name"].lower(), str(header.get("value", "")))
    return found


def _body(content: Mapping[str, Any]) -> str:
    text = content.get("text")
    if not isinstance(text, str):
        return ""
    if content.get("encoding") != "base64":
        return text
    try:
        return base64.b64decode(text, validate=False).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return ""


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
