"""A notice about a group's changes since its training, with a button to train it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import CollectionRef
from mien.gallery.training.staleness import Staleness
from mien.management.roles import Permission
from mien.portal.approval import write_button
from mien.portal.auto_training import after_training
from mien.portal.texts import t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, icon, text

_LOOK: Final = 1.0
_T = TypeVar("_T")


def changes_since(one: Staleness) -> str:
    """Return the number of changes since a group's training, as text."""
    if one.trained_at is None:
        return t("Never trained")
    return tn("{count:,} change since the last training", "{count:,} changes since the last training", one.changes)


def _about(one: Staleness) -> str:
    if one.trained_at is None:
        return t("People in this group are not found before its first training.")
    parts = []
    if one.added:
        parts.append(
            tn(
                "{count:,} face added or moved: not found before the next training.",
                "{count:,} faces added or moved: not found before the next training.",
                one.added,
            )
        )
    if one.removed:
        parts.append(
            tn(
                "{count:,} face or person removed or moved away.",
                "{count:,} faces or persons removed or moved away.",
                one.removed,
            )
        )
    return " ".join(parts)


async def edit(visitor: Visitor, ref: CollectionRef, work: Callable[[], _T], done: str | None = None) -> _T | None:
    """Change enrolled people, as with `Visitor.act`; the group is trained automatically afterwards.

    Args:
        visitor: the signed-in person.
        ref: the changed group or list.
        work: the change, called in a thread after a running training has ended.
        done: message on success.
    """
    result = await visitor.act(Permission.PEOPLE, lambda: after_training(work), done)
    if result is not None:
        edited(visitor, ref)
    return result


def edited(visitor: Visitor, ref: CollectionRef) -> None:
    """Train a group automatically after an edit."""

    def note() -> None:
        visitor.note("collection.train", collection=ref.path, after="edits")

    visitor.parts.auto_training.after_edit(visitor.parts.gallery, ref, note)


def trainer(
    visitor: Visitor, ref: CollectionRef, then: Callable[[], object] | None = None
) -> Callable[[], Awaitable[None]]:
    """Return a handler that requests a training of a group, and then calls `then`."""

    async def train() -> None:
        def work() -> bool:
            visitor.parts.gallery.training.start(ref)
            visitor.note("collection.train", collection=ref.path)
            return True

        if await visitor.act(Permission.PEOPLE, work) and then is not None:
            then()

    return train


class StaleNotice:
    """The notice of a group; call `draw` first, and again after a change.

    It follows a training until that has ended.

    Args:
        visitor: the signed-in person.
        ref: the group.
    """

    def __init__(self, visitor: Visitor, ref: CollectionRef) -> None:
        self._visitor = visitor
        self.ref = ref
        self._told: list[Callable[[], object]] = []
        self._was_training = False
        self._draws = 0
        self._place = Tag("div", role="status")
        self._timer = ui.timer(_LOOK, self.draw, active=False)

    async def draw(self) -> None:
        """Draw the notice; nothing if the group has no changes."""
        ref, auto = self.ref, self._visitor.parts.auto_training

        def find() -> Staleness | None:
            try:
                return self._visitor.parts.gallery.stale.of(ref)
            except GalleryError:  # it was deleted
                return None

        self._draws += 1
        number = self._draws
        found = await self._visitor.ask(find)
        if self._place.is_deleted or number != self._draws:
            return  # or a later call draws what is newer
        self._place.clear()
        training = found is not None and found.training
        due = found is not None and found.is_stale and auto.is_due(ref)
        with self._place:
            if found is not None and training:
                self._say("info", t("Training …"), t("People who were added are found when it ends."))
            elif found is not None and due:
                about = t("The group is trained automatically in a few seconds.")
                self._say("info", changes_since(found), about)
            elif found is not None and found.is_stale:
                train = trainer(self._visitor, ref, self.follow)
                about, button = _about(found), partial(write_button, self._visitor, t("Train now"), train, "primary")
                self._say("warn", changes_since(found), about, button)
        if self._was_training or training:
            for tell in self._told:
                tell()
        self._was_training = training
        self._timer.active = training or due

    def on_change(self, tell: Callable[[], object]) -> None:
        """Register a function to call during a training, and when it has ended."""
        self._told.append(tell)

    def follow(self) -> None:
        """Follow a newly requested training."""
        self._was_training = True
        self._timer.active = True

    @staticmethod
    def _say(tone: str, title: str, about: str, action: Callable[[], object] | None = None) -> None:
        with Tag("div", classes=f"banner {tone}"):
            icon("model_training")
            with Tag("div", classes="grow"):
                Tag("strong", title)
                text(about)
            if action is not None:
                action()


async def stale_notice(visitor: Visitor, ref: CollectionRef) -> StaleNotice:
    """Draw the notice of a group, and return it."""
    notice = StaleNotice(visitor, ref)
    await notice.draw()
    return notice
