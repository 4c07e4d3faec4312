"""Photos on pages: dropped or chosen by people, drawn on, shown."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from nicegui import events, ui

from mien.portal.visitor import Visitor, tell
from mien.portal.widgets import Tag, icon, size
from mien.vision.draw import draw_faces
from mien.vision.ports import Found
from mien.vision.types import Attributes, Face, FaceBox, Pixels

OnPhoto = Callable[[bytes], Awaitable[None]]

_SIDE: Final = 1280
_LARGEST_SCALE: Final = 6.0
_QUALITY: Final = 88


def drop(visitor: Visitor, label: str, on_photo: OnPhoto) -> None:
    """A place to drop a photo on, or to choose one with; also by keyboard.

    Args:
        visitor: who does.
        label: what to drop, such as "Drop a photo".
        on_photo: called with the file.
    """
    limit = visitor.parts.image_limit

    async def uploaded(event: events.UploadEventArguments) -> None:
        await on_photo(await event.file.read())

    def rejected() -> None:
        tell(f"Photos can be at most {size(limit)}.", "bad")

    upload = ui.upload(auto_upload=True, max_file_size=limit, on_upload=uploaded, on_rejected=rejected)
    upload.classes("sr").props("inert aria-hidden=true")
    add = f"const box = getElement({upload.id}).$refs.qRef; box.reset(); box.addFiles(files);"
    with Tag("label", classes="drop") as zone:
        icon("add_a_photo")
        Tag("strong", label)
        Tag("span", f"JPEG, PNG, GIF or BMP, up to {size(limit)}; or choose a file", "small")
        chosen = Tag("input", type="file", accept="image/jpeg,image/png,image/gif,image/bmp", aria_label=label)
        chosen.on("change", js_handler=f"(e) => {{ const files = e.target.files; {add} e.target.value = ''; }}")
    zone.on("dragover", js_handler="(e) => { e.preventDefault(); e.currentTarget.classList.add('over'); }")
    zone.on("dragleave", js_handler="(e) => e.currentTarget.classList.remove('over')")
    done = "e.preventDefault(); e.currentTarget.classList.remove('over'); const files = e.dataTransfer.files;"
    zone.on("drop", js_handler=f"(e) => {{ {done} if (files.length) {{ {add} }} }}")


def drawn(found: Found) -> str:
    """Return a photo with what was found drawn on it, as a data URL; attributes but the pose are left to the page.

    A small photo is enlarged first, so that 27 points on a face can be told from each other. Whoever asked for the
    analysis must have wanted the photo too.
    """
    pixels = _pixels(found)
    scale = max(1.0, min(_LARGEST_SCALE, _SIDE / max(pixels.shape[:2])))
    if scale > 1:
        target = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_CUBIC), np.uint8)
    return _url(draw_faces(pixels, tuple(_plain(face, scale) for face in found.faces)))


def _plain(face: Face, scale: float) -> Face:
    """Return what is drawn of a face, on a photo that is so many times larger."""
    box = face.box
    return replace(
        face,
        box=FaceBox(*(round(side * scale) for side in (box.left, box.top, box.width, box.height))),
        points=np.asarray(face.points * scale, np.float32),
        landmarks=None if face.landmarks is None else np.asarray(face.landmarks * scale, np.float32),
        attributes=Attributes(head_pose=face.attributes.head_pose),
    )


def cut_out(found: Found, box: FaceBox) -> str:
    """Return a face of a photo that was wanted too, with a margin, as a data URL."""
    across, down = round(box.width * 0.3), round(box.height * 0.3)
    pixels = _pixels(found)
    part = pixels[max(0, box.top - down) : box.top + box.height + down, max(0, box.left - across) :]
    return _url(np.ascontiguousarray(part[:, : box.width + 2 * across]), 320)


def _pixels(found: Found) -> Pixels:
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
    """Show a picture; `said` is for who cannot see it."""
    return Tag("img", classes="photo", src=address, alt=said)
