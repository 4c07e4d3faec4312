"""The last calls that failed: when, what, from where, why, and what to do."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Final

from nicegui import ui

from mien.events.failed_calls import KEPT, FailedCall
from mien.management.roles import Permission
from mien.portal.failed_calls import advice
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, button, choice, copy_button, empty, section, table, text

_PAGE: Final = 50
_FIELDS: Final = ("scope", "code", "operation", "status")
_COLUMNS: Final = ("at", "operation", "method", "status", "code", "message", "hint", "address", "request id", "ms")


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    calls, query = visitor.parts.failed_calls, visitor.query
    owner = None if query.get("scope") == "unknown" else visitor.resource.id
    await visitor.ask(calls.flush)  # what failed a moment ago is there, too
    codes, operations = await visitor.ask(lambda: calls.kinds(owner))
    before = query.get("before", "")
    last = int(before) if before.isdigit() and len(before) < 10 else None
    found = await visitor.ask(lambda: _search(visitor, last, _PAGE))
    with section("Search"), Tag("form", classes="row", method="get", role="search"):
        Tag("input", type="hidden", name="resource", value=visitor.resource.name)
        scopes = {"one": "This resource", "unknown": "No known resource (wrong key)"}
        _select("Calls of", "scope", scopes, query)
        _select("Code", "code", {"": "Any", **{one: one or "none" for one in codes if one}}, query)
        _select("Operation", "operation", {"": "Any", **{one: one for one in operations}}, query)
        _select("Status", "status", {"": "Any", "4": "4xx: the request", "5": "5xx: the server"}, query)
        Tag("button", "Search", "btn primary", type="submit")
    with section("Failed calls", f"Newest first; the last {KEPT:,} are kept for 30 days, without bodies and keys."):
        if not found:
            about = "Calls that are answered with an error are listed here some seconds later."
            empty("task_alt", "No failed calls", about)
            return
        table(
            "Failed calls",
            ["When", "Call", "Answer", "What it means, and what to do", "Caller", "Request id"],
            [_row(visitor, one) for one in found],
        )
        if len(found) == _PAGE:
            kept = {name: value for name, value in query.items() if name in _FIELDS}
            Tag("a", "Older calls", href=visitor.link("/failed-calls", **kept, before=str(found[-1].id)))

        async def export() -> None:
            content = await visitor.act(Permission.SEE, lambda: _sheet(_search(visitor, None, KEPT)))
            if content is not None:
                ui.download(content, "mien-failed-calls.csv", "text/csv")

        with Tag("div"):
            button("Export as CSV", export, image="download")
        text("Paste a request into `mien doctor --explain` to have it examined against this server.", "soft small")


def _select(label: str, name: str, options: dict[str, str], query: dict[str, str]) -> None:
    with Tag("label", classes="field"):
        Tag("span", label, "small soft")
        choice(label, options, query.get(name, next(iter(options)))).props["name"] = name


def _search(visitor: Visitor, before: int | None, limit: int) -> list[FailedCall]:
    query = visitor.query
    status = query.get("status", "")
    return visitor.parts.failed_calls.search(
        None if query.get("scope") == "unknown" else visitor.resource.id,
        code=query.get("code", ""),
        operation=query.get("operation", ""),
        status=int(status) if status.isdigit() and len(status) < 4 else None,
        before=before,
        limit=limit,
    )


def _row(visitor: Visitor, one: FailedCall) -> list[Cell]:
    return [
        f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
        partial(_call, one),
        partial(_answer, one),
        partial(_meaning, visitor, one),
        one.address or "–",
        partial(_request_id, one),
    ]


def _call(one: FailedCall) -> None:
    Tag("div", one.operation, "words")
    Tag("div", f"{one.method}, {one.milliseconds:,} ms", "small soft")


def _answer(one: FailedCall) -> None:
    Tag("strong", str(one.status))
    Tag("div", one.code, "small soft")


def _meaning(visitor: Visitor, one: FailedCall) -> None:
    told = advice(one)
    with Tag("div", classes="words"):
        Tag("div", told.text)
        if told.action:
            Tag("a", told.action[0], href=visitor.link(told.action[1]))
        with Tag("details"):
            Tag("summary", "Answer in full")
            Tag("div", one.message or "There was no message.", "small")
            if one.hint:
                Tag("div", one.hint, "small")


def _request_id(one: FailedCall) -> None:
    if not one.request_id:
        Tag("span", "–")
        return
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("span", f"{one.request_id[:8]}…", "mono", title=one.request_id)
        copy_button(one.request_id, f"request id {one.request_id[:8]}")


def _sheet(calls: list[FailedCall]) -> bytes:
    lines = io.StringIO()
    sheet = csv.writer(lines)
    sheet.writerow(_COLUMNS)
    for one in calls:
        cells = (one.operation, one.method, one.status, one.code, one.message, one.hint, one.address, one.request_id)
        plain = [f"'{cell}" if str(cell).startswith(("=", "+", "-", "@", "\t")) else cell for cell in cells]
        sheet.writerow([one.at.isoformat(), *plain, one.milliseconds])
    return lines.getvalue().encode()


PAGE = Page(
    "/failed-calls",
    "Failed calls",
    "Why calls failed, and what to do about each.",
    "Use",
    "report",
    render,
    needs=Permission.SEE,
)
