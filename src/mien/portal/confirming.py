"""Actions that need confirmation, and open a page afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from mien.management.roles import Permission
from mien.portal.visitor import Visitor
from mien.portal.widgets import confirm


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A question to confirm an action.

    Attributes:
        title: the question.
        about: the consequences of the action.
        label: label of the confirming button.
        kind: kind of that button.
    """

    title: str
    about: str
    label: str
    kind: str = "danger"


def ask_before(
    visitor: Visitor, question: Confirmation, work: Callable[[], Any], *, then: str, done: str | None = None
) -> None:
    """Ask for confirmation, run the action as a manager of the chosen resource, and open a page on success.

    Args:
        visitor: the signed-in person.
        question: the question.
        work: the action, called in a thread.
        then: path of the page to open on success.
        done: message on success.
    """

    def finished() -> bool:
        work()
        return True

    async def agreed() -> None:
        if await visitor.act(Permission.MANAGE, finished, done):
            ui.navigate.to(visitor.link(then))

    confirm(question.title, question.about, question.label, agreed, kind=question.kind)
