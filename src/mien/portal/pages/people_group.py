"""A group or list: persons or faces, training, suspected duplicates, deletion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.types import EnrolledFace
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.migrating import migration_banner
from mien.portal.pages.people_bulk import bulk
from mien.portal.pages.people_duplicates import duplicates
from mien.portal.pages.people_faces import enrol, face_table
from mien.portal.pages.people_list import people_list
from mien.portal.pages.people_moves import corrections
from mien.portal.pages.people_places import NAMES, address, confirming, missing, page_of, rows_of
from mien.portal.pages.people_policy import policy
from mien.portal.pages.people_training import training
from mien.portal.stale import StaleNotice, stale_notice
from mien.portal.texts import figure, mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, facts, section

_TOP: Final = 100


async def render(visitor: Visitor) -> None:
    """Render the page."""
    ref = page_of(visitor)
    if ref is None:
        missing()
        return
    gallery, may = visitor.parts.gallery, visitor.may(Permission.PEOPLE)
    about = await visitor.ask(lambda: gallery.collections.get(ref))
    plan = await visitor.ask(lambda: visitor.parts.migrations.plan(ref))
    Tag("a", t("All groups and lists"), href=visitor.link("/people"))
    approved_to_enrol(visitor)
    notice = await stale_notice(visitor, ref)
    await corrections(visitor, ref)
    history: Callable[[], None] | None = None
    with Tag("div", classes="two"):
        with section(about.name):
            facts(
                rows_of(
                    [
                        (t("Id"), about.collection_id),
                        (t("Kind"), t(NAMES[ref.kind])),
                        (t("Persons"), figure(about.persons, ",") if ref.kind.has_persons else None),
                        (t("Faces"), figure(about.faces, ",")),
                        (t("Recognition model"), about.recognition_model),
                        (t("Fingerprint"), plan.fingerprint[:16] + "…"),
                        (t("User data"), about.user_data),
                    ]
                )
            )
            if plan.needed and plan.faces:
                migration_banner(visitor, plan)
            with Tag("div"):
                said = t(
                    "Everything in it is erased immediately and permanently: {persons}, {faces}.",
                    persons=tn("{count:,} person", "{count:,} persons", about.persons),
                    faces=tn("{count:,} face", "{count:,} faces", about.faces),
                )
                button(
                    t("Erase"),
                    confirming(t("Erase {name}?", name=about.name), said, t("Erase"), _eraser(visitor, ref)),
                    "danger",
                    may=may,
                )
        if ref.kind.trained:
            history = await training(visitor, ref, notice)
    if ref.kind.has_persons:
        shown = await people_list(visitor, ref)

        async def refresh() -> None:
            await shown.draw()
            await notice.draw()

        bulk(visitor, ref, refresh)
    else:
        await _faces(visitor, ref, notice)
    await duplicates(visitor, ref)
    await policy(visitor, ref)
    if history is not None:
        history()


def _eraser(visitor: Visitor, ref: CollectionRef) -> Callable[[], Awaitable[None]]:
    async def erase() -> None:
        def work() -> bool:
            visitor.parts.gallery.collections.delete(ref)
            visitor.note("collection.delete", collection=ref.path)
            return True

        if await visitor.act(Permission.PEOPLE, work):
            ui.navigate.to(visitor.link("/people"))

    return erase


async def _faces(visitor: Visitor, ref: CollectionRef, notice: StaleNotice) -> None:
    start = visitor.query.get("start", "")

    def find() -> list[EnrolledFace]:
        return visitor.parts.gallery.faces.enrolled(ref, start=start, top=_TOP)

    faces = await visitor.ask(find)
    with section(t("Faces")):
        shown = Tag("div", classes="stack")
        with shown:
            await face_table(visitor, ref, faces)
        if len(faces) == _TOP:
            Tag("a", t("More faces"), href=address(visitor, ref, start=faces[-1].face_id))

        async def refresh() -> None:
            fresh = await visitor.look(find)
            if fresh is not None:
                shown.clear()
                with shown:
                    await face_table(visitor, ref, fresh)
            await notice.draw()

        await enrol(visitor, ref, None, refresh)


PAGE = Page(
    "/people/{kind}/{collection}",
    mark("Group or list"),
    mark("Persons in the group, and its training."),
    mark("Use"),
    "groups",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Find, add and enrol the people of this group, and train it so that they are found."),
        "portal.md#look-after-people",
        (Term.TRAINING, Term.TEMPLATE, Term.FINGERPRINT, Term.CROP),
    ),
)
