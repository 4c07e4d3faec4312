"""Moustache, beard and sideburns."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.worn import probability
from mien.vision.types import FacialHair


def facial_hair(context: FaceContext) -> FacialHair:
    """Estimate moustache, beard and sideburns in [0, 1].

    The values say how sure it is that there is one, which grows with its length but does not measure it.
    """
    return FacialHair(
        moustache=round(probability("moustache", context), 2),
        beard=round(probability("beard", context), 2),
        sideburns=round(probability("sideburns", context), 2),
    )
