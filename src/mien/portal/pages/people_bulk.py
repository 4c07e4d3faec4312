"""Enrolment of many people in one drop of photos, folders and a CSV file, with a report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from nicegui import ui

from mien.gallery.kinds import CollectionRef
from mien.importing.batch import BatchOutcome, DroppedPhotos, FileReport
from mien.management.roles import Permission
from mien.portal.approval import check_approved, may_write
from mien.portal.auto_training import after_training
from mien.portal.pages.people_places import address
from mien.portal.photos import IMAGES, Upload, drop
from mien.portal.stale import edit, edited
from mien.portal.texts import mark, said, t, tn
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, badge, button, section, text

_ACCEPTED: Final = f"{IMAGES},image/webp,image/tiff,.csv"
_SHOWN: Final = 1000
_TONES: Final = {BatchOutcome.ENROLLED: "good", BatchOutcome.REFUSED: "bad", BatchOutcome.TABLE: "info"}
_WORDS: Final = {
    BatchOutcome.ENROLLED: mark("enrolled"),
    BatchOutcome.REFUSED: mark("not enrolled"),
    BatchOutcome.TABLE: mark("read"),
}


class BulkPlace:
    """Draws the drop area and the report.

    Args:
        visitor: the signed-in person.
        ref: the group.
        refresh: redraws the people of the group.
    """

    def __init__(self, visitor: Visitor, ref: CollectionRef, refresh: Callable[[], Awaitable[object]]) -> None:
        self._visitor, self._ref, self._refresh = visitor, ref, refresh
        self._batch = self._fresh()
        self._expected = 0
        drop(
            visitor,
            t("Drop photos, folders or a CSV file"),
            self._take,
            on_batch=self._begin,
            on_lost=self._lost,
            about=t("or choose files"),
            accept=_ACCEPTED,
        )
        self._summary = Tag("div", classes="row", role="status")
        self._report = Tag("div")
        self._rows: Tag | None = None

    def _fresh(self, of_people: frozenset[str] = frozenset()) -> DroppedPhotos:
        visitor, ref = self._visitor, self._ref

        def told(person: str, face: str, created: bool) -> None:
            if created:
                visitor.note("person.create", collection=ref.path, person=person)
            visitor.note("face.add", collection=ref.path, face=face, person=person)

        return DroppedPhotos(visitor.parts.gallery, ref, told, of_people)

    async def _begin(self, count: int, of_people: frozenset[str]) -> None:
        if len(self._batch.lines) < self._expected:  # an earlier drop is still enrolled: this one comes after it
            self._batch.of_people |= of_people
            self._expected += count
            self._sum_up()
            return
        self._batch, self._expected = self._fresh(of_people), count
        self._report.clear()
        with (
            self._report,
            Tag("div", classes="sheet", tabindex="0", role="region", aria_label=t("Report")),
            Tag("table"),
        ):
            with Tag("thead"), Tag("tr"):
                for heading in (t("Photo"), t("Result"), t("Person"), t("Reason")):
                    Tag("th", heading, scope="col")
            self._rows = Tag("tbody")
        self._sum_up()

    async def _take(self, photo: Upload) -> None:
        batch = self._batch

        def work() -> FileReport:
            check_approved(self._visitor)
            return after_training(lambda: batch.take(photo.name, photo.data))

        line = await self._visitor.act(Permission.PEOPLE, work)
        if line is None:
            line = FileReport(photo.name, BatchOutcome.REFUSED, reason=t("It was not tried: see the message."))
            batch.lines.append(line)
        await self._add(batch, line)

    async def _lost(self, names: Sequence[str], why: str) -> None:
        for name in names:
            line = FileReport(name, BatchOutcome.REFUSED, reason=why)
            self._batch.lines.append(line)
            await self._add(self._batch, line)

    async def _add(self, batch: DroppedPhotos, line: FileReport) -> None:
        if self._rows is not None and len(batch.lines) <= _SHOWN:
            with self._rows:
                self._draw(line)
        self._sum_up()
        if len(batch.lines) >= self._expected:
            if batch.faces:
                edited(self._visitor, self._ref)
            await self._refresh()

    def _draw(self, line: FileReport) -> None:
        with Tag("tr"):
            Tag("td", line.photo, "long")
            with Tag("td"):
                badge(t(_WORDS[line.outcome]), _TONES[line.outcome])
            with Tag("td"):
                if line.person_id:
                    with Tag("a", href=address(self._visitor, self._ref, person=line.person_id)):
                        Tag("bdi", line.person, "name")
                    if line.created:
                        Tag("span", f" ({t('new')})", "soft")
                else:
                    Tag("bdi", line.person or "–", "name")
            Tag("td", said(line.reason) or "–", "long" if len(line.reason) > 40 else "")

    def _sum_up(self) -> None:
        batch = self._batch
        counts, done = batch.counts, len(batch.lines) >= self._expected
        self._summary.clear()
        with self._summary:
            badge(
                t("{count} enrolled", count=counts[BatchOutcome.ENROLLED]),
                "good" if counts[BatchOutcome.ENROLLED] else "",
            )
            badge(
                t("{count} not enrolled", count=counts[BatchOutcome.REFUSED]),
                "bad" if counts[BatchOutcome.REFUSED] else "",
            )
            badge(tn("{count:,} new person", "{count:,} new persons", batch.persons))
            if not done:
                badge(t("{count} left", count=self._expected - len(batch.lines)), "info")
                return
            button(t("Download the report"), partial(self._download, batch), "quiet", image="download")
            if batch.faces:
                button(t("Undo all of it"), partial(self._undo, batch), "danger", image="undo")
        if len(batch.lines) > _SHOWN:
            tell(
                t(
                    "The page shows {shown:,} lines; the report has all {count:,}.",
                    shown=_SHOWN,
                    count=len(batch.lines),
                ),
                "info",
            )

    @staticmethod
    def _download(batch: DroppedPhotos) -> None:
        ui.download(batch.report().encode(), "mien-enrolment.csv", "text/csv")

    async def _undo(self, batch: DroppedPhotos) -> None:
        def work() -> int:
            gone = batch.undo()
            self._visitor.note("people.enrol.undo", collection=self._ref.path, faces=gone)
            return gone

        gone = await edit(self._visitor, self._ref, work)
        if gone is None:
            return
        tell(tn("{count:,} face was removed.", "{count:,} faces were removed.", gone), "good")
        self._report.clear()
        self._summary.clear()
        await self._refresh()


def bulk(visitor: Visitor, ref: CollectionRef, refresh: Callable[[], Awaitable[object]]) -> None:
    """Draw the enrolment of many people, if the visitor may enrol.

    Args:
        visitor: the signed-in person.
        ref: the group.
        refresh: redraws the people of the group.
    """
    if not may_write(visitor):
        return
    about = t("A folder for each person (“Anna Weiss/1.jpg”), files named after the person, or photos with a CSV file.")
    with section(t("Enrol many people"), about):
        BulkPlace(visitor, ref, refresh)
        with Tag("details"):
            Tag("summary", t("How photos are assigned to people"))
            with Tag("ul", classes="bullets"):
                Tag("li", t("A CSV file with the columns “photo” and “person” (and “user data”) comes first."))
                Tag("li", t("Else the folder is the person, with all folders in it: “Anna Weiss/2024/1.jpg”."))
                Tag("li", t("A dropped folder that has folders with photos is a folder of people."))
                Tag("li", t("Without a folder, the file name is the person: “Anna Weiss 2.jpg”."))
                Tag("li", t("A person of the same name in the group gets the photo; otherwise the person is created."))
            text(t("Every photo is enrolled completely or not at all, and the whole drop can be undone."), "soft small")
