"""The measures of ISO/IEC 29794-5: each follows a degradation made for it, and none is computed unless asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from tests.memory import ready_engine
from tests.shared import REPOSITORY, azure_photo
from tests.vision.turned_views import turned_view

from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision import FaceEngine, OperatingPoint, Want
from mien.vision.landmarks import FaceMesh
from mien.vision.measures import MEASURES, Measure, MeasureBasis
from mien.vision.quality.mapping import falling, rising, scored
from mien.vision.quality.report import PACKS, measure_quality
from mien.vision.quality.unified import unified
from mien.vision.types import Face, Pixels

pytestmark = pytest.mark.shared

Spoil = Callable[[Pixels, Face, float], Pixels]
PHOTOS = ("Family1-Mom1", "Family1-Dad1", "Family2-Man1", "Family3-Man1")
ASKED = Want(OperatingPoint.BEST, quality=True)
_FOUND: dict[bytes, Face] = {}
"""By the pixels: most measures begin with the same photos, and some of them are spoilt alike."""


@pytest.fixture(scope="module")
def finder() -> FaceEngine:
    return ready_engine()


def photo(name: str) -> Pixels:
    """A photo with room around the head."""
    pixels = np.asarray(cv2.imread(str(azure_photo(name, itself=True))), np.uint8)
    room = pixels.shape[0] // 3
    return np.asarray(cv2.copyMakeBorder(pixels, room, room, room, room, cv2.BORDER_CONSTANT, value=(150, 150, 150)))


def main(finder: FaceEngine, pixels: Pixels) -> Face:
    """The first face with its measures; of pixels that were seen before, what was found then."""
    key = hashlib.sha256(pixels.tobytes() + repr(pixels.shape).encode()).digest()
    if key not in _FOUND:
        _FOUND[key] = finder.analyze(pixels, ASKED).faces[0]
    assert _FOUND[key].quality is not None
    return _FOUND[key]


def score(face: Face, measure: Measure) -> int:
    assert face.quality is not None
    return face.quality[measure].score


def light(pixels: Pixels, gain: float) -> Pixels:
    return np.asarray(np.clip(pixels.astype(np.float32) * gain, 0, 255), np.uint8)


def shadow(pixels: Pixels, face: Face, amount: float) -> Pixels:
    across = 1 / (1 + np.exp((np.arange(pixels.shape[1]) - float(face.points[2, 0])) / 6))
    return np.asarray(pixels * (1 - 0.9 * amount * across)[None, :, None], np.uint8)


def cast(pixels: Pixels, _face: Face, amount: float) -> Pixels:
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB).astype(np.float32)
    lab[..., 1:] = np.clip(lab[..., 1:] - 30 * amount, 0, 255)
    return np.asarray(cv2.cvtColor(lab.astype(np.uint8), cv2.COLOR_LAB2BGR), np.uint8)


def clutter(pixels: Pixels, face: Face, amount: float) -> Pixels:
    noise = np.random.default_rng(3).integers(-100, 100, pixels.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.0)[..., None] * 3 * amount
    box, keep = face.box, np.ones((*pixels.shape[:2], 1), np.float32)
    keep[max(0, box.top - box.height // 2) :, box.left - box.width // 3 : box.left + 4 * box.width // 3] = 0
    return np.asarray(np.clip(pixels + noise * keep, 0, 255), np.uint8)


def bar(over: slice) -> Spoil:
    def cover(pixels: Pixels, face: Face, amount: float) -> Pixels:
        out = pixels.copy()
        if amount:
            (x0, y0), (x1, y1) = face.points[over].min(axis=0), face.points[over].max(axis=0)
            wide = 0.6 * float(np.linalg.norm(face.points[1] - face.points[0]))
            corners = (int(x0 - wide), int(y0 - wide * 0.5)), (int(x1 + wide), int(y1 + wide * 0.5))
            cv2.rectangle(out, *corners, (30, 30, 30), -1)
        return out

    return cover


def shrunk(pixels: Pixels, _face: Face, amount: float) -> Pixels:
    canvas = np.full_like(pixels, 150)
    size = 1 - 0.6 * amount
    small = cv2.resize(pixels, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas


def posterised(pixels: Pixels, _face: Face, amount: float) -> Pixels:
    step = 1 + 90 * amount
    return np.asarray(np.floor(pixels / step) * step, np.uint8)


def flat(pixels: Pixels, _face: Face, amount: float) -> Pixels:
    return np.asarray(pixels * (1 - 0.9 * amount) + 128 * 0.9 * amount, np.uint8)


def cut(pixels: Pixels, face: Face, amount: float, side: int) -> Pixels:
    """Cut a border off until it touches the eyes: 0 left, 1 above, 2 right, 3 below."""
    eyes, out = face.points[:2], pixels
    across, down = float(eyes[:, 0].mean()), float(eyes[:, 1].mean())
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    match side:
        case 0:
            out = pixels[:, int(amount * max(0.0, across - 1.1 * apart)) :]
        case 1:
            out = pixels[int(amount * max(0.0, down - 1.0 * apart)) :]
        case 2:
            out = pixels[:, : int(pixels.shape[1] - amount * (pixels.shape[1] - across - 1.1 * apart))]
        case _:
            out = pixels[: int(pixels.shape[0] - amount * (pixels.shape[0] - down - 2.0 * apart))]
    return np.ascontiguousarray(out)


def tilted(pixels: Pixels, face: Face, amount: float) -> Pixels:
    middle = float(face.points[2, 0]), float(face.points[2, 1])
    turn = cv2.getRotationMatrix2D(middle, 35 * amount, 1)
    return np.asarray(
        cv2.warpAffine(pixels, turn, pixels.shape[1::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=(150, 150, 150))
    )


def beside(pixels: Pixels, _face: Face, amount: float) -> Pixels:
    if not amount:
        return pixels
    size = 0.3 + 0.6 * amount
    small = cv2.resize(pixels, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    canvas = np.full((pixels.shape[0], small.shape[1], 3), 150, np.uint8)
    canvas[: small.shape[0]] = small
    return np.hstack([pixels, canvas])


SPOILS: dict[Measure, Spoil] = {
    Measure.UNIFIED: lambda pixels, _, amount: blurred(pixels, amount),
    Measure.SHARPNESS: lambda pixels, _, amount: blurred(pixels, amount),
    Measure.LUMINANCE_MEAN: lambda pixels, _, amount: light(pixels, 1 - 0.85 * amount),
    Measure.UNDER_EXPOSURE: lambda pixels, _, amount: light(pixels, 1 - 0.93 * amount),
    Measure.OVER_EXPOSURE: lambda pixels, _, amount: light(pixels, 1 + 1.2 * amount),
    Measure.LUMINANCE_VARIANCE: flat,
    Measure.DYNAMIC_RANGE: posterised,
    Measure.ILLUMINATION_UNIFORMITY: shadow,
    Measure.NATURAL_COLOUR: cast,
    Measure.BACKGROUND_UNIFORMITY: clutter,
    Measure.EYES_VISIBLE: bar(slice(0, 2)),
    Measure.MOUTH_OCCLUSION: bar(slice(3, 5)),
    Measure.FACE_OCCLUSION: bar(slice(3, 5)),
    Measure.INTER_EYE_DISTANCE: shrunk,
    Measure.HEAD_SIZE: shrunk,
    Measure.CROP_LEFT: lambda pixels, face, amount: cut(pixels, face, amount, 0),
    Measure.MARGIN_ABOVE: lambda pixels, face, amount: cut(pixels, face, amount, 1),
    Measure.CROP_RIGHT: lambda pixels, face, amount: cut(pixels, face, amount, 2),
    Measure.MARGIN_BELOW: lambda pixels, face, amount: cut(pixels, face, amount, 3),
    Measure.POSE_ROLL: tilted,
    Measure.SINGLE_FACE: beside,
}


def blurred(pixels: Pixels, amount: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.01 + 5 * amount), np.uint8)


@pytest.mark.parametrize("measure", SPOILS, ids=lambda measure: measure.value)
def test_a_measure_falls_with_the_degradation_made_for_it(finder: FaceEngine, measure: Measure) -> None:
    """In all photos the worst scores lower than the untouched one, and no step rises by more than the noise of it."""
    for name in PHOTOS:
        pixels = photo(name)
        clean = main(finder, pixels)
        scores = [score(main(finder, SPOILS[measure](pixels, clean, amount)), measure) for amount in (0, 0.5, 1.0)]
        assert scores[2] < scores[0], (name, scores)
        assert scores[2] - 5 <= scores[1] <= scores[0] + 5, (name, scores)


def test_margins_fall_on_the_side_that_is_cut_off_and_on_no_other(finder: FaceEngine) -> None:
    sides = (Measure.CROP_LEFT, Measure.MARGIN_ABOVE, Measure.CROP_RIGHT, Measure.MARGIN_BELOW)
    pixels = photo(PHOTOS[0])
    clean = main(finder, pixels)
    for number, measure in enumerate(sides):
        spoilt = main(finder, cut(pixels, clean, 1.0, number))
        for other in sides:
            change = score(spoilt, other) - score(clean, other)
            assert change < -20 if other is measure else abs(change) <= 8, (measure, other, change)


@pytest.mark.parametrize(("measure", "turn"), [(Measure.POSE_YAW, "yaw"), (Measure.POSE_PITCH, "pitch")])
def test_pose_falls_as_a_head_turns(finder: FaceEngine, measure: Measure, turn: str) -> None:
    networks = ModelStore().load("mesh").networks
    pixels = np.asarray(cv2.imread(str(azure_photo("Family1-Mom1", itself=True))), np.uint8)
    mesh = FaceMesh(networks["mesh"], networks["iris"]).find(pixels, main(finder, pixels).points, passes=3)
    for sign in (-1, 1):
        turns = [{turn: float(sign * angle)} for angle in (0, 15, 30)]
        views = [turned_view(pixels, mesh, yaw=one.get("yaw", 0), pitch=one.get("pitch", 0))[0] for one in turns]
        scores = [score(main(finder, view), measure) for view in views]
        assert scores[0] >= scores[1] - 2 > scores[2], (sign, scores)


def test_a_smile_is_no_neutral_expression(finder: FaceEngine) -> None:
    def of(name: str) -> Face:
        return main(finder, np.asarray(cv2.imread(str(azure_photo(name, itself=True))), np.uint8))

    assert score(of("Family1-Mom1"), Measure.EXPRESSION) < 30 < 70 < score(of("detection3"), Measure.EXPRESSION)


def test_nothing_is_measured_unless_asked_for(finder: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain call runs the networks that it ran before, and no measure."""
    runs: list[str] = []
    real, run = measure_quality, Network.run

    def counted(self: Network, *given: object, **more: object) -> object:
        runs.append("network")
        return run(self, *given, **more)  # type: ignore[arg-type]  # whatever it was called with

    def measured(*given: object) -> object:
        runs.append("measures")
        return real(*given)  # type: ignore[arg-type]  # likewise

    monkeypatch.setattr(Network, "run", counted)
    monkeypatch.setattr("mien.vision.engine.measure_quality", measured)
    pixels = np.asarray(cv2.imread(str(azure_photo("identification1", itself=True))), np.uint8)
    counts = {}
    for name, want in (
        ("plain", Want()),
        ("template", Want(recogniser="sface-int8")),
        ("both", Want(recogniser="sface-int8", quality=True)),
    ):
        runs.clear()
        faces = finder.analyze(pixels, want).faces
        assert len(faces) == 4
        assert all((face.quality is not None) is want.quality for face in faces)
        assert runs.count("measures") == (4 if want.quality else 0)
        counts[name] = runs.count("network")
    # What the measures add to each of four faces: three crops of the mesh, the irises, and the network of the heads.
    assert counts["both"] - counts["template"] == 4 * 5
    assert counts["plain"] < counts["template"]


def test_the_table_says_all_of_every_measure() -> None:
    assert set(MEASURES) == set(Measure)
    for definition in MEASURES.values():
        assert definition.clause.startswith("7.")
        assert definition.definition.endswith(".")
        assert definition.advice.endswith(".")
        assert definition.basis in set(MeasureBasis)
    assert {"mesh", "sface-int8", "lite0"} == PACKS


def test_scores_are_whole_numbers_from_0_to_100() -> None:
    assert scored(1.5, 250).score == 100
    assert scored(1.5, -3).score == 0
    assert rising(70, 70, 20).score == falling(70, 70, 20).score == 50
    assert rising(1e9, 0, 1e-9).score == 100
    assert rising(-1e9, 0, 1e-9).score == 0
    assert unified(0.0).score == 0
    assert unified(9.0).score == 27  # the border of low and medium
    assert unified(11.0).score == 73  # the border of medium and high


def test_the_page_lists_every_measure_as_it_is_computed() -> None:
    page = (REPOSITORY / "docs/photo-quality.md").read_text("utf-8")
    for measure, one in MEASURES.items():
        by = "the standard" if one.basis is MeasureBasis.STANDARD else "Mien"
        assert f"| {one.name} (`{measure.value}`) | {one.clause} | {one.definition} | {by} |" in page
    assert f"{len(MEASURES)} of its measures" in page
