"""Novelty: a photo that is bent into a turn agrees with its frontal view, another picture does not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.liveness.heads import Head, Pose
from tests.liveness.photos import head_in_photo, networks
from tests.shared import azure_photo

from mien.models.errors import ModelError
from mien.vision.landmarks import Mesh
from mien.vision.presentation.novelty import UnwrappedFace, agreement, unwrap
from mien.vision.types import Float32, OperatingPoint, Pixels


@pytest.fixture(scope="module")
def head() -> Head:
    try:
        return head_in_photo(azure_photo("Family2-Man2"))
    except ModelError as problem:
        pytest.skip(str(problem))


def _views(head: Head, *poses: Pose, other: Head | None = None) -> list[UnwrappedFace]:
    finder, mesher = networks()
    found = []
    for number, pose in enumerate(poses):
        pixels, _ = head.view(pose)
        mesh = mesher.find(pixels, finder.find(pixels, OperatingPoint.GENERAL)[0].points)
        noise = np.random.default_rng(number).normal(0, 2, pixels.shape)
        noisy: Pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        found.append(unwrap(noisy, mesh))
    return found


def test_a_rendering_from_one_photo_shows_nothing_new(head: Head) -> None:
    ahead = _views(head, Pose(), Pose(yaw=1), Pose(pitch=1))
    turned = _views(head, Pose(yaw=24), Pose(yaw=25), Pose(yaw=26))
    agreed = agreement(ahead, turned)
    assert agreed is not None
    assert agreed > 0.88


def test_a_turned_face_with_detail_of_its_own_agrees_less(head: Head) -> None:
    ahead = _views(head, Pose(), Pose(yaw=1), Pose(pitch=1))
    turned = _views(head, Pose(yaw=24), Pose(yaw=25), Pose(yaw=26))
    rng = np.random.default_rng(3)
    own = rng.normal(0, float(turned[0].detail.std()), turned[0].detail.shape).astype(np.float32)
    fresh = [UnwrappedFace(np.asarray(0.5 * one.detail + own, np.float32), one.facing) for one in turned]
    agreed = agreement(ahead, fresh)
    assert agreed is not None
    assert agreed < 0.85


def test_too_few_views_tell_nothing() -> None:
    pixels: Pixels = np.zeros((64, 64, 3), np.uint8)
    points: Float32 = np.zeros((468, 3), np.float32)
    one = unwrap(pixels, Mesh(points, 1.0))
    assert agreement([one], [one, one]) is None
    assert agreement([one, one], [one, one]) is None  # no skin to be seen
