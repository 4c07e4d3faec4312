"""Drift: whether the distribution of a week differs from a baseline, and since which day.

Values of one day are not independent: one person may pass a camera fifty times, and on a dull day all photos are dark.
So the unit is the day. A permutation test exchanges the days of the week with baseline days of the same weekday at
random; the p-value is the share of permutations that differ at least as much as the actual week (exact if days of one
weekday are exchangeable). The statistic is the Anderson-Darling difference of the two cumulative distributions. Holm's
correction over all series of a resource limits the probability of any false alarm in a week to `ALPHA`.

Large samples make irrelevant differences significant, so the population stability index must also reach `LEAST_PSI`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.significance import holm

ALPHA: Final = 0.01
"""Probability of any false alarm of a resource in a week."""
LEAST_PSI: Final = 0.1
"""Population stability index from which a difference counts; lower values are commonly considered stable."""
BASELINE_DAYS: Final = 28
WEEK: Final = 7
LEAST_DAYS: Final = 5
"""Fewest days with values in a week."""
LEAST_BASELINE: Final = 200
"""Fewest values in a baseline."""
LEAST_WEEK: Final = 50
"""Fewest values in a week."""

_ROUGH, _FINE = 999, 19_999
_MONDAY: Final = 4
"""Day 4 was a Monday, since 1 January 1970 was a Thursday."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shift:
    """The comparison of a week with a baseline.

    Attributes:
        baseline: values of the baseline by bin, (bins,).
        week: values of the week by bin, (bins,).
        psi: population stability index, >= 0.
        p: p-value of the difference.
        adjusted: p-value corrected for the number of series.
        since: day of the change, if the series has moved.
    """

    baseline: Counts
    week: Counts
    psi: float
    p: float
    adjusted: float
    since: int | None = None

    @property
    def moved(self) -> bool:
        """Whether the week differs from the baseline."""
        return self.adjusted <= ALPHA and self.psi >= LEAST_PSI


@dataclass(frozen=True, slots=True)
class Missing:
    """The data that a comparison still needs.

    Attributes:
        baseline: values of the baseline so far, by bin.
        week: values of the week, by bin.
        form: message template, one of `NEEDS`.
        count: number of missing values or days, for `{count}`.
        ready: day of the first comparison, for `{day}`.
    """

    baseline: Counts
    week: Counts
    form: str
    count: int = 0
    ready: date | None = None

    @property
    def text(self) -> str:
        """The message, in English."""
        return self.form.format(count=self.count, day="" if self.ready is None else f"{self.ready:%-d %B %Y}")


_BASELINE_RUNS: Final = "A baseline takes four weeks: the first comparison is on {day}."
_FEW_IN_BASELINE: Final = "Needs {count:,} more values in the baseline."
_FEW_IN_WEEK: Final = "Needs {count:,} more values in the week."
_FEW_DAYS: Final = "Needs values on {count:,} more days of the week."
NEEDS: Final = (_BASELINE_RUNS, _FEW_IN_BASELINE, _FEW_IN_WEEK, _FEW_DAYS)
"""Message templates for missing data."""


def monday(day: int) -> int:
    """Return the Monday of a day's week; days are counted from 1 January 1970."""
    return day - (day - _MONDAY) % 7


def last_week(today: int) -> int:
    """Return the Monday of the last complete week."""
    return monday(today) - WEEK


def compare(days: Sequence[int], counts: Counts, first: int, week: int, seed: int = 0) -> Shift | Missing:
    """Compare a week with the baseline.

    Args:
        days: days with values, ascending, counted from 1 January 1970.
        counts: counts of values (days, bins).
        first: first day of the baseline, which lasts `BASELINE_DAYS`.
        week: the week's Monday.
        seed: seed of the random generator.
    """
    at = np.asarray(days, np.int64)
    old, new = (at >= first) & (at < first + BASELINE_DAYS), (at >= week) & (at < week + WEEK)
    baseline, recent = counts[old].sum(axis=0), counts[new].sum(axis=0)
    if week < first + BASELINE_DAYS:
        ready = date(1970, 1, 1) + timedelta(days=monday(first + BASELINE_DAYS + WEEK - 1) + WEEK)
        return Missing(baseline, recent, _BASELINE_RUNS, ready=ready)
    if (lacking := LEAST_BASELINE - int(baseline.sum())) > 0:
        return Missing(baseline, recent, _FEW_IN_BASELINE, lacking)
    if (lacking := LEAST_WEEK - int(recent.sum())) > 0:
        return Missing(baseline, recent, _FEW_IN_WEEK, lacking)
    if (lacking := LEAST_DAYS - int((counts[new].sum(axis=1) > 0).sum())) > 0:
        return Missing(baseline, recent, _FEW_DAYS, lacking)
    p = _p_value(at, counts, old, new, seed)
    return Shift(baseline, recent, stability_index(baseline, recent), p, p)


def correct(found: Sequence[Shift]) -> list[Shift]:
    """Correct the p-values of a resource's series for their number."""
    return [replace(one, adjusted=p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]


def since(days: Sequence[int], counts: Counts, first: int, until: int) -> int:
    """Return the most likely day of a change (likelihood ratio of two multinomials).

    Args:
        days: days with values, ascending.
        counts: counts of values (days, bins).
        first: first day of the baseline; the change is after it.
        until: the last day to consider.
    """
    at = np.asarray(days, np.int64)
    used = (at >= first) & (at <= until)
    at, some = at[used], counts[used].astype(np.float64)
    before = np.cumsum(some, axis=0)[:-1]
    after = before[-1] + some[-1] - before
    gain = _log_likelihood(before) + _log_likelihood(after)
    gain[at[1:] < first + BASELINE_DAYS] = -np.inf
    return int(at[1:][int(np.argmax(gain))])


def stability_index(baseline: Counts, week: Counts) -> float:
    """Return the population stability index, over bins merged to contain at least about a tenth of the baseline."""
    groups, held = [], 0.0
    share = baseline / max(1, baseline.sum())
    group = 0
    for part in share:
        groups.append(group)
        held += float(part)
        if held >= 0.1:
            group, held = group + 1, 0.0
    if held < 0.05 and group:
        groups = [min(one, group - 1) for one in groups]
    wide = np.asarray(groups)
    first, second = (np.bincount(wide, side) + 0.5 for side in (baseline, week))
    p, q = first / first.sum(), second / second.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _p_value(at: NDArray[np.int64], counts: Counts, old: NDArray[np.bool_], new: NDArray[np.bool_], seed: int) -> float:
    """Return the p-value of the week's difference by permutation of days of the same weekday."""
    strata = []
    for weekday in range(7):
        rows = np.flatnonzero((old | new) & (at % 7 == weekday) & (counts.sum(axis=1) > 0))
        if new[rows].any() and old[rows].any():
            strata.append(rows)
    if not strata:
        return 1.0
    used = np.concatenate(strata)
    total = counts[used].sum(axis=0).astype(np.float64)
    chosen = np.array([int(rows[new[rows]][0]) for rows in strata])
    real = _difference(counts[chosen].sum(axis=0)[None].astype(np.float64), total)[0]
    p = 1.0
    for rounds in (_ROUGH, _FINE):
        # More permutations only if the first ones show a difference.
        random = np.random.default_rng([seed, rounds])
        drawn = np.zeros((rounds, counts.shape[1]))
        for rows in strata:
            drawn += counts[rows[random.integers(len(rows), size=rounds)]]
        p = (1 + int((_difference(drawn, total) >= real * (1 - 1e-12)).sum())) / (rounds + 1)
        if p > 0.05:
            break
    return float(p)


def _difference(week: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Anderson-Darling difference (n,) of weeks (n, bins) from the rest of a total (bins,)."""
    rest = total - week
    new = np.cumsum(week, axis=1) / np.maximum(1, week.sum(axis=1, keepdims=True))
    old = np.cumsum(rest, axis=1) / np.maximum(1, rest.sum(axis=1, keepdims=True))
    both = np.cumsum(total) / total.sum()
    weight = np.where((both > 0) & (both < 1), total / total.sum() / np.maximum(both * (1 - both), 1e-12), 0)
    return np.asarray((np.square(new - old) * weight).sum(axis=1))


def _log_likelihood(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the maximum log likelihood of multinomials, (n, bins) to (n,)."""
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.ones_like(counts), where=total > 0)
    return np.asarray((counts * np.log(np.maximum(share, 1e-300))).sum(axis=1))
