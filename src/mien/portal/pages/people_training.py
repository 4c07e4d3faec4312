"""The training of a collection: status and history."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.errors import GalleryError
from mien.gallery.kinds import CollectionRef
from mien.gallery.rows import BUSY
from mien.gallery.training.staleness import Staleness
from mien.gallery.types import TrainingRun, TrainingStatus
from mien.portal.approval import write_button
from mien.portal.pages.people import TONES, WORDS, training_badge, training_of
from mien.portal.pages.people_places import rows_of
from mien.portal.stale import StaleNotice, trainer
from mien.portal.stored_texts import said_stored
from mien.portal.texts import t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, badge, empty, facts, moment, section, table

_LOOK: Final = 1.0
_SHOWN: Final = 5


async def training(visitor: Visitor, ref: CollectionRef, notice: StaleNotice) -> Callable[[], None]:
    """Draw the status and the button to train; return a function that draws the history.

    Args:
        visitor: the signed-in person.
        ref: the group.
        notice: the notice of changes since the training, which is updated too.
    """
    with section(
        t("Training"), t("People added after the last training are not found until the group is trained again.")
    ):
        shown = Tag("div", classes="stack", role="status")
        press = Tag("div")
    places: list[Tag] = []

    def find() -> tuple[TrainingStatus | None, list[TrainingRun], Staleness | None]:
        gallery = visitor.parts.gallery
        try:
            return training_of(visitor, ref), gallery.training.history(ref), gallery.stale.of(ref)
        except GalleryError:  # it was deleted
            return None, [], None

    known = await visitor.ask(find)
    with shown:
        _status(ref, known[0], known[2])

    async def look() -> None:
        status, history, stale = await visitor.ask(find)
        if shown.is_deleted:
            return
        shown.clear()
        with shown:
            _status(ref, status, stale)
        for place in places:
            place.clear()
            with place:
                _history(history)
        if status is None or status.status not in BUSY:
            timer.deactivate()

    # Also follow a training that was requested elsewhere.
    timer = ui.timer(_LOOK, look, active=known[0] is not None and known[0].status in BUSY)
    notice.on_change(timer.activate)

    with press:
        write_button(visitor, t("Train"), trainer(visitor, ref, notice.follow), "primary", "model_training")

    def draw_history() -> None:
        with section(t("Past trainings")):
            places.append(Tag("div", classes="stack"))
            with places[-1]:
                _history(known[1])

    return draw_history


def _status(ref: CollectionRef, status: TrainingStatus | None, stale: Staleness | None) -> None:
    training_badge(ref.kind, status, stale)
    if status is not None:
        facts(
            rows_of(
                [
                    (t("Asked for"), moment(status.created)),
                    (t("Last step"), moment(status.last_action)),
                    (t("Last success"), moment(status.last_success)),
                    (t("Why it failed"), status.message and said_stored(status.message)),
                ]
            )
        )


def _history(history: list[TrainingRun]) -> None:
    if not history:
        empty("history", t("No training has been requested yet"))
        return
    _table(t("Trainings"), history[:_SHOWN])
    if history[_SHOWN:]:
        with Tag("details"):
            Tag("summary", tn("{count} older one", "{count} older ones", len(history) - _SHOWN))
            _table(t("Older trainings"), history[_SHOWN:])


def _table(label: str, history: list[TrainingRun]) -> None:
    rows: list[list[Cell]] = [
        [
            partial(_outcome, one),
            moment(one.asked),
            _length(one),
            one.persons,
            one.faces,
            _said(one),
        ]
        for one in history
    ]
    table(
        label, [t("Result"), t("Requested"), t("Duration"), t("Persons"), t("Faces"), t("Why")], rows, numbers=[2, 3, 4]
    )


def _outcome(one: TrainingRun) -> None:
    if one.unchanged:
        badge(t("nothing to do"))
    else:
        badge(t(WORDS[one.status]), TONES[one.status])


def _length(one: TrainingRun) -> str | None:
    if one.started is None or one.ended is None:
        return None
    seconds = (one.ended - one.started).total_seconds()
    return t("{value:.1f} s", value=seconds) if seconds < 60 else t("{value:.0f} min", value=seconds / 60)


def _said(one: TrainingRun) -> str | None:
    said = [said_stored(one.message)] if one.message else []
    if one.unchanged:
        said.append(t("Nothing had changed."))
    if one.attempts > 1:
        said.append(t("Started {count} times: a server stopped before it was done.", count=one.attempts))
    return " ".join(said) or None
