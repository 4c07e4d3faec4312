"""Metrics and alerts: charts of a resource's calls, errors, latency and storage; alert rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.events import METRICS, Aggregation, AlertRule, Condition, MetricQuestion, QuotaUse, Series
from mien.events.alerts.conditions import DRIFT, QUOTA_USE, RECALL, USUAL, Usual
from mien.events.alerts.types import Delivery
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.stored_texts import said_stored
from mien.portal.texts import figure, mark, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.warnings import quota_words
from mien.portal.widgets import Tag, badge, banner, button, confirm, empty, hint, meter, section, table, text

_SPANS: Final = {
    "1h": (mark("1 hour"), timedelta(hours=1), timedelta(minutes=1)),
    "24h": (mark("24 hours"), timedelta(days=1), timedelta(minutes=15)),
    "7d": (mark("7 days"), timedelta(days=7), timedelta(hours=2)),
    "30d": (mark("30 days"), timedelta(days=30), timedelta(hours=8)),
}
_COLOURS: Final = ("#1b8fa3", "#d9730d", "#8a63d2", "#2f9e5b", "#c2410c", "#4c78c9")
_INK: Final = "#7d8b98"
_RANKS: Final = (50.0, 95.0, 99.0)
_AGGREGATIONS: Final = {
    Aggregation.TOTAL: mark("total"),
    Aggregation.AVERAGE: mark("average"),
    Aggregation.MAXIMUM: mark("maximum"),
    Aggregation.COUNT: mark("count"),
    Aggregation.PERCENTILE: mark("percentile"),
}
_NAMELESS: Final = mark("without a code")


@dataclass(frozen=True, slots=True)
class _Found:
    """The data of the charts."""

    calls: list[Series]
    errors: list[Series]
    latency: list[Series]
    percentiles: list[tuple[str, float | None]]
    faces: list[Series]
    stored: int
    uses: list[QuotaUse]


def _find(visitor: Visitor, span: str) -> _Found:
    parts, resource = visitor.parts, visitor.resource
    now = parts.clock.now()
    _, length, step = _SPANS[span]

    def ask(name: str, **more: Any) -> list[Series]:
        return parts.metrics.ask(MetricQuestion(name, now - length, now, resource.id, interval=step, **more))

    def percentile(rank: float) -> Series:
        found = ask("Latency", aggregation=Aggregation.PERCENTILE, percentile=rank)[0]
        return Series(f"p{rank:g}", found.points)

    def in_all(rank: float) -> float | None:
        whole = MetricQuestion(
            "Latency", now - length, now, resource.id, aggregation=Aggregation.PERCENTILE, percentile=rank
        )
        return parts.metrics.value(whole)

    return _Found(
        ask("TotalCalls", split="operation"),
        ask("TotalErrors", split="code"),
        [percentile(rank) for rank in _RANKS],
        [(f"p{rank:g}", in_all(rank)) for rank in _RANKS],
        [Series(t("faces"), one.points) for one in ask("FacesStored")],
        parts.faces_stored().get(resource.id, 0),
        sorted((one for one in parts.quota_uses() if one.resource_id == resource.id), key=lambda one: -one.percent),
    )


async def render(visitor: Visitor) -> None:
    """Render the page."""
    span = visitor.query.get("span", "24h")
    span = span if span in _SPANS else "24h"
    with Tag("nav", classes="tabs", aria_label=t("Time")):
        for name, (words, _, _) in _SPANS.items():
            link = Tag("a", t(words), href=visitor.link("/metrics-and-alerts", span=name))
            if name == span:
                link.props["aria-current"] = "page"
    found = await visitor.ask(lambda: _find(visitor, span))
    latency = [(rank, t("{value:,.0f} ms", value=value)) for rank, value in found.percentiles if value is not None]
    with Tag("div", classes="two"):
        _chart(t("Calls"), t("By operation"), found.calls, numbers=(t("Operation"), t("Calls"), _sums(found.calls)))
        _chart(t("Errors"), t("By code"), found.errors, numbers=(t("Code"), t("Errors"), _sums(found.errors)))
        _chart(
            t("Latency"),
            t("Percentiles of all calls, in milliseconds"),
            found.latency,
            numbers=(t("Percentile"), t("Whole period"), latency),
        )
        _chart(
            t("Faces stored"), t("Read every five minutes"), found.faces, now=t("Now: {stored:,}", stored=found.stored)
        )
    with section(t("Quotas"), t("Usage against the limits of the tier.")):
        if not found.uses:
            text(t("Nothing is stored yet, and calls are not limited."), "soft")
        for use in found.uses:
            meter(quota_words(use), use.percent / 100, t("{used:,.0f} of {limit:,.0f}", used=use.used, limit=use.limit))
    await _alerts(visitor)


def _sums(series: Sequence[Series]) -> list[tuple[str, str]]:
    sums = [(one.label or t(_NAMELESS), sum(point.value or 0 for point in one.points)) for one in series]
    return [(name, figure(value, ",.0f")) for name, value in sorted(sums, key=lambda one: -one[1]) if value]


def _chart(
    title: str,
    about: str,
    series: Sequence[Series],
    *,
    numbers: tuple[str, str, list[tuple[str, str]]] | None = None,
    now: str = "",
) -> None:
    """Draw a chart (stacked for amounts, lines for levels) and, below it, its numbers."""
    stacked = numbers is not None and numbers[2] == _sums(series)
    with section(title, about):
        if now:
            text(now)
        if not any(point.value for one in series for point in one.points):
            empty("show_chart", t("No data in this period"))
            return
        names = ", ".join(one.label or t(_NAMELESS) for one in series)
        chart = ui.echart(chart_options(series, stacked=stacked), renderer="svg").classes("chart").props("role=img")
        chart.props["aria-label"] = f"{title}: {names}"
        if numbers is not None:
            what, unit, rows = numbers
            table(t("{title} in numbers", title=title), [what, unit], rows, numbers=[1])


def chart_options(series: Sequence[Series], *, stacked: bool) -> dict[str, Any]:
    """Return the options of a chart over time; the style sheet sets its text colours."""
    line = {"lineStyle": {"color": _INK, "opacity": 0.3}}
    return {
        "animation": False,
        "color": _COLOURS,
        "grid": {"left": 55, "right": 15, "top": 15, "bottom": 60},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "backgroundColor": "var(--card)",
            "borderColor": _INK,
            "textStyle": {"color": "var(--text)"},
        },
        "legend": {"bottom": 0, "type": "scroll", "pageIconColor": _INK, "pageIconInactiveColor": "transparent"},
        "xAxis": {
            "type": "time",
            "axisLabel": {"hideOverlap": True},
            "axisLine": line,
            "splitLine": {"show": False},
            "splitNumber": 4,
        },
        "yAxis": {"type": "value", "min": 0, "minInterval": 1 if stacked else 0, "splitLine": line},
        "series": [
            {
                "name": one.label or t(_NAMELESS),
                "type": "bar" if stacked else "line",
                "symbol": "circle",
                "symbolSize": 5,
                "connectNulls": False,
                "data": [[int(point.at.timestamp() * 1000), point.value] for point in one.points],
                **({"stack": "all", "barMinWidth": 3} if stacked else {}),
            }
            for one in series
        ],
    }


async def _alerts(visitor: Visitor) -> None:
    every = await visitor.ask(visitor.parts.alerts.rules)
    untold = await visitor.ask(visitor.parts.alerts.undelivered)
    about = {None, visitor.resource.id}
    rules = [one for one in every if one.resource_id in about and visitor.session.actor.sees(one.resource_id)]
    with section(
        t("Alert rules"),
        t("A rule writes to the log, and calls its webhook if it has one, when it fires and when it clears."),
    ):
        if not rules:
            empty("notifications_none", t("No rules yet"))
        else:
            table(
                t("Alert rules"),
                [t("Name"), t("State"), t("Condition"), t("For"), t("Tells"), ""],
                [
                    [
                        rule.name,
                        partial(_state, rule, untold.get(rule.id)),
                        _condition(rule.condition),
                        visitor.resource.name if rule.resource_id else t("all resources"),
                        rule.host or t("the log"),
                        partial(_buttons, visitor, rule),
                    ]
                    for rule in rules
                ],
            )
    with section(t("Create a rule")):
        _form(visitor)


def _state(rule: AlertRule, untold: Delivery | None) -> None:
    """Draw whether a rule fires, and whether its last message was not delivered."""
    badge(*((t("firing"), "bad") if rule.firing else (t("quiet"), "good")))
    if untold is not None:
        pending, said = untold.state == "pending", said_stored(untold.outcome) if untold.outcome else t("not delivered")
        tried = tn("tried {count} time", "tried {count} times", untold.attempts)
        about = (
            t("{outcome} ({tried}, it is tried again)", outcome=said, tried=tried)
            if pending
            else t("{outcome} ({tried}, given up)", outcome=said, tried=tried)
        )
        with Tag("div", classes="words small"):
            Tag("strong", t("Not delivered:"))
            Tag("span", about)
    elif rule.firing and rule.host is None:
        Tag("div", t("Written to the log only."), "small soft")


def _condition(condition: Condition) -> str:
    values = {"metric": condition.metric, "threshold": condition.threshold, "minutes": condition.minutes}
    if condition.below:
        return t("{metric} at most {threshold:g} over {minutes} min", **values)
    return t("{metric} at least {threshold:g} over {minutes} min", **values)


def _buttons(visitor: Visitor, rule: AlertRule) -> None:
    may = visitor.may(Permission.MANAGE, on=rule.resource_id)

    async def test() -> None:
        def work() -> tuple[str | None]:
            problem = visitor.parts.try_out(rule.id)
            visitor.note("alert.test", rule=str(rule.id), delivered=problem is None)
            return (problem,)

        if outcome := await visitor.act(Permission.MANAGE, work, on=rule.resource_id):
            tell(
                t("It was not accepted: {outcome}", outcome=said_stored(outcome[0]))
                if outcome[0]
                else t("The receiver accepted it."),
                "bad" if outcome[0] else "good",
            )

    async def delete() -> None:
        def work() -> bool:
            visitor.parts.alerts.delete(rule.id)
            visitor.note("alert.delete", rule=str(rule.id), name=rule.name)
            return True

        if await visitor.act(Permission.MANAGE, work, on=rule.resource_id):
            ui.navigate.reload()

    with Tag("div", classes="row", style="gap:0;flex-wrap:nowrap"):
        if rule.host:
            button(t("Test"), test, "quiet", may=may)
        button(t("Delete"), _ask(rule, delete), "quiet", may=may)


def _ask(rule: AlertRule, delete: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def ask() -> None:
        confirm(
            t("Delete the rule {rule}?", rule=rule.name), t("Its unsent messages are discarded."), t("Delete"), delete
        )

    return ask


def _form(visitor: Visitor) -> None:
    metrics = {
        QUOTA_USE: t("Use of a quota, in percent"),
        DRIFT: t("Drift: number of series that have changed"),
        RECALL: t("People that the search engine finds, in percent"),
    }
    metrics |= {name: f"{t(one.display)} ({t(_AGGREGATIONS[one.aggregation])})" for name, one in METRICS.items()}
    with Tag("div", classes="two"):
        name = ui.input(t("Name")).props("outlined")
        metric = ui.select(metrics, value="ServerErrors", label=t("Metric")).props("outlined")
        threshold = ui.number(t("Fires at"), value=1).props("outlined")
        minutes = ui.number(t("Window (minutes)"), value=5, min=1, precision=0).props("outlined")
        url = ui.input(t("Webhook (optional)")).props(
            hint(t("https://…; without one, alerts go to the log only"), "outlined")
        )
        below = ui.checkbox(t("Fire on low values"))
    secret_shown = Tag("div", role="status")

    def fill_in() -> None:
        usual = USUAL.get(str(metric.value), Usual(1.0))
        threshold.value, below.value, minutes.value = usual.threshold, usual.below, usual.minutes

    metric.on_value_change(fill_in)

    async def make() -> None:
        def work() -> tuple[AlertRule, str | None]:
            condition = Condition(
                str(metric.value), float(threshold.value or 0), below=bool(below.value), minutes=int(minutes.value or 0)
            )
            rule, secret = visitor.parts.alerts.create(
                str(name.value or ""),
                condition,
                resource_id=visitor.resource.id,
                url=str(url.value) if url.value else None,
            )
            visitor.note("alert.create", rule=str(rule.id), name=rule.name, metric=condition.metric, to=rule.host)
            return rule, secret

        made = await visitor.act(Permission.MANAGE, work)
        if made is None:
            return
        if made[1] is None:
            ui.navigate.reload()
            return
        secret_shown.clear()
        with secret_shown:
            banner(
                "good",
                t("Rule created"),
                t("Its messages are signed with this secret, shown only once: {secret}", secret=made[1]),
            )

    with Tag("div"):
        button(t("Create rule"), make, "primary", may=visitor.may(Permission.MANAGE))


PAGE = Page(
    "/metrics-and-alerts",
    mark("Metrics and alerts"),
    mark("Calls, errors, latency, storage; and alerts."),
    mark("Use"),
    "insights",
    render,
    needs=Permission.METRICS,
    help=Help(
        mark("Calls, errors and times of this resource, and rules that alert you when a number is wrong."),
        "metrics-and-alerts.md",
        (Term.PERCENTILE, Term.QUOTA, Term.WEBHOOK),
    ),
)
