"""Collects the facts of a resource from settings, properties, counts and the audit log, without changing anything.

Facts contain no secrets: credentials, keys and templates are never read here; of webhooks only the host.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from mien.accounts import AccessRequests, Resource
from mien.accounts.requests import RequestState
from mien.clock import Clock
from mien.doors.cameras import Cameras
from mien.doors.doors import Doors
from mien.doors.types import Strangers
from mien.dossier.facts import Entry, Facts, FactSource
from mien.events import AlertRules, AuditLog
from mien.events.failed_calls import KEPT_FOR as FAILED_CALLS_KEPT
from mien.gallery.kinds import Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.training.compaction import PURGE_AFTER
from mien.liveness.sessions import KEPT_FOR as SESSIONS_KEPT
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import (
    AdminTokenRow,
    AppliedCalibrationRow,
    CollectionRow,
    ConsentRow,
    CropRow,
    DoorKioskRow,
    EnrolmentPolicyRow,
    ErasureRow,
    EvaluationRow,
    LivenessSessionRow,
    PersistedFaceRow,
    PersonNegativeRow,
    PersonRow,
    RetentionRuleRow,
    ReviewCaseRow,
    ReviewPolicyRow,
    RoleAssignmentRow,
)

_FACE_ID_HOURS: Final = 24
"""Longest `faceIdTimeToLive` of the Face contract, and its default."""
_LAST_YEAR: Final = timedelta(days=365)
_APPROVERS: Final = {"owner", "admin", "approver"}
_CONFIRMERS: Final = {*_APPROVERS, "reviewer"}


class Gatherer:
    """Collects facts.

    Args:
        settings: settings of the server.
        database: the database.
        vault: decrypts addresses of cameras and webhooks, of which only the hosts are used.
        clock: the clock.
        audit: the audit log.
        access: requests for limited access.
        alerts: the alert rules.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        audit: AuditLog,
        access: AccessRequests,
        alerts: AlertRules,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._audit = audit
        self._access = access
        self._alerts = alerts
        self._doors = Doors(database, vault, clock, audit)
        self._cameras = Cameras(database, vault, clock, audit)

    def gather(self, resource: Resource) -> Facts:
        """Return every fact about a resource."""
        facts = Facts(self._clock.now())
        self._of_resource(facts, resource)
        self._of_server(facts)
        self._of_approvals(facts, resource.id)
        with self._database.read(resource.id) as session:
            self._of_people(facts, session, resource.id)
            self._of_rules(facts, session, resource.id)
            self._of_decisions(facts, session, resource.id)
        self._of_cameras(facts, resource.id)
        self._of_administrators(facts, resource.id)
        self._of_log(facts, resource.id)
        return facts

    def _last(self, resource_id: UUID | None, *actions: str) -> Entry | None:
        """Return the newest audit entry with one of these actions."""
        found = [
            one for action in actions for one in self._audit.search(resource_id=resource_id, action=action, limit=1)
        ]
        newest = max(found, key=lambda one: one.sequence, default=None)
        if newest is None:
            return None
        at = newest.at.isoformat(timespec="seconds")
        return Entry(newest.sequence, newest.hash, at, newest.actor, newest.action)

    def _of_resource(self, facts: Facts, resource: Resource) -> None:
        made = self._last(resource.id, "resource.create")
        changed = self._last(resource.id, "resource.update", "resource.create")
        terms = self._last(resource.id, "terms.accept", "resource.create")
        for name, value, where, entry in (
            ("name", resource.name, "name", made),
            ("location", resource.location, "location", made),
            ("created_at", resource.created_at, "createdAt", made),
            ("public_access", resource.public_network_access, "publicNetworkAccess", changed),
            ("default_action", resource.default_action, "networkAcls.defaultAction", changed),
            ("ip_rules", len(resource.ip_rules), "networkAcls.ipRules", changed),
            ("local_auth", resource.local_auth, "localAuth", changed),
            ("request_log", resource.request_log, "requestLog", changed),
            ("terms_by", resource.terms.accepted_by if resource.terms else None, "terms", terms),
            ("terms_at", resource.terms.accepted_at if resource.terms else None, "terms", terms),
        ):
            facts.add(name, value, FactSource.RESOURCE, where, entry)

    def _of_server(self, facts: Facts) -> None:
        given = self._settings
        for name, value, fields in (
            ("tls", given.tls or given.tls_cert is not None, ("tls", "tls_cert")),
            ("host", given.host, ("host",)),
            ("issuer", given.oidc_issuer, ("oidc_issuer",)),
            ("database", "SQLite" if given.sqlalchemy_url.startswith("sqlite") else "PostgreSQL", ("database_url",)),
            ("search_engine", given.search_engine, ("search_engine",)),
            ("key_apart", bool(given.master_key or given.master_key_file), ("master_key", "master_key_file")),
            ("metrics_days", given.metrics_days, ("metrics_days",)),
            ("frame_days", given.liveness_frame_days, ("liveness_frame_days",)),
            ("deleted_hours", given.keep_deleted_hours, ("keep_deleted_hours",)),
            ("purge_seconds", given.purge_seconds, ("purge_seconds",)),
            ("session_hours", given.portal_session_hours, ("portal_session_hours",)),
            ("mqtt", given.mqtt_url is not None, ("mqtt_url",)),
            ("mqtt_names", given.mqtt_names, ("mqtt_names",)),
            ("virtual_cameras", given.liveness_virtual_cameras, ("liveness_virtual_cameras",)),
        ):
            facts.add(name, value, FactSource.SETTING, ", ".join(f"MIEN_{one.upper()}" for one in fields))
        for name, value, where in (
            ("version", version("mien"), "Mien"),
            ("face_id_hours", _FACE_ID_HOURS, "faceIdTimeToLive"),
            ("index_minutes", int(PURGE_AFTER.total_seconds() // 60), "mien.gallery.training"),
            ("liveness_hours", int(SESSIONS_KEPT.total_seconds() // 3600), "mien.liveness.sessions"),
            ("failed_call_days", FAILED_CALLS_KEPT.days, "mien.events.failed_calls"),
        ):
            facts.add(name, value, FactSource.BUILT_IN, where)

    def _of_approvals(self, facts: Facts, resource_id: UUID) -> None:
        held = self._access.requests(resource_id, {RequestState.APPROVED})
        entry = self._last(resource_id, "access.approve")
        ends = [one.expires_at for one in held if one.expires_at is not None]
        for name, value in (
            ("features", sorted({feature.value for one in held for feature in one.features})),
            ("use_case", " / ".join(dict.fromkeys(one.use_case for one in held)) or None),
            ("organisation", ", ".join(dict.fromkeys(one.organisation for one in held)) or None),
            ("contact", ", ".join(dict.fromkeys(one.contact for one in held)) or None),
            ("approved_until", min(ends, default=None)),
            ("approved_by", ", ".join(dict.fromkeys(one.changed_by for one in held)) or None),
            ("self_approved", any(one.by_requester for one in held)),
        ):
            facts.add(name, value, FactSource.DATA, f"access requests, {name}", entry)

    def _of_people(self, facts: Facts, session: Session, owner: UUID) -> None:
        alive = CollectionRow.kind != Kind.TRANSFER.value
        listed = CollectionRow.kind.in_([kind.value for kind in Kind if not kind.has_persons])
        faces = int(session.scalar(select(func.coalesce(func.sum(CollectionRow.faces), 0)).where(alive)) or 0)
        shown = CollectionRow.kind.not_in([Kind.TRANSFER.value, Kind.DIRECTORY.value])
        persons = (
            select(func.count()).select_from(PersonRow)
            .join(CollectionRow, CollectionRow.uid == PersonRow.collection).where(alive)
        )  # fmt: skip
        single = (
            select(func.count()).select_from(PersistedFaceRow)
            .join(CollectionRow, CollectionRow.uid == PersistedFaceRow.collection).where(listed)
        )  # fmt: skip
        people = int(session.scalar(persons) or 0) + int(session.scalar(single) or 0)
        models = session.execute(select(CollectionRow.recognition_model, CollectionRow.fingerprint).where(alive))
        for name, value, where in (
            ("collections", _count(session, CollectionRow, shown), "collections"),
            ("people", people, "persons, persisted_faces"),
            ("faces", faces, "collections.faces"),
            ("models", sorted({f"{label} ({print_[:12]})" for label, print_ in models}), "collections.fingerprint"),
            ("liveness_sessions", _count(session, LivenessSessionRow), "liveness_sessions"),
            ("negatives", _count(session, PersonNegativeRow), "person_negatives"),
        ):
            facts.add(name, value, FactSource.DATA, where)
        self._of_consents(facts, session, owner, people)
        policies = [*session.scalars(select(EnrolmentPolicyRow.policy)), *session.scalars(select(CollectionRow.policy))]
        read = [EnrolmentPolicy.from_json(one) for one in policies if one]
        entry = self._last(owner, "gallery.policy")
        quality = next((one.min_quality for one in read if one.min_quality), None)
        for name, held in (
            ("keep_crops", any(one.keep_crops for one in read)),
            ("min_quality", quality),
            ("strict_children", any(one.strict_children for one in read)),
        ):
            facts.add(name, held, FactSource.DATA, f"enrolment policies, {name}", entry)
        facts.add("crops", _count(session, CropRow), FactSource.DATA, "crops", entry)

    def _of_consents(self, facts: Facts, session: Session, owner: UUID, people: int) -> None:
        now = self._clock.now()
        holds = (
            or_(ConsentRow.expires_at.is_(None), ConsentRow.expires_at > now),
            or_(ConsentRow.withdrawn_at.is_(None), ConsentRow.withdrawn_at > now),
        )
        who = select(ConsentRow.collection, ConsentRow.person_id, ConsentRow.face_id).where(*holds).distinct()
        agreed = int(session.scalar(select(func.count()).select_from(who.subquery())) or 0)
        entry = self._last(owner, "consent.*")
        facts.add("consents", agreed, FactSource.DATA, "consents", entry)
        facts.add(
            "without_consent", max(0, people - agreed), FactSource.DATA, "persons, persisted_faces, consents", entry
        )

    def _of_rules(self, facts: Facts, session: Session, owner: UUID) -> None:
        rules = session.scalars(select(RetentionRuleRow).order_by(RetentionRuleRow.what, RetentionRuleRow.days)).all()
        entry = self._last(owner, "retention.set", "retention.remove")
        unseen = [one.days for one in rules if one.what == "notSeen" and one.collection is None]
        said = [f"{one.what} {one.days}" for one in rules]
        facts.add("retention_rules", said, FactSource.DATA, "retention rules", entry)
        facts.add("unseen_days", min(unseen, default=None), FactSource.DATA, "retention rules", entry)

    def _of_decisions(self, facts: Facts, session: Session, owner: UUID) -> None:
        policies = session.scalars(select(ReviewPolicyRow)).all()
        entry = self._last(owner, "review.policy", "review.policy_removed")
        open_states = ReviewCaseRow.decided_at.is_(None)
        for name, value, where in (
            ("reviewers", min((one.reviewers for one in policies), default=0), "review policies, reviewers"),
            ("review_whole", any(one.collection is None for one in policies), "review policies, collection"),
            ("review_identify", any(one.identify for one in policies), "review policies, identify"),
            ("review_keep_days", max((one.keep_days for one in policies), default=0), "review policies, keepDays"),
            ("cases_open", _count(session, ReviewCaseRow, open_states), "review cases, open"),
            ("cases_decided", _count(session, ReviewCaseRow, ~open_states), "review cases, decided"),
        ):
            facts.add(name, value, FactSource.DATA, where, entry)
        newest = select(EvaluationRow).order_by(EvaluationRow.created_at.desc()).limit(1)
        measured = session.scalar(newest.where(EvaluationRow.kind == "calibration"))
        grouped = session.scalar(newest.where(EvaluationRow.kind == "groups"))
        applied = session.scalar(
            select(AppliedCalibrationRow).order_by(AppliedCalibrationRow.applied_at.desc()).limit(1)
        )
        held = self._last(owner, "calibration.apply", "calibration.undo")
        stored = self._last(owner, "evaluation.*")
        for name, row in (("evaluation", measured), ("group_report", grouped)):
            facts.add(name, row.name if row else None, FactSource.DATA, "evaluations, newest name", stored)
            facts.add(
                f"{name}_at", row.created_at if row else None, FactSource.DATA, "evaluations, newest date", stored
            )
        facts.add("calibration", applied.name if applied else None, FactSource.DATA, "applied calibrations", held)
        facts.add("kiosks", _count(session, DoorKioskRow), FactSource.DATA, "door_kiosks")
        since = self._clock.now() - _LAST_YEAR
        erased = _count(session, ErasureRow, ErasureRow.started_at >= since)
        last_erased = self._last(owner, "subject.erase")
        facts.add("erasures", erased, FactSource.DATA, "erasures, 365 days", last_erased)

    def _of_cameras(self, facts: Facts, resource_id: UUID) -> None:
        cameras, doors = self._cameras.of(resource_id), self._doors.of(resource_id)
        seen, changed = self._last(resource_id, "camera.*"), self._last(resource_id, "door.create", "door.change")
        facts.add("cameras", len(cameras), FactSource.DATA, "cameras", seen)
        kept = [one.spec.picture_days for one in doors if one.spec.pictures]
        for name, value, where in (
            ("doors", len(doors), "doors"),
            ("door_pictures", bool(kept), "doors, pictures"),
            ("picture_days", max(kept, default=0), "doors, pictureDays"),
            ("event_days", max((one.spec.event_days for one in doors), default=0), "doors, eventDays"),
            ("strangers_kept", any(one.spec.strangers is not Strangers.IGNORE for one in doors), "doors, strangers"),
        ):
            facts.add(name, value, FactSource.DATA, where, changed)
        hosts = sorted(
            {one.host for one in self._alerts.rules() if one.host and one.resource_id in {None, resource_id}}
        )
        facts.add("webhook_hosts", hosts, FactSource.DATA, "alert rules")

    def _of_administrators(self, facts: Facts, resource_id: UUID) -> None:
        now = self._clock.now()
        counts: dict[str, int] = {}
        with self._database.read(EVERY_RESOURCE) as session:
            tokens = session.scalars(select(AdminTokenRow).where(AdminTokenRow.revoked_at.is_(None))).all()
            groups = session.scalars(select(RoleAssignmentRow)).all()
        held = [(one.role, one.resource_id) for one in tokens if one.expires_at is None or one.expires_at > now]
        for role, where in (*held, *((one.role, one.resource_id) for one in groups)):
            if where in {None, resource_id}:
                counts[role] = counts.get(role, 0) + 1
        entry = self._last(None, "admin.token.create", "admin.token.revoke", "role.*")
        said = [f"{role}: {count}" for role, count in sorted(counts.items())]
        approvers = sum(counts.get(role, 0) for role in _APPROVERS)
        confirmers = sum(counts.get(role, 0) for role in _CONFIRMERS)
        for name, value in (("administrators", said), ("approvers", approvers), ("confirmers", confirmers)):
            facts.add(name, value, FactSource.DATA, "admin tokens, role assignments", entry)

    def _of_log(self, facts: Facts, resource_id: UUID) -> None:
        found = self._audit.verify()
        for name, value in (
            ("audit_entries", found.entries),
            ("audit_head", found.head[:24]),
            ("audit_whole", found.broken is None),
        ):
            facts.add(name, value, FactSource.AUDIT, name.removeprefix("audit_"))
        since = self._clock.now() - _LAST_YEAR
        exports = self._audit.search(resource_id=resource_id, action="subject.export", since=since, limit=1000)
        facts.add(
            "exports",
            len(exports),
            FactSource.AUDIT,
            "subject.export, 365 days",
            self._last(resource_id, "subject.export"),
        )
        backup = self._last(None, "backup.create")
        at = None if backup is None else datetime.fromisoformat(backup.at).astimezone(UTC)
        facts.add("backup_at", at, FactSource.AUDIT, "backup.create", backup)


def _count(session: Session, table: Any, *conditions: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)
