"""The first page: status of the resource, warnings, and code of a first call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nicegui import ui

from mien.accounts import ALL_FEATURES, Feature
from mien.events import Aggregation, MetricQuestion, QuotaUse
from mien.gallery.training.staleness import Staleness
from mien.management.arm.shapes import TIERS
from mien.management.roles import Permission
from mien.portal.approval import FEATURES, is_approved
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.people_places import address
from mien.portal.snippets import first_calls
from mien.portal.stale import changes_since
from mien.portal.texts import day, figure, mark, t
from mien.portal.visitor import Visitor
from mien.portal.warnings import Warned, quota_words, warnings_of
from mien.portal.widgets import Tag, badge, banner, code, copy_button, facts, meter, moment, section, text, tile


@dataclass(frozen=True, slots=True)
class _Found:
    """The data of the page, read at once."""

    warnings: list[Warned]
    uses: list[QuotaUse]
    calls: float
    errors: float
    latency: float | None
    faces: int


def _find(visitor: Visitor) -> _Found:
    parts, resource = visitor.parts, visitor.resource
    now = parts.clock.now()
    plans = [parts.migrations.plan(ref) for ref in parts.migrations.collections(resource.id)]
    uses = [use for use in parts.quota_uses() if use.resource_id == resource.id]
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def value(name: str, **more: Any) -> float | None:
        return parts.metrics.value(MetricQuestion(name, day, now, resource.id, **more))

    requests = parts.access.requests(resource.id)
    return _Found(
        warnings_of(resource, requests, uses, [plan for plan in plans if plan.needed and plan.faces], now),
        sorted(uses, key=lambda use: -use.percent),
        value("TotalCalls") or 0,
        value("TotalErrors") or 0,
        value("Latency", aggregation=Aggregation.PERCENTILE, percentile=95.0),
        parts.faces_stored().get(resource.id, 0),
    )


async def render(visitor: Visitor) -> None:
    """Render the page."""
    found = await visitor.ask(lambda: _find(visitor))
    _warnings(visitor, found.warnings)
    _stale(visitor, await visitor.ask(lambda: visitor.parts.gallery.stale.every(visitor.resource.id)))
    endpoint = visitor.parts.addresses.of(visitor.resource).rstrip("/")
    with Tag("div", classes="two"):
        _resource(visitor, endpoint)
        with Tag("div", classes="stack"):
            _today(found)
            _quotas(found.uses)
    _first_call(visitor, endpoint)


def _warnings(visitor: Visitor, warnings: Sequence[Warned]) -> None:
    for one in warnings:
        action = (one.action[0], visitor.link(one.action[1])) if one.action else None
        banner(one.tone, one.title, one.about, action)


def _stale(visitor: Visitor, collections: Sequence[Staleness]) -> None:
    """Draw what is not found before the next training."""
    for behind in collections[:3]:
        title = f"{behind.name}: {changes_since(behind)}"
        about = t("People added since then are not found before the next training.")
        banner("warn", title, about, (t("Open the group"), address(visitor, behind.ref)))


def _resource(visitor: Visitor, endpoint: str) -> None:
    resource = visitor.resource
    with section(t("Resource")):
        facts(
            [
                (
                    t("State"),
                    lambda: badge(t("Blocked"), "bad") if resource.blocked else badge(t("Running"), "good"),
                ),
                (t("Endpoint"), lambda: _endpoint(endpoint)),
                (t("On this machine"), lambda: _endpoint(visitor.parts.local_endpoint)),
                (t("Tier"), f"{resource.sku.value} ({t(TIERS[resource.sku])})"),
                (t("Location"), resource.location),
                (t("Created"), moment(resource.created_at)),
                (t("Terms"), _terms(visitor)),
                (t("Approved for"), lambda: _features(visitor)),
            ]
        )


def _today(found: _Found) -> None:
    with Tag("div", classes="tiles"):
        tile(t("calls today"), figure(found.calls, ",.0f"))
        share = t("{share:.1%} of the calls", share=found.errors / found.calls) if found.calls else ""
        tile(t("errors today"), figure(found.errors, ",.0f"), share)
        latency = "–" if found.latency is None else t("{value:,.0f} ms", value=found.latency)
        tile(t("latency today"), latency, t("95 of 100 calls were faster") if found.latency is not None else "")
        tile(t("faces stored"), figure(found.faces, ","))


def _quotas(uses: Sequence[QuotaUse]) -> None:
    with section(t("Quotas")):
        if not uses:
            text(t("Nothing is stored yet, and calls are not limited."), "soft")
        for use in uses[:5]:
            meter(
                quota_words(use),
                use.percent / 100,
                t("{used:,.0f} of {limit:,.0f}", used=use.used, limit=use.limit),
            )


def _first_call(visitor: Visitor, endpoint: str) -> None:
    """Draw the code of a first call."""
    with section(t("First call"), t("The same code works on Azure with another endpoint and key.")):
        face_ids = is_approved(visitor)
        if not face_ids:
            banner(
                "info",
                t("Face ids need an approval"),
                t(
                    "The calls below ask for none. A call without returnFaceId=false is answered 403 until "
                    "identification or verification is approved: returnFaceId is true by default, as on "
                    "Azure."
                ),
                (t("Request access"), visitor.link("/access")),
            )
        # curl and browsers resolve names below .localhost; Python and Node.js may not.
        unknown = (urlsplit(endpoint).hostname or "").endswith(".localhost")
        local = visitor.resource.custom_subdomain is None or unknown
        _snippets(visitor.parts.local_endpoint if local else endpoint, face_ids=face_ids)


def _endpoint(address: str) -> None:
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("code", address)
        copy_button(address, t("the endpoint"))


def _terms(visitor: Visitor) -> str:
    terms = visitor.resource.terms
    if terms is None:
        return t("created by a version without this question")
    return t(
        "acknowledged by {person} on {day}",
        person=terms.accepted_by,
        day=day(terms.accepted_at),
    )


def _features(visitor: Visitor) -> None:
    resource = visitor.resource
    with Tag("div", classes="row", style="gap:.4rem"):
        for feature in Feature:
            if feature in resource.features:
                badge(t(FEATURES[feature]), "good")
        if missing := len(ALL_FEATURES - resource.features):
            Tag("a", t("{count} not approved", count=missing), href=visitor.link("/access"))


def _snippets(endpoint: str, *, face_ids: bool) -> None:
    calls = first_calls(endpoint, face_ids=face_ids)
    with ui.tabs().props("no-caps align=left dense inline-label").classes("languages") as tabs:
        tabs.props["aria-label"] = t("Languages")
        for language in calls:
            ui.tab(language)
    with ui.tab_panels(tabs, value="curl", animated=False).classes("panels"):
        for language, content in calls.items():
            with ui.tab_panel(language):
                code(content, t("First call, {language}", language=language))


PAGE = Page(
    "/",
    mark("Overview"),
    mark("Whether the resource runs, what needs attention, and how to call it."),
    mark("Resource"),
    "home",
    render,
    needs=Permission.SEE,
    help=Help(
        mark(
            "Shows whether applications can call the resource, what needs attention first, "
            "and the code of a first call."
        ),
        "start.md",
        (Term.RESOURCE, Term.QUOTA, Term.FACE_ID, Term.LIMITED_ACCESS),
    ),
)
