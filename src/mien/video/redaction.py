"""Redact addresses of cameras for display and logs: user names, passwords and tokens are removed.

Cameras put credentials in three places: before the host, in the query, and some recorders in the path
(`/user=admin&password=…&channel=1`). Values of a query are hidden unless their name is known to be harmless.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

HIDDEN: Final = "***"

_HARMLESS: Final = frozenset(
    {
        "camera", "channel", "channels", "chn", "codec", "compression", "fps", "framerate", "height", "id", "input",
        "mode", "onvif", "port", "profile", "proto", "quality", "resolution", "size", "stream", "subtype", "trackid",
        "transport", "type", "video", "width",
    }
)  # fmt: skip
_PAIR: Final = re.compile(r"(?P<name>[\w.-]+)=(?P<value>[^&;/?_]*)")
_SECRET: Final = re.compile(
    r"(?P<name>user(?:name)?|usr|login|pass(?:word|wd)?|pwd|token|auth|secret|key|sign(?:ature)?)"
    r"(?P<between>[=:])(?P<value>[^&;/?]*?)(?=&|;|/|\?|$|_(?:user|usr|pass|pwd|channel|chn|stream|subtype)\w*[=:])",
    re.IGNORECASE,
)


def redacted(address: str) -> str:
    """Return an address that is safe to show and log.

    Args:
        address: address of a stream, a device or a file.

    Returns:
        The address with `***` in place of credentials; paths of files are unchanged.

    Example:
        >>> redacted("rtsp://admin:secret@192.0.2.7:554/ch1?token=abc&subtype=0")
        'rtsp://***@192.0.2.7:554/ch1?token=***&subtype=0'
    """
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:  # "http://[" cannot be parsed, so everything is hidden
        return f"{address.partition('://')[0]}://{HIDDEN}"
    if parts.scheme.lower() == "file":
        return address
    # A password may contain any of these characters unescaped: everything up to the last @ before the end of the path
    # is hidden.
    host = parts.netloc.rpartition("@")
    netloc = f"{HIDDEN}@{host[2]}" if host[1] else parts.netloc
    path, query = parts.path, parts.query
    if "@" in path or "@" in query or "@" in parts.fragment:
        tail = address.rpartition("@")[2]
        return f"{parts.scheme}://{HIDDEN}@{_SECRET.sub(_hidden, tail.partition('?')[0])}"
    path = _SECRET.sub(_hidden, path)
    query = _PAIR.sub(lambda pair: pair[0] if pair["name"].lower() in _HARMLESS else f"{pair['name']}={HIDDEN}", query)
    if query and "=" not in query:
        query = HIDDEN
    return urlunsplit((parts.scheme, netloc, path, query, HIDDEN if parts.fragment else ""))


def _hidden(found: re.Match[str]) -> str:
    return f"{found['name']}{found['between']}{HIDDEN}"
