"""Vectors of length 1, as recognisers make them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mien.matching.similarity import Float32


def normalise(vectors: ArrayLike) -> Float32:
    """Scale vectors to length 1.

    Args:
        vectors: (d,) or (n, d), any real type.

    Returns:
        float32 of the same shape; each vector has L2 norm 1 (to float32 precision).

    Raises:
        ValueError: a vector is zero or not finite, so it has no direction.
    """
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    if not np.all(np.isfinite(length)) or np.any(length == 0):
        raise ValueError("a template must be finite and not zero")
    return np.asarray(array / length, dtype=np.float32)
