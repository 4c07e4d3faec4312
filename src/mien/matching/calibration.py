"""From cosine similarity to the confidence of the contract, and back.

One calibration belongs to one recogniser (by the fingerprint of its weights). Its operating point, the similarity at
which two faces begin to count as the same person, is where confidence is exactly 0.5; verify, identify, find-similar
and group all take their decisions there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.matching.rates import threshold_at_fmr

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic curve through (threshold, 0.5).

    Strictly increasing over [-1, 1]: curves so steep that different similarities would round to the same confidence
    are refused.

    Attributes:
        threshold: cosine similarity of the operating point, in (-1, 1).
        slope: steepness, > 0, per unit of similarity.
        fmr: the false match rate that the threshold was set for, or None when it is not known.
        tail: beyond the threshold the false match rate falls by a factor of e for every 1 / tail of similarity; None
            when nobody measured it.
    """

    threshold: float
    slope: float
    fmr: float | None = None
    tail: float | None = None

    def __post_init__(self) -> None:
        if not -1.0 < self.threshold < 1.0:
            raise ValueError(f"the threshold must lie in (-1, 1), not {self.threshold}")
        if not (math.isfinite(self.slope) and 0.0 < self.slope * (1.0 - self.threshold) <= _STEEPEST * (1.0 + 1e-9)):
            raise ValueError(f"the slope must be positive and at most {_STEEPEST} / (1 - threshold), not {self.slope}")
        if self.tail is not None and not (math.isfinite(self.tail) and self.tail > 0.0):
            raise ValueError(f"the tail must be positive, not {self.tail}")

    @overload
    def confidence(self, similarity: float) -> float: ...
    @overload
    def confidence(self, similarity: NDArray[np.floating]) -> Float64: ...
    def confidence(self, similarity: float | NDArray[np.floating]) -> float | Float64:
        """Map similarities to confidences.

        Args:
            similarity: cosine similarity in [-1, 1], a number or an array of any shape.

        Returns:
            Confidence in (0, 1), of the same shape; 0.5 exactly at the threshold.
        """
        z = self.slope * (np.asarray(similarity, dtype=np.float64) - self.threshold)
        # Written with exp of a negative number only, so that nothing overflows.
        e = np.exp(-np.abs(z))
        value = np.where(z >= 0, 1.0 / (1.0 + e), e / (1.0 + e))
        return float(value) if value.ndim == 0 else value

    def similarity(self, confidence: float) -> float:
        """The similarity at which a confidence is reached; what a search may leave out everything below of.

        Args:
            confidence: in [0, 1], as a caller's confidenceThreshold.

        Returns:
            A cosine similarity clipped to [-1, 1]: -1 when everything reaches the confidence. A confidence that no
            pair reaches gives 1; compare the confidences of what is found, too.

        Raises:
            ValueError: the confidence is outside [0, 1].
        """
        if not 0.0 <= confidence <= 1.0:
            raise ValueError(f"a confidence lies in [0, 1], not {confidence}")
        if confidence in (0.0, 1.0):
            return -1.0 if confidence == 0.0 else 1.0
        value = self.threshold + math.log(confidence / (1.0 - confidence)) / self.slope
        return min(1.0, max(-1.0, value))


# With z = slope x (similarity - threshold) at most 15, a step of one float32 near similarity 1 (6e-8) moves the
# confidence by slope x 6e-8 x e^-15 > 1e-13, which is far above the spacing of doubles near 1 (1e-16).
_STEEPEST = 15.0


def fit(
    genuine: ArrayLike,
    impostor: ArrayLike,
    target_fmr: float = 1e-4,
    *,
    genuine_identity: ArrayLike | None = None,
) -> Calibration:
    """Fit a calibration on labelled comparisons.

    The threshold is where the impostors' false match rate is the target (see `rates.threshold_at_fmr`). The slope is
    that of a logistic regression whose curve is held to 0.5 there, with genuine and impostor pairs weighing the same
    in total, and every identity the same among the genuine ones: whoever has many photos has pairs by the square.

    Args:
        genuine: (n,) similarities of pairs of one person.
        impostor: (m,) similarities of pairs of two people.
        target_fmr: false match rate of the operating point.
        genuine_identity: (n,) who each genuine pair is of; all pairs weigh the same when None.

    Returns:
        The calibration, its `fmr` the target.

    Raises:
        ValueError: there are no genuine pairs, or too few impostor pairs to know a threshold for the target.
    """
    positive = np.asarray(genuine, dtype=np.float64).ravel()
    negative = np.asarray(impostor, dtype=np.float64).ravel()
    if positive.size == 0:
        raise ValueError("a calibration needs genuine pairs")
    threshold = threshold_at_fmr(negative, target_fmr)
    if genuine_identity is None:
        weight = np.full(positive.size, 1.0 / positive.size)
    else:
        _, index, count = np.unique(np.asarray(genuine_identity), return_inverse=True, return_counts=True)
        weight = 1.0 / (count[index] * count.size)
    slope = _fit_slope(positive - threshold, weight, negative - threshold, _STEEPEST / (1.0 - threshold))
    return Calibration(threshold=float(threshold), slope=slope, fmr=target_fmr)


def _fit_slope(positive: Float64, weight: Float64, negative: Float64, steepest: float) -> float:
    """The slope that maximises the weighted log likelihood: the root of its derivative, which only falls."""

    def derivative(slope: float) -> float:
        gain = np.sum(weight * positive / (1.0 + np.exp(np.minimum(slope * positive, 700.0))))
        loss = np.mean(negative / (1.0 + np.exp(np.minimum(-slope * negative, 700.0))))
        return float(gain - loss)

    low, high = 1e-3, steepest
    if derivative(high) >= 0.0:
        return high
    if derivative(low) <= 0.0:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if derivative(middle) > 0.0 else (low, middle)
    return (low + high) / 2
