"""Head pose from the dense mesh.

The pose is the rotation from the canonical mesh to the face's mesh, expressed as pitch, then yaw, then roll in the
image plane. So rotating a photo changes only the roll, which is the slope of the line through the eyes. The canonical
mesh includes the tilt that the network gives to neutral faces, so their pitch is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.types import HeadPose

Float64 = NDArray[np.float64]

_LIP = 2
"""The vertex under the nose; vertices above it keep their shape when the mouth moves."""

_YAW_GAIN = 1.15
"""Ratio of true yaw to the mesh's: the network rotates its mesh less than the head. Measured on faces rendered at known
angles (`bench/pose.py`), with a depth of head whose foreshortening agrees with that of turned faces in photos."""

_PITCH_DROP = 0.0025
"""Degrees of pitch lost per squared degree of yaw; measured on the same faces."""


def head_pose(mesh: Mesh) -> HeadPose:
    """Measure the head's pose.

    Reliable up to about 40° of yaw and 30° of pitch; beyond that the values are too small, because the network hardly
    rotates its mesh any further.

    Args:
        mesh: a face's mesh.

    Returns:
        Degrees; pitch > 0 looks up, roll > 0 is clockwise in the image, yaw > 0 turns the nose to the image's right.
    """
    canonical = canonical_mesh().points.astype(np.float64)
    stable = canonical[:, 1] < canonical[_LIP, 1]
    turn = rotation_between(canonical[stable], mesh.points[stable].astype(np.float64))
    roll = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    yaw = np.degrees(np.arcsin(np.clip(turn[2, 0], -1, 1))) * _YAW_GAIN
    pitch = -np.degrees(np.arctan2(turn[2, 1], turn[2, 2])) + _PITCH_DROP * min(yaw**2, 45.0**2)
    return HeadPose(pitch=float(pitch), roll=float(roll), yaw=float(yaw))


def rotation_between(source: Float64, target: Float64) -> Float64:
    """Return the least-squares rotation from `source` to `target`, up to shift and scale.

    Args:
        source: (n, 3).
        target: (n, 3).

    Returns:
        (3, 3), R with target ≈ scale · R · source + shift, and determinant 1 (Kabsch's method).
    """
    covariance = (target - target.mean(axis=0)).T @ (source - source.mean(axis=0))
    u, _, vt = np.linalg.svd(covariance)
    u[:, -1] *= np.linalg.det(u @ vt)
    return np.asarray(u @ vt)
