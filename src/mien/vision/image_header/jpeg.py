"""JPEG: size, scans and end."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Final

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.exif import exif_orientation
from mien.vision.image_header.types import MAX_SEGMENTS, ImageFormat, ImageHeader

MAX_SCANS: Final = 64
"""Most scans of a JPEG. Typical progressive files have 10; a scan of few bytes still costs a pass over every block."""

_MARKER: Final = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
"""A marker that is neither stuffing, fill, TEM nor a restart: within coded data, the end of a scan."""


def read_jpeg(data: bytes) -> ImageHeader:
    """Read the header of a JPEG, up to the first scan, and count its scans.

    Raises:
        UnreadableImageError: the file is truncated, corrupt, of an unsupported kind, or has too many segments.
    """
    position, end, orientation = 2, len(data), 1
    frame: ImageHeader | None = None
    for _ in range(MAX_SEGMENTS):
        # Find the next marker as libjpeg does (skip to FF, then fill bytes), so that both read the same frame.
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > end:
            raise UnreadableImageError("truncated JPEG: it ends before its data")
        marker = data[position + 1]
        position += 1 if marker == 0xFF else 2
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD7:  # fill, stuffing, TEM, RSTn: no length
            continue
        length = (data[position] << 8) | data[position + 1]
        if marker in (0xD8, 0xD9) or length < 2:
            raise UnreadableImageError("corrupt JPEG: its segments are in disorder")
        if marker == 0xDA:
            if frame is None:
                raise UnreadableImageError("corrupt JPEG: no frame header before its data")
            return _with_scans(data, position, frame)
        if marker == 0xE1 and data[position + 2 : position + 8] == b"Exif\0\0":
            orientation = exif_orientation(data[position + 8 : position + length])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if frame is not None:
                raise UnreadableImageError("corrupt JPEG: two frame headers")
            frame = _read_frame(data, position, marker, orientation)
        position += length
    raise UnreadableImageError("JPEG with more than {most} segments before its data", most=MAX_SEGMENTS)


def _read_frame(data: bytes, position: int, marker: int, orientation: int) -> ImageHeader:
    if position + 8 > len(data):
        raise UnreadableImageError("truncated JPEG: it ends in its frame header")
    precision, height, width, components = struct.unpack_from(">BHHB", data, position + 2)
    if marker not in (0xC0, 0xC1, 0xC2):
        raise UnreadableImageError("lossless, hierarchical or arithmetic-coded JPEG is not supported")
    if precision != 8:
        raise UnreadableImageError("{precision}-bit JPEG is not supported", precision=precision)
    if components not in (1, 3, 4):
        raise UnreadableImageError("JPEG with {components} components is not supported", components=components)
    if not width or not height:
        raise UnreadableImageError("JPEG without a size in its frame header")
    # With several scans, the coefficients of the whole picture are in memory: 2 bytes for each sample.
    factors = [max(s >> 4, 1) * max(s & 15, 1) for s in data[position + 9 : position + 8 + 3 * components : 3]]
    coefficients = -(-2 * sum(factors) // max(factors)) if factors else 8
    return ImageHeader(
        ImageFormat.JPEG,
        width,
        height,
        orientation,
        (8 if components == 4 else 3) + coefficients,
        several_scans=marker == 0xC2,
        components=components,
    )


def _with_scans(data: bytes, position: int, frame: ImageHeader) -> ImageHeader:
    """Complete the header once the first scan (at `position`) is reached."""
    if position + 3 > len(data):
        raise UnreadableImageError("truncated JPEG: it ends before its data")
    if not frame.several_scans and data[position + 2] >= frame.components:
        return replace(frame, bytes_per_pixel=8 if frame.components == 4 else 3)
    _end_of_scans(data, position)
    return frame


def jpeg_end(data: bytes) -> int | None:
    """Return the position after the end-of-image marker of a JPEG, or None if there is none.

    The marker may be anywhere: cameras and phones append their own data (motion photos, trailers).

    Args:
        data: the whole file, accepted by `read_header`.

    Raises:
        UnreadableImageError: the file has too many scans or segments.
    """
    position = 2
    while (found := _MARKER.search(data, position)) is not None and data[found.start() + 1] != 0xDA:
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return None if found is None else _end_of_scans(data, found.end())


def _end_of_scans(data: bytes, position: int) -> int | None:
    """Follow the scans of a JPEG as libjpeg does, from the first one's header at `position` to the end marker."""
    scans, segments = 1, 0
    position += int.from_bytes(data[position : position + 2])
    while (found := _MARKER.search(data, position)) is not None:
        marker = data[found.start() + 1]
        if marker == 0xD9:
            return found.end()
        segments += 1
        scans += marker == 0xDA
        if scans > MAX_SCANS:
            raise UnreadableImageError("JPEG with more than {most} scans", most=MAX_SCANS)
        if segments > MAX_SEGMENTS:
            raise UnreadableImageError("JPEG with more than {most} segments after its first scan", most=MAX_SEGMENTS)
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return None
