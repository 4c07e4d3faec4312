"""Addresses of cameras: validation, and the part that may be shown."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from mien.doors.errors import InvalidDoorError

SCHEMES: Final = ("rtsp", "rtsps", "http", "https")
_WEBCAM: Final = re.compile(r"/dev/video\d{1,3}")
_LONGEST: Final = 2000


def shown_host(source: str) -> str:
    """Return the part of a camera's address that may be shown: scheme, host and port, `webcam` or `file`.

    Args:
        source: the address.

    Raises:
        InvalidDoorError: a camera cannot have it; the message never repeats it.
    """
    if len(source) > _LONGEST or not source.isprintable() or not source.strip():
        raise InvalidDoorError("a camera's address has 1 to {most} printable characters", most=_LONGEST)
    if _WEBCAM.fullmatch(source):
        return f"webcam {source}"
    if source.startswith("file:") and len(source) > len("file:"):
        return "file"
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidDoorError("the camera's address is malformed") from None
    if parts.scheme not in SCHEMES or not host:
        raise InvalidDoorError(
            "a camera's address begins with {schemes} or file:, or is /dev/videoN",
            schemes=", ".join(f"{one}://" for one in SCHEMES),
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")
