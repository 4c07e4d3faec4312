"""People: the groups and lists of a resource; making one; moving them to a newer model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.gallery.migrations import Plan
from mien.gallery.types import Collection, TrainingState, TrainingStatus
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, banner, button, confirm, empty, section, table, text

NAMES: Final = {
    Kind.PERSON_GROUP: "Person group",
    Kind.LARGE_PERSON_GROUP: "Large person group",
    Kind.FACE_LIST: "Face list",
    Kind.LARGE_FACE_LIST: "Large face list",
}
TONES: Final = {
    TrainingState.SUCCEEDED: "good",
    TrainingState.FAILED: "bad",
    TrainingState.RUNNING: "info",
    TrainingState.NOT_STARTED: "info",
}
_WORDS: Final = {
    TrainingState.SUCCEEDED: "trained",
    TrainingState.FAILED: "failed",
    TrainingState.RUNNING: "training",
    TrainingState.NOT_STARTED: "waiting",
}
_SHOWN: Final = 200


def training_of(visitor: Visitor, ref: CollectionRef) -> TrainingStatus | None:
    """Return how the last training of a collection went; None without one."""
    try:
        return visitor.parts.gallery.training.status(ref) if ref.kind.trained else None
    except GalleryError:
        return None


def training_badge(kind: Kind, status: TrainingStatus | None) -> None:
    """Draw where a training stands."""
    if not kind.trained:
        badge("not needed")
    elif status is None:
        badge("never trained", "warn")
    else:
        badge(_WORDS[status.status], TONES[status.status])


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    gallery, resource = visitor.parts.gallery, visitor.resource

    def find() -> list[tuple[CollectionRef, Collection, TrainingStatus | None]]:
        return [
            (ref, one, training_of(visitor, ref))
            for kind in PUBLIC_KINDS
            for one in gallery.collections.page(resource.id, kind, top=_SHOWN)
            for ref in [CollectionRef(resource.id, kind, one.collection_id)]
        ]

    found = await visitor.ask(find)
    await _migrations(visitor)
    with section("Groups and lists"):
        if not found:
            empty("groups", "There is nobody yet", "Make a group for persons, or a list for single faces, below.")
        else:
            table(
                "Groups and lists",
                ["Name", "Kind", "Persons", "Faces", "Model", "Training"],
                [
                    [
                        partial(_link, visitor, ref, one),
                        NAMES[ref.kind],
                        one.persons if ref.kind.has_persons else "–",
                        one.faces,
                        one.recognition_model,
                        partial(training_badge, ref.kind, status),
                    ]
                    for ref, one, status in found
                ],
                numbers=[2, 3],
            )
    with section("Make a group or list"):
        _form(visitor)


def _link(visitor: Visitor, ref: CollectionRef, one: Collection) -> None:
    Tag("a", one.name, href=visitor.link(f"/people/{ref.kind.value}/{ref.collection_id}"))
    Tag("div", ref.collection_id, "small soft mono")


def _form(visitor: Visitor) -> None:
    kinds = {kind.value: words for kind, words in NAMES.items()}
    labels = [one.label for one in visitor.parts.recognisers]
    with Tag("div", classes="two"):
        kind = ui.select(kinds, value=Kind.LARGE_PERSON_GROUP.value, label="Kind").props("outlined")
        model = ui.select(labels, value=labels[-1], label="Recognition model").props("outlined")
        name = ui.input("Name").props("outlined")
        identifier = ui.input("Id").props('outlined hint="1 to 64 lower-case letters, digits, hyphens, underscores"')

    async def make() -> None:
        ref = CollectionRef(visitor.resource.id, Kind(str(kind.value)), str(identifier.value or ""))

        def work() -> bool:
            visitor.parts.gallery.collections.create(ref, str(name.value or ""), None, str(model.value))
            visitor.note("collection.create", collection=f"{ref.kind.value}/{ref.collection_id}")
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(visitor.link(f"/people/{ref.kind.value}/{ref.collection_id}"))

    with Tag("div"):
        button("Make it", make, "primary", may=visitor.may(Permission.MANAGE))


async def _migrations(visitor: Visitor) -> None:
    """Draw which collections have templates of other weights than their label is bound to, and the way out."""
    migrations = visitor.parts.migrations

    def find() -> list[Plan]:
        plans = (migrations.plan(ref) for ref in migrations.collections(visitor.resource.id))
        return [plan for plan in plans if plan.needed and plan.faces]

    plans = await visitor.ask(find)
    if not plans:
        return
    with section("Migration", "These faces were enrolled with other weights than their model is bound to now."):
        table(
            "Collections to migrate",
            ["Collection", "Faces", "Can be migrated", "Cannot", ""],
            [
                [
                    f"{plan.ref.kind.value}/{plan.ref.collection_id}",
                    plan.faces,
                    plan.ready + plan.to_make,
                    len(plan.lost),
                    partial(migrate_button, visitor, plan),
                ]
                for plan in plans
            ],
            numbers=[1, 2, 3],
        )
        if any(plan.lost for plan in plans):
            text("A face that cannot be migrated has no crop to make a template from: enrol it again.", "soft small")


def migrate_button(visitor: Visitor, plan: Plan, label: str = "Migrate") -> None:
    """A button that migrates a collection, and shows how far that is."""
    box = Tag("div", classes="row")
    done = {"now": 0, "all": plan.to_make}

    async def migrate() -> None:
        def report(now: int, everything: int) -> None:
            done.update(now=now, all=everything)

        def work() -> bool:
            left = visitor.parts.migrations.migrate(plan, leave_out=bool(plan.lost), report=report)
            name = f"{plan.ref.kind.value}/{plan.ref.collection_id}"
            visitor.note("collection.migrate", collection=name, model=plan.target.label, left_out=len(left))
            return True

        with box:
            bar = ui.linear_progress(0, show_value=False, size="8px").classes("grow")
            bar.props["aria-label"] = "Migration"
            timer = ui.timer(0.5, lambda: bar.set_value(done["now"] / max(1, done["all"])))
        finished = await visitor.act(Permission.MANAGE, work, "Migrated.")
        timer.cancel()
        if finished:
            ui.navigate.to(visitor.link("/people"))
        else:
            bar.delete()

    async def ask() -> None:
        if not plan.lost:
            await migrate()
            return
        about = f"{len(plan.lost)} faces have no crop: nobody finds them until they are enrolled again."
        confirm("Migrate without them?", about, "Migrate", migrate)

    with box:
        button(label, ask, "quiet", may=visitor.may(Permission.MANAGE))


def page_of(visitor: Visitor) -> CollectionRef | None:
    """Return the collection that the address names."""
    kind = visitor.query.get("kind", "")
    if kind not in {one.value for one in PUBLIC_KINDS}:
        return None
    return CollectionRef(visitor.resource.id, Kind(kind), visitor.query.get("collection", ""))


def rows_of(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return facts without those that there is nothing to say of."""
    return [(name, value) for name, value in pairs if value not in {None, ""}]


def asker(title: str, about: str, label: str, work: Callable[[], Any]) -> Callable[[], None]:
    """Return what asks before it does something that cannot be undone."""

    def ask() -> None:
        confirm(title, about, label, work)

    return ask


def missing() -> None:
    """Say that there is no such collection."""
    banner("bad", "There is no such group or list", "It may have been deleted.")


PAGE = Page("/people", "People", "Who is enrolled: groups of persons, and lists of faces.", "Use", "groups", render)
