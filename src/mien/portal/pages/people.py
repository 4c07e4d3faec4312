"""People: the groups and lists of a resource, the form to create one, and migrations."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.gallery.training.staleness import Staleness
from mien.gallery.types import Collection, TrainingState, TrainingStatus
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.migrating import migration_table, mismatched
from mien.portal.pages.people_by_photo import by_photo
from mien.portal.pages.people_places import NAMES, address
from mien.portal.pages.people_policy import policy
from mien.portal.stale import changes_since, trainer
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, empty, hint, once, section, table

TONES: Final = {
    TrainingState.SUCCEEDED: "good",
    TrainingState.FAILED: "bad",
    TrainingState.RUNNING: "info",
    TrainingState.NOT_STARTED: "info",
}
WORDS: Final = {
    TrainingState.SUCCEEDED: mark("trained"),
    TrainingState.FAILED: mark("failed"),
    TrainingState.RUNNING: mark("training"),
    TrainingState.NOT_STARTED: mark("waiting"),
}
_SHOWN: Final = 100


def training_of(visitor: Visitor, ref: CollectionRef) -> TrainingStatus | None:
    """Return the status of a collection's last training; None without one."""
    try:
        return visitor.parts.gallery.training.status(ref) if ref.kind.trained else None
    except GalleryError:
        return None


def training_badge(kind: Kind, status: TrainingStatus | None, stale: Staleness | None = None) -> None:
    """Draw the status of a training; a group with later changes is not shown as trained."""
    if not kind.trained:
        badge(t("not needed"))
    elif stale is not None and stale.is_stale and stale.trained_at is not None and not stale.training:
        badge(changes_since(stale), "warn")
    elif status is None:
        badge(t("never trained"), "warn")
    else:
        badge(t(WORDS[status.status]), TONES[status.status])


async def render(visitor: Visitor) -> None:
    """Render the page."""
    start = visitor.query.get("start", "")

    def find() -> tuple[list[tuple[CollectionRef, Collection, TrainingStatus | None]], bool]:
        listed = _listed(visitor, start, _SHOWN + 1)
        shown = [(ref, one, training_of(visitor, ref)) for ref, one in listed[:_SHOWN]]
        return shown, len(listed) > _SHOWN

    found, more = await visitor.ask(find)
    stale = {one.ref: one for one in await visitor.ask(lambda: visitor.parts.gallery.stale.every(visitor.resource.id))}
    approved_to_enrol(visitor)
    migration_table(visitor, await visitor.ask(lambda: mismatched(visitor)))
    with section(t("Groups and lists")):
        if not found and start:
            empty("groups", t("There are no more groups and lists"), action=(t("All of them"), visitor.link("/people")))
        elif not found:
            empty(
                "groups",
                t("No groups or lists yet"),
                t("Create a group for persons, or a list for single faces, below."),
            )
        else:
            table(
                t("Groups and lists"),
                [t("Name"), t("Kind"), t("Persons"), t("Faces"), t("Model"), t("Training")],
                [
                    [
                        partial(_link, visitor, ref, one),
                        t(NAMES[ref.kind]),
                        one.persons if ref.kind.has_persons else "–",
                        one.faces,
                        one.recognition_model,
                        partial(_training, visitor, ref, status, stale.get(ref)),
                    ]
                    for ref, one, status in found
                ],
                numbers=[2, 3],
            )
        if more:
            Tag("a", t("More groups and lists"), href=visitor.link("/people", start=found[-1][0].path))
    with section(t("Find a person by photo"), t("In all groups of the resource, whether they are trained or not.")):
        by_photo(visitor)
    with section(t("Create a group or list")):
        _form(visitor)
    await policy(visitor, None)


def _training(visitor: Visitor, ref: CollectionRef, status: TrainingStatus | None, stale: Staleness | None) -> None:
    with Tag("div", classes="row", style="gap:.4rem;flex-wrap:nowrap"):
        training_badge(ref.kind, status, stale)
        if stale is not None and not stale.training:
            made = write_button(visitor, t("Train now"), trainer(visitor, ref, ui.navigate.reload), "quiet")
            made.props["aria-label"] = f"{t('Train now')}: {stale.name}"


def _listed(visitor: Visitor, start: str, top: int) -> list[tuple[CollectionRef, Collection]]:
    """Return up to `top` collections, sorted by kind, after the collection `start`."""
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
    with Tag("a", href=address(visitor, ref)):
        Tag("bdi", one.name, "name")
    Tag("div", ref.collection_id, "small soft mono")


def _form(visitor: Visitor) -> None:
    kinds = {kind.value: t(words) for kind, words in NAMES.items()}
    labels = [one.label for one in visitor.parts.recognisers]
    with Tag("div", classes="two"):
        kind = ui.select(kinds, value=Kind.LARGE_PERSON_GROUP.value, label=t("Kind")).props("outlined")
        model = ui.select(labels, value=labels[-1], label=t("Recognition model")).props("outlined")
        name = ui.input(t("Name")).props("outlined")
        identifier = ui.input(t("Id")).props(hint(t("1 to 64 of a to z, 0 to 9, - and _"), "outlined"))

    async def make() -> None:
        ref = CollectionRef(visitor.resource.id, Kind(str(kind.value)), str(identifier.value or ""))

        def work() -> bool:
            visitor.parts.gallery.collections.create(ref, str(name.value or ""), None, str(model.value))
            visitor.note("collection.create", collection=ref.path)
            return True

        if await visitor.act(Permission.PEOPLE, work):
            ui.navigate.to(address(visitor, ref))

    make_once = once(make)
    name.on("keydown.enter", make_once)
    identifier.on("keydown.enter", make_once)
    with Tag("div"):
        write_button(visitor, t("Create"), make_once, "primary")


PAGE = Page(
    "/people",
    mark("People"),
    mark("Enrolled people: groups of persons, and lists of faces."),
    mark("Use"),
    "groups",
    render,
    needs=Permission.LOOK_UP,
    help=Help(
        mark(
            "Groups hold persons with their faces, lists hold single faces. Create one, open "
            "one, or find a person by a photo."
        ),
        "gallery.md",
        (Term.TEMPLATE, Term.TRAINING, Term.CROP),
    ),
)
