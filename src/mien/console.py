"""The composition root of the management port: builds the control plane and the portal from the parts of a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mien.contract.flashes import WithoutFlashes
from mien.doors.enrolling import enroller
from mien.doors.service import DoorServices, open_doors
from mien.events import Exposition
from mien.events.alerts.monitor import try_out
from mien.gallery.counts import faces_stored
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.drift import Drift
from mien.gallery.gallery import Gallery
from mien.gallery.measuring import Measuring
from mien.gallery.recognisers import Recognisers
from mien.gallery.reembedding.job import Migrations
from mien.gallery.reviews import Reviews
from mien.gateway.discovery import Discovery, fetcher
from mien.gateway.network import NetworkRules
from mien.gateway.opening import token_verifier
from mien.gateway.origin import OriginFinder, parse_networks
from mien.issuers import names_of
from mien.liveness.ports import FrameJudge
from mien.management import AdminTokens
from mien.management.arm.shapes import Addresses
from mien.management.arm.sign_in import SignInPlace
from mien.management.glance import Glances
from mien.management.login import Login
from mien.management.oidc import IssuerLogin, finder
from mien.models import ModelStore
from mien.models.bindings import Bindings
from mien.monitoring import open_deliveries, quota_uses
from mien.portal import Portal, PortalParts
from mien.portal.openid import ClientRegistration, OpenId
from mien.portal.running_cameras import WatchersOf
from mien.services import Services
from mien.settings import Settings
from mien.subjects import Subjects
from mien.vision.ports import Engine

if TYPE_CHECKING:
    from mien.management.application import ControlPlane


@dataclass(frozen=True, slots=True)
class FaceServices:
    """A server's services for faces.

    Attributes:
        gallery: the gallery.
        directory: the person directories and dynamic groups.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        reviews: the matches that people must confirm.
        store: the model packs.
        bindings: which pack serves which label.
        demo: whether the server is for trying out: its liveness demo makes sessions of its own.
        judge: judges liveness attempts; None for a server that takes none.
        watchers: gives the cameras that run in this process; None for a server that runs none.
    """

    gallery: Gallery
    directory: DirectoryServices
    engine: Engine
    recognisers: Recognisers
    reviews: Reviews
    store: ModelStore
    bindings: Bindings
    demo: bool = False
    judge: FrameJudge | None = None
    watchers: WatchersOf | None = None


def create_management(
    settings: Settings,
    services: Services,
    endpoint: str,
    exposition: Exposition | None = None,
    faces: FaceServices | None = None,
    *,
    subjects: Subjects | None = None,
) -> ControlPlane:
    """Return the ASGI application of the management port.

    Args:
        settings: the settings.
        services: the services; closed by their owner.
        endpoint: URL of the data plane on this machine.
        exposition: the counts of the data plane in this process.
        faces: the state of recognition of the data plane in this process; without it there is no portal.
        subjects: the data-subject tools of the data plane in this process.
    """
    # FastAPI takes half a second to import, and a server may do without
    from mien.management.application import ControlPlane, ControlPlaneParts  # noqa: PLC0415  see above

    deliveries = open_deliveries(settings, services)
    verifier = token_verifier(settings, services.clock, services.assignments, settings.management_audience)
    tokens = AdminTokens(services.database, services.vault, services.clock)
    login = Login(tokens, (IssuerLogin(verifier, finder(services.accounts)),) if verifier else ())
    portal = open_portal(settings, services, faces, login, endpoint) if settings.portal and faces else None
    return ControlPlane(
        ControlPlaneParts(
            accounts=services.accounts,
            access=services.access,
            assignments=services.assignments,
            tokens=tokens,
            login=login,
            audit=services.audit,
            metrics=services.metrics,
            failed_calls=services.failed_calls,
            glances=open_glances(settings, services, faces.gallery, faces.bindings) if faces else None,
            alerts=services.alerts,
            try_out=lambda rule: try_out(services.alerts, deliveries, services.clock, rule),
            database=services.database,
            clock=services.clock,
            endpoint=settings.public_endpoint or endpoint,
            domain=settings.domain,
            exposition=exposition,
            subjects=subjects,
            evaluations=Measuring(faces.gallery, faces.recognisers, services.audit) if faces else None,
            reviews=faces.reviews if faces else None,
            negatives=faces.gallery.negatives if faces else None,
            dossiers=services.dossiers(settings),
            drift=open_drift(services),
            open_metrics=settings.open_metrics,
            free_calls=settings.free_calls_per_month,
            origin=OriginFinder(parse_networks(settings.trusted_proxies)),
            body_limit=max(settings.max_json_bytes, settings.max_image_bytes * 4 // 3 + 65_536),  # a photo in base64
            body_seconds=settings.body_timeout_seconds,
            place=_sign_in_place(settings),
            doors=_doors(services, faces),
            enrol=enroller(faces.gallery, faces.directory) if faces else None,
        ),
        portal,
    )


def open_glances(settings: Settings, services: Services, gallery: Gallery, bindings: Bindings) -> Glances:
    """Return what looks at all resources at once."""
    return Glances(
        services.accounts,
        services.access,
        services.alerts,
        services.metrics,
        gallery.stale,
        lambda: faces_stored(services.database),
        services.clock,
        settings.data_dir,
        bindings.recognition,
    )


def open_drift(services: Services) -> Drift:
    """Return what looks for drift."""
    return Drift(services.database, services.clock, services.audit, services.claims)


def _doors(services: Services, faces: FaceServices | None) -> DoorServices:
    """Return cameras and doors; corrections of events become negatives where the policy of the group asks for it."""
    doors = open_doors(services.database, services.vault, services.clock, services.audit, accounts=services.accounts)
    if faces is not None:
        doors.reviews.rejected = faces.gallery.negatives.learn
    return doors


def _sign_in_place(settings: Settings) -> SignInPlace | None:
    """Return where clients of the control plane get tokens; None without an issuer."""
    if settings.oidc_issuer is None:
        return None
    names = names_of(settings.oidc_issuer)
    audiences = [part.strip() for part in settings.management_audience.split(",") if part.strip()]
    discovery = None if names.login else Discovery(names.name, fetcher(settings.oidc_ca_file))
    return SignInPlace(names, audiences, discovery)


def open_portal(settings: Settings, services: Services, faces: FaceServices, login: Login, endpoint: str) -> Portal:
    """Return the portal; it loads its pages when somebody comes.

    Args:
        settings: the settings.
        services: the services.
        faces: the server's gallery and models.
        login: recognises who signs in; the control plane's own, so that guesses at both count together.
        endpoint: URL of the data plane on this machine.
    """
    tokens = AdminTokens(services.database, services.vault, services.clock)
    deliveries = open_deliveries(settings, services)
    return Portal(
        PortalParts(
            accounts=services.accounts,
            access=services.access,
            assignments=services.assignments,
            tokens=tokens,
            login=login,
            database=services.database,
            vault=services.vault,
            clock=services.clock,
            audit=services.audit,
            metrics=services.metrics,
            alerts=services.alerts,
            failed_calls=services.failed_calls,
            glances=open_glances(settings, services, faces.gallery, faces.bindings),
            try_out=lambda rule: try_out(services.alerts, deliveries, services.clock, rule),
            quota_uses=lambda: quota_uses(settings, services),
            faces_stored=lambda: faces_stored(services.database),
            network=NetworkRules(
                OriginFinder(parse_networks(settings.trusted_proxies)), parse_networks(settings.private_networks)
            ),
            addresses=Addresses(settings.public_endpoint or endpoint, settings.domain),
            local_endpoint=endpoint,
            memory=services.detected_faces,
            gallery=faces.gallery,
            reviews=faces.reviews,
            dossiers=services.dossiers(settings),
            measuring=Measuring(faces.gallery, faces.recognisers, services.audit),
            drift=open_drift(services),
            directory=faces.directory,
            engine=faces.engine,
            recognisers=faces.recognisers,
            migrations=Migrations(
                faces.gallery,
                services.vault,
                faces.engine,
                faces.recognisers,
                pack_of=faces.store.installed_with,
                threads=settings.worker_threads,
            ),
            store=faces.store,
            bindings=faces.bindings,
            image_limit=settings.max_image_bytes,
            demo=faces.demo,
            lacks=faces.judge.lacks if faces.judge is not None else None,
            without_flashes=WithoutFlashes(settings.liveness_without_flashes),
            openid=_open_id(settings, services),
            doors=_doors(services, faces),
            session_life=timedelta(hours=settings.portal_session_hours),
            watchers=faces.watchers,
            holders=services.claims.holders,
        )
    )


def _open_id(settings: Settings, services: Services) -> OpenId | None:
    """Return what signs people in at the issuer, when the portal is registered there."""
    issuer, name, secret = settings.oidc_issuer, settings.portal_client_id, settings.portal_client_secret
    if issuer is None or name is None:
        return None
    client = ClientRegistration(
        names_of(issuer).name, name, secret.get_secret_value() if secret else None, settings.portal_scopes
    )
    verifier = token_verifier(settings, services.clock, services.assignments, name)
    if verifier is None:
        return None
    find = finder(services.accounts)
    return OpenId(client, verifier, services.vault, services.clock, find=find, ca_file=settings.oidc_ca_file)
