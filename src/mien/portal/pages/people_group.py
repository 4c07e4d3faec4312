"""One group or list: its persons or faces, training, suspected duplicates, its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Person
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.pages.migrating import migration_banner
from mien.portal.pages.people import NAMES, address, asker, missing, name_of, page_of, rows_of
from mien.portal.pages.people_duplicates import duplicates
from mien.portal.pages.people_faces import enrol, face_table
from mien.portal.pages.people_policy import policy
from mien.portal.pages.people_training import training
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, empty, facts, section, table

_TOP: Final = 100


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    ref = page_of(visitor)
    if ref is None:
        missing()
        return
    gallery, may = visitor.parts.gallery, visitor.may(Permission.MANAGE)
    about = await visitor.ask(lambda: gallery.collections.get(ref))
    plan = await visitor.ask(lambda: visitor.parts.migrations.plan(ref))
    Tag("a", "All groups and lists", href=visitor.link("/people"))
    approved_to_enrol(visitor)
    history: Callable[[], None] | None = None
    with Tag("div", classes="two"):
        with section(about.name):
            facts(
                rows_of(
                    [
                        ("Id", about.collection_id),
                        ("Kind", NAMES[ref.kind]),
                        ("Persons", str(about.persons) if ref.kind.has_persons else None),
                        ("Faces", str(about.faces)),
                        ("Recognition model", about.recognition_model),
                        ("Fingerprint", plan.fingerprint[:16] + "…"),
                        ("User data", about.user_data),
                    ]
                )
            )
            if plan.needed and plan.faces:
                migration_banner(visitor, plan)
            with Tag("div"):
                said = f"All {about.persons} persons and {about.faces} faces are erased at once, for good."
                button("Erase", asker(f"Erase {about.name}?", said, "Erase", _eraser(visitor, ref)), "danger", may=may)
        if ref.kind.trained:
            history = await training(visitor, ref)
    if ref.kind.has_persons:
        await _persons(visitor, ref)
    else:
        await _faces(visitor, ref)
    await duplicates(visitor, ref)
    await policy(visitor, ref)
    if history is not None:
        history()


def _eraser(visitor: Visitor, ref: CollectionRef) -> Callable[[], Awaitable[None]]:
    async def erase() -> None:
        def work() -> bool:
            visitor.parts.gallery.collections.delete(ref)
            visitor.note("collection.delete", collection=name_of(ref))
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(visitor.link("/people"))

    return erase


async def _persons(visitor: Visitor, ref: CollectionRef) -> None:
    start, gallery = visitor.query.get("start", ""), visitor.parts.gallery
    people = await visitor.ask(lambda: gallery.persons.page(ref, start, _TOP))
    with section("Persons"):
        if people:
            table(
                "Persons",
                ["Name", "Faces", "Person id"],
                [
                    [partial(_person_link, visitor, ref, one), len(one.persisted_face_ids), one.person_id]
                    for one in people
                ],
                numbers=[1],
            )
        else:
            empty("person_add", "This group has no persons yet")
        if len(people) == _TOP:
            Tag("a", "More persons", href=address(visitor, ref, start=people[-1].person_id))
        name = ui.input("Name of a new person").props("outlined")

        async def add() -> None:
            def work() -> str:
                made = gallery.persons.create(ref, str(name.value or ""))
                visitor.note("person.create", collection=name_of(ref), person=made)
                return made

            made = await visitor.act(Permission.MANAGE, work)
            if made:
                ui.navigate.to(address(visitor, ref, person=made))

        with Tag("div"):
            write_button(visitor, "Add the person", add, image="person_add")


def _person_link(visitor: Visitor, ref: CollectionRef, one: Person) -> None:
    Tag("a", one.name, href=address(visitor, ref, person=one.person_id))


async def _faces(visitor: Visitor, ref: CollectionRef) -> None:
    start = visitor.query.get("start", "")
    faces = await visitor.ask(lambda: visitor.parts.gallery.faces.page(ref, start, _TOP))
    with section("Faces"):
        face_table(visitor, ref, faces)
        if len(faces) == _TOP:
            Tag("a", "More faces", href=address(visitor, ref, start=faces[-1].persisted_face_id))
        await enrol(visitor, ref, None)


PAGE = Page(
    "/people/{kind}/{collection}",
    "Group or list",
    "Persons in the group, and its training.",
    "Use",
    "groups",
    render,
    listed=False,
)
