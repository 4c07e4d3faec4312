"""Compute the templates of labelled photos and store them in a file.

    uv run --group bench python bench/embeddings.py PHOTOS OUT.npz [--recogniser sface]

PHOTOS contains a folder per person, like `faces/lfw` of the shared data (two pairs of its names count as one person),
or photos of people without names, like `faces/fairface`. If a photo has several faces, the one nearest to the centre is
used, because these photos were cropped that way. A photo without a face is left out and counted.

The file contains `embeddings` (the templates), `plain` (the recogniser's unit vectors before score normalisation),
`norms`, `labels` (names of people), `files` and the `fingerprint`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.manifest import Manifest
from mien.models.store import ModelStore
from mien.vision.embedder import normalisation_of
from mien.vision.engine import FaceEngine
from mien.vision.types import Face, Want

SAME = {"Joseph_Blatter": "Sepp_Blatter", "Mary-Kate_Olsen": "Ashley_Olsen"}
"""Names that belong to one person, or to twins who cannot be distinguished in these photos."""


class PlainStore(ModelStore):
    """A model store whose packs have no score normalisation."""

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a pack without its normalisation."""
        return super().manifest(name).model_copy(update={"normalisation": None})


def off_centre(face: Face, width: int, height: int) -> float:
    x, y = face.box.left + face.box.width / 2 - width / 2, face.box.top + face.box.height / 2 - height / 2
    return float(np.hypot(x, y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recogniser", default=DEFAULT_RECOGNISER)
    arguments = parser.parse_args()
    engine = FaceEngine(PlainStore())
    want = Want(recogniser=arguments.recogniser)
    vectors, norms, labels, names, missed = [], [], [], [], 0
    for path in sorted([*arguments.photos.glob("*.jpg"), *arguments.photos.glob("*/*.jpg")]):
        analysis = engine.analyze(path.read_bytes(), want)
        if not analysis.faces:
            missed += 1
            continue
        face = min(analysis.faces, key=lambda f: off_centre(f, analysis.width, analysis.height))
        assert face.embedding is not None
        vectors.append(face.embedding.vector)
        norms.append(face.embedding.norm)
        person = path.stem if path.parent == arguments.photos else path.parent.name
        labels.append(SAME.get(person, person))
        names.append(str(path.relative_to(arguments.photos)))
    plain, store = np.stack(vectors), ModelStore()
    normalisation = normalisation_of(store.manifest(arguments.recogniser))
    np.savez(
        arguments.out,
        embeddings=normalisation.apply(plain) if normalisation else plain,
        plain=plain,
        norms=np.array(norms, np.float32),
        labels=np.array(labels),
        files=np.array(names),
        fingerprint=np.array(store.fingerprint(arguments.recogniser)),
    )
    print(f"{len(vectors)} photos, {len(set(labels))} people, {missed} without a face")


if __name__ == "__main__":
    main()
