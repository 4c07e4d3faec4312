"""Head pose: exact on turned canonical meshes, and signs and sizes on real faces, turned and mirrored."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vision.turned_views import rotation, turned_view

from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import FaceMesh, Mesh
from mien.vision.pose import head_pose, rotation_between
from mien.vision.types import HeadPose

FRONTAL = ("azure/Family1-Mom1.jpg", "azure/Family2-Man2.jpg", "azure/detection2.jpg")


def in_plane(degrees: float) -> Any:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def canonical_turned(yaw: float, pitch: float, roll: float) -> Mesh:
    turn = in_plane(roll) @ rotation(yaw, pitch)
    points = canonical_mesh().points @ turn.T * 80 + [300, 200, 5]
    return Mesh(points.astype(np.float32), 1.0)


def test_the_canonical_face_looks_straight_ahead() -> None:
    pose = head_pose(canonical_turned(0, 0, 0))
    assert (pose.pitch, pose.roll, pose.yaw) == pytest.approx((0, 0, 0), abs=0.01)


@given(st.floats(-35, 35), st.floats(-30, 30), st.floats(-179, 179))
def test_signs_of_a_turned_mesh(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(canonical_turned(yaw, pitch, roll))
    assert pose.roll == pytest.approx(roll, abs=0.1)
    assert pose.yaw == pytest.approx(yaw * 1.15, abs=0.1)
    assert pose.pitch == pytest.approx(pitch + 0.0025 * pose.yaw**2, abs=0.1)


def test_a_reflection_is_never_taken_for_a_rotation() -> None:
    source = np.random.default_rng(2).normal(size=(20, 3))
    turn = rotation_between(source, source * [-1, 1, 1])
    assert np.linalg.det(turn) == pytest.approx(1)


def test_a_photo_turned_in_its_plane_changes_the_roll_alone(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    for face in frontal(labelled_faces):
        upright = head_pose(face_mesh.find(face.pixels, face.points))
        size = max(face.pixels.shape[:2])
        middle = face.points.mean(axis=0)
        for degrees in (-60, -20, 35, 120):
            move = np.asarray(cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), -degrees, 1))
            move[:, 2] += size - middle
            pixels = np.asarray(cv2.warpAffine(face.pixels, move, (2 * size, 2 * size)), np.uint8)
            points = (face.points @ move[:, :2].T + move[:, 2]).astype(np.float32)
            turned = head_pose(face_mesh.find(pixels, points))
            assert (turned.roll - upright.roll - degrees + 180) % 360 - 180 == pytest.approx(0, abs=3), face.name
            assert turned.yaw == pytest.approx(upright.yaw, abs=4), face.name
            assert turned.pitch == pytest.approx(upright.pitch, abs=4), face.name


def test_a_mirrored_photo_changes_the_signs_of_yaw_and_roll(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    for face in labelled_faces[:13]:
        plain = head_pose(face_mesh.find(face.pixels, face.points))
        mirrored = np.ascontiguousarray(face.pixels[:, ::-1])
        points = face.points[[1, 0, 2, 4, 3]] * np.array([-1, 1], np.float32)
        points += np.array([face.pixels.shape[1], 0], np.float32)
        other = head_pose(face_mesh.find(mirrored, points))
        assert other.yaw == pytest.approx(-plain.yaw, abs=3), face.name
        assert other.roll == pytest.approx(-plain.roll, abs=3), face.name
        assert other.pitch == pytest.approx(plain.pitch, abs=3), face.name


@pytest.fixture(scope="module")
def heads(face_mesh: FaceMesh, labelled_faces: list[Any]) -> list[tuple[Any, Mesh, HeadPose]]:
    """Faces with their meshes, and the pose that is measured when they are rendered but not turned."""
    found = []
    for face in frontal(labelled_faces):
        mesh = face_mesh.find(face.pixels, face.points, passes=3)
        found.append((face, mesh, head_pose(face_mesh.find(*turned_view(face.pixels, mesh)))))
    return found


def changes(heads: list[Any], face_mesh: FaceMesh, *, yaw: float = 0, pitch: float = 0) -> tuple[float, float]:
    """Medians of how much the measured yaw and pitch change when the heads are turned."""
    turned = []
    for face, mesh, before in heads:
        after = head_pose(face_mesh.find(*turned_view(face.pixels, mesh, yaw=yaw, pitch=pitch)))
        turned.append((after.yaw - before.yaw, after.pitch - before.pitch))
    middle = np.median(turned, axis=0)
    return float(middle[0]), float(middle[1])


@pytest.mark.parametrize("yaw", [-35, -20, 20, 35])
def test_yaw_of_turned_views(face_mesh: FaceMesh, heads: list[Any], yaw: float) -> None:
    by_yaw, by_pitch = changes(heads, face_mesh, yaw=yaw)
    assert by_yaw == pytest.approx(yaw, abs=2 + 0.12 * abs(yaw))
    assert by_pitch == pytest.approx(0, abs=6)


@pytest.mark.parametrize("pitch", [-20, 20])
def test_pitch_of_turned_views(face_mesh: FaceMesh, heads: list[Any], pitch: float) -> None:
    by_yaw, by_pitch = changes(heads, face_mesh, pitch=pitch)
    assert by_pitch == pytest.approx(pitch, abs=2 + 0.15 * abs(pitch))
    assert by_yaw == pytest.approx(0, abs=4)


def frontal(faces: list[Any]) -> list[Any]:
    return [face for face in faces if face.name in FRONTAL]
