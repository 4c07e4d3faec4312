"""Dependencies of the portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from mien.accounts import AccessRequests, Accounts
from mien.accounts.role_assignments import RoleAssignments
from mien.clock import Clock
from mien.contract.flashes import WithoutFlashes
from mien.contract.limits import IMAGE_BYTES
from mien.doors.service import DoorServices
from mien.dossier import Dossiers
from mien.events import AlertRules, AuditLog, MetricStore
from mien.events.alerts.conditions import QuotaUse
from mien.events.failed_calls import FailedCalls
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.drift import Drift
from mien.gallery.gallery import Gallery
from mien.gallery.measuring import Measuring
from mien.gallery.recognisers import Recognisers
from mien.gallery.reembedding.job import Migrations
from mien.gallery.reviews import Reviews
from mien.gateway.network import NetworkRules
from mien.liveness.service import Lacks
from mien.management import AdminTokens
from mien.management.arm.shapes import Addresses
from mien.management.glance import Glances
from mien.management.login import Login
from mien.models import ModelStore
from mien.models.bindings import Bindings
from mien.portal.auto_training import AutoTraining
from mien.portal.openid import OpenId
from mien.portal.running_cameras import WatchersOf
from mien.portal.session import LIFE
from mien.storage import Database, Vault
from mien.vision.ports import Engine


@dataclass(frozen=True, slots=True)
class PortalParts:
    """Dependencies of the portal, shared with the rest of the server.

    Attributes:
        accounts: the resources.
        access: requests for limited access.
        assignments: the roles of the issuer's tokens.
        tokens: the admin tokens, to check that a session's token is still valid.
        login: authenticates tokens, with delays after wrong ones.
        database: the database with the open sessions.
        vault: signs sessions.
        clock: the clock.
        audit: the audit log.
        metrics: answers metric queries.
        alerts: the alert rules.
        failed_calls: the latest failed calls.
        try_out: sends a test message of an alert rule.
        quota_uses: returns the use of all resources' quotas.
        faces_stored: returns the number of enrolled faces per resource.
        network: the gateway's check of network rules.
        addresses: the endpoints of resources.
        local_endpoint: URL of the data plane on this machine.
        memory: the short-lived face ids.
        gallery: the gallery.
        measuring: error rates on enrolled people, and calibrations applied from them.
        drift: drift of scores and quality.
        reviews: matches that people must confirm.
        dossiers: the operator's compliance documents.
        directory: the person directories and dynamic groups.
        engine: analyses photos.
        recognisers: the recognition models.
        migrations: moves collections to other models.
        store: the model packs.
        bindings: the pack of each label.
        image_limit: maximum size of a photo, in bytes.
        openid: signs people in at the issuer; None if only admin tokens are accepted.
        session_life: lifetime of a session.
        demo: whether the liveness demo creates its own sessions.
        lacks: returns the reason why the server cannot serve a liveness mode; None if it can.
        without_flashes: the server's policy on liveness without flashing colours, for resources without their own.
        doors: cameras and doors.
        glances: computes the status of all resources.
        watchers: returns the cameras that run on this server.
        holders: returns the server, as `host:pid`, of each claim whose name begins with a prefix.
        auto_training: trains groups after edits.
    """

    accounts: Accounts
    access: AccessRequests
    assignments: RoleAssignments
    tokens: AdminTokens
    login: Login
    database: Database
    vault: Vault
    clock: Clock
    audit: AuditLog
    metrics: MetricStore
    alerts: AlertRules
    failed_calls: FailedCalls
    glances: Glances
    try_out: Callable[[UUID], str | None]
    quota_uses: Callable[[], Sequence[QuotaUse]]
    faces_stored: Callable[[], Mapping[UUID, int]]
    network: NetworkRules
    addresses: Addresses
    local_endpoint: str
    memory: DetectedFaces
    gallery: Gallery
    measuring: Measuring
    drift: Drift
    reviews: Reviews
    dossiers: Dossiers
    directory: DirectoryServices
    engine: Engine
    recognisers: Recognisers
    migrations: Migrations
    store: ModelStore
    bindings: Bindings
    image_limit: int = IMAGE_BYTES[1]
    openid: OpenId | None = None
    session_life: timedelta = LIFE
    demo: bool = False
    lacks: Lacks | None = None
    without_flashes: WithoutFlashes = WithoutFlashes.OFF
    doors: DoorServices | None = None
    watchers: WatchersOf | None = None
    holders: Callable[[str], Mapping[str, str]] | None = None
    auto_training: AutoTraining = field(default_factory=AutoTraining)
