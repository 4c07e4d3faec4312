"""Shared dependencies and steps of the handlers of enrolled and compared faces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mien.gallery import CollectionRef
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.errors import GalleryError
from mien.gallery.gallery import Gallery
from mien.gateway.exchange import Exchange, Response
from mien.gateway.origin import OriginFinder
from mien.wire.body import BodyLimits, image_url, read_image_or_json
from mien.wire.detect import Downloader, ModelLabels
from mien.wire.families import Family
from mien.wire.gallery_faults import explain_gallery
from mien.workers import WorkerPool

T = TypeVar("T")

EMPTY = Response()
"""The response to changes: 200 without a body."""


@dataclass(frozen=True, slots=True)
class Context:
    """Dependencies of the handlers.

    Attributes:
        gallery: collections and searches.
        directory: the person directory and v1.0's snapshots; None for a server without them.
        workers: the worker pool for blocking and computing work; used once per request.
        downloads: a separate worker pool for downloads, so that a slow web server does not block a core.
        download: fetches a URL.
        labels: the models behind the contract's model names.
        limits: size and time limits of request bodies.
        origin: determines the server's URL as the caller sees it.
    """

    gallery: Gallery
    directory: DirectoryServices | None
    workers: WorkerPool
    downloads: WorkerPool
    download: Downloader
    labels: ModelLabels
    limits: BodyLimits
    origin: OriginFinder

    async def run(self, rows: str, work: Callable[[], T]) -> T:
        """Run `work` in a worker thread.

        Args:
            rows: family of the error catalogue for the gallery's errors.
            work: calls the gallery and returns the response.

        Raises:
            Problem: the gallery raised an error.
        """
        try:
            return await self.workers.run(work)
        except GalleryError as error:
            raise explain_gallery(error, rows) from error

    async def image(self, exchange: Exchange) -> bytes:
        """Return the image in a request's body, or the one at the URL in the body.

        Raises:
            Problem: the body has neither.
        """
        body = await read_image_or_json(exchange.request, self.limits)
        if isinstance(body, bytes):
            return body
        return await self.downloads.run(self.download, image_url(body.get("url")))

    def address(self, exchange: Exchange, path: str) -> bytes:
        """Return the absolute URL of a path below the API version, as the caller sees it."""
        return f"{self.origin(exchange.request)}/face/{exchange.version}{path}".encode("latin-1")


def ref_of(exchange: Exchange, family: Family) -> CollectionRef:
    """Return a reference to the collection in the path; it may not exist, and its id may be malformed."""
    return CollectionRef(exchange.resource_id, family.kind, exchange.parameters[family.id_name])


def answer(value: Any, status: int = 200, headers: Mapping[bytes, bytes] | None = None) -> Response:
    """Return a JSON response."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    return Response(status, body, headers=tuple((headers or {}).items()))


def without_none(properties: dict[str, Any]) -> dict[str, Any]:
    """Remove properties that are None: the contract's optional properties are absent, not null."""
    return {name: value for name, value in properties.items() if value is not None}
