"""A field to choose several persons of the directory by name or id."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.directory.views import ListedPerson
from mien.portal.texts import t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, button, icon_button

_FOUND: Final = 20


class Picker:
    """Draws the search and the chosen persons.

    Attributes:
        chosen: the chosen persons.

    Args:
        visitor: the signed-in person.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self.chosen: dict[str, ListedPerson] = {}
        with Tag("div", classes="row", style="flex-wrap:nowrap"):
            self._text = ui.input(t("Find persons by name or id")).props("outlined").on("keydown.enter", self._find)
            button(t("Find"), self._find)
        self._found = Tag("div", classes="stack", role="status")
        self._shown = Tag("div", classes="row")

    async def _find(self) -> None:
        views, text = self._visitor.parts.directory.views, str(self._text.value or "")
        people = await self._visitor.look(lambda: views.persons(self._visitor.resource.id, top=_FOUND + 1, text=text))
        if people is None or text != str(self._text.value or ""):
            return  # it failed, or a later search is running
        self._found.clear()
        with self._found:
            if not people:
                Tag("span", t("Nobody was found."), "soft")
                return
            with Tag("ul", classes="plain"):
                for one in people[:_FOUND]:
                    with Tag("li", classes="row", style="flex-wrap:nowrap"):
                        made = button(t("Choose"), partial(self._choose, one))
                        made.props["aria-label"] = t("Choose {name}", name=one.name)
                        with Tag("div", classes="grow"):
                            Tag("div", one.name)
                            Tag("div", one.person_id, "small soft mono")
            if len(people) > _FOUND:
                Tag("span", t("There are more: search for more of the name."), "soft small")

    def _choose(self, one: ListedPerson) -> None:
        self.chosen[one.person_id] = one
        self._draw()

    def _drop(self, person_id: str) -> None:
        self.chosen.pop(person_id, None)
        self._draw()

    def _draw(self) -> None:
        self._shown.clear()
        with self._shown:
            for one in self.chosen.values():
                with Tag("span", classes="badge info"):
                    Tag("span", one.name)
                    icon_button("close", t("Leave {name} out", name=one.name), partial(self._drop, one.person_id))
