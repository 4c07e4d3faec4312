"""Hints for unsupported files: their format, and what to do instead."""

from __future__ import annotations

import re
from typing import Final

from mien.messages import Message
from mien.vision.image_header.types import ImageFormat

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
    """Detect a WebP, AVIF or HEIC file by its first bytes; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data[4:8] != b"ftyp":
        return None
    # "mif1" is any HEIF picture; the compatible brands tell the kind.
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
