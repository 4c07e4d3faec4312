"""One group or list: its persons or faces, training, suspected duplicates, its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Duplicate, PersistedFace, Person, TargetFace, TrainingState, TrainingStatus
from mien.management.roles import Permission
from mien.portal.enrolling import Enrolled, enrol_place
from mien.portal.frame import Page
from mien.portal.pages.migrating import migration_banner
from mien.portal.pages.people import (
    NAMES,
    asker,
    missing,
    page_of,
    rows_of,
    training_badge,
    training_of,
)
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, empty, facts, moment, section, table
from mien.vision.types import OperatingPoint

_TOP: Final = 100
_LOOK: Final = 1.0
_BUSY: Final = {TrainingState.RUNNING, TrainingState.NOT_STARTED}


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
            await _training(visitor, ref)
    if ref.kind.has_persons:
        await _persons(visitor, ref)
    else:
        await _faces(visitor, ref)
    await _duplicates(visitor, ref)


def _eraser(visitor: Visitor, ref: CollectionRef) -> Callable[[], Awaitable[None]]:
    async def erase() -> None:
        def work() -> bool:
            visitor.parts.gallery.collections.delete(ref)
            visitor.note("collection.delete", collection=f"{ref.kind.value}/{ref.collection_id}")
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(visitor.link("/people"))

    return erase


async def _training(visitor: Visitor, ref: CollectionRef) -> None:
    with section("Training", "Who was added since the last training is not found before the next one."):
        shown = Tag("div", classes="stack", role="status")

        def draw(status: TrainingStatus | None) -> None:
            shown.clear()
            with shown:
                training_badge(ref.kind, status)
                if status is not None:
                    facts(
                        rows_of(
                            [
                                ("Asked for", moment(status.created)),
                                ("Last step", moment(status.last_action)),
                                ("Last success", moment(status.last_success)),
                                ("Why it failed", status.message),
                            ]
                        )
                    )

        draw(await visitor.ask(lambda: training_of(visitor, ref)))

        async def look() -> None:
            status = await visitor.ask(lambda: training_of(visitor, ref))
            draw(status)
            if status is None or status.status not in _BUSY:
                timer.deactivate()

        timer = ui.timer(_LOOK, look, active=False)

        async def train() -> None:
            def work() -> bool:
                visitor.parts.gallery.training.start(ref)
                visitor.note("collection.train", collection=f"{ref.kind.value}/{ref.collection_id}")
                return True

            if await visitor.act(Permission.MANAGE, work):
                timer.activate()

        with Tag("div"):
            button("Train", train, "primary", image="model_training", may=visitor.may(Permission.MANAGE))


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
            empty("person_add", "There is nobody in this group yet")
        if len(people) == _TOP:
            Tag("a", "More persons", href=_address(visitor, ref, start=people[-1].person_id))
        name = ui.input("Name of a new person").props("outlined")

        async def add() -> None:
            def work() -> str:
                made = gallery.persons.create(ref, str(name.value or ""))
                visitor.note("person.create", collection=f"{ref.kind.value}/{ref.collection_id}", person=made)
                return made

            made = await visitor.act(Permission.MANAGE, work)
            if made:
                ui.navigate.to(_address(visitor, ref, person=made))

        with Tag("div"):
            button("Add the person", add, image="person_add", may=visitor.may(Permission.MANAGE))


def _address(visitor: Visitor, ref: CollectionRef, *, person: str = "", **query: str) -> str:
    path = f"/people/{ref.kind.value}/{ref.collection_id}"
    return visitor.link(f"{path}/{person}" if person else path, **query)


def _person_link(visitor: Visitor, ref: CollectionRef, one: Person) -> None:
    Tag("a", one.name, href=_address(visitor, ref, person=one.person_id))


async def _faces(visitor: Visitor, ref: CollectionRef) -> None:
    start = visitor.query.get("start", "")
    faces = await visitor.ask(lambda: visitor.parts.gallery.faces.page(ref, start, _TOP))
    with section("Faces"):
        face_table(visitor, ref, faces)
        if len(faces) == _TOP:
            Tag("a", "More faces", href=_address(visitor, ref, start=faces[-1].persisted_face_id))
        await enrol(visitor, ref, None)


def face_table(visitor: Visitor, ref: CollectionRef, faces: list[PersistedFace], person: str | None = None) -> None:
    """Draw enrolled faces, each with the way to erase it."""
    if not faces:
        empty("face", "No face is enrolled yet", "Drop a photo below.")
        return
    may = visitor.may(Permission.MANAGE)

    def eraser(face: str) -> Callable[[], Awaitable[None]]:
        async def erase() -> None:
            def work() -> bool:
                visitor.parts.gallery.faces.delete(ref, face, person)
                visitor.note("face.delete", collection=f"{ref.kind.value}/{ref.collection_id}", face=face)
                return True

            if await visitor.act(Permission.MANAGE, work):
                ui.navigate.reload()

        return erase

    def erase_button(face: str) -> None:
        ask = asker("Erase this face?", "Its template is gone at once, for good.", "Erase", eraser(face))
        button("Erase", ask, "quiet", may=may)

    table(
        "Faces",
        ["Face id", "User data", ""],
        [[one.persisted_face_id, one.user_data, partial(erase_button, one.persisted_face_id)] for one in faces],
    )


async def enrol(visitor: Visitor, ref: CollectionRef, person: str | None) -> None:
    """Draw the place where photos are enrolled."""
    gallery = visitor.parts.gallery

    def add(image: bytes, target: TargetFace | None) -> Enrolled:
        point = OperatingPoint.BEST
        added = gallery.faces.add(ref, image, person_id=person, target=target, operating_point=point)
        name = f"{ref.kind.value}/{ref.collection_id}"
        visitor.note("face.add", collection=name, face=added.persisted_face_id, person=person)
        return Enrolled(added.persisted_face_id, tuple(str(one) for one in added.duplicates))

    await enrol_place(visitor, lambda: gallery.policies.get_for(ref), add, _address(visitor, ref, person=person or ""))


async def _duplicates(visitor: Visitor, ref: CollectionRef) -> None:
    found: list[Duplicate] = await visitor.ask(lambda: visitor.parts.gallery.duplicates.found(ref))
    if not found:
        return
    with section("Likely duplicates", "Suspected when they were enrolled; nothing was refused."):
        table(
            "Likely duplicates",
            ["Why", "Person or face", "The other", "Confidence", "Found"],
            [
                [
                    "the same photo" if one.kind == "samePhoto" else "much alike",
                    partial(_suspect, visitor, ref, one.person_id, one.face_id),
                    partial(_suspect, visitor, ref, one.other_person_id, one.other_face_id),
                    f"{one.confidence:.2f}",
                    moment(one.found_at),
                ]
                for one in found[:_TOP]
            ],
            numbers=[3],
        )


def _suspect(visitor: Visitor, ref: CollectionRef, person: str | None, face: str) -> None:
    if person:
        Tag("a", f"{person[:8]}…", href=_address(visitor, ref, person=person))
    else:
        Tag("span", f"{face[:8]}…", "mono")


async def render_person(visitor: Visitor) -> None:
    """Draw one person: their faces, enrolling more, erasing them."""
    ref, person_id = page_of(visitor), visitor.query.get("person", "")
    if ref is None or not ref.kind.has_persons:
        missing()
        return
    gallery = visitor.parts.gallery
    person = await visitor.ask(lambda: gallery.persons.get(ref, person_id))
    faces = await visitor.ask(lambda: [gallery.faces.get(ref, one, person_id) for one in person.persisted_face_ids])
    Tag("a", "Back to the group", href=_address(visitor, ref))

    async def erase() -> None:
        def work() -> bool:
            gallery.persons.delete(ref, person_id)
            visitor.note("person.delete", collection=f"{ref.kind.value}/{ref.collection_id}", person=person_id)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(_address(visitor, ref))

    with section(person.name):
        facts(rows_of([("Person id", person.person_id), ("User data", person.user_data), ("Faces", str(len(faces)))]))
        with Tag("div"):
            said = f"The person and {len(faces)} faces are gone at once, for good: nobody finds them from now on."
            ask = asker(f"Erase {person.name}?", said, "Erase", erase)
            button("Erase the person", ask, "danger", may=visitor.may(Permission.MANAGE))
    with section("Faces"):
        face_table(visitor, ref, faces, person_id)
        await enrol(visitor, ref, person_id)


PAGE = Page(
    "/people/{kind}/{collection}",
    "Group or list",
    "Who is in it, and whether it is trained.",
    "Use",
    "groups",
    render,
    listed=False,
)
PERSON = Page(
    "/people/{kind}/{collection}/{person}", "Person", "Their faces.", "Use", "person", render_person, listed=False
)
