"""Reads the header of a file of any supported format."""

from __future__ import annotations

import struct

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.bmp import read_bmp
from mien.vision.image_header.gif import read_gif
from mien.vision.image_header.jpeg import read_jpeg
from mien.vision.image_header.other_formats import what_instead
from mien.vision.image_header.png import read_png
from mien.vision.image_header.types import ImageHeader


def read_header(data: bytes) -> ImageHeader:
    """Return format, size and orientation of an image file.

    Args:
        data: the whole file.

    Raises:
        UnreadableImageError: it is not a JPEG, PNG, GIF or BMP, or its header is broken; the text gives the reason.
    """
    if data[:3] == b"\xff\xd8\xff":
        return read_jpeg(data)
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return read_png(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return read_gif(data)
        if data[:2] == b"BM":
            return read_bmp(data)
    except (struct.error, IndexError):
        raise UnreadableImageError("the header of the image is cut off") from None
    raise UnreadableImageError(what_instead(data) or "the bytes are not a JPEG, PNG, GIF or BMP")
