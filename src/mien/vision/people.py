"""Distinguishes people's faces from false detections: animals, dolls' heads, leaves.

The detector's score cannot: animals score up to .88, people in the background down to .6. EfficientNet-lite0 was
trained to distinguish animals, so small heads on its feature maps can (`tools/train_people.py`, `bench/nonfaces.py`).
Only faces that score below `SURE` are checked. A first check of the face as detected accepts nine in ten of people's;
the others are checked upright in a finer crop, which takes six times as long.
"""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head

SURE = 0.9
"""Detection score, of the search or of an upright re-detection, from which a face is a person's: no animal had more."""


def is_clearly_person(context: FaceContext) -> bool:
    """Return whether a doubtful face, as detected, is clearly a person's; otherwise `is_person` decides."""
    head = load_head("person_glance")
    return float(head(context)[0]) >= head.thresholds["least"]


def is_person(context: FaceContext) -> bool:
    """Return whether a doubtful face, read upright, is a person's; true if it is too blurred to decide."""
    head = load_head("person")
    return float(head(context)[0]) >= head.thresholds["least"]
