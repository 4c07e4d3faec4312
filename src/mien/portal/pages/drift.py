"""Drift: changes of quality and scores."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.evaluation.charts import Axis, ChartLine, line_chart, nice
from mien.evaluation.drift import ALPHA, Missing, Shift
from mien.events.drift import BINS, DriftSeries
from mien.gallery.drift import UNMOVED, SeriesDrift
from mien.management.roles import Permission
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import day, decimal_mark, figure, mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, banner, button, empty, section, text

ROOT: Final = "/drift"
_AXES: Final = {
    DriftSeries.QUALITY: mark("Unified quality score"),
    DriftSeries.SCORE: mark("Similarity"),
    DriftSeries.MARGIN: mark("Difference of similarities"),
}


async def render(visitor: Visitor) -> None:
    """Render the changed series, and a chart of each."""
    drift, resource_id = visitor.parts.drift, visitor.resource.id
    found = await visitor.ask(lambda: drift.of(resource_id))
    if not found:
        with section(t("Nothing counted yet")):
            empty(
                "show_chart",
                t("No calls and no tracks were counted"),
                t("Detect, Identify and cameras are counted by day. Four weeks make the baseline."),
            )
        return
    moved = [one for one in found if one.moved]
    for one in moved:
        banner("warn", f"{_place(one)}: {t(one.name)}", _finding(one))
    if not moved and any(isinstance(one.found, Shift) for one in found):
        about = t("In a week without a change, {share:.0%} of resources would see a false alarm at most.", share=ALPHA)
        banner("good", t("No change beyond chance"), about)
    for source in dict.fromkeys(one.source for one in found):
        own = [one for one in found if one.source == source]
        dated = next((one for one in own if isinstance(one.found, Shift)), own[0])
        first, last = dated.baseline
        about = t(
            "The week from {week} against the baseline from {first} to {last}. Counts only: no templates and no "
            "persons.",
            week=day(dated.week),
            first=day(first),
            last=day(last),
        )
        with section((source and t("Camera {name}", name=source)) or t("Calls of the API"), about):
            with Tag("div", classes="two"):
                for one in own:
                    _draw(one)
            with Tag("div"):
                button(
                    t("Begin a new baseline"),
                    partial(_ask, visitor, source),
                    may=visitor.may(Permission.MANAGE),
                )


def _draw(one: SeriesDrift) -> None:
    with Tag("div", classes="stack"):
        with Tag("div", classes="row"):
            Tag("h3", t(one.name))
            if one.moved:
                badge(t("moved"), "warn")
        text(_finding(one), "small")
        if one.series is DriftSeries.UNREAD:
            before, after = ("–" if share is None else figure(share, ".1%") for share in one.means)
            text(t("Baseline {before}, week {after}.", before=before, after=after), "soft small")
            return
        bins = BINS[one.series]
        lines = []
        for name, counts in ((t("Baseline"), one.found.baseline), (t("Week"), one.found.week)):
            if total := int(counts.sum()):
                places = [(place + 0.5) * bins.high / bins.count for place in range(bins.count)]
                shares = (float(count) / total for count in counts[: bins.count])
                lines.append(ChartLine(name, list(zip(places, shares, strict=True))))
        if lines:
            top = nice(max(share for line in lines for _, share in line.points))
            point = decimal_mark()
            across = Axis(t(_AXES[one.series]), 0.0, bins.high, percent=False, point=point)
            chart = line_chart(
                t("{name}: baseline and week", name=t(one.name)),
                lines,
                across,
                Axis(t("Share"), 0.0, top or 1.0, point=point),
            )
            ui.html(chart, sanitize=False).classes("figure")


def _finding(one: SeriesDrift) -> str:
    """Return `SeriesDrift.sentence` in the language of the page."""
    if isinstance(one.found, Missing):
        return t(one.found.form, count=one.found.count, day="" if one.found.ready is None else day(one.found.ready))
    if not one.moved or one.since is None:
        return t(UNMOVED)
    before, after = (_value(one.series, mean) for mean in one.means)
    said = t("Changed since {day}: mean {before} → {after}.", day=day(one.since), before=before, after=after)
    if (shares := one.without_value) is None:
        return said
    name, (old, new) = t(BINS[one.series].extra), shares
    return said + " " + t("Share of “{name}”: {before:.0%} → {after:.0%}.", name=name, before=old, after=new)


def _value(series: DriftSeries, mean: float | None) -> str:
    if mean is None:
        return "–"
    return figure(mean, {DriftSeries.UNREAD: ".1%", DriftSeries.QUALITY: ".0f"}.get(series, ".2f"))


def _place(one: SeriesDrift) -> str:
    return t("Camera {name}", name=one.source) if one.source else t("Calls of the API")


def _ask(visitor: Visitor, source: str) -> None:
    ask_before(
        visitor,
        Confirmation(
            t("Begin a new baseline?"),
            t("Do this after an intended change, such as a new camera. Nothing is compared for five weeks."),
            t("Begin"),
            kind="primary",
        ),
        lambda: visitor.parts.drift.set_baseline(visitor.resource.id, source, None, actor=visitor.name),
        then=ROOT,
        done=t("A new baseline begins today."),
    )


PAGE = Page(
    ROOT,
    mark("Drift"),
    mark("Whether quality and scores have changed, and since when."),
    mark("Use"),
    "trending_down",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Compares last week's photos and scores with those of the weeks before, and says what has changed."),
        "drift.md",
        (Term.MARGIN,),
    ),
)
