"""What is worn: glasses, and the accessories headwear, glasses and mask."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.mask import mask
from mien.vision.types import Accessory, GlassesType, MaskType


def glasses(context: FaceContext) -> GlassesType:
    """Tell glasses with clear lenses from dark ones and from none.

    Swimming goggles are never reported: two pairs in 1,500 photos are not enough to learn them; both came out as
    sunglasses or glasses.
    """
    if not _present("glasses", context):
        return GlassesType.NONE
    return GlassesType.SUN if _present("sunglasses", context) else GlassesType.READING


def accessories(context: FaceContext) -> tuple[Accessory, ...]:
    """List what is worn on head, eyes and mouth, with a confidence in [0, 1]: headwear, glasses, mask.

    The confidence of the first two is calibrated for a wearer and a non-wearer being equally likely beforehand, and
    they are listed from 0.5 on; a mask is listed when the attribute `mask` says that there is one.
    """
    worn = (
        ("headWear", probability("headwear", context)),
        ("glasses", probability("glasses", context)),
    )
    listed = [Accessory(name, round(confidence, 2)) for name, confidence in worn if confidence >= 0.5]
    if mask(context).type is MaskType.FACE_MASK:
        listed.append(Accessory("mask", round(float(load_head("mask")(context)[0]), 2)))
    return tuple(listed)


def probability(head: str, context: FaceContext) -> float:
    """Evaluate a yes/no head: how likely it is in [0, 1], a priori odds being even."""
    return float(load_head(head)(context)[0])


def _present(head: str, context: FaceContext) -> bool:
    return probability(head, context) >= load_head(head).thresholds["present"]
