"""Scores with known truth: people differ in how well they match themselves and how often strangers match them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

NORMAL = NormalDist()


@dataclass(frozen=True)
class Truth:
    """A population of people.

    Attributes:
        people: how many are drawn.
        photos: genuine comparisons of each.
        fnmr: true false non-match rate at the threshold.
        fmr: true false match rate at the threshold.
        spread: standard deviation of a person's own effect, where a comparison's own is 1. Of the faces of LFW it is
            0.22 for strangers (a person's share of the variance is 4.3 %).
    """

    people: int
    photos: int = 3
    fnmr: float = 0.02
    fmr: float = 0.001
    spread: float = 0.22

    @property
    def owners(self) -> NDArray[np.intp]:
        return np.stack(np.triu_indices(self.people, 1), axis=1)

    @property
    def owner(self) -> NDArray[np.intp]:
        return np.repeat(np.arange(self.people), self.photos)

    def genuine_errors(self, random: np.random.Generator) -> NDArray[np.bool_]:
        """Which comparisons of one person fail."""
        threshold = NORMAL.inv_cdf(self.fnmr) * np.sqrt(self.spread**2 + 1)
        effect = random.normal(0, self.spread, self.people)[self.owner]
        return np.asarray(effect + random.normal(size=len(self.owner)) < threshold)

    def impostor_errors(self, random: np.random.Generator, owners: NDArray[np.intp]) -> NDArray[np.float64]:
        """Which comparisons of two people match."""
        threshold = -NORMAL.inv_cdf(self.fmr) * np.sqrt(2 * self.spread**2 + 1)
        effect = random.normal(0, self.spread, self.people)
        scores = effect[owners[:, 0]] + effect[owners[:, 1]] + random.normal(size=len(owners))
        return np.asarray(scores >= threshold, np.float64)
