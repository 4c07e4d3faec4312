"""Convert between the cosine similarity of two templates and the contract's confidence.

Each recogniser (fingerprint) has its own calibration. Confidence is exactly 0.5 at the operating point, the similarity
from which two faces count as the same person. Verify, identify, find-similar and group all decide there.

Between `LOWEST_STEP` and `HIGHEST_STEP`, each tenth of confidence is a factor of ten in the false match rate:

| confidence | false match rate | | confidence | false match rate |
|---|---|---|---|---|
| 0.2 | 1e-1 | | 0.6 | 1e-5 |
| 0.3 | 1e-2 | | 0.7 | 1e-6 (extrapolated) |
| 0.4 | 1e-3 | | 0.8 | 1e-7 (extrapolated) |
| 0.5 | 1e-4 | | 0.9 | 1e-8 (extrapolated) |

Above 0.9 confidence is linear in the similarity, up to 1.0 for identical templates; below 0.2 it is linear down to 0 at
similarity -1. The table is for an operating point at a false match rate of 1e-4, as in all built-in packs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Final, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.matching.rates import threshold_at_fmr

Float64 = NDArray[np.float64]

DEFAULT_FMR: Final = 1e-4
"""The false match rate of an operating point whose rate is unknown."""

LOWEST_STEP: Final = 0.2
HIGHEST_STEP: Final = 0.9
"""Between these confidences a tenth is a factor of ten in the false match rate."""

_ASSUMED_TAIL: Final = 14.0
"""An unmeasured tail is this divided by the threshold. A normal distribution around 0 would have 14.7 at FMR 1e-4."""

_MIN_PAIRS: Final = 20
"""Levels are measured only for false match rates that at least this many impostor pairs reach."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone curve through (threshold, 0.5).

    Attributes:
        threshold: cosine similarity of the operating point, in (-1, 1).
        fmr: the false match rate that the threshold was set for; None if unknown, which counts as 1e-4.
        tail: slope beyond the last measured level: the false match rate falls by a factor of e for every 1 / tail of
            similarity; None if not measured.
        levels: measured (false match rate, similarity) pairs.

    Example:
        >>> calibration = Calibration(threshold=0.76, fmr=1e-4, tail=100.0)
        >>> calibration.confidence(0.76), calibration.confidence(1.0)
        (0.5, 1.0)
    """

    threshold: float
    fmr: float | None = None
    tail: float | None = None
    levels: tuple[tuple[float, float], ...] = ()
    _similarities: Float64 = field(init=False, repr=False, compare=False)
    _confidences: Float64 = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not -1.0 < self.threshold < 1.0:
            raise ValueError(f"the threshold must be in (-1, 1), not {self.threshold}")
        if self.tail is not None and not (math.isfinite(self.tail) and self.tail > 0.0):
            raise ValueError(f"the tail must be positive, not {self.tail}")
        if self.fmr is not None and not 0.0 < self.fmr < 1.0:
            raise ValueError(f"a false match rate must be in (0, 1), not {self.fmr}")
        ordered = sorted(self.levels, reverse=True)
        alike = [similarity for _, similarity in ordered]
        if any(not 0.0 < rate < 1.0 for rate, _ in ordered) or any(not low < high for low, high in pairwise(alike)):
            raise ValueError("the levels must be false match rates in (0, 1) whose similarities grow as the rates fall")
        object.__setattr__(self, "levels", tuple((float(rate), float(similarity)) for rate, similarity in ordered))
        similarities, confidences = _knots(self)
        object.__setattr__(self, "_similarities", similarities)
        object.__setattr__(self, "_confidences", confidences)

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Self:
        """Return a calibration from stored or stated values, as `stated` returns them; others are ignored."""
        return cls(**{one.name: stated[one.name] for one in fields(cls) if one.init and one.name in stated})

    def stated(self) -> dict[str, Any]:
        """Return the values that determine the curve, to be stored."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    @overload
    def confidence(self, similarity: float) -> float: ...
    @overload
    def confidence(self, similarity: NDArray[np.floating]) -> Float64: ...
    def confidence(self, similarity: float | NDArray[np.floating]) -> float | Float64:
        """Map similarities to confidences.

        Args:
            similarity: cosine similarity in [-1, 1], a number or an array of any shape.

        Returns:
            Confidence in [0, 1], of the same shape; 0.5 exactly at the threshold, 1.0 at similarity 1.
        """
        value = np.interp(np.asarray(similarity, dtype=np.float64), self._similarities, self._confidences)
        return float(value) if np.ndim(value) == 0 else np.asarray(value)

    def similarity(self, confidence: float) -> float:
        """Return the lowest similarity that has a confidence; a search may leave out everything below.

        Args:
            confidence: in [0, 1], for example a caller's confidenceThreshold.

        Returns:
            A cosine similarity in [-1, 1].

        Raises:
            ValueError: the confidence is outside [0, 1].
        """
        if not 0.0 <= confidence <= 1.0:
            raise ValueError(f"a confidence must be in [0, 1], not {confidence}")
        return float(np.interp(confidence, self._confidences, self._similarities))

    def stricter(self, factor: float) -> Calibration:
        """Return a calibration for people whose false match rates are `factor` times as high.

        Its operating point is where the false match rate of this calibration is `factor` times lower.

        Args:
            factor: at least 1.
        """
        operating = self.fmr or DEFAULT_FMR
        threshold = min(self.similarity_at_fmr(operating / factor), 1.0 - _MIN_STEP)
        levels = tuple((rate * factor, similarity) for rate, similarity in self.levels if rate * factor < 1.0)
        return Calibration(threshold, operating, self.tail, levels)

    def similarity_at_fmr(self, fmr: float) -> float:
        """Return the similarity with a false match rate.

        Interpolates between measured levels by the logarithm of the rate, and extrapolates along the tail.

        Args:
            fmr: false match rate, in (0, 1).

        Returns:
            A cosine similarity in [-1, 1].
        """
        operating = (self.fmr or DEFAULT_FMR, self.threshold)
        known = [level for level in self.levels if level[0] != operating[0]] + [operating]
        known.sort(reverse=True)
        rates = -np.log([rate for rate, _ in known])
        alike = [similarity for _, similarity in known]
        wanted = -math.log(fmr)
        tail = self.tail or _ASSUMED_TAIL / max(self.threshold, 0.1)
        if wanted > rates[-1]:
            return min(1.0, alike[-1] + (wanted - float(rates[-1])) / tail)
        if wanted < rates[0]:
            return max(-1.0, alike[0] - (float(rates[0]) - wanted) / tail)
        return float(np.interp(wanted, rates, alike))


def _knots(calibration: Calibration) -> tuple[Float64, Float64]:
    """Return the similarities and confidences, both strictly ascending, of the piecewise linear curve."""
    points = [(-1.0, 0.0)]
    operating = calibration.fmr or DEFAULT_FMR
    for tenth in range(round(10 * LOWEST_STEP), round(10 * HIGHEST_STEP) + 1):
        confidence = tenth / 10
        if tenth == 5:
            points.append((calibration.threshold, 0.5))
        elif (rate := operating * 10.0 ** (5 - tenth)) < 1.0:
            points.append((calibration.similarity_at_fmr(rate), confidence))
    kept = [points[0]]
    for similarity, confidence in points[1:]:
        # A steep tail can reach 1 before the last rates, a flat one -1 before the first; such knots are left out.
        if kept[-1][0] + _MIN_STEP < similarity < 1.0 - _MIN_STEP or confidence == 0.5:
            kept.append((similarity, confidence))
    kept.append((1.0, 1.0))
    return np.array([point[0] for point in kept]), np.array([point[1] for point in kept])


_MIN_STEP: Final = 1e-4


def fit(impostor: ArrayLike, target_fmr: float = DEFAULT_FMR) -> Calibration:
    """Measure a calibration on impostor pairs.

    The threshold is where the false match rate is the target (see `rates.threshold_at_fmr`). Levels are measured at 0.5
    and at powers of ten, down to the rate that 20 pairs reach. The tail is a tenth flatter than measured, so that
    extrapolated thresholds err on the strict side.

    Args:
        impostor: (m,) similarities of pairs of two people.
        target_fmr: false match rate of the operating point.

    Returns:
        The calibration, with `fmr` the target. It has no tail if no level is beyond the operating point.

    Raises:
        ValueError: there are too few impostor pairs for the target.
    """
    scores = np.asarray(impostor, dtype=np.float64).ravel()
    threshold = threshold_at_fmr(scores, target_fmr)
    rates = [0.5, *(10.0**-power for power in range(1, 12))]
    levels = {rate: threshold_at_fmr(scores, rate) for rate in rates if rate * scores.size >= _MIN_PAIRS}
    levels[target_fmr] = threshold
    ordered = sorted(levels.items(), reverse=True)
    (first, low), (last, high) = (target_fmr, threshold), ordered[-1]
    tail = None
    if last < first and high > low:
        tail = 0.9 * math.log(first / last) / (high - low)
    return Calibration(threshold, target_fmr, tail, tuple(ordered))
