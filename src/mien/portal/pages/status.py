"""The status of all resources: errors, approvals, alerts, stale groups; and of the server: disk, version, models."""

from __future__ import annotations

from functools import partial

from mien.management.glance import MANY_ERRORS, ResourceGlance
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import figure, mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, badge, banner, empty, facts, section, size, table, tile


async def render(visitor: Visitor) -> None:
    """Render the page."""
    found = await visitor.ask(lambda: visitor.parts.glances.look(visitor.session.actor.sees))
    lines = found.resources
    untold = found.undelivered + sum(one.undelivered for one in lines)
    firing = found.firing + sum(one.firing for one in lines)
    if untold:
        about = t("The last message of a rule was not accepted by its receiver. See the rules' resources below.")
        banner(
            "bad",
            tn(
                "{count} alert rule could not notify its receiver",
                "{count} alert rules could not notify their receivers",
                untold,
            ),
            about,
        )
    with Tag("div", classes="tiles"):
        tile(t("resources"), figure(len(lines), ","))
        tile(t("alerts firing"), figure(firing, ","))
        tile(t("approvals waiting"), figure(sum(one.waiting for one in lines), ","))
        tile(t("stale groups"), figure(sum(one.stale for one in lines), ","))
        if found.disk_free is not None and found.disk_total is not None:
            tile(t("disk free"), size(found.disk_free), t("of {total}", total=size(found.disk_total)))
        tile(t("version"), found.version)
    if found.little_space:
        banner("warn", t("Little disk space is left"), t("The server stops answering when the disk is full."))
    with section(t("Resources"), t("Calls and errors of today (UTC).")):
        if not lines:
            empty("add_box", t("No resources yet"), action=(t("Create a resource"), "/resources/new"))
        else:
            table(
                t("Overview of resources"),
                [
                    t("Resource"),
                    t("State"),
                    t("Calls"),
                    t("Errors"),
                    t("Approvals waiting"),
                    t("Alerts"),
                    t("Stale groups"),
                    t("Faces"),
                ],
                [_row(one) for one in lines],
                numbers=[2, 3, 4, 6, 7],
            )
    with section(t("Models")):
        facts(sorted(found.models.items()))
        Tag("a", t("All models"), href=visitor.link("/models"))


def _link(one: ResourceGlance, label: str, path: str) -> None:
    Tag("a", label, href=f"{path}?resource={one.resource.name}")


def _row(one: ResourceGlance) -> list[Cell]:
    share = one.error_rate

    def errors() -> None:
        if not one.errors:
            Tag("span", "0")
            return
        _link(one, t("{errors:,.0f} ({share:.0%})", errors=one.errors, share=share), "/failed-calls")
        if share >= MANY_ERRORS:
            badge(t("many"), "bad")

    def alerts() -> None:
        with Tag("div", classes="row", style="gap:.3rem"):
            if one.firing:
                badge(t("{count} firing", count=one.firing), "bad")
            if one.undelivered:
                badge(t("{count} not delivered", count=one.undelivered), "bad")
            if not (one.firing or one.undelivered):
                Tag("span", t("quiet"))
            else:
                _link(one, t("Rules"), "/metrics-and-alerts")

    def counted(count: int, path: str) -> Cell:
        return partial(_link, one, figure(count, ","), path) if count else "0"

    return [
        partial(_link, one, one.resource.name, "/"),
        partial(badge, *((t("Blocked"), "bad") if one.resource.blocked else (t("Running"), "good"))),
        figure(one.calls, ",.0f"),
        errors,
        counted(one.waiting, "/review"),
        alerts,
        counted(one.stale, "/people"),
        figure(one.faces, ","),
    ]


PAGE = Page(
    "/status",
    mark("Status"),
    mark("An overview of all resources: failures, pending approvals, firing alerts, outdated items."),
    mark("Server"),
    "monitor_heart",
    render,
    needs_resource=False,
    needs=Permission.SEE,
    whole_server=True,
    help=Help(
        mark("For a look each morning: errors, pending approvals, undelivered alerts, groups to train, disk space."),
        "operate.md",
        (Term.TRAINING,),
    ),
)
