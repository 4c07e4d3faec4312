"""Whether rates differ by more than chance: p-values, their correction for many comparisons, and power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

ALPHA: Final = 0.05
"""The significance level: a difference with a corrected p-value below it is reported."""

_NORMAL: Final = NormalDist()
_MANY: Final = 10
"""Errors from which the normal approximation is good enough."""


def chance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the two-sided p-value of the difference between two rates.

    Args:
        one: rate and effective number of independent trials of one group.
        other: rate and effective number of independent trials of the other group.

    Returns:
        The p-value of the pooled normal approximation or, with fewer than ten errors in all, of Fisher's exact test.
    """
    (rate1, trials1), (rate2, trials2) = one, other
    errors = rate1 * trials1 + rate2 * trials2
    pooled = errors / (trials1 + trials2)
    if not 0.0 < pooled < 1.0:
        return 1.0
    if min(errors, trials1 + trials2 - errors) < _MANY:
        return _fisher(round(rate1 * trials1), round(trials1), round(rate2 * trials2), round(trials2))
    z = (rate1 - rate2) / math.sqrt(pooled * (1 - pooled) * (1 / trials1 + 1 / trials2))
    return 2 * (1 - _NORMAL.cdf(abs(z)))


def _fisher(errors1: int, trials1: int, errors2: int, trials2: int) -> float:
    total = errors1 + errors2

    def logs(count: int) -> float:
        return _choose(trials1, count) + _choose(trials2, total - count) - _choose(trials1 + trials2, total)

    possible = range(max(0, total - trials2), min(total, trials1) + 1)
    here = logs(errors1)
    return min(1.0, math.fsum(math.exp(logs(count)) for count in possible if logs(count) <= here + 1e-9))


def _choose(trials: int, count: int) -> float:
    return math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)


def holm(chances: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979), in their order."""
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    corrected, highest = [0.0] * len(chances), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, chances[at] * (len(chances) - rank)))
        corrected[at] = highest
    return corrected


def power(rate1: float, rate2: float, people: int, *, comparisons: int = 1) -> float:
    """Return the statistical power to detect a difference of two rates.

    Args:
        rate1: true rate of one group.
        rate2: true rate of the other group.
        people: number of people in each group.
        comparisons: number of comparisons of each person, treated as independent.
    """
    trials = people * comparisons
    mean = (rate1 + rate2) / 2
    under, apart = (
        math.sqrt(2 * mean * (1 - mean) / trials),
        math.sqrt((rate1 * (1 - rate1) + rate2 * (1 - rate2)) / trials),
    )
    return _NORMAL.cdf((abs(rate1 - rate2) - _NORMAL.inv_cdf(1 - ALPHA / 2) * under) / apart)
