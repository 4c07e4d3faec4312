"""The papers as data: their statements and questions, the facts of each statement, and the choice of its wording.

The texts are in `texts/PAPER.LANGUAGE.toml`. A statement has at least one fact. If the facts do not support a
statement, its choice is None, and a question to the operator takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.dossier.facts import Facts
from mien.gallery.training.engines import ENGINES

Choice = Callable[[Facts], str | None]
Condition = Callable[[Facts], bool]


def _plain(_: Facts) -> str:
    return ""


def _always(_: Facts) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence based on facts.

    Attributes:
        key: key within the paper and of its text; with several variants, the text's key is `KEY.VARIANT`.
        facts: names of the facts it is based on.
        variants: its wordings; `""` is the one without a suffix.
        choose: returns the variant; None leaves the statement out.
    """

    key: str
    facts: tuple[str, ...]
    variants: tuple[str, ...] = ("",)
    choose: Choice = _plain


@dataclass(frozen=True, slots=True)
class Question:
    """A question that only the operator can answer; included if the condition is true."""

    key: str
    when: Condition = _always


@dataclass(frozen=True, slots=True)
class Section:
    """A section; its heading is the text `sections.KEY`."""

    key: str
    items: Sequence[Statement | Question]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper."""

    id: str
    sections: Sequence[Section]


def _flag(name: str, yes: str, no: str) -> Choice:
    """Return a choice between two variants: `yes` if a fact is true, above 0 or not empty, else `no`."""
    return lambda facts: yes if facts.value(name) else no


def _either(key: str, name: str, yes: str, no: str, *more: str) -> Statement:
    """Return a statement with two wordings, chosen by one fact."""
    return Statement(key, (name, *more), (yes, no), _flag(name, yes, no))


def _only_if(key: str, name: str, *more: str) -> Statement:
    """Return a statement that is included only if a fact is true, above 0 or not empty."""
    return Statement(key, (name, *more), ("",), lambda facts: "" if facts.value(name) else None)


def _none(name: str) -> Condition:
    return lambda facts: not facts.value(name)


def _some(name: str) -> Condition:
    return lambda facts: bool(facts.value(name))


def _consents(facts: Facts) -> str:
    if facts.value("people") == 0:
        return "nobody"
    return "all" if facts.value("without_consent") == 0 else "some"


def _reviews(facts: Facts) -> str:
    reviewers = facts.value("reviewers")
    return {0: "none", 1: "one"}.get(reviewers, "two")


def _network(facts: Facts) -> str:
    if not facts.value("public_access"):
        return "private"
    return "open" if facts.value("default_action") == "Allow" else "listed"


def _search(facts: Facts) -> str:
    return "sealed" if ENGINES[facts.value("search_engine")].encrypted else "open"


def _months(facts: Facts) -> str:
    return "enough" if facts.value("metrics_days") >= 183 else "short"


def _bipa(facts: Facts) -> str | None:
    days = facts.value("unseen_days")
    return None if days is None else "within" if days <= 3 * 365 else "over"


def _functions(facts: Facts) -> str:
    if not facts.value("features"):
        return "none"
    return "unlimited" if facts.value("approved_until") is None else "approved"


def _mqtt(facts: Facts) -> str | None:
    if not facts.value("mqtt"):
        return None
    return "names" if facts.value("mqtt_names") else "ids"


_REVIEW: Final = Statement("review", ("reviewers", "cases_open", "cases_decided"), ("two", "one", "none"), _reviews)
_PURPOSE: Final = _only_if("purpose", "use_case", "organisation", "contact")
_FUNCTIONS: Final = Statement(
    "functions", ("features", "approved_until", "approved_by"), ("approved", "unlimited", "none"), _functions
)
_PEOPLE: Final = Statement("people", ("people", "faces", "collections"))
_CAMERAS: Final = _either("cameras", "cameras", "some", "none")
_DOORS: Final = _either("doors", "doors", "some", "none", "event_days")
_ACCURACY: Final = _either("accuracy", "evaluation", "measured", "vendor", "evaluation_at")
_FAIRNESS: Final = _either("fairness", "group_report", "measured", "none", "group_report_at")
_CROPS: Final = _either("crops", "keep_crops", "kept", "none", "crops")
_RULES: Final = _either("rules", "retention_rules", "some", "none")
_AUDIT: Final = _either("audit", "audit_whole", "whole", "broken", "audit_entries", "audit_head")
_RECIPIENTS: Final = _either("recipients", "webhook_hosts", "some", "none")
_MQTT: Final = Statement("mqtt", ("mqtt", "mqtt_names"), ("names", "ids"), _mqtt)
_SIGN_IN: Final = _either("sign_in", "issuer", "issuer", "tokens")
_RIGHTS: Final = Statement("rights", ("erasures", "exports"))
_CONSENTS: Final = Statement(
    "consents", ("consents", "without_consent", "people"), ("all", "some", "nobody"), _consents
)

DPIA: Final = Paper(
    "dpia",
    (
        Section(
            "processing",
            (
                Question("controller"),
                Question("officer"),
                Statement("service", ("name", "location", "created_at", "version")),
                _PURPOSE,
                Question("purpose", _none("use_case")),
                _FUNCTIONS,
                _PEOPLE,
                Question("categories"),
                Statement("templates", ("models", "faces")),
                _CROPS,
                _CAMERAS,
                _DOORS,
                _either("kiosks", "kiosks", "some", "none"),
                Statement("storage", ("database", "search_engine"), ("sealed", "open"), _search),
                _RECIPIENTS,
                _MQTT,
                Question("processors"),
                Question("transfers"),
            ),
        ),
        Section(
            "necessity",
            (
                Question("legal_basis"),
                _CONSENTS,
                Question("without_consent", _some("without_consent")),
                _RULES,
                Question("retention", _none("retention_rules")),
                Question("alternatives"),
                _RIGHTS,
                Question("information"),
            ),
        ),
        Section(
            "risks",
            (
                _ACCURACY,
                Question("accuracy", _none("evaluation")),
                _FAIRNESS,
                Question("fairness", _none("group_report")),
                _REVIEW,
                _either("children", "strict_children", "strict", "off"),
                Question("children"),
                Statement("network", ("public_access", "default_action", "ip_rules"), ("private", "listed", "open"),
                          _network),
                Question("risks"),
            ),
        ),
        Section(
            "measures",
            (
                _either("encryption", "key_apart", "apart", "beside"),
                _either("transport", "tls", "tls", "plain", "host"),
                Question("transport", _none("tls")),
                Statement("roles", ("administrators", "approvers")),
                _SIGN_IN,
                _either("keys", "local_auth", "on", "off"),
                _AUDIT,
                _either("request_log", "request_log", "on", "off"),
                _only_if("backup", "backup_at"),
                Question("backup", _none("backup_at")),
                Question("consultation"),
                Question("prior_consultation"),
                Question("next_review"),
            ),
        ),
    ),
)  # fmt: skip

FRIA: Final = Paper(
    "fria",
    (
        Section("processes", (Question("deployer"), Question("annex"), _PURPOSE, Question("purpose", _none("use_case")),
                              _FUNCTIONS, Statement("service", ("name", "version", "models")), _CAMERAS, _DOORS)),
        Section("period", (Statement("since", ("created_at",)), _only_if("until", "approved_until"),
                           Question("period", _none("approved_until")), Question("frequency"))),
        Section("people", (_PEOPLE, Question("categories"), _either("children", "strict_children", "strict", "off"))),
        Section("harms", (_ACCURACY, Question("accuracy", _none("evaluation")), _FAIRNESS,
                          Question("fairness", _none("group_report")), Question("harms"))),
        Section("oversight", (_REVIEW, Question("review", _none("reviewers")),
                              Statement("reviewers", ("approvers", "confirmers")),
                              _SIGN_IN, Question("overseers"))),
        Section("measures", (Statement("stop", ("features",)), _AUDIT, _RIGHTS, Question("complaints"),
                             Question("governance"), Question("notification"),
                             Statement("dpia", ("name", "audit_entries")))),
    ),
)  # fmt: skip

OVERSIGHT: Final = Paper(
    "oversight",
    (
        Section("system", (_FUNCTIONS, _either("confidence", "calibration", "own", "pack"), _ACCURACY, _FAIRNESS,
                           _either("quality", "min_quality", "set", "none"), Statement("bias", ("reviewers",)))),
        Section("people", (Statement("reviewers", ("confirmers", "administrators")), _SIGN_IN,
                           _either("own", "self_approved", "self", "other", "approved_by"), Question("assigned"),
                           Question("training"))),
        Section("deciding", (_REVIEW, _only_if("hidden", "reviewers"),
                             Statement("filing", ("review_identify", "review_whole"), ("all", "some", "none"),
                                       lambda facts: "none" if not facts.value("review_identify")
                                       else "all" if facts.value("review_whole") else "some"),
                             Question("disregard"), Question("second", _none("reviewers")))),
        Section("stopping", (Statement("stop", ("features",)), _only_if("stop_doors", "doors"), Question("stop"))),
        Section("monitoring", (Statement("logs", ("audit_entries", "failed_call_days")),
                               Statement("months", ("metrics_days",), ("enough", "short"), _months),
                               _AUDIT, Statement("faults", ("cases_decided",)), Question("incidents"))),
        Section("informing", (Question("workers"), Question("persons"))),
    ),
)  # fmt: skip

RETENTION: Final = Paper(
    "retention",
    (
        Section("images", (Statement("images", ("request_log",)),
                           Statement("face_ids", ("face_id_hours", "purge_seconds")), _CROPS,
                           Question("crops", _some("keep_crops")))),
        Section("people", (Statement("templates", ("faces", "people")), _RULES,
                           Question("retention", _none("retention_rules")),
                           Statement("indexes", ("index_minutes",)), _either("negatives", "negatives", "some", "none"),
                           Statement("consents", ("consents",)))),
        Section("liveness", (Statement("sessions", ("liveness_hours", "liveness_sessions")),
                             Statement("frames", ("frame_days",)))),
        Section("doors", (_DOORS, _either("door_pictures", "door_pictures", "kept", "none", "picture_days"),
                          _either("strangers", "strangers_kept", "kept", "none"))),
        Section("decisions", (_either("review_pictures", "review_keep_days", "days", "none"),
                              Statement("cases", ("cases_open", "cases_decided")), Question("cases"))),
        Section("operation", (_AUDIT, Question("audit"), Statement("metrics", ("metrics_days",)),
                              Statement("failed_calls", ("failed_call_days",)),
                              Statement("portal", ("session_hours",)), Statement("receipts", ("erasures",)),
                              Statement("resource", ("deleted_hours",)), _only_if("backup", "backup_at"),
                              Question("backup"))),
    ),
)  # fmt: skip

NOTICE: Final = Paper(
    "notice",
    (
        Section("who", (Question("controller"), Question("officer"), _PURPOSE, Question("purpose", _none("use_case")))),
        Section("what", (Statement("data", ("faces", "search_engine"), ("sealed", "open"), _search), _CROPS,
                         _CAMERAS, _DOORS, _RECIPIENTS, _MQTT, _REVIEW)),
        Section("how_long", (_RULES, Question("retention", _none("retention_rules")),
                             Statement("images", ("face_id_hours",)))),
        Section("eu", (Question("eu_basis"), Statement("eu_rights", ("erasures",)), Question("eu_authority"),
                       Question("eu_automated"), Statement("eu_ai", ("features",)))),
        Section("uk", (Question("uk_basis"), Statement("uk_rights", ("erasures",)), Question("uk_transfers"))),
        Section("illinois", (Statement("bipa_written", ("models", "use_case")),
                             Statement("bipa_schedule", ("unseen_days",), ("within", "over"), _bipa),
                             Question("bipa_schedule", lambda facts: _bipa(facts) != "within"),
                             Statement("bipa_release", ("consents", "people")),
                             _either("bipa_disclosure", "webhook_hosts", "some", "none"),
                             Question("bipa_sale"), Question("bipa_policy"))),
    ),
)  # fmt: skip

PAPERS: Final[dict[str, Paper]] = {one.id: one for one in (DPIA, FRIA, OVERSIGHT, RETENTION, NOTICE)}
"""Every paper, in the order of a dossier."""
