"""A person: name, user data, faces, history; merge, move, erase."""

from __future__ import annotations

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.types import UNSET, EnrolledFace, Person, Unset
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.people_faces import enrol, face_table
from mien.portal.pages.people_history import history
from mien.portal.pages.people_moves import corrections, merge_or_move
from mien.portal.pages.people_places import address, confirming, missing, page_of, rows_of
from mien.portal.stale import edit, stale_notice
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, check_unchanged
from mien.portal.widgets import Tag, button, facts, once, section, text


async def render(visitor: Visitor) -> None:
    """Render the page."""
    ref, person_id = page_of(visitor), visitor.query.get("person", "")
    if ref is None or not ref.kind.has_persons:
        missing()
        return
    gallery = visitor.parts.gallery

    def find() -> tuple[Person, list[EnrolledFace]]:
        return gallery.persons.get(ref, person_id), gallery.faces.enrolled(ref, person_id)

    person, faces = await visitor.ask(find)
    Tag("a", t("Back to the group"), href=address(visitor, ref))
    approved_to_enrol(visitor)
    notice = await stale_notice(visitor, ref)
    await corrections(visitor, ref, person.person_id)
    _about(visitor, ref, person)
    with section(t("Faces"), t("Each photo of the person adds one; three to five different photos are best.")):
        shown = Tag("div", classes="stack")
        with shown:
            await face_table(visitor, ref, faces, person)

        async def refresh() -> None:
            fresh = await visitor.look(find)
            if fresh is not None:
                shown.clear()
                with shown:
                    await face_table(visitor, ref, fresh[1], fresh[0])
            await notice.draw()

        await enrol(visitor, ref, person.person_id, refresh)
    await merge_or_move(visitor, ref, person)
    await history(visitor, ref, person)


def _about(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    gallery = visitor.parts.gallery

    async def erase() -> None:
        def work() -> bool:
            gallery.persons.delete(ref, person.person_id)
            visitor.note("person.delete", collection=ref.path, person=person.person_id)
            return True

        if await edit(visitor, ref, work):
            ui.navigate.to(address(visitor, ref))

    with section(person.name):
        facts(rows_of([(t("Person id"), person.person_id), (t("User data"), person.user_data)]))
        with Tag("details"):
            Tag("summary", t("Rename or change user data"))
            _editor(visitor, ref, person)
        with Tag("div"):
            said = tn(
                "The person and {count} face are deleted immediately and permanently.",
                "The person and {count} faces are deleted immediately and permanently.",
                len(person.persisted_face_ids),
            )
            ask = confirming(t("Erase {person}?", person=person.name), said, t("Erase"), erase)
            button(t("Erase the person"), ask, "danger", may=visitor.may(Permission.PEOPLE))


def _editor(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    gallery = visitor.parts.gallery
    warned: set[str] = set()

    async def save() -> None:
        wanted, data = str(name.value or ""), str(told.value or "")
        given: str | Unset = data if data or person.user_data is not None else UNSET
        found = await visitor.look(lambda: gallery.people.namesakes(ref, wanted)) if wanted.strip() else []
        if found is None:
            return
        same = [one for one in found if one.person_id != person.person_id]
        if same and wanted not in warned and wanted != person.name:
            warned.add(wanted)
            said.clear()
            with said:
                text(
                    tn(
                        "{count} other person has this name already. Save again to have two of the same name.",
                        "{count} other persons have this name already. Save again to have two of the same name.",
                        len(same),
                    )
                )
            return

        def work() -> bool:
            now = gallery.persons.get(ref, person.person_id)
            check_unchanged((person.name, person.user_data), (now.name, now.user_data))
            gallery.persons.update(ref, person.person_id, wanted, given)
            visitor.note("person.update", collection=ref.path, person=person.person_id)
            return True

        if await edit(visitor, ref, work):
            ui.navigate.reload()

    with Tag("div", classes="two"):
        save_once = once(save)
        name = ui.input(t("Name"), value=person.name).props("outlined").on("keydown.enter", save_once)
        told = ui.input(t("User data"), value=person.user_data or "").props("outlined").on("keydown.enter", save_once)
    said = Tag("div", classes="small", role="status")
    with Tag("div"):
        write_button(visitor, t("Save"), save_once)


PAGE = Page(
    "/people/{kind}/{collection}/{person}",
    mark("Person"),
    mark("Faces of one person, and how to correct wrong ones."),
    mark("Use"),
    "person",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark(
            "Add photos of this person, and correct wrong ones: move, remove, merge. Moves and merges can be "
            "undone for 7 days."
        ),
        "portal.md#look-after-people",
        (Term.TEMPLATE, Term.CONFIDENCE, Term.CROP),
    ),
)
