"""Makeup of eyes and lips, by yes/no heads on SFace's middle layers around them."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.worn import present
from mien.vision.types import Makeup


def makeup(context: FaceContext) -> Makeup:
    """Return whether eyes and lips have visible makeup."""
    return Makeup(eye=present("eye_makeup", context), lip=present("lip_makeup", context))
