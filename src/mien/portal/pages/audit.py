"""The audit log: searched, checked, exported."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from nicegui import ui

from mien.events import AuditEntry
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, banner, button, choice, empty, moment, section, table

_PAGE: Final = 50
_FIELDS: Final = {"scope", "action", "actor", "since"}


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    query = visitor.query
    with section("Search"), Tag("form", classes="row", method="get", role="search"):
        if visitor.chosen:
            Tag("input", type="hidden", name="resource", value=visitor.chosen.name)
        scope = {"one": "This resource", "all": "The whole server"} if visitor.chosen else {"all": "The whole server"}
        choice("Scope", scope, query.get("scope", next(iter(scope)))).props["name"] = "scope"
        _field("Action", "action", query.get("action", ""), "key.*")
        _field("Who", "actor", query.get("actor", ""), "token:anna")
        _field("Since", "since", query.get("since", ""), "", "date")
        Tag("button", "Search", "btn primary", type="submit")
    entries = await visitor.ask(lambda: _search(visitor))
    names = {one.id: one.name for one in visitor.resources}
    with section("Entries", "The newest first."):
        if not entries:
            empty("history", "Nothing was found", "Search for less, or for an earlier time.")
        else:
            table(
                "Audit entries",
                ["No.", "When", "Who", "What", "Resource", "Details"],
                [
                    [
                        one.sequence,
                        moment(one.at),
                        one.actor,
                        one.action,
                        names.get(one.resource_id, str(one.resource_id)) if one.resource_id else "",
                        ", ".join(f"{name}: {value}" for name, value in one.details.items() if value is not None),
                    ]
                    for one in entries
                ],
                numbers=[0],
            )
        if len(entries) == _PAGE:
            older = {name: value for name, value in query.items() if name in _FIELDS}
            Tag("a", "Older entries", href=visitor.link("/audit", **older, before=str(entries[-1].sequence)))
    with section("Whole log", "Each entry has the hash of the one before it, so that a change shows."):
        outcome = Tag("div", role="status")

        async def verify() -> None:
            found = await visitor.ask(visitor.parts.audit.verify)
            outcome.clear()
            with outcome:
                if found.broken is None:
                    banner(
                        "good", f"All {found.entries} entries are sound", f"Hash of the last one: {found.head[:16]}…"
                    )
                else:
                    banner("bad", f"Entry {found.broken} does not fit", found.reason or "")

        async def export() -> None:
            def lines() -> bytes:
                return ("\n".join(visitor.parts.audit.export()) + "\n").encode()

            content = await visitor.act(Permission.READ, lines)
            if content is not None:
                ui.download(content, "mien-audit.jsonl", "application/jsonl")
                tell("The export is complete when your browser has saved it.", "info")

        with Tag("div", classes="row"):
            button("Verify", verify, image="fact_check")
            button("Export as JSON lines", export, image="download")


def _field(label: str, name: str, value: str, example: str, kind: str = "text") -> None:
    with Tag("label", classes="field"):
        Tag("span", label, "small soft")
        Tag("input", classes="native", type=kind, name=name, value=value, placeholder=example)


def _search(visitor: Visitor) -> list[AuditEntry]:
    query = visitor.query
    since = None
    if text := query.get("since"):
        try:
            since = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            since = None
    before = query.get("before", "")
    one = visitor.chosen is not None and query.get("scope", "one") == "one"
    return visitor.parts.audit.search(
        resource_id=visitor.resource.id if one else None,
        actor=query.get("actor") or None,
        action=query.get("action") or None,
        since=since,
        before=int(before) if before.isdigit() and len(before) < 15 else None,
        limit=_PAGE,
    )


PAGE = Page("/audit", "Audit log", "Who did what to which resource.", "Server", "history", render, needs_resource=False)
