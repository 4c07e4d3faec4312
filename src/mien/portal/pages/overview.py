"""The first page: does the resource run, what should somebody know about it, and how is it called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nicegui import ui

from mien.accounts import ALL_FEATURES, Feature
from mien.events import Aggregation, Question, QuotaUse
from mien.management.arm.shapes import TIERS
from mien.management.roles import Permission
from mien.portal.approval import is_approved
from mien.portal.frame import Page
from mien.portal.pages.people_places import address
from mien.portal.snippets import first_calls
from mien.portal.stale import changes_since
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
        return parts.metrics.value(Question(name, day, now, resource.id, **more))

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
    """Draw the page."""
    found = await visitor.ask(lambda: _find(visitor))
    for one in found.warnings:
        action = (one.action[0], visitor.link(one.action[1])) if one.action else None
        banner(one.tone, one.title, one.about, action)
    stale = await visitor.ask(lambda: visitor.parts.gallery.stale.every(visitor.resource.id))
    for behind in stale[:3]:
        title = f"{behind.name}: {changes_since(behind).lower()}"
        about = "People added since then are not found before the next training."
        banner("warn", title, about, ("Open the group", address(visitor, behind.ref)))
    resource, parts = visitor.resource, visitor.parts
    endpoint = parts.addresses.of(resource).rstrip("/")
    with Tag("div", classes="two"):
        with section("Resource"):
            facts(
                [
                    ("State", lambda: badge("Blocked", "bad") if resource.blocked else badge("Running", "good")),
                    ("Endpoint", lambda: _endpoint(endpoint)),
                    ("On this machine", lambda: _endpoint(parts.local_endpoint)),
                    ("Tier", f"{resource.sku.value} ({TIERS[resource.sku]})"),
                    ("Location", resource.location),
                    ("Created", moment(resource.created_at)),
                    ("Terms", _terms(visitor)),
                    ("Approved for", lambda: _features(visitor)),
                ]
            )
        with Tag("div", classes="stack"):
            with Tag("div", classes="tiles"):
                tile("calls today", f"{found.calls:,.0f}")
                share = f"{found.errors / found.calls:.1%} of the calls" if found.calls else ""
                tile("errors today", f"{found.errors:,.0f}", share)
                latency = "–" if found.latency is None else f"{found.latency:.0f} ms"
                tile("latency today", latency, "95 of 100 calls were faster" if found.latency is not None else "")
                tile("faces stored", f"{found.faces:,}")
            with section("Quotas"):
                if not found.uses:
                    text("Nothing is stored yet, and calls are not limited.", "soft")
                for use in found.uses[:5]:
                    meter(quota_words(use), use.percent / 100, f"{use.used:,.0f} of {use.limit:,.0f}")
    with section("First call", "The same code works on Azure with another endpoint and key."):
        face_ids = is_approved(visitor)
        if not face_ids:
            banner(
                "info",
                "Face ids need an approval",
                "The calls below ask for none. A call without returnFaceId=false is answered 403 until identification "
                "or verification is approved: returnFaceId is true by default, as on Azure.",
                ("Request access", visitor.link("/access")),
            )
        # Names below .localhost are known to curl and browsers; what Python and Node.js ask may not know them.
        unknown = (urlsplit(endpoint).hostname or "").endswith(".localhost")
        _snippets(parts.local_endpoint if resource.custom_subdomain is None or unknown else endpoint, face_ids=face_ids)


def _endpoint(address: str) -> None:
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("code", address)
        copy_button(address, "the endpoint")


def _terms(visitor: Visitor) -> str:
    terms = visitor.resource.terms
    if terms is None:
        return "created by a version without this question"
    return f"acknowledged by {terms.accepted_by} on {terms.accepted_at:%Y-%m-%d}"


def _features(visitor: Visitor) -> None:
    resource = visitor.resource
    with Tag("div", classes="row", style="gap:.4rem"):
        for feature in Feature:
            if feature in resource.features:
                badge(feature.value, "good")
        if missing := len(ALL_FEATURES - resource.features):
            Tag("a", f"{missing} not approved", href=visitor.link("/access"))


def _snippets(endpoint: str, *, face_ids: bool) -> None:
    calls = first_calls(endpoint, face_ids=face_ids)
    with ui.tabs().props('no-caps align=left dense inline-label aria-label="Languages"').classes("languages") as tabs:
        for language in calls:
            ui.tab(language)
    with ui.tab_panels(tabs, value="curl", animated=False).classes("panels"):
        for language, content in calls.items():
            with ui.tab_panel(language):
                code(content, f"First call, {language}")


PAGE = Page(
    "/",
    "Overview",
    "Whether the resource runs, what needs attention, and how to call it.",
    "Resource",
    "home",
    render,
    needs=Permission.SEE,
)
