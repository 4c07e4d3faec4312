"""An evaluation: error rates, comparison with another, apply and delete."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.evaluation.charts import DET_TEXTS, ROC_TEXTS, CurveTexts, det, roc
from mien.evaluation.records import differences, parts_of
from mien.evaluation.significance import ALPHA
from mien.gallery.evaluations import CALIBRATION, GROUPS, Evaluation
from mien.management.roles import Permission
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.evaluations import RESULT_PATH, ROOT, one_in, source
from mien.portal.texts import decimal_mark, figure, listed, mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, banner, button, facts, moment, section, table

_DIFFERS: Final = {None: mark("not measured"), True: mark("yes"), False: mark("within chance")}


async def render(visitor: Visitor) -> None:
    """Render a result, and its comparison with another."""
    stored, resource_id = visitor.parts.measuring.stored, visitor.resource.id
    found = await visitor.ask(lambda: stored.get(resource_id, visitor.query.get("name", "")))
    others = [one for one in await visitor.ask(lambda: stored.all(resource_id, CALIBRATION)) if one.name != found.name]
    data = found.result
    if found.kind == GROUPS:
        _groups(visitor, found)
        return
    with section(found.name):
        facts(
            [
                (t("Model pack"), found.pack),
                (t("Recognition model"), found.label),
                (t("Source"), source(found)),
                (t("Note"), found.note),
                (t("People"), figure(data["people"], ",")),
                (t("Photos"), figure(data["photos"], ",")),
                (
                    t("Without a template"),
                    listed(f"{figure(count, ',')} {t(why)}" for why, count in data["failures"].items()),
                ),
                (
                    t("Comparisons"),
                    t(
                        "{genuine:,} of one person, {impostor:,} of two people ({person_pairs:,} pairs of people)",
                        genuine=data["genuine"],
                        impostor=data["impostor"],
                        person_pairs=data["person_pairs"],
                    ),
                ),
                (t("Measured"), t("{at} by {actor}", at=moment(found.created_at), actor=found.created_by)),
            ]
        )
    _thresholds(visitor, found)
    second = next((one for one in others if one.name == visitor.query.get("with")), None)
    _curves(found, second)
    if others:
        _compare(visitor, found, second, [one.name for one in others])
    if data["identification"]:
        with section(t("Identification"), t("Strangers identified as somebody, and enrolled people not found.")):
            table(
                t("Identification"),
                [t("Enrolled"), t("Photos each"), t("Threshold"), t("FPIR"), t("FNIR")],
                [
                    [
                        figure(one["gallery"], ","),
                        one["photos"],
                        figure(one["threshold"], ".4f"),
                        _percent(one["fpir"]),
                        _percent(one["fnir"]),
                    ]
                    for one in data["identification"]
                ],
                numbers=[0, 1, 2],
            )


def _groups(visitor: Visitor, found: Evaluation) -> None:
    """Draw a stored report by groups: the rates and the differences."""
    with section(found.name, t("Rates by groups that the operator labelled. Labels of persons are not stored.")):
        facts(
            [
                (t("Model pack"), found.pack),
                (t("Note"), found.note),
                (t("Measured"), t("{at} by {actor}", at=moment(found.created_at), actor=found.created_by)),
            ]
        )
        with Tag("div", classes="row"):
            button(t("Delete"), partial(_ask_delete, visitor, found), "danger", may=visitor.may(Permission.MANAGE))
    for one in found.result["attributes"]:
        with section(
            t("By {attribute}", attribute=one["attribute"]),
            t("At the threshold {threshold:.4f}, with 95 % intervals over people.", threshold=one["threshold"]),
        ):
            seen = [it for it in one["differences"] if it["holm"] < ALPHA]
            for it in seen:
                rates = t(" against ").join(figure(rate, ".3g") + " %" for rate in it["rates"])
                banner(
                    "warn",
                    t("{measure}: {one} against {other}", measure=_measure(it), one=it["one"], other=it["other"]),
                    t("{rates}; p {holm:.3f} (Holm)", rates=rates, holm=it["holm"]),
                )
            if not seen:
                banner(
                    "info",
                    t("No difference is more than chance"),
                    t("With more people, smaller differences would show."),
                )
            table(
                t("Groups by {attribute}", attribute=one["attribute"]),
                [t("Group"), t("People"), t("FMR"), t("FNMR"), t("FTE"), t("Low quality")],
                [
                    [each["name"], each["people"], *(_percent(each[name]) for name in ("fmr", "fnmr", "fte", "poor"))]
                    for each in one["groups"]
                ],
                numbers=[1],
            )


def _measure(difference: Mapping[str, Any]) -> str:
    return t("Low quality") if difference["measure"] == "quality" else str(difference["measure"])


def _thresholds(visitor: Visitor, found: Evaluation) -> None:
    data = found.result
    about = t(
        "Rates with their 95 % intervals over people. A false match rate is claimed only where there are three times "
        "its inverse in pairs of people."
    )
    with section(t("Thresholds"), about):
        now = data["current"]
        if now is not None:
            said = t(
                "False match rate {fmr}; false non-match rate {fnmr}.",
                fmr=_percent(now["fmr"]),
                fnmr=_percent(now["fnmr"]),
            )
            banner(
                "info",
                t("The threshold in use when this was measured: {threshold:.4f}", threshold=now["threshold"]),
                said,
            )
        table(
            t("Thresholds"),
            [t("False match rate"), t("Threshold"), t("False non-match rate")],
            [
                [one_in(one["fmr"]), figure(one["threshold"], ".4f"), _percent(one["fnmr"])]
                if one["threshold"] is not None
                else [
                    one_in(one["fmr"]),
                    "–",
                    tn("Needs {count:,} more person", "Needs {count:,} more people", one["people_missing"]),
                ]
                for one in data["levels"]
            ],
            numbers=[0, 1],
        )
        if data["calibration"] is None:
            banner(
                "warn",
                t("No calibration"),
                tn(
                    "It needs {count:,} more person, or a higher false match rate.",
                    "It needs {count:,} more people, or a higher false match rate.",
                    data["missing"],
                ),
            )
        with Tag("div", classes="row"):
            if data["calibration"] is not None:
                button(t("Apply"), partial(_ask_apply, visitor, found), "primary", may=visitor.may(Permission.MANAGE))
            button(t("Delete"), partial(_ask_delete, visitor, found), "danger", may=visitor.may(Permission.MANAGE))


def _curves(found: Evaluation, second: Evaluation | None) -> None:
    shown = [(one.name, one.result["curve"]) for one in (found, second) if one is not None]
    now = found.result["current"]
    at = None if now is None else (now["fmr"][0], now["fnmr"][0])
    with Tag("div", classes="two"):
        for title, chart in (
            (t("DET curve"), det(shown, at, _translated(DET_TEXTS))),
            (t("ROC curve"), roc(shown, _translated(ROC_TEXTS))),
        ):
            with section(title):
                ui.html(chart, sanitize=False).classes("figure")


def _translated(texts: CurveTexts) -> CurveTexts:
    return CurveTexts(t(texts.title), t(texts.across), t(texts.up), decimal_mark())


def _compare(visitor: Visitor, found: Evaluation, second: Evaluation | None, names: list[str]) -> None:
    with section(t("Compare"), t("With another model, camera or date.")):
        options = {"": t("Choose a result"), **{name: name for name in names}}

        def go(name: str) -> None:
            more = {"with": name} if name else {}
            ui.navigate.to(visitor.link(RESULT_PATH, name=found.name, **more))

        ui.select(options, value=second.name if second else "", label=t("Other result"),
                  on_change=lambda event: go(str(event.value))).props("outlined")  # fmt: skip
        if second is None:
            return
        rows = differences(found.result, second.result)
        table(
            t("Differences"),
            [
                t("False match rate"),
                t("FNMR {found}", found=found.name),
                t("FNMR {second}", second=second.name),
                t("Differs"),
            ],
            [[one_in(one.fmr), *map(_percent, one.fnmr), t(_DIFFERS[one.differs])] for one in rows],
            numbers=[0],
        )


def _ask_apply(visitor: Visitor, found: Evaluation) -> None:
    calibration: Mapping[str, Any] = found.result["calibration"]

    ask_before(
        visitor,
        Confirmation(
            t("Apply this calibration?"),
            t(
                "Confidence 0.5 will stand for similarity {threshold:.4f}, at a false match rate of "
                "{rate}. Confidences of verify and identify change, and their default thresholds "
                "with them. You can step back.",
                threshold=calibration["threshold"],
                rate=one_in(calibration["fmr"]),
            ),
            t("Apply"),
            kind="primary",
        ),
        lambda: visitor.parts.measuring.stored.apply(visitor.resource.id, found.name, actor=visitor.name),
        then=ROOT,
        done=t("The calibration is applied."),
    )


def _ask_delete(visitor: Visitor, found: Evaluation) -> None:
    ask_before(
        visitor,
        Confirmation(t("Delete this result?"), t("A calibration that was applied from it stays in use."), t("Delete")),
        lambda: visitor.parts.measuring.stored.delete(visitor.resource.id, found.name, actor=visitor.name),
        then=ROOT,
        done=t("The result is deleted."),
    )


def _percent(rate: list[float] | None) -> str:
    """Return a rate with its interval in the language of the page."""
    if rate is None:
        return "–"
    value, low, high = (figure(float(part), f".{len(part.partition('.')[2])}f") for part in parts_of(rate))
    return t("{value} % ({low} to {high})", value=value, low=low, high=high)


PAGE = Page(
    RESULT_PATH,
    mark("Evaluation"),
    mark("One result."),
    mark("Use"),
    "straighten",
    render,
    listed=False,
    needs=Permission.SEE,
    help=Help(
        mark(
            "One measurement: error rates at several thresholds, with the uncertainty that "
            "comes from the number of people."
        ),
        "my-threshold.md#measure",
        (Term.FMR, Term.FNMR, Term.FPIR, Term.THRESHOLD),
    ),
)
