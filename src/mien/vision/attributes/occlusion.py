"""Occlusion: heads on EfficientNet-lite0's maps of forehead, eyes and mouth, trained on synthetic occlusions."""

from __future__ import annotations

from mien.contract.attributes import GlassesType
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.worn import glasses
from mien.vision.types import Occlusion

_EYE_DOUBTFUL = 0.05
"""From this probability, eyes not yet counted as covered are checked for sunglasses; nine faces in ten are below."""


def occlusion(context: FaceContext) -> Occlusion:
    """Return which parts of a face are covered, for example by a cap, a fringe, sunglasses, a hand or a mask.

    Eyes count as covered if one of them is. Clear glasses, beards and moustaches do not count.
    """
    values, borders = covered(context), load_head("occlusion").thresholds
    eye = values["eye"] >= borders["eye"] or (values["eye"] >= _EYE_DOUBTFUL and glasses(context) is GlassesType.SUN)
    return Occlusion(
        forehead=values["forehead"] >= borders["forehead"], eye=eye, mouth=values["mouth"] >= borders["mouth"]
    )


def mouth_covered(context: FaceContext) -> bool:
    """Return whether something covers the mouth."""
    return covered(context)["mouth"] >= load_head("occlusion").thresholds["mouth"]


def covered(context: FaceContext) -> dict[str, float]:
    """Return the probabilities in [0, 1] that "forehead", "eye" and "mouth" are covered."""
    head = load_head("occlusion")
    return {name: float(value) for name, value in zip(head.classes, head(context), strict=True)}
