"""Landmarks: median error on hand-set landmarks, and milliseconds.

    python -m bench.landmarks [--photos ../shared/faces]

The landmarks in `data/landmarks.json` were marked by eye on magnified crops with a pixel grid, without seeing
predictions, twice, and averaged; the two markings differ by 2.1 % of the pupils' distance (median). Errors are relative
to the distance of the pupils, and to that of the outer eye corners, which the 300-W benchmark calls inter-ocular.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from mien.contract.landmarks import LANDMARK_NAMES
from mien.models.store import ModelStore
from mien.vision.landmarks import FaceMesh, landmarks27
from mien.vision.pose import head_pose

DATA = Path(__file__).parent / "data" / "landmarks.json"
ROUNDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path(__file__).parents[2] / "shared" / "faces")
    folder = parser.parse_args().photos
    networks = ModelStore().load("mesh").networks
    finder = FaceMesh(networks["mesh"], networks["iris"])
    faces = [
        (np.asarray(cv2.imread(str(folder / entry["photo"])), np.uint8), np.array(entry["points"], np.float32), entry)
        for entry in json.loads(DATA.read_text())
    ]
    truth = np.array([[point or [np.nan, np.nan] for point in entry["landmarks"]] for _, _, entry in faces])
    eyes = np.linalg.norm(truth[:, 1] - truth[:, 0], axis=1)
    outer = [LANDMARK_NAMES.index("eyeLeftOuter"), LANDMARK_NAMES.index("eyeRightOuter")]
    wider = float(np.nanmedian(np.linalg.norm(truth[:, outer[1]] - truth[:, outer[0]], axis=1) / eyes))
    print(f"{len(faces)} faces, {np.isfinite(truth[..., 0]).sum()} landmarks; error in % of the distance of the pupils")
    print(f"(the outer eye corners are {wider:.2f} times as far apart)")
    for passes, mirrored in ((1, False), (2, False), (2, True), (3, True)):
        found = [
            landmarks27(finder.find(pixels, points, passes=passes, mirrored=mirrored, irises=True))
            for pixels, points, _ in faces
        ]
        error = np.linalg.norm(np.array(found) - truth, axis=2) / eyes[:, None] * 100
        quantiles = np.nanquantile(error, [0.5, 0.9])
        label = f"{passes} pass{'es' if passes > 1 else ''}{', mirrored' if mirrored else ''}"
        figures = f"median {quantiles[0]:.2f} (by outer corners {quantiles[0] / wider:.2f})"
        print(f"  {label:20} {figures}  mean {np.nanmean(error):.2f}  90 % {quantiles[1]:.2f}")
        if (passes, mirrored) == (2, True):
            each = dict(zip(LANDMARK_NAMES, np.nanmedian(error, axis=0), strict=True))
    print("  by landmark:", ", ".join(f"{name} {value:.1f}" for name, value in each.items()))
    time_it(finder, *faces[0][:2])


def time_it(finder: FaceMesh, pixels: np.ndarray, points: np.ndarray) -> None:
    mesh = finder.find(pixels, points)
    work = {
        "find, 2 passes and mirror image": lambda: finder.find(pixels, points),
        "find, 2 passes": lambda: finder.find(pixels, points, mirrored=False),
        "follow (video)": lambda: finder.follow(pixels, mesh),
        "both irises": lambda: finder.with_irises(pixels, mesh),
        "head pose": lambda: head_pose(mesh),
    }
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, task in work.items():
            start = time.perf_counter()
            task()
            spent[name].append((time.perf_counter() - start) * 1000)
    for name, times in spent.items():
        print(f"  {name:34} {np.median(times):6.2f} ms (least {min(times):.2f})")


if __name__ == "__main__":
    main()
