"""Evaluations: error rates on the resource's own people, and the calibration in use."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.contract.models import NEWEST_RECOGNITION
from mien.gallery.evaluations import CALIBRATION, GROUPS, Applied, Evaluation
from mien.gallery.kinds import PERSON_GROUPS, PERSONS, CollectionRef, Kind
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.texts import figure, mark, t
from mien.portal.visitor import Visitor, check_unchanged, tell
from mien.portal.widgets import (
    Cell,
    Tag,
    badge,
    button,
    confirm,
    empty,
    facts,
    link_button,
    moment,
    section,
    table,
    typed,
)

ROOT: Final = "/evaluations"
GROUPS_PATH: Final = f"{ROOT}/groups"
RESULT_PATH: Final = f"{ROOT}/result"


async def render(visitor: Visitor) -> None:
    """Render the list of results, the calibration in use and the form for a new measurement."""
    stored, resource_id = visitor.parts.measuring.stored, visitor.resource.id
    found = await visitor.ask(lambda: stored.all(resource_id))
    versions = await visitor.ask(lambda: stored.applied(resource_id))
    with section(
        t("Results"),
        t(
            "Error rates on your own people: a result contains only numbers. Photos in folders are measured with "
            "mien calibrate run."
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
        t("Calibration in use"), t("The mapping from similarity to confidence. A change applies within ten seconds.")
    ):
        _versions(visitor, versions)


def one_in(rate: float) -> str:
    """Return a rate as `1 in 10,000`."""
    return t("1 in {count:,.0f}", count=1 / rate)


def source(one: Evaluation) -> str:
    """Return the measured data: a collection with its name in the API, or the input of `mien calibrate`."""
    return {"folder": t("folder"), "pairs": t("pairs of photos")}.get(one.source, one.source)


def _row(visitor: Visitor, one: Evaluation) -> list[Cell]:
    def link() -> None:
        Tag("a", one.name, href=visitor.link(RESULT_PATH, name=one.name))

    words = {CALIBRATION: t("calibration"), GROUPS: t("groups")}.get(one.kind, one.kind)
    return [link, words, one.pack, source(one), one.result.get("people"), one.created_by, moment(one.created_at)]


def measurable(visitor: Visitor) -> list[str]:
    """Return the collections with at least two persons as KIND/ID, with the person directory last."""
    collections, resource_id = visitor.parts.gallery.collections, visitor.resource.id
    groups = [
        f"{kind.value}/{one.collection_id}"
        for kind in PERSON_GROUPS
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
            if not typed(name):
                tell(t("Give the result a name."), "bad")
                return
            ref = CollectionRef.from_path(visitor.resource.id, str(chosen.value))
            done = await visitor.act(
                Permission.MANAGE,
                lambda: visitor.parts.measuring.measure(
                    ref,
                    typed(name),
                    note=typed(note) or None,
                    fmr=float(fmr.value),
                    actor=visitor.name,
                ),
            )
            if done is not None:
                ui.navigate.to(visitor.link(RESULT_PATH, name=done.name))

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
        ref = None if one.collection is None else CollectionRef.from_path(visitor.resource.id, one.collection)
        label = next(
            (r.label for r in visitor.parts.recognisers if r.fingerprint == one.fingerprint), NEWEST_RECOGNITION
        )
        stored = visitor.parts.measuring.stored

        def work() -> Applied:
            newest = {
                (two.collection, two.fingerprint, two.version)
                for two in stored.applied(visitor.resource.id)
                if two.holds
            }
            check_unchanged(True, (one.collection, one.fingerprint, one.version) in newest)  # else another is undone
            return stored.undo(visitor.resource.id, ref, label=label, actor=visitor.name)

        done = await visitor.act(Permission.MANAGE, work, t("The calibration before is in use again."))
        if done is not None:
            ui.navigate.to(visitor.link(ROOT))

    confirm(
        t("Step back?"),
        t("The calibration that was in use before this version is used again. Confidences change."),
        t("Step back"),
        undo,
        kind="primary",
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
