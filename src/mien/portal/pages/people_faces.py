"""The faces of a list or of a person, and the place where photos are enrolled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.types import PersistedFace, TargetFace
from mien.management.roles import Permission
from mien.portal.enrolling import Enrolled, enrol_place
from mien.portal.pages.people import address, asker, name_of
from mien.portal.visitor import Visitor
from mien.portal.widgets import button, empty, table
from mien.vision.types import OperatingPoint


def face_table(
    visitor: Visitor,
    ref: CollectionRef,
    faces: list[PersistedFace],
    person: str | None = None,
    chosen: set[str] | None = None,
) -> None:
    """Draw enrolled faces, each with the way to erase it.

    Args:
        visitor: who looks.
        ref: the collection.
        faces: what to draw.
        person: whose they are; None in lists.
        chosen: gets the ids of faces that are ticked; None where there is nothing to choose them for.
    """
    if not faces:
        empty("face", "No face is enrolled yet", "Drop a photo below.")
        return
    may = visitor.may(Permission.MANAGE)

    def eraser(face: str) -> Callable[[], Awaitable[None]]:
        async def erase() -> None:
            def work() -> bool:
                visitor.parts.gallery.faces.delete(ref, face, person)
                visitor.note("face.delete", collection=name_of(ref), face=face)
                return True

            if await visitor.act(Permission.MANAGE, work):
                ui.navigate.reload()

        return erase

    def erase_button(face: str) -> None:
        ask = asker("Erase this face?", "Its template is deleted immediately, for good.", "Erase", eraser(face))
        button("Erase", ask, "quiet", may=may)

    def tick(face: str, into: set[str]) -> None:
        def note(ticked: object) -> None:
            (into.add if ticked else into.discard)(face)

        box = ui.checkbox(on_change=lambda event: note(event.value))
        box.props["aria-label"] = f"Choose face {face}"

    choosing = may and chosen is not None
    table(
        "Faces",
        [*(["Choose"] if choosing else []), "Face id", "User data", ""],
        [
            [
                *([partial(tick, one.persisted_face_id, chosen)] if choosing and chosen is not None else []),
                one.persisted_face_id,
                one.user_data,
                partial(erase_button, one.persisted_face_id),
            ]
            for one in faces
        ],
    )


async def enrol(visitor: Visitor, ref: CollectionRef, person: str | None) -> None:
    """Draw the place where photos are enrolled."""
    gallery = visitor.parts.gallery

    def add(image: bytes, target: TargetFace | None) -> Enrolled:
        point = OperatingPoint.BEST
        added = gallery.faces.add(ref, image, person_id=person, target=target, operating_point=point)
        visitor.note("face.add", collection=name_of(ref), face=added.persisted_face_id, person=person)
        return Enrolled(added.persisted_face_id, tuple(str(one) for one in added.duplicates))

    await enrol_place(visitor, lambda: gallery.policies.get_for(ref), add, address(visitor, ref, person=person or ""))
