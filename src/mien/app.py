"""The composition root: settings in, ASGI application out. Nothing else builds objects with side effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mien.gateway.access import Accounts, KeyCheck
from mien.gateway.admission import WorkerPool
from mien.gateway.door import Gateway
from mien.gateway.exchange import Receive, Scope, Send
from mien.wire.body import BodyLimits
from mien.wire.detect import Detect, Downloader, Engine, FaceMemory, ModelLabels, NoSessionImages, SessionImages
from mien.wire.faults import explain
from mien.wire.pages import Pages
from mien.wire.router import Router

_DOWNLOAD_THREADS = 16


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is put together from.

    Attributes:
        accounts: finds the resource of a key.
        engine: analyses images.
        memory: keeps faces under short-lived ids.
        download: fetches the image of a URL.
        labels: what the contract's model names stand for.
        limits: how much a client may send.
        session_images: the images of liveness sessions.
        workers: requests that are computed at the same time.
        queue_limit: requests that may wait for that.
        on_shutdown: called when the server stops, in their order, after the last request.
    """

    accounts: Accounts
    engine: Engine
    memory: FaceMemory
    download: Downloader
    labels: ModelLabels
    limits: BodyLimits = field(default_factory=BodyLimits)
    session_images: SessionImages = field(default_factory=NoSessionImages)
    workers: int = 2
    queue_limit: int = 256
    on_shutdown: Sequence[Callable[[], None]] = ()


class Application:
    """The ASGI application: requests go to the gateway, the server's stop to the parts."""

    def __init__(self, parts: Parts) -> None:
        """Put the parts together; starts no thread and opens nothing."""
        self._workers = WorkerPool(parts.workers, parts.queue_limit)
        self._downloads = WorkerPool(_DOWNLOAD_THREADS, parts.queue_limit)
        self._on_shutdown = parts.on_shutdown
        detect = Detect(
            engine=parts.engine,
            memory=parts.memory,
            labels=parts.labels,
            workers=self._workers,
            downloads=self._downloads,
            download=parts.download,
            limits=parts.limits,
            session_images=parts.session_images,
        )
        operations = detect.operations()
        router = Router(operations, Pages(operations).table())
        self._gateway = Gateway(router, [KeyCheck(parts.accounts)], explain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Let running work end and close the parts."""
        self._downloads.close()
        self._workers.close()
        for close in self._on_shutdown:
            close()
