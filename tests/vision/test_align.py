"""Alignment: the closed form against the transform that was put in, and resampling without aliasing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.vision import align
from mien.vision.types import Float32


def _transform(angle: float, scale: float, x: float, y: float) -> Float32:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y]], np.float32)


@given(
    angle=st.floats(-np.pi, np.pi),
    scale=st.floats(0.05, 20),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_the_similarity_that_moved_the_template_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    points = align.apply_transform(_transform(angle, scale, x, y), align.TEMPLATE_112)
    found = align.similarity_transform(points, align.TEMPLATE_112)
    np.testing.assert_allclose(align.apply_transform(found, points), align.TEMPLATE_112, atol=0.05)


def test_points_in_one_place_do_not_break_it() -> None:
    same = np.full((5, 2), 7, np.float32)
    assert np.isfinite(align.similarity_transform(same, align.TEMPLATE_112)).all()


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    small = align.warp(stripes, _transform(0, 0.1, 0, 0), 80, 80)
    middle = small[10:70, 10:70].astype(int)
    assert abs(int(middle.mean()) - 127) < 3
    assert middle.std() < 8


@pytest.mark.parametrize("factor", [0.08, 0.3, 1.0, 3.0])
def test_a_mark_stays_where_the_transform_puts_it(factor: float) -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[280:320, 180:220] = 255
    size = round(600 * factor)
    moved = align.warp(image, _transform(0, factor, 0, 0), size, size)[:, :, 0].astype(float)
    rows, columns = np.mgrid[:size, :size]
    middle = np.array([(moved * columns).sum(), (moved * rows).sum()]) / moved.sum()
    # Warping moves pixel centres: the mark's is at (199.5, 299.5).
    np.testing.assert_allclose(middle, np.array([199.5, 299.5]) * factor, atol=max(0.6, factor * 0.6))
