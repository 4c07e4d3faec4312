"""Error rates of comparisons, in the terms of ISO/IEC 19795-1, with confidence intervals.

FMR, the false match rate: the share of impostor pairs whose similarity reaches the threshold. FNMR, the false
non-match rate: the share of genuine pairs whose similarity does not. TAR = 1 - FNMR.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate with the ends of its confidence interval, all in [0, 1]."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class VerificationRate:
    """Accuracy at one false match rate.

    Attributes:
        fmr: the target false match rate.
        threshold: the similarity with that rate.
        fnmr: share of genuine pairs below the threshold, with its interval.
        genuine: number of genuine pairs.
        impostor: number of impostor pairs.
        false_matches: impostor pairs that reach the threshold.
    """

    fmr: float
    threshold: float
    fnmr: Interval
    genuine: int
    impostor: int
    false_matches: int

    @property
    def tar(self) -> float:
        """True accept rate."""
        return 1.0 - self.fnmr.value


def fmr(impostor: ArrayLike, threshold: float) -> float:
    """Share of impostor similarities (any shape) at or above a threshold; nan when there are none."""
    scores = np.asarray(impostor)
    return float(np.mean(scores >= threshold)) if scores.size else math.nan


def fnmr(genuine: ArrayLike, threshold: float) -> float:
    """Share of genuine similarities (any shape) below a threshold; nan when there are none."""
    scores = np.asarray(genuine)
    return float(np.mean(scores < threshold)) if scores.size else math.nan


def threshold_at_fmr(impostor: ArrayLike, target: float) -> float:
    """Return the similarity at which the false match rate is the target.

    With k = target x number of pairs, it is interpolated between the k-th highest impostor similarity and the next by
    the fraction of k. For a whole k it is midway, so exactly k pairs reach it.

    Args:
        impostor: (m,) similarities of pairs of two people, in any order.
        target: in (0, 1).

    Returns:
        The threshold.

    Raises:
        ValueError: the target is outside (0, 1), or m x target < 1: there are too few pairs to estimate the rate.
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"a false match rate must be in (0, 1), not {target}")
    scores = np.asarray(impostor, dtype=np.float64).ravel()
    expected = target * scores.size
    if expected < 1.0 - 1e-9:
        raise ValueError(f"{scores.size} impostor pairs cannot show a false match rate of {target:g}")
    if not np.all(np.isfinite(scores)):
        raise ValueError("similarities must be finite")
    position = expected + 0.5
    upper = math.floor(position)
    highest = scores.size - 1
    first, second = max(0, highest - (upper - 1)), max(0, highest - upper)
    ordered = np.partition(scores, [second, first])
    return float(ordered[first] + (position - upper) * (ordered[second] - ordered[first]))


def wilson(successes: int, trials: int, z: float = 1.96) -> Interval:
    """Return Wilson's score interval of a share; valid only for independent trials.

    Args:
        successes: in [0, trials].
        trials: at least 1.
        z: standard normal quantile; 1.96 gives 95 %.

    Returns:
        The share and its interval (Wilson 1927).

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no share")
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At 0 and at all successes the formula gives the share itself, up to rounding.
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the exact (conservative) interval of a share; valid only for independent trials.

    Args:
        successes: in [0, trials].
        trials: at least 1.
        confidence: in (0, 1).

    Returns:
        The share and its interval (Clopper and Pearson 1934).

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no share")
    tail = (1.0 - confidence) / 2.0

    def at_most(count: int, share: float) -> float:
        """Return the probability of at most `count` successes."""
        first = math.lgamma(trials + 1)
        logs = [
            first
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log(share)
            + (trials - k) * math.log1p(-share)
            for k in range(count + 1)
        ]
        return math.fsum(math.exp(value) for value in logs)

    def solve(count: int, wanted: float) -> float:
        """Return the share at which at most `count` successes have the probability `wanted` (which falls with it)."""
        low, high = 0.0, 1.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(count, middle) > wanted else (low, middle)
        return (low + high) / 2

    lowest = solve(successes - 1, 1.0 - tail) if successes else 0.0
    highest = solve(successes, tail) if successes < trials else 1.0
    return Interval(successes / trials, lowest, highest)


def bootstrap(
    values: ArrayLike,
    identity: ArrayLike,
    *,
    statistic: Callable[[Float64], float] = lambda sample: float(np.mean(sample)),
    rounds: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap that draws identities, not pairs: pairs of one person are not independent.

    Args:
        values: (n,) one value a comparison, e.g. 1.0 for an error.
        identity: (n,) the person of each comparison.
        statistic: statistic of a sample of values; their mean by default.
        rounds: samples drawn.
        confidence: confidence of the interval.
        seed: seed of the random generator.

    Returns:
        The statistic of all values, with its interval.

    Raises:
        ValueError: there are no values, or not one identity for each value.
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    owners = np.asarray(identity).ravel()
    if data.size == 0 or owners.shape != data.shape:
        raise ValueError("a bootstrap needs values, and one identity for each value")
    order = np.argsort(owners, kind="stable")
    _, starts = np.unique(owners[order], return_index=True)
    members = np.split(data[order], starts[1:])
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(members), size=(rounds, len(members)))
    samples = [statistic(np.concatenate([members[i] for i in row])) for row in drawn]
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(samples, [tail, 1.0 - tail])
    return Interval(statistic(data), float(low), float(high))


def verification(
    genuine: ArrayLike, impostor: ArrayLike, target_fmr: float, *, genuine_identity: ArrayLike | None = None
) -> VerificationRate:
    """Measure the accuracy of one-to-one comparison at a false match rate.

    Args:
        genuine: (n,) similarities of pairs of one person.
        impostor: (m,) similarities of pairs of two people.
        target_fmr: false match rate, at least 1 / m.
        genuine_identity: (n,) the person of each pair, for a bootstrap over identities; without it the interval is
            Wilson's.

    Returns:
        Threshold, rates and counts.
    """
    scores = np.asarray(genuine, dtype=np.float64).ravel()
    others = np.asarray(impostor, dtype=np.float64).ravel()
    threshold = threshold_at_fmr(others, target_fmr)
    lost = scores < threshold
    interval = (
        wilson(int(lost.sum()), scores.size)
        if genuine_identity is None
        else bootstrap(lost.astype(np.float64), genuine_identity)
    )
    return VerificationRate(
        target_fmr, threshold, interval, scores.size, others.size, int(np.count_nonzero(others >= threshold))
    )
