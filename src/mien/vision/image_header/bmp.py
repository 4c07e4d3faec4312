"""BMP: size and depth."""

from __future__ import annotations

import struct

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.types import ImageFormat, ImageHeader, require_size


def read_bmp(data: bytes) -> ImageHeader:
    """Read the header of a BMP.

    Raises:
        UnreadableImageError: the file is truncated or of an unsupported kind.
        struct.error, IndexError: the file ends in its header.
    """
    offset, size = struct.unpack_from("<II", data, 10)
    compression = 0
    if size == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    elif 40 <= size <= 124:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
        height = abs(height)  # negative if rows are stored from top to bottom
    else:
        raise UnreadableImageError("BMP with an unknown header")
    require_size(width, height, "BMP")
    if depth not in (1, 4, 8, 16, 24, 32) or compression not in (0, 1, 2, 3):
        raise UnreadableImageError(
            "BMP of {depth} bits per pixel with compression {compression} is not supported",
            depth=depth,
            compression=compression,
        )
    stored = (width * depth + 31) // 32 * 4 * height
    if compression in (0, 3) and offset + stored > len(data):
        raise UnreadableImageError(
            "truncated BMP: {width} × {height} pixels of {depth} bits need {stored} bytes",
            width=width,
            height=height,
            depth=depth,
            stored=stored,
        )
    return ImageHeader(ImageFormat.BMP, width, height, bytes_per_pixel=7)
