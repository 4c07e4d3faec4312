"""From the scores of enrolled faces to the persons that match a probe best.

A person's score is that of their best face. It was measured beside others on the labelled photos (open-set identify,
SFace, bench/recognition.py). FNIR at FPIR 1 % with 2 / 3 photos a person: best face .0138 / .0056, mean of the best two
.0111 / .0028, one averaged template .0075 / .0028. Averaging is better, by about two probes in 334, too few to be sure;
best face needs no second kind of template that every added or removed photo changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Id = TypeVar("Id", bound=Hashable)

Fusion = Callable[[NDArray[np.floating[Any]]], float]


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Id]):
    """A person and how well the probe matches them.

    Attributes:
        person: who.
        face: position, among the scores given, of the person's face that matches best.
        score: the person's score.
    """

    person: Id
    face: int
    score: float


def best(scores: NDArray[np.floating[Any]]) -> float:
    """A person's score is that of their best face: what `rank` and the search engines use."""
    return float(scores.max())


def mean_of_best_two(scores: NDArray[np.floating[Any]]) -> float:
    """The mean of a person's two best faces; of one, when there is one. Kept for measuring (bench/recognition.py)."""
    return float(scores.max() if scores.size == 1 else np.sort(scores)[-2:].mean())


def mean(scores: NDArray[np.floating[Any]]) -> float:
    """The mean of all of a person's faces. Kept for measuring (bench/recognition.py)."""
    return float(scores.mean())


def rank(
    scores: NDArray[np.floating[Any]],
    persons: Sequence[Id],
    *,
    top: int,
    min_score: float = -np.inf,
    fusion: Fusion = best,
) -> list[Ranked[Id]]:
    """Rank persons by the scores of their faces.

    Args:
        scores: (n,) similarity (or confidence) of the probe with each face.
        persons: n ids, whose face each is; they must be orderable.
        top: how many persons at most, >= 1.
        min_score: persons below are left out.
        fusion: from a person's scores, in the order given, to the person's.

    Returns:
        By descending score; equal scores by ascending id, whatever the order of the faces.

    Raises:
        ValueError: not one person a score, or top < 1.
    """
    if scores.shape != (len(persons),):
        raise ValueError(f"{scores.shape} scores for {len(persons)} persons")
    if top < 1:
        raise ValueError("top must be at least 1")
    faces: dict[Id, list[int]] = {}
    for index, person in enumerate(persons):
        faces.setdefault(person, []).append(index)
    ranked = []
    for person, rows in faces.items():
        own = scores[rows]
        score = fusion(own)
        if score >= min_score:
            ranked.append(Ranked(person, rows[int(np.argmax(own))], score))
    ranked.sort(key=lambda r: (-r.score, r.person))
    return ranked[:top]
