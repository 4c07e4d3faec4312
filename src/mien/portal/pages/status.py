"""All resources at a glance: errors, approvals, alerts that reach nobody, stale groups; disk, version, models."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final
from uuid import UUID

from mien.accounts import RequestState, Resource
from mien.events import Question
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.warnings import blocked
from mien.portal.widgets import Cell, Tag, badge, banner, empty, facts, section, size, table, tile

_WAITING: Final = {RequestState.SUBMITTED, RequestState.IN_REVIEW}
_MANY_ERRORS: Final = 0.1
_LITTLE_SPACE: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Line:
    """What is to be known of a resource."""

    resource: Resource
    calls: float
    errors: float
    waiting: int
    firing: int
    undelivered: int
    stale: int
    faces: int


def _find(visitor: Visitor) -> tuple[list[_Line], int, int]:
    """Return a line a resource, and how many rules of all resources fire and reach nobody; in a thread."""
    parts = visitor.parts
    now = parts.clock.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    undelivered, rules = parts.alerts.undelivered(), parts.alerts.rules()
    stale: dict[UUID, int] = {}
    for one in parts.gallery.stale.every():
        stale[one.ref.resource_id] = stale.get(one.ref.resource_id, 0) + 1
    faces = parts.faces_stored()

    def line(resource: Resource) -> _Line:
        own = [rule for rule in rules if rule.resource_id == resource.id]
        return _Line(
            resource,
            parts.metrics.value(Question("TotalCalls", day, now, resource.id)) or 0,
            parts.metrics.value(Question("TotalErrors", day, now, resource.id)) or 0,
            sum(request.state in _WAITING for request in parts.access.requests(resource.id)),
            sum(rule.firing for rule in own),
            sum(rule.id in undelivered for rule in own),
            stale.get(resource.id, 0),
            faces.get(resource.id, 0),
        )

    general = [rule for rule in rules if rule.resource_id is None]
    firing, untold = sum(rule.firing for rule in general), sum(rule.id in undelivered for rule in general)
    return [line(one) for one in visitor.resources], firing, untold


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    lines, firing, untold = await visitor.ask(lambda: _find(visitor))
    untold += sum(one.undelivered for one in lines)
    firing += sum(one.firing for one in lines)
    if untold:
        about = "A rule's last message was not taken: its receiver knows nothing of it. See the rules' resources below."
        banner("bad", f"{untold} alert rules reached nobody", about)
    folder = visitor.parts.data_dir
    disk = await visitor.ask(lambda: shutil.disk_usage(folder)) if folder is not None and folder.exists() else None
    with Tag("div", classes="tiles"):
        tile("resources", f"{len(lines):,}")
        tile("alerts firing", f"{firing:,}")
        tile("approvals waiting", f"{sum(one.waiting for one in lines):,}")
        tile("stale groups", f"{sum(one.stale for one in lines):,}")
        if disk is not None:
            tile("disk free", size(disk.free), f"of {size(disk.total)}")
        tile("version", version("mien"))
    if disk is not None and disk.free < _LITTLE_SPACE * disk.total:
        banner("warn", "Little disk space is left", "The server stops answering when the disk is full.")
    with section("Resources", "Calls and errors of today (UTC)."):
        if not lines:
            empty("add_box", "No resources yet", action=("Create a resource", "/resources/new"))
        else:
            table(
                "Resources at a glance",
                ["Resource", "State", "Calls", "Errors", "Approvals waiting", "Alerts", "Stale groups", "Faces"],
                [_row(one) for one in sorted(lines, key=_urgency)],
                numbers=[2, 3, 4, 6, 7],
            )
    with section("Models"):
        bound = visitor.parts.bindings
        facts([*((label, pack) for label, pack in sorted(bound.recognition.items()))])
        Tag("a", "All models", href=visitor.link("/models"))


def _urgency(one: _Line) -> tuple[int, float, str]:
    return -(one.undelivered + one.firing + one.waiting + one.stale), -one.errors, one.resource.name


def _link(one: _Line, label: str, path: str) -> None:
    Tag("a", label, href=f"{path}?resource={one.resource.name}")


def _row(one: _Line) -> list[Cell]:
    share = one.errors / one.calls if one.calls else 0.0

    def errors() -> None:
        if not one.errors:
            Tag("span", "0")
            return
        _link(one, f"{one.errors:,.0f} ({share:.0%})", "/failed-calls")
        if share >= _MANY_ERRORS:
            badge("many", "bad")

    def alerts() -> None:
        with Tag("div", classes="row", style="gap:.3rem"):
            if one.firing:
                badge(f"{one.firing} firing", "bad")
            if one.undelivered:
                badge(f"{one.undelivered} reached nobody", "bad")
            if not (one.firing or one.undelivered):
                Tag("span", "quiet")
            else:
                _link(one, "Rules", "/metrics-and-alerts")

    def count(number: int, path: str) -> Cell:
        return partial(_link, one, f"{number:,}", path) if number else "0"

    return [
        partial(_link, one, one.resource.name, "/"),
        partial(badge, *(("Blocked", "bad") if blocked(one.resource) else ("Running", "good"))),
        f"{one.calls:,.0f}",
        errors,
        count(one.waiting, "/review"),
        alerts,
        count(one.stale, "/people"),
        f"{one.faces:,}",
    ]


PAGE = Page(
    "/status",
    "Status",
    "All resources at a glance: what fails, waits, fires or is out of date.",
    "Server",
    "monitor_heart",
    render,
    needs_resource=False,
    needs=Permission.SEE,
    whole_server=True,
)
