"""A head that turns is not a plane; a picture of one is, however it is turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.vision.turned_views import rotation

from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.presentation.planarity import depth, eye_distance, mean_mesh, plane_angle, residual
from mien.vision.types import Float32


def mesh(points: np.ndarray) -> Mesh:
    return Mesh(np.asarray(points, np.float32), 1.0)


def face() -> Float32:
    """The mean face, 200 pixels wide."""
    points = canonical_mesh().points * np.float32(200 / np.ptp(canonical_mesh().points[:, 0]))
    return np.asarray(points + np.array([300, 300, 0], np.float32), np.float32)


def head_turned(yaw: float, pitch: float = 0) -> Mesh:
    middle = face().mean(axis=0)
    return mesh((face() - middle) @ rotation(yaw, pitch).T + middle)


def photo_turned(yaw: float, pitch: float = 0, focal: float = 900) -> Mesh:
    """A flat picture of the face, turned and seen in perspective."""
    flat = face() - face().mean(axis=0)
    flat[:, 2] = 0
    turned = flat @ rotation(yaw, pitch).T
    seen = turned[:, :2] / (1 + turned[:, 2:] / focal)
    return mesh(np.column_stack([seen + 300, turned[:, 2]]))


NEUTRAL = mesh(face())


@given(st.floats(-50, 50), st.floats(-35, 35))
@examples(40)
def test_a_photo_is_a_plane_at_every_angle(yaw: float, pitch: float) -> None:
    assert residual(NEUTRAL, photo_turned(yaw, pitch)) < 0.002


@pytest.mark.parametrize(("yaw", "pitch"), [(18, 0), (-18, 0), (30, 0), (-40, 0), (0, 14), (0, -14), (20, 10)])
def test_a_head_is_none(yaw: float, pitch: float) -> None:
    assert residual(NEUTRAL, head_turned(yaw, pitch)) > 0.045


def test_the_residual_grows_with_the_angle() -> None:
    values = [residual(NEUTRAL, head_turned(yaw)) for yaw in (0, 10, 20, 30, 40)]
    assert values == sorted(values)


@pytest.mark.parametrize("yaw", [20, 35, -30])
def test_the_angle_of_a_turned_plane_is_read_from_its_foreshortening(yaw: float) -> None:
    assert plane_angle(NEUTRAL, photo_turned(yaw, focal=5000)) == pytest.approx(abs(yaw), abs=3)
    assert plane_angle(NEUTRAL, mesh(face() * 1.3)) < 1


def test_size_place_and_tilt_do_not_matter() -> None:
    spin = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    moved = mesh(head_turned(25).points @ spin.T * 1.7 + 50)
    assert residual(NEUTRAL, moved) == pytest.approx(1.7 * residual(NEUTRAL, head_turned(25)), rel=0.1)


def test_depth_is_the_median_over_the_turned_frames() -> None:
    turned = [(head_turned(yaw), yaw) for yaw in (20.0, 25.0, 30.0)]
    found = depth(NEUTRAL, turned)
    assert found is not None
    assert found.angle == 25
    assert found.frames == 3
    assert found.residual == pytest.approx(residual(NEUTRAL, turned[1][0]))
    assert depth(NEUTRAL, []) is None


def test_the_mean_mesh_of_one_face_at_several_places_is_that_face() -> None:
    meshes = [mesh(face() * scale + shift) for scale, shift in ((1, 0), (1.2, 40), (0.9, -30))]
    mean = mean_mesh(meshes)
    assert eye_distance(mean) == pytest.approx(eye_distance(NEUTRAL), rel=0.01)
    assert np.abs(mean.points - face()).max() < 1
