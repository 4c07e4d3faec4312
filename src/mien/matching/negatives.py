"""Negatives: lower similarities for probes that resemble a face known not to be the person.

A person's negatives are templates of faces that a reviewer said are somebody else, such as a sibling. A probe nearer to
the person than to every negative keeps its similarity. A probe nearer to a negative loses `WEIGHT` times the
difference, which puts a sibling's photo below the operating point. The threshold thus becomes stricter for this person
and faces like those negatives, and for nobody else.

The result grows with the similarity to the person, falls with the similarity to a negative, and never exceeds the
similarity without negatives. bench/negatives.py measures the effect.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

WEIGHT: Final = 2.0
"""How many times a negative's lead over the person is subtracted from the similarity."""

MARGIN: Final = 0.0
"""How much more similar than the person a negative must be to count."""


def lower_by_negatives(
    similarity: NDArray[Any],
    probes: NDArray[Any],
    negatives: NDArray[Any],
    *,
    margin: float = MARGIN,
    weight: float = WEIGHT,
) -> Float32:
    """Lower the similarities of probes to a person by the person's negatives.

    Args:
        similarity: (p,) in [-1, 1], the similarity of each probe to the person (`person_scores`).
        probes: float32 (p, d), unit rows.
        negatives: float32 (k, d), unit rows of the same recogniser; may be empty.
        margin: how much more similar than the person the nearest negative must be.
        weight: how many times the lead beyond the margin is subtracted, >= 0.

    Returns:
        float32 (p,) in [-1, 1], at most `similarity`.
    """
    given = np.asarray(similarity, np.float64)
    if not len(negatives):
        return np.asarray(given, np.float32)
    nearest = (probes.astype(np.float64) @ negatives.astype(np.float64).T).max(axis=1)
    lead = np.maximum(nearest - given - margin, 0.0)
    return np.asarray(np.clip(given - weight * lead, -1.0, 1.0), np.float32)
