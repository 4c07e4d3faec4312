"""The queue of matches that people must confirm: probe and candidates side by side, scores after the answer."""

from __future__ import annotations

import base64
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui
from sqlalchemy import select

from mien.gallery.crops import Crop, crop_name
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.negatives import Negative
from mien.gallery.reviews import NOBODY, ReviewCandidate, ReviewCase, ReviewState
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.photos import Upload, drop
from mien.portal.texts import figure, mark, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Cell, Tag, badge, banner, button, empty, facts, moment, section, table, text
from mien.storage.tables import CropRow, PersistedFaceRow

ROOT: Final = "/matches"
_TONES: Final = {
    ReviewState.WAITING: (mark("waiting"), "info"),
    ReviewState.ESCALATED: (mark("escalated"), "warn"),
    ReviewState.CONFIRMED: (mark("confirmed"), "good"),
    ReviewState.REJECTED: (mark("rejected"), "bad"),
}
_OPEN: Final = (ReviewState.WAITING, ReviewState.ESCALATED)
_MOST_CROPS: Final = 3


async def render(visitor: Visitor) -> None:
    """Draw the queue, the decided cases and the policies."""
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
    await _policies(visitor)


async def _negatives(visitor: Visitor) -> None:
    """Draw the faces that people said are not a person."""
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
            [one.name, one.collection, figure(one.confidence, ".3f"), one.origin, _yes(one.in_use),
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


def _state(state: ReviewState) -> None:
    words, tone = _TONES[state]
    badge(t(words), tone)


def _yes(given: bool) -> str:
    return t("yes") if given else t("no")


def _list(visitor: Visitor, label: str, cases: list[ReviewCase]) -> None:
    def link(one: ReviewCase) -> None:
        Tag("a", str(one.id)[:8], href=visitor.link(f"{ROOT}/case", id=str(one.id)))

    rows: list[list[Cell]] = [
        [
            partial(link, one),
            partial(_state, one.state),
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


async def _policies(visitor: Visitor) -> None:
    reviews, resource_id, may = visitor.parts.reviews, visitor.resource.id, visitor.may(Permission.MANAGE)
    held = await visitor.ask(lambda: reviews.policies.all(resource_id))
    gallery = visitor.parts.gallery

    def groups() -> list[str]:
        return [
            f"{kind.value}/{one.collection_id}"
            for kind in (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
            for one in gallery.collections.page(resource_id, kind)
        ]

    names = await visitor.ask(groups)
    about = t("Which identifications must be confirmed. The answer of the Face API stays as it is.")
    with section(t("Policies"), about):
        if held:
            table(
                t("Policies"),
                [t("For"), t("People who must agree"), t("Every identify"), t("Pictures kept"), t("Set by"), ""],
                [
                    [
                        one.collection or t("The resource"),
                        one.reviewers,
                        _yes(one.identify),
                        tn("{count} day", "{count} days", one.keep_days),
                        one.set_by,
                        partial(_remover, visitor, one.collection),
                    ]
                    for one in held
                ],
                numbers=[1],
            )
        else:
            text(t("No identification has to be confirmed."), "soft")
        with Tag("div", classes="two"):
            where = ui.select(
                {"": t("The resource"), **{name: name for name in names}}, value="", label=t("For")
            ).props("outlined")
            people = ui.select({1: t("One person"), 2: t("Two different people")}, value=2, label=t("Confirmed by"))
            people.props("outlined")
        every = ui.checkbox(t("File a case for every identify with candidates"), value=True)

        async def save() -> None:
            ref = _ref(visitor, str(where.value) or None)
            done = await visitor.act(
                Permission.MANAGE,
                lambda: reviews.policies.set(
                    resource_id, ref, actor=visitor.name, reviewers=int(people.value), identify=bool(every.value)
                ),
                t("The policy is set."),
            )
            if done is not None:
                ui.navigate.to(visitor.link(ROOT))

        with Tag("div"):
            button(t("Set policy"), save, "primary", may=may)


def _remover(visitor: Visitor, collection: str | None) -> None:
    async def remove() -> None:
        ref = _ref(visitor, collection)
        reviews = visitor.parts.reviews
        if await visitor.act(
            Permission.MANAGE, lambda: reviews.policies.remove(visitor.resource.id, ref, actor=visitor.name)
        ):
            ui.navigate.to(visitor.link(ROOT))

    button(t("Remove"), remove, "danger", may=visitor.may(Permission.MANAGE))


def _ref(visitor: Visitor, collection: str | None) -> CollectionRef | None:
    if collection is None:
        return None
    kind, _, name = collection.partition("/")
    return CollectionRef(visitor.resource.id, Kind(kind), name)


async def case(visitor: Visitor) -> None:
    """Draw a case: the pictures, the form of an answer, and afterwards what everybody said."""
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


def _probe(visitor: Visitor, picture: bytes | None) -> None:
    if picture is not None:
        Tag("img", src=_data(picture), alt=t("Probe"), style="width:180px;border-radius:8px")
        return
    text(t("No picture is kept. Add yours to compare; it is not stored."), "small soft")
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
            text(t("No picture is kept."), "small soft")
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
                    reason=(reason.value or "").strip() or None,
                ),
            )  # fmt: skip
            if done is not None:
                ui.navigate.to(visitor.link(f"{ROOT}/case", id=str(found.id)))

        with Tag("div"):
            button(t("Answer"), send, "primary", may=may)


def _record(found: ReviewCase) -> None:
    reference = found.reference
    facts(
        [
            (t("State"), partial(_state, found.state)),
            (t("Counts"), _yes(found.counts)),
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
    """The kept enrolment crops of the candidates, by number."""
    pictures: dict[int, list[bytes]] = {}
    uid = UUID(str(found.reference["uid"]))
    with visitor.parts.database.read(visitor.resource.id) as session:
        for one in found.candidates:
            if one.person_id is None:
                continue
            query = (
                select(CropRow.face_id, CropRow.sealed)
                .join(
                    PersistedFaceRow,
                    (PersistedFaceRow.collection == CropRow.collection) & (PersistedFaceRow.face_id == CropRow.face_id),
                )
                .where(CropRow.collection == uid, PersistedFaceRow.person_id == UUID(one.person_id))
                .order_by(CropRow.face_id)
                .limit(_MOST_CROPS)
            )
            for face_id, sealed in session.execute(query):
                plain = visitor.parts.vault.open(sealed, resource_id=visitor.resource.id, what=crop_name(uid, face_id))
                pictures.setdefault(one.number, []).append(Crop.unpack(plain).jpeg)
    return pictures


def _data(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "gif" if picture.startswith(b"GIF8") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


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
CASE = Page(
    f"{ROOT}/case",
    mark("Match"),
    mark("One identification to confirm."),
    mark("Approvals"),
    "how_to_reg",
    case,
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
