"""One person: their faces, enrolling more, merging and moving, erasing."""

from __future__ import annotations

from nicegui import ui

from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol
from mien.portal.frame import Page
from mien.portal.pages.people import address, asker, missing, name_of, page_of, rows_of
from mien.portal.pages.people_faces import enrol, face_table
from mien.portal.pages.people_moves import merge_or_move
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, facts, section


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    ref, person_id = page_of(visitor), visitor.query.get("person", "")
    if ref is None or not ref.kind.has_persons:
        missing()
        return
    gallery = visitor.parts.gallery
    person = await visitor.ask(lambda: gallery.persons.get(ref, person_id))
    faces = await visitor.ask(lambda: [gallery.faces.get(ref, one, person_id) for one in person.persisted_face_ids])
    chosen: set[str] = set()
    Tag("a", "Back to the group", href=address(visitor, ref))
    approved_to_enrol(visitor)

    async def erase() -> None:
        def work() -> bool:
            gallery.persons.delete(ref, person_id)
            visitor.note("person.delete", collection=name_of(ref), person=person_id)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(address(visitor, ref))

    with section(person.name):
        facts(rows_of([("Person id", person.person_id), ("User data", person.user_data), ("Faces", str(len(faces)))]))
        with Tag("div"):
            said = f"The person and {len(faces)} faces are gone at once, for good: nobody finds them from now on."
            ask = asker(f"Erase {person.name}?", said, "Erase", erase)
            button("Erase the person", ask, "danger", may=visitor.may(Permission.MANAGE))
    with section("Faces"):
        face_table(visitor, ref, faces, person_id, chosen)
        await enrol(visitor, ref, person_id)
    await merge_or_move(visitor, ref, person, chosen)


PAGE = Page("/people/{kind}/{collection}/{person}", "Person", "Their faces.", "Use", "person", render, listed=False)
