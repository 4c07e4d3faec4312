"""Accepted image arguments: a file's bytes, its path, or decoded pixels; other types are refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mien.vision.decode import on_white
from mien.vision.errors import ImageInputError
from mien.vision.types import Pixels

_WHOLE_NUMBERS: Final = "values of 0 to 255: .astype(np.uint8); 16-bit values: divide by 257 first"

ImageInput = bytes | bytearray | memoryview | str | os.PathLike[str] | Pixels


def file_or_pixels(image: ImageInput) -> bytes | Pixels:
    """Return the bytes of a file, or pixels.

    Args:
        image: bytes of an image file; its path; or uint8 pixels, BGR (h, w, 3), RGBA (h, w, 4) or grey (h, w) or
            (h, w, 1).

    Returns:
        The file's bytes, or BGR uint8 (h, w, 3), transparent parts white.

    Raises:
        ImageInputError: it has another type; the text names it and says how to convert it.
        OSError: the file of a path cannot be read.
    """
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray):
        return _bgr(image)
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str | os.PathLike):
        return Path(image).read_bytes()
    raise ImageInputError(_refusal(image))


def _bgr(pixels: np.ndarray[Any, Any]) -> Pixels:
    found = f"an array of {pixels.dtype} and shape {pixels.shape}"
    if pixels.dtype != np.uint8:
        how = {
            "f": "multiply values of 0 to 1 by 255, then .astype(np.uint8)",
            "b": "that is a mask, not a picture",
            "i": _WHOLE_NUMBERS,
            "u": _WHOLE_NUMBERS,
        }.get(pixels.dtype.kind, "that is no picture")
        raise ImageInputError(f"{found} is not analysed: pixels are uint8, 0 to 255 ({how})")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageInputError(
            f"{found} is not analysed: give one image as (height, width, 3) in BGR, (height, width, 4) in RGBA or "
            "(height, width) in grey"
        )
    if pixels.size == 0:
        raise ImageInputError(f"{found} has no pixels (OpenCV returns an empty array or None for unreadable files)")
    if channels == 3:
        return pixels
    if channels == 4:
        return on_white(np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGBA2BGRA)))
    return on_white(np.ascontiguousarray(pixels))


def _refusal(image: object) -> str:
    kind = type(image)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if image is None:
        return "None is not an image (OpenCV's imread returns None for a file that it cannot read)"
    if kind.__module__.startswith("PIL."):
        return f'{name} is not analysed: give np.asarray(image.convert("RGB"))[..., ::-1]'
    if hasattr(image, "read"):
        return f"{name} is not analysed: give what its read() returns"
    if hasattr(image, "numpy"):
        return f"{name} is not analysed: give a NumPy array of uint8, (height, width, 3) in BGR"
    return f"{name} is not analysed: give bytes, a path or a NumPy array of uint8"
