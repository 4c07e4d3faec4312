"""Evaluations: error rates on the resource's own people, and the calibration that holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.evaluation.charts import det, roc
from mien.evaluation.groups import ALPHA
from mien.evaluation.records import differences, parts_of
from mien.gallery.evaluations import CALIBRATION, GROUPS, Applied, Evaluation
from mien.gallery.kinds import PERSONS, CollectionRef, Kind
from mien.management.roles import Permission
from mien.portal.confirming import Question, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import figure, listed, mark, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import (
    Cell,
    Tag,
    badge,
    banner,
    button,
    confirm,
    empty,
    facts,
    link_button,
    moment,
    section,
    table,
)

ROOT: Final = "/evaluations"
GROUPS_PATH: Final = f"{ROOT}/groups"
_DIFFERS: Final = {None: mark("not measured"), True: mark("yes"), False: mark("within chance")}


async def render(visitor: Visitor) -> None:
    """Draw the list of results, the calibration in use and the form of a new measurement."""
    stored, resource_id = visitor.parts.measuring.stored, visitor.resource.id
    found = await visitor.ask(lambda: stored.all(resource_id))
    versions = await visitor.ask(lambda: stored.applied(resource_id))
    with section(
        t("Results"),
        t(
            "Error rates on your own people: a result holds numbers only. Photos in folders are "
            "measured with mien calibrate run."
        ),
    ):
        if not found:
            empty("straighten", t("Nothing has been measured yet"))
        else:
            table(
                t("Results"),
                [t("Name"), t("Kind"), t("Model pack"), t("Source"), t("People"), t("By"), t("When")],
                [_row(visitor, one) for one in found],
                numbers=[4],
            )
    await _measure_form(visitor)
    with (
        section(
            t("Groups of people"),
            t("Whether the error rates of your own people differ by groups, such as age bands, that you name."),
        ),
        Tag("div"),
    ):
        link_button(t("Report by groups"), visitor.link(GROUPS_PATH))
    with section(
        t("Calibration in use"), t("What makes a confidence of a similarity. A change holds within ten seconds.")
    ):
        _versions(visitor, versions)


def one_in(rate: float) -> str:
    """Return a rate as `1 in 10,000`."""
    return t("1 in {count:,.0f}", count=1 / rate)


def _percent(rate: list[float] | None) -> str:
    """Return a rate with its interval, as `percent` of evaluations does, in the language of the page."""
    if rate is None:
        return "–"
    value, low, high = (figure(float(part), f".{len(part.partition('.')[2])}f") for part in parts_of(rate))
    return t("{value} % ({low} to {high})", value=value, low=low, high=high)


def _source(one: Evaluation) -> str:
    """Return what was measured: a collection as the API names it, else what `mien calibrate` read."""
    return {"folder": t("folder"), "pairs": t("pairs of photos")}.get(one.source, one.source)


def _row(visitor: Visitor, one: Evaluation) -> list[Cell]:
    def link() -> None:
        Tag("a", one.name, href=visitor.link(f"{ROOT}/result", name=one.name))

    words = {CALIBRATION: t("calibration"), GROUPS: t("groups")}.get(one.kind, one.kind)
    return [link, words, one.pack, _source(one), one.result.get("people"), one.created_by, moment(one.created_at)]


def measurable(visitor: Visitor) -> list[str]:
    """Return the collections with two persons or more as KIND/ID, the faces of the person directory last."""
    collections, resource_id = visitor.parts.gallery.collections, visitor.resource.id
    groups = [
        f"{kind.value}/{one.collection_id}"
        for kind in (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
        for one in collections.page(resource_id, kind)
        if one.persons > 1
    ]
    directory = collections.page(resource_id, Kind.DIRECTORY)
    if any(one.collection_id == PERSONS and one.persons > 1 for one in directory):
        groups += [f"{Kind.DIRECTORY.value}/{one.collection_id}" for one in directory if one.collection_id != PERSONS]
    return groups


async def _measure_form(visitor: Visitor) -> None:
    may = visitor.may(Permission.MANAGE)
    names = await visitor.ask(lambda: measurable(visitor))
    with section(t("Measure enrolled people"), t("Compares the enrolled photos of a group with each other.")):
        if not names:
            empty("groups", t("No group has two persons"), t("Enrol several photos of each person first."))
            return
        with Tag("div", classes="two"):
            chosen = ui.select(names, value=names[0], label=t("Group")).props("outlined")
            name = ui.input(t("Name of the result")).props("outlined")
            note = ui.input(t("Note, such as which cameras")).props("outlined")
            rates = {rate: one_in(rate) for rate in (1e-2, 1e-3, 1e-4, 1e-5)}
            fmr = ui.select(rates, value=1e-4, label=t("False match rate of the threshold")).props("outlined")

        async def measure() -> None:
            if not (name.value or "").strip():
                tell(t("Give the result a name."), "bad")
                return
            kind, _, collection_id = str(chosen.value).partition("/")
            ref = CollectionRef(visitor.resource.id, Kind(kind), collection_id)
            done = await visitor.act(
                Permission.MANAGE,
                lambda: visitor.parts.measuring.measure(
                    ref,
                    name.value.strip(),
                    note=(note.value or "").strip() or None,
                    fmr=float(fmr.value),
                    actor=visitor.name,
                ),
            )
            if done is not None:
                ui.navigate.to(visitor.link(f"{ROOT}/result", name=done.name))

        with Tag("div"):
            button(t("Measure"), measure, "primary", may=may)


def _versions(visitor: Visitor, versions: list[Applied]) -> None:
    if not versions:
        facts([(t("Calibration"), t("The model pack's own"))])
        return
    table(
        t("Versions"),
        [t("For"), t("Version"), t("Evaluation"), t("Threshold"), t("False match rate"), t("By"), t("When"), ""],
        [
            [
                one.collection or t("The resource"),
                one.version,
                one.name or t("The pack's own"),
                None if one.curve is None else figure(one.curve.threshold, ".4f"),
                None if one.curve is None or one.curve.fmr is None else one_in(one.curve.fmr),
                one.applied_by,
                moment(one.applied_at),
                partial(_newest, visitor, one),
            ]
            for one in reversed(versions)
        ],
        numbers=[1, 3, 4],
    )


def _newest(visitor: Visitor, one: Applied) -> None:
    if not one.holds:
        return
    with Tag("div", classes="row"):
        badge(t("in use"), "good")
        if one.undoes is None:
            button(t("Step back"), partial(_ask_undo, visitor, one), may=visitor.may(Permission.MANAGE))


def _ask_undo(visitor: Visitor, one: Applied) -> None:
    async def undo() -> None:
        ref = None
        if one.collection is not None:
            kind, _, collection_id = one.collection.partition("/")
            ref = CollectionRef(visitor.resource.id, Kind(kind), collection_id)
        label = next((r.label for r in visitor.parts.recognisers if r.fingerprint == one.fingerprint), "recognition_04")
        stored = visitor.parts.measuring.stored
        done = await visitor.act(
            Permission.MANAGE,
            lambda: stored.undo(visitor.resource.id, ref, label=label, actor=visitor.name),
            t("The calibration before is in use again."),
        )
        if done is not None:
            ui.navigate.to(visitor.link(ROOT))

    confirm(
        t("Step back?"),
        t("The calibration that was in use before this version is used again. Confidences change."),
        t("Step back"),
        undo,
        kind="primary",
    )


async def result(visitor: Visitor) -> None:
    """Draw one result, and compare it with another."""
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
                (t("Source"), _source(found)),
                (t("Note"), found.note),
                (t("People"), figure(data["people"], ",")),
                (t("Photos"), figure(data["photos"], ",")),
                (
                    t("Without a template"),
                    listed(f"{figure(count, ',')} {why}" for why, count in data["failures"].items()),
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
    """Draw a kept report on groups: the rates and the differences that were found."""
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
                    t("{measure}: {one} against {other}", measure=it["measure"], one=it["one"], other=it["other"]),
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
        for title, chart in ((t("DET curve"), det(shown, at)), (t("ROC curve"), roc(shown))):
            with section(title):
                ui.html(chart, sanitize=False).classes("figure")


def _compare(visitor: Visitor, found: Evaluation, second: Evaluation | None, names: list[str]) -> None:
    with section(t("Compare"), t("With another model, camera or date.")):
        options = {"": t("Choose a result"), **{name: name for name in names}}

        def go(name: str) -> None:
            more = {"with": name} if name else {}
            ui.navigate.to(visitor.link(f"{ROOT}/result", name=found.name, **more))

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
    source: Mapping[str, Any] = found.result["calibration"]

    ask_before(
        visitor,
        Question(
            t("Apply this calibration?"),
            t(
                "Confidence 0.5 will stand for similarity {threshold:.4f}, at a false match rate of "
                "{rate}. Confidences of verify and identify change, and their default thresholds "
                "with them. You can step back.",
                threshold=source["threshold"],
                rate=one_in(source["fmr"]),
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
        Question(t("Delete this result?"), t("A calibration that was applied from it stays in use."), t("Delete")),
        lambda: visitor.parts.measuring.stored.delete(visitor.resource.id, found.name, actor=visitor.name),
        then=ROOT,
        done=t("The result is deleted."),
    )


PAGE = Page(
    ROOT,
    mark("Evaluations"),
    mark("Error rates and thresholds on your own people."),
    mark("Use"),
    "straighten",
    render,
    needs=Permission.SEE,
    help=Help(
        mark("Measures how often the recognition errs on your own people, and sets thresholds by that."),
        "my-threshold.md",
        (Term.FMR, Term.FNMR, Term.THRESHOLD, Term.CALIBRATION),
    ),
)
RESULT = Page(
    f"{ROOT}/result",
    mark("Evaluation"),
    mark("One result."),
    mark("Use"),
    "straighten",
    result,
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
