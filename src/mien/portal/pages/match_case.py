"""A match under review: probe and candidates side by side; scores after the answer."""

from __future__ import annotations

import base64
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.gallery.reviews import NOBODY, ReviewCandidate, ReviewCase, ReviewState
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.photos import Upload, drop
from mien.portal.texts import mark, t, yes_or_no
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, banner, button, facts, moment, section, table, text, typed

CASE_PATH: Final = "/matches/case"
_TONES: Final = {
    ReviewState.WAITING: (mark("waiting"), "info"),
    ReviewState.ESCALATED: (mark("escalated"), "warn"),
    ReviewState.CONFIRMED: (mark("confirmed"), "good"),
    ReviewState.REJECTED: (mark("rejected"), "bad"),
}
_MOST_CROPS: Final = 3


async def render(visitor: Visitor) -> None:
    """Render a case: the pictures, the form for an answer, and afterwards all answers."""
    reviews, resource_id = visitor.parts.reviews, visitor.resource.id
    try:
        case_id = UUID(visitor.query.get("id", ""))
    except ValueError:
        banner("bad", t("There is no such case"))
        return
    found = await visitor.ask(lambda: reviews.get(resource_id, case_id, reader=visitor.name))
    picture = await visitor.ask(lambda: reviews.picture(resource_id, case_id))
    crops = await visitor.ask(lambda: _crops(visitor, found))
    may = visitor.may(Permission.CONFIRM)
    answered = any(one.reviewer == visitor.name for one in found.answers)
    if not found.state.decided and not answered:
        text(t("Compare the pictures. The service's confidences are shown after your answer."), "soft")
    with section(t("The match")), Tag("div", classes="row", style="align-items:flex-start;flex-wrap:wrap;gap:1.2rem"):
        with Tag("figure", style="margin:0"):
            Tag("figcaption", t("Probe"), "small soft")
            _probe(visitor, picture if may else None)
        for candidate in found.candidates:
            _draw(candidate, crops.get(candidate.number, []) if may else [], found)
    if not found.state.decided and not answered:
        _form(visitor, found, may)
    with section(t("Record")):
        _record(found)
    if found.answers:
        with section(t("Answers")):
            rows = [
                [one.reviewer, _said(found, one.chosen), one.reason, moment(one.answered_at)] for one in found.answers
            ]
            table(t("Answers"), [t("By"), t("Answer"), t("Reason"), t("When")], rows)


def state_badge(state: ReviewState) -> None:
    """Draw the state of a case."""
    words, tone = _TONES[state]
    badge(t(words), tone)


def _probe(visitor: Visitor, picture: bytes | None) -> None:
    if picture is not None:
        Tag("img", src=_data(picture), alt=t("Probe"), style="width:180px;border-radius:8px")
        return
    text(t("No picture is stored. Add yours to compare; it is not stored either."), "small soft")
    shown = Tag("div")

    async def take(upload: Upload) -> None:
        shown.clear()
        with shown:
            Tag("img", src=_data(upload.data), alt=t("Probe"), style="width:180px;border-radius:8px")

    drop(visitor, t("Drop the probe's picture"), take)


def _draw(candidate: ReviewCandidate, crops: list[bytes], found: ReviewCase) -> None:
    with Tag("figure", style="margin:0;max-width:200px"):
        Tag(
            "figcaption",
            t(
                "Candidate {number}: {candidate}",
                number=candidate.number,
                candidate=candidate.name or t("deleted person"),
            ),
            "small soft",
        )
        for crop in crops:
            Tag(
                "img",
                src=_data(crop),
                alt=t("Candidate {number}", number=candidate.number),
                style="width:180px;border-radius:8px",
            )
        if not crops:
            text(t("No picture is stored."), "small soft")
        if candidate.confidence is not None:
            text(t("Confidence {confidence:.3f}", confidence=candidate.confidence))
        if candidate.sent is not None:
            text(t("Sent by the application: {confidence:.3f}", confidence=candidate.sent), "small soft")
        if candidate.person_id is not None and candidate.person_id == found.person_id:
            badge(t("confirmed"), "good")


def _form(visitor: Visitor, found: ReviewCase, may: bool) -> None:
    with section(t("Your answer"), t("It cannot be changed.")):
        options = {str(one.number): t("Candidate {number}", number=one.number) for one in found.candidates}
        options |= {str(NOBODY): t("None of them"), "unsure": t("I cannot tell")}
        chosen = ui.radio(options).props("inline")
        reason = ui.input(t("Reason")).props("outlined")

        async def send() -> None:
            if chosen.value is None:
                tell(t("Choose an answer first."), "bad")
                return
            number = None if chosen.value == "unsure" else int(chosen.value)
            reviews = visitor.parts.reviews
            done = await visitor.act(
                Permission.CONFIRM,
                lambda: reviews.answer(
                    visitor.resource.id, found.id, number, reviewer=visitor.name,
                    reason=typed(reason) or None,
                ),
            )  # fmt: skip
            if done is not None:
                ui.navigate.to(visitor.link(CASE_PATH, id=str(found.id)))

        with Tag("div"):
            button(t("Answer"), send, "primary", may=may)


def _record(found: ReviewCase) -> None:
    reference = found.reference
    facts(
        [
            (t("State"), partial(state_badge, found.state)),
            (t("Counts"), yes_or_no(found.counts)),
            (t("People who must agree"), found.reviewers),
            (
                t("Period of use"),
                t(
                    "{start} to {end}",
                    start=moment(found.used_from),
                    end=moment(found.decided_at) if found.decided_at else t("open"),
                ),
            ),
            (t("Filed"), t("{at} by {actor}", at=moment(found.filed_at), actor=found.filed_by)),
            (t("Purpose"), found.purpose),
            (t("Reference database"), found.collection),
            (t("Its training"), str(reference.get("training") or "–")),
            (
                t("Its revision"),
                t(
                    "{revision} (persons: {persons})",
                    revision=reference.get("revision"),
                    persons=reference.get("persons"),
                ),
            ),
            (t("Recogniser"), str(reference.get("fingerprint"))[:16] + "…"),
            (t("Input (SHA-256)"), found.input_sha256),
        ]
    )


def _said(found: ReviewCase, chosen: int | None) -> str:
    if chosen is None:
        return t("Cannot tell")
    if chosen == NOBODY:
        return t("None of them")
    name = next((one.name for one in found.candidates if one.number == chosen), None)
    said = t("Candidate {number}", number=chosen)
    return f"{said} ({name})" if name else said


def _crops(visitor: Visitor, found: ReviewCase) -> dict[int, list[bytes]]:
    """Return the stored crops of the candidates, by number."""
    kept, uid = visitor.parts.gallery.crops, UUID(str(found.reference["uid"]))
    return {
        one.number: kept.of_person(visitor.resource.id, uid, UUID(one.person_id), most=_MOST_CROPS)
        for one in found.candidates
        if one.person_id is not None
    }


def _data(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "gif" if picture.startswith(b"GIF8") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


PAGE = Page(
    CASE_PATH,
    mark("Match"),
    mark("One identification to confirm."),
    mark("Approvals"),
    "how_to_reg",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark(
            "Compare the pictures and answer. The confidences are shown after your answer, "
            "so that they do not sway you."
        ),
        "two-persons-decide.md#decide",
        (Term.PROBE, Term.CANDIDATE, Term.CONFIDENCE),
    ),
)
