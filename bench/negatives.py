"""Measures the effect of negatives: false matches of look-alikes, and false non-matches of the person.

    uv run --group bench python bench/negatives.py TEMPLATES.npz     (made by bench/embeddings.py, of faces/lfw)

Look-alikes are ordered pairs of people (A, B), B with two photos or more, of which a photo of B reaches A at a false
match rate of `FROM`. That photo is the negative, as if a reviewer had said "not this person". The other photos of B are
compared with A before and after: false matches. The remaining photos of A (A is enrolled with one, or with up to three,
and has one more) are the genuine comparisons. Photos of everybody else are compared too: no score may rise.

The weight was chosen on half of the people (`--half a`); the figures of the docs are of the other half. Intervals are
95 %, by bootstrap over the people A. The families of Azure's sample photos follow: siblings, parents and children.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.matching import lower_by_negatives, person_scores
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision import FaceEngine, Want
from mien.vision.embedder import calibration_of

FROM = 1e-2
RATES = (1e-2, 1e-3, 1e-4)
SHARED = next(path / "shared" for path in Path(__file__).resolve().parents if (path / "shared/faces").is_dir())


@dataclass
class Pair:
    """The scores of a pair: those of B's other photos and A's own, with the person alone and the nearest negative."""

    person: str
    impostor: np.ndarray  # (n, 2): similarity with A, with the negative
    genuine: np.ndarray  # (m, 2)


def pairs(vectors: np.ndarray, labels: np.ndarray, photos: int, least: float) -> list[Pair]:
    of = {name: np.flatnonzero(labels == name) for name in np.unique(labels)}
    found = []
    for person, rows in of.items():
        if len(rows) <= photos:
            continue
        enrolled, own = vectors[rows[:photos]], vectors[rows[photos:]]
        scores = person_scores(vectors, enrolled)
        for other, theirs in of.items():
            if other == person or len(theirs) < 2 or scores[theirs].max() < least:
                continue
            negative = vectors[theirs[np.argmax(scores[theirs])]]
            rest = theirs[theirs != theirs[np.argmax(scores[theirs])]]
            found.append(Pair(person, np.stack([scores[rest], vectors[rest] @ negative], 1),
                              np.stack([person_scores(own, enrolled), own @ negative], 1)))  # fmt: skip
    return found


def lowered(scores: np.ndarray, weight: float, margin: float) -> np.ndarray:
    # Two dimensions are enough, because only the product of probe and negative matters.
    unit = np.stack([scores[:, 1], np.sqrt(np.maximum(0, 1 - scores[:, 1] ** 2))], 1)
    return lower_by_negatives(scores[:, 0], unit, np.array([[1.0, 0.0]]), margin=margin, weight=weight)


def rate(found: list[Pair], part: str, threshold: float, weight: float, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return matches and comparisons by person."""
    people = sorted({one.person for one in found})
    hits, counts = np.zeros(len(people)), np.zeros(len(people))
    for one in found:
        at = people.index(one.person)
        scores = getattr(one, part)
        hits[at] += np.sum(lowered(scores, weight, margin) >= threshold)
        counts[at] += len(scores)
    return hits, counts


def said(hits: np.ndarray, counts: np.ndarray) -> str:
    random = np.random.default_rng(1)
    drawn = random.integers(0, len(hits), (2000, len(hits)))
    shares = hits[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return f"{hits.sum() / counts.sum():.3f} [{low:.3f}, {high:.3f}] ({hits.sum():.0f} of {counts.sum():.0f})"


def families() -> None:
    store = ModelStore()
    engine, want = FaceEngine(store), Want(recogniser=DEFAULT_RECOGNISER)
    calibration = calibration_of(store.manifest(DEFAULT_RECOGNISER))
    assert calibration is not None
    rows: dict[str, list[np.ndarray]] = {}
    for path in sorted((SHARED / "faces/azure").glob("Family*.jpg")):
        (face, *_) = engine.analyze(path.read_bytes(), want).faces
        assert face.embedding is not None
        rows.setdefault(path.stem.rstrip("0123456789"), []).append(face.embedding.vector)
    print("\n## Families of Azure's sample photos: confidence before -> after; negative: the other's first photo\n")
    print("| enrolled | other | other's photos | own photos |\n|---|---|---|---|")
    for one, other in itertools.permutations(rows, 2):
        if one.split("-")[0] != other.split("-")[0] or len(rows[one]) < 2 or len(rows[other]) < 2:
            continue
        enrolled, negative = np.stack(rows[one][:1]), np.stack(rows[other][:1])
        cells = []
        for probes in (np.stack(rows[other][1:]), np.stack(rows[one][1:])):
            before = person_scores(probes, enrolled)
            after = lower_by_negatives(before, probes, negative)
            sure = [(calibration.confidence(float(a)), calibration.confidence(float(b)))
                    for a, b in zip(before, after, strict=True)]  # fmt: skip
            cells.append(", ".join(f"{a:.2f} -> {b:.2f}" for a, b in sure))
        print(f"| {one} | {other} | {cells[0]} | {cells[1]} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", type=Path)
    parser.add_argument("--half", choices=("a", "b"), default="b")
    arguments = parser.parse_args()
    with np.load(arguments.templates) as data:
        vectors, labels = data["embeddings"], data["labels"]
    calibration = calibration_of(ModelStore().manifest(DEFAULT_RECOGNISER))
    assert calibration is not None
    names = np.random.default_rng(7).permutation(np.unique(labels))
    half = set(names[: len(names) // 2] if arguments.half == "a" else names[len(names) // 2 :])
    keep = np.array([name in half for name in labels])
    vectors, labels = vectors[keep], labels[keep]
    at = {one: calibration.similarity(0.5 + np.log10(1e-4 / one) / 10) for one in RATES}
    settings = (
        [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (2.0, 0.05), (2.0, -0.05)] if arguments.half == "a" else [(2.0, 0.0)]
    )
    for photos in (1, 3):
        found = pairs(vectors, labels, photos, at[FROM])
        people = len({one.person for one in found})
        print(f"\n## {photos} enrolled: {len(found)} look-alike pairs of {people} people (half {arguments.half})\n")
        print(
            "| threshold for FMR | weight, margin | look-alike matched before | after | person missed before | after |"
        )
        print("|---|---|---|---|---|---|")
        for target, threshold in at.items():
            for weight, margin in settings:
                cells = [said(*rate(found, "impostor", threshold, one, margin)) for one in (0.0, weight)]
                for one in (0.0, weight):
                    hits, counts = rate(found, "genuine", threshold, one, margin)
                    cells.append(said(counts - hits, counts))
                print(f"| {target:g} | {weight}, {margin} | {' | '.join(cells)} |")
    if arguments.half == "b":
        families()


if __name__ == "__main__":
    main()
