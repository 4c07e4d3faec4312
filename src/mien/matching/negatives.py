"""Person-specific strictness: a probe nearer to a face that is known not to be the person counts as less alike.

A person may have negatives: templates of faces that people said are not them, such as a sibling's. They change nothing
for a probe that is nearer to the person than to every negative. A probe that is nearer to a negative loses `WEIGHT`
times the lead of the negative, so that its similarity falls below the operating point where a sibling's photo was
above it. So a stricter threshold holds for this person against faces like those, and for nobody else.

The result grows with the similarity to the person and falls with that to a negative, never exceeds the similarity
without negatives, and is that similarity if there are none. bench/negatives.py has what it gives.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

WEIGHT: Final = 2.0
"""How many times the lead of a negative is taken off the similarity."""

MARGIN: Final = 0.0
"""How much nearer a negative must be than the person before it counts, in similarity."""


def apart(
    similarity: NDArray[Any],
    probes: NDArray[Any],
    negatives: NDArray[Any],
    *,
    margin: float = MARGIN,
    weight: float = WEIGHT,
) -> Float32:
    """Lower the similarities of probes with a person by the person's negatives.

    Args:
        similarity: (p,) in [-1, 1]: how alike probes and the person are (`person_scores`).
        probes: float32 (p, d), unit rows.
        negatives: float32 (k, d), unit rows of the same recogniser; none changes nothing.
        margin: how much nearer the nearest negative must be.
        weight: how many times its lead beyond the margin is taken off, >= 0.

    Returns:
        float32 (p,) in [-1, 1], at most `similarity`.
    """
    given = np.asarray(similarity, np.float64)
    if not len(negatives):
        return np.asarray(given, np.float32)
    nearest = (probes.astype(np.float64) @ negatives.astype(np.float64).T).max(axis=1)
    lead = np.maximum(nearest - given - margin, 0.0)
    return np.asarray(np.clip(given - weight * lead, -1.0, 1.0), np.float32)
