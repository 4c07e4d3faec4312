"""The latest failed calls with time, caller, reason and remedy."""

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
from mien.portal.help import Help, Term
from mien.portal.texts import mark, moment, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, button, choice, copy_button, empty, section, table, text
from mien.spreadsheets import plain_cell

_PAGE: Final = 50
_FIELDS: Final = ("scope", "code", "operation", "status")
_COLUMNS: Final = (
    "at",
    "operation",
    "method",
    "status",
    "code",
    "message",
    "hint",
    "address",
    "request id",  # not translated: a column of the file
    "ms",
)  # not translated: a file


async def render(visitor: Visitor) -> None:
    """Render the page."""
    calls, query = visitor.parts.failed_calls, visitor.query
    owner = None if query.get("scope") == "unknown" else visitor.resource.id
    await visitor.ask(calls.flush)  # include the latest calls
    codes, operations = await visitor.ask(lambda: calls.kinds(owner))
    before = query.get("before", "")
    last = int(before) if before.isdecimal() and len(before) < 10 else None
    found = await visitor.ask(lambda: _search(visitor, last, _PAGE))
    with section(t("Search")), Tag("form", classes="row", method="get", role="search"):
        Tag("input", type="hidden", name="resource", value=visitor.resource.name)
        scopes = {"one": t("This resource"), "unknown": t("No known resource (wrong key)")}
        _select(t("Calls of"), "scope", scopes, query)
        _select(t("Code"), "code", {"": t("Any"), **{one: one for one in codes if one}}, query)
        _select(t("Operation"), "operation", {"": t("Any"), **{one: one for one in operations}}, query)
        _select(t("Status"), "status", {"": t("Any"), "4": t("4xx: the request"), "5": t("5xx: the server")}, query)
        Tag("button", t("Search"), "btn primary", type="submit")
    with section(
        t("Failed calls"),
        t("Newest first; the last {count:,} are kept for 30 days, without bodies and keys.", count=KEPT),
    ):
        if not found:
            about = t("Calls that are answered with an error are listed here some seconds later.")
            empty("task_alt", t("No failed calls"), about)
            return
        table(
            t("Failed calls"),
            [t("When"), t("Call"), t("Answer"), t("Meaning and remedy"), t("Caller"), t("Request id")],
            [_row(visitor, one) for one in found],
        )
        if len(found) == _PAGE:
            kept = {name: value for name, value in query.items() if name in _FIELDS}
            Tag("a", t("Older calls"), href=visitor.link("/failed-calls", **kept, before=str(found[-1].id)))

        async def export() -> None:
            content = await visitor.act(Permission.SEE, lambda: _sheet(_search(visitor, None, KEPT)))
            if content is not None:
                ui.download(content, "mien-failed-calls.csv", "text/csv")

        with Tag("div"):
            button(t("Export as CSV"), export, image="download")
        text(t("Paste a request into `mien doctor --explain` to have it examined against this server."), "soft small")


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
        status=int(status) if status.isdecimal() and len(status) < 4 else None,
        before=before,
        limit=limit,
    )


def _row(visitor: Visitor, one: FailedCall) -> list[Cell]:
    return [
        moment(one.at, seconds=True),
        partial(_call, one),
        partial(_answer, one),
        partial(_meaning, visitor, one),
        one.address or "–",
        partial(_request_id, one),
    ]


def _call(one: FailedCall) -> None:
    Tag("div", one.operation, "words")
    Tag("div", t("{method}, {milliseconds:,} ms", method=one.method, milliseconds=one.milliseconds), "small soft")


def _answer(one: FailedCall) -> None:
    Tag("strong", str(one.status))
    Tag("div", one.code, "small soft")


def _meaning(visitor: Visitor, one: FailedCall) -> None:
    told = advice(one)
    with Tag("div", classes="words"):
        Tag("div", t(told.text))
        if told.action:
            Tag("a", t(told.action[0]), href=visitor.link(told.action[1]))
        with Tag("details"):
            Tag("summary", t("Answer in full"))
            Tag("div", one.message or t("There was no message."), "small")
            if one.hint:
                Tag("div", one.hint, "small")


def _request_id(one: FailedCall) -> None:
    if not one.request_id:
        Tag("span", "–")
        return
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("span", f"{one.request_id[:8]}…", "mono", title=one.request_id)
        copy_button(one.request_id, t("request id {request_id}", request_id=one.request_id[:8]))


def _sheet(calls: list[FailedCall]) -> bytes:
    lines = io.StringIO()
    sheet = csv.writer(lines)
    sheet.writerow(_COLUMNS)
    for one in calls:
        cells = (one.operation, one.method, one.status, one.code, one.message, one.hint, one.address, one.request_id)
        sheet.writerow([one.at.isoformat(), *(plain_cell(str(cell)) for cell in cells), one.milliseconds])
    return lines.getvalue().encode()


PAGE = Page(
    "/failed-calls",
    mark("Failed calls"),
    mark("Why calls failed, and what to do about each."),
    mark("Use"),
    "report",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Says why calls were refused or failed, and what to do about each."), "errors.md", (Term.REQUEST_ID,)
    ),
)
