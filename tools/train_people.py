"""Trains the heads that tell people's faces from animals' and things': `person`, and `person_glance`, asked before it.

Their features are the means of EfficientNet-lite0's maps, which know animals from ImageNet: of the face as it is read
upright, and, for the glance, as it was found, in a smaller crop. Faces: what the detector
finds in LFW, FairFace, Azure's samples and the photos of masks, with a score of .8 or a mesh that is present. Others:
what it finds, at a threshold of .25, in 121 photos of animals and things without a person, and random places of these.
Photos are split into five parts; the cards give the rates on the part that was left out; the heads are fitted on all.

    python tools/train_people.py --shared ../shared --cache /tmp/heads
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribute_faces import HEADS, SEED, Arguments, Faces, arguments, fold_of, read_photo
from mien.models.store import ModelStore
from mien.vision import finder
from mien.vision.attributes.context import LITE0_MAPS, LOOSE_TEMPLATE
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.detector import YuNet
from mien.vision.finder import FaceFinder
from mien.vision.landmarks import FaceMesh
from mien.vision.people import SURE
from mien.vision.types import Float32, OperatingPoint, Pixels
from mien.vision.upright import UprightReader

Float64 = NDArray[np.float64]
WHOLE = np.array([[0, 0, 1, 1]], np.float32)
POOLS, GLANCE_POOLS = (
    tuple(RegionPool(f"{network}/{layer}", WHOLE) for layer in LITE0_MAPS) for network in ("lite0", "lite0-small")
)
SETS = {
    "lfw": ("faces/lfw", "*/*.jpg", (OperatingPoint.GENERAL,)),
    "fairface": ("faces/fairface", "*.jpg", tuple(OperatingPoint)),
    "azure": ("faces/azure", "*.jpg", tuple(OperatingPoint)),
    "mask": ("attributes/mask/with_mask", "*.*", (OperatingPoint.BEST,)),
}
NO_PEOPLE = {"mask/0262.jpg", "fairface/fairface_000143.jpg", "fairface/fairface_000087.jpg"}
"""Photos in which a doubtful box is a dog, cloth or hair (seen by eye); their sure faces count all the same."""
STRENGTH = 30.0
"""Weight of the squared weights, on standardised features, against samples that weigh 500 on either side."""
LEAST_LOGIT = -2.0
"""Below it a doubtful face is none: chosen so that what is lost of people is blurred beyond recognition."""
CLEAR_LOGIT = 0.0
"""From it a glance is enough: of false boxes that were left out, it keeps two of 111, which `person` keeps as well."""
PLACES = 6
"""Random places a photo without people."""


def main() -> None:
    given = arguments(__doc__ or "")
    faces = Faces(given)
    data = faces.features("people", lambda: samples(given, faces))
    person = data["person"] > 0
    clean = ~person | (data["score"] >= 0.8) | (data["presence"] > 0.5)
    names, score, person = data["photo"][clean], data["score"][clean], person[clean]
    _train("person", POOLS, (data["features"][clean], names, score, person), LEAST_LOGIT)
    _train("person_glance", GLANCE_POOLS, (data["glance"][clean], names, score, person), CLEAR_LOGIT)


def _train(name: str, pools: tuple[RegionPool, ...], data: tuple[Float32, Any, Float32, Any], least: float) -> None:
    """Fit and save a head; `data` is features (n, f), photos' names, scores of the detector, and whether a person's."""
    features, names, score, person = data[0].astype(np.float64), *data[1:]
    labels, found = person.astype(np.float64), score > 0
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    standard = (features - mean) / spread
    weight = np.where(person, 500 / labels.sum(), 0.0)
    weight[~person & found] = 500 / (~person & found).sum()
    weight[~found] = 150 / max((~found).sum(), 1)
    folds = np.array([fold_of(str(photo), 5) for photo in names])
    held = np.zeros(len(labels))
    for fold in range(5):
        train = folds != fold
        held[~train] = _sums(_fit(standard[train], labels[train], weight[train]), standard[~train])
    kept, reported = held >= least, score >= 0.6
    doubtful = person & reported & (score < SURE)
    card = {
        "trained_on": "LFW, FairFace (CC BY 4.0), Azure's samples (MIT), Face-Mask-Detection (MIT); "
        "121 photos without people",
        "faces": int(person.sum()),
        "others": int((~person).sum()),
        "kept_of_faces_held_out": round(float(kept[person].mean()), 5),
        "doubtful_faces": int(doubtful.sum()),
        "kept_of_doubtful_faces_held_out": round(float(kept[doubtful].mean()), 5),
        "false_boxes": int((~person & reported).sum()),
        "kept_of_false_boxes_held_out": round(float(kept[~person & reported].mean()), 4),
    }
    print(name, card)
    fitted = _fit(standard, labels, weight)
    weights = fitted[:-1] / spread
    head = Head(
        name=name,
        classes=("person",),
        link="logistic",
        pools=pools,
        weights=np.asarray(weights[None], np.float32),
        bias=np.asarray([fitted[-1] - float(weights @ mean)], np.float32),
        thresholds={"least": round(float(1 / (1 + np.exp(-least))), 4)},
        card=card,
    )
    head.save(HEADS / f"{name}.npz")


def samples(given: Arguments, faces: Faces) -> Iterator[dict[str, Float32]]:
    """Everything found in the photos: `features` and those of the glance, `person`, `score`, `presence`, `photo`."""
    store = ModelStore()
    networks = store.load("mesh").networks
    mesh, detector = FaceMesh(networks["mesh"], networks["iris"]), YuNet(store.load("yunet").network)
    reader = UprightReader(detector, lambda _, __: 1.0)
    finding = FaceFinder(detector)

    def look(pixels: Pixels, point: OperatingPoint, photo: str, *, person: bool) -> Iterator[dict[str, Float32]]:
        for seen in finding.find(pixels, point):
            if min(seen.box[2:]) < 26:
                continue
            points = reader.read(pixels, seen.points, seen.box).points
            presence = mesh.find(pixels, points, passes=1).presence
            doubtful = seen.score < 0.8 and photo in NO_PEOPLE
            yield _row(faces, pixels, (seen.points, points), photo, (person and not doubtful, seen.score, presence))

    for name, (folder, pattern, at) in SETS.items():
        for path in sorted((given.shared / folder).glob(pattern)):
            for point in at:
                yield from look(read_photo(path), point, f"{name}/{path.name}", person=True)
    finder._ACCEPT = 0.25  # more examples of what is no face
    rng = np.random.default_rng(SEED)
    for path in sorted(Path(given.shared / "faces/nonfaces").glob("*.JPEG")):
        pixels = read_photo(path)
        for point in OperatingPoint:
            yield from look(pixels, point, path.name, person=False)
        for _ in range(PLACES):
            place = _place(pixels, rng)
            yield _row(faces, pixels, (place, place), path.name, (False, 0.0, 0.0))


def _row(
    faces: Faces, pixels: Pixels, points: tuple[Float32, Float32], photo: str, found: tuple[bool, float, float]
) -> dict[str, Float32]:
    """One sample; `points` as found and as read."""
    glance, features = (
        np.concatenate([pool.pool(context.feature_map(pool.source)) for pool in pools])
        for pools, context in zip((GLANCE_POOLS, POOLS), (faces.context(pixels, five) for five in points), strict=True)
    )
    person, score, presence = (np.float32(value) for value in found)
    told = {"person": person, "score": score, "presence": presence}
    return {"features": features, "glance": glance, "photo": np.array(photo), **told}  # type: ignore[dict-item]  # scalars and a name, stacked by the cache


def _place(pixels: Pixels, rng: np.random.Generator) -> Float32:
    """Five points of a face that is not there."""
    height, width = pixels.shape[:2]
    eyes = np.exp(rng.uniform(np.log(14), np.log(max(30, min(height, width) / 3))))
    middle = np.array([rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height])
    angle = np.radians(rng.normal(0, 25))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shape = (LOOSE_TEMPLATE - LOOSE_TEMPLATE.mean(axis=0)) * (eyes / 46)
    return np.asarray(shape @ turn + middle, np.float32)


def _fit(features: Float64, labels: Float64, weight: Float64) -> Float64:
    """Ridge logistic regression by Newton's method: (n + 1,), the bias last."""
    design = np.hstack([features, np.ones((len(features), 1))])
    ridge = np.eye(design.shape[1]) * STRENGTH
    ridge[-1, -1] = 0
    fitted = np.zeros(design.shape[1])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-np.clip(design @ fitted, -30, 30)))
        gradient = design.T @ (weight * (likely - labels)) + ridge @ fitted
        curvature = (design * (weight * likely * (1 - likely))[:, None]).T @ design + ridge
        fitted -= np.linalg.solve(curvature, gradient)
    return fitted


def _sums(fitted: Float64, features: Float64) -> Float64:
    return features @ fitted[:-1] + fitted[-1]


if __name__ == "__main__":
    main()
