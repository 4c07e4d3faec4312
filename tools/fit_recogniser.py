r"""Measure what the manifests of the recognisers state: SFace's centre, the cohort, the calibration.

Templates are computed once with bench/embeddings.py; each step below reads its files:

    python bench/embeddings.py ../shared/faces/lfw lfw.npz --recogniser sface-int8
    python bench/embeddings.py ../shared/faces/fairface fairface.npz --recogniser sface-int8

    python bench/degraded.py --photos ../shared/faces/fairface --people 270 --save spoilt.npz \
        --changes "blur 7" "blur 8" "blur 10" "moved 25" "blocks 14"

    python tools/fit_recogniser.py centre lfw.npz other-people.npz  # the mean unit vector, for [files.network.output]
    python tools/fit_recogniser.py cohort fairface.npz spoilt.npz sface-int8   # writes models/cohorts/sface-int8.npy
    python tools/fit_recogniser.py calibrate lfw.npz                # prints the [calibration] table

Build the centre from a pack without centre, the cohort from one with its centre, the calibration last: of templates
that were computed with centre and cohort. The centre is a mean over people, not photos, so that nobody counts twice.

The cohort is 64 averages over twelve people each of FairFace (270 photos, CC BY 4.0; files that show the person of
another file are left out), and two of each way in which these photos were spoilt, so it contains nobody's template.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections import defaultdict
from pathlib import Path

import numpy as np

from mien.matching import fit
from mien.matching.normalisation import build_cohort

COHORTS = Path(__file__).resolve().parents[1] / "src/mien/models/cohorts"


def centre(files: list[Path]) -> None:
    """Print the mean unit vector over the people of all files."""
    by_person = defaultdict(list)
    for file in files:
        data = np.load(file)
        for person, vector in zip(data["labels"], data["plain"], strict=True):
            by_person[str(person)].append(vector)
    mean = np.mean([np.mean(rows, axis=0) for rows in by_person.values()], axis=0)
    print(f"# {len(by_person)} people; length {np.linalg.norm(mean):.4f}")
    print("centre = [")
    for start in range(0, len(mean), 10):
        print("  " + " ".join(f"{value:.5f}," for value in mean[start : start + 10]))
    print("]")


def cohort(clear: Path, spoilt: Path, name: str, repeated: set[str]) -> None:
    """Write the cohort of a pack and print its sha256."""

    def kept(file: Path) -> dict[str, np.ndarray]:
        data = np.load(file)
        keep = [index for index, photo in enumerate(data["files"]) if Path(photo).name not in repeated]
        changes = data["changes"] if "changes" in data else np.full(len(data["plain"]), "none")
        return {change: data["plain"][keep][changes[keep] == change] for change in dict.fromkeys(changes)}

    changed = {change: rows for change, rows in kept(spoilt).items() if change != "none"}
    keep = kept(clear)["none"]
    buffer = io.BytesIO()
    built = build_cohort(keep, list(changed.values()))
    np.save(buffer, built.astype(np.float16), allow_pickle=False)
    print(f"{len(built)} averages; spoilt by " + ", ".join(changed))
    (COHORTS / f"{name}.npy").write_bytes(buffer.getvalue())
    print(f'{len(keep)} people; sha256 = "{hashlib.sha256(buffer.getvalue()).hexdigest()}"')


def repeated_people(labels: Path) -> set[str]:
    """Files of FairFace that show a person of another file."""
    with labels.open(encoding="utf-8") as rows:
        return {row["file"] for row in csv.DictReader(rows) if row["maybe_same_person_as"]}


def calibrate(file: Path) -> None:
    """Print the calibration of all pairs at a false match rate of 1e-4."""
    data = np.load(file)
    templates, people = data["embeddings"], data["labels"]
    upper = np.triu_indices(len(people), 1)
    same = (people[:, None] == people[None])[upper]
    scores = (templates @ templates.T)[upper]
    genuine, impostor = scores[same], scores[~same]
    fitted = fit(impostor, 1e-4)
    for rate, similarity in fitted.levels:
        print(f"# TAR {float((genuine >= similarity).mean()):.4f} at FMR {rate:g}")
    print(f"# {genuine.size:,} genuine and {impostor.size:,} impostor pairs of {np.unique(people).size} people")
    spread = fitted.confidence(np.quantile(genuine, [0.05, 0.5, 0.95]))
    print(f"# confidence of genuine pairs at 5, 50, 95 %: {np.round(spread, 3)}")
    print(f"[calibration]\nthreshold = {fitted.threshold:.4f}\nfmr = {fitted.fmr:g}\ntail = {fitted.tail or 0:.0f}")
    print("levels = [" + ", ".join(f"[{rate:g}, {similarity:.4f}]" for rate, similarity in fitted.levels) + "]")


def main() -> None:
    """Run the step that was requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("centre").add_argument("files", nargs="+", type=Path)
    building = steps.add_parser("cohort")
    building.add_argument("clear", type=Path)
    building.add_argument("spoilt", type=Path)
    building.add_argument("pack")
    building.add_argument("--labels", type=Path, default=Path("../shared/faces/fairface/labels.csv"))
    steps.add_parser("calibrate").add_argument("file", type=Path)
    options = parser.parse_args()
    if options.step == "centre":
        centre(options.files)
    elif options.step == "cohort":
        cohort(options.clear, options.spoilt, options.pack, repeated_people(options.labels))
    else:
        calibrate(options.file)


if __name__ == "__main__":
    main()
