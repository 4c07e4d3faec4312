"""Error rates by group of people, in the terms of ISO/IEC 19795-10: rates, differences, equalising thresholds.

The operator provides the groups as labels; nothing here infers them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.intervals import Pairs, by_person
from mien.evaluation.samples import Comparisons, TooFewSamplesError
from mien.evaluation.significance import ALPHA, chance, holm
from mien.evaluation.verification import people_for
from mien.matching.rates import Interval, threshold_at_fmr
from mien.messages import Message

MIN_GROUP_SIZE: Final = 20
"""Fewest people in a group; single persons would dominate the rates of smaller groups."""


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo of a person, with or without a template.

    Attributes:
        owner: index of the person.
        failed: whether it has no template.
        poor: whether its quality for recognition is low; None if not assessed.
    """

    owner: int
    failed: bool
    poor: bool | None = None


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The rates of a group.

    Attributes:
        name: the operator's label.
        people: number of people.
        photos: number of photos.
        fmr: FMR of comparisons of two people of the group; None if there are none.
        fnmr: FNMR of comparisons of one person; None if there are none.
        fte: share of photos without a template.
        poor: share of photos of low quality; None if not assessed.
        threshold: similarity at which the group's FMR is the target; None if there is too little data.
    """

    name: str
    people: int
    photos: int
    fmr: Interval | None
    fnmr: Interval | None
    fte: Interval | None
    poor: Interval | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """The comparison of two groups.

    Attributes:
        measure: `FMR`, `FNMR`, `FTE` or `quality`.
        one: name of the group with the higher rate.
        other: name of the other group.
        rates: the two rates.
        p: p-value of the difference.
        holm: p-value corrected for the number of comparisons of this measure (Holm 1979).
    """

    measure: str
    one: str
    other: str
    rates: tuple[float, float]
    p: float
    holm: float

    @property
    def found(self) -> bool:
        """Whether the difference is significant after the correction."""
        return self.holm < ALPHA


@dataclass(frozen=True, slots=True)
class Equalised:
    """The threshold at which no group's FMR exceeds the target, and its cost.

    Attributes:
        threshold: cosine similarity.
        strictest: name of the group that determines it.
        fnmr: FNMR of all people at the current and at this threshold; None without comparisons of one person.
        by_group: FNMR at both thresholds by group.
    """

    threshold: float
    strictest: str
    fnmr: tuple[float, float] | None
    by_group: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The report on one attribute.

    Attributes:
        attribute: the operator's name for it.
        threshold: similarity at which the rates are measured.
        target: false match rate of the threshold over all people.
        groups: the rates by group.
        refused: number of people of each group that is too small.
        unlabelled: number of people without a label.
        pairs: FMR of comparisons between two groups, by their names.
        differences: all comparisons of two groups, the most significant first.
        ratios: NIST's ratio of maximum to geometric mean of the rates, by measure.
        equalised: the equalising threshold; None if a group has too little data for the target.
        missing: number of missing people by group, if there is no equalising threshold.
    """

    attribute: str
    threshold: float
    target: float
    groups: tuple[GroupRates, ...]
    refused: Mapping[str, int]
    unlabelled: int
    pairs: Mapping[tuple[str, str], Interval]
    differences: tuple[GroupDifference, ...]
    ratios: Mapping[str, float]
    equalised: Equalised | None
    missing: Mapping[str, int] = field(default_factory=dict)


def by_group(
    attribute: str,
    labels: Mapping[int, str],
    found: Comparisons,
    photos: Sequence[LabelledPhoto],
    *,
    threshold: float,
    target: float,
) -> Grouped:
    """Measure every group of an attribute.

    Args:
        attribute: name of the attribute.
        labels: group by person.
        found: comparisons of all people.
        photos: all photos, for FTE and quality.
        threshold: similarity at which rates are measured.
        target: false match rate that the equalising threshold must meet in every group.

    Raises:
        TooFewSamplesError: fewer than two groups are large enough.
    """
    sizes: dict[str, int] = {}
    for name in labels.values():
        sizes[name] = sizes.get(name, 0) + 1
    kept = sorted(name for name, count in sizes.items() if count >= MIN_GROUP_SIZE)
    if len(kept) < 2:
        few = ", ".join(f"{name} ({count})" for name, count in sorted(sizes.items())) or Message("none")
        raise TooFewSamplesError(
            "{attribute}: two groups with {least} people each are needed; there are: {few}",
            attribute=attribute,
            least=MIN_GROUP_SIZE,
            few=few,
        )
    everyone = set(range(found.people)) | {photo.owner for photo in photos}
    code = np.full(max(everyone, default=0) + 1, -1)
    for owner, name in labels.items():
        if name in kept and owner < len(code):
            code[owner] = kept.index(name)
    measured = _Measured(kept, sizes, code, found, photos, threshold=threshold)
    groups = tuple(measured.group(number, target) for number in range(len(kept)))
    short = {one.name: max(1, people_for(target) - one.people) for one in groups if one.threshold is None}
    return Grouped(
        attribute,
        threshold,
        target,
        groups,
        {name: count for name, count in sorted(sizes.items()) if count < MIN_GROUP_SIZE},
        len(everyone - set(labels)),
        measured.between(),
        tuple(measured.differences()),
        {name: ratio for name, ratio in measured.ratios(groups).items() if ratio is not None},
        None if short else measured.equalised(groups),
        short,
    )


class _Measured:
    def __init__(
        self,
        names: list[str],
        sizes: Mapping[str, int],
        code: NDArray[np.intp],
        found: Comparisons,
        photos: Sequence[LabelledPhoto],
        *,
        threshold: float,
    ) -> None:
        self.names, self.sizes, self.code, self.found, self.threshold = names, sizes, code, found, threshold
        self.first, self.second = code[found.impostor_owners[:, 0]], code[found.impostor_owners[:, 1]]
        self.genuine = code[found.genuine_owner] if len(found.genuine) else np.zeros(0, np.intp)
        self.photos = photos
        self.errors: dict[str, list[tuple[float, float]]] = {}

    def group(self, number: int, target: float) -> GroupRates:
        inside = (self.first == number) & (self.second == number)
        matches = (self.found.impostor >= self.threshold).astype(np.float64)
        own = self.genuine == number
        photos = [photo for photo in self.photos if self.code[photo.owner] == number]
        owners = np.array([photo.owner for photo in photos])
        judged = [photo for photo in photos if photo.poor is not None]
        fmr = _pairs(matches[inside], self.found.impostor_owners[inside], self.found.people)
        fnmr = _people(self.found.genuine[own] < self.threshold, self.found.genuine_owner[own])
        fte = _people(np.array([photo.failed for photo in photos]), owners)
        poor = _people(np.array([photo.poor for photo in judged]), np.array([photo.owner for photo in judged]))
        for measure, (rate, trials) in {"FMR": fmr, "FNMR": fnmr, "FTE": fte, "quality": poor}.items():
            if rate is not None:
                self.errors.setdefault(measure, []).append((rate.value, trials))
        name = self.names[number]
        people = self.sizes[name]
        scores = self.found.impostor[inside].astype(np.float64)
        able = people >= people_for(target) and len(scores) * target >= 1
        threshold = threshold_at_fmr(scores, target) if able else None
        return GroupRates(name, people, len(photos), fmr[0], fnmr[0], fte[0], poor[0], threshold)

    def between(self) -> dict[tuple[str, str], Interval]:
        matches = (self.found.impostor >= self.threshold).astype(np.float64)
        rates = {}
        for one, other in combinations(range(len(self.names)), 2):
            mixed = ((self.first == one) & (self.second == other)) | ((self.first == other) & (self.second == one))
            rate, _ = _pairs(matches[mixed], self.found.impostor_owners[mixed], self.found.people)
            if rate is not None:
                rates[self.names[one], self.names[other]] = rate
        return rates

    def differences(self) -> list[GroupDifference]:
        found: list[GroupDifference] = []
        for measure, rates in self.errors.items():
            if len(rates) < len(self.names):
                continue  # a group has no comparison of this kind
            pairs = list(combinations(range(len(self.names)), 2))
            chances = [chance(rates[one], rates[other]) for one, other in pairs]
            for (one, other), p, corrected in zip(pairs, chances, holm(chances), strict=True):
                high, low = (one, other) if rates[one][0] >= rates[other][0] else (other, one)
                both = (rates[high][0], rates[low][0])
                found.append(GroupDifference(measure, self.names[high], self.names[low], both, p, corrected))
        return sorted(found, key=lambda one: (one.holm, one.p))

    def ratios(self, groups: Sequence[GroupRates]) -> dict[str, float | None]:
        return {
            measure: _max_over_mean([pair for pair in self.errors.get(measure, []) if pair[1] > 0])
            for measure in ("FMR", "FNMR", "FTE")
            if len(self.errors.get(measure, [])) == len(groups)
        }

    def equalised(self, groups: Sequence[GroupRates]) -> Equalised:
        strictest = max(groups, key=lambda one: one.threshold or -1.0)
        threshold = max(strictest.threshold or -1.0, self.threshold)

        def lost(own: NDArray[np.bool_]) -> tuple[float, float]:
            scores = self.found.genuine[own]
            return float(np.mean(scores < self.threshold)), float(np.mean(scores < threshold))

        everybody = np.ones(len(self.found.genuine), bool)
        each = {
            name: lost(self.genuine == number)
            for number, name in enumerate(self.names)
            if (self.genuine == number).any()
        }
        return Equalised(threshold, strictest.name, lost(everybody) if len(everybody) else None, each)


def _pairs(errors: NDArray[np.float64], owners: NDArray[np.intp], people: int) -> tuple[Interval | None, float]:
    """Return the rate and its effective number of independent comparisons."""
    if not len(errors):
        return None, 0.0
    pairs = Pairs(owners, people)
    rate = pairs.interval(errors)
    return rate, _effective_trials(rate, float(pairs.count))


def _people(errors: NDArray[np.bool_], owners: NDArray[np.intp]) -> tuple[Interval | None, float]:
    if not len(errors):
        return None, 0.0
    rate = by_person(errors, owners)
    return rate, _effective_trials(rate, float(len(np.unique(owners))))


def _effective_trials(rate: Interval, independent: float) -> float:
    """Return the number of independent trials with an equally wide interval; without errors, `independent`."""
    if rate.value in {0.0, 1.0}:
        return independent
    # Wilson's width, solved for the number of trials.
    half, z, spread = (rate.high - rate.low) / 2, 1.96, rate.value * (1 - rate.value)
    low, high = 1.0, 1e12
    for _ in range(100):
        trials = math.sqrt(low * high)
        width = z / (1 + z * z / trials) * math.sqrt(spread / trials + z * z / (4 * trials * trials))
        low, high = (trials, high) if width > half else (low, trials)
    return low


def _max_over_mean(rates: Sequence[tuple[float, float]]) -> float | None:
    """Return NIST's ratio of maximum to geometric mean; a rate of 0 counts as half an error."""
    if len(rates) < 2 or not any(rate for rate, _ in rates):
        return None
    values = [rate or 0.5 / (trials + 1) for rate, trials in rates]
    return max(values) / math.exp(math.fsum(map(math.log, values)) / len(values))


__all__ = [
    "MIN_GROUP_SIZE",
    "Equalised",
    "GroupDifference",
    "GroupRates",
    "Grouped",
    "LabelledPhoto",
    "by_group",
]
