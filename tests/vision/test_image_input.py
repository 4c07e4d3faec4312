"""What a program may give to the engine for an image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.vision.errors import ImageInputError
from mien.vision.image_input import file_or_pixels

BGR = np.zeros((20, 30, 3), np.uint8)
BGR[..., 0] = 200


def test_files_are_taken_as_bytes_or_by_path(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"data")
    for given in (b"data", bytearray(b"data"), memoryview(b"data"), path, str(path)):
        assert file_or_pixels(given) == b"data"
    with pytest.raises(FileNotFoundError):
        file_or_pixels(tmp_path / "absent.jpg")


def test_pixels_become_bgr() -> None:
    rgba = np.dstack([BGR[..., ::-1], np.full((20, 30), 255, np.uint8)])
    for given in (BGR, BGR[::-1], rgba, np.asfortranarray(BGR)):
        assert np.array_equal(file_or_pixels(given), BGR)
    grey = np.full((20, 30), 7, np.uint8)
    for given in (grey, grey[..., None]):
        assert np.array_equal(file_or_pixels(given), np.full((20, 30, 3), 7))
    rgba[..., 3] = 0
    assert np.array_equal(file_or_pixels(rgba), np.full((20, 30, 3), 255))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (BGR.astype(np.float32) / 255, r"float32 and shape \(20, 30, 3\).*multiply"),
        (BGR.astype(np.float64), "float64"),
        (BGR.astype(np.uint16), "uint16.*divide"),
        (BGR.astype(np.int64), r"int64.*values of 0 to 255: \.astype"),
        (BGR.astype(complex), "complex128.*no picture"),
        (BGR > 0, "bool.*mask"),
        (BGR[None], r"\(1, 20, 30, 3\)"),
        (BGR[..., :2], "in BGR"),
        (BGR[:0], "no pixels"),
        (np.array(b"x", object), "object"),
        (None, "imread"),
        (Image.new("RGB", (3, 3)), "PIL.Image.Image is not analysed"),
        (io.BytesIO(b"x"), "read"),
        (7, "int is not analysed"),
        ([[1, 2]], "list is not analysed"),
    ],
)
def test_anything_else_is_refused_by_name(given: Any, text: str) -> None:
    with pytest.raises(ImageInputError, match=text):
        file_or_pixels(given)
