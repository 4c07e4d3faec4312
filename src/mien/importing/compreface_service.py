"""The subjects of a running CompreFace, read from its API: it returns the photos that it stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

import httpx

from mien.importing.sources import ImportSourceError, SourcePhoto

_PAGE: Final = 100
_SECONDS: Final = 60.0


def compreface_service(url: str, key: str, client: httpx.Client | None = None) -> Iterator[SourcePhoto]:
    """Yield the photos of a recognition service.

    Args:
        url: URL of CompreFace, such as `http://localhost:8000`.
        key: key of its recognition service.
        client: client for the calls; when None, separate ones for the list and for each photo.

    Raises:
        SourceError: it does not respond like CompreFace, or stores no photos.
    """
    base = f"{url.rstrip('/')}/api/v1/recognition/faces"
    with nullcontext(client) if client else httpx.Client(timeout=_SECONDS) as asked:
        page = total = 0
        while True:
            told = _json(asked, base, key, {"page": page, "size": _PAGE})
            faces = told.get("faces")
            if not isinstance(faces, list):
                raise ImportSourceError(f"{base} does not answer as CompreFace does")
            for face in faces:
                image_id, subject = str(face.get("image_id", "")), str(face.get("subject", ""))
                yield SourcePhoto(image_id, subject, partial(_image, client, f"{base}/{image_id}/img", key))
            total += len(faces)
            page += 1
            if not faces or page >= int(told.get("total_pages", 0)):
                break
        if not total:
            raise ImportSourceError(f"{url} has no faces under this key")


def _json(client: httpx.Client, url: str, key: str, query: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = client.get(url, params=query, headers={"x-api-key": key})
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ImportSourceError(f"{url} does not answer: {error}") from error
    if answer.status_code != 200 or not isinstance(told, dict):
        said = told.get("message", "") if isinstance(told, dict) else ""
        raise ImportSourceError(f"{url} answers {answer.status_code}: {said}".rstrip(": "))
    return told


def _image(client: httpx.Client | None, url: str, key: str) -> bytes:
    get = client.get if client else partial(httpx.get, timeout=_SECONDS)  # the list was read long before
    try:
        answer = get(url, headers={"x-api-key": key})
    except httpx.HTTPError as error:
        raise ImportSourceError(f"the photo cannot be fetched: {error}") from error
    if answer.status_code != 200 or not answer.content:
        raise ImportSourceError("CompreFace keeps no photo of this face (save_images_to_db is off)")
    return answer.content
