"""Suspected duplicates: the same photo twice, or one person under two ids; and their resolution."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.errors import GalleryError, PersonNotFoundError
from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Duplicate, DuplicateKind, Person
from mien.management.roles import Permission
from mien.portal.approval import write_button
from mien.portal.pages.people_moves import face_mover, faces_of, merger
from mien.portal.pages.people_places import address
from mien.portal.texts import figure, mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, modal, moment, section, table, text

_TOP: Final = 100
_WHY: Final = {DuplicateKind.SAME_PHOTO: mark("the same photo"), DuplicateKind.SAME_PERSON: mark("similar faces")}


async def duplicates(visitor: Visitor, ref: CollectionRef) -> None:
    """Draw the suspected duplicates; nothing if there are none."""
    gallery = visitor.parts.gallery

    def find() -> tuple[list[Duplicate], dict[str, Person]]:
        found = gallery.duplicates.found(ref)
        people = {}
        for person in {one for pair in found[:_TOP] for one in (pair.person_id, pair.other_person_id) if one}:
            try:
                people[person] = gallery.persons.get(ref, person)
            except PersonNotFoundError:  # it was deleted
                continue
        return found, people

    found, people = await visitor.ask(find)
    if not found:
        return
    about = t(
        "Suspected when they were enrolled or trained; nothing was refused. Relatives may look "
        "the same: dismiss what is no duplicate, and it is not listed again."
    )
    with section(t("Likely duplicates"), about):
        table(
            t("Likely duplicates"),
            [t("Why"), t("Person or face"), t("The other"), t("Confidence"), t("Found"), ""],
            [
                [
                    t(_WHY[one.kind]),
                    partial(_suspect, visitor, ref, people.get(one.person_id or ""), one.face_id),
                    partial(_suspect, visitor, ref, people.get(one.other_person_id or ""), one.other_face_id),
                    figure(one.confidence, ".2f"),
                    moment(one.found_at),
                    partial(_actions, visitor, ref, one, people),
                ]
                for one in found[:_TOP]
            ],
            numbers=[3],
        )
        if len(found) > _TOP:
            more = len(found) - _TOP
            text(
                tn(
                    "{count} more is shown when some of these are done with.",
                    "{count} more are shown when some of these are done with.",
                    more,
                ),
                "soft small",
            )


def _suspect(visitor: Visitor, ref: CollectionRef, person: Person | None, face: str) -> None:
    if person is None:
        Tag("span", f"{face[:8]}…", "mono")
        return
    Tag("a", person.name, href=address(visitor, ref, person=person.person_id))
    Tag("div", f"{person.person_id[:8]}…", "small soft mono")


def _actions(visitor: Visitor, ref: CollectionRef, pair: Duplicate, people: Mapping[str, Person]) -> None:
    may = visitor.may(Permission.PEOPLE)
    one, other = people.get(pair.person_id or ""), people.get(pair.other_person_id or "")
    with Tag("div", classes="row", style="flex-wrap:nowrap"):
        if one is not None and other is not None and one != other:
            write_button(visitor, t("Resolve …"), partial(_ask, visitor, ref, pair, one, other), "quiet")
        button(t("Dismiss"), _dismisser(visitor, ref, pair), "quiet", may=may)


def _dismisser(visitor: Visitor, ref: CollectionRef, pair: Duplicate) -> Callable[[], Awaitable[None]]:
    async def dismiss() -> None:
        def work() -> bool:
            visitor.parts.gallery.duplicates.dismiss(ref, pair.face_id, pair.other_face_id)
            visitor.note("duplicate.dismiss", collection=ref.path, face=pair.face_id, other=pair.other_face_id)
            return True

        if await visitor.act(Permission.PEOPLE, work):
            ui.navigate.reload()

    return dismiss


@dataclass(frozen=True, slots=True)
class _Fit:
    """The confidence of each of two faces against the other faces of its person; None without other faces."""

    one: float | None
    other: float | None

    @property
    def misfiled(self) -> bool:
        """Whether a face is unlike the other faces of its person."""
        return any(fit is not None and fit < 0.5 for fit in (self.one, self.other))


def _fits(visitor: Visitor, ref: CollectionRef, pair: Duplicate) -> _Fit:
    search = visitor.parts.gallery.person_search
    found = []
    for face, whose in ((pair.face_id, pair.person_id), (pair.other_face_id, pair.other_person_id)):
        try:
            found.append(search.fit(ref, face, whose or ""))
        except GalleryError:  # it was deleted, or is of another recogniser
            found.append(None)
    return _Fit(*found)


async def _ask(visitor: Visitor, ref: CollectionRef, pair: Duplicate, one: Person, other: Person) -> None:
    """Ask what is wrong with two similar faces, and offer a remedy for each answer."""
    fit = await visitor.look(lambda: _fits(visitor, ref, pair))
    if fit is None:
        return
    title = t("{name} and {other}: what is true?", name=one.name, other=other.name)
    dialog = modal(title)
    sides = ((pair.face_id, one, other, fit.one), (pair.other_face_id, other, one, fit.other))

    def misfiled() -> None:
        Tag("h3", t("One photo is filed under the wrong person"))
        for face, whose, into, sure in sorted(sides, key=lambda side: 1.0 if side[3] is None else side[3]):
            told = ""
            if sure is not None:
                told = (
                    t(
                        "It looks unlike the other faces of {person} ({confidence:.2f}).",
                        person=whose.name,
                        confidence=sure,
                    )
                    if sure < 0.5
                    else t(
                        "It looks like the other faces of {person} ({confidence:.2f}).",
                        person=whose.name,
                        confidence=sure,
                    )
                )
            kind = "primary" if sure is not None and sure < 0.5 else "plain"
            with Tag("div", classes="stack", style="gap:.2rem"):
                label = t(
                    "Move the face of {person} to {other}", person=_called(whose, into), other=_called(into, whose)
                )
                write_button(visitor, label, face_mover(visitor, ref, face, whose, into), kind)
                text(
                    t(
                        "Face {face}… ({count}). {told}",
                        face=face[:8],
                        count=faces_of(len(whose.persisted_face_ids)),
                        told=told,
                    ),
                    "soft small",
                )

    def twice() -> None:
        Tag("h3", t("They are the same person, enrolled twice"))
        for keep, go in ((other, one), (one, other)):
            label = t("Merge and keep {person}", person=_called(keep, go))
            write_button(visitor, label, merger(visitor, ref, go, keep.person_id, ui.navigate.reload), "plain")

    with dialog, Tag("div", classes="card"):
        Tag("h2", title)
        with Tag("ul"):
            for person in (one, other):
                Tag(
                    "li",
                    t(
                        "{person}, {count}, id {id}",
                        person=person.name,
                        count=faces_of(len(person.persisted_face_ids)),
                        id=person.person_id,
                    ),
                )
        for part in (misfiled, twice) if fit.misfiled else (twice, misfiled):
            part()
        Tag("h3", t("They are two people who look alike"))
        button(t("Dismiss: no duplicate"), _dismisser(visitor, ref, pair), may=visitor.may(Permission.PEOPLE))
        text(t("Moves and merges can be undone for 7 days."), "soft small")
        with Tag("div", classes="row", style="justify-content:flex-end"):
            button(t("Cancel"), dialog.close)
    dialog.open()


def _called(person: Person, other: Person) -> str:
    """Return a person's name, with the id if both persons have the same name."""
    return person.name if person.name != other.name else f"{person.name} ({person.person_id[:8]}…)"
