"""Verification of turned faces: at every angle in the image plane, for each detection model.

    uv run --group bench python bench/rotation.py                        (60 people, every 15°)
    uv run --group bench python bench/rotation.py --people 30 --step 45 --factor 0.75      (faces of 60 to 100 pixels)
    uv run --group bench python bench/rotation.py --children --step 45   (FairFace, 0 to 9 years, one photo a child)

Two photos each of labelled people (`faces/lfw` of the shared data) are turned as a whole, every other one with black
corners, the rest with its border drawn out. A face counts as found when a box has its centre in the middle third of
the turned face. For each operating point and angle:

- FMR: pairs of different people at confidence 0.5 and above, both turned by that angle; and one turned, one upright;
- TAR: share of the found rotated photos that match the person's other, upright photo at 0.5 or above;
  Of children there is one photo each, so that this is the same photo, turned and upright;
- unread: found, but not trusted, so that they match nobody.

Intervals are Wilson's, 95 %, and take the pairs for independent. The borders in `vision/upright.py` were chosen on the
first 80 people of the order that is drawn here; --skip 80 leaves them out.
"""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.gallery.recognisers import Recognisers
from mien.matching.rates import wilson
from mien.models.bindings import read_bindings
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine
from mien.vision.types import Face, OperatingPoint, Want

LABEL = "recognition_04"
SEED = 3


@dataclass(frozen=True)
class Seen:
    """The main face of a rotated photo; `vector` is None if none was found."""

    person: str
    photo: int
    vector: NDArray[np.float32] | None = None
    readable: bool = False


def turned(
    pixels: NDArray[np.uint8], degrees: float, *, drawn_out: bool
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Rotate a photo clockwise on a canvas that contains all of it; return it with the (2, 3) transform."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), -degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    border = cv2.BORDER_REPLICATE if drawn_out else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(pixels, matrix, size, borderMode=border), np.uint8), matrix


def main_face(faces: tuple[Face, ...], middle: NDArray[np.float64], reach: float) -> Face | None:
    """Return the largest face whose box is centred within `reach` pixels of `middle`."""

    def away(face: Face) -> float:
        x, y = face.box.left + face.box.width / 2, face.box.top + face.box.height / 2
        return float(np.hypot(x - middle[0], y - middle[1]))

    near = [face for face in faces if away(face) <= reach]
    return max(near, key=lambda face: face.box.area, default=None)


def photos(folder: Path, people: int, skip: int, factor: float) -> list[tuple[str, int, NDArray[np.uint8]]]:
    """Return two photos per person, as (name, 0 or 1, pixels), scaled by `factor`."""
    folders = sorted(path for path in folder.iterdir() if len(list(path.glob("*.jpg"))) >= 2)
    order = np.random.default_rng(SEED).permutation(len(folders))[skip : skip + people]
    found = []
    for index in order:
        for number, path in enumerate(sorted(folders[index].glob("*.jpg"))[:2]):
            pixels = np.asarray(cv2.imread(str(path)), np.uint8)
            if factor != 1:
                how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
                pixels = np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how), np.uint8)
            found.append((folders[index].name, number, pixels))
    return found


def children(shared: Path) -> list[tuple[str, int, NDArray[np.uint8]]]:
    """Return FairFace's photos of ages 0 to 9, as (file, 0, pixels)."""
    with (shared / "faces/fairface/labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["age_label"] in {"0-2", "3-9"}]
    names = [row["file"] for row in rows if not row["maybe_same_person_as"]]
    return [(name, 0, np.asarray(cv2.imread(str(shared / "faces/fairface" / name)), np.uint8)) for name in names]


def look(
    engine: FaceEngine, want: Want, chosen: list[tuple[str, int, NDArray[np.uint8]]], degrees: float
) -> list[Seen]:
    """Return the main faces of all photos rotated by an angle."""
    found = []
    for position, (person, number, pixels) in enumerate(chosen):
        picture, matrix = turned(pixels, degrees, drawn_out=bool((position + round(degrees / 15)) % 2))
        middle = matrix @ [pixels.shape[1] / 2, pixels.shape[0] / 2, 1.0]  # the photos are centred on the face
        face = main_face(engine.analyze(picture, want).faces, middle, 0.14 * pixels.shape[0])
        if face is None or face.embedding is None:
            found.append(Seen(person, number))
        else:
            found.append(Seen(person, number, face.embedding.vector, face.embedding.readable))
    return found


def rate(hits: int, of: int) -> str:
    """Return a share with its counts and interval, as text."""
    if not of:
        return "–"
    interval = wilson(hits, of)
    return f"{hits / of:.2g} ({hits} of {of}; {interval.low:.2g}–{interval.high:.2g})"


def report(upright: list[Seen], seen: list[Seen], confidence: object) -> list[str]:
    """Return a row: found, FMR within the angle, FMR against upright photos, TAR, unread."""
    here = [one for one in seen if one.vector is not None]
    alone = all(one.photo == 0 for one in seen)
    there = [one for one in upright if one.vector is not None]
    counts = {"within": [0, 0], "across": [0, 0], "genuine": [0, 0]}

    def count(kind: str, one: Seen, other: Seen) -> None:
        same = one.readable and other.readable and confidence(one.vector, other.vector) >= 0.5  # type: ignore[operator]
        counts[kind][0] += same
        counts[kind][1] += 1

    for position, one in enumerate(here):
        for other in here[position + 1 :]:
            if one.person != other.person:
                count("within", one, other)
        for other in there:
            if one.person != other.person:
                count("across", one, other)
            elif one.photo != other.photo or (alone and one is not other):
                count("genuine", one, other)
    unread = sum(not one.readable for one in here)
    return [f"{len(here)} of {len(seen)}", *(rate(*counts[k]) for k in ("within", "across", "genuine")), str(unread)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "faces").is_dir()), None)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", default or "../shared")))
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--skip", type=int, default=80)
    parser.add_argument("--step", type=int, default=15)
    parser.add_argument("--factor", type=float, default=1.0, help="scale the photos by this before they are turned")
    parser.add_argument("--children", action="store_true")
    parser.add_argument("--points", nargs="*", default=[point.value for point in OperatingPoint])
    options = parser.parse_args()
    store = ModelStore()
    bindings = read_bindings(store, Path())
    calibration = Recognisers.of(store, bindings)[LABEL].calibration
    engine = FaceEngine(store)
    if options.children:
        chosen = children(options.shared)
    else:
        chosen = photos(options.shared / "faces" / "lfw", options.people, options.skip, options.factor)

    def confidence(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
        return float(calibration.confidence(float(one @ other)))

    print(f"{len(chosen)} photos of {len({name for name, _, _ in chosen})} people, scaled by {options.factor:g}\n")
    print("| point | angle | found | FMR within | FMR against upright | TAR against upright | unread |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for point in options.points:
        want = Want(OperatingPoint(point), recogniser=bindings.recognition[LABEL])
        upright = look(engine, want, chosen, 0)
        for degrees in range(0, 360, options.step):
            seen = upright if degrees == 0 else look(engine, want, chosen, degrees)
            print(f"| {point} | {degrees}° | {' | '.join(report(upright, seen, confidence))} |", flush=True)


if __name__ == "__main__":
    main()
