"""Comparison scores for an evaluation: templates of known people, compared with each other.

At most `CAP` photos of each person are used, drawn by a seeded generator, so that nobody dominates. From very many
people a sample is drawn for at most `MAX_COMPARISONS` comparisons of two people; more would not improve the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.messages import MessageError

Float32 = NDArray[np.float32]
Ints = NDArray[np.intp]

CAP: Final = 5
"""Most photos to use of one person."""

MAX_COMPARISONS: Final = 8_000_000
"""Most comparisons of two people."""

_ROWS: Final = 512


class TooFewSamplesError(MessageError, ValueError):
    """There are not enough people or photos for a measurement; the text says how many are needed."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Templates of known people, all of one recogniser.

    Attributes:
        templates: float32 (n, d), unit rows.
        owner: (n,) index of each template's person, 0 … people - 1.
        people: number of people.
        names: (n,) a name of each photo, for lists of suspicious labels; never stored.
        failures: number of photos without a template, by reason.
    """

    templates: Float32
    owner: Ints
    people: int
    names: Sequence[str] = ()
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def photos(self) -> int:
        """Number of photos with a template."""
        return len(self.owner)


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Similarities of pairs of photos, with their people.

    Attributes:
        genuine: float32 (g,), similarities of two photos of one person.
        genuine_owner: (g,) index of the person.
        genuine_photos: (g, 2) indices of the photos.
        impostor: float32 (m,), similarities of photos of two people.
        impostor_owners: (m, 2) indices of the two people, the lower one first.
        impostor_photos: (m, 2) indices of the photos.
        people: number of people.
    """

    genuine: Float32
    genuine_owner: Ints
    genuine_photos: Ints
    impostor: Float32
    impostor_owners: Ints
    impostor_photos: Ints
    people: int

    @property
    def person_pairs(self) -> int:
        """Number of compared pairs of people, an upper limit of independent comparisons."""
        return len(np.unique(pair_keys(self.impostor_owners, self.people)))


def pair_keys(owners: Ints, people: int) -> NDArray[np.int64]:
    """Return a number for each comparison that is unique to its pair of people.

    Args:
        owners: (m, 2), the lower index first.
        people: number of people.
    """
    return owners[:, 0].astype(np.int64) * people + owners[:, 1]


def capped(samples: Samples, cap: int = CAP, *, seed: int = 0) -> Ints:
    """Draw the photos to use: at most `cap` of each person.

    Returns:
        (k,) indices into the samples, ascending.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(samples.photos)
    order = shuffled[np.argsort(samples.owner[shuffled], kind="stable")]
    starts = np.searchsorted(samples.owner[order], np.arange(samples.people))
    rank = np.arange(samples.photos) - starts[samples.owner[order]]
    return np.sort(order[rank < cap])


def compare(samples: Samples, cap: int = CAP, *, seed: int = 0) -> Comparisons:
    """Compare every drawn photo with every other.

    Args:
        samples: at least two people, one of them with two photos.
        cap: most photos to use of one person, >= 2.
        seed: seed of the random generator.

    Raises:
        TooFewSamplesError: there is no pair of photos of one person, or only one person.
    """
    kept = capped(samples, cap, seed=seed)
    owner = samples.owner[kept]
    first, second = np.triu_indices(len(kept), 1)
    same = owner[first] == owner[second]
    if not same.any() or len(np.unique(owner)) < 2:
        raise TooFewSamplesError("at least two people are needed, and one of them with two photos")
    vectors = samples.templates[kept]
    genuine = (first[same], second[same])
    likeness = np.einsum("ij,ij->i", vectors[genuine[0]], vectors[genuine[1]]).astype(np.float32)
    theirs = _impostors(owner, seed)
    other_first, other_second = kept[theirs[:, 0]], kept[theirs[:, 1]]
    impostor = np.concatenate(
        [
            np.einsum("ij,ij->i", samples.templates[other_first[part]], samples.templates[other_second[part]])
            for part in _parts(len(theirs))
        ]
    )
    owners = np.sort(np.stack([samples.owner[other_first], samples.owner[other_second]], axis=1), axis=1)
    return Comparisons(
        np.clip(likeness, -1, 1),
        owner[genuine[0]],
        np.stack([kept[genuine[0]], kept[genuine[1]]], axis=1),
        np.clip(impostor, -1, 1).astype(np.float32),
        owners,
        np.stack([other_first, other_second], axis=1),
        samples.people,
    )


def of_pairs(scores: Sequence[float], photos: Sequence[tuple[str, str]], same: Sequence[bool]) -> Comparisons:
    """Return comparisons from a list of pairs, as in a CSV.

    Photos that are listed as of one person, directly or transitively, are one person.

    Args:
        scores: (n,) similarities.
        photos: (n,) names of the two photos of each pair.
        same: (n,) whether they are of one person.

    Raises:
        TooFewSamplesError: there are no genuine or no impostor pairs.
        ValueError: a pair is listed as two people, but other pairs make them one person.
    """
    if not any(same) or all(same):
        raise TooFewSamplesError("the list needs pairs of one person and pairs of two people")
    index: dict[str, int] = {}
    for pair in photos:
        for name in pair:
            index.setdefault(name, len(index))
    parent = list(range(len(index)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for (one, other), together in zip(photos, same, strict=True):
        if together:
            parent[root(index[one])] = root(index[other])
    roots = [root(place) for place in range(len(index))]
    number = {place: count for count, place in enumerate(dict.fromkeys(roots))}
    owner = np.array([number[place] for place in roots], np.intp)
    places = np.array([[index[one], index[other]] for one, other in photos], np.intp)
    alike, together_ = np.asarray(scores, np.float32), np.asarray(same, bool)
    owners = np.sort(owner[places], axis=1)
    if (owners[~together_, 0] == owners[~together_, 1]).any():
        raise ValueError("a pair is listed as of two people, but other pairs make both photos one person's")
    return Comparisons(
        alike[together_],
        owners[together_, 0],
        places[together_],
        alike[~together_],
        owners[~together_],
        places[~together_],
        len(number),
    )


def _impostors(owner: Ints, seed: int) -> Ints:
    """Return pairs of positions of two people, at most about `MAX_COMPARISONS`."""
    people = np.unique(owner)
    random = np.random.default_rng(seed + 1)
    largest = math.isqrt(2 * MAX_COMPARISONS)
    if len(people) > largest:
        people = random.choice(people, largest, replace=False)
    each = max(1, math.isqrt(2 * MAX_COMPARISONS // max(1, len(people) ** 2)))
    shuffled = random.permutation(len(owner))
    order = shuffled[np.argsort(owner[shuffled], kind="stable")]
    starts = np.searchsorted(owner[order], owner[order])
    chosen = np.sort(order[(np.arange(len(owner)) - starts < each) & np.isin(owner[order], people)])
    first, second = np.triu_indices(len(chosen), 1)
    different = owner[chosen[first]] != owner[chosen[second]]
    return np.stack([chosen[first[different]], chosen[second[different]]], axis=1)


def _parts(count: int) -> list[slice]:
    step = _ROWS * _ROWS
    return [slice(start, start + step) for start in range(0, count, step)]


def suspects(samples: Samples, found: Comparisons, most: int = 10) -> list[dict[str, Any]]:
    """Return the comparisons that most likely have wrong labels: similar strangers, and dissimilar genuine pairs.

    Args:
        samples: the samples, with names.
        found: their comparisons.
        most: most comparisons of either kind.
    """
    if not samples.names:
        return []
    high = np.argsort(-found.impostor)[:most]
    low = np.argsort(found.genuine)[:most]
    lines = [
        ("two people", found.impostor, found.impostor_photos, high),
        ("one person", found.genuine, found.genuine_photos, low),
    ]
    return [
        {
            "labelled": said,
            "similarity": round(float(scores[at]), 4),
            "photos": [samples.names[photo] for photo in photos[at].tolist()],
        }
        for said, scores, photos, places in lines
        for at in places.tolist()
    ]
