"""Recognition accuracy on labelled photos: verify, identify, the score of a person, grouping.

    uv run --group bench python bench/recognition.py TEMPLATES.npz     (made by bench/embeddings.py)
    uv run --group bench python bench/recognition.py TEMPLATES.npz --curve curve.png     (draw the calibration, too)

Verify: all pairs. Identify: open set; in each of ten random splits half of the people with two or more photos are
enrolled with up to n photos each, their other photos are the mated probes, and all photos of everybody else are
non-mated probes. FPIR: share of non-mated probes that find anyone; FNIR: share of mated probes that do not find their
person in first place. Grouping: pairwise F of random sets of 1,000 photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from scipy.cluster.hierarchy import fcluster, linkage
from tests.unit_vectors import normalise

from mien.matching import cosine_matrix, fit, group, person_scores, rates
from mien.matching.open_set import similarity_for_gallery

mpl.use("agg")
SPLITS = 10


def verify(similarity: np.ndarray, people: np.ndarray) -> dict[float, float]:
    upper = np.triu_indices(len(people), 1)
    same = (people[:, None] == people)[upper]
    scores = similarity[upper]
    genuine, impostor, who = scores[same], scores[~same], people[upper[0][same]]
    count = np.unique(people).size
    print(f"\n## Verify: {genuine.size:,} genuine and {impostor.size:,} impostor pairs of {count} people\n")
    print("| FMR | threshold | FNMR [95 %, by identity] | TAR |\n|---|---|---|---|")
    thresholds = {}
    for target in (1e-2, 1e-3, 1e-4, 1e-5):
        rate = rates.verification(genuine, impostor, target, genuine_identity=who)
        thresholds[target] = rate.threshold
        print(f"| {target:g} | {rate.threshold:.3f} | {rate.fnmr} | {rate.tar:.4f} |")
    c = fit(impostor, 1e-4)
    spread = ", ".join(f"{c.confidence(float(q)):.3f}" for q in np.quantile(genuine, [0.01, 0.05, 0.5, 0.95]))
    print(
        f"\nCalibration: threshold {c.threshold:.4f}, tail {c.tail:.0f}; confidence of genuine pairs at 1, 5, 50, 95 %:"
        f" {spread}; of the median impostor {c.confidence(float(np.median(impostor))):.3f}"
    )
    print("\n| accept from confidence | false match rate | genuine pairs missed |\n|---|---|---|")
    for tenth in range(2, 10):
        at, known = c.similarity(tenth / 10), 10.0 ** (1 - tenth)
        missed = float(np.mean(genuine < at))
        print(f"| {tenth / 10} | {known:g}{'' if known >= 1e-5 else ' (extrapolated)'} | {missed:.4f} |")
    return thresholds


def draw_curve(similarity: np.ndarray, people: np.ndarray, target: Path) -> None:
    """Draw genuine and impostor pairs by similarity, and the error rates by confidence."""
    upper = np.triu_indices(len(people), 1)
    same = (people[:, None] == people)[upper]
    scores = similarity[upper]
    genuine, impostor = np.sort(scores[same]), np.sort(scores[~same])
    calibration = fit(impostor, 1e-4)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    bins = np.linspace(impostor[0], 1, 120).tolist()
    left.hist(impostor, bins, density=True, alpha=0.6, label="impostor pairs")
    left.hist(genuine, bins, density=True, alpha=0.6, label="genuine pairs")
    axis = left.twinx()
    grid = np.linspace(impostor[0], 1, 300)
    axis.plot(grid, calibration.confidence(grid), "k", label="confidence")
    axis.set_ylim(0, 1)
    left.set_xlabel("cosine similarity")
    left.legend(loc="upper center")
    confidence = np.linspace(0.02, 0.98, 97)
    at = np.array([calibration.similarity(float(value)) for value in confidence])
    right.semilogy(confidence, 1 - np.searchsorted(impostor, at) / impostor.size, label="FMR")
    right.semilogy(confidence, np.searchsorted(genuine, at) / genuine.size, label="FNMR")
    right.axvline(0.5, color="k", lw=0.6)
    right.axhspan(10**-4.5, 10**-3.5, alpha=0.15)
    right.set_xlabel("confidence")
    right.legend()
    figure.tight_layout()
    figure.savefig(target, dpi=110)


Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_person(scores: np.ndarray, who: np.ndarray, fuse: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([fuse(scores[:, who == person]) for person in range(who.max() + 1)], axis=1)


def averaged(probes: np.ndarray, enrolled: np.ndarray, who: np.ndarray) -> np.ndarray:
    means = normalise(np.stack([enrolled[who == person].mean(axis=0) for person in range(who.max() + 1)]))
    return cosine_matrix(probes, means)


def fused(probes: np.ndarray, enrolled: np.ndarray, who: np.ndarray) -> np.ndarray:
    return np.stack([person_scores(probes, enrolled[who == person]) for person in range(who.max() + 1)], axis=1)


FUSIONS: dict[str, Score] = {
    "person score (matching)": fused,
    "best face": lambda p, e, w: by_person(cosine_matrix(p, e), w, lambda s: s.max(axis=1)),
    "mean of best two": lambda p, e, w: by_person(
        cosine_matrix(p, e), w, lambda s: np.sort(s, axis=1)[:, -2:].mean(axis=1)
    ),
    "mean of all": lambda p, e, w: by_person(cosine_matrix(p, e), w, lambda s: s.mean(axis=1)),
    "best and mean, halved": lambda p, e, w: by_person(
        cosine_matrix(p, e), w, lambda s: (s.max(axis=1) + s.mean(axis=1)) / 2
    ),
    "averaged template": averaged,
}


def identify(templates: np.ndarray, people: np.ndarray, thresholds: dict[float, float]) -> None:
    photos = {person: np.flatnonzero(people == person) for person in np.unique(people)}
    print("\n## Identify (open set, 10 splits; the score of a person by fusion)\n")
    print(
        "| photos a person | score | people | mated | non-mated | rank 1 | FNIR at FPIR 1 % | at 10 % |"
        " FNIR, FPIR at threshold of FMR 1e-3 | of 1e-4 |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for most in (1, 2, 3, 4):
        pool = [person for person, rows in photos.items() if len(rows) > most]
        results: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {name: [] for name in FUSIONS}
        for split in range(SPLITS):
            random = np.random.default_rng(split)
            enrolled_people = random.permutation(pool)[: len(pool) // 2]
            gallery, who, mated, truth = [], [], [], []
            for number, person in enumerate(enrolled_people):
                rows = random.permutation(photos[person])
                gallery += rows[:most].tolist()
                who += [number] * most
                mated += rows[most:].tolist()
                truth += [number] * (len(rows) - most)
            strangers = np.flatnonzero(~np.isin(people, enrolled_people))
            for name, score in FUSIONS.items():
                if most == 1 and name != "best face":
                    continue
                own = score(templates[mated], templates[gallery], np.array(who))
                other = score(templates[strangers], templates[gallery], np.array(who)).max(axis=1)
                hit = own.argmax(axis=1) == np.array(truth)
                results[name].append((own.max(axis=1), hit, other))
        for name, runs in results.items():
            if not runs:
                continue
            own, hit, other = (np.concatenate(parts) for parts in zip(*runs, strict=True))

            def fnir(t: float, own: np.ndarray = own, hit: np.ndarray = hit) -> float:
                return float(np.mean(~(hit & (own >= t))))

            at_fpir = [f"{fnir(rates.threshold_at_fmr(other, rate)):.4f}" for rate in (0.01, 0.1)]
            at_threshold = [f"{fnir(thresholds[r]):.4f}, {rates.fmr(other, thresholds[r]):.4f}" for r in (1e-3, 1e-4)]
            counts = f"{len(pool) // 2} | {own.size // SPLITS} | {other.size // SPLITS}"
            print(
                f"| {most} | {name} | {counts} | {hit.mean():.4f} |"
                f" {' | '.join(at_fpir)} | {' | '.join(at_threshold)} |"
            )


def large(templates: np.ndarray, people: np.ndarray) -> None:
    """Print misses at the threshold for a large gallery, and how often strangers reach the operating point."""
    scores = cosine_matrix(templates, templates)[np.triu_indices(len(people), 1)]
    same = (people[:, None] == people)[np.triu_indices(len(people), 1)]
    calibration = fit(scores[~same], 1e-4)
    photos = {person: np.flatnonzero(people == person) for person in np.unique(people)}
    print("\n## A person of several photos: misses at the threshold of a gallery, strangers at confidence .5\n")
    print("| photos | score | probes | missed, 10,000 persons | missed, 100,000 | strangers | strangers matched |")
    print("|---|---|---|---|---|---|---|")
    for count in (1, 2, 3, 4):
        pool = [rows for rows in photos.values() if len(rows) > count]
        for name, score in (("person score", fused), ("best face", FUSIONS["best face"])):
            own, other = [], []
            for split in range(6):
                random = np.random.default_rng(split)
                for rows in pool:
                    shuffled = random.permutation(rows)
                    strangers = random.choice(np.flatnonzero(people != people[rows[0]]), 600)
                    enrolled, who = templates[shuffled[:count]], np.zeros(count, int)
                    own.append(score(templates[shuffled[count:]], enrolled, who)[:, 0])
                    other.append(score(templates[strangers], enrolled, who)[:, 0])
            genuine, impostor = np.concatenate(own), np.concatenate(other)
            counted = 1 if name == "person score" else count
            missed = [
                float(np.mean(genuine < similarity_for_gallery(calibration, size * counted)))
                for size in (10_000, 100_000)
            ]
            matched = float(np.mean(impostor >= calibration.threshold))
            print(
                f"| {count} | {name} | {genuine.size:,} | {missed[0]:.4f} | {missed[1]:.4f} | {impostor.size:,} |"
                f" {matched:.1e} |"
            )


def pairwise_f(labels: np.ndarray, people: np.ndarray) -> tuple[float, float, float]:
    upper = np.triu_indices(len(labels), 1)
    found, true = (labels[:, None] == labels)[upper], (people[:, None] == people)[upper]
    both = np.count_nonzero(found & true)
    precision, recall = both / max(1, np.count_nonzero(found)), both / np.count_nonzero(true)
    return 2 * precision * recall / max(1e-9, precision + recall), precision, recall


def chinese_whispers(similarity: np.ndarray, threshold: float) -> np.ndarray:
    """Chinese whispers (Biemann 2006): each face takes its neighbours' heaviest label, for twenty rounds."""
    weights = np.where(similarity >= threshold, similarity, 0.0)
    np.fill_diagonal(weights, 0.0)
    labels = np.arange(len(weights))
    random = np.random.default_rng(0)
    for _ in range(20):
        for face in random.permutation(len(weights)):
            near = np.flatnonzero(weights[face])
            if near.size:
                labels[face] = np.bincount(labels[near], weights[face, near]).argmax()
    return labels


def ours(templates: np.ndarray, threshold: float) -> np.ndarray:
    labels = np.arange(len(templates))
    for members in group(templates, threshold).groups:
        labels[list(members)] = members[0]
    return labels


def scipy_labels(similarity: np.ndarray, threshold: float, method: str) -> np.ndarray:
    distance = np.clip(1 - similarity[np.triu_indices(len(similarity), 1)], 0, 2)
    return np.asarray(fcluster(linkage(distance, method), 1 - threshold, "distance"))


def grouping(templates: np.ndarray, people: np.ndarray, thresholds: dict[float, float]) -> None:
    random = np.random.default_rng(0)
    sets = [random.permutation(len(people))[:1000] for _ in range(5)]
    print("\n## Grouping: mean pairwise F (precision, recall) of 5 sets of 1,000 photos, by threshold\n")
    chosen = {"FMR 1e-3": thresholds[1e-3], "FMR 1e-4": thresholds[1e-4], "FMR 1e-5": thresholds[1e-5], "0.45": 0.45}
    print(
        "| method | "
        + " | ".join(f"{name} ({t:.3f})" for name, t in chosen.items())
        + " |\n|---|"
        + "---|" * len(chosen)
    )
    methods: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
        "Mien (average linkage)": lambda t, _, x: ours(t, x),
        "scipy average linkage": lambda _, s, x: scipy_labels(s, x, "average"),
        "complete linkage": lambda _, s, x: scipy_labels(s, x, "complete"),
        "connected components (single linkage)": lambda _, s, x: scipy_labels(s, x, "single"),
        "weighted linkage": lambda _, s, x: scipy_labels(s, x, "weighted"),
        "Chinese whispers": lambda _, s, x: chinese_whispers(s, x),
    }
    for name, method in methods.items():
        cells = []
        for threshold in chosen.values():
            values = [
                pairwise_f(
                    method(templates[rows], cosine_matrix(templates[rows], templates[rows]), threshold), people[rows]
                )
                for rows in sets
            ]
            f, precision, recall = np.mean(values, axis=0)
            cells.append(f"{f:.4f} ({precision:.3f}, {recall:.3f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    f, precision, recall = pairwise_f(ours(templates, thresholds[1e-4]), people)
    print(f"\nAll {len(people)} photos at FMR 1e-4: F {f:.4f}, precision {precision:.4f}, recall {recall:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", type=Path)
    parser.add_argument("--curve", type=Path, help="draw the calibration curve to this file")
    arguments = parser.parse_args()
    data = np.load(arguments.templates)
    templates, people = data["embeddings"], data["labels"]
    thresholds = verify(cosine_matrix(templates, templates), people)
    if arguments.curve:
        draw_curve(cosine_matrix(templates, templates), people, arguments.curve)
    identify(templates, people, thresholds)
    large(templates, people)
    grouping(templates, people, thresholds)


if __name__ == "__main__":
    main()
