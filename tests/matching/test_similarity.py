from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.unit_vectors import normalise

from mien.matching import cosine, cosine_matrix

SETS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 8), st.integers(2, 16)), elements=st.floats(-10, 10, width=32)
).filter(lambda a: bool(np.all(np.linalg.norm(a, axis=1) > 1e-3)))


@given(SETS)
def test_matrix_agrees_with_pairs_and_with_itself(vectors: np.ndarray) -> None:
    unit = normalise(vectors)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1.0, atol=1e-6)
    matrix = cosine_matrix(unit, unit)
    assert matrix.dtype == np.float32
    assert matrix.max() <= 1.0
    assert matrix.min() >= -1.0
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(matrix), 1.0, atol=1e-6)
    for i, a in enumerate(unit):
        for j, b in enumerate(unit):
            assert cosine(a, b) == pytest.approx(float(matrix[i, j]), abs=1e-6)


def test_opposite_and_orthogonal() -> None:
    a = np.array([1, 0], dtype=np.float32)
    assert cosine(a, -a) == -1.0
    assert cosine(a, np.array([0, 1], dtype=np.float32)) == 0.0


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        cosine(np.ones(3, np.float32), np.ones(4, np.float32))
    with pytest.raises(ValueError, match="cannot be compared"):
        cosine_matrix(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32))
    square = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match=r"^templates of shapes \(2, 2\) and \(2, 2\) cannot be compared$"):
        cosine(square, square)


def test_rounding_beyond_one_is_clipped_and_wider_numbers_are_compared_as_they_are_stored() -> None:
    long = np.array([1.001, 0.0], np.float32)
    assert (cosine(long, long), cosine(long, -long)) == (1.0, -1.0)
    fine = np.array([0.1, 0.7], np.float64)
    stored = fine.astype(np.float32)
    assert cosine(fine, stored) == cosine(stored, fine) == cosine(stored, stored)
    assert type(cosine(stored, stored)) is float
