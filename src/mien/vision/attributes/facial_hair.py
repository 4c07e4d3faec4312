"""Moustache, beard and sideburns."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.worn import probability
from mien.vision.types import FacialHair


def facial_hair(context: FaceContext) -> FacialHair:
    """Estimate moustache, beard and sideburns in [0, 1].

    The values are confidences: they grow with the length of the hair but do not measure it.
    """
    return FacialHair(
        moustache=round(probability("moustache", context), 2),
        beard=round(probability("beard", context), 2),
        sideburns=round(probability("sideburns", context), 2),
    )
