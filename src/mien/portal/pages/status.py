"""All resources at a glance: errors, approvals, alerts that reach nobody, stale groups; disk, version, models."""

from __future__ import annotations

from functools import partial

from mien.management.glance import MANY_ERRORS, ResourceGlance
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, badge, banner, empty, facts, section, size, table, tile


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    found = await visitor.ask(lambda: visitor.parts.glances.look(visitor.session.actor.sees))
    lines = found.resources
    untold = found.undelivered + sum(one.undelivered for one in lines)
    firing = found.firing + sum(one.firing for one in lines)
    if untold:
        about = "A rule's last message was not taken: its receiver knows nothing of it. See the rules' resources below."
        banner("bad", f"{untold} alert rules reached nobody", about)
    with Tag("div", classes="tiles"):
        tile("resources", f"{len(lines):,}")
        tile("alerts firing", f"{firing:,}")
        tile("approvals waiting", f"{sum(one.waiting for one in lines):,}")
        tile("stale groups", f"{sum(one.stale for one in lines):,}")
        if found.disk_free is not None and found.disk_total is not None:
            tile("disk free", size(found.disk_free), f"of {size(found.disk_total)}")
        tile("version", found.version)
    if found.little_space:
        banner("warn", "Little disk space is left", "The server stops answering when the disk is full.")
    with section("Resources", "Calls and errors of today (UTC)."):
        if not lines:
            empty("add_box", "No resources yet", action=("Create a resource", "/resources/new"))
        else:
            table(
                "Resources at a glance",
                ["Resource", "State", "Calls", "Errors", "Approvals waiting", "Alerts", "Stale groups", "Faces"],
                [_row(one) for one in lines],
                numbers=[2, 3, 4, 6, 7],
            )
    with section("Models"):
        facts(sorted(found.models.items()))
        Tag("a", "All models", href=visitor.link("/models"))


def _link(one: ResourceGlance, label: str, path: str) -> None:
    Tag("a", label, href=f"{path}?resource={one.resource.name}")


def _row(one: ResourceGlance) -> list[Cell]:
    share = one.error_rate

    def errors() -> None:
        if not one.errors:
            Tag("span", "0")
            return
        _link(one, f"{one.errors:,.0f} ({share:.0%})", "/failed-calls")
        if share >= MANY_ERRORS:
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
        partial(badge, *(("Blocked", "bad") if one.resource.blocked else ("Running", "good"))),
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
