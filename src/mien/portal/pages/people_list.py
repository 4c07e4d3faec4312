"""The people of a group: found by name, id or photo, sorted, in pages that go both ways."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.gallery.people import Edge, PeopleOrder, PeoplePage, PersonLine
from mien.portal.approval import write_button
from mien.portal.pages.people_by_photo import by_photo
from mien.portal.pages.people_places import address, name_of
from mien.portal.stale import counted, edit
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Cell, Tag, badge, button, copy_button, empty, moment, section, table, text

_ORDERS: Final = {
    PeopleOrder.NAME: "By name",
    PeopleOrder.NEWEST: "Newest first",
    PeopleOrder.OLDEST: "Oldest first",
    PeopleOrder.MOST_FACES: "Most faces first",
    PeopleOrder.FEWEST_FACES: "Fewest faces first",
}


class PeopleList:
    """Draws the list, and again for every other page, order or search.

    Args:
        visitor: who looks.
        ref: the group.
    """

    def __init__(self, visitor: Visitor, ref: CollectionRef) -> None:
        self._visitor, self._ref = visitor, ref
        self._order = PeopleOrder.NAME
        with Tag("div", classes="row", role="search"):
            self._text = ui.input("Find by name or id", value=visitor.query.get("find", ""))
            self._text.props("outlined clearable debounce=250 type=search").classes("find")
            self._text.on_value_change(self.draw).on("keydown.enter", self.draw)
            orders = {order.value: words for order, words in _ORDERS.items()}
            self._sort = ui.select(orders, value=self._order.value, label="Order").props("outlined").classes("order")
            self._sort.on_value_change(self.draw)
        self._place = Tag("div", classes="stack", role="region", aria_label="People of the group")

    async def draw(self) -> None:
        """Draw the first page."""
        await self._show()

    async def _show(self, *, after: Edge | None = None, before: Edge | None = None) -> None:
        people, wanted = self._visitor.parts.gallery.people, str(self._text.value or "").strip()
        order = PeopleOrder(self._sort.value)
        page = await self._visitor.ask(lambda: people.page(self._ref, wanted, order, after=after, before=before))
        if self._place.is_deleted or wanted != str(self._text.value or "").strip():
            return  # something else is wanted by now, and is on its way
        self._place.clear()
        with self._place:
            self._draw_page(page, wanted)

    def _draw_page(self, page: PeoplePage, wanted: str) -> None:
        if not page.people:
            if wanted:
                about = "Search for words of the name, for the id or its beginning, or for the id of a face."
                empty("person_search", "Nobody was found", about)
            else:
                empty("person_add", "This group has no persons yet", "Add a person, or drop a folder of photos, below.")
            return
        with Tag("div", classes="row between"):
            Tag("span", counted(page.total, "person", "persons"), "soft").props["role"] = "status"
            if page.has_previous or page.has_next:
                with Tag("div", classes="row"):
                    for label, there, edge in (
                        ("Previous", page.has_previous, {"before": page.first}),
                        ("Next", page.has_next, {"after": page.last}),
                    ):
                        made = button(label, partial(self._show, **edge))
                        made.set_enabled(there)
        rows: list[list[Cell]] = [
            [partial(self._link, one), one.faces, moment(one.created_at), _day(one), partial(_id, one)]
            for one in page.people
        ]
        table("Persons", ["Name", "Faces", "Created", "Last recognised", "Person id"], rows, numbers=[1])

    def _link(self, one: PersonLine) -> None:
        with Tag("a", href=address(self._visitor, self._ref, person=one.person_id)):
            Tag("bdi", one.name, "name")
        if not one.faces:
            badge("no face", "warn")


def _day(one: PersonLine) -> str:
    return "never" if one.seen_at is None else f"{one.seen_at:%Y-%m-%d}"


def _id(one: PersonLine) -> None:
    with Tag("div", classes="row", style="gap:.2rem;flex-wrap:nowrap"):
        Tag("span", f"{one.person_id[:8]}…", "mono", title=one.person_id)
        copy_button(one.person_id, f"the id of {one.name}")


async def people_list(visitor: Visitor, ref: CollectionRef) -> PeopleList:
    """Draw the people of a group, the search by photo, and the form that adds one."""
    with section("Persons"):
        shown = PeopleList(visitor, ref)
        await shown.draw()
        with Tag("details"):
            Tag("summary", "Find by photo")
            by_photo(visitor, ref)
        _add(visitor, ref)
    return shown


def _add(visitor: Visitor, ref: CollectionRef) -> None:
    """Draw the form that adds a person; a name that is there already is added only when that is wanted."""
    gallery = visitor.parts.gallery
    warned: set[str] = set()

    async def add() -> None:
        wanted = str(name.value or "")
        same = await visitor.ask(lambda: gallery.people.namesakes(ref, wanted)) if wanted.strip() else []
        if same and wanted not in warned:
            warned.add(wanted)
            said.clear()
            with said:
                count = counted(len(same), "person has", "persons have")
                text(f"{count} this name already. Add another of the same name with the button, or open:")
                for one in same:
                    with Tag("a", href=address(visitor, ref, person=one.person_id)):
                        Tag("bdi", one.name)
                        Tag("span", f", {counted(one.faces, 'face', 'faces')}, id {one.person_id[:8]}…")
            return

        def work() -> str:
            made = gallery.persons.create(ref, wanted)
            visitor.note("person.create", collection=name_of(ref), person=made)
            return made

        if made := await edit(visitor, ref, work):
            tell(f"{wanted} was added.", "good")
            ui.navigate.to(address(visitor, ref, person=made))

    with Tag("div", classes="row", style="align-items:flex-end"):
        name = ui.input("Name of a new person").props("outlined").classes("find")
        name.on("keydown.enter", add)
        write_button(visitor, "Add the person", add, image="person_add")
    said = Tag("div", classes="stack small", role="status")
