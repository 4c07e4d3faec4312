"""Telling people's faces from what looks like one: animals, dolls' heads, leaves.

The detector's score does not: animals have up to .88, people in the background down to .6. EfficientNet-lite0 learnt to
tell animals apart, so a small head on its maps does (`tools/train_people.py`, `bench/nonfaces.py`). It takes as long as
a template, so only faces below `SURE` are asked about: one in thirty of the main faces of press photos.
"""

from __future__ import annotations

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head

SURE = 0.9
"""Detector score, of the search or of an upright look, from which a face is a person's: no animal's had more."""


def is_person(context: FaceContext) -> bool:
    """Tell whether a doubtful face is one of a person's, or too blurred to say so."""
    head = load_head("person")
    return float(head(context)[0]) >= head.thresholds["least"]
