"""Reads what must be known of an image file before any of it is decoded: format, size, orientation.

Only the leading bytes decide on the format; file names and content types are not looked at, and whatever else a file
is besides (a ZIP behind a JPEG, a script in a comment) does not matter. Nothing here allocates by what a header says.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mien.messages import Message
from mien.vision.errors import UnreadableImageError

MAX_SEGMENTS: Final = 4096
"""Most marker segments of a JPEG's head, chunks of a PNG, or extension blocks before a GIF's first frame.

Photos have tens (with depth maps in XMP, about a hundred); a flood of empty ones is made to keep parsers busy.
PNG writers that flush every 8 KB need 768 for 6 MB.
"""

MAX_SCANS: Final = 64
"""Most scans of a JPEG. Usual progressive files have 10; each scan of a few bytes costs a pass over every block."""

_MARKER: Final = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
"""A marker that is neither stuffing, fill, TEM nor a restart: within coded data, the end of a scan."""

_PNG_KINDS: Final = frozenset(
    [(0, depth) for depth in (1, 2, 4, 8, 16)]
    + [(3, depth) for depth in (1, 2, 4, 8)]
    + [(colour, depth) for colour in (2, 4, 6) for depth in (8, 16)]
)
_PNG_CRITICAL: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


class ImageFormat(StrEnum):
    """The formats of the contract (section 2), then those that a setting adds."""

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
        format: by the leading bytes.
        width: pixels as stored, before orientation.
        height: pixels as stored, before orientation.
        orientation: 1 to 8, as EXIF counts them.
        bytes_per_pixel: what decoding holds at once for a pixel, at its worst, in the decoders that `decode` uses.
        alpha: whether pixels can be transparent.
        components: colour components as stored (JPEG).
        several_scans: whether the picture comes in passes (progressive JPEG).
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int = 1
    bytes_per_pixel: int = 3
    alpha: bool = False
    components: int = 3
    several_scans: bool = False


def read_header(data: bytes) -> ImageHeader:
    """Tell format, size and orientation of an image file.

    Args:
        data: the whole file.

    Raises:
        UnreadableImageError: it is no JPEG, PNG, GIF or BMP, or its head is broken; the text says which.
    """
    if data[:3] == b"\xff\xd8\xff":
        return _read_jpeg(data)
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return _read_png(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _read_gif(data)
        if data[:2] == b"BM":
            return _read_bmp(data)
    except (struct.error, IndexError):
        raise UnreadableImageError("the header of the image is cut off") from None
    raise UnreadableImageError(what_instead(data) or "the bytes are not a JPEG, PNG, GIF or BMP")


def _read_jpeg(data: bytes) -> ImageHeader:
    position, end, orientation = 2, len(data), 1
    frame: ImageHeader | None = None
    for _ in range(MAX_SEGMENTS):
        # As libjpeg looks for the next marker: skip to FF, then over fill bytes, so that both read the same frame.
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
            frame = _read_jpeg_frame(data, position, marker, orientation)
        position += length
    raise UnreadableImageError("JPEG with more than {most} segments before its data", most=MAX_SEGMENTS)


def _read_jpeg_frame(data: bytes, position: int, marker: int, orientation: int) -> ImageHeader:
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
    # The coefficients of the whole picture are kept when it comes in several scans: 2 bytes for each sample.
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
    """The header, when the first scan (at `position`) has been reached."""
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
        data: the whole file, which `read_header` has accepted.

    Raises:
        UnreadableImageError: the file has more scans or segments than are read.
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


def exif_orientation(tiff: bytes) -> int:
    """The orientation tag (0x0112) of an EXIF block.

    Args:
        tiff: the block from its byte order mark on.

    Returns:
        1 to 8; 1 (upright) when there is none, or the block is broken: a bad tag is no reason to refuse a photo.
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


def _read_png(data: bytes) -> ImageHeader:
    length, name, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if name != b"IHDR" or length != 13:
        raise UnreadableImageError("corrupt PNG: it does not begin with its header")
    _require_size(width, height, "PNG")
    if (colour, depth) not in _PNG_KINDS:
        raise UnreadableImageError(
            "corrupt PNG: no such kind (colour type {colour}, {depth} bits)", colour=colour, depth=depth
        )
    orientation, alpha = 1, colour in (4, 6)
    for kind, start, stop in png_chunks(data):
        if kind == b"eXIf":
            orientation = exif_orientation(data[start:stop])
        elif kind == b"tRNS":
            alpha = True
    # OpenCV holds the picture and a canvas for animations; 16-bit pixels with alpha are narrowed here.
    bytes_per_pixel = (21 if depth == 16 else 9) if alpha else 7
    return ImageHeader(ImageFormat.PNG, width, height, orientation, bytes_per_pixel, alpha)


def png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Name, start and end of the content of each chunk of a PNG, up to and with its end chunk.

    Raises:
        UnreadableImageError: a chunk runs past the end of the file, or there is no end chunk.
    """
    chunks: list[tuple[bytes, int, int]] = []
    position = 8
    while position + 12 <= len(data) and len(chunks) < MAX_SEGMENTS:
        length, name = struct.unpack_from(">I4s", data, position)
        stop = position + 8 + length
        if stop + 4 > len(data):
            break
        chunks.append((name, position + 8, stop))
        if name == b"IEND":
            return chunks
        position = stop + 4
    if len(chunks) == MAX_SEGMENTS:
        raise UnreadableImageError("PNG with more than {most} chunks", most=MAX_SEGMENTS)
    raise UnreadableImageError("truncated PNG: it ends before its end chunk")


def bare_png(data: bytes) -> bytes:
    """The same PNG with only the chunks that its first picture needs.

    Text, profiles and animation go: they can be compressed bombs of their own, and no pixel depends on them here.
    """
    parts = [data[start - 8 : stop + 4] for name, start, stop in png_chunks(data) if name in _PNG_CRITICAL]
    return b"".join([data[:8], *parts])


def _read_gif(data: bytes) -> ImageHeader:
    screen_width, screen_height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    for _ in range(MAX_SEGMENTS):
        introducer = data[position]
        if introducer == 0x2C:
            left, top, width, height = struct.unpack_from("<HHHH", data, position + 1)
            _require_size(width, height, "GIF")
            # Held at once: the palette picture, its RGBA form (twice while it is put on white) and the result.
            return ImageHeader(
                ImageFormat.GIF, max(screen_width, left + width), max(screen_height, top + height), 1, 13, alpha=True
            )
        if introducer != 0x21:
            raise UnreadableImageError("GIF without a picture" if introducer == 0x3B else "corrupt GIF")
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    raise UnreadableImageError("GIF with more than {most} extensions before its first picture", most=MAX_SEGMENTS)


def _read_bmp(data: bytes) -> ImageHeader:
    offset, size = struct.unpack_from("<II", data, 10)
    compression = 0
    if size == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    elif 40 <= size <= 124:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
        height = abs(height)  # negative: stored from the top down
    else:
        raise UnreadableImageError("BMP with an unknown header")
    _require_size(width, height, "BMP")
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


def _require_size(width: int, height: int, name: str) -> None:
    if width <= 0 or height <= 0:
        raise UnreadableImageError("{name} of {width} × {height} pixels", name=name, width=width, height=height)


_AS_TEXT: Final = Message(
    "the file was read as text, which changes its bytes: read it in binary mode "
    '(Python: open(path, "rb"); Node: readFileSync(path) without an encoding; PowerShell: -InFile)'
)
_JSON: Final = Message("this is JSON; send it with Content-Type: application/json")
_PATH: Final = re.compile(rb"@?[\w\x80-\xff ./\\:~-]{1,300}\.(?:jpe?g|png|gif|bmp|webp|heic|avif|tiff?)", re.IGNORECASE)
_ADDRESS: Final = Message('this is an address, not an image; send {"url": "…"} with Content-Type: application/json')
_TO_JPEG: Final = Message("convert it to JPEG or PNG")


def _not_supported(kind: str) -> str:
    return Message.listed((Message("{kind} is not supported", kind=kind), _TO_JPEG))


_SIGNATURES: Final = (
    (b"II*\0", _not_supported("TIFF")),
    (b"MM\0*", _not_supported("TIFF")),
    (b"\0\0\1\0", _not_supported("ICO")),
    (b"\0\0\0\x0cjP  ", _not_supported("JPEG 2000")),
    (b"\xff\x4f\xff\x51", _not_supported("JPEG 2000")),
    (b"\xff\x0a", _not_supported("JPEG XL")),
    (b"\0\0\0\x0cJXL ", _not_supported("JPEG XL")),
    (b"%PDF", Message("this is a PDF; send the picture in it as JPEG or PNG")),
    (b"PK\3\4", Message("this is a ZIP archive; unpack it and send one picture at a time")),
    (b"\x1f\x8b", Message("this is gzip-compressed; send the picture uncompressed")),
    (b"8BPS", Message.listed((Message("Photoshop documents are not supported"), _TO_JPEG))),
    (b"data:image", Message("this is a data URL; send the bytes themselves")),
    (b"/9j/", Message("this is base64; send the bytes themselves")),
    (b"iVBORw0KGgo", Message("this is base64; send the bytes themselves")),
    (b"--", Message("this is a multipart body; send the bytes of the image alone")),
    (b"\xc3\xbf\xc3\x98", _AS_TEXT),
    (b"\xc2\x89PNG", _AS_TEXT),
    (b"\xef\xbf\xbd", _AS_TEXT),
    (b"?PNG", _AS_TEXT),
)


_TEXT_SIGNATURES: Final = (
    ((b"{", b"["), _JSON),
    ((b"http:", b"https:", b"url="), _ADDRESS),
    ((b"<!doctype html", b"<html"), Message("this is an HTML page; send the picture's own bytes, or its own address")),
    ((b"<svg", b"<?xml"), _not_supported("SVG")),
)
_LONGEST_PATH: Final = 4096
_CONVERT: Final = {
    ImageFormat.WEBP: Message("convert it to JPEG or PNG, for example: dwebp photo.webp -o photo.png"),
    ImageFormat.AVIF: Message("convert it to JPEG or PNG, for example: avifdec photo.avif photo.jpg"),
    ImageFormat.HEIC: Message(
        "convert it to JPEG, for example: heif-convert photo.heic photo.jpg "
        "(iPhone: Settings, Camera, Formats, Most Compatible)"
    ),
}
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def further_format(data: bytes) -> ImageFormat | None:
    """Tell a WebP, AVIF or HEIC file by its leading bytes; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data[4:8] != b"ftyp":
        return None
    # "mif1" says only that there is a picture; the compatible brands say which kind.
    brands = data[8 : min(int.from_bytes(data[:4]), 256)]
    if data[8:12] in (b"avif", b"avis") or (data[8:12] in (b"mif1", b"msf1") and b"avif" in brands):
        return ImageFormat.AVIF
    return ImageFormat.HEIC if data[8:12] in _HEIF_BRANDS else None


def what_instead(data: bytes) -> str | None:
    """Name an unsupported file format and what to do instead; None if it is unknown."""
    further = further_format(data)
    if further is not None:
        return Message.listed((Message("{kind} is not supported by the Face API", kind=further), _CONVERT[further]))
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    texts = [text for signature, text in _SIGNATURES if data.startswith(signature)]
    texts += [text for signatures, text in _TEXT_SIGNATURES if start.startswith(signatures)]
    if data[4:8] == b"ftyp":
        texts.append(Message("a video or container file is not supported; send a frame of it as JPEG or PNG"))
    if len(data) < _LONGEST_PATH and _PATH.fullmatch(data.strip()):
        texts.append(
            Message("this is a file's name, not its content: send the file's bytes (curl: --data-binary @photo.jpg)")
        )
    return texts[0] if texts else None
