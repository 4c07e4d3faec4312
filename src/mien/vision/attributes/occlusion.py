"""Occlusion: heads on EfficientNet-lite0's maps of forehead, eyes and mouth, trained on drawn coverings."""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.types import Occlusion


def occlusion(context: FaceContext) -> Occlusion:
    """Say which parts of a face are covered by something: a cap, a fringe, sunglasses, a hand, a mask.

    An eye counts as covered when one of the two is; ordinary glasses, beards and moustaches do not cover.
    """
    head = load_head("occlusion")
    values = dict(zip(head.classes, head(context), strict=True))
    covered = {name: float(value) >= head.thresholds[name] for name, value in values.items()}
    return Occlusion(forehead=covered["forehead"], eye=covered["eye"], mouth=covered["mouth"])


def mouth_covered(context: FaceContext) -> bool:
    """Whether something hides the mouth."""
    return occlusion(context).mouth
