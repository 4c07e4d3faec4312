"""Measure what the manifests of the recognisers state: SFace's centre, and each recogniser's calibration.

    uv run python tools/fit_recogniser.py centre        # the mean unit vector of SFace, for packs/sface.toml
    uv run python tools/fit_recogniser.py calibrate     # thresholds and slopes, for the [calibration] tables

Photos: all of ../shared/faces/lfw (2,134 of 900 people) and, for the centre, one photo each of the people in
../shared/attributes/lfw too. The centre is a mean over people, not photos, so that nobody counts twice. Two pairs of
names in LFW are one person or identical twins (Joseph/Sepp Blatter; Ashley/Mary-Kate Olsen): they count as neither
genuine nor impostor.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from mien.matching.calibration import fit
from mien.models.store import ModelStore
from mien.vision import Face, FaceEngine, Want

SHARED = next(
    parent / "shared" for parent in Path(__file__).resolve().parents if (parent / "shared" / "faces").is_dir()
)
SAME = {"Joseph_Blatter": "Sepp_Blatter", "Mary-Kate_Olsen": "Ashley_Olsen"}


def main_face_templates(engine: FaceEngine, recogniser: str, photos: list[Path]) -> np.ndarray:
    """Templates, float32 (n, d), of the face nearest to the middle of each 250×250 photo; NaN where there is none."""
    rows = []
    for photo in photos:
        faces = engine.analyze(photo.read_bytes(), Want(recogniser=recogniser)).faces
        best = min(
            faces,
            key=lambda face: (
                abs(face.box.left + face.box.width / 2 - 125) + abs(face.box.top + face.box.height / 2 - 125)
            ),
            default=None,
        )
        if best is None or best.embedding is None:
            rows.append(np.full_like(rows[0], np.nan))
        else:
            rows.append(best.embedding.vector)
    return np.array(rows, np.float32)


def _off_centre(face: Face) -> float:
    box = face.box
    return abs(box.left + box.width / 2 - 125) + abs(box.top + box.height / 2 - 125)


def person(photo: Path) -> str:
    """The name of the person on a photo of LFW."""
    name = photo.stem.rsplit("_", 1)[0]
    return SAME.get(name, name)


def centre(engine: FaceEngine) -> None:
    """Print SFace's mean unit vector; run it while packs/sface.toml has no centre."""
    photos = sorted((SHARED / "faces/lfw").glob("*/*.jpg")) + sorted((SHARED / "attributes/lfw").glob("*.jpg"))
    templates = main_face_templates(engine, "sface", photos)
    by_person = defaultdict(list)
    for photo, template in zip(photos, templates, strict=True):
        if np.isfinite(template).all():
            by_person[person(photo)].append(template)
    means = [np.mean(rows, axis=0) for rows in by_person.values()]
    mean = np.mean(means, axis=0)
    print(f"# {len(photos)} photos of {len(means)} people; length {np.linalg.norm(mean):.4f}")
    print("centre = [")
    for start in range(0, len(mean), 10):
        print("  " + " ".join(f"{value:.5f}," for value in mean[start : start + 10]))
    print("]")


def calibrate(engine: FaceEngine, names: list[str]) -> None:
    """Print threshold and slope of each recogniser at FMR 1e-4."""
    photos = sorted((SHARED / "faces/lfw").glob("*/*.jpg"))
    people = np.array([person(photo) for photo in photos])
    for name in names:
        templates = main_face_templates(engine, name, photos)
        similarity = templates @ templates.T
        upper = np.triu_indices(len(photos), 1)
        same = (people[:, None] == people[None])[upper]
        scores = similarity[upper]
        genuine, impostor = scores[same], scores[~same]
        fitted = fit(genuine, impostor, 1e-4)
        thresholds = []
        for fmr in (1e-3, 1e-4, 1e-5):
            threshold = np.sort(impostor)[::-1][round(fmr * len(impostor))]
            print(f"{name}: TAR {float((genuine > threshold).mean()):.4f} at FMR {fmr:g} (cosine {threshold:.4f})")
            thresholds.append(threshold)
        print(f"{name}: tail {np.log(10) / (thresholds[2] - thresholds[1]):.0f}; state a little less")
        print(f"{name}: {fitted} from {len(genuine)} genuine and {len(impostor)} impostor pairs")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["centre", "calibrate"])
    parser.add_argument("--packs", nargs="*", default=["sface-dlib", "sface", "dlib-resnet"])
    options = parser.parse_args()
    store = ModelStore()
    store.ensure(["yunet", *options.packs])
    engine = FaceEngine(store)
    if options.what == "centre":
        centre(engine)
    else:
        calibrate(engine, options.packs)


if __name__ == "__main__":
    main()
