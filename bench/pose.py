"""Head pose: the estimates for faces turned by known angles, and the foreshortening of LFW's turned faces.

    python -m bench.pose [--photos ../shared/faces]

The second table is the source of `HEAD_DEPTH` of the renderings: on real photos the angle is unknown, but the eye
distance shrinks with its cosine.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from tests.vision.turned_views import turned_view

from mien.models.store import ModelStore
from mien.vision.landmarks import FaceMesh, Mesh
from mien.vision.pose import head_pose

DATA = Path(__file__).parent / "data" / "landmarks.json"
FRONTAL = ("azure/Family1-Mom1.jpg", "azure/Family2-Man2.jpg", "azure/detection2.jpg", "azure/Family3-Man1.jpg")
TURNS = [(yaw, 0) for yaw in (-40, -30, -20, -10, 10, 20, 30, 40)] + [
    (0, pitch) for pitch in (-30, -20, -10, 10, 20, 30)
]
LFW_START = np.array([[105, 113], [147, 113], [126, 137], [108, 156], [145, 156]], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path(__file__).parents[2] / "shared" / "faces")
    folder = parser.parse_args().photos
    networks = ModelStore().load("mesh").networks
    finder = FaceMesh(networks["mesh"], networks["iris"])
    turned(finder, folder)
    foreshortened(finder, folder / "lfw")


def turned(finder: FaceMesh, folder: Path) -> None:
    heads = []
    for entry in json.loads(DATA.read_text()):
        if entry["photo"] in FRONTAL:
            pixels = np.asarray(cv2.imread(str(folder / entry["photo"])), np.uint8)
            heads.append((pixels, finder.find(pixels, np.array(entry["points"], np.float32), passes=3)))
    straight = [head_pose(finder.find(*turned_view(*head))) for head in heads]
    print(f"{len(heads)} heads turned by known angles: change that is read, median (spread)")
    for yaw, pitch in TURNS:
        poses = [head_pose(finder.find(*turned_view(*head, yaw=yaw, pitch=pitch))) for head in heads]
        change = np.array(
            [(a.yaw - b.yaw, a.pitch - b.pitch, a.roll - b.roll) for a, b in zip(poses, straight, strict=True)]
        )
        middle, spread = np.median(change, axis=0), change.std(axis=0)
        read = ", ".join(
            f"{name} {m:+.1f} ({s:.1f})" for name, m, s in zip(("yaw", "pitch", "roll"), middle, spread, strict=True)
        )
        print(f"  yaw {yaw:+d} pitch {pitch:+d}: {read}")


def foreshortened(finder: FaceMesh, folder: Path) -> None:
    poses, ratios = [], []
    for person in sorted(folder.iterdir()):
        pixels = np.asarray(cv2.imread(str(min(person.glob("*.jpg")))), np.uint8)
        mesh = finder.find(pixels, LFW_START, passes=3)
        if mesh.presence > 0.9:
            poses.append(head_pose(mesh))
            ratios.append(eyes_by_height(mesh, poses[-1].roll))
    yaw, pitch, ratio = (
        np.array([pose.yaw for pose in poses]),
        np.array([pose.pitch for pose in poses]),
        np.array(ratios),
    )
    print(f"{len(poses)} people of LFW: pitch median {np.median(pitch):+.1f}, yaw median {np.median(yaw):+.1f}")
    frontal = np.median(ratio[np.abs(yaw) < 5])
    for low, high in ((10, 20), (20, 30), (30, 45)):
        chosen = (np.abs(yaw) >= low) & (np.abs(yaw) < high)
        angle = np.degrees(np.arccos(min(np.median(ratio[chosen]) / frontal, 1)))
        print(
            f"  yaw read {np.abs(yaw[chosen]).mean():.1f} ({chosen.sum()} faces): eyes foreshortened as by {angle:.1f}"
        )


def eyes_by_height(mesh: Mesh, roll: float) -> float:
    """Return the distance of the outer eye corners, relative to the height from eyes to mouth, in the upright face."""
    turn = np.exp(-1j * np.radians(roll))
    points = (mesh.points[:, 0] + 1j * mesh.points[:, 1]) * turn
    eyes, mouth = points[[33, 263]], points[[61, 291]]
    return float((eyes[1] - eyes[0]).real / (mouth.mean() - eyes.mean()).imag)


if __name__ == "__main__":
    main()
