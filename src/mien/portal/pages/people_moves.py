"""Corrections: move faces, merge persons, move persons to another group, and undo each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.correction_records import CorrectionKind
from mien.gallery.corrections import Correction
from mien.gallery.errors import ContradictedMergeError, GalleryError
from mien.gallery.kinds import PERSON_GROUPS, CollectionRef
from mien.gallery.person_search import LikelyPerson
from mien.gallery.types import Collection, Person
from mien.portal.approval import write_button
from mien.portal.pages.people_picker import PersonPicker
from mien.portal.pages.people_places import NAMES, address
from mien.portal.stale import edit, edited
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, confirm, icon, moment, section, text

_OFFERED: Final = 200
_UNDO: Final = mark("It can be undone for 7 days.")


def faces_of(count: int) -> str:
    """Return a number of faces as text."""
    return tn("{count:,} face", "{count:,} faces", count)


async def move_faces(visitor: Visitor, ref: CollectionRef, person: Person, faces: Sequence[str]) -> None:
    """Ask for the right owner of faces, and move them to that person.

    Args:
        visitor: the signed-in person.
        ref: the group.
        person: the current owner of the faces.
        faces: their ids.
    """
    if not faces:
        tell(t("Choose faces in the table above."), "warn")
        return
    gallery = visitor.parts.gallery

    def like() -> tuple[LikelyPerson, ...]:
        try:
            return gallery.person_search.like_face(ref, faces[0], person.person_id).found
        except GalleryError:  # of another recogniser, or left out of a migration: suggest nobody
            return ()

    async def new(name: str) -> str | None:
        def work() -> str:
            made = gallery.persons.create(ref, name)
            visitor.note("person.create", collection=ref.path, person=made)
            return made

        return await edit(visitor, ref, work)

    async def chosen(into: str, _: str) -> None:
        if await edit(visitor, ref, partial(_move_faces, visitor, ref, person.person_id, into, faces)):
            ui.navigate.reload()

    about = tn("Choose whose face this is.", "Choose whose faces these are.", len(faces))
    about = f"{about} {t(_UNDO)}"
    title = tn("Move this face to …", "Move {count} faces to …", len(faces))
    picker = PersonPicker(visitor, ref, title, about, chosen, without=person.person_id, like=like, new=new)
    await picker.draw()


def _move_faces(visitor: Visitor, ref: CollectionRef, person_id: str, into: str, faces: Sequence[str]) -> bool:
    visitor.parts.gallery.reassignment.move_faces(ref, faces, person_id, into)
    for face in faces:
        visitor.note("face.move", collection=ref.path, face=face, person=person_id, into=into)
    return True


def face_mover(
    visitor: Visitor, ref: CollectionRef, face: str, whose: Person, into: Person
) -> Callable[[], Awaitable[None]]:
    """Return a handler that moves a face to a person and reloads the page."""

    async def move() -> None:
        work = partial(_move_faces, visitor, ref, whose.person_id, into.person_id, [face])
        if await edit(visitor, ref, work):
            ui.navigate.reload()

    return move


def merger(
    visitor: Visitor, ref: CollectionRef, person: Person, into: str, then: Callable[[], object]
) -> Callable[[], Awaitable[None]]:
    """Return a handler that merges a person into another and calls `then` on success.

    If negatives say that they are two people, it asks for confirmation.
    """

    async def merge(settled: int = 0) -> None:
        against = 0

        def work() -> bool | None:
            nonlocal against
            merging = visitor.parts.gallery.reassignment.merge
            try:
                count = merging(ref, person.person_id, into, despite_negatives=settled > 0)
            except ContradictedMergeError as error:
                against = error.negatives
                return None
            details = {"negatives_deleted": settled} if settled else {}
            visitor.note(
                "person.merge", collection=ref.path, person=person.person_id, into=into, faces=count, **details
            )
            return True

        if await edit(visitor, ref, work):
            then()
        elif against:
            _ask_despite(against, partial(merge, against))

    return merge


def _ask_despite(against: int, merge: Callable[[], Awaitable[None]]) -> None:
    about = tn(
        "A face that was kept says that these are two people: somebody answered “not this person”. Merge them "
        "only if that was a mistake. The kept face is deleted, and undoing the merge does not bring it back.",
        "{count} faces that were kept say that these are two people: somebody answered “not this person”. Merge them "
        "only if that was a mistake. The kept faces are deleted, and undoing the merge does not bring them back.",
        against,
    )
    confirm(t("Merge them all the same?"), about, t("Merge"), merge)


async def merge_or_move(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    """Draw the actions that merge a person into another, and move them to another group.

    Args:
        visitor: the signed-in person.
        ref: the group.
        person: the person.
    """
    gallery = visitor.parts.gallery

    def find() -> tuple[Collection, list[tuple[CollectionRef, Collection]]]:
        groups = [
            (CollectionRef(visitor.resource.id, kind, one.collection_id), one)
            for kind in PERSON_GROUPS
            for one in gallery.collections.page(visitor.resource.id, kind, top=_OFFERED)
        ]
        return gallery.collections.get(ref), groups

    here, groups = await visitor.ask(find)
    with (
        section(
            t("Enrolled twice"),
            f"{t('Merge two entries of the same person. To correct a wrong face, move the face.')} {t(_UNDO)}",
        ),
        Tag("div"),
    ):
        write_button(visitor, t("Merge into another person …"), partial(_merge, visitor, ref, person))
    with section(t("Another group"), f"{t('Moves the person with faces, user data, crops and consents.')} {t(_UNDO)}"):
        fit = {to.path: (to, one) for to, one in groups if to != ref}
        fit = {name: pair for name, pair in fit.items() if pair[1].recognition_model == here.recognition_model}
        if not fit:
            text(
                t("There is no other group of {model} to move to.", model=here.recognition_model),
                "soft",
            )
            return
        words = {name: f"{one.name} ({t(NAMES[to.kind])}, {to.collection_id})" for name, (to, one) in fit.items()}
        group = ui.select(words, label=t("Group")).props("outlined")
        if len(groups) > len(fit) + 1:
            text(t("Groups with another recognition model are not listed: migrate them first."), "soft small")

        async def move() -> None:
            if group.value in fit:
                await _move(visitor, (ref, here), fit[str(group.value)], person)
            else:
                tell(t("Choose a group."), "warn")

        with Tag("div"):
            write_button(visitor, t("Move to the group"), move)


async def _merge(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    """Ask for the person to merge into, and for confirmation."""

    async def chosen(into: str, name: str) -> None:
        about = (
            t(
                "{name} gets the faces ({count}), consents, negatives, badges and visits of {person}. "
                "{name}'s name and user data stay. Calls with the id {person_id} then return that there is no "
                "such person.",
                name=name,
                count=faces_of(len(person.persisted_face_ids)),
                person=person.name,
                person_id=person.person_id,
            )
            + f" {t(_UNDO)}"
        )
        then = merger(visitor, ref, person, into, lambda: ui.navigate.to(address(visitor, ref, person=into)))
        confirm(t("Merge {person} into {name}?", person=person.name, name=name), about, t("Merge"), then)

    about = t("Choose who {person} is, too: both entries become one.", person=person.name)
    picker = PersonPicker(
        visitor, ref, t("Merge {person} into …", person=person.name), about, chosen, without=person.person_id
    )
    await picker.draw()


async def _move(
    visitor: Visitor, here: tuple[CollectionRef, Collection], there: tuple[CollectionRef, Collection], person: Person
) -> None:
    (ref, old), (to, new) = here, there
    about = (
        t(
            "{person} moves from {old} to {new} with faces ({count}), user data, crops and consents; ids "
            "stay. {person} is then not found in {old}, and calls there return that there is no such person.",
            person=person.name,
            old=old.name,
            new=new.name,
            count=faces_of(len(person.persisted_face_ids)),
        )
        + f" {t(_UNDO)}"
    )

    async def move() -> None:
        def work() -> bool:
            visitor.parts.gallery.relocation.move(ref, person.person_id, to)
            visitor.note("person.move", collection=ref.path, person=person.person_id, to=to.path)
            return True

        if await edit(visitor, to, work):
            edited(visitor, ref)
            ui.navigate.to(address(visitor, to, person=person.person_id))

    confirm(t("Move {person} to {new}?", person=person.name, new=new.name), about, t("Move"), move)


async def corrections(visitor: Visitor, ref: CollectionRef, person_id: str | None = None) -> None:
    """Draw recent moves and merges with buttons to undo them; nothing if there are none.

    Args:
        visitor: the signed-in person.
        ref: the group.
        person_id: only those of this person; None for all of the group.
    """
    found = await visitor.ask(lambda: visitor.parts.gallery.corrections.recent(ref, person_id))
    for one in found[:3] if person_id else found[:1]:
        with Tag("div", classes="banner info", role="note"):
            icon("undo")
            with Tag("div", classes="grow"):
                Tag("strong", _said(one))
                with Tag("p", classes="small"):
                    Tag("span", moment(one.made_at))
                    Tag("span", f". {t(_UNDO)}")
            write_button(visitor, t("Undo"), partial(_undo, visitor, ref, one))


def _said(one: Correction) -> str:
    if one.kind is CorrectionKind.GROUP:
        return t("{name} came from {source}", name=one.name, source=one.source)
    into = one.into_name or t("a person who is gone")
    if one.kind is CorrectionKind.MERGE:
        return t("{name} was merged into {into} ({faces})", name=one.name, into=into, faces=faces_of(one.faces))
    return tn(
        "{count} face moved from {name} to {into}",
        "{count} faces moved from {name} to {into}",
        one.faces,
        name=one.name,
        into=into,
    )


async def _undo(visitor: Visitor, ref: CollectionRef, one: Correction) -> None:
    def work() -> bool:
        visitor.parts.gallery.corrections.undo(ref, one.id)
        visitor.note(
            f"{'face' if one.kind is CorrectionKind.MOVE else 'person'}.{one.kind.value}.undo",
            collection=ref.path,
            person=one.person_id,
            into=one.into_id,
        )
        return True

    if not await edit(visitor, ref, work, t("Undone.")):
        return
    if one.kind is CorrectionKind.GROUP and one.source:
        back = CollectionRef.from_path(ref.resource_id, one.source)
        edited(visitor, back)
        ui.navigate.to(address(visitor, back, person=one.person_id))
    else:
        ui.navigate.reload()
