"""Compares all people on the sample photos of Azure's documentation with the default recogniser.

    uv run python bench/azure_people.py

Prints the confidence of every relevant pair of the three families' photos, separately for children (SFace is weak on
small children, and two of them are siblings), and the most similar people of the faces in `identification1.jpg`.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np

from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision import FaceEngine, Want
from mien.vision.embedder import calibration_of

SHARED = next(path / "shared" for path in Path(__file__).resolve().parents if (path / "shared/faces").is_dir())
CHILDREN = ("Daughter", "Son")


def main() -> None:
    store = ModelStore()
    store.ensure()
    engine, want = FaceEngine(store), Want(recogniser=DEFAULT_RECOGNISER)
    calibration = calibration_of(store.manifest(DEFAULT_RECOGNISER))
    assert calibration is not None
    names, rows = [], []
    for path in sorted((SHARED / "faces/azure").glob("Family*.jpg")):
        (face, *_) = engine.analyze(path.read_bytes(), want).faces
        assert face.embedding is not None
        names.append(path.stem)
        rows.append(face.embedding.vector)
    gallery = np.array(rows)
    groups: dict[str, list[tuple[float, str]]] = {}
    for a, b in itertools.combinations(range(len(names)), 2):
        same = re.sub(r"\d$", "", names[a]) == re.sub(r"\d$", "", names[b])
        child = any(word in names[a] + names[b] for word in CHILDREN)
        kind = f"{'same' if same else 'different'}, {'with a child' if child else 'adults'}"
        groups.setdefault(kind, []).append(
            (calibration.confidence(float(gallery[a] @ gallery[b])), f"{names[a]}-{names[b]}")
        )
    for kind, pairs in sorted(groups.items()):
        low, high = min(pairs), max(pairs)
        print(f"{kind}: {len(pairs)} pairs, least {low[0]:.3f} ({low[1]}), most {high[0]:.3f} ({high[1]})")
        wrong = [f"{pair} {value:.3f}" for value, pair in pairs if (value >= 0.5) != kind.startswith("same")]
        print(f"  on the wrong side of 0.5: {', '.join(wrong) or 'none'}")
    print("identification1.jpg, left to right:")
    faces = engine.analyze((SHARED / "faces/azure/identification1.jpg").read_bytes(), want).faces
    for face in sorted(faces, key=lambda found: found.box.left):
        assert face.embedding is not None
        scores = gallery @ face.embedding.vector
        best = int(np.argmax(scores))
        print(f"  face at {face.box.left}: {names[best]} {calibration.confidence(float(scores[best])):.3f}")


if __name__ == "__main__":
    main()
