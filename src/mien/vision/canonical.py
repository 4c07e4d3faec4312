"""The canonical mesh: the mean face in its neutral pose, and the mirror image of each vertex.

`tools/make_canonical_mesh.py` computed it from photos of several hundred people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.vision.types import Float32

EYE_CORNERS: Final = ((33, 133), (362, 263))
"""Vertices of the corners of the left and the right eye, from left to right."""

LEFT_EYELIDS: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
"""Vertices of the left eye's lids: the first 16 points of the iris network's contour."""


@dataclass(frozen=True)
class CanonicalMesh:
    """The mean face.

    Attributes:
        points: float32 (468, 3), x to the right, y down, z away from the camera; centred, with a root mean square
            distance of 1; symmetric.
        mirror: integers (468,), the vertex on the other side of the face; on the middle line, the vertex itself.
    """

    points: Float32
    mirror: NDArray[np.intp]


@cache
def canonical_mesh() -> CanonicalMesh:
    """Return the canonical mesh of the package; cached."""
    with (resources.files("mien.vision") / "data" / "canonical_mesh.npz").open("rb") as file, np.load(file) as data:
        return CanonicalMesh(data["points"].astype(np.float32), data["mirror"].astype(np.intp))
