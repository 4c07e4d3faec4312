"""The faces of a list or a person: their sources, and how to correct a wrong one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import CollectionRef
from mien.gallery.types import EnrolledFace, Person, TargetFace
from mien.management.roles import Permission
from mien.portal.approval import write_button
from mien.portal.enrolling import Enrolled, Refresh, enrol_place
from mien.portal.pages.people_moves import move_faces
from mien.portal.pages.people_places import confirming
from mien.portal.photos import Upload, thumbnail
from mien.portal.stale import edit, edited
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, sentence
from mien.portal.widgets import Tag, button, copy_button, empty, icon, modal, moment, table, text
from mien.vision.types import OperatingPoint

_PICTURES: Final = 100
_GONE: Final = mark("The template and the picture are deleted immediately and permanently.")

Changed = Callable[[], object]
"""Called after a face was removed or moved."""


async def face_table(
    visitor: Visitor,
    ref: CollectionRef,
    faces: list[EnrolledFace],
    person: Person | None = None,
    *,
    changed: Changed = ui.navigate.reload,
) -> None:
    """Draw enrolled faces, each with its actions.

    Args:
        visitor: the signed-in person.
        ref: the collection.
        faces: the faces to draw.
        person: the owner of the faces; None in lists.
        changed: called after a face was removed or moved.
    """
    if not faces:
        empty("face", t("No face is enrolled yet"), t("Drop photos below."))
        return
    kept = [one.face_id for one in faces if one.has_crop][:_PICTURES]
    crops = await visitor.ask(lambda: visitor.parts.gallery.crops.of(ref, kept)) if kept else {}
    pictures = await visitor.ask(lambda: {face: thumbnail(crop) for face, crop in crops.items()})
    chosen: set[str] = set()
    choosing = person is not None and len(faces) > 1 and visitor.may(Permission.PEOPLE)
    headings = [*([t("Choose")] if choosing else []), *([t("Photo")] if pictures else [])]
    table(
        t("Faces"),
        [*headings, t("Added"), t("From"), t("User data"), t("Face id"), ""],
        [
            [
                *([partial(_tick, one, chosen)] if choosing else []),
                *([partial(_picture, one, pictures)] if pictures else []),
                moment(one.created_at),
                one.source or t("the API"),
                one.user_data,
                partial(_id, one),
                partial(_actions, visitor, ref, one, person, changed),
            ]
            for one in faces
        ],
    )
    if choosing and person is not None:
        whose = person
        with Tag("div"):
            write_button(
                visitor, t("Move the chosen faces …"), lambda: move_faces(visitor, ref, whose, sorted(chosen)), "quiet"
            )


def _tick(one: EnrolledFace, into: set[str]) -> None:
    box = ui.checkbox(on_change=lambda event: (into.add if event.value else into.discard)(one.face_id))
    box.props["aria-label"] = t("Choose face {face_id}", face_id=one.face_id)


def _picture(one: EnrolledFace, pictures: Mapping[str, str]) -> None:
    if one.face_id in pictures:
        Tag(
            "img",
            classes="thumb",
            src=pictures[one.face_id],
            alt=t("Face enrolled {created_at}", created_at=moment(one.created_at)),
        )
    else:
        icon("no_photography")
        Tag("span", t("No picture is kept"), "sr")


def _id(one: EnrolledFace) -> None:
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("span", f"{one.face_id[:8]}…", "mono", title=one.face_id)
        copy_button(one.face_id, t("face id {face_id}", face_id=one.face_id[:8]))


def _actions(visitor: Visitor, ref: CollectionRef, one: EnrolledFace, person: Person | None, changed: Changed) -> None:
    at = moment(one.created_at)
    said = t("the face of {at} from {source}", at=at, source=one.source) if one.source else t("the face of {at}", at=at)
    with Tag("div", classes="row", style="flex-wrap:nowrap;gap:.2rem"):
        ways: list[tuple[str, Callable[[], object]]] = []
        if person is not None:
            ways.append((t("Move to …"), lambda: move_faces(visitor, ref, person, [one.face_id])))
            ways.append((t("This is wrong …"), lambda: _wrong(visitor, ref, one, person, changed)))
        for label, do in ways:
            made = write_button(visitor, label, do, "quiet")
            made.props["aria-label"] = f"{label} ({said})"
        remove = partial(remover, visitor, ref, one, person, changed)
        ask = confirming(t("Remove this face?"), f"{sentence(said)} {t(_GONE)}", t("Remove"), remove())
        made = button(t("Remove"), ask, "quiet", may=visitor.may(Permission.PEOPLE))
        made.props["aria-label"] = f"{t('Remove')} ({said})"


def remover(
    visitor: Visitor,
    ref: CollectionRef,
    one: EnrolledFace,
    person: Person | None,
    changed: Changed,
    *,
    reason: str = "",
) -> Callable[[], Awaitable[None]]:
    """Return a handler that deletes a face and records the reason."""

    async def remove() -> None:
        def work() -> bool:
            whose = person.person_id if person is not None else None
            visitor.parts.gallery.faces.delete(ref, one.face_id, whose)
            about = {"person": whose, "reason": reason or None}
            visitor.note("face.delete", collection=ref.path, face=one.face_id, **about)
            return True

        if await edit(visitor, ref, work):
            changed()

    return remove


async def enrol(visitor: Visitor, ref: CollectionRef, person: str | None, refresh: Refresh | None = None) -> None:
    """Draw the drop area for photos to enrol.

    Args:
        visitor: the signed-in person.
        ref: the collection.
        person: id of the person to enrol; None in lists.
        refresh: redraws the faces.
    """
    gallery = visitor.parts.gallery

    def add(photo: Upload, target: TargetFace | None) -> Enrolled:
        added = gallery.faces.add(
            ref, photo.data, person_id=person, target=target, operating_point=OperatingPoint.BEST, source=photo.name
        )
        visitor.note("face.add", collection=ref.path, face=added.persisted_face_id, person=person)
        return Enrolled(added.persisted_face_id, tuple(one.message for one in added.duplicates))

    async def after() -> None:
        edited(visitor, ref)
        if refresh is not None:
            await refresh()

    await enrol_place(visitor, lambda: gallery.policies.get_for(ref), add, after)


async def _wrong(visitor: Visitor, ref: CollectionRef, one: EnrolledFace, person: Person, changed: Changed) -> None:
    """Ask what is wrong with a face, and offer a remedy for each answer."""

    def fits() -> tuple[float | None]:
        try:
            return (visitor.parts.gallery.person_search.fit(ref, one.face_id, person.person_id),)
        except GalleryError:
            return (None,)

    if (compared := await visitor.look(fits)) is None:
        return
    (sure,) = compared
    dialog = modal(t("This face is wrong because …"))
    removed = (
        (t("The photo is poor: blurred, turned or covered"), "poorPhoto"),
        (t("It shows no face, or the wrong one of several"), "notTheFace"),
        (t("I do not know whose face it is"), "unknownPerson"),
    )

    async def move() -> None:
        dialog.close()
        await move_faces(visitor, ref, person, [one.face_id])

    def remove(reason: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            dialog.close()
            await remover(visitor, ref, one, person, changed, reason=reason)()

        return do

    with dialog, Tag("div", classes="card"):
        Tag("h2", t("This face is wrong because …"))
        if sure is not None:
            verdict = t("It is probably somebody else.") if sure < 0.5 else t("It is probably the same person.")
            told = tn(
                "Compared with {count} other face of {person}: confidence {confidence:.2f}.",
                "Compared with {count} other faces of {person}: confidence {confidence:.2f}.",
                len(person.persisted_face_ids) - 1,
                person=person.name,
                confidence=sure,
            )
            text(f"{told} {verdict}")
        write_button(
            visitor, t("It shows another person: move it"), move, "primary" if sure and sure < 0.5 else "plain"
        )
        for label, reason in removed:
            write_button(visitor, t("{label}: remove it", label=label), remove(reason))
        text(f"{t('Moving can be undone for 7 days; removing cannot.')} {t(_GONE)}", "soft small")
        with Tag("div", classes="row", style="justify-content:flex-end"):
            button(t("Cancel"), dialog.close)
    dialog.open()
