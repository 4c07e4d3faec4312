"""Verification error rates on an operator's own data: curves, thresholds that the data supports, a calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from mien.evaluation.intervals import Pairs, by_person
from mien.evaluation.openset import IdentificationRate, identification
from mien.evaluation.samples import CAP, Comparisons, Samples, TooFewSamplesError, compare, suspects
from mien.matching import Calibration, fit
from mien.matching.calibration import DEFAULT_FMR
from mien.matching.rates import Interval, fnmr, threshold_at_fmr

TARGETS: Final = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""False match rates to find thresholds for."""
_PAIRS_PER_RATE: Final = 3.0
"""A rate is stated only if the number of pairs of people is at least this times its inverse."""
_POINTS: Final = 60

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RateLevel:
    """The result for one false match rate.

    Attributes:
        fmr: the rate.
        threshold: the corresponding similarity; None if there is too little data.
        measured: share of comparisons of two people that reach the threshold, with its interval.
        fnmr: share of comparisons of one person below the threshold, with its interval.
        people_missing: number of additional people needed to state it; 0 if it is stated.
    """

    fmr: float
    threshold: float | None
    measured: Interval | None
    fnmr: Interval | None
    people_missing: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the curves: the rates at a threshold."""

    threshold: float
    fmr: float
    fnmr: float


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """The rates at a threshold, with their intervals."""

    threshold: float
    fmr: Interval
    fnmr: Interval


@dataclass(frozen=True, slots=True)
class CalibrationRun:
    """The result of a calibration run; contains no templates, and names only in `suspects`, which are not stored.

    Attributes:
        people: number of people with a template.
        photos: number of photos with a template.
        failures: number of photos without a template, by reason.
        genuine: number of comparisons of one person.
        impostor: number of comparisons of two people.
        person_pairs: number of compared pairs of people.
        cap: most photos used of one person.
        levels: the result for each false match rate.
        curve: points of ROC and DET, by descending false match rate.
        current: rates at the threshold in use; None if the recogniser has none.
        calibration: the measured calibration; None if there are too few people for its operating point.
        missing: number of additional people needed for a calibration; 0 if there is one.
        identification: rates by size of the gallery and number of photos.
        suspects: comparisons with likely wrong labels, see `samples.suspects`.
    """

    people: int
    photos: int
    failures: Mapping[str, int]
    genuine: int
    impostor: int
    person_pairs: int
    cap: int
    levels: tuple[RateLevel, ...]
    curve: tuple[CurvePoint, ...]
    current: AtThreshold | None
    calibration: Calibration | None
    missing: int
    identification: tuple[IdentificationRate, ...] = ()
    suspects: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


def people_for(fmr: float) -> int:
    """Return the number of people needed to state a false match rate, for `_PAIRS_PER_RATE`."""
    return math.ceil((1 + math.sqrt(1 + 8 * _PAIRS_PER_RATE / fmr)) / 2)


def measure(
    samples: Samples,
    current: Calibration | None = None,
    *,
    fmr: float = DEFAULT_FMR,
    cap: int = CAP,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> CalibrationRun:
    """Measure verification and identification on templates of known people.

    Args:
        samples: the templates.
        current: the calibration in use.
        fmr: false match rate of the new calibration's operating point.
        cap: most photos to use of one person.
        seed: seed of the random generator.
        progress: called with the current step.

    Raises:
        TooFewSamplesError: fewer than two people, or none with two photos.
    """
    progress("comparing")
    found = compare(samples, cap, seed=seed)
    progress("verification")
    verified = measure_comparisons(found, current, fmr=fmr, cap=cap, photos=samples.photos, failures=samples.failures)
    progress("identification")
    curve = verified.calibration or current
    rates = tuple(identification(samples, curve, seed=seed)) if curve is not None else ()
    fields = {name: getattr(verified, name) for name in CalibrationRun.__slots__}
    return CalibrationRun(**{**fields, "identification": rates, "suspects": suspects(samples, found)})


def measure_comparisons(
    found: Comparisons,
    current: Calibration | None = None,
    *,
    fmr: float = DEFAULT_FMR,
    cap: int = CAP,
    photos: int = 0,
    failures: Mapping[str, int] | None = None,
) -> CalibrationRun:
    """Measure verification on comparisons.

    Raises:
        TooFewSamplesError: there are no genuine or no impostor comparisons.
    """
    if not len(found.genuine) or not len(found.impostor):
        raise TooFewSamplesError("comparisons of one person and of two people are needed")
    pairs = Pairs(found.impostor_owners, found.people)
    impostor = found.impostor.astype(np.float64)

    def at(threshold: float) -> AtThreshold:
        return AtThreshold(
            threshold,
            pairs.interval((impostor >= threshold).astype(np.float64)),
            by_person(found.genuine < threshold, found.genuine_owner),
        )

    levels = tuple(_level(rate, impostor, pairs.count, at, found.people) for rate in TARGETS)
    missing = _missing(fmr, pairs.count, found.people)
    return CalibrationRun(
        people=found.people,
        photos=photos or len(np.unique(np.concatenate([found.genuine_photos, found.impostor_photos]))),
        failures=dict(failures or {}),
        genuine=len(found.genuine),
        impostor=len(impostor),
        person_pairs=pairs.count,
        cap=cap,
        levels=levels,
        curve=tuple(_curve(found)),
        current=at(current.threshold) if current is not None else None,
        calibration=None if missing else _fit(impostor, fmr, current),
        missing=missing,
    )


def _level(rate: float, impostor: Any, pairs: int, at: Callable[[float], AtThreshold], people: int) -> RateLevel:
    missing = _missing(rate, pairs, people)
    if missing:
        return RateLevel(rate, None, None, None, missing)
    seen = at(threshold_at_fmr(impostor, rate))
    return RateLevel(rate, seen.threshold, seen.fmr, seen.fnmr, 0)


def _fit(impostor: Any, fmr: float, current: Calibration | None) -> Calibration:
    """Fit a calibration; if the data is insufficient for a tail, it keeps the current calibration's tail."""
    found = fit(impostor, fmr)
    return replace(found, tail=current.tail) if found.tail is None and current is not None else found


def _missing(rate: float, pairs: int, people: int) -> int:
    """Return the number of additional people needed to state a rate, also if not all pairs were compared."""
    if pairs >= _PAIRS_PER_RATE / rate * (1 - 1e-9):
        return 0
    share = min(1.0, pairs / max(1.0, people * (people - 1) / 2))
    return max(1, people_for(rate * share) - people)


def _curve(found: Comparisons) -> list[CurvePoint]:
    """Return points at false match rates evenly spaced on a logarithmic axis, down to one comparison."""
    count = len(found.impostor)
    rates = np.geomspace(0.5, 1 / count, min(_POINTS, count)) if count > 1 else np.array([])
    ordered = np.sort(found.impostor.astype(np.float64))[::-1]
    points = []
    for rate in rates.tolist():
        position = min(count - 1, max(0, round(rate * count) - 1))
        threshold = float(ordered[position])
        points.append(CurvePoint(threshold, (position + 1) / count, fnmr(found.genuine, threshold)))
    return points
