"""What the control plane publishes of each class: a new field of one is either published or listed here as internal."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, make_dataclass

import pytest

import mien.management.v1
from mien.accounts.intake_checks import IntakeFinding
from mien.accounts.requests import AccessRequest
from mien.accounts.role_assignments import RoleAssignment
from mien.accounts.types import Resource, Terms
from mien.doors.doors import Holiday
from mien.doors.kiosks import KioskSpec
from mien.doors.roster import Inside
from mien.doors.roster_types import Badge, RegisteredVisitor, RosterPerson
from mien.doors.rules import AccessDecision
from mien.doors.types import Camera, CameraSpec, Door, DoorSpec, Rule, RuleSpec
from mien.dossier.comparison import Change
from mien.dossier.service import Dossier
from mien.evaluation.records import RateDifference
from mien.events.alerts.conditions import Condition
from mien.events.alerts.types import AlertRule, Delivery
from mien.events.audit_chain import AuditEntry, ChainVerification
from mien.events.failed_calls import FailedCall
from mien.events.metrics import Metric
from mien.events.query import MetricPoint, Series
from mien.gallery.drift import SeriesDrift
from mien.gallery.evaluations import Applied, Evaluation
from mien.gallery.negatives.types import Negative
from mien.gallery.reviews import ReviewAnswer, ReviewCandidate, ReviewCase, ReviewPolicy
from mien.management.arm.filing import Acceptance
from mien.management.glance import Glance, ResourceGlance
from mien.management.routing import Shown, Strict
from mien.management.tokens import AdminToken
from mien.management.v1.door_bodies import CameraFields, DoorFields, RuleBody
from mien.management.v1.kiosks import KioskChange, KioskWanted
from mien.subjects.consents import Consent
from mien.subjects.erasing import Erased, KnownReceipt
from mien.subjects.receipts import VerifiedReceipt
from mien.subjects.rules import Ran, RetentionRule
from mien.subjects.types import HeldFace, HeldNegative, HeldProbe, HeldSession, Holding, NotSearched, SubjectData


@dataclass(frozen=True)
class Published:
    """How a class of ours is published.

    Attributes:
        of: the class.
        internal: its fields that are not published.
        added: what is published besides its fields and properties, in a form of its own.
    """

    of: type
    internal: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()


def published(of: type, *, internal: str = "", added: str = "") -> Published:
    return Published(of, frozenset(internal.split()), frozenset(added.split()))


TABLE = {
    "access.FindingSeen": published(IntakeFinding),
    "access.RequestSeen": published(AccessRequest),
    "access.StepSeen": published(AuditEntry, internal="hash previous resource_id sequence"),
    "alerts.ConditionSeen": published(Condition),
    "alerts.DeliverySeen": published(Delivery),
    "alerts.RuleMade": published(AlertRule, added="secret"),
    "alerts.RuleSeen": published(AlertRule),
    "audit.EntrySeen": published(AuditEntry),
    "audit.Verified": published(ChainVerification, internal="unchecked", added="sound"),
    "door_bodies.BadgeSeen": published(Badge),
    "door_bodies.CameraSeen": published(Camera, internal="camera_id resource_id spec", added="id settings"),
    "door_bodies.DoorSeen": published(Door, internal="door_id resource_id spec", added="id settings"),
    "door_bodies.HolidaySeen": published(Holiday),
    "door_bodies.InsideSeen": published(Inside),
    "door_bodies.PersonSeen": published(RosterPerson),
    "door_bodies.RuleSeen": published(Rule, internal="rule_id spec", added="id sentence settings"),
    "door_bodies.VerdictSeen": published(AccessDecision, internal="badge failed partner", added="reasons"),
    "door_bodies.VisitorSeen": published(RegisteredVisitor),
    "dossiers.ChangeSeen": published(Change),
    "dossiers.DossierSeen": published(Dossier, internal="document"),
    "dossiers.SignedDossier": published(Dossier),
    "drift.SeriesSeen": published(
        SeriesDrift, internal="found", added="baseline_from baseline_until chance counts finding psi"
    ),
    "evaluations.AppliedSeen": published(Applied, internal="curve", added="fmr threshold"),
    "evaluations.DifferenceSeen": published(RateDifference),
    "evaluations.EvaluationSeen": published(Evaluation),
    "failed_calls.FailedCallSeen": published(FailedCall),
    "kiosks.KioskMade": published(KioskSpec, added="acceptances created_at id key name notice_version path"),
    "kiosks.KioskSeen": published(KioskSpec, added="acceptances created_at id name notice_version"),
    "metrics.MetricSeen": published(Metric),
    "metrics.PointSeen": published(MetricPoint),
    "metrics.SeriesSeen": published(Series),
    "negatives.NegativeSeen": published(Negative),
    "resources.ResourceSeen": published(
        Resource,
        # Azure's properties, which the resource manager publishes, and what is shown under another name.
        internal="custom_subdomain default_action deleted_at ip_rules local_auth public_network_access state tags "
        "without_flashes",
        added="arm_id endpoint liveness_without_flashes",
    ),
    "resources.TermsSeen": published(Terms),
    "retention.RanSeen": published(Ran, internal="resource_id"),
    "retention.RuleSeen": published(RetentionRule),
    "reviews.AnswerSeen": published(ReviewAnswer),
    # The confidence that an application sent, which would tell reviewers how to answer.
    "reviews.CandidateSeen": published(ReviewCandidate, internal="sent"),
    "reviews.CaseSeen": published(ReviewCase),
    "reviews.PolicySeen": published(ReviewPolicy),
    "role_assignments.AssignmentSeen": published(RoleAssignment),
    "status.ResourceStatus": published(
        ResourceGlance,
        internal="firing resource stale undelivered waiting",
        added="alerts_firing alerts_undelivered approvals_waiting blocked name stale_groups",
    ),
    "status.Status": published(Glance, internal="firing undelivered", added="alerts_firing alerts_undelivered"),
    "subjects.ConsentSeen": published(Consent),
    "subjects.ErasedSeen": published(Erased, added="found"),
    "subjects.FaceSeen": published(HeldFace, internal="collection source"),
    "subjects.FoundSeen": published(SubjectData, internal="resource_id"),
    "subjects.HoldingSeen": published(Holding, internal="home"),
    "subjects.KnownReceiptSeen": published(KnownReceipt),
    "subjects.NegativeHeldSeen": published(HeldNegative),
    "subjects.NotSearchedSeen": published(NotSearched),
    "subjects.ProbeSeen": published(HeldProbe),
    "subjects.ReceiptVerified": published(VerifiedReceipt, internal="key_id", added="genuine reason"),
    "subjects.SessionSeen": published(HeldSession),
    "terms.AcceptanceSeen": published(Acceptance),
    "tokens.TokenMade": published(AdminToken, added="token"),
    "tokens.TokenSeen": published(AdminToken),
}

COMPOSED = {
    "alerts.Tried",
    "door_bodies.Emptied",
    "drift.BaselineSet",
    "health.Health",
    "metrics.Answer",
    "terms.Terms",
}
"""Answers that are filled from no class of ours; lists of others, which have one field `value`, need no entry."""


def answers() -> dict[str, type[Shown]]:
    """Every answer of `/mien/v1` that is no list of others, by its module and name."""
    for module in pkgutil.iter_modules(mien.management.v1.__path__):
        importlib.import_module(f"mien.management.v1.{module.name}")

    def below(model: type[Shown]) -> Iterator[type[Shown]]:
        for one in model.__subclasses__():
            yield one
            yield from below(one)

    found = {f"{one.__module__.rpartition('.')[2]}.{one.__name__}": one for one in below(Shown)}
    return {name: one for name, one in found.items() if set(one.model_fields) != {"value"}}


def difference(model: type[Shown], how: Published) -> dict[str, set[str]]:
    """What of a class is neither published nor listed, and what the list names wrongly."""
    has = {one.name for one in fields(how.of)}
    shown = set(model.model_fields)
    known = has | {name for name, value in vars(how.of).items() if isinstance(value, property)}
    found = {
        "neither published nor internal": has - shown - how.internal,
        "internal and yet published": how.internal & shown,
        "internal, but no field": how.internal - has,
        "published from nowhere": shown - known - how.added,
        "added, but not published": how.added - shown,
    }
    return {what: set(names) for what, names in found.items() if names}


def test_every_answer_says_which_class_it_publishes() -> None:
    assert set(answers()) == TABLE.keys() | COMPOSED


def test_every_field_of_a_published_class_is_decided_on() -> None:
    found = {name: difference(model, TABLE[name]) for name, model in answers().items() if name in TABLE}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_new_field_is_found() -> None:
    grown = make_dataclass("Grown", [*((one.name, object) for one in fields(AdminToken)), ("hidden", object)])
    wrong = difference(answers()["tokens.TokenSeen"], Published(grown))
    assert wrong == {"neither published nor internal": {"hidden"}}


@pytest.mark.parametrize(
    ("body", "of"),
    [
        (CameraFields, CameraSpec),
        (DoorFields, DoorSpec),
        (RuleBody, RuleSpec),
        (KioskWanted, KioskSpec),
        (KioskChange, KioskSpec),
    ],
)
def test_every_option_of_a_configuration_can_be_set(body: type[Strict], of: type) -> None:
    beside = {"name", "position"}  # of the row, not of its configuration
    assert set(body.model_fields) - beside == {one.name for one in fields(of)} - beside
