"""The place where photos are enrolled: what a photo is like is told in full, and of several faces one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mien.gallery.errors import GalleryError, LowQualityError
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import TargetFace
from mien.management.roles import Permission
from mien.portal.approval import check_approved, may_write
from mien.portal.photo_report import MEASURED, Verdict, asked, draw_report, report_on
from mien.portal.photos import cut_out, drop, picture
from mien.portal.visitor import Visitor, sentence
from mien.portal.widgets import Tag, banner, button, loading, text
from mien.vision.errors import VisionError
from mien.vision.types import Face, OperatingPoint, Want


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A face that was enrolled.

    Attributes:
        face: its persisted face id.
        suspicions: what it may be a duplicate of, in words.
    """

    face: str
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result of a photo: either `enrolled`, `refused`, or `faces` to choose from is set."""

    face: Face | None = None
    enrolled: Enrolled | None = None
    refused: str | None = None
    faces: tuple[tuple[Face, str], ...] = ()


Add = Callable[[bytes, TargetFace | None], Enrolled]


async def enrol_place(visitor: Visitor, policy: Callable[[], EnrolmentPolicy], add: Add, address: str) -> None:
    """Draw where photos are dropped to be enrolled, for who may.

    Args:
        visitor: who does.
        policy: gives what is asked of photos.
        add: enrols the face of a photo, in a thread; a target says which of several.
        address: of the page that shows who is enrolled.
    """
    if not may_write(visitor):
        return
    if wanted := asked(await visitor.ask(policy)):
        text(f"Photos must have: {', '.join(wanted)}.", "soft small")
    place = Tag("div", classes="stack")
    said = Tag("div", classes="stack", role="status")
    more = Tag("div", classes="stack")

    def enrolled(image: bytes, chosen: Face | None) -> _Outcome:
        check_approved(visitor)
        return _enrol(visitor, image, chosen, add)

    async def take(image: bytes, chosen: Face | None = None) -> None:
        said.clear()
        more.clear()
        with said:
            waiting = loading("Analysing the photo …")
        outcome = await visitor.act(Permission.MANAGE, lambda: enrolled(image, chosen))
        waiting.delete()
        if outcome is None:
            return
        rules = await visitor.ask(policy)
        with said:
            _tell(outcome, rules, address)
        with more:
            if outcome.face is not None:
                draw_report(report_on(outcome.face, rules))
            if outcome.faces:
                _choose(outcome, lambda face: take(image, face))

    with place:
        drop(visitor, "Drop a photo to enrol", take)


def _enrol(visitor: Visitor, image: bytes, chosen: Face | None, add: Add) -> _Outcome:
    """Measure a photo and enrol the one face of it, or the chosen one."""
    face = chosen
    try:
        if face is None:
            want = Want(OperatingPoint.BEST, attributes=MEASURED, photo=True)
            found = visitor.parts.engine.analyze(image, want)
            faces = found.faces
            if len(faces) > 1:
                return _Outcome(faces=tuple((one, cut_out(found, one.box)) for one in faces))
            face = faces[0] if faces else None
        if face is None:
            return _Outcome(refused="")
        box = face.box
        target = TargetFace(box.left, box.top, box.width, box.height) if chosen else None
        return _Outcome(face, enrolled=add(image, target))
    except LowQualityError:
        return _Outcome(face, refused="The photo does not meet this collection's requirements; see the table.")
    except (GalleryError, VisionError) as error:
        return _Outcome(face, refused=sentence(str(error)))


def _tell(outcome: _Outcome, policy: EnrolmentPolicy, address: str) -> None:
    if outcome.faces:
        about = "Choose the face of the person to enrol, or use a photo of that person alone."
        banner("warn", f"The photo shows {len(outcome.faces)} faces", about)
    elif outcome.refused is not None:
        nobody = (
            "No face was found. The whole face must be visible, upright, well lit and at least 36 pixels wide: "
            "go nearer, or turn the photo."
        )
        banner("bad", "The photo was not enrolled", outcome.refused or nobody)
    elif outcome.enrolled is not None and outcome.face is not None:
        banner("good", "Enrolled", f"The face is {outcome.enrolled.face}.", ("Show face", address))
        for suspicion in outcome.enrolled.suspicions:
            banner("warn", "A likely duplicate", sentence(suspicion))
        poor = [one.name.lower() for one in report_on(outcome.face, policy) if one.verdict is not Verdict.GOOD]
        if poor:
            about = "Recognition is less reliable with it: enrol a better photo, then erase this one."
            banner("warn", f"Low photo quality: {', '.join(poor)}", about)


def _choose(outcome: _Outcome, take: Callable[[Face], object]) -> None:
    with Tag("ul", classes="plain", aria_label="Faces to choose from", style="flex-flow:row wrap;gap:1.2rem"):
        for number, (face, address) in enumerate(outcome.faces, start=1):
            with Tag("li", classes="stack", style="width:10rem"):
                picture(address, f"Face {number}")
                button(f"Enrol face {number}", partial(take, face))
