"""Drawing: what is drawn is where it should be, and nothing else of the photo changes."""

import numpy as np
import pytest

from mien.contract.attributes import GlassesType, Level3
from mien.vision.draw import describe, draw_faces, pose_axes
from mien.vision.types import Attributes, Face, FaceBox, HeadPose, Measured, Occlusion


def _face(attributes: Attributes) -> Face:
    points = np.array([[120, 110], [160, 110], [140, 130], [125, 150], [155, 150]], np.float32)
    return Face(FaceBox(100, 90, 80, 90), 0.9, points, attributes=attributes)


def test_the_box_is_drawn_and_the_photo_itself_is_left_alone() -> None:
    photo = np.full((300, 400, 3), 128, np.uint8)
    drawn = draw_faces(photo, [_face(Attributes())])
    assert (photo == 128).all()
    assert (drawn[90, 100:180] != 128).any(axis=1).all()
    assert (drawn[110, 120] != 128).any()
    assert (drawn[:60] == 128).all()
    assert (drawn[:, 300:] == 128).all()


def test_the_axes_follow_the_signs_of_the_contract() -> None:
    right, down, camera = pose_axes(HeadPose(pitch=0, roll=0, yaw=0))
    assert right == pytest.approx([1, 0])
    assert down == pytest.approx([0, 1])
    assert camera == pytest.approx([0, 0])
    assert pose_axes(HeadPose(pitch=0, roll=0, yaw=30))[2][0] > 0.4  # the nose points to the image's right
    assert pose_axes(HeadPose(pitch=20, roll=0, yaw=0))[2][1] < -0.3  # up
    assert pose_axes(HeadPose(pitch=0, roll=30, yaw=0))[0][1] > 0.4  # clockwise: the right side goes down


def test_attributes_are_told_by_name_and_value() -> None:
    told = describe(Attributes(glasses=GlassesType.SUN, blur=Measured(Level3.LOW, 0.1234), accessories=()))
    assert told == ["glasses: sunglasses", "accessories: none", "blur: low"]


def test_pose_and_coverings_are_told_with_their_names_and_units() -> None:
    told = describe(
        Attributes(
            head_pose=HeadPose(pitch=-3.2, roll=178.6, yaw=0.4),
            occlusion=Occlusion(forehead=False, eye=True, mouth=False),
        )
    )
    assert told == ["head pose: pitch -3°, roll 179°, yaw 0°", "covered: eye"]
