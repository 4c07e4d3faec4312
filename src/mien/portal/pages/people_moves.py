"""Merging a person into another, giving faces to another person, moving a person to another group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import ui

from mien.gallery.errors import PersonNotFoundError
from mien.gallery.kinds import CollectionRef, Kind, parse_id
from mien.gallery.types import Collection, Person
from mien.management.roles import Permission
from mien.portal.approval import write_button
from mien.portal.pages.people import NAMES, address, name_of
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, confirm, section, text

_OFFERED: Final = 200
_GROUPS: Final = (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
_LIST: Final = "people-of-the-group"


async def merge_or_move(visitor: Visitor, ref: CollectionRef, person: Person, chosen: set[str]) -> None:
    """Draw what can be put right about where a person and their faces are.

    Args:
        visitor: who looks.
        ref: the group.
        person: who.
        chosen: their faces that are ticked.
    """
    gallery = visitor.parts.gallery

    def find() -> tuple[list[Person], Collection, list[tuple[CollectionRef, Collection]]]:
        groups = [
            (CollectionRef(visitor.resource.id, kind, one.collection_id), one)
            for kind in _GROUPS
            for one in gallery.collections.page(visitor.resource.id, kind, top=_OFFERED)
        ]
        return gallery.persons.page(ref, "", _OFFERED), gallery.collections.get(ref), groups

    people, here, groups = await visitor.ask(find)
    with section(
        "Another person", "For somebody who was enrolled twice, or faces that were enrolled under the wrong name."
    ):
        _offer([one for one in people if one.person_id != person.person_id])
        other = ui.input("Name or id of the other person").props(f'outlined list="{_LIST}" autocomplete="off"')
        with Tag("div", classes="row"):
            write_button(
                visitor, "Merge into the other person", lambda: _merge(visitor, ref, person, str(other.value or ""))
            )
            write_button(
                visitor,
                "Move the chosen faces",
                lambda: _move_faces(visitor, ref, person, str(other.value or ""), chosen),
            )
    with section("Another group", "Moves the person with faces, user data, crops and consents."):
        fit = {name_of(to): (to, one) for to, one in groups if to != ref}
        fit = {name: pair for name, pair in fit.items() if pair[1].recognition_model == here.recognition_model}
        if not fit:
            text(f"There is no other group of {here.recognition_model} to move to.", "soft")
            return
        words = {name: f"{one.name} ({NAMES[to.kind].lower()} {to.collection_id})" for name, (to, one) in fit.items()}
        group = ui.select(words, label="Group").props("outlined")
        if len(groups) > len(fit) + 1:
            text("Groups with another recognition model are not listed: migrate them first.", "soft small")

        async def move() -> None:
            if group.value in fit:
                await _move(visitor, (ref, here), fit[str(group.value)], person)
            else:
                tell("Choose a group.", "warn")

        with Tag("div"):
            write_button(visitor, "Move to the group", move)


def faces_of(count: int) -> str:
    """Return a number of faces in words."""
    return "1 face" if count == 1 else f"{count} faces"


def merger(
    visitor: Visitor, ref: CollectionRef, person: Person, into: Person, then: Callable[[], object]
) -> Callable[[], Awaitable[None]]:
    """Return what merges a person into another, and does something when that went well."""

    async def merge() -> None:
        def work() -> bool:
            count = visitor.parts.gallery.reassignment.merge(ref, person.person_id, into.person_id)
            visitor.note(
                "person.merge", collection=name_of(ref), person=person.person_id, into=into.person_id, faces=count
            )
            return True

        if await visitor.act(Permission.MANAGE, work):
            then()

    return merge


def _offer(people: list[Person]) -> None:
    """Draw what the field for a person suggests: a name, or the id where several have that name."""
    names = [one.name for one in people]
    with Tag("datalist", id=_LIST):
        for one in people:
            unique = names.count(one.name) == 1
            Tag("option", f"{one.name}, {faces_of(len(one.persisted_face_ids))}",
                value=one.name if unique else one.person_id)  # fmt: skip


async def _named(visitor: Visitor, ref: CollectionRef, wanted: str) -> Person | None:
    """Return the one person of this id or name; None when there is none or several, which is said then."""
    persons, wanted = visitor.parts.gallery.persons, wanted.strip()

    def find() -> list[Person]:
        if parse_id(wanted) is not None:
            try:
                return [persons.get(ref, wanted)]
            except PersonNotFoundError:
                return []
        return persons.named(ref, wanted)

    found = await visitor.ask(find)
    if not found:
        tell(
            "No person in this group has this name or id." if wanted else "Enter the name or id of the other person.",
            "warn",
        )
    elif len(found) > 1:
        tell(f"{len(found)} persons have that name: give the id of one of them.", "warn")
    return found[0] if len(found) == 1 else None


async def _merge(visitor: Visitor, ref: CollectionRef, person: Person, wanted: str) -> None:
    into = await _named(visitor, ref, wanted)
    if into is None:
        return
    count, whole = len(person.persisted_face_ids), len(person.persisted_face_ids) + len(into.persisted_face_ids)
    about = (
        f"{into.name} gets {faces_of(count)} of {person.name} and then has {whole}. {into.name}'s name and user data "
        f"stay. Those of {person.name}, and the id {person.person_id}, are gone for good: calls that use it are "
        "answered that there is nobody. Consents follow. Train the group afterwards: until then nobody is found by the "
        "faces that went over."
    )
    then = merger(visitor, ref, person, into, lambda: ui.navigate.to(address(visitor, ref, person=into.person_id)))
    confirm(f"Merge {person.name} into {into.name}?", about, "Merge", then)


async def _move_faces(visitor: Visitor, ref: CollectionRef, person: Person, wanted: str, chosen: set[str]) -> None:
    faces = sorted(chosen)
    if not faces:
        tell("Choose faces in the table above.", "warn")
        return
    into = await _named(visitor, ref, wanted)
    if into is None:
        return
    left = len(person.persisted_face_ids) - len(faces)
    about = (
        f"{into.name} gets {faces_of(len(faces))}, with id and user data; {person.name} keeps {left}. Train the "
        f"group afterwards: until then {person.name} is found by what moves, as it was trained."
    )

    async def move() -> None:
        def work() -> bool:
            visitor.parts.gallery.reassignment.move_faces(ref, faces, person.person_id, into.person_id)
            for face in faces:
                visitor.note(
                    "face.move", collection=name_of(ref), face=face, person=person.person_id, into=into.person_id
                )
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.reload()

    confirm(f"Move {faces_of(len(faces))} to {into.name}?", about, "Move", move, kind="primary")


async def _move(
    visitor: Visitor, here: tuple[CollectionRef, Collection], there: tuple[CollectionRef, Collection], person: Person
) -> None:
    (ref, old), (to, new) = here, there
    about = (
        f"{person.name} goes from {old.name} to {new.name} with {faces_of(len(person.persisted_face_ids))}, user data, "
        f"crops and consents; ids stay. In {old.name} nobody finds {person.name} from now on, and calls are answered "
        f"that there is nobody of that id. Train {new.name} afterwards: until then {person.name} is not found there."
    )

    async def move() -> None:
        def work() -> bool:
            visitor.parts.gallery.relocation.move(ref, person.person_id, to)
            visitor.note("person.move", collection=name_of(ref), person=person.person_id, to=name_of(to))
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(address(visitor, to, person=person.person_id))

    confirm(f"Move {person.name} to {new.name}?", about, "Move", move)
