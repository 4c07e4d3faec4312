"""Enrolment with a camera, which shows guidance and takes each picture automatically."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import events, ui

from mien.messages import message_of
from mien.portal.guidance import POSES, Pose, advise
from mien.portal.photo_report import MEASURED
from mien.portal.photos import Upload
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor, sentence
from mien.portal.widgets import Tag, button, text
from mien.vision.errors import VisionError
from mien.vision.types import OperatingPoint, Want

_LARGEST: Final = 3_000_000
_WORDS: Final = {
    Pose.FRONT: mark("Look straight into the camera."),
    Pose.LEFT: mark("Turn your head a little to the left."),
    Pose.RIGHT: mark("Turn your head a little to the right."),
}


class CameraPlace:
    """Draws the camera, closed at first.

    Args:
        visitor: the signed-in person.
        on_photos: called before the first picture with the number of pictures.
        on_photo: called with each picture.
    """

    def __init__(
        self,
        visitor: Visitor,
        on_photos: Callable[[int], Awaitable[None]],
        on_photo: Callable[[Upload], Awaitable[None]],
    ) -> None:
        self._visitor, self._on_photos, self._on_photo = visitor, on_photos, on_photo
        self._taken = 0
        self._good = 0
        self._on = False
        with Tag("div", classes="stack"):
            with Tag("div", classes="row"):
                self._start = button(t("Use the camera"), kind="quiet", image="photo_camera")
                self._stop = button(t("Stop the camera"), self._end, "quiet", image="stop")
            self._stop.set_visibility(False)
            self._said = Tag("p", "", "guide", role="status")
            self._video = Tag("video", classes="camera", autoplay=True, playsinline=True, muted=True, hidden=True)
            self._video.props["aria-label"] = t("Your camera")
        self._start.on("click", self._begin, js_handler=f"() => {{ mienCamera({self._video.id}); emit(); }}")
        self._video.on("picture", self._look, args=["detail"])
        self._video.on("trouble", self._trouble, args=["detail"])

    def _begin(self) -> None:
        self._on = True

    async def _look(self, event: events.GenericEventArguments) -> None:
        data = _decoded(str((event.args or {}).get("detail", "")))
        if data is None or not self._on or self._taken >= len(POSES):
            return  # a picture may arrive after the end
        if self._start.visible:
            self._start.set_visibility(False)
            self._stop.set_visibility(True)
            await self._on_photos(len(POSES))
        pose = POSES[self._taken]

        def work() -> str | None:
            found = self._visitor.parts.engine.analyze(data, Want(OperatingPoint.BEST, attributes=MEASURED))
            return advise(found.faces, found.height, pose)

        try:
            told = await self._visitor.ask(work)
        except VisionError as error:
            told = sentence(message_of(error))
        if self._video.is_deleted or not self._on:
            return
        self._good = 0 if told else self._good + 1
        self._said.text = told or t("Hold still … {pose}", pose=t(_WORDS[pose]))
        if self._good >= 2:  # two good pictures in a row, so that the second is not blurred by motion
            self._good = 0
            self._taken += 1
            await self._on_photo(Upload(f"camera-{pose.value}.jpg", data))
            self._said.text = t("Picture {taken} of {count} was taken.", taken=self._taken, count=len(POSES))
        if self._taken >= len(POSES):
            await self._end()
            self._said.text = t("Done: all pictures were taken.")
        else:
            ui.run_javascript(f"mienPicture({self._video.id})")

    async def _trouble(self, event: events.GenericEventArguments) -> None:
        why = str((event.args or {}).get("detail", ""))[:200]
        self._said.text = t(
            "The camera cannot be used ({why}). Allow it in the browser; over HTTP browsers allow it "
            "on this machine only, elsewhere the portal needs HTTPS.",
            why=why,
        )

    async def _end(self) -> None:
        self._on, self._taken, self._good = False, 0, 0
        self._said.text = ""
        self._start.set_visibility(True)
        self._stop.set_visibility(False)
        ui.run_javascript(f"mienCameraOff({self._video.id})")


def camera(
    visitor: Visitor,
    on_photos: Callable[[int], Awaitable[None]],
    on_photo: Callable[[Upload], Awaitable[None]],
) -> None:
    """Draw the camera; the arguments are those of `CameraPlace`."""
    CameraPlace(visitor, on_photos, on_photo)
    text(
        t("The camera takes three pictures automatically: from the front, and turned a little to each side."),
        "soft small",
    )


def _decoded(address: str) -> bytes | None:
    """Return the picture in a data URL; None if it is not one."""
    head, _, data = address.partition(",")
    if head != "data:image/jpeg;base64" or len(data) > _LARGEST:
        return None
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return None
