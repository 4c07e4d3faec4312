"""The composition root of the data plane: builds the ASGI application from settings and services.

Only the composition roots (docs/architecture.md) create objects with side effects.

services = open_services(settings)
application = create_app(settings, services, FaceEngine()).application
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mien.accounts import Accounts, Feature
from mien.compreface import compreface
from mien.console import FaceServices
from mien.doors.check_in import CheckIns
from mien.doors.kiosk_search import FaceSearch
from mien.doors.kiosks import Kiosk
from mien.doors.service import DoorServices, open_doors
from mien.drifting import count_faces
from mien.events import Exposition, Level
from mien.events.audit import MAX_TEXT
from mien.events.audit_chain import Details
from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import FetchPolicy, fetch_image
from mien.gallery.directory.services import open_directory
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.recognisers import Recognisers
from mien.gallery.reviews import ApplicationReviews, Reviews
from mien.gallery.training.indexes import Damaged
from mien.gallery.training.shadow import Told
from mien.gateway.opening import open_checks
from mien.gateway.origin import OriginFinder, parse_networks
from mien.liveness.ports import FrameJudge
from mien.liveness.service import Liveness
from mien.liveness_setup import channel_parts, open_sessions
from mien.models import ModelStore
from mien.models.bindings import Bindings, read_bindings
from mien.monitoring import Monitoring, open_monitoring
from mien.search.milvus import MilvusServer
from mien.services import Services
from mien.settings import Settings
from mien.storage.faults import log_failure
from mien.storage.retention import Purge, RetentionWorker
from mien.subjects import Subjects, open_subjects
from mien.vision.ports import Engine
from mien.vision.types import OperatingPoint
from mien.watching import Watch, open_watch
from mien.watching import WatchServices as WatchedFaces
from mien.wire.application import Application, ApplicationParts
from mien.wire.body import BodyLimits
from mien.wire.detect import ModelLabels
from mien.wire.health import Readiness
from mien.wire.kiosk.pages import KIOSK_FEATURES, KioskParts
from mien.wire.liveness.gate import ClientGate
from mien.wire.reviews import review_calls

__all__ = ["DataPlane", "create_app", "model_labels"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DataPlane:
    """The data plane of a server, and what of it the management port shows.

    Attributes:
        application: serves the calls.
        exposition: the metrics for Prometheus, to be served where only operators come.
        faces: the state of recognition, for the portal.
        subjects: the data-subject tools.
        readiness: whether requests may be sent here; a server that stops sets `draining`.
        doors: cameras and doors.
        watch: the runner of cameras and doors in this process.
    """

    application: Application
    exposition: Exposition
    faces: FaceServices
    subjects: Subjects
    readiness: Readiness
    doors: DoorServices
    watch: Watch


def create_app(
    settings: Settings,
    services: Services,
    engine: Engine,
    demo_key: Callable[[], str] | None = None,
    judge: FrameJudge | None = None,
) -> DataPlane:
    """Create the application of the data plane.

    Args:
        settings: the settings.
        services: the services; closed when the application stops.
        engine: analyses images.
        demo_key: gives the key that the liveness demo calls with; None for a server that is not for trying out.
        judge: judges liveness attempts; None for a server that takes none.

    Raises:
        BindingError: a model name of the contract is bound to something that cannot serve it.
    """
    services.database.keep_reserve(settings.disk_reserve_mb << 20)
    store = ModelStore(settings.model_dir)
    bindings = read_bindings(store, settings.data_dir, settings.bindings())
    policy = _fetch_policy(settings)
    recognisers = Recognisers.of(store, bindings)
    monitoring = open_monitoring(settings, services)
    gallery = _open_gallery(settings, services, monitoring, engine, recognisers)
    reviews = Reviews(gallery.rows, services.vault, services.audit)
    gallery.recognition.filing = reviews.identified
    gallery.recognition.drift = services.drift_counts
    gallery.indexes.shadow.counted = monitoring.recall.note
    reviews.rejected = gallery.negatives.learn
    directory = open_directory(
        gallery, services.database, services.vault, services.clock, engine=engine, recognisers=recognisers
    )
    liveness = open_sessions(settings, services, engine, recognisers, judge)
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
    doors = open_doors(services.database, services.vault, services.clock, services.audit, accounts=services.accounts)
    watch = open_watch(settings, services, doors, WatchedFaces(gallery, directory, recognisers, engine, store))
    watching = (watch.start, watch.stop) if settings.cameras else (_nothing, _nothing)
    retention = _retention(
        settings,
        services,
        gallery,
        doors,
        [
            ("operations and snapshots", directory.purge),
            ("liveness sessions", liveness.purge),
            ("data subjects", subjects.purge),
            ("pictures of reviews", reviews.purge),
            ("metrics and alerts", monitoring.purge),
        ],
    )
    origin = OriginFinder(parse_networks(settings.trusted_proxies))
    limits = BodyLimits(settings.max_image_bytes, settings.max_json_bytes, settings.body_timeout_seconds)
    applications = ApplicationReviews(reviews, gallery.rows, gallery.recognition, directory.recognition, engine)
    search = FaceSearch(gallery, directory, recognisers, engine)
    dialects = [review_calls(applications, limits, monitoring.observers)]
    if settings.compreface:
        dialects.append(compreface(gallery, recognisers, engine, limits, monitoring.observers))
    readiness = Readiness({"database": services.database.answers, "indexes": lambda: gallery.loader.ready})
    application = Application(
        ApplicationParts(
            accounts=services.accounts,
            readiness=readiness,
            checks=open_checks(
                settings,
                accounts=services.accounts,
                assignments=services.assignments,
                database=services.database,
                vault=services.vault,
                clock=services.clock,
                origin=origin,
            ),
            engine=engine,
            memory=services.detected_faces,
            download=lambda url: fetch_image(url, policy),
            labels=model_labels(bindings),
            limits=limits,
            gallery=gallery,
            directory=directory,
            strict_children=gallery.policies.strict_children,
            seen=lambda resource_id, faces: count_faces(services.drift_counts, resource_id, faces),
            origin=origin,
            session_images=liveness.sessions,
            liveness=liveness,
            channel=None
            if judge is None
            else channel_parts(settings, services.accounts, engine, judge, monitoring.recorder),
            public_endpoint=settings.public_endpoint,
            make_room=services.database.make_room,
            clock=services.clock,
            workers=settings.worker_threads,
            queue_limit=settings.queue_limit,
            dialects=dialects,
            kiosks=_kiosk_parts(settings, services, doors, liveness, search),
            demo_key=demo_key,
            observers=monitoring.observers,
            on_startup=[services.register, gallery.start, monitoring.start, retention.start, watching[0]],
            on_shutdown=[watching[1], gallery.stop, monitoring.stop, retention.stop, services.database.close],
        )
    )
    return DataPlane(
        application,
        monitoring.exposition([*application.levels(), *_index_levels(gallery)]),
        FaceServices(
            gallery,
            directory,
            engine,
            recognisers,
            reviews,
            store,
            bindings,
            demo=demo_key is not None,
            judge=judge,
            watchers=watch.watchers,
        ),
        subjects,
        readiness,
        doors,
        watch,
    )


def _fetch_policy(settings: Settings) -> FetchPolicy:
    """Return the limits of downloads from the URLs that clients give."""
    return FetchPolicy(
        addresses=AddressPolicy(settings.url_allow_private, parse_networks(settings.url_allowed_networks)),
        max_bytes=settings.max_image_bytes,
        max_redirects=settings.url_max_redirects,
        connect_seconds=settings.url_connect_seconds,
        read_seconds=settings.url_read_seconds,
        total_seconds=settings.url_total_seconds,
        ca_file=str(settings.url_ca_file) if settings.url_ca_file else None,
        credentials=settings.url_credentials,
        proxy=settings.url_proxy.get_secret_value() if settings.url_proxy else None,
    )


def _open_gallery(
    settings: Settings, services: Services, monitoring: Monitoring, engine: Engine, recognisers: Recognisers
) -> Gallery:
    """Open the gallery with the search engine that the settings choose."""
    return open_gallery(
        services.database,
        services.vault,
        services.clock,
        settings.index_dir,
        engine=engine,
        recognisers=recognisers,
        detected_faces=services.detected_faces,
        trained=monitoring.recorder.trained,
        search_engine=settings.search_engine,
        milvus=MilvusServer.of(settings.milvus_login),
        claims=services.claims,
        damaged=_damage_recorded(services),
        missing=_misses_recorded(services),
    )


def _retention(
    settings: Settings, services: Services, gallery: Gallery, doors: DoorServices, purges: Sequence[Purge]
) -> RetentionWorker:
    """Return the worker that deletes expired data; `purges` run on one server at a time."""
    return RetentionWorker(
        [("events of doors", doors.purge), ("deleted templates", gallery.purge)],
        settings.purge_seconds,
        shared=[
            ("face ids", services.detected_faces.purge_expired),
            *purges,
            ("deleted resources", services.accounts.purge_due),
            ("approvals that are over", services.access.expire_due),
            ("old claims", services.claims.purge),
        ],
        claims=services.claims,
        make_room=services.database.make_room,
    )


def _nothing() -> None:
    """Start or stop no cameras: another server runs them."""


def _damage_recorded(services: Services) -> Damaged:
    """Return a function that records damaged trained indexes in the audit log."""

    def damaged(resource_id: UUID, collection: UUID, problem: str) -> None:
        details = {"collection": str(collection), "reason": problem[:MAX_TEXT]}
        try:
            services.audit.record(actor="service", action="index.rebuild", resource_id=resource_id, details=details)
        except SQLAlchemyError as error:  # the index is rebuilt all the same
            log_failure(_log, "the audit log could not be told of a damaged index", error)

    return damaged


def _misses_recorded(services: Services) -> Told:
    """Return a function that records in the audit log that a search engine misses people."""

    def told(resource_id: UUID, collection: UUID, recall: float, probes: int) -> None:
        details: Details = {"collection": str(collection), "identityRecall": round(recall, 5), "probes": probes}
        try:
            services.audit.record(actor="service", action="search.recall", resource_id=resource_id, details=details)
        except SQLAlchemyError as error:  # the log has it all the same
            log_failure(_log, "the audit log could not be told that a search engine misses people", error)

    return told


def _index_levels(gallery: Gallery) -> list[Level]:
    indexes = gallery.indexes
    text = "Trained indexes of this server that were found damaged and rebuilt from the database."
    recall = "Share of the last 10,000 checked probes whose most similar person the search engine found."
    checks = "Answers of a search engine that were checked by an exact search."
    misses = "Checked answers without the most similar person."
    return [
        Level("mien_damaged_indexes_total", text, lambda: indexes.damages),
        Level("mien_identity_recall", recall, lambda: indexes.shadow.recall),
        Level("mien_shadow_probes_total", checks, lambda: indexes.shadow.checks),
        Level("mien_shadow_misses_total", misses, lambda: indexes.shadow.misses),
    ]


def _kiosk_parts(
    settings: Settings, services: Services, doors: DoorServices, liveness: Liveness, search: FaceSearch
) -> KioskParts:
    """Return the parts of the kiosks' pages."""
    check_ins = CheckIns(services.database, services.clock, doors, liveness, search)
    return KioskParts(doors.kiosks, check_ins, _kiosk_gate(settings, services.accounts))


def _kiosk_gate(settings: Settings, accounts: Accounts) -> Callable[[Kiosk, str], bool]:
    """Return a function that tells whether a kiosk may serve a client; it is called at every request."""
    private = parse_networks(settings.private_networks)
    greets = ClientGate(accounts, private, KIOSK_FEATURES)
    judges = ClientGate(accounts, private, KIOSK_FEATURES | {Feature.LIVENESS})

    def served(kiosk: Kiosk, address: str) -> bool:
        return (judges if kiosk.spec.liveness else greets)(kiosk.resource_id, address)

    return served


def model_labels(bindings: Bindings) -> ModelLabels:
    """Return the operating point or the pack of each model name of the contract.

    Raises:
        ValueError: a detection model is bound to an operating point that the engine does not have.
    """
    detection = {label: OperatingPoint(bound.operating_point) for label, bound in bindings.detection.items()}
    return ModelLabels(detection, bindings.recognition)
