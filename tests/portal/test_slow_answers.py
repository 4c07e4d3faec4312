"""Answers of the gallery that come in another order than the questions: an older one does not replace a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from nicegui import Client
from nicegui.events import GenericEventArguments
from nicegui.page import page

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.people import PeoplePage, PersonLine
from mien.gallery.training.staleness import Staleness
from mien.portal.pages.people_picker import PersonPicker
from mien.portal.stale import StaleNotice
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag

REF = CollectionRef(uuid4(), Kind.LARGE_PERSON_GROUP, "desk")
NAMES = ("Dad", "Mum", "Twice")


class Asked:
    """A visitor on a page of their own, whose questions are answered when the test says so.

    Attributes:
        client: the page.
        ends: one for each question, which lets its answer through.
        stale: what the gallery says about the group.
    """

    def __init__(self, client: Client) -> None:
        gallery = SimpleNamespace(people=self, stale=self)
        self.parts = SimpleNamespace(gallery=gallery, auto_training=SimpleNamespace(is_due=lambda _ref: True))
        self.client = client
        self.ends: list[asyncio.Event] = []
        self.stale = Staleness(REF, "Desk", 0, 0, datetime(2026, 1, 1, tzinfo=UTC), training=False, faces=3)

    def page(self, _ref: CollectionRef, wanted: str, *, top: int) -> PeoplePage:
        found = tuple(PersonLine(name, name, 1, None, None) for name in NAMES if wanted in name)
        return PeoplePage(found[:top], len(found), None, None, has_previous=False, has_next=False)

    def of(self, _ref: CollectionRef) -> Staleness:
        return self.stale

    async def look(self, work: Callable[[], Any]) -> Any:
        answer, end = work(), asyncio.Event()
        self.ends.append(end)
        await end.wait()
        return answer

    ask = look

    async def begin(self, question: Awaitable[Any]) -> asyncio.Task[None]:
        """Begin what asks a question, and return it when the question is asked."""

        async def on_the_page() -> None:
            with self.client.content:
                await question

        task, before = asyncio.create_task(on_the_page()), len(self.ends)
        while len(self.ends) == before:
            await asyncio.sleep(0)
        return task

    def offered(self) -> list[str]:
        """The labels of the buttons that choose a person."""
        labels = (str(one.props.get("aria-label")) for one in self.client.elements.values())
        return [label for label in labels if label.startswith("Choose ")]

    def titles(self) -> list[str]:
        """The titles of the notices."""
        return [one.text for one in self.client.elements.values() if isinstance(one, Tag) and one.tag == "strong"]


@contextmanager
def asked() -> Iterator[Asked]:
    with Client(page(""), request=None) as client:
        yield Asked(client)
    client.delete()


def picker(visitor: Asked, chosen: list[str]) -> PersonPicker:
    async def choose(person_id: str, _name: str) -> None:
        chosen.append(person_id)

    return PersonPicker(cast("Visitor", visitor), REF, "Merge", "Into whom?", choose)


async def test_a_slow_search_does_not_replace_what_a_later_one_has_found() -> None:
    with asked() as visitor:
        dialog = picker(visitor, [])
        first = await visitor.begin(dialog._search(""))
        second = await visitor.begin(dialog._search("Mum"))
        visitor.ends[1].set()
        await second
        assert visitor.offered() == ["Choose Mum"]
        visitor.ends[0].set()
        await first
        assert visitor.offered() == ["Choose Mum"]


async def test_enter_chooses_by_what_is_typed() -> None:
    """The field sends its value with a delay: when Enter is pressed, the server may know the text before."""
    chosen: list[str] = []
    with asked() as visitor:
        dialog = picker(visitor, chosen)
        dialog._text.value = "Dad"
        pressed = GenericEventArguments(sender=dialog._text, client=visitor.client, args="Mum")
        first = await visitor.begin(dialog._first(pressed))
        second = await visitor.begin(dialog._find())
        for end in reversed(visitor.ends):
            end.set()
        await asyncio.gather(first, second)
    assert chosen == ["Mum"]


async def test_a_notice_does_not_go_back_to_before_an_edit() -> None:
    """It would stay so: nobody looks again at a group that is neither trained nor changed."""
    with asked() as visitor:
        notice = StaleNotice(cast("Visitor", visitor), REF)
        before = await visitor.begin(notice.draw())
        visitor.stale = replace(visitor.stale, added=1)
        after = await visitor.begin(notice.draw())
        visitor.ends[1].set()
        await after
        assert visitor.titles() == ["1 change since the last training"]
        visitor.ends[0].set()
        await before
        assert visitor.titles() == ["1 change since the last training"]
