"""Measures of ISO/IEC 29794-5: response to degradations, error-versus-discard, and time.

    uv run --group bench python bench/quality.py degradations [--people 40]
    uv run --group bench python bench/quality.py discard --people 220 [--untouched] [--keep faces.npz]
    uv run --group bench python bench/quality.py cost

`degradations` degrades one photo of each of the first people of LFW with the operators of `ofiq-syngen`, and turns four
heads of Azure's sample photos by known angles. For each operator: in how many photos the target's score falls from the
unchanged photo to the worst, how many single steps are in the right order (a tie at 0 or 100 counts), the mean score by
severity, and the other measures that change most. `discard` compares two photos per person at the threshold of FMR 1e-4
and leaves out the worst probes by several orders (error-versus-discard characteristic, ISO/IEC 29794-1): each photo
degraded once, by a random operator and severity, against the unchanged other. `cost` is the time of a call by the
requested results.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contract.attributes import Attribute, Level3
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine
from mien.vision.landmarks import FaceMesh
from mien.vision.measures import Measure
from mien.vision.types import Face, OperatingPoint, Pixels, Want

SHARED = Path(__file__).parents[2] / "shared" / "faces"
SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
WORST = 0.2
"""Maximum discarded share for the area under the curve."""
ROUNDS = 2000
NOT_TURNS = ("HeadPoseYaw", "HeadPosePitch")
"""Left out, because without a head model the package only distorts the photo's perspective."""
COMPONENTS = tuple(one for one in Measure if one is not Measure.UNIFIED)
TARGETLESS = ("Sharpness 3", "CompressionArtifacts", "RadialDistortion")
"""Operators without a corresponding measure: noise, compression, distortion."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["degradations", "discard", "cost"], nargs="?", default="degradations")
    parser.add_argument("--photos", type=Path, default=SHARED)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--only", nargs="*", default=[], help="operators, as they are printed; `turned` for heads")
    parser.add_argument("--untouched", action="store_true", help="discard untouched photos, too")
    parser.add_argument("--skip", type=int, default=0, help="people to leave out, for several processes")
    parser.add_argument("--keep", type=Path, nargs="*", default=[], help="read from these files, or write the first")
    given = parser.parse_args()
    try:
        import ofiq_syngen  # noqa: F401, PLC0415  only the bench group has it
    except ImportError:
        print("ofiq-syngen is not installed: uv sync --group bench")
        return
    engine = FaceEngine(ModelStore())
    if given.what == "degradations":
        degradations(engine, given.photos, given.people, given.only)
        if not given.only or "turned" in given.only:
            turned(engine, given.photos)
    elif given.what == "discard":
        some = slice(given.skip, given.skip + given.people)
        discard(engine, given.photos / "lfw", given.keep, some, untouched=given.untouched)
    else:
        cost(engine, given.photos / "lfw", given.people)


# Degradations


def _gain(pixels: Pixels, severity: float, _seed: int, _context: object) -> Pixels:
    return np.clip(pixels.astype(np.float32) * (1 + 3 * severity), 0, 255).astype(np.uint8)


def _one_side(pixels: Pixels, severity: float, _seed: int, context: Any) -> Pixels:
    """Darken the darker half of the face, with a soft border along the nose."""
    middle = context.landmarks_98[[51, 54, 16]].mean(axis=0)[0]
    face = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[context.landmarks_98[60, 1] : context.landmarks_98[16, 1]]
    left, right = (
        face[:, int(context.landmarks_98[one, 0]) : int(context.landmarks_98[other, 0])].mean()
        for one, other in ((4, 54), (54, 28))
    )
    sign = 1 if left < right else -1
    across = 1 / (1 + np.exp(sign * (np.arange(pixels.shape[1]) - middle) / 6))
    return np.asarray(pixels * (1 - 0.85 * severity * across)[None, :, None], np.uint8)


OWN: dict[str, Any] = {"OverExposurePrevention: gain": _gain, "IlluminationUniformity: shadow": _one_side}
"""Additional degradations, for measures that the package's do not affect on photos of 250 pixels."""


def degradations(engine: FaceEngine, photos: Path, people: int, only: list[str]) -> None:
    from syngen import context_of, operators  # noqa: PLC0415  only in the bench group

    spoils = operators()
    # The package enlarges the head, which on LFW improves its size at first; shrink it instead.
    spoils["HeadSize"] = spoils["InterEyeDistance"]
    spoils |= OWN
    for name in NOT_TURNS:
        del spoils[name]
    spoils = {name: spoil for name, spoil in spoils.items() if not only or name in only}
    mesh = _mesh()
    shots = []
    for person in sorted((photos / "lfw").iterdir())[:people]:
        pixels = np.asarray(cv2.imread(str(min(person.glob("*.jpg")))), np.uint8)
        face = _main(engine, pixels, Want(OperatingPoint.BEST, quality=True))
        if face is not None:
            shots.append((pixels, face, context_of(pixels, mesh.find(pixels, face.points, irises=True))))
    print(f"{len(shots)} people of LFW, one photo each")
    for name, spoil in spoils.items():
        target = None if name in TARGETLESS else Measure(name.split(" ")[0].split(":")[0])
        rows, lost = [], 0
        for number, (pixels, clean, context) in enumerate(shots):
            row = [clean]
            for severity in SEVERITIES[1:]:
                spoilt = np.asarray(spoil(pixels.copy(), severity, number, context), np.uint8)
                faces = engine.analyze(spoilt, Want(OperatingPoint.BEST, quality=True)).faces
                if not faces:
                    lost += 1
                    break
                row.append(faces[0])  # the largest, because some operators move it away from the centre
            if len(row) == len(SEVERITIES):
                rows.append(row)
        _tell(name, target, rows, lost)


def turned(engine: FaceEngine, photos: Path) -> None:
    """Measure heads turned by known angles: yaw of 0° to 40°, pitch of 0° to 30°."""
    from bench.pose import DATA, FRONTAL  # noqa: PLC0415  after the check for the group
    from tests.vision.turned_views import turned_view  # noqa: PLC0415  likewise

    mesh = _mesh()
    heads = []
    for entry in json.loads(DATA.read_text()):
        if entry["photo"] in FRONTAL:
            pixels = np.asarray(cv2.imread(str(photos / entry["photo"])), np.uint8)
            heads.append((pixels, mesh.find(pixels, np.array(entry["points"], np.float32), passes=3)))
    for target, angles in ((Measure.POSE_YAW, (0, 10, 20, 30, 40)), (Measure.POSE_PITCH, (0, 8, 15, 22, 30))):
        rows = []
        for head in heads:
            for sign in (-1, 1):
                turns: list[dict[str, Any]] = [
                    {"yaw": sign * angle} if target is Measure.POSE_YAW else {"pitch": sign * angle} for angle in angles
                ]
                faces = [
                    _main(engine, turned_view(*head, **turn)[0], Want(OperatingPoint.BEST, quality=True))
                    for turn in turns
                ]
                if all(face is not None for face in faces):
                    rows.append([face for face in faces if face is not None])
        _tell(f"turned by {', '.join(map(str, angles))}°", target, rows, 2 * len(heads) - len(rows))


def _tell(name: str, target: Measure | None, rows: list[list[Face]], lost: int) -> None:
    if not rows:
        print(f"{name}: no face was found at every severity")
        return
    scores = {
        measure: np.array([[face.quality[measure].score for face in row] for row in rows])
        for measure in Measure
        if all(face.quality and measure in face.quality for row in rows for face in row)
    }
    moved = {measure: float((found[:, -1] - found[:, 0]).mean()) for measure, found in scores.items()}
    others = sorted((one for one in moved if one is not target), key=lambda one: moved[one])[:4]
    words = ", ".join(f"{one.value} {moved[one]:+.0f}" for one in others if moved[one] <= -5)
    rest = [abs(change) for measure, change in moved.items() if measure is not target]
    line = f"{name}: n {len(rows)}, lost {lost}"
    if target is not None and target in scores:
        found = scores[target]
        falls = float((found[:, -1] < found[:, 0]).mean())
        steps = np.diff(found, axis=1)
        ordered = float((steps <= 0).mean())
        means = " ".join(f"{value:.0f}" for value in found.mean(axis=0))
        line += f"; {target.value} falls {falls:.3f}, steps {ordered:.3f}, mean {means}"
    print(f"{line}; others move {np.mean(rest):.1f} on average; most: {words or 'none by 5'}", flush=True)


# Error versus discard


@dataclass(frozen=True)
class Measured:
    """The photos of a set with a detected face: owner, template, level and scores."""

    owner: NDArray[np.int64]
    source: NDArray[np.int64]
    vector: NDArray[np.float32]
    readable: NDArray[np.bool_]
    level: NDArray[np.int64]
    unified: NDArray[np.float64]
    scores: NDArray[np.float64]


def discard(engine: FaceEngine, folder: Path, keep: list[Path], some: slice, *, untouched: bool) -> None:
    several = [found for person in sorted(folder.iterdir()) if len(found := sorted(person.glob("*.jpg"))) > 1]
    photos = [(number, path) for number, found in list(enumerate(several))[some] for path in found[:2]]
    names = list(Measured.__dataclass_fields__)
    if keep and all(one.exists() for one in keep):
        files = [np.load(one) for one in keep]
        clean, spoilt = (
            Measured(**{name: np.concatenate([file[f"{which}_{name}"] for file in files]) for name in names})
            for which in ("clean", "spoilt")
        )
    else:
        spoilt = _measured(engine, photos, spoil=True)
        clean = _measured(engine, photos, spoil=False, quality=untouched)
        if keep:
            both = {"clean": clean, "spoilt": spoilt}
            np.savez(
                keep[0], **{f"{which}_{name}": getattr(one, name) for which, one in both.items() for name in names}
            )
    calibration = ModelStore().manifest(DEFAULT_RECOGNISER).calibration
    assert calibration is not None
    print(f"LFW: found {len(clean.owner)} untouched and {len(spoilt.owner)} spoilt faces")
    if untouched:
        _curves("untouched photos, pairs of one person", clean, clean, calibration.threshold)
    _curves("spoilt probes against untouched photos of the same person", spoilt, clean, calibration.threshold)


def _measured(engine: FaceEngine, photos: list[tuple[int, Path]], *, spoil: bool, quality: bool = True) -> Measured:
    from syngen import context_of, operators  # noqa: PLC0415  only in the bench group

    spoils, mesh = operators(), _mesh()
    names = ("Sharpness", "Sharpness 2", "Sharpness 3", "CompressionArtifacts", "UnderExposurePrevention",
             "OverExposurePrevention", "IlluminationUniformity", "LuminanceVariance", "EyesVisible",
             "MouthOcclusionPrevention", "FaceOcclusionPrevention", "InterEyeDistance", "NaturalColour",
             "HeadPoseRoll", "LeftwardCropOfTheFaceImage", "MouthClosed")  # fmt: skip
    random = np.random.default_rng([29794, photos[0][0]])
    want = Want(OperatingPoint.BEST, DEFAULT_RECOGNISER, attributes=frozenset({Attribute.QUALITY}), quality=quality)
    rows = []
    for owner, path in photos:
        number = 100 * owner + int(path.stem[-4:])
        pixels = np.asarray(cv2.imread(str(path)), np.uint8)
        name, severity = names[random.integers(len(names))], float(random.uniform(0.2, 1.0))
        if spoil:
            plain = _main(engine, pixels, Want(OperatingPoint.BEST))
            if plain is None:
                continue
            context = context_of(pixels, mesh.find(pixels, plain.points, irises=True))
            pixels = np.asarray(spoils[name](pixels.copy(), severity, number, context), np.uint8)
        face = _main(engine, pixels, want)
        if face is None:
            continue
        assert face.embedding is not None
        measured = face.quality or {}
        level = list(Level3).index(Level3(face.attributes.quality)) if face.attributes.quality else 0
        scores = [measured[one].score if one in measured else 50 for one in COMPONENTS]
        rows.append((owner, number, face.embedding.vector, face.embedding.readable, level,
                     face.embedding.norm, scores))  # fmt: skip
    columns = list(zip(*rows, strict=True))
    return Measured(*(np.array(column) for column in columns))


def _curves(title: str, probes: Measured, mates: Measured, threshold: float) -> None:
    pairs = []
    for owner in np.unique(probes.owner):
        for i in np.flatnonzero(probes.owner == owner):
            for j in np.flatnonzero(mates.owner == owner):
                one, other = probes.source[i], mates.source[j]
                if one < other or (probes is not mates and one != other):
                    pairs.append((i, j))
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    similarity = np.einsum("ij,ij->i", probes.vector[first], mates.vector[second])
    missed = (similarity < threshold) | ~probes.readable[first] | ~mates.readable[second]
    owner = probes.owner[first]
    people = np.unique(owner)
    components = _components(probes, first, missed, owner)

    def pair(of_probe: NDArray[np.float64], of_mate: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.minimum(of_probe[first], of_mate[second]) if probes is mates else of_probe[first]

    orders = {
        "random": np.zeros(len(first)),
        "three levels": pair(probes.level.astype(float), mates.level.astype(float)),
        "unified score": pair(probes.unified, mates.unified),
        "components, fitted": components,
        "mean of components": pair(probes.scores.mean(axis=1), mates.scores.mean(axis=1)),
    }
    print(f"\n{title}: {len(people)} people, {len(first)} pairs, {missed.sum()} missed, FNMR {missed.mean():.4f}")
    counts = {name: int((probes.level == number).sum()) for number, name in enumerate(Level3)}
    print(f"  levels of the probes: {counts}")
    place = np.searchsorted(people, owner)
    random = np.random.default_rng(7)
    draws = [np.bincount(random.integers(len(people), size=len(people)), minlength=len(people)) for _ in range(ROUNDS)]
    areas = {}
    for name, order in orders.items():
        curve = Curve(order, missed)
        ones = np.ones(len(first))
        whole = curve.area(ones)
        areas[name] = np.array([curve.area(draw[place].astype(float)) for draw in draws])
        low, high = np.quantile(areas[name], [0.025, 0.975])
        at = "  ".join(f"{share:.0%} {curve.at(ones, share):.4f}" for share in (0.05, 0.1, 0.2, 0.3))
        print(f"  {name:<20} area to {WORST:.0%} {whole:.5f} [{low:.5f}, {high:.5f}]  FNMR at discard: {at}")
        if name not in {"random", "three levels"}:
            change = areas[name] - areas["three levels"]
            low, high = np.quantile(change, [0.025, 0.975])
            print(f"  {'':<20} against three levels {whole - Curve(orders['three levels'], missed).area(ones):+.5f} "
                  f"[{low:+.5f}, {high:+.5f}]")  # fmt: skip


class Curve:
    """FNMR after the worst pairs are discarded; the expected value over random orders of tied pairs."""

    def __init__(self, order: NDArray[np.float64], missed: NDArray[np.bool_]) -> None:
        _, self._group = np.unique(order, return_inverse=True)
        self._missed = missed.astype(float)

    def _steps(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = np.bincount(self._group, weight)
        wrong = np.bincount(self._group, weight * self._missed)
        shares = np.concatenate([[0], np.cumsum(total)]) / total.sum()
        return shares, np.concatenate([[0], np.cumsum(wrong)]) / total.sum()

    def at(self, weight: NDArray[np.float64], share: float) -> float:
        """Return the FNMR after a share was discarded."""
        shares, wrong = self._steps(weight)
        return float((wrong[-1] - np.interp(share, shares, wrong)) / (1 - share))

    def area(self, weight: NDArray[np.float64]) -> float:
        """Return the mean FNMR over discarded shares from 0 to `WORST`."""
        shares, wrong = self._steps(weight)
        grid = np.linspace(0, WORST, 81)
        return float(((wrong[-1] - np.interp(grid, shares, wrong)) / (1 - grid)).mean())


def _components(
    probes: Measured, first: NDArray[np.int64], missed: NDArray[np.bool_], owner: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the log odds of a match by the probe's component scores, fitted on the other half of the people."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  only in the bench group
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415  likewise
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  likewise

    features, found = probes.scores[first], np.zeros(len(first))
    for half in (0, 1):
        rest = owner % 2 != half
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        model.fit(features[rest], ~missed[rest])
        found[~rest] = model.decision_function(features[~rest])
    return found


# Cost


def cost(engine: FaceEngine, folder: Path, people: int) -> None:
    photos = [min(person.glob("*.jpg")).read_bytes() for person in sorted(folder.iterdir())[:people]]
    wants: Mapping[str, Want] = {
        "detect": Want(),
        "template": Want(recogniser=DEFAULT_RECOGNISER),
        "template and measures": Want(recogniser=DEFAULT_RECOGNISER, quality=True),
        "measures": Want(quality=True),
    }
    times: dict[str, list[float]] = {name: [] for name in wants}
    for want in wants.values():
        engine.analyze(photos[0], want)
    for photo in photos:
        for name, want in wants.items():
            begun = time.perf_counter()
            engine.analyze(photo, want)
            times[name].append(time.perf_counter() - begun)
    base = float(np.median(times["template"]))
    print(f"median time of a call on {len(photos)} photos of LFW, by that of a detect with a template")
    for name, found in times.items():
        print(f"  {name:<24} {float(np.median(found)) / base:.2f}")


def _main(engine: FaceEngine, pixels: Pixels, want: Want) -> Face | None:
    """Return the face nearest to the centre."""
    middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    faces = engine.analyze(pixels, want).faces
    return min(faces, key=lambda face: float(np.linalg.norm(face.points.mean(axis=0) - middle)), default=None)


def _mesh() -> FaceMesh:
    networks = ModelStore().load("mesh").networks
    return FaceMesh(networks["mesh"], networks["iris"])


if __name__ == "__main__":
    main()
