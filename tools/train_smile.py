"""Trains the head `smile`: SFace's middle layers around the mouth, smiling or not.

Trained on 1,000 grey pictures of 64 × 64 (hromi/SMILEsmileD), enlarged, with their mirror images. Checked on 300 colour
photos of LFW labelled by eye (tools/labels/smile.csv: 0 no smile, 1 slight, 2 broad), which are not trained on; slope
and shift of the logistic are fitted to half of them and checked on the other half.

    python tools/train_smile.py --shared ../shared --cache /tmp/heads
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from attribute_faces import HEADS, LABELS, Faces, arguments, fold_of, read_photo
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.types import Float32, Pixels

LAYERS = ("conv_9_relu", "conv_12_relu")
BOXES = np.array([[2, 5, 5, 7], [1, 4, 6, 7]], np.float32) / np.float32(7)
"""The mouth, and the lower face with the cheeks, in the tight crop."""
STRENGTH = 1e-3


def main() -> None:
    """Compute or load the features, train, calibrate, report, write the head."""
    given = arguments(__doc__ or "")
    faces = Faces(given)
    folder = given.shared / "attributes/smile"

    def grey() -> Iterator[dict[str, Float32]]:
        for name, truth in (("positives", 1), ("negatives", 0)):
            for face in faces.of(name, (folder / name).iterdir(), _enlarged):
                for mirrored in (False, True):
                    pixels = cv2.flip(face.pixels, 1) if mirrored else face.pixels
                    points = face.points.copy()
                    if mirrored:
                        points[:, 0] = pixels.shape[1] - points[:, 0]
                        points = points[[1, 0, 2, 4, 3]]
                    yield {"x": _look(faces, np.asarray(pixels, np.uint8), points), "y": np.array(truth)}

    def colour() -> Iterator[dict[str, Float32]]:
        labels = {row["photo"]: int(row["smile"]) for row in csv.DictReader((LABELS / "smile.csv").open())}
        for face in faces.of("lfw", (given.shared / "faces/lfw").glob("*/*.jpg")):
            if face.path.name in labels:
                yield {
                    "x": _look(faces, face.pixels, face.points),
                    "y": np.array(labels[face.path.name]),
                    "fold": np.array(fold_of(face.person, 2)),
                }

    train, check = faces.features("smile_grey", grey), faces.features("smile_colour", colour)
    mean, spread = train["x"].mean(axis=0), train["x"].std(axis=0) + 1e-6
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit((train["x"] - mean) / spread, train["y"])
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - weights @ mean)
    scores, truth, fold = check["x"] @ weights + bias, check["y"], check["fold"]
    clear = truth != 1
    figures = {
        "auc_broad_against_none": round(float(roc_auc_score(truth[clear] == 2, scores[clear])), 4),
        "auc_any_against_none": round(float(roc_auc_score(truth > 0, scores)), 4),
        "photos": len(truth),
    }
    slope, shift = _calibrate(scores[fold == 0], truth[fold == 0])
    values = 1 / (1 + np.exp(-(slope * scores + shift)))
    for label in (0, 1, 2):
        chosen = (fold == 1) & (truth == label)
        figures[f"held_out_quantiles_{label}"] = [
            round(float(q), 2) for q in np.quantile(values[chosen], [0.1, 0.5, 0.9])
        ]
    figures["held_out_mean_error"] = round(float(np.abs(values - truth / 2)[fold == 1].mean()), 3)
    print(figures, slope, shift)
    Head(
        name="smile",
        classes=("smile",),
        link="logistic",
        pools=tuple(RegionPool(f"sface/{layer}", BOXES) for layer in LAYERS),
        weights=(slope * weights)[None].astype(np.float32),
        bias=np.array([slope * bias + shift], np.float32),
        card={"script": "tools/train_smile.py", "held_out": figures},
    ).save(HEADS / "smile.npz")


def _enlarged(path: Path) -> Pixels:
    large = cv2.resize(read_photo(path), (160, 160), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, 40, 40, 40, 40, cv2.BORDER_REFLECT), np.uint8)


def _look(faces: Faces, pixels: Pixels, points: Float32) -> Float32:
    context = faces.context(pixels, points)
    maps = [context.feature_map(f"sface/{layer}") for layer in LAYERS]
    return np.concatenate([RegionPool("", BOXES).pool(one) for one in maps])


def _calibrate(scores: Float32, truth: Float32) -> tuple[float, float]:
    """Slope and shift for which the logistic comes nearest to 0, ½ and 1 for no, slight and broad smiles."""

    def loss(parameters: Float32) -> float:
        values = 1 / (1 + np.exp(-(parameters[0] * scores + parameters[1])))
        return float(np.square(values - truth / 2).mean())

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(found[0]), float(found[1])


if __name__ == "__main__":
    main()
