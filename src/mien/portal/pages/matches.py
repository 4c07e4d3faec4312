"""The queue of matches that people must confirm, decided cases, negatives and policies."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.negatives.types import Negative
from mien.gallery.reviews import ReviewCase, ReviewState
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.match_case import CASE_PATH, state_badge
from mien.portal.pages.match_policies import draw_policies
from mien.portal.texts import figure, mark, t, yes_or_no
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, button, empty, moment, section, table

ROOT: Final = "/matches"
_OPEN: Final = (ReviewState.WAITING, ReviewState.ESCALATED)


async def render(visitor: Visitor) -> None:
    """Render the queue, the decided cases and the policies."""
    reviews, resource_id = visitor.parts.reviews, visitor.resource.id
    cases = await visitor.ask(lambda: reviews.cases(resource_id, reader=visitor.name, limit=1000))
    waiting = [one for one in cases if one.state in _OPEN]
    decided = [one for one in cases if one.state.decided]
    with section(t("To answer"), t("Oldest first. A match counts only when it is confirmed.")):
        if waiting:
            _list(visitor, t("Cases to answer"), waiting)
        else:
            empty("task_alt", t("No matches are waiting"))
    with section(t("Decided")):
        if decided:
            _list(visitor, t("Decided cases"), list(reversed(decided))[:100])
        else:
            empty("fact_check", t("No matches have been decided yet"))
    await _negatives(visitor)
    await draw_policies(visitor)


async def _negatives(visitor: Visitor) -> None:
    """Draw the faces marked as not being a person."""
    negatives, resource_id, may = visitor.parts.gallery.negatives, visitor.resource.id, visitor.may(Permission.PEOPLE)
    kept = await visitor.ask(lambda: negatives.all(resource_id))
    if not kept:
        return

    def remover(one: Negative) -> None:
        async def remove() -> None:
            def work() -> bool:
                negatives.remove(resource_id, one.id, actor=visitor.name)
                return True

            if await visitor.act(Permission.PEOPLE, work, t("The negative is removed.")):
                ui.navigate.to(visitor.link(ROOT))

        pressed = button(t("Remove"), remove, "danger", may=may)
        pressed.props["aria-label"] = t(
            "Remove the negative of {name}, added {at}", name=one.name, at=moment(one.created_at)
        )

    about = t(
        "Faces that are not a person: the person matches faces like those more strictly, while the policy says so."
    )
    with section(t("Negatives"), about):
        rows: list[list[Cell]] = [
            [one.name, one.collection, figure(one.confidence, ".3f"), one.origin, yes_or_no(one.in_use),
             one.created_by, moment(one.created_at), partial(remover, one)]
            for one in kept
        ]  # fmt: skip
        columns = [
            t("Not this person"),
            t("Collection"),
            t("Confidence before"),
            t("Told by"),
            t("In use"),
            t("Added by"),
        ]
        columns += [t("When"), ""]
        table(t("Negatives"), columns, rows, numbers=[2])


def _list(visitor: Visitor, label: str, cases: list[ReviewCase]) -> None:
    def link(one: ReviewCase) -> None:
        Tag("a", str(one.id)[:8], href=visitor.link(CASE_PATH, id=str(one.id)))

    rows: list[list[Cell]] = [
        [
            partial(link, one),
            partial(state_badge, one.state),
            one.collection,
            len(one.candidates),
            f"{one.reviewers}",
            moment(one.filed_at),
            one.filed_by,
            t("yes") if any(answer.reviewer == visitor.name for answer in one.answers) else "",
        ]
        for one in cases
    ]
    columns = [
        t("Case"),
        t("State"),
        t("Collection"),
        t("Candidates"),
        t("People who must agree"),
        t("Filed"),
        t("Filed by"),
        t("Answered by you"),
    ]
    table(label, columns, rows, numbers=[3, 4])


PAGE = Page(
    ROOT,
    mark("Matches"),
    mark("Identifications that people must confirm."),
    mark("Approvals"),
    "how_to_reg",
    render,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Identifications that one or two people must confirm before they count."),
        "two-persons-decide.md",
        (Term.PROBE, Term.CANDIDATE),
    ),
)
