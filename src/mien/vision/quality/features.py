"""Eyes, mouth, expression and coverings (ISO/IEC 29794-5, 7.4.3 to 7.4.7, 7.4.12 and 7.4.13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.occlusion import covered
from mien.vision.attributes.smile import smile
from mien.vision.attributes.worn import probability
from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.measures import Measure, QualityScore
from mien.vision.quality.mapping import falling, rising, share_left
from mien.vision.quality.regions import LIPS, eyes_to_chin
from mien.vision.types import Float32

_LIDS: Final = ((160, 144), (159, 145), (158, 153))
"""Mesh vertices of the upper and the lower lid of the eye on the left."""
_HALF_OPEN: Final = (0.035, 0.01)
"""Opening with a score of 50, and the mapping's width. The standard's 0.02 is for ADNet's landmarks; with the iris
network there is a gap between closed lids."""


def eyes_open(plain: Mesh, refined: Mesh) -> QualityScore:
    """Score the opening of the eye that is less open.

    Args:
        plain: the mesh.
        refined: the mesh with irises, whose lids are averages of both networks.
    """
    # The iris network follows closing lids, the mesh hardly does. Undo the average.
    lids = 2 * refined.points - plain.points
    mirror = canonical_mesh().mirror
    sides = [_LIDS, tuple((int(mirror[upper]), int(mirror[lower])) for upper, lower in _LIDS)]
    openings = [max(_gap(lids, pair) for pair in pairs) for pairs in sides]
    return rising(min(openings) / max(1e-6, eyes_to_chin(plain.points)), *_HALF_OPEN)


def mouth_closed(mesh: Mesh) -> QualityScore:
    """Score the gap between the lips."""
    opening = max(_gap(mesh.points, pair) for pair in LIPS)
    return falling(opening / max(1e-6, eyes_to_chin(mesh.points)), 0.2, 0.06)


def of_networks(context: FaceContext) -> Iterator[tuple[Measure, QualityScore]]:
    """Yield the measures estimated by heads: occlusion of eyes, mouth and face, headwear, and smile."""
    hidden = covered(context)
    yield Measure.EYES_VISIBLE, share_left(hidden["eye"])
    yield Measure.MOUTH_OCCLUSION, share_left(hidden["mouth"])
    yield Measure.FACE_OCCLUSION, share_left(float(np.mean([hidden[name] for name in ("forehead", "eye", "mouth")])))
    yield Measure.HEAD_COVERINGS, share_left(probability("headwear", context))
    yield Measure.EXPRESSION, share_left(min(1.0, max(0.0, smile(context))))


def _gap(points: Float32, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[0], :2] - points[pair[1], :2]))
