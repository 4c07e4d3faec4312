"""The people of a group: search by name, id or photo, sorting, and paging in both directions."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.people import Edge, PeopleOrder, PeoplePage, PersonLine
from mien.portal.approval import write_button
from mien.portal.pages.people_by_photo import by_photo
from mien.portal.pages.people_places import address, faces_and_id
from mien.portal.stale import edit
from mien.portal.texts import day, mark, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Cell, Tag, badge, button, copy_button, empty, moment, once, section, table, text, typed

_ORDERS: Final = {
    PeopleOrder.NAME: mark("By name"),
    PeopleOrder.NEWEST: mark("Newest first"),
    PeopleOrder.OLDEST: mark("Oldest first"),
    PeopleOrder.MOST_FACES: mark("Most faces first"),
    PeopleOrder.FEWEST_FACES: mark("Fewest faces first"),
}


class PeopleList:
    """Draws the list, and redraws it for another page, order or search.

    Args:
        visitor: the signed-in person.
        ref: the group.
    """

    def __init__(self, visitor: Visitor, ref: CollectionRef) -> None:
        self._visitor, self._ref = visitor, ref
        self._order = PeopleOrder.NAME
        with Tag("div", classes="row", role="search"):
            self._text = ui.input(t("Find by name or id"), value=visitor.query.get("find", ""))
            self._text.props("outlined clearable debounce=250 type=search").classes("find")
            self._text.on_value_change(self.draw).on("keydown.enter", self.draw)
            orders = {order.value: t(words) for order, words in _ORDERS.items()}
            self._sort = ui.select(orders, value=self._order.value, label=t("Order")).props("outlined").classes("order")
            self._sort.on_value_change(self.draw)
        self._place = Tag("div", classes="stack", role="region", aria_label=t("People of the group"))

    async def draw(self) -> None:
        """Draw the first page."""
        await self._show()

    async def _show(self, *, after: Edge | None = None, before: Edge | None = None) -> None:
        people, wanted = self._visitor.parts.gallery.people, typed(self._text)
        order = PeopleOrder(self._sort.value)
        page = await self._visitor.look(lambda: people.page(self._ref, wanted, order, after=after, before=before))
        if page is None or self._place.is_deleted or (wanted, order.value) != (typed(self._text), self._sort.value):
            return  # it failed, or a later search is running
        self._place.clear()
        with self._place:
            self._draw_page(page, wanted)

    def _draw_page(self, page: PeoplePage, wanted: str) -> None:
        if not page.people:
            if wanted:
                about = t("Search for words of the name, for the id or its beginning, or for the id of a face.")
                empty("person_search", t("Nobody was found"), about)
            else:
                empty(
                    "person_add",
                    t("This group has no persons yet"),
                    t("Add a person, or drop a folder of photos, below."),
                )
            return
        with Tag("div", classes="row between"):
            Tag("span", tn("{count:,} person", "{count:,} persons", page.total), "soft").props["role"] = "status"
            if page.has_previous or page.has_next:
                with Tag("div", classes="row"):
                    for label, there, edge in (
                        (t("Previous"), page.has_previous, {"before": page.first}),
                        (t("Next"), page.has_next, {"after": page.last}),
                    ):
                        made = button(label, partial(self._show, **edge))
                        made.set_enabled(there)
        rows: list[list[Cell]] = [
            [partial(self._link, one), one.faces, moment(one.created_at), _day(one), partial(_id, one)]
            for one in page.people
        ]
        table(
            t("Persons"), [t("Name"), t("Faces"), t("Created"), t("Last recognised"), t("Person id")], rows, numbers=[1]
        )

    def _link(self, one: PersonLine) -> None:
        with Tag("a", href=address(self._visitor, self._ref, person=one.person_id)):
            Tag("bdi", one.name, "name")
        if not one.faces:
            badge(t("no face"), "warn").style("margin-inline-start:.4rem")


def _day(one: PersonLine) -> str:
    return t("never") if one.seen_at is None else day(one.seen_at)


def _id(one: PersonLine) -> None:
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("span", f"{one.person_id[:8]}…", "mono", title=one.person_id)
        copy_button(one.person_id, t("the id of {name}", name=one.name))


async def people_list(visitor: Visitor, ref: CollectionRef) -> PeopleList:
    """Draw the people of a group, the search by photo, and the form that adds one."""
    with section(t("Persons")):
        shown = PeopleList(visitor, ref)
        await shown.draw()
        with Tag("details"):
            Tag("summary", t("Find by photo"))
            by_photo(visitor, ref)
        _add(visitor, ref)
    return shown


def _add(visitor: Visitor, ref: CollectionRef) -> None:
    """Draw the form that adds a person; an existing name needs confirmation."""
    gallery = visitor.parts.gallery
    warned: set[str] = set()

    async def add() -> None:
        wanted = str(name.value or "")
        same = await visitor.look(lambda: gallery.people.namesakes(ref, wanted)) if wanted.strip() else []
        if same is None:
            return
        if same and wanted not in warned:
            warned.add(wanted)
            said.clear()
            with said:
                text(
                    tn(
                        "{count} person has this name already. Add another of the same name with the button, or open:",
                        "{count} persons have this name already. Add another of the same name with the button, or "
                        "open:",
                        len(same),
                    )
                )
                for one in same:
                    with Tag("a", href=address(visitor, ref, person=one.person_id)):
                        Tag("bdi", one.name)
                        Tag("span", f", {faces_and_id(one.faces, one.person_id)}")
            return

        def work() -> str:
            made = gallery.persons.create(ref, wanted)
            visitor.note("person.create", collection=ref.path, person=made)
            return made

        if made := await edit(visitor, ref, work):
            tell(t("{name} was added.", name=wanted), "good")
            ui.navigate.to(address(visitor, ref, person=made))

    with Tag("div", classes="row", style="align-items:flex-end"):
        name = ui.input(t("Name of a new person")).props("outlined").classes("find")
        add_once = once(add)
        name.on("keydown.enter", add_once)
        write_button(visitor, t("Add the person"), add_once, image="person_add")
    said = Tag("div", classes="stack small", role="status")
