"""Templates of the labelled photos, computed once with the face engine and kept in a file.

    uv run --group bench python bench/embeddings.py PHOTOS OUT.npz [--recogniser sface]

PHOTOS holds a folder a person, as `faces/lfw` of the shared data does; two pairs of its names count as one person. In a
photo with several faces the one nearest the middle is taken, for that is how these photos were cut. A photo without a
face is left out and counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mien.models.bindings import DEFAULT_RECOGNISER
from mien.vision.engine import FaceEngine
from mien.vision.types import Face, Want

SAME = {"Joseph_Blatter": "Sepp_Blatter", "Mary-Kate_Olsen": "Ashley_Olsen"}
"""Names of one person, and of twins whom these photos do not tell apart: as `tools/fit_recogniser.py` has them."""


def off_centre(face: Face, width: int, height: int) -> float:
    x, y = face.box.left + face.box.width / 2 - width / 2, face.box.top + face.box.height / 2 - height / 2
    return float(np.hypot(x, y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recogniser", default=DEFAULT_RECOGNISER)
    arguments = parser.parse_args()
    engine = FaceEngine()
    want = Want(recogniser=arguments.recogniser)
    vectors, norms, labels, names, missed = [], [], [], [], 0
    for path in sorted(arguments.photos.glob("*/*.jpg")):
        analysis = engine.analyze(path.read_bytes(), want)
        if not analysis.faces:
            missed += 1
            continue
        face = min(analysis.faces, key=lambda f: off_centre(f, analysis.width, analysis.height))
        assert face.embedding is not None
        vectors.append(face.embedding.vector)
        norms.append(face.embedding.norm)
        labels.append(SAME.get(path.parent.name, path.parent.name))
        names.append(f"{path.parent.name}/{path.name}")
    np.savez(
        arguments.out,
        embeddings=np.stack(vectors),
        norms=np.array(norms, np.float32),
        labels=np.array(labels),
        files=np.array(names),
        fingerprint=np.array(engine.fingerprint(arguments.recogniser)),
    )
    print(f"{len(vectors)} photos, {len(set(labels))} people, {missed} without a face")


if __name__ == "__main__":
    main()
