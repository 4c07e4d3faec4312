"""The unified quality score (ISO/IEC 29794-5, 7.2): how well a face can be recognised, as one number.

The standard maps the length of MagFace's template before normalising. SFace's length tells the same (see
`mien.vision.attributes.quality`) and costs nothing where a template is computed.
"""

from __future__ import annotations

from mien.vision.measures import QualityScore
from mien.vision.quality.mapping import rising

_MIDDLE, _WIDTH = 10.0, 1.0


def unified(norm: float) -> QualityScore:
    """Score the length of an SFace template before normalising; 0 for a face that could not be read."""
    return QualityScore(0.0, 0) if norm <= 0 else rising(norm, _MIDDLE, _WIDTH)
