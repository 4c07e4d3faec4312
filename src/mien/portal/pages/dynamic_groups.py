"""Dynamic person groups: list, create, change, delete."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.directory.views import ListedGroup, ListedPerson
from mien.gallery.types import Unset
from mien.management.roles import Permission
from mien.portal.approval import approved_to_enrol, write_button
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.directory import ROOT, TOP, action_handler, editor, person_link, tabs
from mien.portal.pages.people_places import confirming, rows_of
from mien.portal.pages.picking import Picker
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor, check_unchanged, tell
from mien.portal.widgets import Tag, button, empty, facts, hint, section, table

GROUPS: Final = f"{ROOT}/groups"


async def render(visitor: Visitor) -> None:
    """Render the page of all groups."""
    tabs(visitor, GROUPS)
    approved_to_enrol(visitor)
    start, views = visitor.query.get("start", ""), visitor.parts.directory.views
    groups = await visitor.ask(lambda: views.groups(visitor.resource.id, start, TOP))
    with section(t("Dynamic groups"), t("An identify call searches the persons of one group.")):
        if groups:
            table(
                t("Dynamic groups"),
                [t("Name"), t("Persons"), t("User data"), t("Group id")],
                [
                    [partial(_link, visitor, one), one.persons, one.group.user_data, one.group.group_id]
                    for one in groups
                ],
                numbers=[1],
            )
        else:
            empty("groups", t("No dynamic groups yet"), t("Create one from persons of the directory, below."))
        if len(groups) == TOP:
            Tag("a", t("More groups"), href=visitor.link(GROUPS, start=groups[-1].group.group_id))
    with section(t("Create a group")):
        _form(visitor)


def _link(visitor: Visitor, one: ListedGroup) -> None:
    Tag("a", one.group.name, href=visitor.link(f"{GROUPS}/{one.group.group_id}"))


def _form(visitor: Visitor) -> None:
    with Tag("div", classes="two"):
        name = ui.input(t("Name")).props("outlined")
        identifier = ui.input(t("Id")).props(hint(t("1 to 64 of a to z, 0 to 9, - and _"), "outlined"))
    user_data = ui.input(t("User data")).props("outlined")
    picker = Picker(visitor)

    async def make() -> None:
        group_id, chosen = str(identifier.value or ""), list(picker.chosen)

        def work() -> None:
            groups, data = visitor.parts.directory.dynamic_groups, str(user_data.value or "") or None
            groups.create(visitor.resource.id, group_id, str(name.value or ""), data, add=chosen)
            visitor.note("dynamic_group.create", group=group_id, added=len(chosen))

        await action_handler(visitor, work, visitor.link(f"{GROUPS}/{group_id}"))()

    with Tag("div"):
        write_button(visitor, t("Create group"), make, "primary")


async def render_group(visitor: Visitor) -> None:
    """Render the page of one group."""
    views, resource_id, group_id = visitor.parts.directory.views, visitor.resource.id, visitor.query["group"]
    start = visitor.query.get("start", "")

    def find() -> tuple[ListedGroup, list[str], dict[str, ListedPerson]]:
        ids = visitor.parts.directory.dynamic_groups.persons(resource_id, group_id, start, TOP)
        return views.group(resource_id, group_id), ids, views.named(resource_id, ids)

    group, ids, named = await visitor.ask(find)
    Tag("a", t("All dynamic groups"), href=visitor.link(GROUPS))
    approved_to_enrol(visitor)
    with Tag("div", classes="two"):
        _about(visitor, group)
        with section(t("Add persons")):
            _add(visitor, group_id)
    with section(t("Persons")):
        if ids:
            _members(visitor, group, [named[one] for one in ids if one in named])
        else:
            empty("person_add", t("This group has no persons yet"))
        if len(ids) == TOP:
            Tag("a", t("More persons"), href=visitor.link(f"{GROUPS}/{group_id}", start=ids[-1]))


def _about(visitor: Visitor, one: ListedGroup) -> None:
    groups, resource_id, group = visitor.parts.directory.dynamic_groups, visitor.resource.id, one.group

    def save(name: str, user_data: str | Unset) -> None:
        now = visitor.parts.directory.views.group(resource_id, group.group_id).group
        check_unchanged((group.name, group.user_data), (now.name, now.user_data))
        groups.update(resource_id, group.group_id, name=name, user_data=user_data)
        visitor.note("dynamic_group.update", group=group.group_id)

    def delete() -> None:
        groups.delete(resource_id, group.group_id)
        visitor.note("dynamic_group.delete", group=group.group_id)

    with section(group.name):
        facts(
            rows_of(
                [(t("Group id"), group.group_id), (t("Persons"), str(one.persons)), (t("User data"), group.user_data)]
            )
        )
        editor(visitor, group.name, group.user_data, save)
        with Tag("div"):
            said = tn(
                "The group is deleted immediately. Its {count} person and their faces stay in the directory.",
                "The group is deleted immediately. Its {count} persons and their faces stay in the directory.",
                one.persons,
            )
            ask = confirming(
                t("Delete {group}?", group=group.name),
                said,
                t("Delete"),
                action_handler(visitor, delete, visitor.link(GROUPS)),
            )
            button(t("Delete the group"), ask, "danger", may=visitor.may(Permission.PEOPLE))


def _add(visitor: Visitor, group_id: str) -> None:
    picker = Picker(visitor)

    async def add() -> None:
        chosen = list(picker.chosen)
        if not chosen:
            tell(t("Choose at least one person first."), "warn")
            return

        def work() -> None:
            visitor.parts.directory.dynamic_groups.update(visitor.resource.id, group_id, add=chosen)
            visitor.note("dynamic_group.update", group=group_id, added=len(chosen))

        await action_handler(visitor, work)()

    with Tag("div"):
        write_button(visitor, t("Add persons"), add, "primary")


def _members(visitor: Visitor, group: ListedGroup, people: list[ListedPerson]) -> None:
    def remove(one: ListedPerson) -> None:
        group_id = group.group.group_id
        visitor.parts.directory.dynamic_groups.update(visitor.resource.id, group_id, remove=[one.person_id])
        visitor.note("dynamic_group.update", group=group_id, removed=1)

    def remove_button(one: ListedPerson) -> None:
        made = write_button(visitor, t("Remove"), action_handler(visitor, partial(remove, one)), "quiet")
        made.props["aria-label"] = t("Remove {name}", name=one.name)

    table(
        t("Persons"),
        [t("Name"), t("Faces"), t("Person id"), ""],
        [[partial(person_link, visitor, one), one.faces, one.person_id, partial(remove_button, one)] for one in people],
        numbers=[1],
    )


PAGE = Page(
    GROUPS,
    mark("Dynamic groups"),
    mark("Groups of persons of the directory; no training, no recognition model."),
    mark("Use"),
    "badge",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Groups of persons of the directory, such as a shift or a floor. A person can be in many."),
        "recognise.md#choose-a-collection",
        (Term.DYNAMIC_GROUP,),
    ),
)
GROUP = Page(
    GROUPS + "/{group}",
    mark("Dynamic group"),
    mark("Persons in the group."),
    mark("Use"),
    "badge",
    render_group,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("The persons of one dynamic group. Removing somebody from it does not erase them."),
        "recognise.md#choose-a-collection",
        (Term.DYNAMIC_GROUP,),
    ),
)
