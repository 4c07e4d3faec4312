"""The score of a person of several faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit_vectors import normalise

from mien.matching import person_scores, person_template, scores_of_persons


def photos(seed: int, count: int, noise: float = 0.6) -> np.ndarray:
    """Unit vectors around a random direction."""
    random = np.random.default_rng(seed)
    centre = random.normal(size=64)
    return normalise(centre / np.linalg.norm(centre) + noise * random.normal(size=(count, 64)) / 8)


@given(st.integers(0, 1000), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_the_faces_does_not_matter(seed: int, count: int, random: object) -> None:
    rows = photos(seed, count + 1)
    probe, faces = rows[:1], rows[1:]
    turned = faces[np.random.default_rng(seed).permutation(count)]
    assert person_scores(probe, faces) == pytest.approx(person_scores(probe, turned), abs=1e-6)


@given(st.integers(0, 1000))
def test_one_face_scores_as_it_is(seed: int) -> None:
    rows = photos(seed, 3)
    assert person_scores(rows[:2], rows[2:]) == pytest.approx(rows[:2] @ rows[2], abs=1e-6)
    assert np.array_equal(person_template(rows[:1]), rows[0])


def test_the_same_picture_is_certain_whatever_else_is_enrolled() -> None:
    rows = photos(1, 3)
    assert person_scores(rows[1:2], rows)[0] == pytest.approx(1.0, abs=1e-6)


def test_a_photo_of_other_times_does_not_hide_a_similar_one() -> None:
    probe, near, far = photos(3, 2, 0.3)[0], photos(3, 2, 0.3)[1], photos(4, 3)
    alone = float(probe @ near)
    score = float(person_scores(probe[None], np.concatenate([near[None], far]))[0])
    assert score == pytest.approx(1 - 1.1 * (1 - alone), abs=1e-6)


def test_copies_of_one_picture_add_nothing() -> None:
    probe, face = photos(2, 2)
    assert person_scores(probe[None], np.stack([face] * 4))[0] == pytest.approx(float(probe @ face), abs=1e-6)


def test_several_photos_help_the_person_and_no_stranger() -> None:
    genuine, single, stranger, alone = [], [], [], []
    for seed in range(300):
        rows, other = photos(seed, 4, 0.9), photos(10_000 + seed, 200, 0.9)
        genuine.append(float(person_scores(rows[:1], rows[1:])[0]))
        single.append(float(rows[0] @ rows[1]))
        stranger += person_scores(other, rows[1:]).tolist()
        alone += (other @ rows[1]).tolist()
    assert np.quantile(genuine, 0.05) > np.quantile(single, 0.05) + 0.05
    assert np.quantile(stranger, 0.999) < np.quantile(alone, 0.999) * 1.1


def test_nobody_has_no_template() -> None:
    with pytest.raises(ValueError, match="needs templates"):
        person_template(np.empty((0, 4), np.float32))


@given(st.integers(0, 1000), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_many_persons_at_once_score_as_one_by_one(seed: int, counts: list[int]) -> None:
    probes = photos(seed, 2)
    people = [photos(seed + 1 + number, count) for number, count in enumerate(counts)]
    people[0] = np.concatenate([people[0], -people[0][:1]])  # a mean of no length
    first_rows = np.cumsum([0, *map(len, people[:-1])])
    one_by_one = np.stack([person_scores(probes, own) for own in people], axis=1)
    assert scores_of_persons(probes, np.concatenate(people), first_rows) == pytest.approx(one_by_one, abs=1e-6)
