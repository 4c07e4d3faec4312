"""Enrolling before a camera: what is advised, and pictures that are taken by themselves from a camera of photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest
from tests.browser import PATIENCE, launched
from tests.conftest import Server
from tests.portal.conftest import Person
from tests.shared import azure_photo

from mien.portal.guidance import Pose, advise
from mien.vision.types import Attributes, Face, FaceBox, HeadPose, Occlusion


def face(width: int = 300, *, covered: bool = False, pitch: float = 0, roll: float = 0, yaw: float = 0) -> Face:
    seen = Attributes(head_pose=HeadPose(pitch, roll, yaw), occlusion=Occlusion(False, False, covered))
    return Face(FaceBox(0, 0, width, width), 0.9, np.zeros((5, 2), np.float32), attributes=seen)


@pytest.mark.parametrize(
    ("faces", "pose", "told"),
    [
        ([], Pose.FRONT, "No face is visible: look into the camera."),
        ([face(), face()], Pose.FRONT, "Several faces are seen: one person at a time."),
        ([face(100)], Pose.FRONT, "Come closer."),
        ([face(650)], Pose.FRONT, "Move back a little."),
        ([face(roll=-20)], Pose.FRONT, "Keep your head upright."),
        ([face(pitch=20)], Pose.FRONT, "Lower your chin a little."),
        ([face(pitch=-20)], Pose.FRONT, "Raise your chin a little."),
        ([face(yaw=20)], Pose.FRONT, "Look straight into the camera."),
        ([face(yaw=2)], Pose.LEFT, "Turn your head a little to the left."),
        ([face(yaw=20)], Pose.RIGHT, "Turn your head a little to the right."),
        ([face(yaw=50)], Pose.LEFT, "Turn your head back a little."),
        ([face(covered=True)], Pose.FRONT, "Uncover forehead, eyes and mouth."),
        ([face()], Pose.FRONT, None),
        ([face(yaw=20)], Pose.LEFT, None),
        ([face(yaw=-20)], Pose.RIGHT, None),
    ],
)
def test_one_thing_is_advised_at_a_time(faces: list[Face], pose: Pose, told: str | None) -> None:
    assert advise(faces, 720, pose) == told


def film(folder: Path, client: httpx.Client) -> Path:
    """A camera that shows one person's most frontal photo, with the face in the middle and 160 pixels wide."""
    found = {}
    for photo in map(azure_photo, ("Family1-Dad1", "Family1-Dad2")):
        answer = client.post(
            "/face/v1.2/detect?detectionModel=detection_03&returnFaceId=false&returnFaceAttributes=headPose",
            content=photo.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        (found[photo],) = answer.raise_for_status().json()
    photo = min(found, key=lambda one: abs(found[one]["faceAttributes"]["headPose"]["yaw"]))
    box = found[photo]["faceRectangle"]
    pixels = cv2.imread(str(photo))
    assert pixels is not None
    scale = 160 / box["width"]
    x, y = (scale * (box[side] + box[size] / 2) for side, size in (("left", "width"), ("top", "height")))
    shift = np.array([[scale, 0, 320 - x], [0, scale, 240 - y]])
    wide = cv2.warpAffine(pixels, shift, (640, 480), borderValue=(128, 128, 128))
    done, jpeg = cv2.imencode(".jpg", wide, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    path = folder / "camera.mjpeg"
    path.write_bytes(np.asarray(jpeg).tobytes() * 10)
    return path


@pytest.mark.shared
@pytest.mark.timeout(600)
def test_the_camera_says_what_to_do_next(portal: Server, tmp_path: Path) -> None:
    group = f"camera-{uuid4().hex[:8]}"
    with portal.client() as client, own_group(client, group):
        url = f"/face/v1.2/largepersongroups/{group}/persons"
        dad = client.post(url, json={"name": "Dad"}).raise_for_status().json()["personId"]
        arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        shown = film(tmp_path, client)
        with launched(*arguments, f"--use-file-for-fake-video-capture={shown}") as browser:
            context = browser.new_context(permissions=["camera"])
            context.set_default_timeout(PATIENCE)
            someone = Person(context.new_page(), portal.management)
            someone.sign_in(portal.admin_token)
            page = someone.go(f"/people/largePersonGroup/{group}/{dad}")
            page.get_by_role("button", name="Use the camera").click()
            page.get_by_text("camera-front.jpg", exact=True).wait_for()  # taken by itself, and enrolled
            page.get_by_text("Turn your head a little to the left.").wait_for()  # as the photo never does
            page.get_by_role("button", name="Stop the camera").click()
            page.get_by_role("button", name="Use the camera").wait_for()
        faces = client.get(f"{url}/{dad}").raise_for_status().json()["persistedFaceIds"]
    assert len(faces) == 1


@contextmanager
def own_group(client: httpx.Client, group: str) -> Iterator[None]:
    """A group that is there for a while: other tests of the shared server list groups."""
    body = {"name": "Camera", "recognitionModel": "recognition_04"}
    client.put(f"/face/v1.2/largepersongroups/{group}", json=body).raise_for_status()
    try:
        yield
    finally:
        client.delete(f"/face/v1.2/largepersongroups/{group}").raise_for_status()
