"""Photos of different people with the same degradation: false matches, and readable faces.

    uv run --group bench python bench/degraded.py                              (100 people of LFW, detection_03)
    uv run --group bench python bench/degraded.py --people 100 --skip 100 --changes "blur 5" "blur 7"
    uv run --group bench python bench/degraded.py --photos ../shared/faces/fairface --people 268
    uv run --group bench python bench/degraded.py --photos ../shared/faces/fairface --people 268 --save spoilt.npz

One photo per person is degraded by each of `CHANGES`; sizes are for a face of 100 pixels and scale with the face. For
each change, at confidence 0.5:

- found: the face is detected at its place; read: it also gets a template;
- alike: matching pairs of different people, both photos degraded by that change;
- sharp: matching pairs of different people, one photo degraded, the other unchanged;
- itself: matches of degraded photos with the same photos unchanged (an upper bound of the true match rate);
- low: quality for recognition is low.

Pairs share people, so the interval (Clopper and Pearson) is too narrow. `--save` writes the vectors before score
normalisation for `tools/fit_recogniser.py cohort`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings import PlainStore
from mien.contract.attributes import Attribute
from mien.matching.rates import clopper_pearson
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision.embedder import normalisation_of
from mien.vision.engine import FaceEngine
from mien.vision.types import Face, OperatingPoint, Want

SEED = 11
Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, Face], Pixels]


def blurred(sigma: float) -> Change:
    """Return a defocus by a Gaussian of `sigma` pixels."""
    return lambda pixels, face: cv2.GaussianBlur(pixels, (0, 0), sigma * face.box.width / 100)  # type: ignore[return-value]


def moved(length: float) -> Change:
    """Return a horizontal motion blur of `length` pixels."""

    def change(pixels: Pixels, face: Face) -> Pixels:
        size = max(3, round(length * face.box.width / 100))
        kernel = np.zeros((size, size), np.float32)
        kernel[size // 2] = 1 / size
        return np.asarray(cv2.filter2D(pixels, -1, kernel), np.uint8)

    return change


def scaled(width: float, back: int = cv2.INTER_CUBIC) -> Change:
    """Return a scaling down until the face is `width` pixels wide, and up again."""

    def change(pixels: Pixels, face: Face) -> Pixels:
        factor, (height, across) = min(1.0, width / face.box.width), pixels.shape[:2]
        small = cv2.resize(pixels, (round(across * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (across, height), interpolation=back), np.uint8)

    return change


def covered(first: float, last: float, beside: float, colour: tuple[int, int, int]) -> Change:
    """Return a bar from `first` to `last` below the eyes, `beside` wider on each side, in eye distances."""

    def change(pixels: Pixels, face: Face) -> Pixels:
        right, left = face.points[:2]
        along = left - right
        down = np.array([-along[1], along[0]], np.float32)
        ends = right - beside * along, left + beside * along
        corners = np.array(
            [ends[0] + first * down, ends[1] + first * down, ends[1] + last * down, ends[0] + last * down]
        )
        result = pixels.copy()
        cv2.fillConvexPoly(result, np.round(corners).astype(np.int32), colour)
        return result

    return change


def compressed(quality: int) -> Change:
    """Return a compression as JPEG of a quality."""

    def change(pixels: Pixels, _: Face) -> Pixels:
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return change


CHANGES: dict[str, Change] = {
    "none": lambda pixels, _: pixels,
    **{f"blur {sigma}": blurred(sigma) for sigma in (2, 3, 4, 5, 6, 7, 8, 10)},
    "moved 15": moved(15),
    "moved 25": moved(25),
    **{f"scaled {width}": scaled(width) for width in (31, 20, 16)},
    "blocks 20": scaled(20, cv2.INTER_NEAREST),
    "blocks 14": scaled(14, cv2.INTER_NEAREST),
    "bar over the eyes": covered(-0.25, 0.25, 0.6, (0, 0, 0)),
    "wide grey bar over the eyes": covered(-0.35, 0.35, 0.6, (128, 128, 128)),
    "mouth and nose covered": covered(0.45, 1.9, 0.5, (200, 180, 150)),
    "JPEG of quality 4": compressed(4),
}


def chosen(folder: Path, people: int, skip: int) -> list[Path]:
    """Return one photo per person: the first of each folder with several, or each file if there are no folders."""
    folders = sorted(path for path in folder.iterdir() if len(list(path.glob("*.jpg"))) >= 2) if folder.is_dir() else []
    photos = [min(path.glob("*.jpg")) for path in folders] or sorted(folder.glob("*.jpg"))
    order = np.random.default_rng(SEED).permutation(len(photos))[skip : skip + people]
    return [photos[index] for index in order]


def same_place(faces: tuple[Face, ...], face: Face) -> Face | None:
    """Return the face of a degraded photo at the original place."""

    def away(other: Face) -> float:
        x = other.box.left + other.box.width / 2 - face.box.left - face.box.width / 2
        y = other.box.top + other.box.height / 2 - face.box.top - face.box.height / 2
        return float(np.hypot(x, y))

    best = min(faces, key=away, default=None)
    return best if best is not None and away(best) <= 0.5 * face.box.width else None


def counted(hits: NDArray[np.bool_]) -> str:
    if not hits.size:
        return "–"
    interval = clopper_pearson(int(hits.sum()), hits.size)
    return f"{int(hits.sum())} of {hits.size:,} ({interval.low:.1g}–{interval.high:.1g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "faces").is_dir()), None)
    shared = Path(os.environ.get("MIEN_SHARED", default or "../shared"))
    parser.add_argument("--photos", type=Path, default=shared / "faces/lfw")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--changes", nargs="*", default=list(CHANGES))
    parser.add_argument("--point", default=OperatingPoint.BEST.value)
    parser.add_argument("--recogniser", default=DEFAULT_RECOGNISER)
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    engine, store = FaceEngine(PlainStore()), ModelStore()
    manifest = store.manifest(arguments.recogniser)
    normalisation, calibration = normalisation_of(manifest), manifest.calibration
    assert normalisation is not None
    assert calibration is not None
    want = Want(
        OperatingPoint(arguments.point),
        recogniser=arguments.recogniser,
        attributes=frozenset() if arguments.save else frozenset({Attribute.QUALITY}),
    )
    names = ["none", *(name for name in arguments.changes if name != "none")]
    seen: dict[str, list[tuple[int, Face]]] = {name: [] for name in names}
    paths = chosen(arguments.photos, arguments.people, arguments.skip)
    for person, path in enumerate(paths):
        pixels = np.asarray(cv2.imread(str(path)), np.uint8)
        faces = engine.analyze(pixels, want).faces
        if not faces:
            continue
        seen["none"].append((person, faces[0]))
        for name in names[1:]:
            face = same_place(engine.analyze(CHANGES[name](pixels, faces[0]), want).faces, faces[0])
            if face is not None:
                seen[name].append((person, face))
    if arguments.save:
        rows = [(name, paths[person].name, face.embedding) for name in names for person, face in seen[name]]
        np.savez(
            arguments.save,
            changes=np.array([name for name, _, _ in rows]),
            files=np.array([file for _, file, _ in rows]),
            plain=np.stack([embedding.vector for _, _, embedding in rows if embedding is not None]),
            norms=np.array([embedding.norm for _, _, embedding in rows if embedding is not None], np.float32),
        )
        return
    print(f"{len(paths)} photos, detection at {arguments.point}, {store.fingerprint(arguments.recogniser)}\n")
    print("| change | found | read | alike | sharp | itself | low |\n|---|---|---|---|---|---|---|")

    def templates(name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        read = [(person, face.embedding) for person, face in seen[name] if face.embedding and face.embedding.readable]
        if not read:
            return np.zeros((0, normalisation.dimension), np.float32), np.zeros(0, np.int64)
        rows = normalisation.apply(np.stack([embedding.vector for _, embedding in read]))
        return rows, np.array([person for person, _ in read])

    sharp, sharp_people = templates("none")
    for name in names:
        own, people = templates(name)
        alike = (own @ own.T >= calibration.threshold)[np.triu_indices(len(own), 1)]
        across, same = own @ sharp.T >= calibration.threshold, people[:, None] == sharp_people[None]
        low = sum(face.attributes.quality == "low" for _, face in seen[name])
        print(
            f"| {name} | {len(seen[name])} | {len(own)} | {counted(alike)} | {counted(across[~same])} | "
            f"{int(across[same].sum())} of {len(seen[name])} | {low} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
