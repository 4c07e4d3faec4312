"""The person directory: list and search of persons, the form to add one, face counts by recognition model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.directory.views import DirectorySizes, ListedPerson
from mien.gallery.kinds import Kind, faces_ref
from mien.gallery.types import UNSET, Duplicate, Unset
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.migrating import migration_table, mismatched
from mien.portal.texts import figure, mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, empty, moment, section, table, tile

ROOT: Final = "/directory"
TOP: Final = 100
"""Entries per page."""

_TABS: Final = ((ROOT, mark("Persons")), (f"{ROOT}/groups", mark("Dynamic groups")))

Save = Callable[[str, str | Unset], object]
"""Stores a name and user data; called in a thread."""


def tabs(visitor: Visitor, current: str) -> None:
    """Draw the tabs for persons and groups."""
    with Tag("nav", classes="tabs", aria_label=t("Person directory")):
        for path, label in _TABS:
            link = Tag("a", t(label), href=visitor.link(path))
            if path == current:
                link.props["aria-current"] = "page"


def person_address(visitor: Visitor, person_id: str) -> str:
    """Return the address of a person's page."""
    return visitor.link(f"{ROOT}/persons/{person_id}")


def person_link(visitor: Visitor, one: ListedPerson) -> None:
    """Draw a link to a person."""
    Tag("a", one.name, href=person_address(visitor, one.person_id))


def editor(visitor: Visitor, name: str, user_data: str | None, save: Save) -> None:
    """Draw a form for a name and user data."""
    with Tag("div", classes="two"):
        named = ui.input(t("Name"), value=name).props("outlined")
        told = ui.input(t("User data"), value=user_data or "").props("outlined")

    async def keep() -> None:
        data = str(told.value or "")
        given = data if data or user_data is not None else UNSET  # an empty field keeps user data unset

        def work() -> bool:
            save(str(named.value or ""), given)
            return True

        if await visitor.act(Permission.PEOPLE, work):
            ui.navigate.reload()

    with Tag("div"):
        write_button(visitor, t("Save"), keep)


async def render(visitor: Visitor) -> None:
    """Render the page."""
    tabs(visitor, ROOT)
    views, resource_id = visitor.parts.directory.views, visitor.resource.id
    approved_to_enrol(visitor)
    plans = await visitor.ask(lambda: mismatched(visitor, lambda ref: ref.kind is Kind.DIRECTORY))
    migration_table(visitor, plans)
    sizes = await visitor.ask(lambda: views.sizes(resource_id))
    with Tag("div", classes="tiles"):
        tile(t("persons"), figure(sizes.persons, ","))
        for model, faces in sizes.faces.items():
            tile(t("faces of {model}", model=model), figure(faces, ","))
    await _persons(visitor, sizes)
    with section(t("Add a person"), t("New persons are found immediately: the directory needs no training.")):
        _form(visitor)
    await _duplicates(visitor, sizes)


async def _persons(visitor: Visitor, sizes: DirectorySizes) -> None:
    query, views = visitor.query, visitor.parts.directory.views
    start, text = query.get("start", ""), query.get("text", "")
    people = await visitor.ask(lambda: views.persons(visitor.resource.id, start, TOP, text))
    with section(t("Persons")):
        if not sizes.persons:
            empty("person_add", t("The directory has no persons yet"), t("Add a person below, then enrol their faces."))
            return
        with Tag("form", classes="row", method="get", role="search"):
            Tag("input", type="hidden", name="resource", value=visitor.resource.name)
            with Tag("label", classes="field"):
                Tag("span", t("Name or person id"), "small soft")
                Tag("input", classes="native", type="search", name="text", value=text)
            Tag("button", t("Search"), "btn primary", type="submit")
        if not people:
            empty("person_search", t("Nobody was found"), t("Search for a part of the name, or for the whole id."))
            return
        table(
            t("Persons"),
            [t("Name"), t("Faces"), t("User data"), t("Person id")],
            [[partial(person_link, visitor, one), one.faces, one.user_data, one.person_id] for one in people],
            numbers=[1],
        )
        if len(people) == TOP:
            kept = {"text": text} if text else {}
            Tag("a", t("More persons"), href=visitor.link(ROOT, **kept, start=people[-1].person_id))


def _form(visitor: Visitor) -> None:
    with Tag("div", classes="two"):
        name = ui.input(t("Name")).props("outlined")
        user_data = ui.input(t("User data")).props("outlined")

    async def add() -> None:
        def work() -> str:
            given = str(user_data.value or "") or None
            made = visitor.parts.directory.directory.create(visitor.resource.id, str(name.value or ""), given).id
            assert made is not None
            visitor.note("person.create", collection="directory", person=made)
            return made

        if made := await visitor.act(Permission.PEOPLE, work):
            ui.navigate.to(person_address(visitor, made))

    with Tag("div"):
        write_button(visitor, t("Add the person"), add, "primary", "person_add")


async def _duplicates(visitor: Visitor, sizes: DirectorySizes) -> None:
    duplicates, views = visitor.parts.gallery.duplicates, visitor.parts.directory.views

    def find() -> tuple[list[tuple[str, Duplicate]], dict[str, ListedPerson]]:
        found = [
            (model, one)
            for model in sizes.faces
            for one in duplicates.found(faces_ref(visitor.resource.id, model))[-TOP:]
        ]
        ids = [one for _, two in found for one in (two.person_id, two.other_person_id) if one]
        return found, views.named(visitor.resource.id, ids)

    found, named = await visitor.ask(find)
    if not found:
        return

    def who(person_id: str | None) -> Callable[[], None] | str:
        one = named.get(person_id or "")
        return partial(person_link, visitor, one) if one else "–"

    with section(t("Likely duplicates"), t("Suspected at enrolment; nothing was refused.")):
        table(
            t("Likely duplicates"),
            [t("Reason"), t("Person"), t("Other person"), t("Confidence"), t("Recognition model"), t("Found")],
            [
                [
                    t("the same photo") if one.kind == "samePhoto" else t("similar faces"),
                    who(one.person_id),
                    who(one.other_person_id),
                    figure(one.confidence, ".2f"),
                    model,
                    moment(one.found_at),
                ]
                for model, one in found
            ],
            numbers=[3],
        )


def action_handler(visitor: Visitor, work: Callable[[], object], go_to: str = "") -> Callable[[], Awaitable[None]]:
    """Return a handler that runs an action for the visitor, then opens an address or reloads the page."""

    async def do() -> None:
        def done() -> bool:
            work()
            return True

        if await visitor.act(Permission.PEOPLE, done):
            if go_to:
                ui.navigate.to(go_to)
            else:
                ui.navigate.reload()

    return do


PAGE = Page(
    ROOT,
    mark("Person directory"),
    mark("Persons, and groups of them that need no training."),
    mark("Use"),
    "badge",
    render,
    needs=Permission.LOOK_UP,
    help=Help(
        mark(
            "The directory stores each person once, for all dynamic groups. Its people are found immediately, "
            "without a training."
        ),
        "recognise.md#choose-a-collection",
        (Term.DYNAMIC_GROUP, Term.TEMPLATE),
    ),
)
