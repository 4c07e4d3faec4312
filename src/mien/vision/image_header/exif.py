"""The orientation of an EXIF block."""

from __future__ import annotations

import struct


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation tag (0x0112) of an EXIF block.

    Args:
        tiff: the block from its byte order mark on.

    Returns:
        1 to 8; 1 (upright) if there is none or the block is broken, as a bad tag is no reason to refuse a photo.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        magic, offset = struct.unpack_from(order + "HI", tiff, 2)
        (entries,) = struct.unpack_from(order + "H", tiff, offset)
        if magic != 42:
            return 1
        for at in range(offset + 2, offset + 2 + 12 * min(entries, 512), 12):
            tag, kind, count = struct.unpack_from(order + "HHI", tiff, at)
            if tag == 0x0112:
                (value,) = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, at + 8)
                return value if count == 1 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
