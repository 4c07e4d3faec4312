"""Image bytes → a `Photo`: upright BGR pixels; large photos are reduced while they are decoded.

libjpeg-turbo (simplejpeg) decodes JPEGs, also at 1/2, 1/4 and 1/8 of the size at a fraction of the cost; OpenCV decodes
PNG and BMP; Pillow, whose decoder is better tested against hostile files, decodes GIF. All release the GIL.

Truncated files are refused, as on Azure. Data after the end of a picture, and damage inside a JPEG that leaves it
decodable, are accepted. Transparent pixels are shown on white, as viewers do.

    photo = decode(Path("photo.jpg").read_bytes())
    photo.pixels                  # for the detector
    photo.region(l, t, r, b, max_scale=2.0)   # enough pixels of a face to embed it
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from mien.contract.limits import IMAGE_BYTES
from mien.messages import Message
from mien.vision.errors import ImageTooLargeError, ImageTooSmallError, UnreadableImageError
from mien.vision.image_header.jpeg import jpeg_end
from mien.vision.image_header.other_formats import further_format, what_instead
from mien.vision.image_header.png import bare_png
from mien.vision.image_header.reading import read_header
from mien.vision.image_header.types import ImageFormat, ImageHeader
from mien.vision.types import Float32, Pixels

if TYPE_CHECKING:
    from mien.vision.more_formats import MoreFormat

MIN_BYTES, MAX_BYTES = IMAGE_BYTES
"""Smallest and largest file of the contract, inclusive."""


@dataclass(frozen=True, slots=True)
class ImageRules:
    """Rules for accepted image files.

    Attributes:
        max_bytes: size of the largest file, inclusive.
        more_formats: also accept WebP, AVIF and HEIC, which are not in the contract.
    """

    max_bytes: int = MAX_BYTES
    more_formats: bool = False


MAX_PIXELS: Final = 100_000_000
"""Largest picture, width × height. A legitimate file of 6 MB can have that many; a decompression bomb has more."""

MAX_DECODED_BYTES: Final = 400_000_000
"""Most memory that decoding may need according to the header; for some formats stricter than `MAX_PIXELS`."""

# EXIF orientation → whether x and y are swapped; whether upright x is reversed; whether upright y is reversed.
_AXES: Final = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of a photo.

    A point (x, y) of `pixels` is at (left + x × scale, top + y × scale) of the full, upright photo.

    Attributes:
        pixels: uint8 (h, w, 3) BGR; a view, do not modify.
        left: left edge, in pixels of the full photo.
        top: top edge, in pixels of the full photo.
        scale: full pixels per pixel of the region, the same in x and y.
    """

    pixels: Pixels
    left: float
    top: float
    scale: float


class Photo:
    """A decoded picture; create it with `decode` or `Photo.from_pixels`.

    Attributes:
        width: pixels of the full, upright photo.
        height: pixels of the full, upright photo.
        pixels: uint8 (h, w, 3) BGR, upright, contiguous, possibly reduced.
        scale: full pixels per pixel of `pixels`; exactly 1, 2, 4 or 8, the same in x and y. The last row and column of
            reduced pixels may cover fewer than `scale` full pixels.
        origin: x, y in the full photo of the top left corner of `pixels`: zero, or up to `scale` pixels outside the
            photo if it was rotated and reduced and its size is not a multiple of `scale`.
    """

    __slots__ = ("_data", "_header", "_levels", "_lock", "height", "origin", "pixels", "scale", "width")

    width: int
    height: int
    pixels: Pixels
    scale: float
    origin: tuple[float, float]

    def __init__(self, data: bytes, header: ImageHeader, pixels: Pixels, reduction: int) -> None:
        """Store the pixels, and the file for decoding again at a finer scale."""
        swapped = header.orientation >= 5
        self.width = header.height if swapped else header.width
        self.height = header.width if swapped else header.height
        self._data = data
        self._header = header
        self._levels = {reduction: pixels}
        self._lock = threading.Lock()
        self.pixels = pixels
        self.scale = float(reduction)
        self.origin = self._origin(pixels, reduction)

    @classmethod
    def from_pixels(cls, pixels: Pixels) -> Photo:
        """Create a photo from decoded pixels.

        Args:
            pixels: uint8 (h, w, 3) BGR, upright.
        """
        header = ImageHeader(ImageFormat.BMP, pixels.shape[1], pixels.shape[0])
        return cls(b"", header, np.ascontiguousarray(pixels), 1)

    def full_pixels(self) -> Pixels:
        """Return uint8 (height, width, 3) BGR at full resolution; decoded on first use, then cached."""
        return self._level(1)

    def to_full(self, points: Float32) -> Float32:
        """Convert x, y, float32 (..., 2), from `pixels` to the full, upright photo."""
        return np.asarray(points * self.scale + np.asarray(self.origin), points.dtype)

    def region(self, left: float, top: float, right: float, bottom: float, *, max_scale: float = 1.0) -> Region:
        """Return a rectangle of the photo with at least one pixel per `max_scale` full pixels.

        Args:
            left: left edge in full pixels; edges outside the photo are moved to its border.
            top: top edge.
            right: right edge, exclusive.
            bottom: bottom edge, exclusive.
            max_scale: coarsest allowed scale. The working pixels are used if they are fine enough; otherwise the photo
                is decoded again at the coarsest sufficient scale (once per scale).

        Returns:
            The smallest region of whole pixels that covers the rectangle, at least one pixel.
        """
        reduction = int(self.scale)
        while reduction > 1 and reduction > max_scale:
            reduction //= 2
        pixels = self._level(reduction)
        x0, y0 = self._origin(pixels, reduction)
        columns = _span(left - x0, right - x0, reduction, pixels.shape[1])
        rows = _span(top - y0, bottom - y0, reduction, pixels.shape[0])
        return Region(
            pixels[rows[0] : rows[1], columns[0] : columns[1]],
            columns[0] * reduction + x0,
            rows[0] * reduction + y0,
            float(reduction),
        )

    def _level(self, reduction: int) -> Pixels:
        with self._lock:
            if reduction not in self._levels:
                self._levels[reduction] = _upright(
                    _decode_jpeg(self._data, self._header, reduction), self._header.orientation
                )
            return self._levels[reduction]

    def _origin(self, pixels: Pixels, reduction: int) -> tuple[float, float]:
        _, x_reversed, y_reversed = _AXES[self._header.orientation]
        return (
            float(self.width - pixels.shape[1] * reduction) if x_reversed else 0.0,
            float(self.height - pixels.shape[0] * reduction) if y_reversed else 0.0,
        )


def decode(data: bytes, *, working_side: int = 1600, rules: ImageRules | None = None) -> Photo:
    """Decode an image file.

    Args:
        data: the whole file; JPEG, PNG, GIF (its first picture) or BMP, and the formats that `rules` add.
        working_side: a JPEG is reduced by the largest of 1, 2, 4, 8 that leaves its long side this many pixels.
        rules: rules for accepted files; None for the contract's.

    Raises:
        ImageTooSmallError: shorter than `MIN_BYTES`.
        ImageTooLargeError: longer than the rules allow.
        UnreadableImageError: unsupported format, broken, or too many pixels; the text gives the reason.
    """
    if len(data) < MIN_BYTES:
        instead = what_instead(data)
        small = Message("the image has {count} bytes; the least is {least}", count=len(data), least=MIN_BYTES)
        raise ImageTooSmallError(Message.listed([small, instead]) if instead else small)
    rules = rules or ImageRules()
    if len(data) > rules.max_bytes:
        raise ImageTooLargeError(
            "the image has {count} bytes; the most is {most}", count=len(data), most=rules.max_bytes
        )
    further = further_format(data) if rules.more_formats else None
    file = _further_file(data, further) if further else None
    header = file.header if file else read_header(data)
    count = header.width * header.height
    if count > MAX_PIXELS or count * header.bytes_per_pixel > MAX_DECODED_BYTES:
        most = min(MAX_PIXELS, MAX_DECODED_BYTES // header.bytes_per_pixel)
        raise UnreadableImageError(
            "{format} of {width} × {height} pixels ({megapixels:.0f} megapixels); the most for this "
            "kind of file is {most:.0f}",
            format=header.format,
            width=header.width,
            height=header.height,
            megapixels=count / 1e6,
            most=most / 1e6,
        )
    reduction = 1
    if header.format is ImageFormat.JPEG:
        while reduction < 8 and -(-max(header.width, header.height) // (2 * reduction)) >= working_side:
            reduction *= 2
        pixels = _decode_jpeg(data, header, reduction)
    elif file is not None:
        pixels = on_white(file.decode())
    elif header.format is ImageFormat.GIF:
        pixels = _decode_gif(data, header)
    else:
        pixels = _decode_with_opencv(data, header)
    return Photo(data, header, _upright(pixels, header.orientation), reduction)


def _further_file(data: bytes, kind: ImageFormat) -> MoreFormat:
    from mien.vision.more_formats import MoreFormat  # noqa: PLC0415  # its decoders are loaded where they are allowed

    return MoreFormat(data, kind)


def _decode_jpeg(data: bytes, header: ImageHeader, reduction: int) -> Pixels:
    # Only powers of two: libjpeg-turbo has vector code for their inverse transforms, and the scale is exact.
    height, width = -(-header.height // reduction), -(-header.width // reduction)
    least = {"min_height": height, "min_width": width} if reduction > 1 else {}
    try:
        pixels = simplejpeg.decode_jpeg(data, "BGR", **least)
    except ValueError as error:
        pixels = _decode_damaged_jpeg(data, str(error), least)
    if pixels.shape != (height, width, 3):
        raise UnreadableImageError("corrupt JPEG: its frame header contradicts itself")
    result: Pixels = pixels
    return result


def _decode_damaged_jpeg(data: bytes, problem: str, least: Mapping[str, int]) -> Pixels:
    """Decode a JPEG for which the decoder reported a problem, unless it is truncated."""
    if jpeg_end(data) is None:
        # With an end marker the decoder can distinguish a missing marker from missing pixels.
        data += b"\xff\xd9"
        try:
            return np.asarray(simplejpeg.decode_jpeg(data, "BGR", **least), np.uint8)
        except ValueError as error:
            if "premature end" in str(error).lower():
                raise UnreadableImageError("truncated JPEG: its data ends before the picture does") from None
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False, **least), np.uint8)
    except ValueError:
        raise UnreadableImageError("corrupt JPEG: {problem}", problem=problem) from None


def _decode_with_opencv(data: bytes, header: ImageHeader) -> Pixels:
    if header.format is ImageFormat.PNG:
        data = bare_png(data)
    mode = cv2.IMREAD_UNCHANGED if header.alpha else cv2.IMREAD_COLOR
    try:
        # IGNORE_ORIENTATION, because the rotation is applied here for all formats alike.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise UnreadableImageError("corrupt or truncated {format}", format=header.format)
    if pixels.dtype != np.uint8:
        pixels = np.right_shift(pixels.astype(np.uint16, copy=False), 8).astype(np.uint8)
    return on_white(pixels)


def _decode_gif(data: bytes, header: ImageHeader) -> Pixels:
    try:
        image = Image.open(io.BytesIO(data), formats=("GIF",))
        if image.size != (header.width, header.height):
            raise UnreadableImageError("corrupt GIF: its sizes contradict each other")
        rgba = np.asarray(image.convert("RGBA"))
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow's plugins may raise any exception while parsing
        raise UnreadableImageError("corrupt or truncated GIF: {reason}", reason=error) from None
    return on_white(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))


def on_white(pixels: np.ndarray) -> Pixels:
    """Convert a uint8 picture of 1, 3 (BGR) or 4 (BGRA) channels to BGR, with transparent parts on white."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    if pixels.shape[2] == 3:
        return np.asarray(pixels, np.uint8)
    bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), np.uint8)
    for start in range(0, len(bgr), 256):  # in strips, to keep the intermediate array small
        alpha = pixels[start : start + 256, :, 3:].astype(np.uint16)
        if alpha.min() < 255:
            strip = bgr[start : start + 256]
            strip[:] = (strip * alpha + 255 * (255 - alpha) + 127) // 255
    return bgr


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    swap, x_reversed, y_reversed = _AXES[orientation]
    if swap:
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    if x_reversed or y_reversed:
        pixels = np.asarray(
            cv2.flip(pixels, {(True, False): 1, (False, True): 0, (True, True): -1}[x_reversed, y_reversed]), np.uint8
        )
    return pixels


def _span(low: float, high: float, reduction: int, count: int) -> tuple[int, int]:
    """Return the whole reduced pixels that cover [low, high), at least one, within [0, count)."""
    first = min(max(int(low // reduction), 0), count - 1)
    return first, max(min(int(-(-high // reduction)), count), first + 1)
