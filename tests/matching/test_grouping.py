from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit_vectors import normalise

from mien.matching import group


def faces(seed: int, count: int, people: int, dimension: int = 16) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((people, dimension))
    who = random.integers(0, people, count)
    return normalise(centres[who] + 0.4 * random.standard_normal((count, dimension))), who


def as_sets(templates: np.ndarray, order: np.ndarray, threshold: float) -> set[frozenset[int]]:
    result = group(templates[order], threshold)
    return {frozenset(int(order[i]) for i in members) for members in (*result.groups, *((m,) for m in result.messy))}


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 12), st.floats(-0.5, 0.99))
def test_is_a_partition_sorted_by_size(seed: int, count: int, people: int, threshold: float) -> None:
    templates, _ = faces(seed, count, people)
    result = group(templates, threshold)
    everyone = [i for members in result.groups for i in members] + list(result.messy)
    assert sorted(everyone) == list(range(count))
    sizes = [len(members) for members in result.groups]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size >= 2 for size in sizes)


@given(st.integers(0, 10_000), st.integers(2, 40), st.floats(0.0, 0.9), st.booleans())
def test_order_of_the_input_does_not_matter(seed: int, count: int, threshold: float, ties: bool) -> None:
    templates, _ = faces(seed, count, 5)
    if ties:  # few distinct vectors on a coarse grid: many equal similarities
        templates = normalise(np.round(templates[:, :3] * 2) + 0.25)
    order = np.random.default_rng(seed + 1).permutation(count)
    first, second = as_sets(templates, np.arange(count), threshold), as_sets(templates, order, threshold)
    # Equal templates are the same face as far as anyone can tell; compare by content.
    assert {frozenset(templates[i].tobytes() for i in s) for s in first} == {
        frozenset(templates[i].tobytes() for i in s) for s in second
    }
    if not ties:
        assert first == second


@examples(50)
@given(st.integers(0, 10_000), st.integers(2, 25), st.floats(0.0, 0.9))
def test_equals_joining_the_nearest_pair_again_and_again(seed: int, count: int, threshold: float) -> None:
    templates, _ = faces(seed, count, 6)
    clusters = [[i] for i in range(count)]
    similarity = templates.astype(np.float64) @ templates.astype(np.float64).T
    while len(clusters) > 1:
        pairs = [
            (similarity[np.ix_(clusters[i], clusters[j])].mean(), i, j)
            for i in range(len(clusters))
            for j in range(i + 1, len(clusters))
        ]
        score, i, j = max(pairs)
        if score < threshold:
            break
        clusters[i] += clusters.pop(j)
    assert as_sets(templates, np.arange(count), threshold) == {frozenset(c) for c in clusters}


def test_finds_the_people_and_leaves_strangers_over() -> None:
    random = np.random.default_rng(3)
    centres = random.standard_normal((3, 64))
    templates = normalise(
        np.concatenate(
            [
                centres[0] + 0.3 * random.standard_normal((4, 64)),
                centres[1] + 0.3 * random.standard_normal((2, 64)),
                centres[2:],
            ]
        )
    )
    result = group(templates, 0.5)
    assert result.groups == ((0, 1, 2, 3), (4, 5))
    assert result.messy == (6,)


def test_shape_is_checked() -> None:
    with pytest.raises(ValueError, match="must be"):
        group(np.zeros(4, np.float32), 0.5)
