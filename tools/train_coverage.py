"""Trains the heads that tell what covers a face: `mask` and `occlusion`.

Mask: 350 photos of people with masks and 350 without (chandrikadeb7/Face-Mask-Detection, MIT), LFW as it is, and LFW
with drawn masks, over or below the nose. Occlusion: LFW with drawn coverings (tools/coverings.py), a part counting as
covered when at least 60 % of it is hidden, as free below 25 %, the rest left out; photos with masks and, for half of
the people, real sunglasses and glasses. People are split: four fifths train, one fifth is held out.

    python tools/train_coverage.py --shared ../shared --cache /tmp/heads
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import coverings
from attribute_faces import HEADS, SEED, Arguments, Face, Faces, arguments, fold_of, read_photo
from coverings import Random
from mien.vision import align
from mien.vision.attributes.context import LOOSE_SIZE, LOOSE_TEMPLATE
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.types import Float32, Pixels

LEVELS = (0.12, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Thresholds at which the rates of the model card are given."""
LAYERS = ("stage5", "stage7")
OUTPUTS = ("mask", "nose_covered", "forehead", "eye", "mouth")
# Boxes in fourteenths of the loose crop: left, top, right, bottom.
BOXES = {
    "mask": {"stage5": ((5, 6, 9, 9), (5, 8, 9, 11), (4, 9, 10, 12)), "stage7": ((4, 6, 10, 12),)},
    "nose_covered": {"stage5": ((5, 6, 9, 8), (5, 7, 9, 9), (5, 8, 9, 11)), "stage7": ((4, 6, 10, 10),)},
    "forehead": {"stage5": ((5, 3, 9, 6), (4, 3, 10, 5), (5, 5, 9, 7)), "stage7": ((4, 2, 10, 6),)},
    "eye": {"stage5": ((4, 5, 7, 8), (7, 5, 10, 8), (5, 5, 6, 7), (8, 5, 9, 7)), "stage7": ((4, 4, 10, 8),)},
    "mouth": {"stage5": ((5, 8, 9, 11), (5, 9, 9, 10), (4, 9, 10, 12)), "stage7": ((4, 8, 10, 12),)},
}
STRENGTH = {"mask": 3e-4, "nose_covered": 1e-3, "forehead": 3e-4, "eye": 1e-3, "mouth": 3e-4}
"""Inverse regularisation C on standardised features."""
SUNGLASSES_WEIGHT = 6.0
"""Of the few real ones, in the sample."""
THRESHOLDS = {
    "mask": {"mask": 0.5, "no_mask": 0.3, "nose_covered": 0.4},
    "occlusion": {"forehead": 0.12, "eye": 0.2, "mouth": 0.3},
}
"""Chosen on the held-out fifth and by looking at the photos of LFW that score highest: caps and fringes for the
forehead, sunglasses for the eyes, hands and microphones for the mouth. The first ordinary faces come below these."""


def pools(output: str) -> tuple[RegionPool, ...]:
    """Regions whose means a head sees."""
    return tuple(
        RegionPool(f"lite0/{layer}", np.array(boxes, np.float32) / np.float32(14))
        for layer, boxes in BOXES[output].items()
    )


def main() -> None:
    """Compute or load the samples, train, report, write the heads."""
    given = arguments(__doc__ or "")
    faces = Faces(given)
    samples = faces.features("coverage", lambda: _samples(faces, given))
    train = samples["fold"] != 0
    for names, file in ((("mask", "nose_covered"), "mask"), (("forehead", "eye", "mouth"), "occlusion")):
        fitted = {name: _fit(name, samples, train) for name in names}
        _write(file, names, fitted, {name: _report(name, fitted[name], samples) for name in names})


def _samples(faces: Faces, given: Arguments) -> Iterator[dict[str, Float32]]:
    """Yield maps, targets (1, 0, or −1 for "not judged"), fold and group of every sample."""
    random = np.random.default_rng(SEED)
    worn = {row["file"]: row for row in csv.DictReader((given.shared / "attributes/labels.csv").open())}
    lfw = list(faces.of("lfw", (given.shared / "faces/lfw").glob("*/*.jpg")))
    more = [
        face for face in faces.of("alfw", (given.shared / "attributes/lfw").glob("*.jpg")) if face.path.name in worn
    ]
    crops = [_loose(face) for face in lfw]
    for face, crop in zip(lfw, crops, strict=True):
        fold = fold_of(face.person, 5)
        yield _sample(faces, crop, fold, "clean", mask=0, nose_covered=0, eye=0, mouth=0)
        yield _drawn(faces, crop, crops[int(random.integers(len(crops)))], fold, random)
    for face in more:
        row = worn[face.path.name]
        dark = {"1": 1, "0": 0}.get(row["sunglasses"], -1)
        if dark < 0 and row["glasses"] == "1":
            dark = 0
        group = "sunglasses" if dark == 1 else "glasses" if row["glasses"] == "1" else "worn"
        yield _sample(faces, _loose(face), fold_of(face.person, 2), group, mask=0, nose_covered=0, eye=dark, mouth=0)
    for name, truth in (("with_mask", 1), ("without_mask", 0)):
        photos = (given.shared / "attributes/mask" / name).iterdir()
        for index, face in enumerate(faces.of(name, photos, _read_any)):
            crop = _loose(face)
            yield _sample(faces, crop, index % 5, name, mask=truth, nose_covered=truth, mouth=truth)
            if index % 5:
                yield _sample(
                    faces, coverings.spoil(crop, random), index % 5, name + "_spoilt", mask=truth, nose_covered=truth,
                    mouth=truth,
                )  # fmt: skip


def _read_any(path: Path) -> Pixels:
    return read_photo(path)


def _loose(face: Face) -> Pixels:
    return align.warp(face.pixels, align.similarity_transform(face.points, LOOSE_TEMPLATE), LOOSE_SIZE, LOOSE_SIZE)


def _drawn(faces: Faces, crop: Pixels, other: Pixels, fold: int, random: Random) -> dict[str, Float32]:
    """Draw one covering on a crop."""
    kind = str(random.choice(["mask", "low_mask", "sunglasses", "patch", "patch", "patch", "brow", "brow", "none"]))
    part = str(random.choice(["eye_left", "eye_right", "mouth", "mouth", "nose", "forehead"]))
    colour = coverings.texture(random, other)
    match kind:
        case "mask" | "low_mask":
            alpha = coverings.mask(random, nose=kind == "mask")
            if random.random() < 0.5:
                colour = np.full_like(colour, (235, 225, 205) if random.random() < 0.6 else (245, 245, 245))
                colour[:: int(random.integers(7, 12))] -= 25
        case "sunglasses":
            alpha = coverings.sunglasses(random) * np.float32(random.uniform(0.8, 1))
            colour = np.full_like(colour, random.integers(0, 60, 3))
        case "patch":
            alpha = coverings.patch(random, part)
        case "brow":
            alpha = coverings.brow_cover(random)
        case _:
            alpha = np.zeros(crop.shape[:2], np.float32)
    shares = {name: coverings.covered(alpha, name) for name in coverings.PARTS}
    shares["eye"] = max(shares["eye_left"], shares["eye_right"])
    hidden = {name: 1 if share >= 0.6 else 0 if share < 0.25 else -1 for name, share in shares.items()}
    masked = kind in {"mask", "low_mask"}
    targets = {name: hidden[name] for name in ("forehead", "eye", "mouth")}
    if masked:
        targets |= {"mask": 1, "nose_covered": int(kind == "mask"), "mouth": 1}
    elif kind in {"sunglasses", "brow", "none"}:
        targets |= {"mask": 0, "nose_covered": 0}
    drawn = coverings.spoil(coverings.paint(crop, alpha, colour), random)
    return _sample(faces, drawn, fold, f"drawn_{kind}", **targets)


def _sample(faces: Faces, crop: Pixels, fold: int, group: str, **targets: int) -> dict[str, Float32]:
    context = faces.context(crop, LOOSE_TEMPLATE)
    context.__dict__["loose_crop"] = crop
    row = {layer: context.feature_map(f"lite0/{layer}").astype(np.float16) for layer in LAYERS}
    row["targets"] = np.array([targets.get(name, -1) for name in OUTPUTS], np.int8)
    row["fold"], row["group"] = np.array(fold), np.array(group, "<U24")
    return row


def _features(name: str, samples: dict[str, Float32]) -> Float32:
    parts = []
    for pool in pools(name):
        maps = samples[pool.source.split("/")[1]]
        parts.append(np.stack([pool.pool(one.astype(np.float32)) for one in maps]))
    return np.concatenate(parts, axis=1)


def _fit(name: str, samples: dict[str, Float32], train: np.ndarray) -> tuple[Float32, float, Float32]:
    """Fit one logistic output; returns weights and bias on raw features, and all samples' scores."""
    x, target = _features(name, samples), samples["targets"][:, OUTPUTS.index(name)]
    used = train & (target >= 0)
    mean, spread = x[used].mean(axis=0), x[used].std(axis=0) + 1e-6
    share = np.where(samples["group"][used] == "sunglasses", SUNGLASSES_WEIGHT, 1.0)
    model = LogisticRegression(C=STRENGTH[name], max_iter=1000)
    model.fit((x[used] - mean) / spread, target[used], sample_weight=share)
    weights = (model.coef_[0] / spread).astype(np.float32)
    bias = float(model.intercept_[0] - (model.coef_[0] / spread) @ mean)
    return weights, bias, 1 / (1 + np.exp(-(x @ weights + bias)))


def _report(name: str, fitted: tuple[Float32, float, Float32], samples: dict[str, Float32]) -> dict[str, object]:
    """Print and return held-out figures."""
    target, scores, held = samples["targets"][:, OUTPUTS.index(name)], fitted[2], samples["fold"] == 0
    judged = held & (target >= 0)
    card: dict[str, object] = {"auc": round(float(roc_auc_score(target[judged], scores[judged])), 4)}
    for group in sorted(set(samples["group"][judged])):
        inside = judged & (samples["group"] == group)
        for truth in (0, 1):
            chosen = inside & (target == truth)
            if chosen.sum() >= 5:
                rates = [round(float((scores[chosen] >= level).mean()), 4) for level in LEVELS]
                card[f"{group}={truth}"] = [int(chosen.sum()), *rates]
    print(name, *(f"\n   {key}: {value}" for key, value in card.items()))
    return card


def _write(
    file: str, names: tuple[str, ...], fitted: dict[str, tuple[Float32, float, Float32]], card: dict[str, object]
) -> None:
    """Combine several outputs in one head: each sees its own regions, the weights of the others' are 0."""
    sources: dict[str, list[tuple[float, ...]]] = {}
    spans: list[tuple[str, str, int, int]] = []
    for name in names:
        for pool in pools(name):
            boxes = sources.setdefault(pool.source, [])
            spans.append((name, pool.source, len(boxes), len(pool.boxes)))
            boxes.extend(tuple(box) for box in pool.boxes)
    channels = {"lite0/stage5": 112, "lite0/stage7": 320}
    starts, total = {}, 0
    for source, boxes in sources.items():
        starts[source] = total
        total += len(boxes) * channels[source]
    weights, read = np.zeros((len(names), total), np.float32), dict.fromkeys(names, 0)
    for name, source, first, count in spans:
        width = count * channels[source]
        start = starts[source] + first * channels[source]
        weights[names.index(name), start : start + width] = fitted[name][0][read[name] : read[name] + width]
        read[name] += width
    Head(
        name=file,
        classes=names,
        link="logistic",
        pools=tuple(RegionPool(source, np.array(boxes, np.float32)) for source, boxes in sources.items()),
        weights=weights,
        bias=np.array([fitted[name][1] for name in names], np.float32),
        thresholds=THRESHOLDS[file],
        card={"script": "tools/train_coverage.py", "levels": LEVELS, "held_out": card},
    ).save(HEADS / f"{file}.npz")


if __name__ == "__main__":
    main()
