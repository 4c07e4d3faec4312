"""Glasses and headwear, by binary heads."""

from __future__ import annotations

from mien.contract.attributes import GlassesType
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head


def glasses(context: FaceContext) -> GlassesType:
    """Distinguish clear glasses, sunglasses and none.

    Swimming goggles are never reported: two pairs in 1,500 photos were too few for training; both were classified as
    sunglasses or glasses.
    """
    if not present("glasses", context):
        return GlassesType.NONE
    return GlassesType.SUN if present("sunglasses", context) else GlassesType.READING


def probability(head: str, context: FaceContext) -> float:
    """Return the probability of a yes/no head, in [0, 1], for even prior odds."""
    return float(load_head(head)(context)[0])


def present(head: str, context: FaceContext) -> bool:
    """Return whether a yes/no head reaches its threshold."""
    return probability(head, context) >= load_head(head).thresholds["present"]
