"""Opens what the server and the administrative commands share: database, encryption, accounts, face ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from mien.accounts import AccessRequests, AccountRules, Accounts
from mien.accounts.role_assignments import RoleAssignments
from mien.clock import Clock, SystemClock
from mien.events import AlertRules, AuditLog, MetricStore
from mien.events.drift import DriftCounts
from mien.events.failed_calls import FailedCalls
from mien.management.administrators import approvers
from mien.settings import Settings
from mien.storage import Database, Vault, migrate
from mien.storage.claims import Claims
from mien.storage.migrations import HEAD
from mien.storage.rotation import open_vault

if TYPE_CHECKING:
    from mien.dossier.service import Dossiers
    from mien.fetching.addresses import AddressPolicy
    from mien.gallery.detected_faces import DetectedFaces

_REGISTERED_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Services:
    """The stateful services; close them when done.

    Attributes:
        database: the database.
        vault: encrypts stored data.
        clock: the clock.
        accounts: resources and their keys.
        access: requests for limited access.
        assignments: the roles of an issuer's tokens.
        claims: work that this process does and no other server.
        audit: the audit log.
        metrics: the counts.
        alerts: the rules of who is told of what.
        failed_calls: the last calls that failed, by resource.
        drift_counts: counts what drift is measured on.
    """

    database: Database
    vault: Vault
    clock: Clock
    accounts: Accounts
    access: AccessRequests
    assignments: RoleAssignments
    claims: Claims
    audit: AuditLog
    metrics: MetricStore
    alerts: AlertRules
    failed_calls: FailedCalls
    drift_counts: DriftCounts

    @property
    def detected_faces(self) -> DetectedFaces:
        """The short-lived face ids."""
        from mien.gallery.detected_faces import DetectedFaces  # noqa: PLC0415  numpy, which most commands need not

        return DetectedFaces(self.database, self.vault, self.clock)

    def dossiers(self, settings: Settings) -> Dossiers:
        """The papers that the operator owes."""
        from mien.dossier.gathering import Gatherer  # noqa: PLC0415  most commands need none of it
        from mien.dossier.service import Dossiers  # noqa: PLC0415  likewise

        state = (self.database, self.vault, self.clock)
        gatherer = Gatherer(settings, *state, audit=self.audit, access=self.access, alerts=self.alerts)
        return Dossiers(gatherer, *state, self.audit)

    def register(self) -> None:
        """Register that a server of this version runs, until it stops; newer servers remove nothing that it needs."""
        self.claims.acquire(f"server/{HEAD}/{uuid4().hex}", _REGISTERED_SECONDS)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Open the database (created or migrated as needed) and the services that use it.

    Args:
        settings: the settings.
        clock: the machine's when None.

    Raises:
        MigrationError: the database is of a newer Mien.
        MasterKeyError: the master key is malformed, unreadable, or another than the database was made with.
        OSError: the data folder cannot be written.
    """
    clock = clock or SystemClock()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.sqlalchemy_url, pool_size=settings.database_pool)
    try:
        migrate(database)
        vault = open_vault(
            database, clock, settings.data_dir, given=settings.master_key_text, file=settings.master_key_file
        )
    except BaseException:
        database.close()
        raise
    claims = Claims(database)
    audit = AuditLog(database, clock, vault)
    rules = AccountRules(settings.free_resources, settings.paid_resources, timedelta(hours=settings.keep_deleted_hours))
    erase = _indexes_eraser(settings, database, vault, claims)
    return Services(
        clock=clock,
        database=database,
        vault=vault,
        accounts=Accounts(database, vault, clock, audit, rules=rules, erasers=[erase]),
        access=AccessRequests(
            database,
            clock,
            audit,
            timedelta(days=settings.approval_days),
            approvers(database, clock, has_issuer=settings.oidc_issuer is not None),
        ),
        assignments=RoleAssignments(database, clock, audit),
        claims=claims,
        audit=audit,
        metrics=MetricStore(database),
        alerts=AlertRules(database, vault, clock, refuses=_webhook_refusal(settings)),
        failed_calls=FailedCalls(database, clock),
        drift_counts=DriftCounts(database, clock, enabled=settings.drift),
    )


def webhook_addresses(settings: Settings) -> AddressPolicy:
    """Return which addresses webhooks of alerts may have."""
    from mien.fetching.addresses import AddressPolicy  # noqa: PLC0415  not every command needs it
    from mien.gateway.origin import parse_networks  # noqa: PLC0415  likewise

    networks = parse_networks(settings.webhook_allowed_networks)
    return AddressPolicy(settings.webhook_allow_private, networks, settings="MIEN_WEBHOOK")


def _webhook_refusal(settings: Settings) -> Callable[[str], str | None]:
    """Return what says why a webhook's host would be refused when a message is sent; None when it would not."""

    def refusal(host: str) -> str | None:
        from mien.fetching.addresses import refused_host  # noqa: PLC0415  only creating a rule needs it

        return refused_host(host, webhook_addresses(settings))

    return refusal


def _indexes_eraser(settings: Settings, database: Database, vault: Vault, claims: Claims) -> Callable[[UUID], object]:
    """Return what deletes the trained indexes of a resource whose collections are gone."""

    def erase(_: UUID) -> None:
        # They bring numpy, which most commands need not.
        from mien.gallery.training.engines import IndexLocation, open_engines  # noqa: PLC0415  see above
        from mien.gallery.training.indexes import TrainedIndexes  # noqa: PLC0415  see above
        from mien.search.milvus import MilvusServer  # noqa: PLC0415  see above

        folder = settings.index_dir
        place = IndexLocation(folder, database, vault, MilvusServer.of(settings.milvus_login))
        TrainedIndexes(open_engines(place), folder, database, vault, claims=claims).sweep()

    return erase
