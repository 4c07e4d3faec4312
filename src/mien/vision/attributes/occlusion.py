"""Occlusion: heads on EfficientNet-lite0's maps of forehead, eyes and mouth, trained on drawn coverings."""

from __future__ import annotations

from mien.contract.attributes import GlassesType
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.worn import glasses
from mien.vision.types import Occlusion

_EYE_DOUBTFUL = 0.05
"""Above this, eyes that do not count as covered yet are looked at for sunglasses; nine faces in ten are below."""


def occlusion(context: FaceContext) -> Occlusion:
    """Return which parts of a face are covered by something: a cap, a fringe, sunglasses, a hand, a mask.

    An eye counts as covered when one of the two is; ordinary glasses, beards and moustaches do not cover.
    """
    values, borders = covered(context), load_head("occlusion").thresholds
    eye = values["eye"] >= borders["eye"] or (values["eye"] >= _EYE_DOUBTFUL and glasses(context) is GlassesType.SUN)
    return Occlusion(
        forehead=values["forehead"] >= borders["forehead"], eye=eye, mouth=values["mouth"] >= borders["mouth"]
    )


def mouth_covered(context: FaceContext) -> bool:
    """Whether something hides the mouth."""
    return covered(context)["mouth"] >= load_head("occlusion").thresholds["mouth"]


def covered(context: FaceContext) -> dict[str, float]:
    """Return the probabilities in [0, 1] that "forehead", "eye" and "mouth" are covered."""
    head = load_head("occlusion")
    return {name: float(value) for name, value in zip(head.classes, head(context), strict=True)}
