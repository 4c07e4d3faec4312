"""Negatives lower similarities only where a negative is nearer than the person, and never raise one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien.matching import lower_by_negatives

NONE = np.empty((0, 3), np.float32)
similarities = st.floats(-1, 1)


def probe(cosine: float) -> np.ndarray:
    """A probe whose similarity with the negative (1, 0, 0) is this."""
    return np.array([[cosine, np.sqrt(max(0.0, 1 - cosine**2)), 0.0]])


NEGATIVE = np.array([[1.0, 0.0, 0.0]])


def lowered(similarity: float, to_negative: float, margin: float = 0.0) -> float:
    return float(lower_by_negatives(np.array([similarity]), probe(to_negative), NEGATIVE, margin=margin)[0])


def test_without_negatives_nothing_changes() -> None:
    given = np.array([0.123456789, -1.0], np.float32)
    assert (lower_by_negatives(given, np.ones((2, 3)), NONE) == given).all()


@given(similarities, similarities, st.floats(0, 0.5))
def test_it_never_raises_and_leaves_who_is_nearer_to_the_person(own: float, other: float, margin: float) -> None:
    got = lowered(own, other, margin)
    assert -1 <= got <= np.float32(own)
    if other <= own + margin:
        assert got == np.float32(own)
    elif other > own + margin + 1e-3 and own > -1 + 1e-3:
        assert got < own


@given(similarities, similarities, similarities)
def test_it_grows_with_the_person_and_falls_with_the_negative(one: float, two: float, other: float) -> None:
    low, high = sorted((one, two))
    assert lowered(low, other) <= lowered(high, other)
    assert lowered(other, high) <= lowered(other, low)


def test_the_nearest_negative_counts() -> None:
    probes = np.array([[0.0, 1.0, 0.0]])
    several = np.array([[1.0, 0.0, 0.0], [0.0, 0.9, np.sqrt(1 - 0.81)]])
    assert np.isclose(lower_by_negatives(np.array([0.7]), probes, several)[0], 0.7 - 2 * 0.2)
