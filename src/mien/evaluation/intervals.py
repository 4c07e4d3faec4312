"""95 % intervals of error rates whose comparisons share people.

Comparisons of one person are not independent: a person whose photos match badly causes many errors. So the unit is the
person. The variance is in closed form:

* FNMR: people as clusters (`by_person`), the limit of a bootstrap over people.
* FMR: a comparison belongs to two people. A bootstrap that draws people and multiplies their weights counts a pair's
  own variance three times (Owen 2007, "The pigeonhole bootstrap"), so its intervals are too wide. The dyadic variance
  used here (Aronow, Samii, Assenova 2015) counts it once (`Pairs`).

The variance determines an effective number of comparisons for a Wilson interval, which stays in [0, 1] and is skewed
near 0. With fewer than five errors, the exact interval is used if it is wider. Without errors, the upper end is exact
for as many independent trials as there are people (pairs of people): the "rule of three". `bench/intervals.py` measures
the coverage; docs/my-threshold.md states it.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.matching.rates import Interval, clopper_pearson

CONFIDENCE: Final = 0.95
_FEW: Final = 5
"""With fewer errors the exact interval is considered too: it covers at least 95 %, Wilson's only about 90 %."""
_Z: Final = NormalDist().inv_cdf(0.975)


def none_of(trials: float, confidence: float = CONFIDENCE) -> float:
    """Return the upper limit of a rate after no event in independent trials: about 3 / trials for 95 %.

    Args:
        trials: number of trials, > 0.
        confidence: in (0, 1).
    """
    return float(1.0 - (1.0 - confidence) ** (1.0 / trials)) if trials > 0 else 1.0


def by_person(errors: ArrayLike, owner: ArrayLike) -> Interval:
    """Return the rate of errors with its interval over people.

    Args:
        errors: (n,) whether each comparison is an error.
        owner: (n,) index of the person.

    Raises:
        ValueError: there are no comparisons.
    """
    wrong, people = np.asarray(errors, np.float64), np.asarray(owner)
    if not wrong.size:
        raise ValueError("there is nothing to compute a rate of")
    _, place = np.unique(people, return_inverse=True)
    return of_clusters(np.bincount(place, wrong).astype(np.float64), np.bincount(place).astype(np.float64))


def of_clusters(errors: NDArray[np.float64], trials: NDArray[np.float64]) -> Interval:
    """Return the rate of errors of independent clusters, with its interval.

    Args:
        errors: (k,) number of errors of each cluster.
        trials: (k,) number of comparisons of each cluster, > 0.
    """
    total, clusters = float(trials.sum()), len(trials)
    rate = float(errors.sum() / total)
    residual = errors - rate * trials
    variance = float(residual @ residual) / total**2 * clusters / max(1, clusters - 1)
    return _interval(rate, variance, independent=clusters, comparisons=total, degrees=clusters - 1)


class Pairs:
    """Comparisons of two people each, prepared for the intervals of many thresholds.

    Args:
        owners: (m, 2), the lower index first.
        people: number of people.

    Raises:
        ValueError: there are no comparisons.
    """

    def __init__(self, owners: NDArray[np.intp], people: int) -> None:
        if not len(owners):
            raise ValueError("there is nothing to compute a rate of")
        keys, self._place = np.unique(owners[:, 0].astype(np.int64) * people + owners[:, 1], return_inverse=True)
        self._first, self._second = keys // people, keys % people
        self._trials = np.bincount(self._place).astype(np.float64)
        self._people = people
        self.count = len(keys)
        self.comparisons = len(owners)

    def interval(self, errors: NDArray[np.float64]) -> Interval:
        """Return the rate of errors (m,), with its interval."""
        wrong = np.bincount(self._place, errors, minlength=self.count)
        total = float(self._trials.sum())
        rate = float(wrong.sum() / total)
        residual = wrong - rate * self._trials
        of_people = np.bincount(self._first, residual, self._people) + np.bincount(self._second, residual, self._people)
        own = float(residual @ residual)
        shared = float(of_people @ of_people) - own
        seen = len(np.unique(np.concatenate([self._first, self._second])))
        variance = max(shared, own) / total**2 * seen / max(1, seen - 1)
        return _interval(rate, variance, independent=self.count, comparisons=total, degrees=seen - 1)


def _interval(rate: float, variance: float, *, independent: int, comparisons: float, degrees: int) -> Interval:
    if rate <= 0.0:
        return Interval(0.0, 0.0, none_of(independent))
    if rate >= 1.0:
        return Interval(1.0, 1.0 - none_of(independent), 1.0)
    effective = max(1.0, comparisons if variance <= 0.0 else min(comparisons, rate * (1.0 - rate) / variance))
    found = _wilson(rate, effective, student(degrees))
    if min(rate, 1.0 - rate) * effective >= _FEW:
        return found
    trials = max(1, round(effective))
    exact = clopper_pearson(min(trials, max(1, round(rate * effective))), trials)
    return Interval(rate, min(found.low, exact.low), max(found.high, exact.high))


def _wilson(rate: float, trials: float, z: float) -> Interval:
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return Interval(rate, max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half)))


def student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t by Cornish-Fisher expansion; accurate to 0.01 from 4 degrees on."""
    n, z = max(2, degrees), _Z
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
