"""Explains a pasted call: mistakes in the request, the meaning of the response, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from mien.contract.attributes import RETIRED
from mien.contract.catalogue import ROWS
from mien.contract.headers import ERROR_CODE, KEY_HEADER, KEY_QUERY, REQUEST_ID
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.liveness_versions import LIVENESS_VERSIONS, WITH_ATTEMPTS
from mien.contract.paths import misplaced, renamed_sessions
from mien.contract.versions import BY_NAME, STABLE
from mien.doctor.address import examine_url
from mien.doctor.azure import AZURE_SUFFIXES
from mien.doctor.enrolled import expiry_text, time_left
from mien.doctor.explain.observed import Observed
from mien.doctor.explain.reading import read
from mien.doctor.explain.transport import explain_notes
from mien.doctor.findings import Finding, Report, Severity
from mien.doctor.keyform import examine_key
from mien.doctor.redaction import SECRET_HEADERS, Redactor
from mien.doctor.refusals import explain_page, explain_refusal, is_management, management_port

_MOST_CALLS: Final = 50
_SOON_SECONDS: Final = 900
_SKEW_SECONDS: Final = 60
_OFF: Final = 2


def explain(raw: bytes, name: str) -> Report:
    """Explain a pasted text; makes no calls, and redacts keys in the text.

    Args:
        raw: an error body, an HTTP response, a `curl -v` log, a HAR file, or the text of an SDK's exception.
        name: name of the source, for the report.
    """
    calls = read(raw)
    redactor = Redactor(secret for call in calls for secret in _secrets(call))
    findings: list[Finding] = []
    for number, call in enumerate(calls[-_MOST_CALLS:], start=1):
        prefix = f"Call {number} ({_shown(call)}): " if len(calls) > 1 else ""
        for found in _explain_call(call):
            if found not in findings or prefix:
                findings.append(
                    Finding(
                        found.check, found.severity, prefix + found.found, found.means, found.next_step, found.details
                    )
                )
    if not findings:
        findings.append(_nothing())
    return Report(redactor.text(name), tuple(redactor.finding(one) for one in findings))


def _nothing() -> Finding:
    return Finding(
        "paste",
        Severity.WARNING,
        "This shows no call and no known error of a Face service, so nothing can be concluded from it.",
        "Paste the error body with its status, a whole `curl -v` log, a HAR file, or the whole text of an SDK's "
        "exception.",
        "Repeat the call with `curl -v` and paste all that it prints; `mien doctor ENDPOINT` examines the endpoint.",
    )


def _secrets(call: Observed) -> Iterator[str]:
    for headers in (call.sent or {}, call.told):
        for header in SECRET_HEADERS & set(headers):
            value = headers[header]
            yield value
            yield value.partition(" ")[2]
    try:
        query = parse_qs(urlsplit(call.url).query)
    except ValueError:
        return
    for names in query:
        if "key" in names.lower() or names.lower() in {"sig", "token", "code"}:
            yield from query[names]


def _shown(call: Observed) -> str:
    """Return method and path for display, without the query, which may contain a key."""
    try:
        path = urlsplit(call.url).path
    except ValueError:
        path = ""
    return " ".join(part for part in (call.method, path[:80], str(call.status or "no answer")) if part)


def _explain_call(call: Observed) -> Iterator[Finding]:
    failed = call.status is None or call.status >= 300
    yield from _request(call, failed=failed)
    yield from explain_notes(call)
    if is_management(call.told):
        yield management_port(call.status, _port_of(call))
        return
    yield from _answer(call)
    yield from _clock(call)
    yield from _face_ids(call)


def _is_azure(call: Observed) -> bool:
    try:
        host = (urlsplit(call.url).hostname or "").lower()
    except ValueError:
        return False
    return host.endswith(AZURE_SUFFIXES)


def _request(call: Observed, *, failed: bool) -> Iterator[Finding]:
    """Explain mistakes in the request."""
    if "://" in call.url:
        for found in examine_url(call.url.partition("/face/")[0] or call.url).findings:
            if found.severity >= Severity.WARNING:
                yield found
    yield from _path(call, failed=failed)
    if failed:
        yield from _retired(call)
    if call.sent is None:
        return
    yield from _credentials(call.sent, call, failed=failed)
    kind = call.sent.get("content-type", "").lower()
    if failed and kind.startswith("application/x-www-form-urlencoded"):
        yield Finding(
            "request",
            Severity.WARNING,
            "The body was announced as a form (application/x-www-form-urlencoded), which is what curl does by itself.",
            "The service takes JSON or the bytes of an image.",
            "Add Content-Type: application/json, or application/octet-stream and --data-binary for a file.",
        )


def _path(call: Observed, *, failed: bool) -> Iterator[Finding]:
    try:
        path = urlsplit(call.url).path
    except ValueError:
        return
    if "//" in path and failed:
        yield Finding(
            "request",
            Severity.WARNING,
            "The path has a doubled slash.",
            "The endpoint ends in a slash and the path begins with one; some gateways answer that with 404.",
            "Write the endpoint without a slash at its end.",
        )
    parts = [part for part in path.split("/") if part]
    if not parts or not failed:
        return
    wrong = next(misplaced(parts, (*BY_NAME, *LIVENESS_VERSIONS)), None)
    renamed = renamed_sessions(parts[2:]) if call.status == HTTPStatus.NOT_FOUND and len(parts) > 2 else None
    if wrong is not None and call.status in {None, HTTPStatus.NOT_FOUND}:
        seen = "lacks a slash after the version" if wrong.glued else "holds a path of the endpoint besides its own"
        yield Finding(
            "request",
            Severity.ERROR,
            f"The path {path[:80]} {seen}.",
            wrong.advice(_endpoint(call)),
            f"Call /face/{wrong.version}/{'/'.join(wrong.rest)}.",
        )
    elif parts[0].lower() == "face" and len(parts) > 1 and parts[1].lower() not in (*BY_NAME, *LIVENESS_VERSIONS):
        yield Finding(
            "request",
            Severity.ERROR,
            f"{parts[1][:30]!r} is not an API version.",
            f"There are {', '.join(BY_NAME)}.",
            f"Use {STABLE.name}.",
        )
    elif renamed is not None and (renamed[0].endswith("-sessions") == (parts[1].lower() in WITH_ATTEMPTS)):
        yield Finding(
            "request",
            Severity.ERROR,
            f"{parts[1]} has liveness sessions under another path.",
            "Up to v1.2-preview.1 it is /detectLiveness/singleModal/sessions, from v1.2 on /detectLiveness-sessions.",
            f"Call /face/{parts[1]}/{'/'.join(renamed)}.",
        )


def _retired(call: Observed) -> Iterator[Finding]:
    """Report retired attributes in a failed call, because the messages of old SDKs do not name them."""
    if not _readable(call.url):
        return
    query = {name.lower(): ",".join(values) for name, values in parse_qs(urlsplit(call.url).query).items()}
    asked = [part.strip().lower() for part in query.get("returnfaceattributes", "").split(",")]
    retired = [name for name in RETIRED if name in asked]
    if retired:
        yield Finding(
            "request",
            Severity.ERROR,
            f"The call asks for {' and '.join(retired)}, which the service no longer returns.",
            "No approval brings retired attributes back, and a call that asks for them fails as a whole.",
            f"Remove {' and '.join(retired)} from returnFaceAttributes.",
        )


def _endpoint(call: Observed) -> str:
    """Return scheme, host and port of a call, the correct endpoint for its client."""
    split = urlsplit(call.url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}" if split.netloc else "https://HOST"


def _credentials(sent: Mapping[str, str], call: Observed, *, failed: bool) -> Iterator[Finding]:
    key = sent.get(KEY_HEADER.lower())
    if key is not None:
        if failed:
            yield from examine_key(key, f"the header {KEY_HEADER}").findings
        if call.browser:
            yield Finding(
                "request",
                Severity.WARNING,
                "A browser sent the resource's key.",
                "Anyone who opens the page can use it; only a liveness session's authToken belongs in a browser.",
                "Make the call on your server, and regenerate the key.",
            )
        return
    query = KEY_QUERY in call.url.lower()
    authorization = sent.get("authorization", "")
    if authorization or query or call.status not in {401, 403} or not sent:
        if authorization and not authorization.lower().startswith("bearer") and failed:
            yield Finding(
                "request",
                Severity.ERROR,
                "The header Authorization does not contain a Bearer token.",
                f"The key belongs in the header {KEY_HEADER}; Authorization takes tokens.",
                f"Send {KEY_HEADER}: <key>.",
            )
        return
    near = [name for name in sent if "key" in name or "subscription" in name]
    found = f"The request has no header {KEY_HEADER}" + (f", but one named {near[0]}." if near else ".")
    yield Finding("request", Severity.ERROR, found, "", f"Send one of the resource's two keys in {KEY_HEADER}.")


def _answer(call: Observed) -> Iterator[Finding]:
    """Explain the response with the error catalogue."""
    error, told = _error_of(call.body)
    if call.status is not None and call.status < 300 and not error:
        if not told and call.body and _is_page(call):
            yield _page(call)
        elif not call.body or told is not None:
            yield Finding("answer", Severity.OK, f"The call succeeded ({call.status}).")
    elif _is_page(call):
        yield _page(call)
    elif error or call.status is not None:
        yield _refused(call, error)
    elif (message := _known_words(call)) is not None:
        yield _refused(call, {"message": message})


def _refused(call: Observed, error: Mapping[str, Any]) -> Finding:
    """Return the meaning of an error of the service.

    Args:
        call: the call.
        error: the error object of its body; may be empty.
    """
    headers = call.told
    if not error.get("code") and (code := headers.get(ERROR_CODE)):
        error = {**error, "code": code}
    refusal = explain_refusal(
        call.status,
        error,
        path=urlsplit(call.url).path if _readable(call.url) else "",
        hint=_hint(error),
        where=headers.get("location", ""),
        service="azure" if _is_azure(call) else "unknown",
    )
    means = refusal.means
    if call.sent is not None and KEY_HEADER.lower() in call.sent:
        means = means.replace("No key was sent, or it does", "The key that was sent does")
    wait = headers.get("retry-after", "")
    if wait.isdigit():
        means += f" Retry-After says {wait} s."
    elif call.status == 429:
        means += " No Retry-After is shown."
    details: dict[str, Any] = {"status": call.status, "code": error.get("code") or None}
    if refusal.row is not None:
        details |= {"family": refusal.row.family, "catalogue": refusal.row.anchor}
    if REQUEST_ID in headers:
        details["requestId"] = headers[REQUEST_ID]
    return Finding("answer", Severity.ERROR, refusal.found, means, refusal.next_step, details)


def _port_of(call: Observed) -> int | None:
    try:
        return urlsplit(call.url).port
    except ValueError:
        return None


def _known_words(call: Observed) -> str | None:
    """Return a message of the catalogue that a plain text contains, or None."""
    text = " ".join(" ".join(call.notes).split()).lower()
    messages = sorted((row.message for row in ROWS if "<" not in row.message), key=len, reverse=True)
    return next((message for message in messages if message.lower().rstrip(".") in text), None)


def _page(call: Observed) -> Finding:
    refusal = explain_page(call.status, call.body, call.told)
    return Finding("answer", Severity.ERROR, refusal.found, refusal.means, refusal.next_step, {"status": call.status})


def _is_page(call: Observed) -> bool:
    return "html" in call.told.get("content-type", "").lower() or bool(
        re.match(r"\s*<(?:!doctype|html)", call.body, re.IGNORECASE)
    )


def _readable(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _error_of(body: str) -> tuple[Mapping[str, Any], Any]:
    """Return the error object of a body, and the body as JSON; an empty error if there is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}, None
    if not isinstance(parsed, dict):
        return {}, parsed
    inner = parsed.get("error")
    if isinstance(inner, dict):
        return inner, parsed
    if isinstance(inner, str):  # as in OAuth and older gateways
        return {"code": inner, "message": str(parsed.get("error_description") or parsed.get("message") or "")}, parsed
    if isinstance(parsed.get("message"), str) or isinstance(parsed.get("Message"), str):
        message = parsed.get("message") or parsed.get("Message")
        return {"code": parsed.get("code") or parsed.get("statusCode") or "", "message": message}, parsed
    return {}, parsed


def _hint(error: Mapping[str, Any]) -> str:
    inner = error.get("innererror")
    details = inner.get("details") if isinstance(inner, dict) else None
    hint = details.get("hint") if isinstance(details, dict) else None
    return hint if isinstance(hint, str) else ""


def _clock(call: Observed) -> Iterator[Finding]:
    told = _date(call)
    if told is None or call.at is None:
        return
    skew = (call.at - told).total_seconds()
    if abs(skew) < _SKEW_SECONDS:
        return
    way = "ahead of" if skew > 0 else "behind"
    yield Finding(
        "clock",
        Severity.WARNING,
        f"The client's clock was {abs(skew):.0f} s {way} the server's, or the answer took that long.",
        "Tokens are refused as expired or not yet valid when clocks differ by more than some minutes.",
        "Switch time synchronisation on.",
    )


def _face_ids(call: Observed) -> Iterator[Finding]:
    """Report when the face ids of a detect call expire."""
    _error, told = _error_of(call.body)
    if not isinstance(told, list) or not _readable(call.url):
        return
    ids = [face["faceId"] for face in told if isinstance(face, dict) and isinstance(face.get("faceId"), str)]
    made = _date(call) or call.at
    if not ids or made is None:
        return
    query = {name.lower(): values for name, values in parse_qs(urlsplit(call.url).query).items()}
    given = query.get("faceidtimetolive", [str(FACE_ID_SECONDS[1])])[0]
    seconds = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else FACE_ID_SECONDS[1]
    left = time_left(made, seconds, None).total_seconds()
    many = f"{len(ids)} face ids were made" if len(ids) > 1 else f"The face id {ids[0]} was made"
    ended = left <= 0
    yield Finding(
        "face-id",
        Severity.WARNING if left < _SOON_SECONDS else Severity.OK,
        f"{many}{expiry_text(made, seconds, None)}.",
        "Calls with it are answered FaceNotFound."
        if ended
        else "They will be answered FaceNotFound after that."
        if left < _SOON_SECONDS
        else "",
        f"Detect again, with a longer faceIdTimeToLive ({FACE_ID_SECONDS[1]} s at most)."
        if left < _SOON_SECONDS
        else "",
    )


def _date(call: Observed) -> datetime | None:
    try:
        return parsedate_to_datetime(call.told["date"])
    except (KeyError, ValueError, TypeError):
        return None
