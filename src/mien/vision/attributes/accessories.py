"""Accessories: headwear, glasses and mask."""

from __future__ import annotations

from mien.contract.attributes import MaskType
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.mask import mask
from mien.vision.attributes.worn import probability
from mien.vision.types import Accessory


def accessories(context: FaceContext) -> tuple[Accessory, ...]:
    """List headwear, glasses and mask, with a confidence in [0, 1].

    The confidences of headwear and glasses are calibrated for even prior odds, and listed from their heads' thresholds
    (headwear 0.7, glasses 0.5). A mask is listed if the attribute `mask` reports one.
    """
    listed = []
    for name, head in (("headWear", "headwear"), ("glasses", "glasses")):
        confidence = probability(head, context)
        if confidence >= load_head(head).thresholds["present"]:
            listed.append(Accessory(name, round(confidence, 2)))
    if mask(context).type is MaskType.FACE_MASK:
        listed.append(Accessory("mask", round(float(load_head("mask")(context)[0]), 2)))
    return tuple(listed)
