"""Scores of persons with several faces, and one template for several photos of the same face.

The mean of a person's templates depends less on the particulars of each photo than their best photo does. The less
alike the photos are, the shorter the mean. Scaled to length 1, it would match strangers ten times as often as a single
template; unscaled, it would match the person too rarely. Scaled to its length to the power 0.55, a person with two,
three or four photos matches strangers as often as one template does, so the same threshold applies, and the size of a
gallery is its number of persons, not faces.

One very similar photo is enough, too, because a person's photos may be decades apart. A single face counts with a
distance (1 - similarity) 10 % longer, about a factor of ten in the false match rate.

docs/accuracy.md has the measurements (bench/recognition.py). The same functions fuse the faces of one track of a video.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

MEAN_LENGTH_POWER: Final = 0.55
"""The mean is scaled to its own length to this power."""

SINGLE_FACE_PENALTY: Final = 1.1
"""Factor on the distance of a single face of a person with several."""


def person_template(templates: NDArray[Any]) -> Float32:
    """Fuse several templates of one person.

    Args:
        templates: float32 (n, d), n >= 1, unit rows of one recogniser.

    Returns:
        float32 (d,): the mean of the rows, scaled to its length to the power `MEAN_LENGTH_POWER`, which is at most 1.
        One row is returned unchanged.

    Raises:
        ValueError: there are no rows.
    """
    if templates.ndim != 2 or not len(templates):
        raise ValueError(f"a person needs templates (n, d), not {templates.shape}")
    if len(templates) == 1:
        return np.asarray(templates[0], np.float32)
    mean = templates.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean * length ** (MEAN_LENGTH_POWER - 1.0) if length > 0.0 else mean, np.float32)


def scores_of_persons(probes: NDArray[Any], templates: NDArray[Any], first_rows: NDArray[Any]) -> Float32:
    """Score probes against several persons at once; equals `person_scores` for each person.

    Args:
        probes: float32 (p, d), unit rows.
        templates: float32 (n, d), n >= 1, unit rows: all faces of all persons, one person after the other.
        first_rows: int (k,), k >= 1, ascending from 0: the first row of each person.

    Returns:
        float32 (p, k) in [-1, 1].
    """
    exact, rows = probes.astype(np.float64), templates.astype(np.float64)
    counts = np.diff(first_rows, append=len(rows))
    similar = exact @ rows.T
    best = np.maximum.reduceat(similar, first_rows, axis=1)
    # One product with each person's mean replaces the products with all of its templates.
    means = np.add.reduceat(rows, first_rows, axis=0) / counts[:, None]
    lengths = np.linalg.norm(means, axis=1)
    scale = np.where(lengths > 0.0, np.maximum(lengths, np.finfo(np.float64).tiny) ** (MEAN_LENGTH_POWER - 1.0), 1.0)
    fused = exact @ (means * scale[:, None]).astype(np.float32).astype(np.float64).T
    several = np.maximum(fused, 1.0 - SINGLE_FACE_PENALTY * (1.0 - best))
    return np.clip(np.where(counts > 1, several, best), -1.0, 1.0).astype(np.float32)


def person_scores(probes: NDArray[Any], templates: NDArray[Any]) -> Float32:
    """Score probes against one person.

    Args:
        probes: float32 (p, d), unit rows.
        templates: float32 (n, d), n >= 1, unit rows: all faces of the person.

    Returns:
        float32 (p,) in [-1, 1]: the similarity to the fused template or to the most similar face with its distance
        times `SINGLE_FACE_PENALTY`, whichever is higher. The plain similarity if there is only one face.

    Raises:
        ValueError: there are no templates.
    """
    exact = probes.astype(np.float64)
    fused = exact @ person_template(templates).astype(np.float64)
    if len(templates) > 1:
        best = (exact @ templates.astype(np.float64).T).max(axis=1)
        fused = np.maximum(fused, 1.0 - SINGLE_FACE_PENALTY * (1.0 - best))
    return np.clip(fused, -1.0, 1.0).astype(np.float32)
