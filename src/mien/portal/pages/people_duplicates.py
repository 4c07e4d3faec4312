"""Enrolled faces that may be one photo twice, or one person under two ids, and what to do about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.errors import PersonNotFoundError
from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Duplicate, DuplicateKind, Person
from mien.management.roles import Permission
from mien.portal.approval import write_button
from mien.portal.pages.people import address, name_of
from mien.portal.pages.people_moves import faces_of, merger
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, moment, section, table, text

_TOP: Final = 100
_WHY: Final = {DuplicateKind.SAME_PHOTO: "the same photo", DuplicateKind.SAME_PERSON: "similar faces"}


async def duplicates(visitor: Visitor, ref: CollectionRef) -> None:
    """Draw what is suspected; nothing where nothing is."""
    gallery = visitor.parts.gallery

    def find() -> tuple[list[Duplicate], dict[str, Person]]:
        found = gallery.duplicates.found(ref)
        people = {}
        for person in {one for pair in found[:_TOP] for one in (pair.person_id, pair.other_person_id) if one}:
            try:
                people[person] = gallery.persons.get(ref, person)
            except PersonNotFoundError:  # deleted a moment ago
                continue
        return found, people

    found, people = await visitor.ask(find)
    if not found:
        return
    about = (
        "Suspected when they were enrolled or trained; nothing was refused. Relatives may look the same: dismiss what "
        "is no duplicate, and it is not listed again."
    )
    with section("Likely duplicates", about):
        table(
            "Likely duplicates",
            ["Why", "Person or face", "The other", "Confidence", "Found", ""],
            [
                [
                    _WHY[one.kind],
                    partial(_suspect, visitor, ref, people.get(one.person_id or ""), one.face_id),
                    partial(_suspect, visitor, ref, people.get(one.other_person_id or ""), one.other_face_id),
                    f"{one.confidence:.2f}",
                    moment(one.found_at),
                    partial(_actions, visitor, ref, one, people),
                ]
                for one in found[:_TOP]
            ],
            numbers=[3],
        )
        if len(found) > _TOP:
            text(f"{len(found) - _TOP} more are shown when some of these are done with.", "soft small")


def _suspect(visitor: Visitor, ref: CollectionRef, person: Person | None, face: str) -> None:
    if person is None:
        Tag("span", f"{face[:8]}…", "mono")
        return
    Tag("a", person.name, href=address(visitor, ref, person=person.person_id))
    Tag("div", f"{person.person_id[:8]}…", "small soft mono")


def _actions(visitor: Visitor, ref: CollectionRef, pair: Duplicate, people: Mapping[str, Person]) -> None:
    may = visitor.may(Permission.MANAGE)
    one, other = people.get(pair.person_id or ""), people.get(pair.other_person_id or "")
    with Tag("div", classes="row", style="flex-wrap:nowrap"):
        if one is not None and other is not None and one != other:
            write_button(visitor, "Merge", partial(_ask, visitor, ref, one, other), "quiet")
        button("Dismiss", _dismisser(visitor, ref, pair), "quiet", may=may)


def _dismisser(visitor: Visitor, ref: CollectionRef, pair: Duplicate) -> Callable[[], Awaitable[None]]:
    async def dismiss() -> None:
        def work() -> bool:
            visitor.parts.gallery.duplicates.dismiss(ref, pair.face_id, pair.other_face_id)
            visitor.note("duplicate.dismiss", collection=name_of(ref), face=pair.face_id, other=pair.other_face_id)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    return dismiss


def _ask(visitor: Visitor, ref: CollectionRef, one: Person, other: Person) -> None:
    """Ask who of the two is to be kept."""
    title = f"Merge {one.name} and {other.name}?"
    dialog = ui.dialog()
    dialog.props["aria-label"] = title

    def keeper(keep: Person, go: Person) -> None:
        label = f"Keep {keep.name}" if keep.name != go.name else f"Keep {keep.name} ({keep.person_id[:8]}…)"
        button(label, merger(visitor, ref, go, keep, ui.navigate.reload), "danger")

    with dialog, Tag("div", classes="card"):
        Tag("h2", title)
        text(
            "All faces go to whom you keep. Name, user data and id of the other are gone for good, and calls that use "
            "that id are answered that there is nobody. Consents follow. Train the group afterwards: until then nobody "
            "is found by the faces that went over."
        )
        with Tag("ul"):
            for person in (one, other):
                Tag("li", f"{person.name}, {faces_of(len(person.persisted_face_ids))}, id {person.person_id}")
        with Tag("div", classes="row", style="justify-content:flex-end"):
            button("Cancel", dialog.close)
            keeper(other, one)
            keeper(one, other)
    dialog.on("hide", dialog.delete)
    dialog.open()
