"""WebP, AVIF and HEIC, which are not in the contract: accepted only if an operator allows them.

Pillow decodes WebP and AVIF. HEIC needs the extra `heic` (pillow-heif); versions whose libheif has known memory-safety
holes are refused, because files are untrusted. The size is checked before decoding.

Peak memory, measured on pictures of 12 megapixels, is at most `_BYTES_PER_PIXEL` for each pixel.
"""

from __future__ import annotations

import io
from importlib import import_module, metadata
from typing import Any, Final

import cv2
import numpy as np
from PIL import AvifImagePlugin, Image

from mien.vision.errors import UnreadableImageError
from mien.vision.image_header.types import ImageFormat, ImageHeader

_BYTES_PER_PIXEL: Final = {
    ImageFormat.WEBP: (20, 26),
    ImageFormat.AVIF: (14, 20),
    ImageFormat.HEIC: (15, 22),
}
"""Without and with transparency."""
_SAFE_HEIF: Final = (1, 7)
"""First pillow-heif with libheif 1.23.4 or later, which fixes the holes published in 2026 (GHSA-g89c-p67h-r497 …)."""

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # callers already run in parallel


class MoreFormat:
    """A file of one of these formats, with its header read.

    Args:
        data: the whole file.
        kind: its format by the first bytes, see `image_header.other_formats.further_format`.

    Raises:
        UnreadableImageError: the file is broken, or this installation cannot read HEIC.

    Attributes:
        header: size and orientation.
    """

    def __init__(self, data: bytes, kind: ImageFormat) -> None:
        self._kind = kind
        try:
            opened: Any = self._open_heic(data) if kind is ImageFormat.HEIC else _open(data, kind)
            self._image = opened
            width, height = self._image.size
            # libheif rotates the picture itself; Pillow only reports the orientation.
            orientation = 1 if kind is ImageFormat.HEIC else self._image.getexif().get(0x0112, 1)
        except UnreadableImageError:
            raise
        except Exception as error:  # decoders may raise any exception while parsing
            raise UnreadableImageError("corrupt or truncated {kind}: {reason}", kind=kind, reason=error) from None
        known = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
        alpha = bool(opened.has_alpha if kind is ImageFormat.HEIC else opened.has_transparency_data)
        self._mode = "RGBA" if alpha else "RGB"
        self.header = ImageHeader(kind, width, height, known, _BYTES_PER_PIXEL[kind][alpha], alpha)

    def decode(self) -> np.ndarray:
        """Decode the first picture.

        Returns:
            uint8 (h, w, 3) BGR or (h, w, 4) BGRA, as stored.

        Raises:
            UnreadableImageError: the file is broken.
        """
        try:
            image = self._image.to_pillow() if self._kind is ImageFormat.HEIC else self._image
            pixels = np.asarray(image if image.mode == self._mode else image.convert(self._mode))
        except Exception as error:  # as above
            raise UnreadableImageError("corrupt or truncated {kind}: {reason}", kind=self._kind, reason=error) from None
        kept = cv2.COLOR_RGBA2BGRA if self._mode == "RGBA" else cv2.COLOR_RGB2BGR
        return np.asarray(cv2.cvtColor(pixels, kept), np.uint8)

    @staticmethod
    def _open_heic(data: bytes) -> Any:
        try:
            version = tuple(int(part) for part in metadata.version("pillow-heif").split(".")[:2])
            heif: Any = import_module("pillow_heif")
        except (ImportError, ValueError):
            raise UnreadableImageError('HEIC needs the extra "heic" on the server: pip install "mien[heic]"') from None
        if version < _SAFE_HEIF:
            raise UnreadableImageError(
                "HEIC is not read with this server's pillow-heif, which has known security holes: update it"
            )
        return heif.open_heif(data)


def _open(data: bytes, kind: ImageFormat) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=(kind.value.upper(),))
