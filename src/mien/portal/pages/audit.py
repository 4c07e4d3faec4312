"""The audit log: search, verification, export."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.events import AuditEntry
from mien.events.actions import ACTIONS, DETAILS
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help
from mien.portal.stored_texts import said_stored
from mien.portal.texts import listed, mark, start_of, t, yes_or_no
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, banner, button, choice, empty, moment, section, table, text
from mien.spreadsheets import plain_cell

_PAGE: Final = 50
_FIELDS: Final = {"scope", "action", "actor", "since", "until"}
_COLUMNS: Final = ("sequence", "at", "actor", "action", "resource", "details")


async def render(visitor: Visitor) -> None:
    """Render the page."""
    query = visitor.query
    with section(t("Search")), Tag("form", classes="row", method="get", role="search"):
        if visitor.chosen:
            Tag("input", type="hidden", name="resource", value=visitor.chosen.name)
        scope = {"one": t("This resource")} if visitor.chosen else {}
        if visitor.may(Permission.AUDIT, on=None):
            scope["all"] = t("The whole server")
        choice(t("Scope"), scope, query.get("scope", next(iter(scope), ""))).props["name"] = "scope"
        _field(t("Action"), "action", query.get("action", ""), "key.*")
        _field(t("Who"), "actor", query.get("actor", ""), "token:anna")
        _field(t("From"), "since", query.get("since", ""), "", "date")
        _field(t("Until"), "until", query.get("until", ""), "", "date")
        Tag("button", t("Search"), "btn primary", type="submit")
    before = query.get("before", "")
    last = int(before) if before.isdecimal() and len(before) < 15 else None
    entries = await visitor.ask(lambda: _search(visitor, last, _PAGE))
    names = {one.id: one.name for one in visitor.resources}
    with section(t("Entries"), t("Newest first.")):
        if not entries:
            empty("history", t("No entries found"), t("Use fewer filters, or an earlier time."))
        else:
            table(
                t("Audit entries"),
                [t("No."), t("When"), t("Who"), t("What"), t("Resource"), t("Details")],
                [
                    [
                        one.sequence,
                        moment(one.at),
                        one.actor,
                        partial(_action, one.action),
                        names.get(one.resource_id, str(one.resource_id)) if one.resource_id else "",
                        _details(one),
                    ]
                    for one in entries
                ],
                numbers=[0],
            )
        if len(entries) == _PAGE:
            older = {name: value for name, value in query.items() if name in _FIELDS}
            Tag("a", t("Older entries"), href=visitor.link("/audit", **older, before=str(entries[-1].sequence)))
        if entries:

            async def save() -> None:
                content = await visitor.act(Permission.AUDIT, lambda: _sheet(visitor, names), on=_about(visitor))
                if content is not None:
                    ui.download(content, "mien-audit.csv", "text/csv")

            with Tag("div"):
                button(t("Export results as CSV"), save, image="download")
    _whole_log(visitor)


def _whole_log(visitor: Visitor) -> None:
    """Draw the buttons that verify and export the whole log."""
    if not visitor.may(Permission.AUDIT, on=None):
        text(t("Checking and exporting the whole log needs a role on the whole server."), "soft small")
        return
    with section(t("Whole log"), t("Each entry contains the hash of the previous one, so changes are detected.")):
        outcome = Tag("div", role="status")

        async def verify() -> None:
            found = await visitor.act(Permission.AUDIT, visitor.parts.audit.verify, on=None)
            outcome.clear()
            if found is None:
                return
            with outcome:
                if found.broken is None:
                    banner(
                        "good",
                        t("All {entries} entries are intact", entries=found.entries),
                        t("Hash of the last one: {head}…", head=found.head[:16]),
                    )
                else:
                    banner(
                        "bad", t("Entry {broken} is not intact", broken=found.broken), said_stored(found.reason or "")
                    )

        async def export() -> None:
            def lines() -> bytes:
                return ("\n".join(visitor.parts.audit.export()) + "\n").encode()

            content = await visitor.act(Permission.AUDIT, lines, on=None)
            if content is not None:
                ui.download(content, "mien-audit.jsonl", "application/jsonl")
                tell(t("The export is complete when your browser has saved it."), "info")

        with Tag("div", classes="row"):
            button(t("Verify"), verify, image="fact_check")
            button(t("Export as JSON lines"), export, image="download")


def _action(action: str) -> None:
    """Draw an action's description and the name by which it can be searched."""
    words = ACTIONS.get(action)
    if words is not None:
        Tag("div", t(words))
    Tag("code", action, "small soft")


def _details(entry: AuditEntry) -> str:
    """Return the details of an entry, named in the language of the page."""
    values = {name: value for name, value in entry.details.items() if value is not None}
    return listed(
        t(
            "{name}: {value}",
            name=t(DETAILS.get(name, name)),
            value=yes_or_no(value) if isinstance(value, bool) else value,
        )
        for name, value in values.items()
    )


def _field(label: str, name: str, value: str, example: str, kind: str = "text") -> None:
    with Tag("label", classes="field"):
        Tag("span", label, "small soft")
        Tag("input", classes="native", type=kind, name=name, value=value, placeholder=example)


def _about(visitor: Visitor) -> UUID | None:
    """Return the id of the resource to search; None for the whole server."""
    whole = visitor.query.get("scope", "one") != "one" and visitor.may(Permission.AUDIT, on=None)
    return None if whole or visitor.chosen is None else visitor.chosen.id


def _search(visitor: Visitor, before: int | None, limit: int) -> list[AuditEntry]:
    query = visitor.query
    about = _about(visitor)
    if not visitor.may(Permission.AUDIT, on=about):
        return []
    until = _day(query.get("until"))
    return visitor.parts.audit.search(
        resource_id=about,
        actor=query.get("actor") or None,
        action=query.get("action") or None,
        since=_day(query.get("since")),
        until=until + timedelta(days=1) if until else None,
        before=before,
        limit=limit,
    )


def _day(text: str | None) -> datetime | None:
    """Return the start of a day in the visitor's time zone; None if the text is not a day."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return start_of(found) if found and date.min < found < date.max else None  # other time zones need a day more


def _sheet(visitor: Visitor, names: dict[UUID, str]) -> bytes:
    """Return all entries of a search as CSV, newest first."""
    lines = io.StringIO()
    sheet = csv.writer(lines)
    sheet.writerow(_COLUMNS)
    before = None
    while entries := _search(visitor, before, 1000):
        for one in entries:
            resource = names.get(one.resource_id, str(one.resource_id)) if one.resource_id else ""
            details = json.dumps(one.details, ensure_ascii=False)
            cells = (one.actor, one.action, resource, details)
            sheet.writerow([one.sequence, one.at.isoformat(), *(plain_cell(cell) for cell in cells)])
        before = entries[-1].sequence
    return lines.getvalue().encode()


PAGE = Page(
    "/audit",
    mark("Audit log"),
    mark("All administrative actions."),
    mark("Server"),
    "history",
    render,
    needs_resource=False,
    needs=Permission.AUDIT,
    help=Help(
        mark(
            "Lists who did what and when, on all pages, on the command line and by tokens. Changes to the log "
            "are detected."
        ),
        "audit.md",
    ),
)
