from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.matching import rank
from mien.matching.ranking import mean, mean_of_best_two

FACES = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.9]) | st.floats(-1, 1), st.integers(0, 9)), max_size=40)


@given(FACES, st.integers(1, 12), st.floats(-1, 1))
def test_equals_brute_force(faces: list[tuple[float, int]], top: int, min_score: float) -> None:
    scores = np.array([f[0] for f in faces])
    persons = [f[1] for f in faces]
    expected = sorted(
        ((max(s for s, q in faces if q == p), p) for p in set(persons)), key=lambda item: (-item[0], item[1])
    )
    expected = [e for e in expected if e[0] >= min_score][:top]
    ranked = rank(scores, persons, top=top, min_score=min_score)
    assert [(r.score, r.person) for r in ranked] == expected
    assert all(scores[r.face] == r.score and persons[r.face] == r.person for r in ranked)


@given(FACES.filter(bool), st.randoms(use_true_random=False))
def test_order_of_faces_does_not_matter(faces: list[tuple[float, int]], random: Random) -> None:
    shuffled = list(faces)
    random.shuffle(shuffled)
    results = [
        [(r.person, r.score) for r in rank(np.array([f[0] for f in order]), [f[1] for f in order], top=5)]
        for order in (faces, shuffled)
    ]
    assert results[0] == results[1]


def test_other_fusions() -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.6, 0.55])
    persons = ["a", "a", "a", "b", "b"]
    assert [r.person for r in rank(scores, persons, top=2)] == ["a", "b"]
    assert rank(scores, persons, top=2, fusion=mean_of_best_two)[0].score == pytest.approx(0.7)
    assert [r.person for r in rank(scores, persons, top=2, fusion=mean)] == ["b", "a"]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="persons"):
        rank(np.zeros(2), [1], top=1)
    with pytest.raises(ValueError, match="top"):
        rank(np.zeros(1), [1], top=0)
