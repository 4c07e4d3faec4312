"""Trains the head `age`: corrects dlib's age network by SFace's last exposed layer.

Labels: years of birth of 494 public figures of LFW, written down from general knowledge (tools/labels/birth_years.csv),
so an error of a year or two is common; LFW's photos are taken to be of mid-2002 on average. Ridge regression, people
weighted equally and decades by the root of their rarity; figures from ten folds by person.

    python tools/train_age.py --shared ../shared --cache /tmp/heads
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from attribute_faces import HEADS, LABELS, Faces, arguments
from mien.vision.attributes.age import PACK, blend, raw_age
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.types import Float32

LAYER = "conv_12_relu"
BOXES = np.array([[0, 0, 7, 7], [1, 1, 6, 3], [1, 2, 6, 4], [1, 4, 6, 7]], np.float32) / 7
TAKEN = 2002.7
STRENGTH = 1000.0
NETWORK_WEIGHT = 10.0
"""How much less the network's own age is regularised than the map's features: its unit is 1.5 years."""


def main() -> None:
    """Make or read the features, check by folds, train on all, write the head."""
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
