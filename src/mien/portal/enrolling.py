"""The drop area that enrols photos, with a quality report on each and a choice if there are several faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mien.gallery.errors import GalleryError, LowQualityError
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import TargetFace
from mien.management.roles import Permission
from mien.messages import message_of
from mien.portal.approval import check_approved, may_write
from mien.portal.auto_training import after_training
from mien.portal.camera import camera
from mien.portal.photo_report import MEASURED, MeasureRating, asked, draw_report, report_on
from mien.portal.photos import Upload, cut_out, drop, picture
from mien.portal.texts import listed, mark, t, tn
from mien.portal.visitor import Visitor, sentence
from mien.portal.widgets import Tag, badge, banner, button, loading, text
from mien.vision.errors import VisionError
from mien.vision.types import Face, OperatingPoint, Want

NOBODY = mark(
    "No face was found. The whole face must be visible, upright, well lit and at least 36 "
    "pixels wide: go nearer, or turn the photo."
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolled face.

    Attributes:
        face: persisted face id.
        suspicions: likely duplicates, as text.
    """

    face: str
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """The result of a photo; one of `enrolled`, `refused` and `faces` (to choose from) is set."""

    face: Face | None = None
    enrolled: Enrolled | None = None
    refused: str | None = None
    faces: tuple[tuple[Face, str], ...] = ()


Add = Callable[[Upload, TargetFace | None], Enrolled]
Refresh = Callable[[], Any]


async def enrol_place(
    visitor: Visitor, policy: Callable[[], EnrolmentPolicy], add: Add, refresh: Refresh | None = None
) -> None:
    """Draw the drop area for photos to enrol, if the visitor may enrol.

    Args:
        visitor: the signed-in person.
        policy: returns the requirements on photos.
        add: enrols the face of a photo, in a thread; takes a target if there are several faces.
        refresh: redraws the enrolled people; called after each enrolled photo.
    """
    if not may_write(visitor):
        return
    if wanted := asked(await visitor.ask(policy)):
        text(t("Photos must have: {wanted}.", wanted=listed(wanted)), "soft small")
    _EnrolPlace(visitor, policy, add, refresh)


class _EnrolPlace:
    """Draws the drop area and the results; the arguments are those of `enrol_place`."""

    def __init__(
        self, visitor: Visitor, policy: Callable[[], EnrolmentPolicy], add: Add, refresh: Refresh | None
    ) -> None:
        self._visitor, self._policy, self._add, self._refresh = visitor, policy, add, refresh
        self._photos = self._seen = self._enrolled = self._refused = 0
        place = Tag("div", classes="stack")
        self._summary = Tag("div", classes="stack", role="status")
        self._said = Tag("div", classes="stack")
        about = t("several at once, or choose files")
        with place:
            drop(visitor, t("Drop photos to enrol"), self._take, on_batch=self._begin, on_lost=self._lost, about=about)
            camera(visitor, self._begin, self._take)

    async def _begin(self, count: int, _: frozenset[str] = frozenset()) -> None:
        if self._seen < self._photos:  # earlier ones are still analysed: these come after them
            self._photos += count
            return
        self._said.clear()
        self._summary.clear()
        self._photos, self._seen, self._enrolled, self._refused = count, 0, 0, 0

    async def _take(self, photo: Upload) -> None:
        with self._said:
            result = Tag("div", classes="stack")
        await self._enrol(photo, result, None)
        self._seen += 1

    def _lost(self, names: Sequence[str], why: str) -> None:
        self._seen += len(names)
        self._refused += len(names)
        with self._said:
            for name in names:
                banner("bad", t("{photo} was not enrolled", photo=name), why)
        self._sum_up()

    async def _enrol(self, photo: Upload, result: Tag, chosen: Face | None) -> None:
        visitor = self._visitor

        def work() -> tuple[PhotoResult, EnrolmentPolicy]:
            check_approved(visitor)
            rules = self._policy()
            return enrol_photo(visitor, photo, chosen, self._add), rules

        result.clear()
        with result:
            waiting = loading(t("Analysing {photo} …", photo=photo.name))
        done = await visitor.act(Permission.PEOPLE, work)
        waiting.delete()
        outcome, rules = done or (PhotoResult(refused=t("It was not tried: see the message.")), EnrolmentPolicy())
        self._enrolled += outcome.enrolled is not None
        self._refused += outcome.refused is not None
        with result:
            _tell(outcome, rules, photo.name if self._photos > 1 else "")
            if outcome.face is not None:
                if self._photos > 1:
                    with Tag("details"):
                        Tag("summary", t("Photo quality"))
                        draw_report(report_on(outcome.face, rules), outcome.face.quality)
                else:
                    draw_report(report_on(outcome.face, rules), outcome.face.quality)
            if outcome.faces:
                _choose(outcome, lambda face: self._enrol(photo, result, face))
        self._sum_up()
        if outcome.enrolled is not None and self._refresh is not None:
            await self._refresh()

    def _sum_up(self) -> None:
        if self._photos < 2:
            return
        self._summary.clear()
        with self._summary, Tag("div", classes="row"):
            badge(t("{count} enrolled", count=self._enrolled), "good" if self._enrolled else "")
            badge(t("{count} not enrolled", count=self._refused), "bad" if self._refused else "")
            if left := self._photos - self._enrolled - self._refused:
                badge(t("{count} left", count=left), "info")


def enrol_photo(visitor: Visitor, photo: Upload, chosen: Face | None, add: Add) -> PhotoResult:
    """Measure a photo and enrol its only face or the chosen one, after a running training; call it in a thread."""
    face = chosen
    try:
        if face is None:
            want = Want(OperatingPoint.BEST, attributes=MEASURED, quality=True, photo=True)
            found = visitor.parts.engine.analyze(photo.data, want)
            faces = found.faces
            if len(faces) > 1:
                return PhotoResult(faces=tuple((one, cut_out(found, one.box)) for one in faces))
            face = faces[0] if faces else None
        if face is None:
            return PhotoResult(refused=t(NOBODY))
        box = face.box
        target = TargetFace(box.left, box.top, box.width, box.height) if chosen else None
        return PhotoResult(face, enrolled=after_training(lambda: add(photo, target)))
    except LowQualityError:
        return PhotoResult(face, refused=t("The photo does not meet this collection's requirements; see the table."))
    except (GalleryError, VisionError) as error:
        return PhotoResult(face, refused=sentence(message_of(error)))


def _tell(outcome: PhotoResult, policy: EnrolmentPolicy, name: str) -> None:
    photo = name or t("The photo")
    if outcome.faces:
        about = t("Choose the face of the person to enrol, or use a photo of that person alone.")
        banner(
            "warn",
            tn("{photo} shows {count} face", "{photo} shows {count} faces", len(outcome.faces), photo=photo),
            about,
        )
    elif outcome.refused is not None:
        banner("bad", t("{photo} was not enrolled", photo=photo), outcome.refused)
    elif outcome.enrolled is not None and outcome.face is not None:
        banner(
            "good",
            t("{name}: enrolled", name=name) if name else t("Enrolled"),
            t("The face is {face}.", face=outcome.enrolled.face),
        )
        for suspicion in outcome.enrolled.suspicions:
            banner("warn", t("A likely duplicate"), sentence(suspicion))
        poor = [one.name.lower() for one in report_on(outcome.face, policy) if one.verdict is not MeasureRating.GOOD]
        if poor:
            about = t("Recognition is less reliable with it: enrol a better photo, then remove this one.")
            banner("warn", t("Low photo quality: {poor}", poor=listed(poor)), about)


def _choose(outcome: PhotoResult, take: Callable[[Face], object]) -> None:
    with Tag("ul", classes="plain", aria_label=t("Faces to choose from"), style="flex-flow:row wrap;gap:1.2rem"):
        for number, (face, address) in enumerate(outcome.faces, start=1):
            with Tag("li", classes="stack", style="width:10rem"):
                picture(address, t("Face {number}", number=number))
                button(t("Enrol face {number}", number=number), partial(take, face))
