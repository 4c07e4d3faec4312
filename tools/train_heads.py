"""Train the heads for what is worn, for hair and for makeup.

    python tools/train_heads.py --shared ../shared

Reads the photos of LFW and FairFace in `../shared/attributes` and `../shared/faces`, the labels of the former and those
beside this script; writes `src/mien/vision/attributes/heads/*.npz`, each with its model card. Each person is on one
photo only, so that the five folds share no people. The same input gives the same heads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from drawn_glasses import draw
from face_lighting import darken
from head_data import LABELS, collect, context_of, grid, pool_key, read_labels
from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision.attributes.context import LITE0, SFACE, FaceContext
from mien.vision.attributes.hair import COLOR_GRID, hair_colors_vector
from mien.vision.attributes.heads import Head, RegionPool
from mien.vision.detector import YuNet
from mien.vision.types import Float32

HEADS = Path(__file__).parents[1] / "src/mien/vision/attributes/heads"
DRAWN = 320
"""Faces that glasses are drawn on."""
DARKENED = (160, 360)
"""Faces with and without headwear that are darkened, as dark hair before a dark background passed for a hat."""

THIRDS = [(0, 3), (2, 5), (4, 7)]
MOUTH = [(0, 2), (2, 5), (5, 7)]

# Where to look. SFace's maps cover the tight crop (eyes in row 3 of 7, mouth in row 5); lite0's the loose one (eyes in
# row 6 of 14, mouth in row 9, chin in row 11).
EYES = (
    grid("sface/conv_9_relu", [(1, 3), (3, 5)], THIRDS, 7),
    grid("lite0/stage5", [(5, 7), (7, 9)], [(3, 6), (5, 9), (8, 11)], 14),
)
HAIR = (
    grid("lite0/stage7", [(0, 2), (1, 3), (3, 5)], [(1, 6)], 7),
    grid("lite0/stage5", [(0, 2), (1, 3), (2, 4), (3, 5)], [(2, 5), (5, 9), (9, 12)], 14),
)
HEAD = (grid("lite0/stage7", [(0, 2), (1, 3), (2, 4), (4, 6), (5, 7)], MOUTH, 7), HAIR[1])
LOW = (
    grid("sface/conv_9_relu", [(4, 6), (5, 7)], MOUTH, 7),
    grid("sface/conv_12_relu", [(4, 6), (5, 7)], MOUTH, 7),
    grid("lite0/stage5", [(8, 10), (9, 11), (11, 13)], [(3, 6), (5, 9), (8, 11)], 14),
)
BANDS = grid("sface/conv_12_relu", [(0, 2), (2, 5), (4, 7)], [(0, 7)], 7)
BEARD = (*LOW, BANDS)
SKULL = (*HAIR, grid("sface/conv_9_relu", [(0, 2), (1, 3), (2, 4), (3, 5)], [(0, 7)], 7))
TINT = (*HAIR, BANDS)
EYELIDS = (
    grid("sface/conv_6_relu", [(5, 8)], [(2, 6), (8, 12)], 14),
    grid("sface/conv_9_relu", [(5, 8)], [(2, 6), (8, 12)], 14),
    grid("sface/conv_12_relu", [(2, 4)], [(1, 6)], 7),
)
LIPS = (
    grid("sface/conv_6_relu", [(10, 13)], [(4, 10)], 14),
    grid("sface/conv_6_relu", [(11, 12)], [(5, 9)], 14),
    grid("sface/conv_9_relu", [(10, 13)], [(4, 10)], 14),
    grid("sface/conv_9_relu", [(11, 12)], [(5, 9)], 14),
)
COLORS = ("black", "brown", "blond", "red", "gray", "white")


@dataclass(frozen=True)
class Recipe:
    """The training data of one head.

    Attributes:
        name: the head's file.
        classes: classes of the output.
        pools: its features.
        label: reads the class of a photo from its labels: an index, or None if nobody judged.
        what: says in the card what the output means.
        strength: inverse of the L2 penalty.
        vectors: further features.
        threshold: decision threshold of the product; above 0.5 if false positives are worse or the attribute is rare.
        extra: changed copies of faces that are added to what is fitted: "drawn" glasses or "darkened" photos.
        among_women: whether the figures are also given among people taken for women, where the head must not live on
            telling women from men.
    """

    name: str
    classes: tuple[str, ...]
    pools: tuple[RegionPool, ...]
    label: Any
    what: str
    strength: float = 1e-3
    vectors: tuple[tuple[str, int], ...] = ()
    threshold: float = 0.5
    extra: str | None = None
    among_women: bool = False


def flag(column: str) -> Any:
    """Read a 0/1 column."""
    return lambda row: int(row[column]) if column in row else None


def worn_on_eyes(row: Mapping[str, str]) -> bool:
    """Return whether the labels say that there are glasses of any kind."""
    return "1" in {row.get("glasses"), row.get("sunglasses")}


RECIPES = (
    Recipe("glasses", ("worn",), EYES, flag("glasses"), "anything worn on the eyes, sunglasses and goggles included"),
    Recipe(
        "sunglasses",
        ("dark",),
        EYES,
        lambda row: int(row["sunglasses"]) if "sunglasses" in row and worn_on_eyes(row) else None,
        "dark or tinted lenses, given that something is worn on the eyes",
        strength=1e-2,
        threshold=0.8,
        extra="drawn",
    ),
    Recipe(
        "headwear",
        ("worn",),
        HEAD,
        flag("headwear"),
        "hats, caps, helmets, scarves over the hair, headbands",
        strength=1e-2,
        threshold=0.7,
        extra="darkened",
    ),
    Recipe("moustache", ("present",), BEARD, flag("moustache"), "a moustache, alone or in a beard"),
    Recipe("beard", ("present",), BEARD, flag("beard"), "hair on the chin: goatee to full beard, not stubble"),
    Recipe("sideburns", ("present",), LOW, flag("sideburns"), "hair before the ears to below their middle"),
    Recipe("hair_hidden", ("hidden",), HEAD, flag("invisible"), "hair that headwear hides", threshold=0.7),
    Recipe(
        "bald",
        ("bald",),
        SKULL,
        lambda row: int(float(row["bald"]) > 0.5) if "bald" in row else None,
        "bald on top or all over, against full or receding hair",
    ),
    Recipe(
        "eye_makeup",
        ("present",),
        EYELIDS,
        flag("eye_makeup"),
        "eyeliner, eyeshadow or mascara that is plainly visible",
        strength=1e-2,
        threshold=0.6,
        among_women=True,
    ),
    Recipe(
        "lip_makeup",
        ("present",),
        LIPS,
        flag("lip_makeup"),
        "lipstick or gloss that is plainly visible",
        strength=1e-2,
        threshold=0.7,
        among_women=True,
    ),
    Recipe(
        "hair_color",
        COLORS,
        TINT,
        lambda row: COLORS.index(row["hair_color"]) if "hair_color" in row else None,
        "the colour of visible hair",
        vectors=(("colors", COLOR_GRID),),
    ),
)


def main() -> None:
    """Collect features, train every head, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with attributes/ and faces/")
    parser.add_argument("--only", nargs="*", help="names of the heads to train")
    parser.add_argument("--cache", type=Path, help="features are kept here between runs; delete it when recipes change")
    options = parser.parse_args()
    store = ModelStore()
    networks = {name: store.load(name).network for name in (SFACE, LITE0)}
    detector = YuNet(store.load("yunet").network)
    names = ("lfw_worn_and_hair.csv", "headwear_and_makeup.csv")
    labels = read_labels(options.shared / "attributes/labels.csv", *(LABELS / name for name in names))
    recipes = [recipe for recipe in RECIPES if not options.only or recipe.name in options.only]
    folders = ("attributes/lfw/*.jpg", "faces/lfw/*/*.jpg", "faces/fairface/*.jpg")
    found = {path.name: path for folder in folders for path in options.shared.glob(folder) if path.name in labels}
    photos = [found[name] for name in sorted(found)]
    pools = [pool for recipe in recipes for pool in recipe.pools]
    if options.cache and options.cache.exists():
        with np.load(options.cache) as stored:
            features = {key: stored[key] for key in stored.files}
        kept = [Path(name) for name in features.pop("photos").tolist()]
    else:
        kept, features = collect(photos, detector, networks.__getitem__, pools, {"colors": hair_colors_vector})
        if options.cache:
            np.savez(options.cache, photos=np.array([str(photo) for photo in kept]), **features)
    rows = [labels[photo.name] for photo in kept]
    extras = {
        "drawn": lambda: draw_on(kept, rows, detector, networks.__getitem__),
        "darkened": lambda: darken_some(kept, rows, detector, networks.__getitem__),
    }
    for recipe in recipes:
        head = train(recipe, rows, features, extras[recipe.extra]() if recipe.extra else None)
        head.save(HEADS / f"{recipe.name}.npz")
        print(recipe.name, dict(head.card["figures"]), flush=True)


@dataclass(frozen=True)
class Extra:
    """Changed copies of faces, fitted on where their originals are not measured, and never measured on.

    Attributes:
        features: (n, f).
        target: (n,).
        owners: (n,), the photos' indices.
        what: says in the card what they are.
    """

    features: Any
    target: Any
    owners: Any
    what: str


def draw_on(
    photos: Sequence[Path],
    labels: Sequence[Mapping[str, str]],
    detector: YuNet,
    networks: Callable[[str], Network],
) -> Extra:
    """Draw clear and dark glasses in turn on faces without any."""
    random = np.random.default_rng(1)
    bare = np.array([index for index, row in enumerate(labels) if row.get("glasses") == "0"])
    owners = bare[random.permutation(len(bare))[:DRAWN]]
    rows = []
    for index, owner in enumerate(owners):
        face = as_it_is(photos[owner], detector, networks)
        face.pixels = draw(face.pixels, face.points, dark_lenses=index % 2 == 1, random=random)
        rows.append(np.concatenate([pool.pool(face.feature_map(pool.source)) for pool in EYES]))
    what = f"{len(rows)} faces with drawn glasses, half of them dark"
    return Extra(np.stack(rows), np.arange(len(rows)) % 2, owners, what)


def darken_some(
    photos: Sequence[Path],
    labels: Sequence[Mapping[str, str]],
    detector: YuNet,
    networks: Callable[[str], Network],
) -> Extra:
    """Darken the light or the background of faces with and without headwear."""
    random = np.random.default_rng(3)
    owners, rows = [], []
    for answer, count in zip(("1", "0"), DARKENED, strict=True):
        place = np.array([index for index, row in enumerate(labels) if row.get("headwear") == answer])
        owners += random.permutation(place)[:count].tolist()
    for owner in owners:
        face = as_it_is(photos[owner], detector, networks)
        face.loose_crop = darken(face.loose_crop, random)
        rows.append(np.concatenate([pool.pool(face.feature_map(pool.source)) for pool in HEAD]))
    target = np.array([int(labels[owner]["headwear"]) for owner in owners])
    return Extra(np.stack(rows), target, np.array(owners), f"{len(rows)} faces in darkened light or before darkness")


def as_it_is(photo: Path, detector: YuNet, networks: Callable[[str], Network]) -> FaceContext:
    """Return the main face of a photo in which one is known to be found."""
    face = context_of(detector, networks, photo)
    assert face is not None, photo
    return face


def train(
    recipe: Recipe,
    labels: Sequence[Mapping[str, str]],
    features: Mapping[str, Float32],
    extra: Extra | None = None,
) -> Head:
    """Cross-validate, calibrate on the held-out folds, and fit on everything."""
    judged = [recipe.label(row) for row in labels]
    chosen = np.array([index for index, label in enumerate(judged) if label is not None])
    target = np.array([judged[index] for index in chosen])
    columns = [features[pool_key(pool)] for pool in recipe.pools] + [features[name] for name, _ in recipe.vectors]
    table = np.concatenate(columns, axis=1)

    held_out = np.zeros((len(chosen), max(1, len(recipe.classes))))
    for fit, check in StratifiedKFold(5, shuffle=True, random_state=1).split(chosen, target):
        weights, bias = fit_linear(recipe, table, chosen[fit], target[fit], extra, chosen[check])
        held_out[check] = table[2 * chosen[check]] @ weights.T + bias
    weights, bias = fit_linear(recipe, table, chosen, target, extra)
    if len(recipe.classes) == 1:
        # Platt scaling with both classes weighing the same: 0.5 is where they are equally likely a priori.
        scale = LogisticRegression(C=1e6, class_weight="balanced").fit(held_out, target)
        gain, shift = float(scale.coef_[0, 0]), float(scale.intercept_[0])
        limit = np.log(recipe.threshold / (1 - recipe.threshold))
        decided = held_out[:, 0] * gain + shift > limit
        figures = binary_figures(decided, held_out[:, 0], target)
        if recipe.among_women:
            women = np.array([labels[index].get("seen_as") == "woman" for index in chosen])
            among = binary_figures(decided[women], held_out[women, 0], target[women])
            figures |= {f"women_{name}": value for name, value in among.items()}
        weights, bias = weights * gain, bias * gain + shift
    else:
        figures = color_figures(held_out, target, recipe.classes)
    card = {
        "what": recipe.what,
        "data": "Labeled Faces in the Wild (deep-funneled), one photo a person; headwear and makeup also FairFace "
        "(CC BY 4.0); labels by eye (tools/labels)",
        "method": "L2 logistic regression on region means; five folds, no person in two of them",
        "figures": figures,
    }
    if extra is not None:
        card["extra"] = f"{extra.what}; fitted where their originals are not measured, never measured on"
    return Head(
        name=recipe.name,
        classes=recipe.classes,
        link="logistic" if len(recipe.classes) == 1 else "softmax",
        pools=recipe.pools,
        vectors=recipe.vectors,
        weights=weights.astype(np.float32),
        bias=bias.astype(np.float32),
        thresholds={"present": recipe.threshold} if len(recipe.classes) == 1 else {},
        card=card,
    )


def fit_linear(
    recipe: Recipe, table: Any, rows: Any, target: Any, extra: Extra | None, left_out: Any = ()
) -> tuple[Any, Any]:
    """Fit on photos `rows`, their mirror images, and copies of any photo but those `left_out`.

    Returns:
        Weights (k, n) and bias (k,) for plain features.
    """
    chosen = table[np.concatenate([2 * rows, 2 * rows + 1])]
    answers = np.concatenate([target, target])
    if extra is not None:
        own = ~np.isin(extra.owners, left_out)
        chosen = np.concatenate([chosen, extra.features[own]])
        answers = np.concatenate([answers, extra.target[own]])
    mean, spread = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
    balanced = "balanced" if len(recipe.classes) == 1 else None
    model = LogisticRegression(C=recipe.strength, max_iter=500, tol=1e-3, class_weight=balanced)
    model.fit((chosen - mean) / spread, answers)
    weights = model.coef_.astype(np.float64) / spread
    return weights, model.intercept_ - weights @ mean


def binary_figures(decided: Any, scores: Any, target: Any) -> dict[str, float | int]:
    """Held-out figures of a yes/no head at its threshold."""
    yes = target == 1
    auc = float(roc_auc_score(target, scores))
    return {
        "positives": int(yes.sum()),
        "negatives": int((~yes).sum()),
        "auc": round(auc, 4),
        "auc_95": round(1.96 * auc_error(auc, int(yes.sum()), int((~yes).sum())), 4),
        "tpr": round(float(decided[yes].mean()), 3),
        "fpr": round(float(decided[~yes].mean()), 3),
    }


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC (Hanley and McNeil, 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(spread / (positives * negatives)))


def color_figures(scores: Any, target: Any, classes: tuple[str, ...]) -> dict[str, float | int]:
    """Held-out figures of the colour head."""
    order = np.argsort(-scores, axis=1)
    hits = order[:, 0] == target
    figures: dict[str, float | int] = {
        "photos": len(target),
        "top1": round(float(hits.mean()), 3),
        "top2": round(float((order[:, :2] == target[:, None]).any(axis=1).mean()), 3),
    }
    for index, name in enumerate(classes):
        figures[f"top1_{name}"] = round(float(hits[target == index].mean()), 3)
    return figures


if __name__ == "__main__":
    main()
