"""Create `src/mien/vision/data/canonical_mesh.npz`: the mean face, and the mirror vertex of each vertex.

    python -m tools.make_canonical_mesh ../shared/faces/lfw

Every person's first photo gives a mesh; meshes are brought together by generalised Procrustes analysis and averaged,
nearly frontal ones only, and the mean is made symmetric. What a neutral photo's mesh leans by (the network sees every
face tilted a little) is in the mean, so that poses measured against it are 0 for the average neutral photo. The photos
are of a set for research use; the averages hold nothing of any of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mien.models.store import ModelStore
from mien.vision.landmarks import FaceMesh
from mien.vision.pose import rotation_between

Float64 = NDArray[np.float64]
START = np.array([[105, 113], [147, 113], [126, 137], [108, 156], [145, 156]], np.float32)
"""Where LFW's alignment (deep funneling) puts the five points of its 250×250 photos: medians."""

TARGET = Path(__file__).parents[1] / "src/mien/vision/data/canonical_mesh.npz"
EYE_CORNERS = (33, 263)
FRONTAL = 12.0
"""Degrees of yaw up to which a mesh counts for the mean."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of people's folders of aligned photos (LFW)")
    networks = ModelStore().load("mesh").networks
    finder = FaceMesh(networks["mesh"], networks["iris"])
    meshes = []
    for person in sorted(parser.parse_args().photos.iterdir()):
        pixels = cv2.imread(str(min(person.glob("*.jpg"))))
        mesh = finder.find(np.asarray(pixels, np.uint8), START, passes=4, mirrored=False)
        if mesh.presence > 0.9:
            meshes.append(upright(mesh.points.astype(np.float64)))
    every = np.array(meshes)
    mirror = mirror_of(every.mean(0))
    # A photo and its mirror image count the same.
    every = np.concatenate([every, every[:, mirror] * np.array([-1, 1, 1])])
    mean = every.mean(0)
    for _ in range(8):
        turns = np.array([rotation_between(mean, mesh) for mesh in every])
        frontal = np.abs(np.degrees(np.arcsin(turns[:, 2, 0]))) < FRONTAL
        mean = np.array([mesh @ turn for mesh, turn in zip(every[frontal], turns[frontal], strict=True)]).mean(0)
        u, _, vt = np.linalg.svd(turns[frontal].mean(0))
        mean = mean @ (u @ vt).T  # the average photo has pose 0
        mean = normalised((mean + mean[mirror] * np.array([-1, 1, 1])) / 2)
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, points=mean.astype(np.float32), mirror=mirror.astype(np.uint16))
    print(f"{len(meshes)} meshes, {frontal.sum() // 2} nearly frontal; wrote {TARGET}")


def upright(points: Float64) -> Float64:
    """Turn a mesh in the image plane until the eyes lie level, and normalise it."""
    left, right = points[EYE_CORNERS[0]], points[EYE_CORNERS[1]]
    angle = np.arctan2(right[1] - left[1], right[0] - left[0])
    cos, sin = np.cos(angle), np.sin(angle)
    return normalised(points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]))


def normalised(points: Float64) -> Float64:
    """Centre a mesh, and scale it to a root mean square distance of 1."""
    centred = points - points.mean(0)
    return np.asarray(centred / np.sqrt((centred**2).sum(1).mean()))


def mirror_of(mean: Float64) -> NDArray[np.intp]:
    """Match every vertex with the one nearest to its mirror image, one to one."""
    symmetric = mean - [(mean[EYE_CORNERS[0], 0] + mean[EYE_CORNERS[1], 0]) / 2, 0, 0]
    distances = np.linalg.norm(symmetric[:, None] - (symmetric * [-1, 1, 1])[None], axis=2)
    _, mirror = linear_sum_assignment(distances + distances.T)
    if not np.array_equal(mirror[mirror], np.arange(len(mean))):
        message = "the match is not symmetric"
        raise ValueError(message)
    return np.asarray(mirror)


if __name__ == "__main__":
    main()
