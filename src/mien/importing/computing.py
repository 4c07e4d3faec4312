"""Compute the template of a photo: the work of workers, on this machine or another. No database, no state."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from mien.contract.limits import IMAGE_BYTES
from mien.gallery.enrolment import Enrolment, enrol
from mien.gallery.errors import GalleryError
from mien.gallery.filed_photos import Recipe
from mien.importing.refusals import reason
from mien.importing.sources import ImportSourceError
from mien.messages import Message
from mien.models.errors import ModelError
from mien.vision.errors import ImageError
from mien.vision.ports import Engine
from mien.vision.types import OperatingPoint

_NATIVE: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM")
_LONGEST_SIDE: Final = 4096


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo whose template is to be computed.

    Attributes:
        number: names it among those under way.
        image: the file.
    """

    number: int
    image: bytes


@dataclass(frozen=True, slots=True)
class Computed:
    """The result of a task.

    Attributes:
        number: number of the task.
        enrolment: the face; None if the photo is refused.
        why: the reason then.
    """

    number: int
    enrolment: Enrolment | None
    why: str = ""


def compute(engine: Engine, recipe: Recipe, task: PhotoTask) -> Computed:
    """Compute the template of a photo; any problem of the photo becomes a reason, not an error.

    Raises:
        ModelError: the machine's models cannot be used, whatever the photo.
    """
    try:
        found = enrol(
            engine,
            readable(task.image),
            recipe.pack,
            recipe.policy,
            target=None,
            operating_point=OperatingPoint.GENERAL,
        )
    except ModelError:
        raise
    except (GalleryError, ImageError, ImportSourceError) as error:
        return Computed(task.number, None, reason(error))
    except Exception as error:  # one bad photo must not end the import of the others
        return Computed(task.number, None, Message("It cannot be analysed: {error}.", error=type(error).__name__))
    return Computed(task.number, found)


def readable(data: bytes) -> bytes:
    """Return an image that can be enrolled: other formats (WebP, TIFF) and files over 6 MB are converted.

    Raises:
        SourceError: it is not an image.
    """
    if data.startswith(_NATIVE) and len(data) <= IMAGE_BYTES[1]:
        return data
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError:  # its text contains the name of an object in memory
        state = Message("the file is empty" if not data else "it is damaged, of another format, or no image at all")
        raise ImportSourceError("it cannot be read as an image: {state}", state=state) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImportSourceError("it cannot be read as an image: {state}", state=error) from error
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()
