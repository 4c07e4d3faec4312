"""The composition root: settings in, ASGI application out. Nothing else builds objects with side effects.

services = open_services(settings)
application = create_app(settings, services, FaceEngine())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from mien.clock import Clock, SystemClock
from mien.console import Faces, open_portal
from mien.events import Exposition, Level, Recorder
from mien.events.monitor import try_out
from mien.gallery.directory_services import open_directory
from mien.gallery.enrolment import Engine as EnrolmentEngine
from mien.gallery.gallery import open_gallery
from mien.gallery.recognisers import Recognisers
from mien.gateway.access import Accounts as ResourceFinder
from mien.gateway.admission import WorkerPool
from mien.gateway.door import Gateway, Observer
from mien.gateway.exchange import Message, Operation, Receive, Scope, Send
from mien.gateway.front_door import FrontDoor
from mien.gateway.opening import open_front_door, token_verifier
from mien.gateway.origin import OriginFinder, parse_networks
from mien.liveness.abuse import AbusePolicy
from mien.liveness.guidance import Finder, Place
from mien.liveness.recording import FrameLimits
from mien.liveness.service import Liveness, open_liveness
from mien.liveness.types import FrameJudge
from mien.management import AdminTokens
from mien.management.login import Login
from mien.management.oidc import IssuerLogin
from mien.models import ModelStore
from mien.models.bindings import Bindings, read_bindings
from mien.monitoring import open_deliveries, open_monitoring
from mien.services import Services, open_services
from mien.settings import Settings
from mien.storage.retention import RetentionWorker
from mien.subjects import Subjects, open_subjects
from mien.vision.types import OperatingPoint
from mien.wire.body import BodyLimits
from mien.wire.context import Context
from mien.wire.detect import Detect, Downloader, Engine, FaceMemory, ModelLabels, NoSessionImages, SessionImages
from mien.wire.faults import explain
from mien.wire.liveness import LivenessContext, liveness_operations
from mien.wire.liveness_context import ChannelContext, Count
from mien.wire.liveness_gate import ClientGate
from mien.wire.liveness_pages import LivenessPages
from mien.wire.liveness_posts import LivenessPosts
from mien.wire.liveness_socket import LivenessSocket, is_channel
from mien.wire.origins import Origins
from mien.wire.pages import Pages
from mien.wire.ports import Gallery, PersonDirectory
from mien.wire.recognition import recognition_operations
from mien.wire.router import Router
from mien.wire.url_addresses import AddressPolicy
from mien.wire.url_fetch import FetchPolicy, fetch_image

if TYPE_CHECKING:
    from mien.management.application import ControlPlane

__all__ = ["Application", "Parts", "Services", "create_app", "create_management", "model_labels", "open_services"]

LIVENESS_LABEL = "recognition_04"
"""Liveness sessions compare faces by what this label stands for."""

_DOWNLOAD_THREADS = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is put together from.

    Attributes:
        accounts: finds resources.
        engine: analyses images.
        memory: keeps faces under short-lived ids.
        download: fetches the image of a URL.
        labels: what the contract's model names stand for.
        gallery: collections, and what is compared with them; None for a server that only detects.
        directory: the person directory and v1.0's snapshots; None for a server without.
        front_door: who may call, and how often; None for one that knows keys, hosts and approvals only.
        limits: how much a client may send.
        origin: finds out under which address a caller sees the server.
        session_images: the images of liveness sessions.
        liveness: the liveness sessions; None for a server without.
        channel: how the clients of sessions are served; None for a server that takes no frames.
        public_endpoint: under which address browsers find the server; None for the one that a caller used.
        clock: tells the time.
        observers: told of every answer.
        workers: requests that are computed at the same time.
        queue_limit: requests that may wait for that.
        demo_key: gives the key that the liveness demo calls with; None for a server that is not for trying out.
        on_startup: called when the server starts, in their order, before the first request.
        on_shutdown: called when the server stops, in their order, after the last request.
    """

    accounts: ResourceFinder
    engine: Engine
    memory: FaceMemory
    download: Downloader
    labels: ModelLabels
    gallery: Gallery | None = None
    directory: PersonDirectory | None = None
    front_door: FrontDoor | None = None
    limits: BodyLimits = field(default_factory=BodyLimits)
    origin: OriginFinder = field(default_factory=OriginFinder)
    session_images: SessionImages = field(default_factory=NoSessionImages)
    liveness: Liveness | None = None
    channel: ChannelParts | None = None
    public_endpoint: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    observers: Sequence[Observer] = ()
    workers: int = 2
    queue_limit: int = 256
    demo_key: Callable[[], str] | None = None
    on_startup: Sequence[Callable[[], None]] = ()
    on_shutdown: Sequence[Callable[[], None]] = ()


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """How clients of liveness sessions are served.

    Attributes:
        judge: judges attempts.
        finder: finds the faces of positioning frames.
        limits: how much a client may send.
        place: where the face is wanted.
        concurrent: clients at the same time.
        origins: which web pages may connect.
        now: seconds of a clock that never goes back.
        count: told of every attempt that came to an end.
    """

    judge: FrameJudge
    finder: Finder
    limits: FrameLimits = field(default_factory=FrameLimits)
    place: Place = field(default_factory=Place)
    concurrent: int = 64
    origins: Origins = field(default_factory=Origins)
    now: Callable[[], float] = monotonic
    count: Count | None = None


class Application:
    """The ASGI application: requests go to the gateway, the server's stop to the parts.

    Attributes:
        exposition: the metrics for Prometheus, to be served where only operators come; None without a database.
        faces: what it knows of faces, for the portal; None without a database.
        subjects: the data-subject tools, likewise.
    """

    exposition: Exposition | None = None
    faces: Faces | None = None
    subjects: Subjects | None = None

    def __init__(self, parts: Parts) -> None:
        """Put the parts together; starts no thread and opens nothing."""
        self._workers = WorkerPool(parts.workers, parts.queue_limit)
        self._downloads = WorkerPool(_DOWNLOAD_THREADS, parts.queue_limit)
        self._glances = WorkerPool(max(2, parts.workers), parts.queue_limit)
        self._socket: LivenessSocket | None = None
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
        self._front_door = parts.front_door or FrontDoor(parts.accounts, origin=parts.origin)
        pages = Pages(operations, self._front_door.status).table()
        pages += LivenessPages(self, parts.demo_key, parts.origin).table()
        router = Router(operations, [*pages, *self._front_door.operations()])
        self._gateway = Gateway(router, self._front_door.steps(), explain, parts.observers)

    def levels(self) -> list[Level]:
        """Return the numbers of this process that Prometheus is told."""
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
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            if self._socket is not None and is_channel(scope["path"]):
                await self._socket(scope, receive, send)
            else:  # no connection is made: the answer is that to a call without a body
                await receive()
                await self._gateway({**scope, "type": "http", "method": "GET"}, _no_body, _in_place_of_websocket(send))

    def _open_channel(self, parts: Parts, liveness: Liveness, channel: ChannelParts) -> list[Operation]:
        """Serve the clients of liveness sessions: by WebSocket, and by the operations returned."""
        context = ChannelContext(
            liveness=liveness,
            judge=channel.judge,
            finder=channel.finder,
            workers=self._workers,
            glances=self._glances,
            limits=channel.limits,
            place=channel.place,
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
                await self._front_door.close()
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Let running work end and close the parts."""
        self._downloads.close()
        self._workers.close()
        self._glances.close()
        for close in self._on_shutdown:
            close()


def create_app(
    settings: Settings,
    services: Services,
    engine: EnrolmentEngine,
    demo_key: Callable[[], str] | None = None,
    judge: FrameJudge | None = None,
) -> Application:
    """Return the ASGI application of a server.

    Args:
        settings: every knob.
        services: what keeps state; closed when the application stops.
        engine: analyses images.
        demo_key: gives the key that the liveness demo calls with; None for a server that is not for trying out.
        judge: judges liveness attempts; None for a server that takes none.

    Raises:
        BindingError: a model name of the contract is bound to something that cannot serve it.
    """
    store = ModelStore(settings.model_dir)
    bindings = read_bindings(store, settings.data_dir, settings.bindings())
    policy = FetchPolicy(
        addresses=AddressPolicy(settings.url_allow_private, parse_networks(settings.url_allowed_networks)),
        max_bytes=settings.max_image_bytes,
        max_redirects=settings.url_max_redirects,
        connect_seconds=settings.url_connect_seconds,
        read_seconds=settings.url_read_seconds,
        total_seconds=settings.url_total_seconds,
        ca_file=str(settings.url_ca_file) if settings.url_ca_file else None,
    )
    recognisers = Recognisers.of(store, bindings)
    monitoring = open_monitoring(settings, services)
    gallery = open_gallery(
        services.database,
        services.vault,
        services.clock,
        settings.data_dir / "snapshots",
        engine=engine,
        recognisers=recognisers,
        detected_faces=services.detected_faces,
        trained=monitoring.recorder.trained,
        search_engine=settings.search_engine,
    )
    directory = open_directory(
        gallery, services.database, services.vault, services.clock, engine=engine, recognisers=recognisers
    )
    liveness = _open_liveness(settings, services, engine, recognisers)
    subjects = open_subjects(
        services.database,
        services.vault,
        services.clock,
        audit=services.audit,
        gallery=gallery,
        engine=engine,
        recognisers=recognisers,
        detected_faces=services.detected_faces,
        sessions=liveness.sessions,
    )
    retention = RetentionWorker(
        [
            ("face ids", services.detected_faces.purge_expired),
            ("deleted templates", gallery.purge),
            ("operations and snapshots", directory.purge),
            ("liveness sessions", liveness.purge),
            ("data subjects", subjects.purge),
            ("metrics and alerts", monitoring.purge),
            ("deleted resources", services.accounts.purge_due),
            ("approvals that are over", services.access.expire_due),
        ],
        settings.purge_seconds,
    )
    origin = OriginFinder(parse_networks(settings.trusted_proxies))
    application = Application(
        Parts(
            accounts=services.accounts,
            front_door=open_front_door(
                settings,
                accounts=services.accounts,
                database=services.database,
                vault=services.vault,
                clock=services.clock,
                origin=origin,
            ),
            engine=engine,
            memory=services.detected_faces,
            download=lambda url: fetch_image(url, policy),
            labels=model_labels(bindings),
            limits=BodyLimits(settings.max_image_bytes, settings.max_json_bytes, settings.body_timeout_seconds),
            gallery=gallery,
            directory=directory,
            origin=origin,
            session_images=liveness.sessions,
            liveness=liveness,
            channel=ChannelParts(
                judge=judge,
                finder=engine,
                concurrent=settings.liveness_concurrent,
                origins=Origins.parse(settings.liveness_origins),
                count=_attempts_counted(monitoring.recorder),
            )
            if judge is not None
            else None,
            public_endpoint=settings.public_endpoint,
            clock=services.clock,
            workers=settings.worker_threads,
            queue_limit=settings.queue_limit,
            demo_key=demo_key,
            observers=monitoring.observers,
            on_startup=[gallery.start, monitoring.start, retention.start],
            on_shutdown=[gallery.stop, monitoring.stop, retention.stop, services.database.close],
        )
    )
    application.exposition = monitoring.exposition(application.levels())
    application.faces = Faces(gallery, directory, engine, recognisers, store, bindings)
    application.subjects = subjects
    return application


def create_management(
    settings: Settings,
    services: Services,
    endpoint: str,
    exposition: Exposition | None = None,
    faces: Faces | None = None,
    *,
    subjects: Subjects | None = None,
) -> ControlPlane:
    """Return the ASGI application of the management port.

    Args:
        settings: every knob.
        services: what keeps state; closed by whoever opened it.
        endpoint: URL of the data plane on this machine.
        exposition: the counts of the data plane in this process.
        faces: what the data plane in this process knows of faces; without it there is no portal.
        subjects: the data-subject tools of the data plane in this process.
    """
    # FastAPI takes half a second to import, and a server may do without
    from mien.management.application import ControlPlane  # noqa: PLC0415  see above
    from mien.management.application import Parts as ControlParts  # noqa: PLC0415  see above

    deliveries = open_deliveries(settings, services)
    verifier = token_verifier(settings, services.clock, settings.management_audience)
    tokens = AdminTokens(services.database, services.vault, services.clock)
    login = Login(tokens, (IssuerLogin(verifier),) if verifier else ())
    portal = open_portal(settings, services, faces, login, endpoint) if settings.portal and faces else None
    return ControlPlane(
        ControlParts(
            accounts=services.accounts,
            access=services.access,
            tokens=tokens,
            login=login,
            audit=services.audit,
            metrics=services.metrics,
            alerts=services.alerts,
            try_out=lambda rule: try_out(services.alerts, deliveries, services.clock, rule),
            database=services.database,
            clock=services.clock,
            endpoint=settings.public_endpoint or endpoint,
            domain=settings.domain,
            exposition=exposition,
            subjects=subjects,
            open_metrics=settings.open_metrics,
            free_calls=settings.free_calls_per_month,
            origin=OriginFinder(parse_networks(settings.trusted_proxies)),
            body_limit=max(settings.max_json_bytes, settings.max_image_bytes * 4 // 3 + 65_536),  # a photo in base64
            body_seconds=settings.body_timeout_seconds,
        ),
        portal,
    )


def _attempts_counted(recorder: Recorder) -> Count:
    """Return what counts liveness attempts as calls: frames come by other ways than the front door."""

    def count(resource_id: UUID, error: str, seconds: float, size: int) -> None:
        recorder.call(
            resource_id,
            "Liveness Client - Attempt",
            400 if error else 200,
            error,
            seconds=seconds,
            data_in=size,
            data_out=0,
            transactions=0 if error else 1,
            blocked=False,
        )

    return count


def _open_liveness(
    settings: Settings, services: Services, engine: EnrolmentEngine, recognisers: Recognisers
) -> Liveness:
    """Open the liveness sessions."""
    nonce = settings.liveness_test_nonce
    if nonce is not None:
        _log.warning("all liveness challenges are equal: liveness_test_nonce is for tests only")
    return open_liveness(
        services.database,
        services.vault,
        services.clock,
        engine=engine,
        recogniser=recognisers[LIVENESS_LABEL].pack,
        serves=ClientGate(services.accounts, parse_networks(settings.private_networks)),
        policy=AbusePolicy(
            settings.liveness_free_failures, settings.liveness_longest_wait_seconds, settings.liveness_frame_days
        ),
        test_nonce=bytes.fromhex(nonce.get_secret_value()) if nonce else None,
    )


async def _no_body() -> Message:
    return {"type": "http.request"}


def _in_place_of_websocket(send: Send) -> Send:
    """Answer a handshake by HTTP (ASGI's extension `websocket.http.response`, which uvicorn has)."""

    async def answer(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return answer


def model_labels(bindings: Bindings) -> ModelLabels:
    """Return what the contract's model names stand for.

    Raises:
        ValueError: a detection model is bound to an operating point that the engine does not have.
    """
    detection = {label: OperatingPoint(bound.operating_point) for label, bound in bindings.detection.items()}
    return ModelLabels(detection, bindings.recognition)
