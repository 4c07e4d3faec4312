"""GIF: the size of its first picture."""

from __future__ import annotations

import struct

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.types import MAX_SEGMENTS, ImageFormat, ImageHeader, require_size


def read_gif(data: bytes) -> ImageHeader:
    """Read the header of a GIF, up to its first picture.

    Raises:
        UnreadableImageError: the file is corrupt or has no picture.
        struct.error, IndexError: the file ends in its header.
    """
    screen_width, screen_height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    for _ in range(MAX_SEGMENTS):
        introducer = data[position]
        if introducer == 0x2C:
            left, top, width, height = struct.unpack_from("<HHHH", data, position + 1)
            require_size(width, height, "GIF")
            # In memory at once: the palette picture, its RGBA form (twice while it is put on white) and the result.
            return ImageHeader(
                ImageFormat.GIF, max(screen_width, left + width), max(screen_height, top + height), 1, 13, alpha=True
            )
        if introducer != 0x21:
            raise UnreadableImageError("GIF without a picture" if introducer == 0x3B else "corrupt GIF")
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    raise UnreadableImageError("GIF with more than {most} extensions before its first picture", most=MAX_SEGMENTS)
