"""Shared parts of the handlers of enrolled and compared faces: the gallery, the workers, the steps of a call."""

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
"""200 without a body: what changes are answered with."""


@dataclass(frozen=True, slots=True)
class Context:
    """Dependencies of the handlers.

    Attributes:
        gallery: collections, and what is compared with them.
        directory: the person directory and v1.0's snapshots; None for a server without.
        workers: the worker pool for everything that blocks or computes; used once per request.
        downloads: the worker pool for downloads; separate, so that a slow web server never blocks a core.
        download: fetches a URL.
        labels: bindings of the model names.
        limits: how much a client may send.
        origin: finds out under which address the caller sees the server.
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
            rows: the catalogue's family whose rows tell of the gallery's errors.
            work: calls the gallery and shapes the answer.

        Raises:
            Problem: the gallery refused.
        """
        try:
            return await self.workers.run(work)
        except GalleryError as error:
            raise explain_gallery(error, rows) from error

    async def image(self, exchange: Exchange) -> bytes:
        """Return the image of a body that is one, or that has the URL of one.

        Raises:
            Problem: it is neither.
        """
        body = await read_image_or_json(exchange.request, self.limits)
        if isinstance(body, bytes):
            return body
        return await self.downloads.run(self.download, image_url(body.get("url")))

    def address(self, exchange: Exchange, path: str) -> bytes:
        """Return the absolute URL of a path below the API version, as this caller reaches it."""
        return f"{self.origin(exchange.request)}/face/{exchange.version}{path}".encode("latin-1")


def ref_of(exchange: Exchange, family: Family) -> CollectionRef:
    """Return the collection that the path names; it need not exist, nor its id be well formed."""
    return CollectionRef(exchange.resource_id, family.kind, exchange.parameters[family.id_name])


def answer(value: Any, status: int = 200, headers: Mapping[bytes, bytes] | None = None) -> Response:
    """Return a JSON answer."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    return Response(status, body, headers=tuple((headers or {}).items()))


def without_none(properties: dict[str, Any]) -> dict[str, Any]:
    """Leave out what there is nothing of: the contract's optional properties are absent, not null."""
    return {name: value for name, value in properties.items() if value is not None}
