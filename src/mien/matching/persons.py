"""Scores of persons with several faces, and one template for several photos of the same face.

A person is more than their best photo: the mean of their templates shows less of what is particular to each photo. The
mean of unit vectors is shorter than 1, the less alike the photos are. Scaled to length 1 it would match strangers ten
times as often as a single template does; unscaled it would match the person too rarely. Scaled to the power 0.55 of
its length, a person of two, three or four photos matches strangers as often as one template does, so the same
threshold serves, and a gallery counts persons, not faces.

One very similar photo is enough, too: a person's photos may be of different decades. A face alone counts with a
distance (1 - similarity) that is a tenth longer, which is worth about one factor of ten in the false match rate.

docs/accuracy.md has what this gives (bench/recognition.py).

The same serves the faces of one track of a video.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

POWER: Final = 0.55
"""To which power the length of the mean counts."""

ALONE: Final = 1.1
"""How many times as far a face is when it counts alone."""


def person_template(templates: NDArray[Any]) -> Float32:
    """Fuse several templates of one person.

    Args:
        templates: float32 (n, d), n >= 1, unit rows of one recogniser.

    Returns:
        float32 (d,): the mean of the rows scaled to the power `POWER` of its length, at most 1 long. One row is
        returned as it is.

    Raises:
        ValueError: there are no rows.
    """
    if templates.ndim != 2 or not len(templates):
        raise ValueError(f"a person needs templates (n, d), not {templates.shape}")
    if len(templates) == 1:
        return np.asarray(templates[0], np.float32)
    mean = templates.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean * length ** (POWER - 1.0) if length > 0.0 else mean, np.float32)


def scores_of_persons(probes: NDArray[Any], templates: NDArray[Any], first_rows: NDArray[Any]) -> Float32:
    """How alike probes and several persons are; what `person_scores` gives for each of them.

    Args:
        probes: float32 (p, d), unit rows.
        templates: float32 (n, d), n >= 1, unit rows: all faces of all persons, one person after the other.
        first_rows: int (k,), k >= 1, ascending from 0: where each person's rows begin.

    Returns:
        float32 (p, k) in [-1, 1].
    """
    exact, rows = probes.astype(np.float64), templates.astype(np.float64)
    counts = np.diff(first_rows, append=len(rows))
    similar = exact @ rows.T
    best = np.maximum.reduceat(similar, first_rows, axis=1)
    # The probe with the mean is the mean of the probe with each.
    means = np.add.reduceat(rows, first_rows, axis=0) / counts[:, None]
    lengths = np.linalg.norm(means, axis=1)
    scale = np.where(lengths > 0.0, np.maximum(lengths, np.finfo(np.float64).tiny) ** (POWER - 1.0), 1.0)
    fused = exact @ (means * scale[:, None]).astype(np.float32).astype(np.float64).T
    several = np.maximum(fused, 1.0 - ALONE * (1.0 - best))
    return np.clip(np.where(counts > 1, several, best), -1.0, 1.0).astype(np.float32)


def person_scores(probes: NDArray[Any], templates: NDArray[Any]) -> Float32:
    """How alike probes and one person are.

    Args:
        probes: float32 (p, d), unit rows.
        templates: float32 (n, d), n >= 1, unit rows: all faces of the person.

    Returns:
        float32 (p,) in [-1, 1]: the similarity with the fused template or that with the most similar face, which then
        counts as a tenth farther, whichever is higher. The similarity itself if there is one face.

    Raises:
        ValueError: there are no templates.
    """
    exact = probes.astype(np.float64)
    fused = exact @ person_template(templates).astype(np.float64)
    if len(templates) > 1:
        best = (exact @ templates.astype(np.float64).T).max(axis=1)
        fused = np.maximum(fused, 1.0 - ALONE * (1.0 - best))
    return np.clip(fused, -1.0, 1.0).astype(np.float32)
