"""Score normalisation: still unit vectors, still one for the same photo, stricter where faces are crowded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit_vectors import normalise

from mien.matching import Normalisation
from mien.matching.normalisation import AVERAGES, AVERAGES_SPOILT, _spread, averages, build_cohort


def people(seed: int, count: int, centre: np.ndarray | None = None, spread: float = 1.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 64)) * spread
    return normalise(rows if centre is None else rows + centre)


CROWD = 8 * people(0, 1)[0]
COHORT = averages(np.concatenate([people(1, 200), people(2, 40, CROWD)]), 16)
NORMALISATION = Normalisation(COHORT, floor=0.1, gain=1.0, scale=0.6)


@given(st.integers(0, 2**32 - 1))
def test_templates_are_unit_vectors_and_a_photo_is_itself(seed: int) -> None:
    rows = people(seed, 3, CROWD if seed % 2 else None)
    templates = NORMALISATION.apply(rows)
    assert templates.shape == (3, 65)
    assert templates.dtype == np.float32
    assert np.diag(templates @ templates.T) == pytest.approx(1, abs=1e-6)


def test_the_cosine_is_what_the_documentation_says() -> None:
    rows = np.concatenate([people(3, 5), people(4, 5, CROWD)])
    u = np.minimum(0.6 * np.exp(np.maximum(NORMALISATION.cohort_similarity(rows) - 0.1, 0)), 0.99).astype(np.float64)
    expected = np.outer(u, u) * (rows @ rows.T) + np.outer(np.sqrt(1 - u * u), np.sqrt(1 - u * u))
    templates = NORMALISATION.apply(rows)
    assert templates @ templates.T == pytest.approx(expected, abs=2e-6)


def test_equally_like_faces_count_less_in_a_crowd() -> None:
    alone, crowded = people(5, 1)[0], people(6, 1, CROWD)[0]

    def partner(x: np.ndarray) -> np.ndarray:
        aside = people(7, 1)[0]
        aside = normalise(aside - (aside @ x) * x)
        return normalise(0.5 * x + np.sqrt(0.75) * aside)  # at a cosine of 0.5

    scores = []
    for one in (alone, crowded):
        a, b = NORMALISATION.apply(np.stack([one, partner(one)]))
        scores.append(float(a @ b))
    assert scores[1] < scores[0] - 0.01


def test_no_coordinate_stands_out_so_that_integers_lose_nothing() -> None:
    templates = NORMALISATION.apply(people(8, 200))
    assert np.abs(templates).max() < 0.45  # of the last coordinate alone 0.8 would remain


def test_averages_contain_nobody_and_see_the_crowd() -> None:
    rows = np.concatenate([people(9, 100), people(10, 30, CROWD)])
    cohort = averages(rows, 20)
    assert cohort.shape == (20, 64)
    assert float((normalise(cohort) @ rows.T).max()) < 0.99
    lengths = np.linalg.norm(cohort, axis=1)
    assert lengths[0] == lengths.max() > 2 * np.median(lengths)  # the crowd's mean is the longest
    with pytest.raises(ValueError, match="too few"):
        averages(rows[:11], 5)


@pytest.mark.parametrize("wrong", [{"gain": -1.0}, {"scale": 1.0}, {"cohort": np.zeros((0, 4), np.float32)}])
def test_wrong_parameters_are_refused(wrong: dict[str, object]) -> None:
    right = {"cohort": COHORT, "floor": 0.1, "gain": 1.0, "scale": 0.6}
    with pytest.raises(ValueError, match="must"):
        Normalisation(**{**right, **wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fit"):
        NORMALISATION.apply(np.zeros((1, 3), np.float32))


def test_a_face_that_was_not_read_stays_like_nobody() -> None:
    templates = NORMALISATION.apply(np.concatenate([np.zeros((1, 64), np.float32), people(9, 2)]))
    assert not templates[0].any()
    assert np.linalg.norm(templates[1:], axis=1) == pytest.approx(1, abs=1e-6)


def test_a_cohort_knows_clear_and_spoilt_photos_and_leaves_out_what_was_not_read() -> None:
    blurred = 8 * people(10, 1)[0]
    clear, spoilt = people(11, 100), people(12, 60, blurred)
    empty = np.zeros((3, 64), np.float32)
    cohort = build_cohort(np.concatenate([clear, empty]), [np.concatenate([empty, spoilt])])
    assert cohort.shape == (AVERAGES + AVERAGES_SPOILT, 64)
    assert (cohort[:AVERAGES] == averages(clear, AVERAGES)).all()
    without, with_them = Normalisation(cohort[:AVERAGES], 0.1, 1.0, 0.6), Normalisation(cohort, 0.1, 1.0, 0.6)
    others = people(13, 20, blurred)  # strangers whose photos are blurred alike

    def alike(normalisation: Normalisation) -> float:
        templates = normalisation.apply(others)
        return float((templates @ templates.T)[np.triu_indices(20, 1)].mean())

    assert alike(with_them) < alike(without) - 0.03


@pytest.mark.parametrize(
    ("right", "cohort"),
    [({"gain": 0.0}, COHORT), ({"scale": 0.99}, COHORT), ({}, COHORT[:1]), ({"floor": -1.0}, COHORT)],
)
def test_parameters_at_their_borders_are_allowed(right: dict[str, float], cohort: np.ndarray) -> None:
    made = Normalisation(cohort, **{"floor": 0.1, "gain": 1.0, "scale": 0.6} | right)
    assert made.dimension == 65
    assert np.linalg.norm(made.apply(people(11, 4)), axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": 0.0},
        {"scale": 0.995},
        {"gain": float("nan")},
        {"floor": float("inf")},
        {"floor": float("nan")},
        {"cohort": COHORT[0]},
    ],
)
def test_parameters_beyond_their_borders_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Normalisation(**{"cohort": COHORT, "floor": 0.1, "gain": 1.0, "scale": 0.6, **wrong})  # type: ignore[arg-type]


def test_vectors_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vectors of shape \(64,\) do not fit a cohort of shape \(16, 64\)"):
        NORMALISATION.apply(people(12, 1)[0])


def test_cohort_similarity_is_that_of_the_nearest_average() -> None:
    cohort = np.array([[1.0, 0.0], [0.0, 0.5]], np.float32)
    found = Normalisation(cohort, 0.1, 1.0, 0.6).cohort_similarity(np.array([[0.0, 1.0], [0.8, 0.6]]))
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([0.5, 0.8])


def test_the_length_stops_below_one_however_crowded_the_place() -> None:
    steep = Normalisation(COHORT, floor=-1.0, gain=50.0, scale=0.6)
    rows = people(13, 6)
    templates = steep.apply(rows)
    assert templates @ templates.T == pytest.approx(0.99**2 * (rows @ rows.T) + 1 - 0.99**2, abs=2e-6)


def test_up_to_the_floor_the_length_is_the_scale() -> None:
    flat = Normalisation(COHORT, floor=2.0, gain=50.0, scale=0.5)
    rows = people(14, 6)
    templates = flat.apply(rows)
    assert templates @ templates.T == pytest.approx(0.25 * (rows @ rows.T) + 0.75, abs=2e-6)


def test_the_last_axis_is_spread_over_all_coordinates() -> None:
    turned = _spread(np.eye(9))
    assert turned.dtype == np.float32
    assert turned[-1] == pytest.approx(np.full(9, 1 / 3), abs=1e-6)
    assert turned @ turned.T == pytest.approx(np.eye(9), abs=1e-6)
    assert _spread(np.eye(9) * 5) == pytest.approx(turned, abs=1e-6)


def test_averages_are_chosen_as_different_from_each_other_as_can_be() -> None:
    rows = np.concatenate([people(15, 12), people(16, 6, CROWD)])
    means = []
    for row in rows:
        nearest = sorted(range(len(rows)), key=lambda index: -float(rows[index] @ row))[:3]
        means.append(rows[nearest].mean(axis=0))
    ways = normalise(np.array(means))
    chosen = [int(np.argmax(np.linalg.norm(means, axis=1)))]
    while len(chosen) < 7:
        chosen.append(
            min(range(len(rows)), key=lambda index: max(float(ways[index] @ ways[other]) for other in chosen))
        )
    found = averages(rows, 7, people=3)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array(means)[chosen], abs=1e-6)


def test_as_many_people_as_needed_are_enough() -> None:
    rows = people(17, 12)
    assert averages(rows, 3) == pytest.approx(np.tile(rows.mean(axis=0), (3, 1)), abs=1e-6)  # twelve by default
    assert averages(rows, 12, people=2).shape == (12, 64)
    with pytest.raises(ValueError, match=r"^12 people are too few for 13 averages of 2$"):
        averages(rows, 13, people=2)
