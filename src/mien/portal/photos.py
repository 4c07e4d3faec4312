"""Photos on pages: upload, annotation, display."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from inspect import iscoroutine
from typing import Final
from urllib.parse import unquote

import cv2
import numpy as np
from nicegui import events, ui

from mien.gallery.crops import Crop
from mien.portal.texts import t
from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, button, icon, size
from mien.vision.draw import draw_faces
from mien.vision.ports import FoundFaces
from mien.vision.types import Attributes, Face, FaceBox, Pixels


@dataclass(frozen=True, slots=True)
class Upload:
    """A dropped or chosen file.

    Attributes:
        name: name of the file, with its folders if a folder was dropped, such as `Anna Weiss/1.jpg`.
        data: its content.
    """

    name: str
    data: bytes


OnPhoto = Callable[[Upload], Awaitable[None]]
OnLost = Callable[[Sequence[str], str], object]

IMAGES: Final = "image/jpeg,image/png,image/gif,image/bmp"
"""Media types that can be analysed, for HTML's `accept`."""

_SIDE: Final = 1280
_THUMB: Final = 112
_LARGEST_SCALE: Final = 6.0
_QUALITY: Final = 88


def drop(
    visitor: Visitor,
    label: str,
    on_photo: OnPhoto,
    *,
    on_batch: Callable[[int, frozenset[str]], Awaitable[None]] | None = None,
    on_lost: OnLost | None = None,
    about: str = "",
    accept: str = IMAGES,
    table: int | None = None,
) -> None:
    """Draw an area to drop or choose photos or a table; it can be used with the keyboard.

    Args:
        visitor: the signed-in person.
        label: label of the drop area, such as "Drop a photo".
        on_photo: called with each file.
        on_batch: called before the first file with the number of files, and the names of folders that contain folders.
            If given, several files and folders can be dropped at once; `on_photo` is called for one after the other.
        on_lost: called with the names of files that did not reach the server, and why; by default, a message is shown.
        about: text about the alternative to dropping; by default, choosing a file.
        accept: accepted files, as in HTML's `accept`.
        table: maximum size in bytes of a table of labels to upload instead of photos; None for photos.
    """
    limit, many = table or visitor.parts.image_limit, on_batch is not None
    upload = _uploader(on_photo, on_lost, limit=limit, many=many, table=table is not None)
    take = f"mienTake({upload.id}, files, {str(many).lower()}, (...told) => emit(...told))"
    with Tag("label", classes="drop") as zone:
        icon("description" if table else "add_a_photo")
        Tag("strong", label)
        Tag(
            "span",
            t("CSV in UTF-8, up to {limit}; {about}", limit=size(limit), about=about or t("or choose a file"))
            if table
            else t(
                "JPEG, PNG, GIF or BMP, up to {limit} each; {about}",
                limit=size(limit),
                about=about or t("or choose a file"),
            ),
            "small",
        )
        chosen = Tag("input", type="file", accept=accept, aria_label=label)
        if many:
            chosen.props["multiple"] = True

    async def begin(event: events.GenericEventArguments) -> None:
        """Start the upload once the page is ready for results, and the server knows what was chosen before it."""
        if on_batch is None:
            ui.run_javascript(f"mienSendOne({upload.id})")
            return
        count, folders = event.args
        await on_batch(int(count), frozenset(map(str, folders)))
        ui.run_javascript(f"mienSend({upload.id})")

    chosen_files = f"(e) => {{ const files = e.target.files; {take}; e.target.value = ''; }}"
    chosen.on("change", begin, js_handler=chosen_files)
    zone.on("dragover", js_handler="(e) => { e.preventDefault(); e.currentTarget.classList.add('over'); }")
    zone.on("dragleave", js_handler="(e) => e.currentTarget.classList.remove('over')")
    done = "e.preventDefault(); e.currentTarget.classList.remove('over'); const files = e.dataTransfer;"
    zone.on("drop", begin, js_handler=f"(e) => {{ {done} {take}; }}")
    if many:
        folder = Tag(
            "input",
            type="file",
            webkitdirectory=True,
            aria_label=t("{label}: a whole folder", label=label),
            tabindex="-1",
        )
        folder.classes("sr").props["aria-hidden"] = "true"
        folder.on("change", begin, js_handler=chosen_files)
        with Tag("div"):
            pick = button(t("Choose a folder"), kind="quiet", image="folder_open")
            pick.on("click", js_handler=f"() => document.getElementById('c{folder.id}').click()")


def _uploader(on_photo: OnPhoto, on_lost: OnLost | None, *, limit: int, many: bool, table: bool) -> ui.upload:
    """Draw the library's uploader, unseen; the arguments are those of `drop`."""
    one_by_one = asyncio.Lock()

    async def uploaded(event: events.UploadEventArguments) -> None:
        async with one_by_one:
            await on_photo(Upload(unquote(event.file.name), await event.file.read()))
        if many and event.file.name.lower().endswith(".csv"):
            ui.run_javascript(f"mienSend({upload.id})")  # send the photos that the table names

    async def lost(names: Sequence[str], why: str) -> None:
        if on_lost is None:
            tell(why, "bad")
            return
        result = on_lost(names, why)
        if iscoroutine(result):
            await result
        ui.run_javascript(f"mienSend({upload.id})")  # send the others, if a table was lost

    async def rejected(event: events.GenericEventArguments) -> None:
        if table:
            why = t("The table can be at most {limit}.", limit=size(limit))
        else:
            why = t("Photos can be at most {limit}: larger files were left out.", limit=size(limit))
        await lost(_names(event.args), why)

    async def failed(event: events.GenericEventArguments) -> None:
        names, status = event.args
        if status == HTTPStatus.UNAUTHORIZED:
            why = t("Your session has ended: sign in again.")
        else:
            why = t("The file did not reach the server. Reload the page, then choose it again.")
        await lost(_names(names), why)

    upload = ui.upload(auto_upload=True, multiple=many, max_file_size=limit, on_upload=uploaded)
    upload.on("rejected", rejected, js_handler="(found) => emit(found.map((one) => one.file.name))")
    upload.on("failed", failed, js_handler="(found) => mienFailed(found, emit)")
    upload.classes("sr").props("inert aria-hidden=true")
    return upload


def _names(sent: object) -> list[str]:
    """Return the names of files as the browser sends them, percent-encoded."""
    return [unquote(str(one)) for one in sent] if isinstance(sent, list) else []


def drawn(found: FoundFaces) -> str:
    """Return a photo with boxes, landmarks and poses drawn on it, as a data URL.

    A small photo is enlarged first, so that the 27 landmarks can be distinguished. The analysis must include the photo.
    """
    pixels = _pixels(found)
    scale = max(1.0, min(_LARGEST_SCALE, _SIDE / max(pixels.shape[:2])))
    if scale > 1:
        target = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_CUBIC), np.uint8)
    return _url(draw_faces(pixels, tuple(_plain(face, scale) for face in found.faces)))


def _plain(face: Face, scale: float) -> Face:
    """Return the drawn attributes of a face, for a photo enlarged by a factor."""
    box = face.box
    return replace(
        face,
        box=FaceBox(*(round(side * scale) for side in (box.left, box.top, box.width, box.height))),
        points=np.asarray(face.points * scale, np.float32),
        landmarks=None if face.landmarks is None else np.asarray(face.landmarks * scale, np.float32),
        attributes=Attributes(head_pose=face.attributes.head_pose),
    )


def cut_out(found: FoundFaces, box: FaceBox) -> str:
    """Return a face with a margin, as a data URL; the analysis must include the photo."""
    across, down = round(box.width * 0.3), round(box.height * 0.3)
    pixels = _pixels(found)
    part = pixels[max(0, box.top - down) : box.top + box.height + down, max(0, box.left - across) :]
    return _url(np.ascontiguousarray(part[:, : box.width + 2 * across]), 320)


def thumbnail(crop: Crop) -> str:
    """Return a stored crop as a small picture of the face alone, as a data URL."""
    pixels = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise RuntimeError("a kept crop is no JPEG")
    box, edge = crop.box, round(crop.box.width * 0.15)
    part = pixels[max(0, box.top - edge) : box.top + box.height + edge, max(0, box.left - edge) :]
    return _url(np.ascontiguousarray(part[:, : box.width + 2 * edge], np.uint8), _THUMB)


def _pixels(found: FoundFaces) -> Pixels:
    assert found.photo is not None
    return found.photo.full_pixels()


def _url(pixels: Pixels, side: int = _SIDE) -> str:
    height, width = pixels.shape[:2]
    share = side / max(height, width)
    if share < 1:
        target = (max(1, round(width * share)), max(1, round(height * share)))
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise RuntimeError("a picture could not be written as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(np.asarray(data).tobytes()).decode()


def picture(address: str, said: str) -> Tag:
    """Draw a picture; `said` is its alt text."""
    return Tag("img", classes="photo", src=address, alt=said)
