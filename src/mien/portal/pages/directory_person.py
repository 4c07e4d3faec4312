"""A person of the directory: name, user data, faces by recognition model, dynamic groups."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from mien.gallery.directory.views import ListedFace, ListedPerson
from mien.gallery.errors import PersonNotFoundError
from mien.gallery.kinds import Kind, faces_ref
from mien.gallery.types import DynamicGroup, TargetFace, Unset
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, may_write, write_button
from mien.portal.enrolling import Enrolled, Refresh, enrol_place
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.directory import ROOT, action_handler, editor
from mien.portal.pages.people_places import confirming, rows_of
from mien.portal.photos import Upload
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, check_unchanged, tell
from mien.portal.widgets import Tag, button, empty, facts, section, table, text
from mien.vision.types import OperatingPoint


async def render(visitor: Visitor) -> None:
    """Render the page."""
    views, resource_id, person_id = visitor.parts.directory.views, visitor.resource.id, visitor.query["person"]

    def find() -> tuple[ListedPerson, list[ListedFace], list[DynamicGroup]]:
        faces = views.faces(resource_id, person_id)  # raises an error for an unknown id
        named = views.named(resource_id, [person_id])
        if not named:  # deleted between the two calls
            raise PersonNotFoundError(Kind.DIRECTORY, person_id)
        (person,) = named.values()
        return person, faces, views.groups_of(resource_id, person.person_id)

    person, faces, groups = await visitor.ask(find)
    Tag("a", t("Back to the directory"), href=visitor.link(ROOT))
    approved_to_enrol(visitor)
    with Tag("div", classes="two"):
        _about(visitor, person)
        await _groups(visitor, person, groups)
    with section(t("Faces"), t("Each recognition model searches its own faces only.")):
        shown = Tag("div", classes="stack")
        with shown:
            _faces(visitor, person, faces)

        async def refresh() -> None:
            fresh = await visitor.look(lambda: views.faces(resource_id, person_id))
            if fresh is not None:
                shown.clear()
                with shown:
                    _faces(visitor, person, fresh)

        if may_write(visitor):
            await _enrol(visitor, person, refresh)


def _about(visitor: Visitor, person: ListedPerson) -> None:
    persons, resource_id = visitor.parts.directory.directory, visitor.resource.id

    def save(name: str, user_data: str | Unset) -> None:
        now = visitor.parts.directory.views.named(resource_id, [person.person_id]).get(person.person_id)
        if now is not None:  # else the update says so
            check_unchanged((person.name, person.user_data), (now.name, now.user_data))
        persons.update(resource_id, person.person_id, name=name, user_data=user_data)
        visitor.note("person.update", collection="directory", person=person.person_id)

    def erase() -> None:
        persons.delete(resource_id, person.person_id)
        visitor.note("person.delete", collection="directory", person=person.person_id)

    with section(person.name):
        about = [
            (t("Person id"), person.person_id),
            (t("User data"), person.user_data),
            (t("Faces"), str(person.faces)),
        ]
        facts(rows_of(about))
        editor(visitor, person.name, person.user_data, save)
        with Tag("div"):
            said = tn(
                "The person and {count} face are deleted immediately and permanently.",
                "The person and {count} faces are deleted immediately and permanently.",
                person.faces,
            )
            ask = confirming(
                t("Erase {person}?", person=person.name),
                said,
                t("Erase"),
                action_handler(visitor, erase, visitor.link(ROOT)),
            )
            button(t("Erase the person"), ask, "danger", may=visitor.may(Permission.PEOPLE))


async def _groups(visitor: Visitor, person: ListedPerson, groups: list[DynamicGroup]) -> None:
    services, resource_id = visitor.parts.directory, visitor.resource.id
    every = await visitor.ask(lambda: services.dynamic_groups.page(resource_id))
    there = {one.group_id for one in groups}
    others = {one.group_id: f"{one.name} ({one.group_id})" for one in every if one.group_id not in there}

    def change(group_id: str, *, adds: bool) -> None:
        given = [person.person_id]
        add, remove = (given, []) if adds else ([], given)
        services.dynamic_groups.update(resource_id, group_id, add=add, remove=remove)
        visitor.note("dynamic_group.update", group=group_id, added=len(add), removed=len(remove))

    def leave(group: DynamicGroup) -> None:
        do = action_handler(visitor, partial(change, group.group_id, adds=False))
        write_button(visitor, t("Remove"), do, "quiet").props["aria-label"] = t("Remove from {group}", group=group.name)

    with section(t("Dynamic groups")):
        if groups:
            table(
                t("Dynamic groups"),
                [t("Name"), t("Group id"), ""],
                [[partial(_group_link, visitor, one), one.group_id, partial(leave, one)] for one in groups],
            )
        else:
            text(t("The person is in no group."), "soft")
        if others and may_write(visitor):
            chosen = ui.select(others, label=t("Another group")).props("outlined")

            async def join() -> None:
                if chosen.value:
                    await action_handler(visitor, partial(change, str(chosen.value), adds=True))()
                else:
                    tell(t("Choose a group."), "warn")

            with Tag("div"):
                write_button(visitor, t("Add to the group"), join)


def _group_link(visitor: Visitor, group: DynamicGroup) -> None:
    Tag("a", group.name, href=visitor.link(f"{ROOT}/groups/{group.group_id}"))


def _faces(visitor: Visitor, person: ListedPerson, faces: list[ListedFace]) -> None:
    if not faces:
        empty("face", t("No face is enrolled yet"), t("Drop photos below."))
        return
    persons, resource_id = visitor.parts.directory.directory, visitor.resource.id

    def erase(one: ListedFace) -> None:
        model, face_id = one.recognition_model, one.face.persisted_face_id
        persons.delete_face(resource_id, person.person_id, model, face_id)
        visitor.note("face.delete", collection=f"directory/{model}", face=face_id)

    def erase_button(one: ListedFace) -> None:
        do = action_handler(visitor, partial(erase, one))
        ask = confirming(
            t("Erase this face?"), t("Its template is deleted immediately and permanently."), t("Erase"), do
        )
        button(t("Erase"), ask, "quiet", may=visitor.may(Permission.PEOPLE))

    table(
        t("Faces"),
        [t("Recognition model"), t("Face id"), t("User data"), ""],
        [
            [one.recognition_model, one.face.persisted_face_id, one.face.user_data, partial(erase_button, one)]
            for one in faces
        ],
    )


async def _enrol(visitor: Visitor, person: ListedPerson, refresh: Refresh) -> None:
    gallery, persons, resource_id = visitor.parts.gallery, visitor.parts.directory.directory, visitor.resource.id
    labels = [one.label for one in visitor.parts.recognisers]
    chosen = ui.select(labels, value=labels[-1], label=t("Recognition model")).props("outlined")

    def add(photo: Upload, target: TargetFace | None) -> Enrolled:
        model = str(chosen.value)
        point = OperatingPoint.BEST
        made = persons.add_face(
            resource_id, person.person_id, model, photo.data, target=target, operating_point=point, source=photo.name
        ).id
        assert made is not None
        visitor.note("face.add", collection=f"directory/{model}", face=made, person=person.person_id)
        suspicions = gallery.duplicates.found(faces_ref(resource_id, model))
        return Enrolled(made, tuple(one.message for one in suspicions if one.face_id == made))

    await enrol_place(visitor, lambda: gallery.policies.get(resource_id), add, refresh)


PAGE = Page(
    ROOT + "/persons/{person}",
    mark("Person"),
    mark("Name, faces of each recognition model, and groups."),
    mark("Use"),
    "badge",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Name, faces and groups of one person of the directory."),
        "recognise.md#choose-a-collection",
        (Term.DYNAMIC_GROUP, Term.TEMPLATE),
    ),
)
