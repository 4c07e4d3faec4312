"""Photos, labels and features for training attribute heads: everything that the training scripts share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mien.models.runtime import Network
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import RegionPool
from mien.vision.detector import YuNet
from mien.vision.types import Float32, Pixels

LABELS = Path(__file__).parent / "labels"
Vector = Callable[[Pixels], Float32]
"""A feature of the loose crop."""


def read_labels(*files: Path) -> dict[str, dict[str, str]]:
    """Merge label files; later ones win, "?" takes an earlier label back."""
    labels: dict[str, dict[str, str]] = {}
    for path in files:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                name = row.pop("file")
                labels.setdefault(name, {}).update({key: value for key, value in row.items() if value})
    return {name: {key: value for key, value in row.items() if value != "?"} for name, row in labels.items()}


def main_face(detector: YuNet, pixels: Pixels) -> tuple[tuple[float, float, float, float], Float32] | None:
    """Return box and five points of the large face nearest to the middle, as the photos of LFW have it."""
    found = detector.search(pixels, 0.6)
    if len(found) == 0:
        return None
    height, width = pixels.shape[:2]
    middle = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    size = np.sqrt(found.boxes[:, 2] * found.boxes[:, 3])
    best = int(np.argmax(found.scores * size - 0.5 * np.hypot(*(middle - (width / 2, height / 2)).T)))
    left, top, box_width, box_height = (float(side) for side in found.boxes[best])
    return (left, top, box_width, box_height), found.points[best]


def context_of(detector: YuNet, networks: Callable[[str], Network], photo: Path) -> FaceContext | None:
    """Return the main face of a photo, or None if no face is found."""
    read = cv2.imread(str(photo))
    assert read is not None, photo
    pixels = np.asarray(read, np.uint8)
    face = main_face(detector, pixels)
    if face is None:
        return None
    box, points = face

    def no_mesh(*_: object) -> object:
        message = "training features need no mesh"
        raise NotImplementedError(message)

    return FaceContext(pixels, points, box, networks, no_mesh)  # type: ignore[arg-type]  # never called


def collect(
    photos: Sequence[Path],
    detector: YuNet,
    networks: Callable[[str], Network],
    pools: Iterable[RegionPool],
    vectors: dict[str, Vector],
) -> tuple[list[Path], dict[str, Float32]]:
    """Compute features of many photos.

    Returns:
        The photos with a face, and for each pool (by `pool_key`) and vector (by name) float32 (2 · photos, n):
        the photo's maps as they are, then mirrored.
    """
    wanted = {pool_key(pool): pool for pool in pools}
    kept: list[Path] = []
    rows: dict[str, list[Float32]] = {key: [] for key in (*wanted, *vectors)}
    for photo in photos:
        context = context_of(detector, networks, photo)
        if context is None:
            print(f"no face: {photo.name}")
            continue
        kept.append(photo)
        for step in (1, -1):
            for key, pool in wanted.items():
                rows[key].append(pool.pool(context.feature_map(pool.source)[:, :, ::step]))
            for key, vector in vectors.items():
                rows[key].append(vector(context.loose_crop[:, ::step]))
    return kept, {key: np.stack(values) for key, values in rows.items()}


def pool_key(pool: RegionPool) -> str:
    """Name a pool's features."""
    return f"{pool.source}:{pool.boxes.tobytes().hex()}"


def grid(
    source: str, rows: Sequence[tuple[float, float]], columns: Sequence[tuple[float, float]], cells: int
) -> RegionPool:
    """Create a pool of rows × columns, given in cells of a square map of `cells` a side."""
    boxes = [(left, top, right, bottom) for top, bottom in rows for left, right in columns]
    return RegionPool(source, np.array(boxes, np.float32) / np.float32(cells))
