"""Small pictures in tables, in terminals that can show them (Sixel, or the graphics protocol of Kitty)."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL import Image

_WIDTH: Final = 8
_HEIGHT: Final = 4
"""Size of a picture in a table, in cells of the terminal."""
_PIXELS: Final = 192
_MARGIN: Final = 0.25


def thumbnail(photo: bytes, box: Mapping[str, int] | None = None) -> Image.Image | None:
    """Return a small picture of a photo.

    Args:
        photo: an image file.
        box: the face's rectangle in pixels of the upright photo (left, top, width, height); None for the whole photo.

    Returns:
        RGB, 192 pixels on the longer side; None if it cannot be read here.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(photo)) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    if box is not None:
        more_x, more_y = box["width"] * _MARGIN, box["height"] * _MARGIN
        left, top = max(0, round(box["left"] - more_x)), max(0, round(box["top"] - more_y))
        right = min(picture.width, round(box["left"] + box["width"] + more_x))
        bottom = min(picture.height, round(box["top"] + box["height"] + more_y))
        if right > left and bottom > top:
            picture = picture.crop((left, top, right, bottom))
    picture.thumbnail((_PIXELS, _PIXELS))
    return picture


def renderer() -> Any | None:  # Any: one of the library's classes of renderables
    """Return what draws pictures in this terminal; None if it cannot, or the extra `terminal` is missing."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        return None
    logging.getLogger("textual_image").setLevel(logging.ERROR)  # it warns of terminals that say nothing about cells
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image if Image in {SixelImage, TGPImage} else None


def print_pictures(columns: Sequence[str], rows: Sequence[tuple[Image.Image | None, Sequence[object]]]) -> None:
    """Print a table whose rows begin with a picture, where the terminal can show one; else the rows alone."""
    from mien.cli._administration import print_table

    drawn = renderer() if any(picture is not None for picture, _ in rows) else None
    if drawn is None:
        print_table(columns, [cells for _, cells in rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", *columns, box=None, header_style="bold")
    for picture, cells in rows:
        shown = "" if picture is None else drawn(picture, width=_WIDTH, height=_HEIGHT)
        table.add_row(shown, *(Text("–" if one is None or one == "" else str(one)) for one in cells))
    Console(highlight=False).print(table)
