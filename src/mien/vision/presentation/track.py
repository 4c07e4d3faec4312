"""Tracking of one face through a video: its position, pose and colour, frame by frame.

The detector runs on the first frame, about once a second, and if the mesh loses the face. In between, the mesh of the
previous frame determines the next crop, which takes a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from mien.vision.finder import FaceFinder
from mien.vision.landmarks import FaceMesh, Mesh
from mien.vision.pose import head_pose
from mien.vision.presentation.eyes import eye_contrast
from mien.vision.presentation.skin import background_colour, skin_colours
from mien.vision.types import Detection, Float32, HeadPose, OperatingPoint, Pixels

_PRESENT = 0.5
"""Presence below which the mesh does not show a face."""
_DETECT_EVERY_MS = 650
_JUMP = 0.6
"""Shift of the face's middle between two frames, in face widths, above which it may be another face."""
_OTHER_FACE = 0.35
"""Width relative to the tracked face from which a second face counts; smaller faces are bystanders."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One frame with the face in it.

    Attributes:
        index: index of the frame.
        time_ms: time of the frame.
        mesh: the face's mesh in the frame's pixels.
        pose: pose of the head.
        colours: float32 (3, 3), linear red, green and blue of the skin's regions, see `skin_colours`.
        behind: float32 (3,), linear red, green and blue of the background, see `background_colour`.
        eyes: contrast of the eyes, see `eye_contrast`.
        detection: the detected face; None in frames without detection.
        jumped: whether the face moved implausibly far since the previous frame.
    """

    index: int
    time_ms: float
    mesh: Mesh
    pose: HeadPose
    colours: Float32
    behind: Float32
    eyes: float
    detection: Detection | None
    jumped: bool

    @property
    def middle(self) -> Float32:
        """Middle of the face, x and y in pixels."""
        points = self.mesh.points[:, :2]
        return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2, np.float32)

    @property
    def width(self) -> float:
        """Width of the face in pixels."""
        return float(np.ptp(self.mesh.points[:, 0]))


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """A face through a video.

    Attributes:
        observations: the frames that show it, in order.
        frames: number of processed frames.
        most_faces: the largest number of faces of similar size in one frame.
        size: width and height of the frames' pixels.
    """

    observations: tuple[Observation, ...]
    frames: int
    most_faces: int
    size: tuple[int, int]

    @property
    def times(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Times of the observations, float64 (n,), in ms."""
        return np.array([observation.time_ms for observation in self.observations], np.float64)

    def angles(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return yaw, pitch and roll in degrees, float64 (n, 3)."""
        return np.array([(s.pose.yaw, s.pose.pitch, s.pose.roll) for s in self.observations], np.float64).reshape(-1, 3)


def follow(frames: Iterable[tuple[float, Pixels]], finder: FaceFinder, mesher: FaceMesh) -> FaceTrack:
    """Track the largest face.

    Args:
        frames: time in ms and BGR uint8 (h, w, 3) of each frame, in order; all of one size.
        finder: finds faces in a frame.
        mesher: finds their mesh.
    """
    observations: list[Observation] = []
    last: Observation | None = None
    detected_at, most, count, size = -np.inf, 0, 0, (0, 0)
    for index, (time, pixels) in enumerate(frames):
        count, size = index + 1, (pixels.shape[1], pixels.shape[0])
        mesh, detection = None, None
        if last is not None:
            mesh = mesher.follow(pixels, last.mesh)
        due = time - detected_at >= _DETECT_EVERY_MS
        if due or mesh is None or mesh.presence < _PRESENT:
            found = finder.find(pixels, OperatingPoint.GENERAL)
            detected_at = time
            detection = _followed(found, mesh)
            if detection is None:
                last = None
                continue
            most = max(most, sum(face.box[2] >= _OTHER_FACE * detection.box[2] for face in found))
            if mesh is None or mesh.presence < _PRESENT or not _inside(mesh, detection):
                mesh = mesher.find(pixels, detection.points, mirrored=False)
                if mesh.presence < _PRESENT:
                    last = None
                    continue
        observation = Observation(
            index,
            time,
            mesh,
            head_pose(mesh),
            skin_colours(pixels, mesh),
            background_colour(pixels, mesh),
            eye_contrast(pixels, mesh),
            detection,
            jumped=bool(observations) and _jumped(observations[-1], time, mesh),
        )
        observations.append(observation)
        last = observation
    return FaceTrack(tuple(observations), count, most, size)


def _followed(found: list[Detection], mesh: Mesh | None) -> Detection | None:
    """Return the detection of the mesh's face, else the largest."""
    if not found:
        return None
    if mesh is not None:
        on = [face for face in found if _inside(mesh, face)]
        if on:
            return max(on, key=lambda face: face.score)
    return max(found, key=lambda face: face.box[2] * face.box[3])


def _inside(mesh: Mesh, face: Detection) -> bool:
    """Whether a mesh's middle is in the detection's box and its size fits."""
    low, high = mesh.points[:, :2].min(axis=0), mesh.points[:, :2].max(axis=0)
    x, y = (low + high) / 2
    left, top, width, height = face.box
    fits = 0.5 < float(high[0] - low[0]) / max(width, 1e-6) < 2
    return fits and left < x < left + width and top < y < top + height


def _jumped(before: Observation, time: float, mesh: Mesh) -> bool:
    """Whether the face moved or changed size more than a head can between two frames."""
    low, high = mesh.points[:, :2].min(axis=0), mesh.points[:, :2].max(axis=0)
    limit = _JUMP * before.width * max(1.0, (time - before.time_ms) / 150)
    moved = float(np.linalg.norm((low + high) / 2 - before.middle))
    grown = float(high[0] - low[0]) / max(before.width, 1e-6)
    return moved > limit or not 0.6 < grown < 1.7


def sharpness(pixels: Pixels, observation: Observation) -> float:
    """Return the sharpness: variance of the Laplacian of the face's luma at 96 pixels, relative to its contrast."""
    low = np.maximum(observation.mesh.points[:, :2].min(axis=0), 0).astype(int)
    high = np.minimum(observation.mesh.points[:, :2].max(axis=0) + 1, (pixels.shape[1], pixels.shape[0])).astype(int)
    if (high - low).min() < 8:
        return 0.0
    luma = cv2.cvtColor(pixels[low[1] : high[1], low[0] : high[0]], cv2.COLOR_BGR2GRAY)
    luma = cv2.resize(luma, (96, 96), interpolation=cv2.INTER_AREA if luma.shape[0] > 96 else cv2.INTER_LINEAR)
    return float(cv2.Laplacian(luma, cv2.CV_32F).var() / max(float(luma.var()), 25.0))
