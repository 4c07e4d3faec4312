"""Faces of the training photos for the scripts that train attribute heads: photos → five points → `FaceContext`.

Points are found once and kept beside the features in a cache folder, so that training again takes seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np

from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision.attributes.context import FaceContext
from mien.vision.types import Float32, Pixels

SEED = 20261122
HEADS = Path(__file__).parents[1] / "src/mien/vision/attributes/heads"
LABELS = Path(__file__).parent / "labels"


@dataclass(frozen=True)
class Arguments:
    """The folders: `shared` has `faces/` and `attributes/`; `cache` may be empty."""

    shared: Path
    cache: Path


def arguments(purpose: str) -> Arguments:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--shared", type=Path, required=True, help="folder with faces/ and attributes/")
    parser.add_argument("--cache", type=Path, required=True, help="folder for points and features")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    return Arguments(given.shared, given.cache)


class Faces:
    """The main face of every photo of a set, and contexts on them with the default packs' networks."""

    def __init__(self, arguments: Arguments) -> None:
        self._cache = arguments.cache
        self._store = ModelStore()

    def network(self, pack: str) -> Network:
        """Return the network of a pack."""
        return self._store.load(pack).network

    def context(self, pixels: Pixels, points: Float32) -> FaceContext:
        """Create a context without a mesh, which none of the heads here needs."""
        return FaceContext(pixels, points, (0.0, 0.0, 1.0, 1.0), self.network, _no_mesh)

    def of(self, name: str, photos: Iterable[Path], read: Callable[[Path], Pixels] | None = None) -> Iterator[Face]:
        """Yield the main face of every photo in which one is found, in order of path.

        Args:
            name: name of the set, for the cache.
            photos: paths.
            read: gives a photo's pixels; OpenCV's reader when None.
        """
        read = read or read_photo
        kept = self._cache / f"points_{name}.npz"
        if not kept.exists():
            found = [(str(path), self._main_points(read(path))) for path in sorted(photos)]
            found = [(path, points) for path, points in found if points is not None]
            np.savez(kept, paths=[path for path, _ in found], points=np.stack([points for _, points in found]))
        with np.load(kept) as archive:
            paths, points = archive["paths"], archive["points"]
        for path, five in zip(paths, points, strict=True):
            yield Face(Path(str(path)), read(Path(str(path))), five.astype(np.float32))

    def features(self, name: str, make: Callable[[], Iterable[dict[str, Float32]]]) -> dict[str, Float32]:
        """Stack what `make` yields, one dictionary a sample; kept in the cache under `name`."""
        kept = self._cache / f"features_{name}.npz"
        if not kept.exists():
            rows = list(make())
            stacked: dict[str, Any] = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
            np.savez(kept, **stacked)
        with np.load(kept) as archive:
            return {key: archive[key] for key in archive.files}

    def _main_points(self, pixels: Pixels) -> Float32 | None:
        """Five points of the face nearest to the middle, at the first scale if there is one."""
        from mien.vision.detector import YuNet, suppress  # noqa: PLC0415  # only when points are not cached

        detector = YuNet(self.network("yunet"))
        longest = max(pixels.shape[:2])
        for side in (320, 640, 160):
            scale = min(side / longest, 4.0)
            shape = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
            found = suppress(detector.search(np.asarray(cv2.resize(pixels, shape), np.uint8), 0.6))
            if len(found.scores):
                middles = found.boxes[:, :2] + found.boxes[:, 2:] / 2
                away = np.linalg.norm(middles - np.array(shape) / 2, axis=1) / max(shape)
                return np.asarray(found.points[int(np.argmax(found.scores - away))] / scale, np.float32)
        return None


@dataclass(frozen=True)
class Face:
    """A photo's main face."""

    path: Path
    pixels: Pixels
    points: Float32

    @property
    def person(self) -> str:
        """LFW's name of the person, from `Name_0001.jpg`."""
        return self.path.stem.rsplit("_", 1)[0]


def read_photo(path: Path) -> Pixels:
    """Read as BGR, dropping alpha."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)


def fold_of(name: str, folds: int) -> int:
    """Give a person a fold by name, the same on every machine."""
    return sum(ord(letter) * (index + 7) for index, letter in enumerate(name)) % folds


def _no_mesh(_pixels: Pixels, _points: Float32) -> NoReturn:
    raise NotImplementedError
