"""Open-set identification: rates of strangers identified as somebody (FPIR) and of enrolled people missed (FNIR).

Galleries of several sizes are drawn at random from the people of an evaluation; the other people are the strangers. The
threshold is the one that identify uses for a gallery of that size (`mien.matching.open_set`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.intervals import of_clusters
from mien.evaluation.samples import Samples
from mien.matching import Calibration
from mien.matching.open_set import similarity_for_gallery
from mien.matching.persons import MEAN_LENGTH_POWER, SINGLE_FACE_PENALTY
from mien.matching.rates import Interval

SIZES: Final = (10, 30, 100, 300, 1000, 3000, 10_000)
"""Gallery sizes to measure, as far as there are enough people."""
PHOTOS: Final = (1, 2, 3)
"""Numbers of enrolled photos per person to measure."""
_DRAWS: Final = 8
_LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class IdentificationRate:
    """Accuracy of identification in galleries of one size.

    Attributes:
        gallery: number of enrolled people.
        photos: number of enrolled photos per person.
        threshold: similarity that a candidate must reach.
        fpir: share of strangers who are identified as somebody; None if there are too few strangers.
        fnir: share of enrolled people who are not found in first place; None if there are too few.
        strangers: number of strangers, over all draws.
        mated: number of enrolled people who were searched.
    """

    gallery: int
    photos: int
    threshold: float
    fpir: Interval | None
    fnir: Interval | None
    strangers: int
    mated: int


def identification(
    samples: Samples, calibration: Calibration, *, sizes: tuple[int, ...] = SIZES, seed: int = 0
) -> list[IdentificationRate]:
    """Measure FPIR and FNIR by size of the gallery and by number of enrolled photos.

    Args:
        samples: samples of many people.
        calibration: the calibration with the thresholds.
        sizes: gallery sizes; those that leave fewer than ten strangers are skipped.
        seed: seed of the random generator.
    """
    random = np.random.default_rng(seed)
    photos_of = [np.flatnonzero(samples.owner == person) for person in range(samples.people)]
    found = []
    for photos in PHOTOS:
        able = [person for person, own in enumerate(photos_of) if len(own) >= photos]
        for size in sizes:
            if size > len(able) or samples.people - size < _LEAST:
                continue
            found.append(_measure(samples, photos_of, able, (size, photos), calibration, random=random))
    return found


def _measure(
    samples: Samples,
    photos_of: list[NDArray[np.intp]],
    able: list[int],
    shape: tuple[int, int],
    calibration: Calibration,
    *,
    random: np.random.Generator,
) -> IdentificationRate:
    size, photos = shape
    threshold = similarity_for_gallery(calibration, size)
    wrong, tried = np.zeros((2, samples.people)), np.zeros((2, samples.people))
    # Prefer people with more photos than are enrolled; otherwise a small sample may have nobody to search.
    spare = np.array([len(photos_of[person]) > photos for person in able])
    for _ in range(_DRAWS):
        chance = random.random(len(able)) - 0.5 * spare
        enrolled = np.array(able)[np.argsort(chance)[:size]]
        order = {int(person): random.permutation(photos_of[int(person)]) for person in enrolled}
        gallery = np.stack([samples.templates[order[int(person)][:photos]] for person in enrolled])
        inside = set(enrolled.tolist())
        mated = [
            (row, order[int(person)][photos]) for row, person in enumerate(enrolled) if len(order[int(person)]) > photos
        ]
        strangers = [person for person in range(samples.people) if person not in inside and len(photos_of[person])]
        probes = np.array([random.choice(photos_of[person]) for person in strangers])
        best = _scores(samples.templates[probes], gallery).max(axis=1)
        wrong[0, strangers] += best >= threshold
        tried[0, strangers] += 1
        if mated:
            rows = np.array([row for row, _ in mated])
            scores = _scores(samples.templates[np.array([photo for _, photo in mated])], gallery)
            own = scores[np.arange(len(rows)), rows]
            wrong[1, enrolled[rows]] += (own < threshold) | (scores.argmax(axis=1) != rows)
            tried[1, enrolled[rows]] += 1
    rates = []
    for errors, trials in zip(wrong, tried, strict=True):
        seen = trials > 0
        rates.append(of_clusters(errors[seen], trials[seen]) if seen.sum() >= _LEAST else None)
    return IdentificationRate(
        size, photos, threshold, rates[0], rates[1], int((tried[0] > 0).sum()), int((tried[1] > 0).sum())
    )


def _scores(probes: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores (probes, people) of a gallery (people, photos, d), as `mien.matching.person_scores` does."""
    if gallery.shape[1] == 1:
        return np.asarray(probes @ gallery[:, 0].T, np.float32)
    mean = gallery.mean(axis=1)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    fused = probes @ (mean * np.maximum(length, 1e-12) ** (MEAN_LENGTH_POWER - 1.0)).T
    people, photos, dimension = gallery.shape
    alone = (probes @ gallery.reshape(people * photos, dimension).T).reshape(len(probes), people, photos).max(axis=2)
    return np.asarray(np.maximum(fused, 1.0 - SINGLE_FACE_PENALTY * (1.0 - alone)), np.float32)
