"""Evaluations: error rates on the resource's own people, and the calibration that holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.evaluation.charts import det, roc
from mien.evaluation.groups import ALPHA
from mien.evaluation.records import differences, percent
from mien.gallery.evaluations import CALIBRATION, GROUPS, Applied, Evaluation
from mien.gallery.kinds import CollectionRef, Kind
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Cell, Tag, badge, banner, button, confirm, empty, facts, moment, section, table

ROOT: Final = "/evaluations"
_DIFFERS: Final = {None: "not measured", True: "yes", False: "within chance"}


async def render(visitor: Visitor) -> None:
    """Draw the list of results, the calibration in use and the form of a new measurement."""
    stored, resource_id = visitor.parts.measuring.stored, visitor.resource.id
    found = await visitor.ask(lambda: stored.all(resource_id))
    versions = await visitor.ask(lambda: stored.applied(resource_id))
    with section(
        "Results",
        "Error rates on your own people: a result holds numbers only. Photos in folders are measured with "
        "mien calibrate run.",
    ):
        if not found:
            empty("straighten", "Nothing has been measured yet")
        else:
            table(
                "Results",
                ["Name", "Kind", "Model pack", "Source", "People", "By", "When"],
                [_row(visitor, one) for one in found],
                numbers=[4],
            )
    await _measure_form(visitor)
    with section("Calibration in use", "What makes a confidence of a similarity. A change holds within ten seconds."):
        _versions(visitor, versions)


def _row(visitor: Visitor, one: Evaluation) -> list[Cell]:
    def link() -> None:
        Tag("a", one.name, href=visitor.link(f"{ROOT}/result", name=one.name))

    words = {CALIBRATION: "calibration"}.get(one.kind, one.kind)
    return [link, words, one.pack, one.source, one.result.get("people"), one.created_by, moment(one.created_at)]


async def _measure_form(visitor: Visitor) -> None:
    gallery, may = visitor.parts.gallery, visitor.may(Permission.MANAGE)

    def groups() -> list[str]:
        return [
            f"{kind.value}/{one.collection_id}"
            for kind in (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
            for one in gallery.collections.page(visitor.resource.id, kind)
            if one.persons > 1
        ]

    names = await visitor.ask(groups)
    with section("Measure enrolled people", "Compares the enrolled photos of a group with each other."):
        if not names:
            empty("groups", "No group has two persons", "Enrol several photos of each person first.")
            return
        with Tag("div", classes="two"):
            chosen = ui.select(names, value=names[0], label="Group").props("outlined")
            name = ui.input("Name of the result").props("outlined")
            note = ui.input("Note, such as which cameras").props("outlined")
            rates = {1e-2: "1 in 100", 1e-3: "1 in 1,000", 1e-4: "1 in 10,000", 1e-5: "1 in 100,000"}
            fmr = ui.select(rates, value=1e-4, label="False match rate of the threshold").props("outlined")

        async def measure() -> None:
            if not (name.value or "").strip():
                tell("Give the result a name.", "bad")
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
            button("Measure", measure, "primary", may=may)


def _versions(visitor: Visitor, versions: list[Applied]) -> None:
    if not versions:
        facts([("Calibration", "The model pack's own")])
        return
    table(
        "Versions",
        ["For", "Version", "Evaluation", "Threshold", "False match rate", "By", "When", ""],
        [
            [
                one.collection or "The resource",
                one.version,
                one.name or "The pack's own",
                None if one.curve is None else f"{one.curve.threshold:.4f}",
                None if one.curve is None or one.curve.fmr is None else f"1 in {1 / one.curve.fmr:,.0f}",
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
        badge("in use", "good")
        if one.undoes is None:
            button("Step back", partial(_ask_undo, visitor, one), may=visitor.may(Permission.MANAGE))


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
            "The calibration before is in use again.",
        )
        if done is not None:
            ui.navigate.to(visitor.link(ROOT))

    confirm(
        "Step back?",
        "The calibration that was in use before this version is used again. Confidences change.",
        "Step back",
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
                ("Model pack", found.pack),
                ("Recognition model", found.label),
                ("Source", found.source),
                ("Note", found.note),
                ("People", f"{data['people']:,}"),
                ("Photos", f"{data['photos']:,}"),
                ("Without a template", ", ".join(f"{count:,} {why}" for why, count in data["failures"].items())),
                (
                    "Comparisons",
                    f"{data['genuine']:,} of one person, {data['impostor']:,} of two people "
                    f"({data['person_pairs']:,} pairs of people)",
                ),
                ("Measured", f"{moment(found.created_at)} by {found.created_by}"),
            ]
        )
    _thresholds(visitor, found)
    second = next((one for one in others if one.name == visitor.query.get("with")), None)
    _curves(found, second)
    if others:
        _compare(visitor, found, second, [one.name for one in others])
    if data["identification"]:
        with section("Identification", "Strangers identified as somebody, and enrolled people not found."):
            table(
                "Identification",
                ["Enrolled", "Photos each", "Threshold", "FPIR", "FNIR"],
                [
                    [
                        f"{one['gallery']:,}",
                        one["photos"],
                        f"{one['threshold']:.4f}",
                        percent(one["fpir"]),
                        percent(one["fnir"]),
                    ]
                    for one in data["identification"]
                ],
                numbers=[0, 1, 2],
            )


def _groups(visitor: Visitor, found: Evaluation) -> None:
    """Draw a kept report on groups: the rates and the differences that were found."""
    with section(found.name, "Rates by groups that the operator labelled. Labels of persons are not stored."):
        facts(
            [
                ("Model pack", found.pack),
                ("Note", found.note),
                ("Measured", f"{moment(found.created_at)} by {found.created_by}"),
            ]
        )
        with Tag("div", classes="row"):
            button("Delete", partial(_ask_delete, visitor, found), "danger", may=visitor.may(Permission.MANAGE))
    for one in found.result["attributes"]:
        with section(
            f"By {one['attribute']}", f"At the threshold {one['threshold']:.4f}, with 95 % intervals over people."
        ):
            seen = [it for it in one["differences"] if it["holm"] < ALPHA]
            for it in seen:
                rates = " against ".join(f"{100 * rate:.3g} %" for rate in it["rates"])
                banner(
                    "warn", f"{it['measure']}: {it['one']} against {it['other']}", f"{rates}; p {it['holm']:.3f} (Holm)"
                )
            if not seen:
                banner("info", "No difference is more than chance", "With more people, smaller differences would show.")
            table(
                f"Groups by {one['attribute']}",
                ["Group", "People", "FMR", "FNMR", "FTE", "Low quality"],
                [
                    [each["name"], each["people"], *(percent(each[name]) for name in ("fmr", "fnmr", "fte", "poor"))]
                    for each in one["groups"]
                ],
                numbers=[1],
            )


def _thresholds(visitor: Visitor, found: Evaluation) -> None:
    data = found.result
    about = "Rates with their 95 % intervals over people. A false match rate is claimed only where there are three "
    with section("Thresholds", about + "times its inverse in pairs of people."):
        now = data["current"]
        if now is not None:
            said = f"False match rate {percent(now['fmr'])}; false non-match rate {percent(now['fnmr'])}."
            banner("info", f"The threshold in use when this was measured: {now['threshold']:.4f}", said)
        table(
            "Thresholds",
            ["False match rate", "Threshold", "False non-match rate"],
            [
                [f"1 in {1 / one['fmr']:,.0f}", f"{one['threshold']:.4f}", percent(one["fnmr"])]
                if one["threshold"] is not None
                else [f"1 in {1 / one['fmr']:,.0f}", "–", f"Needs {one['people_missing']:,} more people"]
                for one in data["levels"]
            ],
            numbers=[0, 1],
        )
        if data["calibration"] is None:
            banner("warn", "No calibration", f"It needs {data['missing']:,} more people, or a higher false match rate.")
        with Tag("div", classes="row"):
            if data["calibration"] is not None:
                button("Apply", partial(_ask_apply, visitor, found), "primary", may=visitor.may(Permission.MANAGE))
            button("Delete", partial(_ask_delete, visitor, found), "danger", may=visitor.may(Permission.MANAGE))


def _curves(found: Evaluation, second: Evaluation | None) -> None:
    shown = [(one.name, one.result["curve"]) for one in (found, second) if one is not None]
    now = found.result["current"]
    at = None if now is None else (now["fmr"][0], now["fnmr"][0])
    with Tag("div", classes="two"):
        for title, chart in (("DET curve", det(shown, at)), ("ROC curve", roc(shown))):
            with section(title):
                ui.html(chart, sanitize=False).classes("figure")


def _compare(visitor: Visitor, found: Evaluation, second: Evaluation | None, names: list[str]) -> None:
    with section("Compare", "With another model, camera or date."):
        options = {"": "Choose a result", **{name: name for name in names}}

        def go(name: str) -> None:
            more = {"with": name} if name else {}
            ui.navigate.to(visitor.link(f"{ROOT}/result", name=found.name, **more))

        ui.select(options, value=second.name if second else "", label="Other result",
                  on_change=lambda event: go(str(event.value))).props("outlined")  # fmt: skip
        if second is None:
            return
        rows = differences(found.result, second.result)
        table(
            "Differences",
            ["False match rate", f"FNMR {found.name}", f"FNMR {second.name}", "Differs"],
            [[f"1 in {1 / one.fmr:,.0f}", *map(percent, one.fnmr), _DIFFERS[one.differs]] for one in rows],
            numbers=[0],
        )


def _ask_apply(visitor: Visitor, found: Evaluation) -> None:
    source: Mapping[str, Any] = found.result["calibration"]

    async def apply() -> None:
        stored = visitor.parts.measuring.stored
        done = await visitor.act(
            Permission.MANAGE,
            lambda: stored.apply(visitor.resource.id, found.name, actor=visitor.name),
            "The calibration is applied.",
        )
        if done is not None:
            ui.navigate.to(visitor.link(ROOT))

    confirm(
        "Apply this calibration?",
        f"Confidence 0.5 will stand for similarity {source['threshold']:.4f}, at a false match rate of "
        f"1 in {1 / source['fmr']:,.0f}. Confidences of verify and identify change, "
        "and their default thresholds with them. "
        "You can step back.",
        "Apply",
        apply,
        kind="primary",
    )


def _ask_delete(visitor: Visitor, found: Evaluation) -> None:
    async def delete() -> None:
        stored = visitor.parts.measuring.stored

        def work() -> bool:
            stored.delete(visitor.resource.id, found.name, actor=visitor.name)
            return True

        if await visitor.act(Permission.MANAGE, work, "The result is deleted."):
            ui.navigate.to(visitor.link(ROOT))

    confirm("Delete this result?", "A calibration that was applied from it stays in use.", "Delete", delete)


PAGE = Page(
    ROOT,
    "Evaluations",
    "Error rates and thresholds on your own people.",
    "Use",
    "straighten",
    render,
    needs=Permission.SEE,
)
RESULT = Page(
    f"{ROOT}/result",
    "Evaluation",
    "One result.",
    "Use",
    "straighten",
    result,
    listed=False,
    needs=Permission.SEE,
)
