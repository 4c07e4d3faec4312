r"""False match rates by group of people, with a cohort of other people.

    uv run --group bench python bench/embeddings.py ../shared/faces/lfw lfw.npz
    uv run --group bench python bench/embeddings.py ../shared/faces/fairface fairface.npz
    uv run --group bench python bench/degraded.py --photos ../shared/faces/fairface --people 270 --save spoilt.npz \
        --changes "blur 7" "blur 8" "blur 10" "moved 25" "blocks 14"
    uv run --group bench python bench/groups.py lfw.npz fairface.npz spoilt.npz

The photos of FairFace are split into halves, balanced in age and sex. The cohort of the score normalisation is built
from one half, the threshold is set at a false match rate of 1e-4 on all pairs of LFW, and pairs within a group of the
other half are counted; then the halves are swapped. This is done for 20 random splits, and the rates are means over
them, because a single pair matters in a group of a hundred. The interval is Clopper-Pearson for the mean number of
false matches among the pairs of one split; pairs share faces, so the true one is wider. "Shipped" is the unchanged
pack: its cohort contains these people, among others, so its figures are too good.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.matching.normalisation import build_cohort
from mien.matching.rates import clopper_pearson, threshold_at_fmr
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision.embedder import normalisation_of

SPLITS = 20
CHILDREN = ("0-2", "3-9", "10-19")
Rows = list[dict[str, str]]


def groups_of(rows: Rows) -> dict[str, np.ndarray]:
    age, sex, race = (np.array([row[name] for row in rows]) for name in ("age_label", "sex", "race"))
    adult = ~np.isin(age, CHILDREN)
    found = {"women, 20 and older": adult & (sex == "Female"), "men, 20 and older": adult & (sex == "Male")}
    found |= {f"{name.replace('_', ' or ')}, 20 and older": adult & (race == name) for name in sorted(set(race))}
    found["East Asian women"] = found["East Asian, 20 and older"] & (sex == "Female")
    found["Southeast Asian women"] = found["Southeast Asian, 20 and older"] & (sex == "Female")
    found["Black women"] = found["Black, 20 and older"] & (sex == "Female")
    return found | {f"ages {band}": age == band for band in CHILDREN}


def halves(rows: Rows, seed: int) -> np.ndarray:
    """Assign 0 or 1 to each photo at random, balanced in age and sex."""
    random, half = np.random.default_rng(seed), np.zeros(len(rows), int)
    kinds = np.array([row["age_label"] + row["sex"] for row in rows])
    for kind in np.unique(kinds):
        members = random.permutation(np.flatnonzero(kinds == kind))
        half[members[: (len(members) + random.integers(2)) // 2]] = 1
    return half


def interval(hits: float, pairs: int, splits: int) -> str:
    found = clopper_pearson(round(hits / splits), round(pairs / splits))
    return f"{hits / pairs:.1e} [{found.low:.0e}, {found.high:.0e}]"


def within(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores[np.triu_indices(len(scores), 1)])


Templates = Callable[[np.ndarray], np.ndarray]


class Lfw:
    """Thresholds and accuracy on all pairs of LFW."""

    def __init__(self, file: Path) -> None:
        data = np.load(file)
        self.plain, people = data["plain"], data["labels"]
        self._upper = np.triu_indices(len(people), 1)
        self._same = (people[:, None] == people)[self._upper]

    def measure(self, templates: Templates) -> tuple[float, list[float]]:
        """Return the threshold at FMR 1e-4, and TAR at FMR 1e-3, 1e-4 and 1e-5."""
        rows = templates(self.plain)
        scores = (rows @ rows.T)[self._upper]
        genuine, impostor = scores[self._same], scores[~self._same]
        thresholds = [threshold_at_fmr(impostor, rate) for rate in (1e-3, 1e-4, 1e-5)]
        return thresholds[1], [float((genuine >= threshold).mean()) for threshold in thresholds]


def plain(rows: np.ndarray) -> np.ndarray:
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lfw", type=Path)
    parser.add_argument("fairface", type=Path)
    parser.add_argument("spoilt", type=Path)
    parser.add_argument("--labels", type=Path, default=Path("../shared/faces/fairface/labels.csv"))
    parser.add_argument("--recogniser", default=DEFAULT_RECOGNISER)
    arguments = parser.parse_args()
    lfw, data = Lfw(arguments.lfw), np.load(arguments.fairface)
    with arguments.labels.open(encoding="utf-8") as file:
        known = {row["file"]: row for row in csv.DictReader(file)}
    keep = [i for i, name in enumerate(data["files"]) if not known[str(name)]["maybe_same_person_as"]]
    changed = np.load(arguments.spoilt)
    ways = [way for way in dict.fromkeys(changed["changes"]) if way != "none"]
    faces, rows = data["plain"][keep], [known[str(data["files"][i])] for i in keep]
    groups = groups_of(rows)
    shipped = normalisation_of(ModelStore().manifest(arguments.recogniser))
    assert shipped is not None
    everyone = np.ones(len(faces), bool)
    crossed = []
    for seed in range(SPLITS):
        half = halves(rows, seed)
        for side in (0, 1):
            members = [rows[index]["file"] for index in np.flatnonzero(half == side)]
            own = np.isin(changed["files"], members)
            spoilt = [changed["plain"][own & (changed["changes"] == way)] for way in ways]
            cohort = build_cohort(faces[half == side], spoilt)
            crossed.append((replace(shipped, cohort=cohort).apply, half != side))
    variants: dict[str, list[tuple[Templates, np.ndarray]]] = {
        "not normalised": [(plain, everyone)],
        "normalised, unseen": crossed,
        "shipped": [(shipped.apply, everyone)],
    }
    print(f"{arguments.recogniser}: {len(faces)} photos of FairFace, {len(lfw.plain):,} of LFW\n")
    cells: dict[str, list[str]] = {name: [] for name in groups}
    accuracy = []
    for name, runs in variants.items():
        counts = {group: [0, 0] for group in groups}
        rates = []
        for templates, tested in runs:
            threshold, tar = lfw.measure(templates)
            rates.append(tar)
            for group, members in groups.items():
                own = templates(faces[members & tested])
                scores = within(own @ own.T)
                counts[group][0] += int((scores >= threshold).sum())
                counts[group][1] += scores.size
        accuracy.append(f"{name}: TAR " + ", ".join(f"{value:.4f}" for value in np.mean(rates, axis=0)))
        for group, (hits, pairs) in counts.items():
            cells[group].append(interval(hits, pairs, max(1, len(runs) // 2)))
            if name != "shipped":
                cells[group].append(f"{pairs // max(1, len(runs) // 2):,}")
    print("LFW at FMR 1e-3, 1e-4, 1e-5. " + "; ".join(accuracy) + "\n")
    heads = ["not normalised", "pairs", "normalised, unseen", "pairs", "shipped"]
    print(f"| false match rate at confidence .5 | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for group, row in cells.items():
        print(f"| {group} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
