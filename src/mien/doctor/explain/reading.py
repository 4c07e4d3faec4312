"""Recognises the format of a pasted text and extracts its calls; any unknown format is plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from mien.doctor.explain.curl import is_curl_log, read_curl_log
from mien.doctor.explain.har import read_har
from mien.doctor.explain.observed import Observed

LONGEST: Final = 64 << 20
"""Maximum size of a pasted text, in bytes; the rest is ignored."""

_STATUS_LINE: Final = re.compile(r"^HTTP/\d(?:\.\d)?\s+(\d{3})\b", re.MULTILINE)
_STATUS_WORDS: Final = (
    re.compile(r"(?:status(?:[ _-]?code)?|http(?:[ _-]?status)?)[\"']?\s*[:=(]?\s*[\"']?(\d{3})\b", re.IGNORECASE),
    re.compile(r"\b([1-5]\d\d)\s+(?:Client|Server)\s+Error\b"),
    re.compile(r"\bfailed with(?: status)?(?: code)? (\d{3})\b", re.IGNORECASE),
    re.compile(r"^\s*\(?([345]\d\d)\)?[\s:]", re.MULTILINE),
)
_HEADER: Final = re.compile(r"^\s*([A-Za-z][A-Za-z0-9-]{1,60})\s*:\s*(.*?)\s*$")
# Format of Python's SDKs: "(Code) message", "Code: …", "Message: …"
_SDK_CODE: Final = re.compile(r"^(?:Code|ErrorCode):\s*(\S+)", re.MULTILINE)
_SDK_MESSAGE: Final = re.compile(r"^Message:\s*(.+?)\s*$", re.MULTILINE)
_SDK_LINE: Final = re.compile(r"\((\w+)\)\s+([^\n]+)")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+/face/[^\s\"'<>]*", re.IGNORECASE)
_REQUEST_LINE: Final = re.compile(r"^(GET|POST|PUT|PATCH|DELETE|HEAD)\s+(\S+)(?:\s+HTTP/\S+)?\s*$", re.MULTILINE)
_MOST_STARTS: Final = 2000


def read(raw: bytes) -> list[Observed]:
    """Return the calls in a pasted text; if there are none, one call with the text as note."""
    text = _text_of(raw[:LONGEST])
    parsed = _json(text)
    if isinstance(parsed, dict) and isinstance(parsed.get("log"), dict):
        return read_har(parsed["log"]) or [Observed(notes=("The HAR file has no calls.",))]
    if parsed is not None:
        return [_body_only(parsed, text)]
    if is_curl_log(text) and (found := read_curl_log(text)):
        return found
    return [_free_text(text)]


def _text_of(raw: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _body_only(parsed: Any, text: str) -> Observed:
    """Parse a body without a status line; some gateways repeat the status in the body."""
    status = _status(parsed)
    if isinstance(parsed, dict):
        inner = error if isinstance(error := parsed.get("error"), dict) else parsed
        for value in (parsed.get("statusCode"), inner.get("statusCode"), parsed.get("status"), inner.get("code")):
            status = status or _status(value)
    return Observed(status=status, body="" if isinstance(parsed, int) else text)


def _status(value: Any) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[1-5]\d\d", text) else None


def _free_text(text: str) -> Observed:
    """Parse an HTTP response, the text of an SDK's exception, or parts of them."""
    line = _STATUS_LINE.search(text)
    status = int(line[1]) if line else None
    for words in _STATUS_WORDS:
        if status is None and (found := words.search(text)):
            status = int(found[1])
    body = _json_inside(text)
    if not body and (page := re.search(r"<!doctype html|<html", text, re.IGNORECASE)):
        body = text[page.start() :]
    if not body:
        body = _from_sdk(text)
    url = _URL.search(text)
    request = _REQUEST_LINE.search(text)
    head = text[line.start() :] if line else text
    return Observed(
        method=request[1] if request else "",
        url=url[0] if url else request[2] if request else "",
        sent=_headers(text[request.end() : line.start()])
        if request and line and request.end() < line.start()
        else None,
        status=status,
        headers=_headers(head.split(body[:40])[0] if body else head),
        body=body,
        notes=() if body else (text[:4000],),
    )


def _headers(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (header := _HEADER.match(line)) is not None:
            found.setdefault(header[1].lower(), header[2])
    return found


def _json_inside(text: str) -> str:
    """Return the first JSON object in a text that is an error or a response; empty if there is none."""
    decoder = json.JSONDecoder()
    for start in [place.start() for place in re.finditer(r'\{\s*"|\[\s*\{', text)][:_MOST_STARTS]:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list) or any(name in value for name in ("error", "message", "code", "statusCode")):
            return text[start:end]
    return ""


def _from_sdk(text: str) -> str:
    """Return the error in the text of an SDK's exception; empty if there is none."""
    code, message = _SDK_CODE.search(text), _SDK_MESSAGE.search(text)
    line = _SDK_LINE.search(text)
    if code is None and message is None and line is None:
        return ""
    error: dict[str, Any] = {
        "code": code[1] if code else line[1] if line else "",
        "message": message[1] if message else line[2].strip() if line else "",
    }
    if "missing approval" in text and "missing approval" not in error["message"]:
        inner = re.search(r"(Feature is not supported, missing approval[^\n\"'}]*)", text)
        if inner:
            error["innererror"] = {"code": "UnsupportedFeature", "message": inner[1]}
    return json.dumps({"error": error})
