"""The ASGI application of the data plane, assembled from its parts; it opens no files and starts no threads.

`mien.app` builds the parts from the settings; tests pass other parts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from mien.clock import Clock, SystemClock
from mien.events import Level
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.gallery import Gallery
from mien.gateway.access import AccountLookup
from mien.gateway.checks import Checks
from mien.gateway.cors import Origins
from mien.gateway.exchange import Message, Operation, Receive, Request, Scope, Send
from mien.gateway.gateway import Gateway, Observer
from mien.gateway.origin import OriginFinder
from mien.liveness.channel.context import ChannelContext, Count
from mien.liveness.guidance import TargetArea
from mien.liveness.ports import FrameJudge
from mien.liveness.recording import FrameLimits
from mien.liveness.reports import ClientPolicy
from mien.liveness.service import Liveness
from mien.vision.ports import Engine
from mien.wire.body import BodyLimits
from mien.wire.context import Context
from mien.wire.detect import Detect, Downloader, FaceMemory, FacesSeen, ModelLabels, NoSessionImages, SessionImages
from mien.wire.faults import explain
from mien.wire.health import Readiness
from mien.wire.kiosk.pages import KioskPages, KioskParts
from mien.wire.liveness.pages import LivenessPages
from mien.wire.liveness.posts import LivenessPosts
from mien.wire.liveness.sessions import LivenessContext
from mien.wire.liveness.settings import liveness_operations
from mien.wire.liveness.socket import LivenessSocket, is_channel
from mien.wire.pages import Pages
from mien.wire.recognition import recognition_operations
from mien.wire.router import Router
from mien.workers import WorkerPool

__all__ = ["Application", "ApplicationParts", "ChannelParts", "Dialect"]

_DOWNLOAD_THREADS = 16


@dataclass(frozen=True, slots=True)
class ApplicationParts:
    """The components of an application.

    Attributes:
        accounts: finds resources.
        engine: analyses images.
        memory: stores faces under short-lived ids.
        download: fetches the image of a URL.
        labels: the models behind the contract's model names.
        gallery: collections and searches; None for a server that only detects.
        directory: the person directory and v1.0's snapshots; None for a server without them.
        strict_children: returns whether a resource has a stricter threshold for faces of likely children.
        seen: called with the faces of every image.
        readiness: whether the server is ready for requests.
        checks: the gateway's checks; None to check only keys, hosts and approvals.
        limits: size and time limits of request bodies.
        origin: determines the server's URL as the caller sees it.
        session_images: the images of liveness sessions.
        liveness: the liveness sessions; None for a server without them.
        channel: serves the clients of liveness sessions; None for a server that does not receive frames.
        public_endpoint: the server's URL for browsers; None for the one that the caller used.
        make_room: frees space for a deletion on a full disk; returns whether it freed any.
        clock: the clock.
        observers: called with every response.
        workers: number of worker threads.
        queue_limit: number of requests that may wait for a worker.
        dialects: other APIs on the same gallery; they share the worker pool and the checks.
        kiosks: the kiosk pages; None for a server without them.
        demo_key: returns the key for the liveness demo; None outside of development mode.
        on_startup: called in order when the server starts, before the first request.
        on_shutdown: called in order when the server stops, after the last request.
    """

    accounts: AccountLookup
    engine: Engine
    memory: FaceMemory
    download: Downloader
    labels: ModelLabels
    gallery: Gallery | None = None
    directory: DirectoryServices | None = None
    strict_children: Callable[[UUID], bool] = lambda _: False
    seen: FacesSeen = lambda _, __: None
    readiness: Readiness = field(default_factory=Readiness)
    checks: Checks | None = None
    limits: BodyLimits = field(default_factory=BodyLimits)
    origin: OriginFinder = field(default_factory=OriginFinder)
    session_images: SessionImages = field(default_factory=NoSessionImages)
    liveness: Liveness | None = None
    channel: ChannelParts | None = None
    public_endpoint: str | None = None
    make_room: Callable[[], bool] = lambda: False
    clock: Clock = field(default_factory=SystemClock)
    observers: Sequence[Observer] = ()
    workers: int = 2
    queue_limit: int = 256
    dialects: Sequence[Dialect] = ()
    kiosks: KioskParts | None = None
    demo_key: Callable[[], str] | None = None
    on_startup: Sequence[Callable[[], None]] = ()
    on_shutdown: Sequence[Callable[[], None]] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """Another API in addition to the Face API.

    Attributes:
        prefix: prefix of its paths.
        make: creates its ASGI application.
    """

    prefix: str
    make: Callable[[WorkerPool, Checks], Callable[[Scope, Receive, Send], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """The dependencies of the liveness channel.

    Attributes:
        judge: judges attempts.
        finder: detects faces in positioning frames.
        limits: size and time limits of request bodies.
        place: required position of the face.
        policy: the requirements on clients.
        concurrent: maximum number of simultaneous clients.
        origins: allowed origins of web pages.
        now: monotonic clock, in seconds.
        count: called with every completed attempt.
    """

    judge: FrameJudge
    finder: Engine
    limits: FrameLimits = field(default_factory=FrameLimits)
    place: TargetArea = field(default_factory=TargetArea)
    policy: ClientPolicy = field(default_factory=ClientPolicy)
    concurrent: int = 64
    origins: Origins = field(default_factory=Origins)
    now: Callable[[], float] = monotonic
    count: Count | None = None


class Application:
    """The ASGI application, which passes requests to the gateway and lifespan events to the parts."""

    def __init__(self, parts: ApplicationParts) -> None:
        """Assemble the application."""
        self._workers = WorkerPool(parts.workers, parts.queue_limit)
        self._downloads = WorkerPool(_DOWNLOAD_THREADS, parts.queue_limit)
        self._glances = WorkerPool(max(2, parts.workers), parts.queue_limit)
        self._socket: LivenessSocket | None = None
        self._origin = parts.origin
        self._on_startup = parts.on_startup
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
            strict_children=parts.strict_children,
            seen=parts.seen,
        )
        operations = detect.operations()
        if parts.gallery is not None:
            context = Context(
                gallery=parts.gallery,
                directory=parts.directory,
                workers=self._workers,
                downloads=self._downloads,
                download=parts.download,
                labels=parts.labels,
                limits=parts.limits,
                origin=parts.origin,
            )
            operations += recognition_operations(context)
        if parts.liveness is not None:
            operations += liveness_operations(
                LivenessContext(
                    liveness=parts.liveness,
                    workers=self._workers,
                    limits=parts.limits,
                    origin=parts.origin,
                    clock=parts.clock,
                    public_endpoint=parts.public_endpoint,
                )
            )
            if parts.channel is not None:
                operations += self._open_channel(parts, parts.liveness, parts.channel)
        self._checks = checks = parts.checks or Checks(parts.accounts, origin=parts.origin)
        pages = Pages(operations, checks.status, parts.origin, parts.readiness).table()
        pages += parts.readiness.operations()
        pages += LivenessPages(
            self,
            parts.demo_key,
            parts.origin,
            parts.liveness.lacks if parts.liveness is not None else None,
            parts.limits,
        ).table()
        if parts.kiosks is not None:
            pages += KioskPages(parts.kiosks, self._workers, parts.origin, parts.limits, parts.public_endpoint).table()
        router = Router(operations, [*pages, *checks.operations()])
        self._dialects = [(dialect.prefix, dialect.make(self._workers, checks)) for dialect in parts.dialects]
        cors = checks.cors()
        self._gateway = Gateway(
            router,
            checks.steps(),
            explain,
            parts.observers,
            origin=parts.origin,
            cors=cors,
            make_room=parts.make_room,
        )

    def levels(self) -> list[Level]:
        """Return the values of this process for Prometheus."""
        pool = self._workers
        return [
            Level("mien_queue_length", "Calls that wait for a worker thread.", lambda: pool.waiting),
            Level("mien_busy_workers", "Calls that a worker thread computes.", lambda: pool.taken - pool.waiting),
            Level("mien_computed_total", "Pieces of work that worker threads have done.", lambda: pool.finished),
            Level("mien_computing_seconds_total", "How long they took, together.", lambda: pool.busy_seconds),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            for prefix, dialect in self._dialects:
                if prefix in scope["path"] and self._below(prefix, Request(scope, receive)):
                    await dialect(scope, receive, send)
                    return
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            if self._socket is not None and is_channel(scope["path"]):
                await self._socket(scope, receive, send)
            else:  # refuse the connection with the response to a call without a body
                await receive()
                await self._gateway({**scope, "type": "http", "method": "GET"}, _no_body, _in_place_of_websocket(send))

    def _below(self, prefix: str, request: Request) -> bool:
        """Return whether a path begins with a prefix, after a proxy's base path if the proxy keeps it."""
        return request.path.startswith(prefix) or self._origin.path(request).startswith(prefix)

    def _open_channel(self, parts: ApplicationParts, liveness: Liveness, channel: ChannelParts) -> list[Operation]:
        """Create the liveness channel's WebSocket, and return the operations of its fallback over POST."""
        context = ChannelContext(
            liveness=liveness,
            judge=channel.judge,
            finder=channel.finder,
            workers=self._workers,
            glances=self._glances,
            limits=channel.limits,
            place=channel.place,
            policy=channel.policy,
            concurrent=channel.concurrent,
            now=channel.now,
            count=channel.count,
        )
        self._socket = LivenessSocket(context, parts.origin, channel.origins)
        return LivenessPosts(context, parts.origin, channel.origins).operations()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                for begin in self._on_startup:
                    begin()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._checks.close()
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Wait for running work, and close the parts."""
        self._downloads.close()
        self._workers.close()
        self._glances.close()
        for close in self._on_shutdown:
            close()


async def _no_body() -> Message:
    return {"type": "http.request"}


def _in_place_of_websocket(send: Send) -> Send:
    """Answer a handshake over HTTP (ASGI's extension `websocket.http.response`)."""

    async def answer(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return answer
