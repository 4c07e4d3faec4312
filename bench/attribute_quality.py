"""Blur, exposure, noise and quality for recognition, and the cost of each of these attributes.

Degrades real photos by known amounts and prints how often the measures put the copies in order, their levels, how often
faces of each quality level miss other photos of the same person, and the milliseconds per attribute.

    python bench/attribute_quality.py --shared ../shared [--people 150]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np

from mien.contract.attributes import Attribute
from mien.models.store import ModelStore
from mien.vision import FaceEngine
from mien.vision.attributes.blur import blur
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.exposure import exposure
from mien.vision.attributes.noise import noise
from mien.vision.attributes.quality import quality
from mien.vision.attributes.registry import estimate_attributes
from mien.vision.types import Float32, Measured, Pixels, Want

RECOGNISER = "sface-int8"


@dataclass(frozen=True)
class Shot:
    """A photo's main face."""

    person: str
    pixels: Pixels
    points: Float32


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--people", type=int, default=150)
    given = parser.parse_args()
    engine = FaceEngine(ModelStore())
    shots = _shots(engine, given.shared / "faces/lfw", given.people)
    _orders(shots)
    _costs(shots)
    _misses(engine, shots)


def _shots(engine: FaceEngine, folder: Path, people: int) -> list[Shot]:
    """Two photos of each of the first people that have two."""
    chosen = [sorted(person.glob("*.jpg"))[:2] for person in sorted(folder.iterdir())]
    shots = []
    for pair in [pair for pair in chosen if len(pair) == 2][:people]:
        for path in pair:
            pixels = np.asarray(cv2.imread(str(path)), np.uint8)
            face = _main(engine, pixels)
            if face is not None:
                shots.append(Shot(path.parent.name, pixels, face))
    return shots


def _main(engine: FaceEngine, pixels: Pixels) -> Float32 | None:
    middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    faces = engine.analyze(pixels).faces
    if not faces:
        return None
    return min((face.points for face in faces), key=lambda points: float(np.linalg.norm(points.mean(axis=0) - middle)))


def _gaussian(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8) if sigma else pixels


def _motion(pixels: Pixels, length: float) -> Pixels:
    size = int(length) | 1
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    kernel = np.asarray(cv2.warpAffine(kernel, cv2.getRotationMatrix2D((size // 2, size // 2), 30, 1), (size, size)))
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def _light(pixels: Pixels, gain: float) -> Pixels:
    return np.clip(pixels.astype(np.float32) * gain, 0, 255).astype(np.uint8)


def _grain(pixels: Pixels, sigma: float) -> Pixels:
    return np.clip(pixels + np.random.default_rng(1).normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)


def _orders(shots: list[Shot]) -> None:
    sweeps: list[tuple[str, Callable[[Pixels, Float32], Measured], Callable[[Pixels, float], Pixels], list[float]]] = [
        ("blur: defocus, sigma", blur, _gaussian, [0, 1, 1.5, 2, 3, 4, 6]),
        ("blur: motion, pixels", blur, _motion, [1, 5, 9, 15]),
        ("exposure: gain", exposure, _light, [0.15, 0.25, 0.4, 0.6, 0.8, 1, 1.2, 1.5, 2]),
        ("noise: sigma a channel", noise, _grain, [0, 2, 4, 8, 15, 25, 40]),
    ]
    for title, measure, spoil, steps in sweeps:
        table = [[measure(spoil(shot.pixels, step), shot.points) for shot in shots] for step in steps]
        ordered = [
            float(np.mean([a.value < b.value for a, b in zip(first, second, strict=True)]))
            for first, second in pairwise(table)
        ]
        print(f"\n{title}: ordered {np.mean(ordered):.4f} (least step {min(ordered):.4f})")
        for step, row in zip(steps, table, strict=True):
            low, middle, high = np.quantile([one.value for one in row], [0.05, 0.5, 0.95])
            counts = Counter(str(one.level) for one in row)
            shares = {level: round(count / len(row), 3) for level, count in counts.most_common()}
            print(f"  {step:>5}: value {low:.2f} {middle:.2f} {high:.2f}  {shares}")


def _costs(shots: list[Shot]) -> None:
    store = ModelStore()

    def no_mesh(_pixels: Pixels, _points: Float32) -> NoReturn:
        raise NotImplementedError

    print("\nmilliseconds a face, median (least), each by itself, networks included")
    for attribute in (
        Attribute.BLUR, Attribute.EXPOSURE, Attribute.NOISE, Attribute.QUALITY, Attribute.AGE, Attribute.SMILE,
        Attribute.MASK, Attribute.OCCLUSION,
    ):  # fmt: skip
        times = []
        for shot in shots[:60]:
            context = FaceContext(
                shot.pixels, shot.points, (0, 0, 1, 1), lambda pack: store.load(pack).network, no_mesh
            )
            start = time.perf_counter()
            estimate_attributes(context, {attribute})
            times.append((time.perf_counter() - start) * 1e3)
        print(f"  {attribute.value:<22} {np.median(times):6.2f} ({min(times):.2f})")


def _misses(engine: FaceEngine, shots: list[Shot]) -> None:
    """Print the false non-match rate of degraded probes against clean photos, by quality level."""
    calibration = ModelStore().manifest(RECOGNISER).calibration
    assert calibration is not None
    random = np.random.default_rng(0)
    spoils: list[Callable[[Pixels], Pixels]] = [
        lambda pixels: pixels,
        lambda pixels: _gaussian(pixels, random.uniform(1, 7)),
        lambda pixels: _motion(pixels, random.uniform(5, 25)),
        lambda pixels: cv2.resize(
            pixels, None, fx=(f := random.uniform(0.12, 0.6)), fy=f, interpolation=cv2.INTER_AREA
        ),
        lambda pixels: _grain(_light(pixels, random.uniform(0.05, 0.3)), 4),
        lambda pixels: _grain(pixels, random.uniform(10, 60)),
    ]
    want = Want(recogniser=RECOGNISER)
    mates: dict[str, list[tuple[Float32, Shot]]] = {}
    for shot in shots:
        for face in engine.analyze(shot.pixels, want).faces:
            if face.embedding and np.linalg.norm(face.points.mean(axis=0) - shot.points.mean(axis=0)) < 10:
                mates.setdefault(shot.person, []).append((face.embedding.vector, shot))
    found: dict[tuple[str, bool], list[bool]] = {}
    for index, shot in enumerate(shots):
        for turn in range(2):
            kind = (index + 3 * turn) % len(spoils)
            pixels = np.asarray(spoils[kind](shot.pixels), np.uint8)
            scale = pixels.shape[0] / shot.pixels.shape[0]
            middle = shot.points.mean(axis=0) * scale
            for face in engine.analyze(pixels, want).faces:
                if face.embedding is None or np.linalg.norm(face.points.mean(axis=0) - middle) > 20 * scale:
                    continue
                level = quality(face.embedding.norm, blur(pixels, face.points).value)
                for vector, other in mates.get(shot.person, []):
                    if other is not shot:
                        miss = float(vector @ face.embedding.vector) < calibration.threshold
                        found.setdefault((str(level), kind == 0), []).append(miss)
    print("\nquality for recognition: FNMR at FMR 1e-4 by level of the probe (SFace)")
    for clean in (True, False):
        for level in ("low", "medium", "high"):
            misses = found.get((level, clean), [])
            rate = f"{np.mean(misses):.3f}" if misses else "–"
            print(f"  {'untouched' if clean else 'spoilt':<10} {level:<7} {len(misses):5} pairs  FNMR {rate}")


if __name__ == "__main__":
    main()
