"""The drop area that enrols photos, with a quality report on each and a choice if there are several faces."""

from __future__ import annotations

from collections.abc import Callable
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
    place = Tag("div", classes="stack")
    summary = Tag("div", classes="stack", role="status")
    said = Tag("div", classes="stack")
    counts = {"photos": 0, "enrolled": 0, "refused": 0}

    async def begin(count: int, _: frozenset[str] = frozenset()) -> None:
        said.clear()
        summary.clear()
        counts.update(photos=count, enrolled=0, refused=0)

    async def take(photo: Upload) -> None:
        with said, Tag("div", classes="stack") as result:
            waiting = loading(t("Analysing {photo} …", photo=photo.name))
        await finish(photo, result, waiting, None)

    async def finish(photo: Upload, result: Tag, waiting: Tag, chosen: Face | None) -> None:
        def work() -> PhotoResult:
            check_approved(visitor)
            return enrol_photo(visitor, photo, chosen, add)

        outcome = await visitor.act(Permission.PEOPLE, lambda: after_training(work))
        waiting.delete()
        if outcome is None:
            return
        rules = await visitor.ask(policy)
        counts["enrolled"] += outcome.enrolled is not None
        counts["refused"] += outcome.refused is not None
        with result:
            _tell(outcome, rules, photo.name if counts["photos"] > 1 else "")
            if outcome.face is not None:
                if counts["photos"] > 1:
                    with Tag("details"):
                        Tag("summary", t("Photo quality"))
                        draw_report(report_on(outcome.face, rules), outcome.face.quality)
                else:
                    draw_report(report_on(outcome.face, rules), outcome.face.quality)
            if outcome.faces:
                _choose(outcome, lambda face: again(photo, result, face))
        if counts["photos"] > 1:
            summary.clear()
            with summary:
                _sum_up(counts)
        if outcome.enrolled is not None and refresh is not None:
            await refresh()

    async def again(photo: Upload, result: Tag, chosen: Face) -> None:
        result.clear()
        with result:
            waiting = loading(t("Analysing {photo} …", photo=photo.name))
        await finish(photo, result, waiting, chosen)

    with place:
        drop(visitor, t("Drop photos to enrol"), take, on_batch=begin, about=t("several at once, or choose files"))
        camera(visitor, begin, take)


def _sum_up(counts: dict[str, int]) -> None:
    done = counts["enrolled"] + counts["refused"]
    with Tag("div", classes="row"):
        badge(t("{count} enrolled", count=counts["enrolled"]), "good" if counts["enrolled"] else "")
        badge(t("{count} not enrolled", count=counts["refused"]), "bad" if counts["refused"] else "")
        if left := counts["photos"] - done:
            badge(t("{count} left", count=left), "info")


def enrol_photo(visitor: Visitor, photo: Upload, chosen: Face | None, add: Add) -> PhotoResult:
    """Measure a photo and enrol its only face or the chosen one; call it in a thread."""
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
        return PhotoResult(face, enrolled=add(photo, target))
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
