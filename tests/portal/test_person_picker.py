"""The dialog to choose a person: a slow search neither replaces what a later one has found, nor decides for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from nicegui import Client
from nicegui.events import GenericEventArguments
from nicegui.page import page

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.people import PeoplePage, PersonLine
from mien.portal.pages.people_picker import PersonPicker
from mien.portal.visitor import Visitor

NAMES = ("Dad", "Mum", "Twice")


class Searcher:
    """A visitor whose searches end when the test says so."""

    def __init__(self) -> None:
        self.parts = SimpleNamespace(gallery=SimpleNamespace(people=self))
        self.ends: list[asyncio.Event] = []

    def page(self, _ref: CollectionRef, wanted: str, *, top: int) -> PeoplePage:
        found = tuple(PersonLine(name, name, 1, None, None) for name in NAMES if wanted in name)
        return PeoplePage(found[:top], len(found), None, None, has_previous=False, has_next=False)

    async def look(self, work: Callable[[], Any]) -> Any:
        end = asyncio.Event()
        self.ends.append(end)
        await end.wait()
        return work()


class Dialog:
    """The dialog, and what is chosen in it."""

    def __init__(self, client: Client, visitor: Searcher) -> None:
        self.client, self.visitor = client, visitor
        self.chosen: list[str] = []
        ref = CollectionRef(uuid4(), Kind.LARGE_PERSON_GROUP, "desk")
        self.picker = PersonPicker(cast("Visitor", visitor), ref, "Merge", "Into whom?", self._choose)

    async def _choose(self, person_id: str, _name: str) -> None:
        self.chosen.append(person_id)

    def offered(self) -> list[str]:
        """The labels of the buttons that choose a person."""
        labels = (str(one.props.get("aria-label")) for one in self.client.elements.values())
        return [label for label in labels if label.startswith("Choose ")]


@contextmanager
def opened() -> Iterator[Dialog]:
    """The dialog on a page of its own."""
    with Client(page(""), request=None) as client:
        yield Dialog(client, Searcher())
    client.delete()


async def begin(dialog: Dialog, search: Any) -> asyncio.Task[None]:
    """Begin a search, and return it when it has asked the gallery."""

    async def on_the_page() -> None:
        with dialog.client.content:
            await search

    task, before = asyncio.create_task(on_the_page()), len(dialog.visitor.ends)
    while len(dialog.visitor.ends) == before:
        await asyncio.sleep(0)
    return task


async def test_a_slow_search_does_not_replace_what_a_later_one_has_found() -> None:
    with opened() as dialog:
        first = await begin(dialog, dialog.picker._search(""))
        second = await begin(dialog, dialog.picker._search("Mum"))
        dialog.visitor.ends[1].set()
        await second
        assert dialog.offered() == ["Choose Mum"]
        dialog.visitor.ends[0].set()
        await first
        assert dialog.offered() == ["Choose Mum"]


async def test_enter_chooses_by_what_is_typed() -> None:
    """The field sends its value with a delay: when Enter is pressed, the server may know the text before."""
    with opened() as dialog:
        dialog.picker._text.value = "Dad"
        pressed = GenericEventArguments(sender=dialog.picker._text, client=dialog.picker._text.client, args="Mum")
        first = await begin(dialog, dialog.picker._first(pressed))
        second = await begin(dialog, dialog.picker._find())
        for end in reversed(dialog.visitor.ends):
            end.set()
        await asyncio.gather(first, second)
        assert dialog.chosen == ["Mum"]
