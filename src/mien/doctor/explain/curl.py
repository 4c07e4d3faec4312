"""Reads the output of `curl -v`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from mien.doctor.explain.observed import Observed

_REQUEST: Final = re.compile(r"^> ([A-Z]+) (\S+) HTTP/[\d.]+\s*$")
_RESPONSE: Final = re.compile(r"^< HTTP/[\d.]+ (\d{3})")
_SECURE: Final = re.compile(r"\* .*(?:SSL connection using|TLS handshake|ALPN)")
_HEADER: Final = re.compile(r"^[<>] ([^\s:]+):\s*(.*?)\s*$")
_EXIT: Final = re.compile(r"curl: \((\d+)\)[^\n]*")
_AFTER_BODY: Final = re.compile(
    r"\* (?:Connection #|Closing|Connected|Issue another|Ignoring|Request completely|TLSv|Curl_)"
)
_NOISE: Final = re.compile(
    r"^(?:[{}] \[\d+ bytes data\]|\s*%? *Total\s|\s*Dload\s|[\s\d.:kMG-]*--:--:--.*|[\s\d]+[\d:\s-]+)$"
)
_TELLING: Final = re.compile(
    r"SSL|TLS|certificat|refused|timed? ?out|Could not resolve|proxy|reset|expire|subject|issuer|Unable", re.IGNORECASE
)


def is_curl_log(text: str) -> bool:
    """Return whether a text is a log of curl, with its line prefixes or its final message."""
    marks = sum(1 for line in text.splitlines()[:5000] if line[:2] in {"* ", "> ", "< "})
    return marks >= 3 or bool(_REQUEST.search(text) or _RESPONSE.search(text)) or bool(_EXIT.search(text))


@dataclass(slots=True)
class _Draft:
    """A call of the log, as far as its lines have been read."""

    method: str = ""
    url: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_body: bool = False

    @property
    def begun(self) -> bool:
        """Whether a request or a response has been read."""
        return bool(self.method) or self.status is not None

    def take(self, line: str) -> None:
        """Parse a line of the call."""
        if (request := _REQUEST.match(line)) is not None:
            self.method, self.url, self.in_body = request[1], request[2], False
        elif (response := _RESPONSE.match(line)) is not None:
            self.status, self.headers, self.body, self.in_body = int(response[1]), {}, [], False
        elif (header := _HEADER.match(line)) is not None:
            headers = self.sent if line[0] == ">" else self.headers
            headers.setdefault(header[1].lower(), header[2])
        elif line.rstrip() == "<":
            self.in_body = True
        elif line.startswith("* "):
            if _TELLING.search(line):
                self.notes.append(line[2:].strip())
        else:
            self._take_unmarked(line)

    def _take_unmarked(self, line: str) -> None:
        """Parse a line without a prefix: part of the body, curl's final message, or its progress meter."""
        if _EXIT.search(line):
            self.notes.append(line.strip())
            return
        if _NOISE.match(line) or not (self.in_body or line.lstrip().startswith(("{", "["))):
            return
        after = _AFTER_BODY.search(line)  # after a body without a final newline, curl's next message is on the line
        self.body.append(line[: after.start()] if after else line)

    def observed(self, scheme: str) -> Observed:
        host = self.sent.get("host", "")
        whole = f"{scheme}://{host}{self.url}" if host and self.url.startswith("/") else self.url
        return Observed(
            method=self.method,
            url=whole,
            sent=self.sent if self.method else None,
            status=self.status,
            headers=self.headers,
            body="\n".join(self.body).strip(),
            notes=tuple(self.notes),
        )


def read_curl_log(text: str) -> list[Observed]:
    """Return the calls in a log, oldest first; CONNECT calls to a proxy only if they failed."""
    lines = text.splitlines()
    drafts = [_Draft()]
    for line in lines:
        if drafts[-1].begun and _REQUEST.match(line):
            drafts.append(_Draft())
        drafts[-1].take(line)
    scheme = "https" if any(_SECURE.match(line) for line in lines) else "http"
    found = [draft.observed(scheme) for draft in drafts if draft.begun or draft.notes]
    kept = [one for one in found if one.method != "CONNECT" or not 200 <= (one.status or 0) < 300]
    return _with_last_word(kept or found, text)


def _with_last_word(found: list[Observed], text: str) -> list[Observed]:
    """Assign curl's final message to a call, even if there was none."""
    last = _EXIT.search(text)
    if last is None or any(last[0] in note for one in found for note in one.notes):
        return found
    if not found:
        return [Observed(notes=(last[0],))]
    return [*found[:-1], replace(found[-1], notes=(*found[-1].notes, last[0]))]
