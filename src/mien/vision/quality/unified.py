"""The unified quality score (ISO/IEC 29794-5, 7.2): predicts how well a face can be recognised.

The standard maps the norm of MagFace's template before normalisation. SFace's norm serves the same purpose (see
`mien.vision.attributes.quality`) and costs nothing if a template is computed anyway.
"""

from __future__ import annotations

from mien.vision.measures import QualityScore
from mien.vision.quality.mapping import rising

_MIDDLE, _WIDTH = 10.0, 1.0


def unified(norm: float) -> QualityScore:
    """Score the norm of an SFace template before normalisation; 0 for an unreadable face."""
    return QualityScore(0.0, 0) if norm <= 0 else rising(norm, _MIDDLE, _WIDTH)
