from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.examples import examples

from mien.vision.decode import MAX_BYTES, MIN_BYTES, Photo, decode
from mien.vision.errors import ImageError, ImageTooLargeError, ImageTooSmallError, UnreadableImageError
from mien.vision.image_header.exif import exif_orientation
from mien.vision.image_header.reading import read_header
from mien.vision.types import Pixels

WIDTH, HEIGHT = 122, 75


def picture(width: int = WIDTH, height: int = HEIGHT, grain: int = 24) -> Pixels:
    """Smooth BGR colours with a red top left and a blue bottom right corner, and some grain."""
    rng = np.random.default_rng(7)
    small = rng.integers(40, 215, (4, 6, 3), np.uint8)
    small[0, 0], small[-1, -1] = (20, 20, 230), (230, 20, 20)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.int16)
    noise = rng.integers(-grain, grain + 1, (height, width, 1), np.int16) if grain else 0
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def as_pillow(pixels: Pixels, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).convert(mode)


def opencv_png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_head(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def padded(data: bytes) -> bytes:
    return data + bytes(max(0, MIN_BYTES - len(data)))


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: save(as_pillow(picture()), "JPEG", quality=95, subsampling=0),
    "jpeg 4:2:0": lambda: save(as_pillow(picture()), "JPEG", quality=95),
    "jpeg progressive": lambda: save(as_pillow(picture()), "JPEG", quality=95, progressive=True),
    "jpeg cmyk": lambda: save(as_pillow(picture(), "CMYK"), "JPEG", quality=95),
    "jpeg restarts": lambda: save(as_pillow(picture()), "JPEG", quality=95, restart_marker_blocks=1),
    "png": lambda: save(as_pillow(picture()), "PNG"),
    "png rgba": lambda: save(as_pillow(picture(), "RGBA"), "PNG"),
    "png palette": lambda: save(as_pillow(picture(grain=0)).quantize(256), "PNG"),
    "png 16 bit": lambda: opencv_png(picture().astype(np.uint16) * 257),
    "gif": lambda: save(as_pillow(picture(grain=0)).quantize(256), "GIF"),
    "bmp": lambda: save(as_pillow(picture()), "BMP"),
    "bmp 32 bit": lambda: save(as_pillow(picture(), "RGBA"), "BMP"),
    "bmp palette": lambda: save(as_pillow(picture(grain=0)).quantize(256), "BMP"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_pixels_that_were_saved(name: str) -> None:
    photo = decode(FILES[name]())
    grain = 0 if "palette" in name or name == "gif" else 24
    assert (photo.width, photo.height, photo.scale, photo.origin) == (WIDTH, HEIGHT, 1.0, (0.0, 0.0))
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - picture(grain=grain)).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("progressive", [False, True])
def test_grey_files_become_three_equal_channels(kind: str, progressive: bool) -> None:
    options = {"progressive": progressive, "quality": 95} if kind == "JPEG" else {}
    grey = as_pillow(picture(), "L")
    pixels = decode(save(grey, kind, **options)).pixels
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 1] == pixels[..., 2]).all()
    assert np.abs(pixels[..., 0].astype(int) - np.asarray(grey)).mean() < 6


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    data = opencv_png(picture()[..., 0].astype(np.uint16) * 256 + 255)
    assert (decode(data).pixels[..., 1] == picture()[..., 0]).all()


def test_interlaced_png() -> None:
    source = picture(8, 8)
    rows = b""
    for x0, y0, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for row in source[y0::dy, x0::dx, ::-1]:
            rows += b"\0" + row.tobytes()
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 1))
    text = chunk(b"tEXt", b"Comment\0" + b"x" * 1024)
    assert (decode(head + text + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")).pixels == source).all()


@pytest.mark.parametrize("sixteen", [False, True])
def test_transparent_pixels_are_white_and_half_transparent_ones_halfway(sixteen: bool) -> None:
    rgba = np.dstack([picture(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    rgba[10:20, 10:20, 3] = 0
    rgba[30:40, 30:40] = (0, 0, 0, 128)
    data = opencv_png(rgba.astype(np.uint16) * 257 if sixteen else rgba)
    pixels = decode(data).pixels
    assert (pixels[10:20, 10:20] == 255).all()
    assert (pixels[30:40, 30:40] == 127).all()
    assert (pixels[50:] == picture()[50:]).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind: str) -> None:
    image = as_pillow(picture(grain=0)).quantize(16)
    index = image.getpixel((0, 0))
    pixels = decode(padded(save(image, kind, transparency=index))).pixels
    mask = np.asarray(image) == index
    assert (pixels[mask] == 255).all()
    assert (pixels[~mask] != 255).any()


def test_colour_key_transparency_of_a_png_without_palette() -> None:
    source = picture()
    source[5:9, 5:9] = (1, 2, 3)
    pixels = decode(save(as_pillow(source), "PNG", transparency=(3, 2, 1))).pixels
    assert (pixels[5:9, 5:9] == 255).all()
    assert (pixels[20:] == source[20:]).all()


def test_only_the_first_picture_of_an_animation_counts() -> None:
    frames = [as_pillow(np.full_like(picture(), shade)) for shade in (10, 120, 250)]
    for kind in ("GIF", "PNG"):
        data = save(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(decode(padded(data)).pixels.astype(int) - 10).max() <= 2


def transform(pixels: Pixels, orientation: int) -> Pixels:
    """How a stored picture looks upright, in numpy's words, independent of the code under test."""
    turned = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda p: np.rot90(p, 1),
    }
    return np.ascontiguousarray(turned[orientation](pixels))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation(kind: str, orientation: int) -> None:
    data = save(as_pillow(picture()), kind, exif=exif_block(orientation), **({"quality": 95} if kind == "JPEG" else {}))
    expected = transform(picture(), orientation)
    photo = decode(data)
    assert photo.pixels.shape == expected.shape == (photo.height, photo.width, 3)
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1001, 803), (1600, 1200)])
def test_reduced_pixels_lie_where_they_say(orientation: int, size: tuple[int, int]) -> None:
    source = np.zeros((size[1], size[0], 3), np.uint8)
    cv2.rectangle(source, (400, 160), (479, 239), (255, 255, 255), -1)
    photo = decode(padded(save(as_pillow(source), "JPEG", quality=95, exif=exif_block(orientation))), working_side=200)
    full = transform(source, orientation)
    ys, xs = np.nonzero(full[..., 0])
    assert photo.scale == 4.0 if size[0] == 1001 else 8.0
    assert (photo.height, photo.width) == full.shape[:2]
    wy, wx = np.nonzero(photo.pixels[..., 0] > 127)
    corners = photo.to_full(np.array([[wx.min(), wy.min()], [wx.max() + 1, wy.max() + 1]], np.float32))
    wanted = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]], np.float32)
    assert np.abs(corners - wanted).max() <= 0.6 * photo.scale
    assert photo.full_pixels().shape == full.shape
    assert photo.full_pixels() is photo.full_pixels()
    assert np.abs(photo.full_pixels().astype(int) - full).mean() < 2

    region = photo.region(*corners[0], *corners[1], max_scale=2.5)
    assert region.scale == 2.0
    height, width = region.pixels.shape[:2]
    covered = (region.left, region.top, region.left + 2 * width, region.top + 2 * height)
    assert (np.abs(np.array(covered) - corners.ravel()) <= 2.0).all()
    assert region.pixels.mean() > 200


def test_regions_are_clipped_to_the_photo_and_never_empty() -> None:
    photo = decode(FILES["png"]())
    assert photo.region(-50, -50, 9999, 9999).pixels.shape == (HEIGHT, WIDTH, 3)
    assert photo.region(500, 500, 600, 600).pixels.shape == (1, 1, 3)
    assert (photo.region(3, 4, 5, 6).pixels == photo.pixels[4:6, 3:5]).all()


def test_a_photo_of_pixels() -> None:
    photo = Photo.from_pixels(picture())
    assert (photo.width, photo.height, photo.scale) == (WIDTH, HEIGHT, 1.0)
    assert photo.full_pixels() is photo.pixels


def test_size_limits_are_inclusive() -> None:
    data = FILES["jpeg"]()
    decode(data + bytes(MAX_BYTES - len(data)))
    with pytest.raises(ImageTooLargeError, match=str(MAX_BYTES + 1)):
        decode(data + bytes(MAX_BYTES + 1 - len(data)))
    small = save(as_pillow(picture(8, 8)), "JPEG")
    assert len(small) < MIN_BYTES
    decode(padded(small))
    with pytest.raises(ImageTooSmallError, match="1023 bytes"):
        decode(small + bytes(MIN_BYTES - 1 - len(small)))


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP is not supported"),
        (b"II*\0", "TIFF is not supported; convert it to JPEG or PNG"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"\0\0\1\0", "ICO"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b'<?xml version="1.0"?><svg>', "SVG"),
        (b"PK\3\4", "ZIP"),
        (b"%PDF-1.7", "PDF; send the picture in it as JPEG or PNG"),
        (b"", "not a JPEG, PNG, GIF or BMP"),
        (b"/9j/4AAQ", "base64"),
    ],
)
def test_other_files_are_named(head: bytes, text: str) -> None:
    with pytest.raises(UnreadableImageError, match=text):
        decode(padded(head))


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF", "ICO"])
def test_formats_that_the_libraries_could_read_are_refused(kind: str) -> None:
    with pytest.raises(UnreadableImageError):
        decode(padded(save(as_pillow(picture()), kind)))


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "png", "png 16 bit", "bmp", "gif"])
def test_truncated_files_are_refused_and_trailing_bytes_are_not(name: str) -> None:
    data = FILES[name]()
    decode(data + b"\0 trailing" * 300)
    for keep in (0.3, 0.6, 0.9, 0.99):
        with pytest.raises(UnreadableImageError):
            decode(padded(data[: int(len(data) * keep)]))


def test_the_leading_bytes_decide_on_polyglots() -> None:
    jpeg, png = FILES["jpeg"](), FILES["png"]()
    assert (decode(jpeg + b"PK\3\4" + png).pixels == decode(jpeg).pixels).all()
    assert (decode(png + jpeg).pixels == decode(png).pixels).all()


BOMBS = {
    "png": png_head(30_000, 30_000, 1, 0) + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b""),
    "png line": png_head(2**31 - 1, 1) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
    "png 16 bit": png_head(9_000, 9_000, 16, 6) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0),
    "gif frame": b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0),
    "bmp run-length": b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, -60_000, 1, 8, 1),
    "jpeg": b"\xff\xd8\xff\xc0"
    + struct.pack(">HBHHB", 17, 8, 65_500, 65_500, 3)
    + b"\1\x22\0\2\x11\0\3\x11\0\xff\xda\0\x0c\3",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(name: str) -> None:
    with pytest.raises(UnreadableImageError, match="megapixels"):
        decode(padded(BOMBS[name]))


def test_raw_bitmaps_larger_than_their_file_are_truncated() -> None:
    with pytest.raises(UnreadableImageError, match="truncated BMP"):
        decode(padded(b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, -60_000, 1, 1, 0)))


def test_floods_of_segments_and_scans_are_refused() -> None:
    jpeg = FILES["jpeg"]()
    with pytest.raises(UnreadableImageError, match="segments"):
        decode(jpeg[:2] + b"\xff\xe5\0\2" * 5000 + jpeg[2:])
    decode(jpeg[:2] + b"\xff\xe5\0\2" * 500 + jpeg[2:])
    progressive = FILES["jpeg progressive"]()
    last = progressive.rindex(b"\xff\xda")
    with pytest.raises(UnreadableImageError, match="scans"):
        decode(progressive[:-2] + progressive[last:-2] * 80 + b"\xff\xd9")
    png = FILES["png"]()
    with pytest.raises(UnreadableImageError, match="chunks"):
        decode(png[:33] + chunk(b"tEXt", b"a\0b") * 5000 + png[33:])


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0",
    ],
)
def test_broken_exif_means_upright(tiff: bytes) -> None:
    assert exif_orientation(tiff) == 1


@given(st.binary(max_size=200))
def test_any_exif_gives_an_orientation(tiff: bytes) -> None:
    assert exif_orientation(b"II*\0" + tiff) in range(1, 9)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_give_a_photo_or_an_image_error(name: str) -> None:
    whole = FILES[name]()

    @examples(40)
    @given(
        keep=st.integers(0, len(whole)),
        flips=st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(1, 255)), max_size=8),
        early=st.lists(st.tuples(st.integers(2, 60), st.integers(1, 255)), max_size=3),
    )
    def check(keep: int, flips: list[tuple[int, int]], early: list[tuple[int, int]]) -> None:
        damaged = bytearray(whole)
        for at, mask in flips + early:
            damaged[at] ^= mask
        for data in (bytes(damaged), padded(bytes(damaged[:keep]))):
            try:
                photo = decode(data)
            except ImageError:
                continue
            # A flipped bit may have made it large, so that it was reduced.
            assert photo.pixels.shape == (-(-photo.height // photo.scale), -(-photo.width // photo.scale), 3)

    check()


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b""]), st.binary(max_size=400))
def test_any_bytes_give_a_header_or_an_error(magic: bytes, rest: bytes) -> None:
    try:
        header = read_header(magic + rest)
    except UnreadableImageError:
        return
    assert header.width > 0
    assert header.height > 0
