"""A dialog to choose a person of a group: likely persons first, then a search, or a new person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from mien.gallery.kinds import CollectionRef
from mien.gallery.people import PersonLine
from mien.gallery.person_search import LikelyPerson
from mien.portal.pages.people_places import faces_and_id
from mien.portal.texts import t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, modal, text, typed

_FOUND: Final = 8
_LIKE: Final = 4

Choose = Callable[[str, str], Awaitable[object]]
"""Called with the id and name of the chosen person."""


class PersonPicker:
    """A dialog to choose a person with one click; opens at once.

    Args:
        visitor: the signed-in person.
        ref: the group.
        title: title of the dialog.
        about: consequence of the choice.
        on_choice: called with the chosen person.
        without: id of a person to leave out.
        like: finds likely persons, in a thread; they are listed first.
        new: creates a person by name, in a thread, and returns the id; None to choose only existing persons.
    """

    def __init__(
        self,
        visitor: Visitor,
        ref: CollectionRef,
        title: str,
        about: str,
        on_choice: Choose,
        *,
        without: str = "",
        like: Callable[[], tuple[LikelyPerson, ...]] | None = None,
        new: Callable[[str], Awaitable[str | None]] | None = None,
    ) -> None:
        self._visitor, self._ref, self._without = visitor, ref, without
        self._on_choice, self._like, self._new = on_choice, like, new
        self._dialog = modal(title)
        with self._dialog, Tag("div", classes="card"):
            Tag("h2", title)
            text(about)
            self._likely = Tag("div", classes="stack", role="status")
            self._text = ui.input(t("Find by name or id")).props("outlined clearable debounce=250 autofocus")
            self._text.on_value_change(self._find)
            # The value of the field may be older: the library waits for more to be typed before it sends it.
            self._text.on("keydown.enter", self._first, js_handler="(event) => emit(event.target.value)")
            self._found = Tag("div", classes="stack", role="status")
            with Tag("div", classes="row", style="justify-content:flex-end"):
                button(t("Cancel"), self._dialog.close)
        self._searches = 0
        self._drawn: object = None
        self._dialog.open()

    async def draw(self) -> None:
        """Draw the likely persons, and the first persons of the group."""
        if self._like is not None:
            likely = await self._visitor.look(self._like)
            if likely is None or self._likely.is_deleted:
                return
            with self._likely:
                if likely:
                    Tag("h3", t("This face looks like"))
                    with Tag("ul", classes="plain", aria_label=t("Likely persons")):
                        for one in likely[:_LIKE]:
                            self._offer(one.person_id, one.name, t("confidence {value:.2f}", value=one.confidence))
                else:
                    text(t("This face is similar to nobody else in the group."), "soft small")
        await self._find()

    async def _find(self) -> None:
        await self._search(typed(self._text))

    async def _search(self, wanted: str) -> list[PersonLine]:
        """Return the persons that match a text, and draw them unless a later search has begun."""
        self._searches += 1
        number = self._searches
        people = self._visitor.parts.gallery.people
        page = await self._visitor.look(lambda: people.page(self._ref, wanted, top=_FOUND + 1))
        if page is None or self._found.is_deleted:
            return []
        found = [one for one in page.people if one.person_id != self._without][:_FOUND]
        if number == self._searches:
            self._show(found, page.total, wanted)
        return found

    def _show(self, found: list[PersonLine], total: int, wanted: str) -> None:
        result = (found, total, wanted if self._new is not None else bool(wanted))
        if result == self._drawn:  # drawing the same list again would lose a click on it
            return
        self._drawn = result
        self._found.clear()
        with self._found:
            if found:
                with Tag("ul", classes="plain", aria_label=t("Persons found")):
                    for one in found:
                        about = faces_and_id(one.faces, one.person_id)
                        self._offer(one.person_id, one.name, about)
            elif wanted:
                text(t("Nobody was found."), "soft")
            if total > _FOUND + 1:
                text(t("{count:,} persons match: type more of the name.", count=total), "soft small")
            if self._new is not None and wanted:
                button(t("New person “{name}”", name=wanted), partial(self._create, wanted), image="person_add")

    def _offer(self, person_id: str, name: str, about: str) -> None:
        with Tag("li", classes="row between", style="flex-wrap:nowrap"):
            with Tag("div", classes="grow"):
                Tag("bdi", name, "name")
                Tag("div", about, "small soft")
            made = button(t("Choose"), partial(self._choose, person_id, name))
            made.props["aria-label"] = t("Choose {name}", name=name)

    async def _first(self, event: GenericEventArguments) -> None:
        """Choose the person on Enter, if only one matches the text."""
        found = await self._search(str(event.args or "").strip())
        if len(found) == 1:
            await self._choose(found[0].person_id, found[0].name)

    async def _create(self, name: str) -> None:
        assert self._new is not None
        if made := await self._new(name):
            await self._choose(made, name)

    async def _choose(self, person_id: str, name: str) -> None:
        self._dialog.close()
        with ui.context.client.content:
            await self._on_choice(person_id, name)
