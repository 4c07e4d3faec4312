"""Telling people's faces from what looks like one: animals, dolls' heads, leaves.

The detector's score does not: animals have up to .88, people in the background down to .6. EfficientNet-lite0 learnt to
tell animals apart, so small heads on its maps do (`tools/train_people.py`, `bench/nonfaces.py`). Only faces below
`SURE` are asked about. A glance at the face as it was found answers for nine in ten of people's; what it leaves open is
read upright and looked at in a finer crop, which takes six times as long.
"""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head

SURE = 0.9
"""Detector score, of the search or of an upright look, from which a face is a person's: no animal's had more."""


def is_clearly_person(context: FaceContext) -> bool:
    """Return whether a doubtful face, as it was found, is so clearly a person's that it need not be read for that."""
    head = load_head("person_glance")
    return float(head(context)[0]) >= head.thresholds["least"]


def is_person(context: FaceContext) -> bool:
    """Return whether a doubtful face is a person's, as it is read upright, or too blurred to say so."""
    head = load_head("person")
    return float(head(context)[0]) >= head.thresholds["least"]
