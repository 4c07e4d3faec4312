"""Image formats and header information."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mien.vision.errors import UnreadableImageError

MAX_SEGMENTS: Final = 4096
"""Most marker segments of a JPEG's head, chunks of a PNG, or extension blocks before a GIF's first frame.

Photos have tens (with depth maps in XMP, about a hundred); a flood of empty ones is an attack on parsers.
PNG writers that flush every 8 KB need 768 for 6 MB.
"""


class ImageFormat(StrEnum):
    """The formats of the contract (section 2), then those that a setting allows."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    BMP = "BMP"
    WEBP = "WebP"
    AVIF = "AVIF"
    HEIC = "HEIC"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The header information of an image file.

    Attributes:
        format: format by the leading bytes.
        width: pixels as stored, before orientation.
        height: pixels as stored, before orientation.
        orientation: 1 to 8, as EXIF counts them.
        bytes_per_pixel: peak memory per pixel of the decoders that `decode` uses.
        alpha: whether pixels can be transparent.
        components: colour components as stored (JPEG).
        several_scans: whether the picture has several scans (progressive JPEG).
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int = 1
    bytes_per_pixel: int = 3
    alpha: bool = False
    components: int = 3
    several_scans: bool = False


def require_size(width: int, height: int, name: str) -> None:
    """Check that a picture has pixels.

    Raises:
        UnreadableImageError: it has none.
    """
    if width <= 0 or height <= 0:
        raise UnreadableImageError("{name} of {width} × {height} pixels", name=name, width=width, height=height)
