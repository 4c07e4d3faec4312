"""Free portraits for the tests of a clone that has no shared photos: official portraits of two U.S. presidents.

Works of the U.S. government are in the public domain. The source distribution of `face-recognition` on the package
index contains these among its test images; `python -m tests.portraits` fetches it from the index that pip is set up to
use, checks its hash, and keeps the pictures in the user's cache. Nothing of the archive is built or run.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path
from typing import Final

import httpx
from tests.package_index import download

PERSON: Final = ("obama.jpg", "obama2.jpg", "obama3.jpg")
"""Three portraits of one person, 2005 to 2012."""
OTHER: Final = "biden.jpg"
"""A portrait of somebody else."""

_PROJECT: Final = "face-recognition"
_ARCHIVE: Final = "face_recognition-1.3.0.tar.gz"
_SHA256: Final = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
_MEMBERS: Final = "face_recognition-1.3.0/tests/test_images/"


def folder() -> Path:
    """Return where the portraits are kept: `$XDG_CACHE_HOME/mien/portraits`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mien" / "portraits"


def portrait(name: str) -> Path | None:
    """Return the path of a portrait, or None before it was fetched."""
    path = folder() / name
    return path if path.is_file() else None


def fetch() -> None:
    """Fetch the portraits that are missing.

    Raises:
        httpx.HTTPError: the package index cannot be reached.
        ValueError: it has no such archive, or another one under the name.
    """
    names = (*PERSON, OTHER)
    if all(portrait(name) for name in names):
        return
    archive = download(_PROJECT, _ARCHIVE, _SHA256)
    folder().mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for name in names:
            stream = members.extractfile(_MEMBERS + name)
            assert stream is not None
            part = folder() / f"{name}.part{os.getpid()}"
            part.write_bytes(stream.read())
            part.replace(folder() / name)


if __name__ == "__main__":
    try:
        fetch()
    except (httpx.HTTPError, ValueError, OSError) as error:
        sys.exit(f"cannot fetch the portraits, so tests with faces skip where there are no shared photos: {error}")
