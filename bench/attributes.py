"""Measures the time of each attribute, and prints the held-out accuracy of the heads.

    python bench/attributes.py --photo ../shared/faces/azure/detection3.jpg

The figures come from the model cards in the heads (written by the scripts in tools/, five folds over people). The times
are for one face and one thread, medians over `--runs`; "first" is the attribute alone, including networks, "then" is
its additional time after the networks have run for another attribute.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from mien.models.store import ModelStore
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.attributes.registry import ESTIMATORS, estimate_attributes
from mien.vision.detector import YuNet
from mien.vision.landmarks import FaceMesh


def main() -> None:
    """Print the table of figures, then the table of times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, required=True, help="a photo with one face")
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    figures()
    times(options.photo, options.runs)


def figures() -> None:
    """Print the figures of the model cards."""
    folder = resources.files("mien.vision.attributes") / "heads"
    for name in sorted(entry.name.removesuffix(".npz") for entry in folder.iterdir() if entry.name.endswith(".npz")):
        card = load_head(name).card
        figures = card.get("figures") or card.get("held_out", {})
        print(f"{name:14}", ", ".join(f"{key} {value}" for key, value in figures.items()))


def times(photo: Path, runs: int) -> None:
    """Time every attribute alone and after the others."""
    store = ModelStore()
    pixels = np.asarray(cv2.imread(str(photo)), np.uint8)
    mesh_pack = store.load("mesh").networks
    mesh = FaceMesh(mesh_pack["mesh"], mesh_pack["iris"])
    found = YuNet(store.load("yunet").network).search(pixels, 0.6)
    best = int(found.scores.argmax())
    left, top, width, height = (float(side) for side in found.boxes[best])

    def fresh() -> FaceContext:
        return FaceContext(
            pixels, found.points[best], (left, top, width, height), lambda pack: store.load(pack).network, mesh.find
        )

    print(f"\n{platform.processor() or platform.machine()}, one thread, {photo.name}, median of {runs}, ms")
    print(f"{'attribute':24}{'first':>8}{'then':>8}")
    shared = fresh()
    estimate_attributes(shared, ESTIMATORS)
    for attribute in ESTIMATORS:
        first = _median(lambda: estimate_attributes(fresh(), [attribute]), runs)  # noqa: B023  # called at once
        then = _median(lambda: estimate_attributes(shared, [attribute]), runs)  # noqa: B023  # called at once
        print(f"{attribute.value:24}{first:8.2f}{then:8.2f}")
    print(f"{'all of them':24}{_median(lambda: estimate_attributes(fresh(), ESTIMATORS), runs):8.2f}")


def _median(call: Callable[[], object], runs: int) -> float:
    samples = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begin)
    return 1000 * statistics.median(samples)


if __name__ == "__main__":
    main()
