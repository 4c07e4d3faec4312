"""Cosine similarity of templates, which is the inner product because templates are unit vectors."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SAME_IMAGE: Final = 0.995
"""Cosine from which two templates count as from the same picture, possibly re-encoded."""


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the similarity of two templates.

    Args:
        a: float32 (d,), unit length.
        b: float32 (d,), unit length.

    Returns:
        The cosine, clipped to [-1, 1].

    Raises:
        ValueError: the shapes differ or are not (d,).
    """
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"templates of shapes {a.shape} and {b.shape} cannot be compared")
    return float(np.clip(np.dot(a.astype(np.float32), b.astype(np.float32)), -1.0, 1.0))


def cosine_matrix(a: NDArray[Any], b: NDArray[Any]) -> Float32:
    """Return the similarities of every template of one set to every template of another.

    Args:
        a: float32 (n, d), unit rows.
        b: float32 (m, d), unit rows.

    Returns:
        float32 (n, m) in [-1, 1].

    Raises:
        ValueError: an argument is not (rows, d) or the widths differ.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"template sets of shapes {a.shape} and {b.shape} cannot be compared")
    product: Float32 = a.astype(np.float32, copy=False) @ b.astype(np.float32, copy=False).T
    return np.clip(product, np.float32(-1.0), np.float32(1.0), out=product)
