"""Recall and precision of the face detector, by operating point, face size and difficulty.

    uv run python bench/detection.py                     # everything, with the installed detector pack
    uv run python bench/detection.py --only photos --list

Three parts:

- photos: the labelled photos (`bench/data/detection.json`; the pictures are in `shared/faces`). Precision and recall.
- sizes: main faces of labelled one-face photos, scaled to a known width and put on a drawn, cluttered background.
- blocks: the same photos rotated, blurred, partly covered or darkened.

A detection is correct if its IoU with a labelled box is at least 0.5 (0.4 in the blocks, where the box of a rotated
face is a matter of convention). Labelled boxes marked "ignore" are not counted, nor are wrong detections narrower than
--least (the engine reports no faces below the contract's minimum). Recall bounds are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision.detector import YuNet
from mien.vision.finder import FaceFinder
from mien.vision.types import OperatingPoint

Box = tuple[float, float, float, float]
DATA = Path(__file__).parent / "data" / "detection.json"
SIZES = (16, 20, 24, 28, 32, 36, 40, 48, 64, 96, 128, 192, 256, 384, 500)
BINS = ((0, 20), (20, 32), (32, 48), (48, 96), (96, 192), (192, 9999))
SEED = 5


@dataclass
class Scene:
    """A picture with labelled faces; boxes are left, top, width, height in pixels."""

    name: str
    pixels: np.ndarray
    faces: list[Box]
    ignore: list[Box] = field(default_factory=list)


@dataclass
class Tally:
    """The counts of a table cell."""

    found: int = 0
    faces: int = 0
    right: int = 0
    wrong: int = 0

    def recall(self) -> str:
        """Return recall as text, with its lower 95 % bound."""
        if not self.faces:
            return "–"
        return f"{self.found / self.faces:.3f} (≥{wilson_low(self.found, self.faces):.3f}, n={self.faces})"

    def precision(self) -> str:
        """Return precision as text, with the number of false detections."""
        total = self.right + self.wrong
        return "–" if not total else f"{self.right / total:.3f} ({self.wrong} wrong of {total})"


def wilson_low(hits: int, n: int, z: float = 1.96) -> float:
    """Return the lower end of Wilson's interval for a share."""
    p = hits / n
    return (p + z * z / (2 * n) - z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)


def shared_of(a: Box, b: Box) -> tuple[float, float]:
    """Return the IoU of two boxes, and the share of `a` that is inside `b`."""
    width = max(0.0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    inside = width * height
    return inside / max(a[2] * a[3] + b[2] * b[3] - inside, 1e-9), inside / max(a[2] * a[3], 1e-9)


def match(detected: list[Box], scene: Scene, overlap: float) -> tuple[list[bool], list[Box]]:
    """Return which labelled faces were found, and the false detections; detections are matched best first."""
    found = [False] * len(scene.faces)
    wrong = []
    for box in detected:
        shares = [0.0 if taken else shared_of(box, face)[0] for face, taken in zip(scene.faces, found, strict=True)]
        best = int(np.argmax(shares)) if shares else -1
        if shares and shares[best] >= overlap:
            found[best] = True
        elif not any(
            max(shared_of(box, other)[0] / 0.3, shared_of(box, other)[1] / 0.5) >= 1 for other in scene.ignore
        ):
            wrong.append(box)
    return found, wrong


def labelled(faces_folder: Path) -> Iterator[Scene]:
    """Yield the available labelled photos."""
    for name, label in json.loads(DATA.read_text())["photos"].items():
        path = faces_folder / name
        if path.exists():
            boxes = [_box(box) for box in label["faces"]]
            ignore = [_box(box) for box in label.get("ignore", [])]
            pixels = cv2.imread(str(path))
            assert pixels is not None, path
            yield Scene(name, pixels, boxes, ignore)


def _box(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, width, height = map(float, numbers)
    return left, top, width, height


def single_faces(faces_folder: Path) -> list[Scene]:
    """Return the LFW photos with exactly one face and no uncertain one."""
    return [s for s in labelled(faces_folder) if s.name.startswith("lfw/") and len(s.faces) == 1 and not s.ignore]


def clutter(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a background of shapes, edges and noise without a face."""
    small = rng.integers(30, 220, (6, 8, 3), np.uint8)
    canvas = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        colour = tuple(map(int, rng.integers(0, 255, 3)))
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = (int(rng.integers(4, 90)), int(rng.integers(4, 90)))
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x, y), (x + size[0], y + size[1]), colour, int(rng.choice([-1, 2])))
        else:
            cv2.line(canvas, (x, y), (x + size[0] * 3, y + size[1] * 3), colour, int(rng.integers(1, 5)))
    return np.clip(canvas + rng.normal(0, 5, canvas.shape), 0, 255).astype(np.uint8)


def sized(singles: list[Scene]) -> Iterator[tuple[str, Scene]]:
    """Yield scenes with faces of one width each: up to twelve photos on a canvas."""
    rng = np.random.default_rng(SEED)
    for size in SIZES:
        order = rng.permutation(len(singles))
        per_canvas = 12 if size <= 64 else 6 if size <= 96 else 1
        for start in range(0, len(order) if size < 128 else len(order) // 2, per_canvas):
            tiles = []
            for index in order[start : start + per_canvas]:
                scene = singles[index]
                factor = size / scene.faces[0][2]
                side = max(8, round(scene.pixels.shape[0] * factor))
                how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
                tile = cv2.resize(scene.pixels, (side, side), interpolation=how)
                exact = side / scene.pixels.shape[0]
                tiles.append((tile, tuple(value * exact for value in scene.faces[0])))
            largest = max(tile.shape[0] for tile, _ in tiles)
            width, height = max(1280, 2 * largest), max(960, largest + 20)
            canvas = clutter(width, height, rng)
            columns = max(1, min(len(tiles), width // (largest + 8)))
            rows = -(-len(tiles) // columns)
            faces: list[Box] = []
            for number, (tile, box) in enumerate(tiles):
                room = (width // columns - tile.shape[1], height // rows - tile.shape[0])
                x = number % columns * (width // columns) + int(rng.integers(0, max(1, room[0])))
                y = number // columns * (height // rows) + int(rng.integers(0, max(1, room[1])))
                canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
                faces.append((box[0] + x, box[1] + y, box[2], box[3]))
            yield f"{size} px", Scene(f"{size}px-{start}", canvas, faces)


def turned(scene: Scene, degrees: float) -> Scene:
    """Rotate a photo clockwise on a 640×480 background; the box is that of the rotated ellipse."""
    left, top, width, height = scene.faces[0]
    rng = np.random.default_rng(SEED)
    canvas = clutter(640, 480, rng)
    matrix = cv2.getRotationMatrix2D((scene.pixels.shape[1] / 2, scene.pixels.shape[0] / 2), -degrees, 1.0)
    matrix[:, 2] += (320 - scene.pixels.shape[1] / 2, 240 - scene.pixels.shape[0] / 2)
    cv2.warpAffine(scene.pixels, matrix, (640, 480), canvas, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    middle = matrix @ np.array([left + width / 2, top + height / 2, 1.0])
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = math.hypot(width * cos, height * sin)
    down = math.hypot(width * sin, height * cos)
    return Scene(scene.name, canvas, [(middle[0] - across / 2, middle[1] - down / 2, across, down)])


def covered(scene: Scene, part: str) -> Scene:
    """Cover part of the face with a flat patch, like a mask, dark glasses, a hand or a door."""
    left, top, width, height = map(round, scene.faces[0])
    low, high, near, far = {
        "mouth and nose": (0.52, 1.02, -0.02, 1.02),
        "eyes": (0.28, 0.50, -0.05, 1.05),
        "forehead": (-0.3, 0.28, -0.1, 1.1),
        "one side": (-0.1, 1.1, -0.3, 0.5),
        "lower two thirds": (0.38, 1.1, -0.05, 1.05),
    }[part]
    pixels = scene.pixels.copy()
    colour = {"eyes": (25, 20, 20), "mouth and nose": (215, 190, 150)}.get(part, (90, 90, 110))
    y0, y1 = max(0, top + round(low * height)), top + round(high * height)
    x0, x1 = max(0, left + round(near * width)), left + round(far * width)
    pixels[y0:y1, x0:x1] = colour
    return Scene(scene.name, pixels, scene.faces)


def blurred(scene: Scene, share: float) -> Scene:
    """Blur a photo by a Gaussian of a share of the face's width."""
    return Scene(scene.name, cv2.GaussianBlur(scene.pixels, (0, 0), share * scene.faces[0][2]), scene.faces)


def darkened(scene: Scene, share: float) -> Scene:
    """Reduce the light to a share, with sensor noise."""
    rng = np.random.default_rng(SEED)
    dark = scene.pixels * share + rng.normal(0, 4, scene.pixels.shape)
    return Scene(scene.name, np.clip(dark, 0, 255).astype(np.uint8), scene.faces)


def blocks(singles: list[Scene]) -> Iterator[tuple[str, Scene]]:
    """Yield every one-face photo with every degradation."""
    changes: list[tuple[str, Callable[[Scene], Scene]]] = [
        *(
            (f"turned {d:+d}°", lambda s, d=d: turned(s, d))
            for d in (0, 15, -15, 30, -30, 45, -45, 60, -60, 90, -90, 135, 180)
        ),
        *((f"blur {b}", lambda s, b=b: blurred(s, b)) for b in (0.04, 0.08, 0.12)),
        *(
            (f"covered: {p}", lambda s, p=p: covered(s, p))
            for p in ("mouth and nose", "eyes", "forehead", "one side", "lower two thirds")
        ),
        *((f"light × {d}", lambda s, d=d: darkened(s, d)) for d in (0.3, 0.1)),
    ]
    for name, change in changes:
        for scene in singles:
            yield name, change(scene)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "faces").is_dir()), None)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", default or "../shared")))
    parser.add_argument("--network", type=Path, help="a YuNet ONNX file in place of the installed pack")
    parser.add_argument("--only", choices=["photos", "sizes", "blocks"])
    parser.add_argument("--points", nargs="*", default=[point.value for point in OperatingPoint])
    parser.add_argument("--least", type=float, default=32.0, help="narrowest detection that counts as wrong")
    parser.add_argument("--list", action="store_true", help="name every miss and every wrong detection")
    options = parser.parse_args()
    network = Network(options.network) if options.network else ModelStore().load("yunet").network
    finder = FaceFinder(YuNet(network))
    faces = options.shared / "faces"
    singles = single_faces(faces)
    points = [OperatingPoint(point) for point in options.points]
    if options.only in (None, "photos"):
        report("Photos", [("", scene) for scene in labelled(faces)], finder, points, 0.5, options)
    if options.only in (None, "sizes"):
        report("Sizes", list(sized(singles)), finder, points, 0.5, options)
    if options.only in (None, "blocks"):
        report("Blocks", list(blocks(singles)), finder, points, 0.4, options)


def report(
    title: str,
    scenes: list[tuple[str, Scene]],
    finder: FaceFinder,
    points: list[OperatingPoint],
    overlap: float,
    options: argparse.Namespace,
) -> None:
    """Print a table with groups (without a name: faces by width) as rows and operating points as columns."""
    cells: dict[tuple[str, OperatingPoint], Tally] = defaultdict(Tally)
    taken: dict[OperatingPoint, list[float]] = defaultdict(list)
    rows: list[str] = [f"width {low}–{high - 1}" for low, high in BINS] if scenes and not scenes[0][0] else []
    for group, scene in scenes:
        for point in points:
            began = time.perf_counter()
            detected = finder.find(scene.pixels, point)
            taken[point].append(1000 * (time.perf_counter() - began))
            found, wrong = match([d.box for d in detected], scene, overlap)
            wrong = [box for box in wrong if box[2] >= options.least]
            for face, hit in zip(scene.faces, found, strict=True):
                name = group or next(f"width {low}–{high - 1}" for low, high in BINS if low <= face[2] < high)
                names = [name, "all", *(["all ≥ 32 px"] if face[2] >= 32 else [])]
                for row in names:
                    cells[row, point].faces += 1
                    cells[row, point].found += hit
                if options.list and not hit:
                    print(f"  missed at {point}: {group} {scene.name} {[round(v) for v in face]}")
            for row in {group or "all", "all"}:
                cells[row, point].right += sum(found)
                cells[row, point].wrong += len(wrong)
            if options.list:
                for box in wrong:
                    print(f"  wrong at {point}: {group} {scene.name} {[round(v) for v in box]}")
        if group and group not in rows:
            rows.append(group)
    print(
        f"\n## {title} ({len(scenes)} pictures)\n\n| | " + " | ".join(f"{p} recall | precision" for p in points) + " |"
    )
    print("|---|" + "---|---|" * len(points))
    for row in [*rows, "all ≥ 32 px", "all"]:
        tallies = [cells[row, point] for point in points]
        print(f"| {row} | " + " | ".join(f"{t.recall()} | {t.precision()}" for t in tallies) + " |")
    print("\nmedian ms: " + ", ".join(f"{point} {np.median(taken[point]):.1f}" for point in points), flush=True)


if __name__ == "__main__":
    main()
