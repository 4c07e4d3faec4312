"""Score normalisation: faces that resemble many people need a higher similarity to count as the same person.

A recogniser places faces of people who were rare in its training data (small children, women of some regions) close
together, so one similarity threshold gives them many more false matches. The crowding around a face can be measured:
its cohort similarity m is the highest inner product with a set of averages over twelve people each. The score of two
faces should fall with the cohort similarity of both.

The usual score, `s(a, b) - m(a) - m(b)`, is not an inner product of two templates. Here the cohort similarity becomes
an additional coordinate instead: the unit vector x is shortened to length u, and the new coordinate restores the length
to 1. The cosine of two such templates is

    u(a) u(b) s(a, b) + sqrt((1 - u(a)²) (1 - u(b)²)),

so 1 - cosine is u(a) u(b) (1 - s(a, b)) for faces of equal u, and larger otherwise. Faces in crowded regions have a
larger u, so their distance counts more. Templates remain unit vectors compared by cosine: search, grouping and storage
need no change, and a photo compared with itself still scores 1.

Degraded photos (blurred, shaken, blocky) crowd together too, whoever they show. The cohort therefore also has averages
of such photos, and strangers whose photos are degraded in the same way need a higher similarity to match.

Source: the cohort follows adaptive score normalisation of speaker recognition (Matějka and others, "Analysis of score
normalization in multilingual speaker recognition", Interspeech 2017); scaling distances by local density follows
Zelnik-Manor and Perona, "Self-tuning spectral clustering", NIPS 2004. docs/decisions/0120 has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

PEOPLE_IN_AN_AVERAGE: Final = 12
"""Each vector of a cohort is the mean over this many people, so it is nobody's template."""

AVERAGES: Final = 64
"""How many averages of clear photos a cohort has."""

AVERAGES_SPOILT: Final = 2
"""How many averages a cohort has for each way of degrading photos."""

PEOPLE_IN_A_SPOILT_AVERAGE: Final = 48
"""Averages of degraded photos are over more people. Over twelve they are also near blurred photos that still match
their person, and LFW's true match rate at 1e-4 falls from .986 to .982; over 48 it does not."""

_LONGEST: Final = 0.99
"""The largest u, so that some length always remains for the additional coordinate."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Turns a recogniser's unit vectors into normalised templates.

    u = scale · exp(gain · (max(m, floor) - floor)), at most 0.99, where m is the cohort similarity.

    Attributes:
        cohort: float32 (k, d), means of unit vectors over several people each, not scaled to length 1.
        floor: cohort similarity up to which u is constant; most faces of adults in press photos are below.
        gain: how fast u grows with the cohort similarity above the floor.
        scale: u up to the floor, in (0, 0.99]. It only stretches the range of the cosine.
    """

    cohort: Float32
    floor: float
    gain: float
    scale: float

    def __post_init__(self) -> None:
        if self.cohort.ndim != 2 or not len(self.cohort):
            raise ValueError(f"a cohort must be (k, d), not {self.cohort.shape}")
        if not (self.gain >= 0.0 and 0.0 < self.scale <= _LONGEST and math.isfinite(self.floor)):
            raise ValueError("gain must not be negative, scale must be in (0, 0.99], floor must be finite")

    @property
    def dimension(self) -> int:
        """Length of a template: the length of the recogniser's vector plus one."""
        return int(self.cohort.shape[1]) + 1

    def cohort_similarity(self, vectors: NDArray[Any]) -> Float32:
        """Return m, float32 (n,), of unit vectors, float32 (n, d)."""
        product: Float32 = vectors.astype(np.float32, copy=False) @ self.cohort.T
        return np.asarray(product.max(axis=1), np.float32)

    def apply(self, vectors: NDArray[Any]) -> Float32:
        """Turn the recogniser's vectors into templates.

        Args:
            vectors: float32 (n, d), unit rows; rows of zeros for faces that could not be read.

        Returns:
            float32 (n, d + 1), unit rows; rows of zeros remain zeros.

        Raises:
            ValueError: the vectors and the cohort differ in length.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.cohort.shape[1]:
            raise ValueError(f"vectors of shape {vectors.shape} do not fit a cohort of shape {self.cohort.shape}")
        excess = np.maximum(self.cohort_similarity(vectors) - np.float32(self.floor), np.float32(0.0))
        u = np.minimum(self.scale * np.exp(self.gain * excess.astype(np.float64)), _LONGEST)[:, None]
        joined = np.empty((len(vectors), self.dimension))
        np.multiply(u, vectors, out=joined[:, :-1])
        joined[:, -1:] = np.sqrt(1.0 - u * u) * vectors.any(axis=1, keepdims=True)
        return _spread(joined)


def _spread(vectors: NDArray[np.float64]) -> Float32:
    """Reflect (Householder) the last axis onto the diagonal, and scale to length 1.

    The last coordinate is much larger than the others, which would cost the search's 8-bit integers precision. The
    reflection spreads it over all coordinates and keeps every cosine.
    """
    mirror = _mirror(vectors.shape[1])
    turned = vectors - (2.0 * (vectors @ mirror))[:, None] * mirror
    lengths = np.sqrt(np.add.reduce(turned * turned, axis=1, keepdims=True))
    turned /= np.maximum(lengths, 1e-12)
    return turned.astype(np.float32)


@cache
def _mirror(d: int) -> NDArray[np.float64]:
    """Return the unit normal, float64 (d,), of the reflection that maps the last axis onto the diagonal."""
    mirror = np.full(d, -1.0 / math.sqrt(d))
    mirror[-1] += 1.0
    mirror /= np.linalg.norm(mirror)
    return mirror


def build_cohort(clear: NDArray[Any], degraded: Sequence[NDArray[Any]]) -> Float32:
    """Build a cohort: averages of clear photos, and of photos degraded in several ways.

    Args:
        clear: float32 (n, d), one unit row a person; rows of zeros (faces that could not be read) are left out.
        degraded: for each way of degrading photos, float32 (m, d) as `clear`.

    Returns:
        float32 (k, d), see `averages`.

    Raises:
        ValueError: there are too few people.
    """

    def read(vectors: NDArray[Any]) -> NDArray[Any]:
        return vectors[np.any(vectors, axis=1)]

    parts = [averages(read(clear), AVERAGES)]
    for rows in map(read, degraded):
        people = max(PEOPLE_IN_AN_AVERAGE, min(PEOPLE_IN_A_SPOILT_AVERAGE, len(rows)))
        parts += [averages(rows, AVERAGES_SPOILT, people)]
    return np.concatenate(parts)


def averages(vectors: NDArray[Any], count: int, people: int = PEOPLE_IN_AN_AVERAGE) -> Float32:
    """Return averages over neighbours, chosen to be as different from each other as possible.

    For each person, the vectors of the `people` nearest persons (including themselves) are averaged without scaling, so
    the mean of people who are close together is long. The longest mean is chosen first, then repeatedly the one least
    similar to all chosen so far.

    Args:
        vectors: float32 (n, d), one unit row a person.
        count: how many averages, at most n.
        people: number of persons in an average.

    Returns:
        float32 (count, d).

    Raises:
        ValueError: there are fewer people than `count` or `people`.
    """
    if len(vectors) < max(count, people):
        raise ValueError(f"{len(vectors)} people are too few for {count} averages of {people}")
    rows = vectors.astype(np.float32, copy=False)
    nearest = np.argsort(-(rows @ rows.T), axis=1, kind="stable")[:, :people]
    means = rows[nearest].mean(axis=1)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    directions = means / np.maximum(lengths, 1e-12)
    chosen = [int(np.argmax(lengths))]
    likeness = directions @ directions[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(np.argmin(likeness)))
        likeness = np.maximum(likeness, directions @ directions[chosen[-1]])
    return np.asarray(means[chosen], np.float32)
