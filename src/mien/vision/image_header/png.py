"""PNG: size and chunks."""

from __future__ import annotations

import struct
from typing import Final

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.exif import exif_orientation
from mien.vision.image_header.types import MAX_SEGMENTS, ImageFormat, ImageHeader, require_size

_KINDS: Final = frozenset(
    [(0, depth) for depth in (1, 2, 4, 8, 16)]
    + [(3, depth) for depth in (1, 2, 4, 8)]
    + [(colour, depth) for colour in (2, 4, 6) for depth in (8, 16)]
)
_CRITICAL: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def read_png(data: bytes) -> ImageHeader:
    """Read the header of a PNG, with its orientation.

    Raises:
        UnreadableImageError: the file is truncated or corrupt, or has an invalid pixel format.
        struct.error, IndexError: the file ends in its header.
    """
    length, name, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if name != b"IHDR" or length != 13:
        raise UnreadableImageError("corrupt PNG: it does not begin with its header")
    require_size(width, height, "PNG")
    if (colour, depth) not in _KINDS:
        raise UnreadableImageError(
            "corrupt PNG: no such kind (colour type {colour}, {depth} bits)", colour=colour, depth=depth
        )
    orientation, alpha = 1, colour in (4, 6)
    for kind, start, stop in png_chunks(data):
        if kind == b"eXIf":
            orientation = exif_orientation(data[start:stop])
        elif kind == b"tRNS":
            alpha = True
    # OpenCV has the picture and a canvas for animations in memory; 16-bit pixels with alpha are narrowed here.
    bytes_per_pixel = (21 if depth == 16 else 9) if alpha else 7
    return ImageHeader(ImageFormat.PNG, width, height, orientation, bytes_per_pixel, alpha)


def png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return name, start and end of the content of each chunk of a PNG, up to and including its end chunk.

    Raises:
        UnreadableImageError: a chunk runs past the end of the file, or there is no end chunk.
    """
    chunks: list[tuple[bytes, int, int]] = []
    position = 8
    while position + 12 <= len(data) and len(chunks) < MAX_SEGMENTS:
        length, name = struct.unpack_from(">I4s", data, position)
        stop = position + 8 + length
        if stop + 4 > len(data):
            break
        chunks.append((name, position + 8, stop))
        if name == b"IEND":
            return chunks
        position = stop + 4
    if len(chunks) == MAX_SEGMENTS:
        raise UnreadableImageError("PNG with more than {most} chunks", most=MAX_SEGMENTS)
    raise UnreadableImageError("truncated PNG: it ends before its end chunk")


def bare_png(data: bytes) -> bytes:
    """Return the PNG with only the chunks of its first picture.

    Text, profiles and animation are removed: they can be decompression bombs, and no pixel depends on them.
    """
    parts = [data[start - 8 : stop + 4] for name, start, stop in png_chunks(data) if name in _CRITICAL]
    return b"".join([data[:8], *parts])
