"""Smile: a head on the middle layers of SFace around the mouth."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head


def smile(context: FaceContext) -> float:
    """Estimate how broadly a face smiles.

    Returns:
        0 (no smile) to 1 (broad smile, teeth showing); about .5 is a slight smile with closed lips.
    """
    return float(load_head("smile")(context)[0])
