"""People: the groups and lists of a resource; making one; moving them to a newer model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.gallery.types import Collection, TrainingState, TrainingStatus
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.pages.migrating import migration_table, mismatched
from mien.portal.pages.people_policy import policy
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, banner, confirm, empty, section, table

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
WORDS: Final = {
    TrainingState.SUCCEEDED: "trained",
    TrainingState.FAILED: "failed",
    TrainingState.RUNNING: "training",
    TrainingState.NOT_STARTED: "waiting",
}
_SHOWN: Final = 100


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
        badge(WORDS[status.status], TONES[status.status])


async def render(visitor: Visitor) -> None:
    """Draw the page."""
    start = visitor.query.get("start", "")

    def find() -> tuple[list[tuple[CollectionRef, Collection, TrainingStatus | None]], bool]:
        listed = _listed(visitor, start, _SHOWN + 1)
        shown = [(ref, one, training_of(visitor, ref)) for ref, one in listed[:_SHOWN]]
        return shown, len(listed) > _SHOWN

    found, more = await visitor.ask(find)
    approved_to_enrol(visitor)
    migration_table(visitor, await visitor.ask(lambda: mismatched(visitor)))
    with section("Groups and lists"):
        if not found and start:
            empty("groups", "There are no more groups and lists", action=("All of them", visitor.link("/people")))
        elif not found:
            empty("groups", "No groups or lists yet", "Create a group for persons, or a list for single faces, below.")
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
        if more:
            Tag("a", "More groups and lists", href=visitor.link("/people", start=name_of(found[-1][0])))
    with section("Create a group or list"):
        _form(visitor)
    await policy(visitor, None)


def _listed(visitor: Visitor, start: str, top: int) -> list[tuple[CollectionRef, Collection]]:
    """Return collections, kind by kind, that come after the one named `start`; at most `top`."""
    kinds = list(PUBLIC_KINDS)
    kind, _, after = start.partition("/")
    first = next((place for place, one in enumerate(kinds) if one.value == kind), None)
    if first is None:
        first, after = 0, ""
    found: list[tuple[CollectionRef, Collection]] = []
    for one in kinds[first:]:
        if len(found) < top:
            page = visitor.parts.gallery.collections.page(visitor.resource.id, one, after, top - len(found))
            found += [(CollectionRef(visitor.resource.id, one, each.collection_id), each) for each in page]
        after = ""
    return found


def _link(visitor: Visitor, ref: CollectionRef, one: Collection) -> None:
    Tag("a", one.name, href=address(visitor, ref))
    Tag("div", ref.collection_id, "small soft mono")


def _form(visitor: Visitor) -> None:
    kinds = {kind.value: words for kind, words in NAMES.items()}
    labels = [one.label for one in visitor.parts.recognisers]
    with Tag("div", classes="two"):
        kind = ui.select(kinds, value=Kind.LARGE_PERSON_GROUP.value, label="Kind").props("outlined")
        model = ui.select(labels, value=labels[-1], label="Recognition model").props("outlined")
        name = ui.input("Name").props("outlined")
        identifier = ui.input("Id").props('outlined hint="1 to 64 of a to z, 0 to 9, - and _"')

    async def make() -> None:
        ref = CollectionRef(visitor.resource.id, Kind(str(kind.value)), str(identifier.value or ""))

        def work() -> bool:
            visitor.parts.gallery.collections.create(ref, str(name.value or ""), None, str(model.value))
            visitor.note("collection.create", collection=name_of(ref))
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(address(visitor, ref))

    with Tag("div"):
        write_button(visitor, "Create", make, "primary")


def page_of(visitor: Visitor) -> CollectionRef | None:
    """Return the collection that the address names."""
    kind = visitor.query.get("kind", "")
    if kind not in {one.value for one in PUBLIC_KINDS}:
        return None
    return CollectionRef(visitor.resource.id, Kind(kind), visitor.query.get("collection", ""))


def name_of(ref: CollectionRef) -> str:
    """Return how a collection is called in the audit log and on the command line."""
    return f"{ref.kind.value}/{ref.collection_id}"


def address(visitor: Visitor, ref: CollectionRef, *, person: str = "", **query: str) -> str:
    """Return the address of the page of a collection, or of one of its persons."""
    path = f"/people/{name_of(ref)}"
    return visitor.link(f"{path}/{person}" if person else path, **query)


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


PAGE = Page("/people", "People", "Enrolled people: groups of persons, and lists of faces.", "Use", "groups", render)
