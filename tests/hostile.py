"""Over two thousand files that are meant to break an image service, the same ones on every run.

`hostile_inputs()` yields (name, bytes). Nearly all are damaged, mislabelled or oversized pictures; some are whole but
unusual (CMYK, 16 bit, one pixel). Whoever takes them must answer each with a result or a clear error, and go on.
Made from drawn pictures alone, so that no data is needed beside the checkout.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image

SEED = 20240607
MIN_BYTES = 1024


def hostile_inputs() -> Iterator[tuple[str, bytes]]:
    """Names are unique and say what is wrong with a file; the order and the bytes never change."""
    for part in (_whole, _truncated, _flipped, _giant, _structure, _exif, _mislabelled, _polyglots, _sizes, _noise):
        yield from part()


def drawn_face(width: int = 160, height: int = 200) -> np.ndarray:
    """A face of ellipses, with grain; uint8 (height, width, 3) BGR."""
    rng = np.random.default_rng(SEED)
    image = np.full((height, width, 3), (150, 130, 110), np.uint8)
    x, y = width // 2, height // 2
    cv2.ellipse(image, (x, y), (width // 3, height * 2 // 5), 0, 0, 360, (140, 170, 220), -1)
    for side in (-1, 1):
        cv2.ellipse(
            image, (x + side * width // 8, y - height // 10), (width // 16, height // 40), 0, 0, 360, (60, 40, 30), -1
        )
    cv2.ellipse(image, (x, y + height // 5), (width // 9, height // 40), 0, 0, 360, (80, 70, 170), -1)
    return np.clip(image.astype(np.int16) + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def _save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@lru_cache(maxsize=1)
def _sources() -> dict[str, bytes]:
    """Whole files of every kind that is accepted, and how it varies."""
    face = Image.fromarray(np.ascontiguousarray(drawn_face()[..., ::-1]))
    small = face.resize((48, 60))
    wide = np.asarray(face).astype(np.uint16) * 257
    frames = [small.rotate(angle) for angle in range(0, 200, 20)]
    palette = face.quantize(64)
    return {
        "jpeg": _save(face, "JPEG", quality=90),
        "jpeg-progressive": _save(face, "JPEG", quality=90, progressive=True),
        "jpeg-grey": _save(face.convert("L"), "JPEG", quality=90),
        "jpeg-cmyk": _save(face.convert("CMYK"), "JPEG", quality=90),
        "jpeg-444-restart": _save(face, "JPEG", quality=90, subsampling=0, restart_marker_blocks=3),
        "jpeg-large": _save(face.resize((1900, 2400)), "JPEG", quality=40),
        "png": _save(small, "PNG"),
        "png-alpha": _save(small.convert("LA").convert("RGBA"), "PNG"),
        "png-palette": _save(palette, "PNG", transparency=3),
        "png-16": cv2.imencode(".png", wide[::3, ::3])[1].tobytes(),
        "png-animated": _save(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "gif": _save(palette, "GIF"),
        "gif-animated": _save(frames[0].quantize(32), "GIF", save_all=True, append_images=frames[1:]),
        "bmp": _save(small, "BMP"),
        "bmp-8": _save(palette, "BMP"),
        "bmp-1": _save(face.convert("1"), "BMP"),
        "bmp-rle": _rle_bmp(),
    }


def _rle_bmp() -> bytes:
    pixels = b"".join(bytes([20, row % 4, 12, 1]) + b"\0\0" for row in range(300)) + b"\0\1"
    table = b"".join(bytes([i, i, 255 - i, 0]) for i in range(256))
    info = struct.pack("<IiiHHIIiiII", 40, 32, 300, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(pixels), 0, 0, 54 + 1024) + info + table + pixels


def _pad(data: bytes) -> bytes:
    """To the least size that is looked at, so that it is not refused for its size alone."""
    return data + bytes(max(0, MIN_BYTES - len(data)))


def png_chunk(name: bytes, content: bytes, crc: int | None = None) -> bytes:
    """One chunk with its right checksum, or the one given."""
    check = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png_of(width: int, height: int, depth: int, colour: int, raw: bytes, *extra: bytes, interlace: int = 0) -> bytes:
    """A PNG with a header of one's choice, whatever its data is."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(raw, 1))
        + png_chunk(b"IEND", b"")
    )


def _whole() -> Iterator[tuple[str, bytes]]:
    for name, data in _sources().items():
        yield f"whole/{name}", _pad(data)
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        for size in ((1, 1), (1, 7000), (7000, 1), (2, 3)):
            image = Image.new("RGB", size, (200, 150, 120))
            yield f"whole/{kind}-{size[0]}x{size[1]}", _pad(_save(image, kind))


def _truncated() -> Iterator[tuple[str, bytes]]:
    for name, data in _sources().items():
        for step in range(1, 25):
            yield f"truncated/{name}-{step}", _pad(data[: len(data) * step // 25])
        for cut in (1, 2, 4, 12, 20):
            yield f"truncated/{name}-minus-{cut}", _pad(data[:-cut])
        for middle in (0.25, 0.5, 0.75):
            at = int(len(data) * middle)
            yield f"truncated/{name}-gap-{middle}", _pad(data[:at] + data[at + len(data) // 10 :])


def _flipped() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(SEED)
    for name, data in _sources().items():
        for round_ in range(30):
            damaged = bytearray(data)
            for _ in range(1 << (round_ % 6)):
                damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            yield f"flipped/{name}-{round_}", _pad(bytes(damaged))
        for round_ in range(24):  # where headers are
            damaged = bytearray(data)
            for _ in range(1 + round_ % 3):
                damaged[rng.randrange(3, min(len(damaged), 90))] = rng.choice(
                    (0, 1, 127, 128, 254, 255, rng.randrange(256))
                )
            yield f"flipped/{name}-head-{round_}", _pad(bytes(damaged))


def _jpeg_with_size(data: bytes, width: int, height: int) -> bytes:
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        at = data.find(marker)
        if at > 0:
            return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
    raise AssertionError("no frame header")


def _giant() -> Iterator[tuple[str, bytes]]:
    sides = (0, 1, 2_000, 5_000, 9_000, 12_000, 20_000, 32_767, 65_500, 65_535)
    for width in sides:
        for height in (0, 1, 3_000, 9_000, 65_535):
            for name in ("jpeg", "jpeg-progressive", "jpeg-cmyk"):
                yield f"giant/{name}-{width}x{height}", _pad(_jpeg_with_size(_sources()[name], width, height))
            frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2L\1\0;"
            screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
            yield f"giant/gif-{width}x{height}", _pad(b"GIF89a" + screen + frame)
            tiny = struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(6)
            yield f"giant/gif-frame-{width}x{height}", _pad(b"GIF89a" + tiny + frame)
    for width, height in (
        (30_000, 30_000),
        (2**31 - 1, 1),
        (1, 2**31 - 1),
        (2**31, 2**31),
        (2**32 - 1, 2**32 - 1),
        (0, 9),
    ):
        for depth, colour in ((1, 0), (8, 2), (8, 6), (16, 6), (8, 3)):
            yield (
                f"giant/png-{width}x{height}-{depth}-{colour}",
                _pad(png_of(width, height, depth, colour, bytes(99_999))),
            )
    for width, height in (
        (40_000, 40_000),
        (-5, 7),
        (5, -7),
        (2**31 - 1, -(2**31)),
        (-(2**31), 1),
        (70_000, 1),
        (9_000, 9_000),
    ):
        for depth, compression in (
            (1, 0),
            (8, 0),
            (8, 1),
            (4, 2),
            (24, 0),
            (32, 3),
            (16, 3),
            (24, 4),
            (24, 5),
            (0, 0),
            (77, 0),
        ):
            info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, 0, 0, 0, 0, 0)
            head = b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54) + info
            yield f"giant/bmp-{width}x{height}-{depth}-{compression}", _pad(head + bytes(range(256)) * 4)
    # Whole bombs: as large as the limits let through, or nearly, and as small a file as that can be.
    yield "bomb/png-grey-56mp", png_of(8_000, 7_000, 1, 0, bytes(7_000 * 1_001))
    yield "bomb/png-rgb-56mp", png_of(8_000, 7_000, 8, 2, bytes(7_000 * 24_001))
    yield "bomb/png-rgba-42mp", png_of(7_000, 6_000, 8, 6, bytes(6_000 * 28_001))
    yield "bomb/png-rgba16-18mp", png_of(4_500, 4_000, 16, 6, bytes(4_000 * 36_001))
    yield "bomb/png-grey-900mp", png_of(30_000, 30_000, 1, 0, bytes(30_000 * 3_751))
    yield "bomb/png-interlaced", png_of(7_000, 7_000, 8, 0, bytes(7_000 * 7_100), interlace=1)
    for megapixels, side in ((30, 5_400), (90, 9_500)):
        flat = Image.new("L", (side, side), 90)
        yield f"bomb/gif-{megapixels}mp", _save(flat.convert("P"), "GIF")
        yield f"bomb/jpeg-{megapixels}mp", _save(flat, "JPEG", quality=10)
    yield "bomb/jpeg-progressive-25mp", _save(Image.new("RGB", (5_000, 5_000)), "JPEG", quality=5, progressive=True)
    text = zlib.compress(bytes(60_000_000), 9)
    for kind in (b"zTXt", b"iCCP"):
        yield f"bomb/png-{kind.decode()}", png_of(8, 8, 8, 0, bytes(72), png_chunk(kind, b"a\0\0" + text))


def _structure() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(SEED + 1)
    png, jpeg, gif = _sources()["png"], _sources()["jpeg"], _sources()["gif"]
    for length in (0, 1, 12, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1):
        for at in (8, 33, len(png) - 12):
            yield f"structure/png-length-{length}-at-{at}", png[:at] + struct.pack(">I", length) + png[at + 4 :]
    for name in (
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"eXIf",
        b"gAMA",
        b"cHRM",
        b"sBIT",
        b"bKGD",
    ):
        for size in (0, 1, 7, 26, 300, 5_000):
            chunk = png_chunk(name, rng.randbytes(size))
            yield f"structure/png-extra-{name.decode()}-{size}", _pad(png[:33] + chunk + png[33:])
    yield "structure/png-bad-crc", png[:29] + bytes(4) + png[33:]
    yield "structure/png-no-idat", _pad(png[:33] + png_chunk(b"IEND", b""))
    yield "structure/png-no-palette", _pad(png_of(9, 9, 8, 3, bytes(90)))
    yield "structure/png-chunk-flood", png[:33] + png_chunk(b"tEXt", b"a\0b") * 300_000 + png[33:]
    yield "structure/png-idat-flood", png[:33] + png_chunk(b"IDAT", b"") * 300_000 + png[33:]
    for depth in (0, 3, 5, 8, 16, 32, 255):
        for colour in (0, 1, 2, 3, 4, 5, 6, 255):
            yield f"structure/png-depth-{depth}-colour-{colour}", _pad(png_of(16, 16, depth, colour, bytes(5_000)))
    for marker in (
        *range(0xC0, 0xD0),
        0xD0,
        0xD7,
        0xD8,
        0xD9,
        0xDA,
        0xDB,
        0xDC,
        0xDD,
        0xE0,
        0xE1,
        0xE2,
        0xEE,
        0xFE,
        1,
        2,
    ):
        for length in (0, 1, 2, 11, 65_535):
            segment = bytes([0xFF, marker]) + struct.pack(">H", length) + rng.randbytes(min(max(length - 2, 0), 40))
            yield f"structure/jpeg-marker-{marker:x}-{length}", _pad(jpeg[:2] + segment + jpeg[2:])
    yield "structure/jpeg-segment-flood", jpeg[:2] + b"\xff\xe5\0\2" * 1_500_000 + jpeg[2:]
    yield "structure/jpeg-fill-flood", jpeg[:2] + b"\xff" * 6_000_000 + jpeg[2:]
    yield "structure/jpeg-zero-flood", jpeg[:2] + b"\xff\0" * 3_000_000 + jpeg[2:]
    yield "structure/jpeg-restart-flood", jpeg[:-2] + b"\xff\xd0" * 3_000_000 + b"\xff\xd9"
    progressive = _jpeg_with_size(_sources()["jpeg-progressive"], 6_000, 6_000)
    last = progressive.rindex(b"\xff\xda")
    for scans in (20, 50, 5_000):
        yield f"structure/jpeg-scans-{scans}", progressive[:-2] + progressive[last:-2] * scans + b"\xff\xd9"
    yield "structure/jpeg-twice", jpeg[:-2] + jpeg[2:]
    yield "structure/gif-extension-flood", gif[:6] + gif[6:13] + bytes(192) + b"!\xfe\0" * 1_900_000 + b";"
    yield "structure/gif-comment", gif[:781] + b"!\xfe" + (b"\xff" + bytes(255)) * 20_000 + b"\0" + gif[781:]
    yield "structure/gif-many-frames", _many_frames()
    for bits in range(14):
        head = b"GIF89a" + struct.pack("<HHBBB", 90, 90, 0xF7, 0, 0) + bytes(768)
        blocks = b"".join(b"\xff" + rng.randbytes(255) for _ in range(6))
        frame = b"," + struct.pack("<HHHHB", 0, 0, 90, 90, 0x40 * (bits % 2)) + bytes([bits])
        yield f"structure/gif-lzw-{bits}", head + frame + blocks + b"\0;"
        yield (
            f"structure/gif-offset-{bits}",
            head + frame[:1] + struct.pack("<HH", 60_000 >> bits, 9) + frame[5:] + blocks + b"\0;",
        )


def _many_frames() -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 500, 500, 0xF0, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"!\xf9\4\0\1\0\0\0," + struct.pack("<HHHHB", 0, 0, 500, 500, 0) + b"\2\2L\1\0"
    return head + frame * 100_000 + b";"


def _exif() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(SEED + 2)
    jpeg, png = _sources()["jpeg"], _sources()["png"]
    for number in range(90):
        order = b"II*\0" if number % 2 else b"MM\0*"
        tiff = {
            0: rng.randbytes(60),
            1: order + rng.randbytes(80),
            2: order + struct.pack("<I" if number % 2 else ">I", 8) + rng.randbytes(100),
        }[number % 3]
        segment = b"Exif\0\0" + tiff
        yield f"exif/jpeg-{number}", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
        yield f"exif/png-{number}", _pad(png[:33] + png_chunk(b"eXIf", tiff) + png[33:])
    for value in (0, 1, 5, 6, 8, 9, 65_535):
        tiff = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + struct.pack("<I", value) + b"\x08\0\0\0"
        segment = b"Exif\0\0" + tiff
        yield (
            f"exif/orientation-{value}",
            jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:],
        )


def _mislabelled() -> Iterator[tuple[str, bytes]]:
    face = Image.fromarray(np.ascontiguousarray(drawn_face()[..., ::-1]))
    for kind in ("WEBP", "TIFF", "AVIF", "ICO", "PPM", "TGA", "PCX", "JPEG2000"):
        try:
            # With more threads AVIF's bytes depend on the cores of the machine.
            yield f"type/{kind}", _pad(_save(face, kind, **({"max_threads": 1} if kind == "AVIF" else {})))
        except (OSError, KeyError):
            continue  # this build of Pillow cannot write it
    texts = {
        "html": b"<!DOCTYPE html><html><body><h1>404</h1></body></html>",
        "html-upper": b"\n  <HTML>",
        "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "xml-entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        "json": b'{"url": "http://127.0.0.1/"}',
        "base64": b"/9j/4AAQSkZJRgABAQAAAQABAAD",
        "data-url": b"data:image/png;base64,iVBORw0KGgo",
        "pdf": b"%PDF-1.7",
        "zip": b"PK\3\4\x14\0\0\0",
        "gzip": b"\x1f\x8b\x08" + zlib.compress(bytes(4_000_000)),
        "elf": b"\x7fELF\2\1\1",
        "exe": b"MZ\x90\0",
        "mp4": b"\0\0\0\x18ftypmp42",
        "heic": b"\0\0\0\x18ftypheic",
        "mvg": b"push graphic-context\nfill 'url(https://127.0.0.1/\"|ls \"-la)'\npop graphic-context",
        "postscript": b"%!PS-Adobe-3.0 EPSF\n{ (%pipe%id) (w) file } stopped",
        "dicom": bytes(128) + b"DICM",
        "jxl": b"\xff\x0a",
        "multipart": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
    }
    for name, text in texts.items():
        yield f"type/{name}", _pad(text)
        yield f"type/{name}-filled", (text * (2_000 // len(text) + 1))[:50_000]
    for name in ("jpeg", "png", "gif", "bmp"):
        for other in ("jpeg", "png", "gif", "bmp"):
            head = {"jpeg": 3, "png": 8, "gif": 6, "bmp": 2}[name]
            yield f"type/{name}-magic-{other}-rest", _pad(_sources()[name][:head] + _sources()[other][head:])
            yield f"type/{name}-magic-then-{other}", _pad(_sources()[name][:head] + _sources()[other])


def _polyglots() -> Iterator[tuple[str, bytes]]:
    names = ("jpeg", "png", "gif", "bmp", "jpeg-cmyk", "png-animated", "gif-animated")
    tails = {**{name: _sources()[name] for name in names}, "zip": b"PK\3\4" + bytes(50), "html": b"<script>1</script>"}
    for first in names:
        for second, tail in tails.items():
            yield f"polyglot/{first}+{second}", _pad(_sources()[first] + tail)
        yield f"polyglot/{first}-late", b"\0" + _sources()[first] + bytes(MIN_BYTES)
        yield f"polyglot/{first}-bom", b"\xef\xbb\xbf" + _sources()[first] + bytes(MIN_BYTES)
        yield f"polyglot/{first}-line", b"\r\n" + _sources()[first] + bytes(MIN_BYTES)


def _sizes() -> Iterator[tuple[str, bytes]]:
    jpeg = _sources()["jpeg"]
    tiny = _save(Image.new("RGB", (4, 4)), "JPEG")
    for size in (0, 1, 2, 3, 8, 100, 1_023):
        yield f"size/jpeg-{size}", jpeg[:size]
        yield f"size/zero-{size}", bytes(size)
        yield f"size/tiny-{size}", (tiny + bytes(size))[:1_023]
    six = 6 * 1024 * 1024
    yield "size/most", jpeg + bytes(six - len(jpeg))
    yield "size/most-plus-one", jpeg + bytes(six + 1 - len(jpeg))
    yield "size/twice", jpeg + bytes(2 * six)
    yield "size/zero-most", bytes(six)


def _noise() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(SEED + 3)
    heads = {name: data[:40] for name, data in _sources().items()}
    for number in range(60):
        yield f"noise/{number}", rng.randbytes(rng.randrange(MIN_BYTES, 9_000))
    for name, head in heads.items():
        for number in range(6):
            keep = rng.randrange(2, 40)
            yield f"noise/{name}-{number}", head[:keep] + rng.randbytes(rng.randrange(MIN_BYTES, 9_000))
