"""The face mesh on real photos: where it lies, and that turning, mirroring, scaling and cutting move it along."""

from typing import Any

import cv2
import numpy as np
import pytest

from mien.contract.landmarks import LANDMARK_NAMES
from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import FaceMesh, Mesh, landmarks27
from mien.vision.types import Float32, Pixels

ORDER = {name: index for index, name in enumerate(LANDMARK_NAMES)}


def turned(pixels: Pixels, points: Float32, degrees: float, scale: float = 1.0) -> tuple[Pixels, Float32, Float32]:
    """Turn a photo clockwise on a canvas that holds all of it; also gives the (2, 3) transform of its points."""
    height, width = pixels.shape[:2]
    move = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, scale), np.float64)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ move.T
    move[:, 2] -= np.asarray(corners.min(axis=0))
    size = np.ceil(np.ptp(corners, axis=0)).astype(int)
    centred = move.copy()
    centred[:, 2] += (move[:, 0] + move[:, 1] - 1) / 2
    flags = cv2.INTER_LINEAR if scale >= 1 else cv2.INTER_AREA
    result = cv2.warpAffine(pixels, centred, (int(size[0]), int(size[1])), flags=flags)
    return np.asarray(result, np.uint8), apply(move, points), move.astype(np.float32)


def apply(move: Any, points: Float32) -> Float32:
    return np.asarray(points[:, :2] @ move[:, :2].T + move[:, 2], np.float32)


def distance(found: Float32, expected: Float32, eyes: float) -> float:
    """Median distance in percent of the distance of the eyes."""
    return float(np.nanmedian(np.linalg.norm(found - expected, axis=1)) / eyes * 100)


def test_landmarks_of_the_canonical_mesh_are_symmetric() -> None:
    canonical = canonical_mesh()
    assert np.array_equal(canonical.mirror[canonical.mirror], np.arange(468))
    found = landmarks27(Mesh(canonical.points, 1.0, np.array([[-0.5, -0.4], [0.5, -0.4]], np.float32)))
    swapped = [ORDER[_other_side(name)] for name in LANDMARK_NAMES]
    np.testing.assert_allclose(found[swapped] * [-1, 1], found, atol=1e-5)
    assert len(np.unique(found.round(4), axis=0)) == 27


def test_named_landmarks_need_irises() -> None:
    with pytest.raises(ValueError, match="irises"):
        landmarks27(Mesh(np.zeros((468, 3), np.float32), 1.0))


def test_landmarks_lie_where_the_eye_sees_them(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    """In percent of the distance of the pupils; bench/landmarks.py prints the figures, this keeps a margin."""
    errors = []
    for face in labelled_faces:
        found = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        errors.append(np.linalg.norm(found - face.landmarks, axis=1) / face.eye_distance * 100)
    assert len(errors) >= 20
    assert np.nanmedian(errors) < 4.6
    assert np.nanmedian(np.array(errors)[:, :2]) < 2.5
    assert np.nanmedian(errors, axis=0).max() < 9, "one landmark is systematically elsewhere"


def test_left_is_the_image_left_on_upright_faces(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    for face in labelled_faces:
        found = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        for name, index in ORDER.items():
            if "Left" in name:
                assert found[index, 0] < found[ORDER[name.replace("Left", "Right")], 0], (face.name, name)
        assert found.dtype == np.float32
        assert found.shape == (27, 2)


def test_a_face_is_present_and_a_wall_is_not(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    face = labelled_faces[0]
    assert face_mesh.find(face.pixels, face.points).presence > 0.9
    wall = np.full_like(face.pixels, 128)
    assert face_mesh.find(wall, face.points, passes=1).presence < 0.5


@pytest.mark.parametrize("degrees", [-135, -90, -40, 25, 90, 180])
def test_a_turned_photo_turns_the_mesh(face_mesh: FaceMesh, labelled_faces: list[Any], degrees: float) -> None:
    for face in labelled_faces[:8]:
        upright = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        pixels, points, move = turned(face.pixels, face.points, degrees)
        found = landmarks27(face_mesh.find(pixels, points, irises=True))
        assert distance(found, apply(move, upright), face.eye_distance) < 3, face.name


def test_a_mirrored_photo_mirrors_the_mesh(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    swapped = [ORDER[_other_side(name)] for name in LANDMARK_NAMES]
    differences = []
    for face in labelled_faces:
        plain = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        width = face.pixels.shape[1]
        mirror = np.array([width, 0], np.float32) + face.points[[1, 0, 2, 4, 3]] * np.array([-1, 1], np.float32)
        found = landmarks27(face_mesh.find(np.ascontiguousarray(face.pixels[:, ::-1]), mirror, irises=True))
        back = np.array([width, 0], np.float32) + found[swapped] * np.array([-1, 1], np.float32)
        differences.append(distance(back, plain, face.eye_distance))
    assert np.median(differences) < 4


def _other_side(name: str) -> str:
    if "Left" in name:
        return name.replace("Left", "Right")
    return name.replace("Right", "Left")


@pytest.mark.parametrize("eyes", [15, 30, 400])
def test_small_and_large_faces(face_mesh: FaceMesh, labelled_faces: list[Any], eyes: float) -> None:
    """Fifteen pixels between the eyes is a face of about 36 pixels."""
    worst = []
    for face in labelled_faces[:8]:
        plain = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        scale = eyes / face.eye_distance
        pixels = np.asarray(cv2.resize(face.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        ratio = np.array([pixels.shape[1] / face.pixels.shape[1], pixels.shape[0] / face.pixels.shape[0]], np.float32)
        found = landmarks27(face_mesh.find(pixels, face.points * ratio, irises=True))
        worst.append(distance(found / ratio, plain, face.eye_distance))
    assert np.median(worst) < 4


def test_a_face_at_the_border_keeps_its_visible_landmarks(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    for face in labelled_faces[:8]:
        plain = landmarks27(face_mesh.find(face.pixels, face.points, irises=True))
        cut = int(plain[ORDER["eyebrowLeftInner"], 1] - 0.15 * face.eye_distance)
        below = np.ascontiguousarray(face.pixels[max(cut, 0) :])
        shift = np.array([0, max(cut, 0)], np.float32)
        found = landmarks27(face_mesh.find(below, face.points - shift, irises=True)) + shift
        assert distance(found, plain, face.eye_distance) < 6, face.name


def test_points_without_extent_give_a_mesh_instead_of_an_error(face_mesh: FaceMesh) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    mesh = face_mesh.find(pixels, np.full((5, 2), 20, np.float32), irises=True)
    assert mesh.presence < 0.5
    assert np.isfinite(mesh.points).all()
    outside = face_mesh.find(pixels, np.array([[200, 0], [240, 0], [220, 20], [205, 40], [235, 40]], np.float32))
    assert outside.presence < 0.5


def test_following_a_mesh_agrees_with_finding_it(face_mesh: FaceMesh, labelled_faces: list[Any]) -> None:
    for face in labelled_faces[:8]:
        mesh = face_mesh.find(face.pixels, face.points, passes=3)
        shifted = np.roll(face.pixels, (3, 5), (0, 1))
        followed = face_mesh.follow(shifted, mesh)
        expected = mesh.points[:, :2] + np.array([5, 3], np.float32)
        assert distance(followed.points[:, :2], expected, face.eye_distance) < 4, face.name
