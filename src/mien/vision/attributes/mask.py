"""Mask: a head on EfficientNet-lite0's maps of the lower face.

No public training set distinguishes medical masks from scarves and hands, so the type is reported only on strong
evidence: `faceMask` for masks like those of the training photos, `noMask` for the opposite. In between it is
`otherMaskOrOcclusion` if something else covers the mouth, else `uncertain`.
"""

from __future__ import annotations

from mien.contract.attributes import MaskType
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.occlusion import mouth_covered
from mien.vision.types import Mask


def mask(context: FaceContext) -> Mask:
    """Estimate the mask.

    Returns:
        The mask's type, and whether it covers nose and mouth; False without a mask.
    """
    head = load_head("mask")
    present, nose = (float(value) for value in head(context))
    worn, absent = head.thresholds["mask"], head.thresholds["no_mask"]
    if present >= worn:
        return Mask(MaskType.FACE_MASK, nose_and_mouth_covered=nose >= head.thresholds["nose_covered"])
    if present < absent:
        return Mask(MaskType.NONE, nose_and_mouth_covered=False)
    kind = MaskType.OTHER if mouth_covered(context) else MaskType.UNCERTAIN
    return Mask(kind, nose_and_mouth_covered=False)
