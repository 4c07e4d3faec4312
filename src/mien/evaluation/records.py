"""Results as JSON for storage, display and comparison. They contain no name, photo or template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mien.evaluation.verification import AtThreshold, CalibrationRun
from mien.matching import Calibration
from mien.matching.rates import Interval


def to_json(result: CalibrationRun) -> dict[str, Any]:
    """Return a result as JSON values."""
    return {
        "people": result.people,
        "photos": result.photos,
        "failures": dict(result.failures),
        "genuine": result.genuine,
        "impostor": result.impostor,
        "person_pairs": result.person_pairs,
        "cap": result.cap,
        "levels": [
            {
                "fmr": one.fmr,
                "threshold": one.threshold,
                "measured": interval(one.measured),
                "fnmr": interval(one.fnmr),
                "people_missing": one.people_missing,
            }
            for one in result.levels
        ],
        "curve": [[one.threshold, one.fmr, one.fnmr] for one in result.curve],
        "current": _at(result.current),
        "calibration": calibration(result.calibration),
        "missing": result.missing,
        "identification": [
            {
                "gallery": one.gallery,
                "photos": one.photos,
                "threshold": one.threshold,
                "fpir": interval(one.fpir),
                "fnir": interval(one.fnir),
                "strangers": one.strangers,
                "mated": one.mated,
            }
            for one in result.identification
        ],
    }


def interval(rate: Interval | None) -> list[float] | None:
    """Return a rate as [value, low, high]."""
    return None if rate is None else [rate.value, rate.low, rate.high]


def calibration(curve: Calibration | None) -> dict[str, Any] | None:
    """Return a calibration as JSON values."""
    if curve is None:
        return None
    levels = [list(level) for level in curve.levels]
    return {"threshold": curve.threshold, "fmr": curve.fmr, "tail": curve.tail, "levels": levels}


def _at(point: AtThreshold | None) -> dict[str, Any] | None:
    if point is None:
        return None
    return {"threshold": point.threshold, "fmr": interval(point.fmr), "fnmr": interval(point.fnmr)}


def percent(rate: list[float] | None) -> str:
    """Return a rate with its interval, in per cent: `1.8 % (1.1 to 2.9)`."""
    if rate is None:
        return "–"
    value, low, high = parts_of(rate)
    return f"{value} % ({low} to {high})"


def parts_of(rate: list[float]) -> tuple[str, str, str]:
    """Return a rate and the ends of its interval in per cent, with digits that suit the interval's width."""
    digits = 1 if rate[2] >= 0.01 else min(6, 1 - math.floor(math.log10(max(rate[2], 1e-9) * 100)))
    value, low, high = (f"{100 * part:.{digits}f}" for part in rate)
    return value, low, high


@dataclass(frozen=True, slots=True)
class RateDifference:
    """Two results at one false match rate.

    Attributes:
        fmr: the false match rate.
        thresholds: similarity of each result; None if there is too little data.
        fnmr: [value, low, high] of each result.
        differs: whether the FNMRs differ significantly, as for two samples of different people; None if one is missing.
    """

    fmr: float
    thresholds: tuple[float | None, float | None]
    fnmr: tuple[list[float] | None, list[float] | None]
    differs: bool | None


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[RateDifference]:
    """Compare two stored results, for example of two models, cameras or dates."""
    found = []
    theirs = {level["fmr"]: level for level in other["levels"]}
    for level in one["levels"]:
        second = theirs.get(level["fmr"])
        if second is None:
            continue
        rates = (level["fnmr"], second["fnmr"])
        differs = None if rates[0] is None or rates[1] is None else _differ(rates[0], rates[1])
        found.append(RateDifference(level["fmr"], (level["threshold"], second["threshold"]), rates, differs))
    return found


def _differ(one: list[float], other: list[float]) -> bool:
    """Whether two rates differ: the interval of their difference excludes 0 (Newcombe 1998)."""
    high, low = (one, other) if one[0] >= other[0] else (other, one)
    return high[0] - low[0] > math.hypot(high[0] - high[1], low[2] - low[0])
