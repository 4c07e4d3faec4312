"""Trains the head `age`, which corrects dlib's age network by SFace's last exposed layer, and fits the curve after it.

Labels: years of birth of 494 public figures of LFW, written down from general knowledge (tools/labels/birth_years.csv),
so an error of a year or two is common; LFW's photos are taken to be of mid-2002 on average. Ridge regression, people
weighted equally and decades by the root of their rarity; figures from ten folds by person.

The curve is fitted to what the whole engine says of FairFace's 270 photos, by age bands, and checked crosswise on
random halves, 20 times; its points go into `mien.vision.attributes.age` by hand.

    python tools/train_age.py --shared ../shared --cache /tmp/heads
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from attribute_faces import HEADS, LABELS, Faces, arguments
from mien.contract.attributes import Attribute
from mien.vision import FaceEngine, OperatingPoint, Want
from mien.vision.attributes.age import CURVE_FROM, CURVE_TO, PACK, blend, raw_age
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.types import Float32

LAYER = "conv_12_relu"
BOXES = np.array([[0, 0, 7, 7], [1, 1, 6, 3], [1, 2, 6, 4], [1, 4, 6, 7]], np.float32) / np.float32(7)
TAKEN = 2002.7
STRENGTH = 1000.0
BANDS = {
    "0-2": 1.5, "3-9": 6.5, "10-19": 15.0, "20-29": 25.0, "30-39": 35.0, "40-49": 45.0, "50-59": 55.0, "60-69": 65.0,
    "70+": 76.0,
}  # fmt: skip
"""FairFace's bands and what is taken for their middle, in years."""
OPEN_BAND_WEIGHT = 0.5
"""Of the band without an upper end."""
PHOTO_WEIGHT = 0.15
"""Of the squared errors of all photos together, against the squared bias of a band."""
SLOPES = np.array([0.7, 0.5, 1, 1, 1, 1, 1])
STIFFNESS = np.array([8.0, 8, 3, 3, 3, 3, 3])
"""Slopes between the curve's points, and how strongly it is held to them."""
NETWORK_WEIGHT = 10.0
"""How much less the network's own age is regularised than the map's features: its unit is 1.5 years."""


def main() -> None:
    """Compute or load the features, check by folds, train on all, write the head."""
    given = arguments(__doc__ or "")
    faces = Faces(given)
    born = {row["person"]: int(row["born"]) for row in csv.DictReader((LABELS / "birth_years.csv").open())}

    def look() -> Iterator[dict[str, Float32]]:
        for face in faces.of("lfw", (given.shared / "faces/lfw").glob("*/*.jpg")):
            if face.person in born:
                context = faces.context(face.pixels, face.points)
                yield {
                    "x": RegionPool("", BOXES).pool(context.feature_map(f"sface/{LAYER}")),
                    "network": np.array(raw_age(faces.network(PACK), face.pixels, face.points)),
                    "y": np.array(TAKEN - born[face.person]),
                    "person": np.array(face.person, "<U40"),
                }

    data = faces.features("age", look)
    years, people = data["y"], data["person"]
    photos = Counter(people.tolist())
    decade = np.clip(years // 10, 1, 7).astype(int)
    sizes = np.bincount(decade, minlength=8)
    importance = np.array([1 / photos[person] for person in people.tolist()]) / np.sqrt(sizes[decade])
    held = np.zeros(len(years))
    for train, test in GroupKFold(10).split(years, years, people):
        weights, bias = _fit(data, importance, train)
        held[test] = np.column_stack([data["x"], data["network"]])[test] @ weights + bias
    head_alone = held.copy()
    held = np.array([blend(*pair) for pair in zip(data["network"].tolist(), held.tolist(), strict=True)])
    figures = {
        "mae_head_alone": round(float(np.abs(head_alone - years).mean()), 2),
        "photos": len(years),
        "people": len(photos),
        "mae": round(float(np.abs(held - years).mean()), 2),
        "mae_network_alone": round(float(np.abs(data["network"] - years).mean()), 2),
    }
    for low, high in ((0, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 100)):
        inside = (years >= low) & (years < high)
        error = (held - years)[inside]
        figures[f"{low}-{high}: n, mae, bias, bias of network"] = [
            int(inside.sum()),
            round(float(np.abs(error).mean()), 1),
            round(float(error.mean()), 1),
            round(float((data["network"] - years)[inside].mean()), 1),
        ]
    print(*(f"{key}: {value}" for key, value in figures.items()), sep="\n")
    weights, bias = _fit(data, importance, np.arange(len(years)))
    Head(
        name="age",
        classes=("years",),
        link="identity",
        pools=(RegionPool(f"sface/{LAYER}", BOXES),),
        weights=weights[None].astype(np.float32),
        bias=np.array([bias], np.float32),
        vectors=(("network_age", 1),),
        card={"script": "tools/train_age.py", "held_out": figures},
    ).save(HEADS / "age.npz")
    calibrated = np.interp(held, CURVE_FROM, CURVE_TO)
    print(f"LFW after the curve: mean absolute error {np.abs(calibrated - years).mean():.2f}")
    fit_curve(given.shared, faces)


def fit_curve(shared: Path, faces: Faces) -> None:
    """Fit the curve to FairFace, print its points and what it does to the half that it was not fitted to."""
    folder = shared / "faces/fairface"
    band_of = {row["file"]: row["age_label"] for row in csv.DictReader((folder / "labels.csv").open())}

    def look() -> Iterator[dict[str, Float32]]:
        engine, want = FaceEngine(), Want(operating_point=OperatingPoint.BEST, attributes=frozenset({Attribute.AGE}))
        for photo in sorted(folder.glob("*.jpg")):
            found = engine.analyze(photo.read_bytes(), want)
            middle = np.array([found.width, found.height]) / 2
            if found.faces:
                face = min(found.faces, key=lambda face: float(np.linalg.norm(face.points.mean(axis=0) - middle)))
                uncalibrated = np.interp(face.attributes.age or 0.0, CURVE_TO, CURVE_FROM)
                yield {"estimate": np.array(uncalibrated), "band": np.array(band_of[photo.name], "<U8")}

    data = faces.features("age_fairface", look)
    estimates = data["estimate"]
    bands = data["band"]
    years = np.array([BANDS[band] for band in bands.tolist()])
    print("curve:", curve(estimates, years, bands).round(1).tolist())
    random, runs = np.random.default_rng(0), []
    for _ in range(20):
        half = np.zeros(len(years), bool)
        for band in BANDS:
            half[random.permutation(np.flatnonzero(bands == band))[::2]] = True
        out = np.zeros(len(years))
        for fit in (half, ~half):
            out[~fit] = np.interp(estimates[~fit], CURVE_FROM, curve(estimates[fit], years[fit], bands[fit]))
        runs.append(out)
    error = np.mean(runs, axis=0) - years
    absolute = np.abs(np.array(runs) - years).mean()
    before = np.abs(estimates - years).mean()
    print(f"FairFace, halves not fitted to: mean absolute error {absolute:.2f}, without the curve {before:.2f}")
    for band in BANDS:
        inside = bands == band
        margin = 1.96 * error[inside].std() / np.sqrt(inside.sum())
        was = (estimates - years)[inside].mean()
        print(f"{band}: {inside.sum()} photos, bias {error[inside].mean():+.1f} ± {margin:.1f}, without {was:+.1f}")


def curve(estimates: Float32, years: Float32, bands: Float32) -> Float32:
    """Fit what the points `CURVE_FROM` are moved to: rising, no bias in each band, a slope near 1.

    Args:
        estimates: (n,) in years.
        years: (n,) the middles of their bands.
        bands: (n,) names of the bands.
    """
    lengths = np.diff(CURVE_FROM)
    shares = np.clip((estimates[:, None] - CURVE_FROM[:-1]) / lengths, 0, 1)
    weight = {band: OPEN_BAND_WEIGHT if band.endswith("+") else 1.0 for band in BANDS}
    means = [
        (shares[bands == band].mean(axis=0) * weight[band], middle * weight[band]) for band, middle in BANDS.items()
    ]
    small = np.sqrt(PHOTO_WEIGHT / len(years))
    left = np.concatenate([[row for row, _ in means], shares * small, np.diag(STIFFNESS / lengths)])
    right = np.concatenate([[target for _, target in means], years * small, STIFFNESS * SLOPES])
    steps, _ = nnls(left, right)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _fit(data: dict[str, Float32], importance: Float32, chosen: np.ndarray) -> tuple[Float32, float]:
    """Weights and bias on raw features, the network's age last."""
    share = importance[chosen] / importance[chosen].mean()
    x = data["x"][chosen].astype(np.float64)
    mean, spread = np.average(x, axis=0, weights=share), x.std(axis=0) + 1e-6
    network = NETWORK_WEIGHT * (data["network"][chosen] - 45) / 15
    model = Ridge(STRENGTH).fit(np.column_stack([(x - mean) / spread, network]), data["y"][chosen], sample_weight=share)
    weights = np.append(model.coef_[:-1] / spread, model.coef_[-1] * NETWORK_WEIGHT / 15)
    return weights, float(model.intercept_ - (model.coef_[:-1] / spread) @ mean - model.coef_[-1] * NETWORK_WEIGHT * 3)


if __name__ == "__main__":
    main()
