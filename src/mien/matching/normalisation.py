"""Score normalisation: faces that resemble many people need more likeness to count as the same person.

A recogniser puts the faces of people it saw little of in training (small children, women of some regions) close
together, so that one similarity threshold gives them many more false matches than others. How crowded the place of a
face is can be measured: its cohort similarity m is the highest inner product with a set of averages over twelve people
each. The score of two faces should shrink with the cohort similarity of both.

The usual score, `s(a, b) - m(a) - m(b)`, is no inner product of two templates. Here the cohort similarity becomes one
more coordinate of the template instead: the unit vector x is shortened to length u, and the new coordinate makes up
the length to 1. The cosine of two such templates is

    u(a) u(b) s(a, b) + sqrt((1 - u(a)²) (1 - u(b)²)),

so 1 - cosine is u(a) u(b) (1 - s(a, b)) for faces of equal u, and larger otherwise. Faces in crowded places have a
larger u, so their distance counts more. Templates remain unit vectors that are compared by their cosine: search,
grouping and storage need to know nothing of it, and a photo compared with itself still gives 1.

Photos that say little of a person (blurred, moved, in coarse blocks) crowd together as well, whoever they show, so the
cohort has averages of such photos too: strangers whose photos are spoilt alike then need more likeness to match.

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
"""Each vector of a cohort is the mean over this many people, so that it is no one's template."""

AVERAGES: Final = 64
"""How many averages of clear photos a cohort has."""

AVERAGES_SPOILT: Final = 2
"""How many averages it has of photos that were spoilt in one way."""

PEOPLE_IN_A_SPOILT_AVERAGE: Final = 48
"""Averages of spoilt photos are over more people: over twelve they also lie near blurred photos that still match their
person, and LFW's true match rate at 1e-4 falls from .986 to .982; over 48 it stays."""

_LONGEST: Final = 0.99
"""The largest u: some of the length always remains for the coordinate."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Turns a recogniser's unit vectors into normalised templates.

    u = scale · exp(gain · (max(m, floor) - floor)), at most 0.99, where m is the cohort similarity.

    Attributes:
        cohort: float32 (k, d), means of unit vectors over several people each, not scaled to length 1.
        floor: cohort similarity up to which nothing changes; most faces of adults in press photos are below.
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
        """Length of a template: one more than that of the recogniser's vector."""
        return int(self.cohort.shape[1]) + 1

    def cohort_similarity(self, vectors: NDArray[Any]) -> Float32:
        """Return m, float32 (n,), of unit vectors, float32 (n, d)."""
        product: Float32 = vectors.astype(np.float32, copy=False) @ self.cohort.T
        return np.asarray(product.max(axis=1), np.float32)

    def apply(self, vectors: NDArray[Any]) -> Float32:
        """Normalise.

        Args:
            vectors: float32 (n, d), unit rows of the recogniser; rows of zeros for faces that could not be read.

        Returns:
            float32 (n, d + 1), unit rows; rows of zeros remain zeros.

        Raises:
            ValueError: the vectors are of another length than the cohort's.
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
    """Reflect (Householder) so that the last axis falls on the diagonal, and scale to length 1.

    The last coordinate is much larger than the others. Spread over all of them it costs the search's 8-bit integers
    no precision. A reflection changes no cosine.
    """
    mirror = _mirror(vectors.shape[1])
    turned = vectors - (2.0 * (vectors @ mirror))[:, None] * mirror
    lengths = np.sqrt(np.add.reduce(turned * turned, axis=1, keepdims=True))
    turned /= np.maximum(lengths, 1e-12)
    return turned.astype(np.float32)


@cache
def _mirror(d: int) -> NDArray[np.float64]:
    """Return the unit vector that the last axis of d is reflected along."""
    mirror = np.full(d, -1.0 / math.sqrt(d))
    mirror[-1] += 1.0
    mirror /= np.linalg.norm(mirror)
    return mirror


def build_cohort(clear: NDArray[Any], spoilt: Sequence[NDArray[Any]]) -> Float32:
    """Build a cohort: averages of clear photos, and of photos spoilt in several ways.

    Args:
        clear: float32 (n, d), one unit row a person; rows of zeros, of faces that could not be read, are left out.
        spoilt: for each way of spoiling the rows of such photos, float32 (m, d), as `clear`.

    Returns:
        float32 (k, d), see `averages`.

    Raises:
        ValueError: there are too few people.
    """

    def read(vectors: NDArray[Any]) -> NDArray[Any]:
        return vectors[np.any(vectors, axis=1)]

    parts = [averages(read(clear), AVERAGES)]
    for rows in map(read, spoilt):
        people = max(PEOPLE_IN_AN_AVERAGE, min(PEOPLE_IN_A_SPOILT_AVERAGE, len(rows)))
        parts += [averages(rows, AVERAGES_SPOILT, people)]
    return np.concatenate(parts)


def averages(vectors: NDArray[Any], count: int, people: int = PEOPLE_IN_AN_AVERAGE) -> Float32:
    """Return averages over neighbours, as different from each other as can be.

    For every person the mean of the vectors of the `people` persons nearest to them, themselves included, is taken. It
    is not scaled: the mean of people who are close together is long. Of these means the longest is taken first, then
    each time the one least like all that were taken.

    Args:
        vectors: float32 (n, d), one unit row a person.
        count: how many averages, at most n.
        people: how many persons make an average.

    Returns:
        float32 (count, d).

    Raises:
        ValueError: there are fewer people than that.
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
