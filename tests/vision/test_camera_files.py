"""Files as cameras, phones and programs write them: data after the picture, no end marker, read as text."""

from __future__ import annotations

import io
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.shared import shared_path
from tests.vision.test_decode import as_pillow, picture, save

from mien.vision.decode import MAX_BYTES, ImageRules, decode
from mien.vision.errors import ImageTooLargeError, ImageTooSmallError, UnreadableImageError
from mien.vision.image_header.jpeg import jpeg_end
from mien.vision.image_header.reading import read_header

MORE = ImageRules(more_formats=True)


def jpeg(*, progressive: bool = False) -> bytes:
    return save(as_pillow(picture()), "JPEG", quality=95, progressive=progressive)


@pytest.mark.parametrize("progressive", [False, True])
def test_markers_after_the_picture_do_not_count(*, progressive: bool) -> None:
    whole = jpeg(progressive=progressive)
    trailer = b"\xff\xda\0\x0c" * 500 + b"\xff\xd8\xff\xe0" * 100
    assert (decode(whole + trailer).pixels == decode(whole).pixels).all()
    assert jpeg_end(whole + trailer) == len(whole)


def test_the_end_marker_may_be_anywhere() -> None:
    whole = jpeg()
    found = decode(whole[:-2] + b"\x12\x34" + whole[-2:] + bytes(200_000))
    assert (found.pixels == decode(whole).pixels).all()


def test_a_missing_end_marker_is_no_missing_pixel() -> None:
    whole = jpeg()
    assert jpeg_end(whole[:-2]) is None
    for trailer in (b"", b"dhav\0\1\2\3"):
        assert (decode(whole[:-2] + trailer).pixels == decode(whole).pixels).all()
    for cut in (40, 400):
        with pytest.raises(UnreadableImageError, match="truncated"):
            decode(whole[:-cut] + b"dhav\0\1\2\3")


def test_scans_before_the_end_marker_still_count() -> None:
    whole = jpeg(progressive=True)
    last = whole.rindex(b"\xff\xda")
    with pytest.raises(UnreadableImageError, match="scans"):
        read_header(whole[:-2] + whole[last:-2] * 80 + b"\xff\xd9" + bytes(1000))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["progressive_with_trailer", "stray_eoi_trailer", "noeoi_dhav"])
def test_files_of_public_reports_are_decoded(name: str) -> None:
    photo = decode(shared_path("cases", f"{name}.jpg").read_bytes())
    whole = decode(shared_path("faces", "azure", "detection1.jpg").read_bytes())
    assert (photo.width, photo.height) == (whole.width, whole.height)
    assert np.abs(photo.pixels.astype(int) - whole.pixels).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("errors", ["latin-1", "replace"])
def test_files_that_were_read_as_text_are_named(kind: str, errors: str) -> None:
    data = save(as_pillow(picture()), kind)
    text = data.decode("latin-1") if errors == "latin-1" else data.decode(errors="replace")
    with pytest.raises(UnreadableImageError, match="binary mode"):
        decode(text.encode())


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"url": "https://example.com/a.jpg"}', "application/json"),
        (b"\xef\xbb\xbf[1]", "application/json"),
        (b"/home/me/photo.jpg", "file's name"),
        (b"@C:\\photos\\me.JPEG\r\n", "file's name"),
        (b"https://example.com/a.jpg", "address"),
        (b"url=https://example.com/a.jpg", "address"),
        (b"hello", "the least is 1024$"),
    ],
)
def test_short_bodies_that_are_no_images_say_what_they_are(body: bytes, hint: str) -> None:
    with pytest.raises(ImageTooSmallError, match=hint):
        decode(body)


def test_the_largest_size_is_a_rule() -> None:
    data = jpeg()
    large = data + bytes(MAX_BYTES)
    with pytest.raises(ImageTooLargeError):
        decode(large)
    assert decode(large, rules=ImageRules(max_bytes=len(large))).width == decode(data).width
    with pytest.raises(ImageTooLargeError, match=str(len(data) - 1)):
        decode(data, rules=ImageRules(max_bytes=len(data) - 1))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_more_formats_are_decoded_where_they_are_allowed(kind: str) -> None:
    pixels = picture(grain=0)
    data = save(as_pillow(pixels), kind, quality=95)
    with pytest.raises(UnreadableImageError, match="convert it to JPEG"):
        decode(data.ljust(2000, b"\0"))
    assert np.abs(decode(data.ljust(2000, b"\0"), rules=MORE).pixels.astype(int) - pixels).mean() < 4
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(save(as_pillow(pixels), kind, exif=exif).ljust(2000, b"\0"), rules=MORE)
    assert (turned.height, turned.width) == pixels.shape[:2][::-1]
    clear = Image.new("RGBA", (80, 60), (255, 0, 0, 0))
    assert (decode(save(clear, kind).ljust(2000, b"\0"), rules=MORE).pixels == 255).all()
    grainy = save(as_pillow(picture()), kind, quality=95)
    for keep in (0.5, 0.9):
        with pytest.raises(UnreadableImageError):
            decode(grainy[: int(len(grainy) * keep)], rules=MORE)


def test_large_pictures_of_more_formats_are_refused_by_their_header() -> None:
    with pytest.raises(UnreadableImageError, match="megapixels"):
        decode(save(Image.new("L", (16_000, 3_000)), "WEBP", quality=1, method=0).ljust(2000, b"\0"), rules=MORE)


def test_heic_is_decoded_with_its_extra_or_names_it() -> None:
    if find_spec("pillow_heif") is None:
        head = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic".ljust(2000, b"\0")
        with pytest.raises(UnreadableImageError, match=r"mien\[heic\]"):
            decode(head, rules=MORE)
        return
    pillow_heif: Any = import_module("pillow_heif")
    pixels = picture(grain=0)
    file = io.BytesIO()
    pillow_heif.from_pillow(as_pillow(pixels)).save(file, quality=95)
    assert np.abs(decode(file.getvalue(), rules=MORE).pixels.astype(int) - pixels).mean() < 4
