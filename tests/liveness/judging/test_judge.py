"""The judge on rendered clips: a person passes, and each attack is stopped by the method that is there for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.liveness.heads import Head
from tests.liveness.injected import tinted
from tests.liveness.render import Camera, Kind, decoded, render
from tests.liveness.videos import REAL, attempt, footage
from tests.memory import kept_in_module
from tests.shared import azure_photo, shared_path

from mien.liveness.challenge import Challenge
from mien.liveness.judge import Judge
from mien.liveness.methods import Method
from mien.liveness.types import Decision, Judgement, LivenessError, Mode, RecognitionError, TimedFrame
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.errors import PackFetchError
from mien.models.store import ModelStore
from mien.vision.engine import FaceEngine
from mien.vision.presentation.material import PACKS
from mien.vision.types import Embedding, Want

PASSIVE = Challenge.draw(bytes([1]) * 16, Mode.PASSIVE)
OTHER = Challenge.draw(bytes([9]) * 16, Mode.PASSIVE)
ACTIVE = Challenge.draw(bytes([2]) * 16, Mode.PASSIVE_ACTIVE)
CALM = Challenge.draw(bytes([3]) * 16, Mode.PASSIVE, flashes=False)
CAMERA = Camera(fps=12)


def frames(kind: Kind, head: Head, challenge: Challenge, other: Head | None = None, **more: float) -> list[TimedFrame]:
    return render(kind, head, challenge, seed=4, camera=CAMERA, other=other, **more)


@kept_in_module
def filmed(challenge: Challenge, reflection: float = 0.1) -> list[TimedFrame]:
    """The person of the shared film, who does what is asked under simulated flashes."""
    shown = footage(shared_path("pad", "clips", "real.mp4"), *REAL)
    return attempt(shown, challenge, challenge, reflection=reflection, seed=1)


def test_turns_alone_pass_where_nothing_flashed(judge: Judge) -> None:
    verdict = judge.judge(filmed(CALM, reflection=0.0), CALM)
    assert verdict.decision is Decision.REAL, verdict
    assert verdict.score("reflection") is None


def test_turns_alone_stop_a_photo_that_is_turned(judge: Judge, man: Head) -> None:
    verdict = judge.judge(frames(Kind.PRINT, man, CALM), CALM)
    assert verdict.decision is Decision.SPOOF
    assert "planarity" in verdict.reasons


@pytest.fixture(scope="module")
def passive_clip(man: Head) -> list[TimedFrame]:
    """A head that is made from a photo, and answers the passive challenge."""
    return frames(Kind.LIVE, man, PASSIVE)


@pytest.fixture(scope="module")
def active_clip(man: Head) -> list[TimedFrame]:
    """The same, with the turns of the active challenge."""
    return frames(Kind.LIVE, man, ACTIVE)


@pytest.fixture(scope="module")
def live_active(judge: Judge) -> Judgement:
    return judge.judge(filmed(ACTIVE), ACTIVE)


def test_a_person_who_is_there_passes_passively(judge: Judge) -> None:
    verdict = judge.judge(filmed(PASSIVE), PASSIVE)
    assert verdict.decision is Decision.REAL
    assert verdict.reasons == ()
    assert verdict.problem is None


def test_a_person_who_turns_as_asked_passes(live_active: Judgement) -> None:
    assert live_active.decision is Decision.REAL


def test_a_rendering_from_one_photo_shows_nothing_new_when_it_turns(
    judge: Judge, active_clip: list[TimedFrame]
) -> None:
    verdict = judge.judge(active_clip, ACTIVE)
    assert verdict.decision is Decision.UNCERTAIN
    assert verdict.reasons == ("novelty",)


def test_a_recording_that_was_tinted_to_the_flashes_is_lit_everywhere_alike(judge: Judge) -> None:
    shown = footage(shared_path("pad", "clips", "real.mp4"), *REAL)
    verdict = judge.judge(tinted(shown, PASSIVE, seed=1), PASSIVE)
    assert verdict.decision is Decision.UNCERTAIN
    assert verdict.reasons == ("surroundings",)


def test_every_method_that_was_tried_is_kept_with_its_score(live_active: Judgement) -> None:
    told = live_active.evidence_json()
    assert set(told) == {method.value for method in Method}
    assert live_active.score("planarity") == pytest.approx(1, abs=0.1)
    assert live_active.model_version


@pytest.fixture(scope="module")
def compared(judge: Judge, engine: FaceEngine, passive_clip: list[TimedFrame]) -> Judgement:
    """The verdict on the clip, compared with a photo of the same man."""
    return judge.judge(passive_clip, PASSIVE, template(engine, "Family2-Man1"))


def template(engine: FaceEngine, photo: str) -> Embedding | None:
    """Of the first face of a photo."""
    return engine.analyze(azure_photo(photo).read_bytes(), Want(recogniser=DEFAULT_RECOGNISER)).faces[0].embedding


def test_the_best_frame_is_one_of_the_clip_and_its_rectangle_is_on_the_face(
    compared: Judgement, man: Head, passive_clip: list[TimedFrame]
) -> None:
    best = compared.best
    assert best is not None
    assert best.jpeg in [frame.image for frame in passive_clip]
    centre = np.array([best.box.left + best.box.width / 2, best.box.top + best.box.height / 2])
    assert np.linalg.norm(centre - man.middle) < 0.25 * man.width


# Without the heavy ones, a photo that is turned is `test_turns_alone_stop_a_photo_that_is_turned`, and a screen
# `test_a_filmed_screen_is_an_attack` in test_videos.py.
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param(Kind.PRINT, "planarity", marks=pytest.mark.heavy),
        pytest.param(Kind.BENT_60, "planarity", marks=pytest.mark.heavy),
        pytest.param(Kind.CUT_OUT_EYES, "planarity", marks=pytest.mark.heavy),
        pytest.param(Kind.SCREEN_STILL, "planarity", marks=pytest.mark.heavy),
        pytest.param(Kind.INJECTED_RIGHT_TURNS, "reflection", marks=pytest.mark.heavy),
        pytest.param(Kind.REPLAY_RIGHT_TURNS, "material", marks=pytest.mark.heavy),
        (Kind.SWAP, "continuity"),
    ],
)
def test_an_attack_is_a_spoof_and_the_reason_is_named(
    judge: Judge, man: Head, woman: Head, kind: Kind, reason: str
) -> None:
    verdict = judge.judge(frames(kind, man, ACTIVE, other=woman), ACTIVE)
    assert verdict.decision is Decision.SPOOF
    assert reason in verdict.reasons


@pytest.mark.heavy  # test_turns.py has the turn about one axis only
def test_a_photo_bent_about_one_axis_fails_the_turn_about_the_other(judge: Judge, man: Head) -> None:
    verdict = judge.judge(frames(Kind.BENT_120, man, ACTIVE), ACTIVE)
    told = verdict.evidence_json()["turns"]
    assert isinstance(told, dict)
    assert min(told["angle1"], told["angle2"]) < 12
    assert verdict.decision is not Decision.REAL


def test_an_answer_to_another_nonce_is_a_spoof(judge: Judge, passive_clip: list[TimedFrame]) -> None:
    verdict = judge.judge(passive_clip, OTHER)
    assert verdict.decision is Decision.SPOOF
    assert verdict.reasons == ("reflection",)


def test_a_face_that_the_screen_does_not_light_is_uncertain(judge: Judge) -> None:
    verdict = judge.judge(filmed(PASSIVE, reflection=0.0), PASSIVE)
    assert verdict.decision is Decision.UNCERTAIN
    assert verdict.reasons == ("reflection",)


@pytest.mark.heavy  # as `test_turning_the_other_way_is_not_turning`
def test_a_turn_that_was_not_done_is_named_and_no_spoof(judge: Judge, man: Head) -> None:
    verdict = judge.judge(frames(Kind.LIVE_STILL, man, ACTIVE), ACTIVE)
    assert verdict.decision is None
    assert verdict.problem is not None
    assert verdict.problem.liveness is LivenessError.HEAD_TURN_NOT_PERFORMED
    assert verdict.best is not None


def test_turning_the_other_way_is_not_turning(judge: Judge, active_clip: list[TimedFrame]) -> None:
    mirrored = [
        replace(frame, image=np.ascontiguousarray(decoded(frame.image)[:, ::-1]))  # type: ignore[arg-type]  # bytes
        for frame in active_clip
    ]
    verdict = judge.judge(mirrored, ACTIVE)
    assert verdict.decision is None
    assert verdict.problem is not None
    assert verdict.problem.liveness is LivenessError.HEAD_TURN_NOT_PERFORMED
    assert verdict.best is not None


def test_without_a_passive_network_the_server_is_to_blame_and_nobody_else(
    engine: FaceEngine, store: ModelStore, passive_clip: list[TimedFrame]
) -> None:
    judge = Judge(engine, store, networks=())
    assert judge.networks == ()
    assert "MIEN_LIVENESS_NETWORKS" in (judge.lacks(Mode.PASSIVE) or "")
    assert judge.lacks(Mode.PASSIVE_ACTIVE) is None
    verdict = judge.judge(filmed(PASSIVE), PASSIVE)
    assert verdict.decision is None
    assert verdict.problem is not None
    assert verdict.problem.liveness is LivenessError.UNEXPECTED_SERVER_ERROR
    assert verdict.problem.message == judge.lacks(Mode.PASSIVE)
    assert judge.judge(passive_clip, OTHER).decision is Decision.SPOOF  # evidence all the same
    assert judge.judge(filmed(ACTIVE), ACTIVE).decision is Decision.REAL


def test_networks_that_are_installed_later_are_used_without_a_restart(
    engine: FaceEngine, store: ModelStore, tmp_path: Path
) -> None:
    (tmp_path / "networks").mkdir()
    for path in (store.root / "networks").glob("*"):
        if not path.name.startswith(PACKS):
            (tmp_path / "networks" / path.name).symlink_to(path)
    bare = ModelStore(tmp_path)
    judge = Judge(engine, bare)
    assert not judge.networks
    assert "mien models pull fr-liveness" in (judge.lacks(Mode.PASSIVE) or "")
    for path in (store.root / "networks").glob("fr-liveness-*"):
        (tmp_path / "networks" / path.name).symlink_to(path)
    judge.find_networks()
    assert list(judge.networks) == ["fr-liveness"]
    assert judge.lacks(Mode.PASSIVE) is None


def test_the_reference_is_compared_with_the_best_frame(
    judge: Judge, engine: FaceEngine, compared: Judgement, passive_clip: list[TimedFrame]
) -> None:
    matched = compared.match_confidence
    unmatched = judge.judge(passive_clip, PASSIVE, template(engine, "Family1-Mom1")).match_confidence
    assert matched is not None
    assert unmatched is not None
    assert matched > 0.5 > unmatched


def test_a_reference_of_another_recogniser_is_refused(judge: Judge, engine: FaceEngine) -> None:
    try:
        ModelStore().ensure(["sface"])  # the default set-up has its 8-bit form only
    except PackFetchError as problem:
        pytest.skip(f"needs a model pack: {problem}")
    photo = azure_photo("Family2-Man1").read_bytes()
    reference = engine.analyze(photo, Want(recogniser="sface")).faces[0].embedding
    with pytest.raises(ValueError, match="reference"):
        judge.judge([], PASSIVE, reference)


def _shown(change: object, clip: list[TimedFrame]) -> list[TimedFrame]:
    assert callable(change)
    return [replace(frame, image=change(decoded(frame.image))) for frame in clip]  # type: ignore[arg-type]  # bytes


@pytest.fixture(scope="module")
def covered_clip(woman: Head) -> list[TimedFrame]:
    """A clip of somebody whose face is to be covered; half of the frames are enough."""
    return frames(Kind.LIVE, woman, PASSIVE)[::2]


def _covered(pixels: np.ndarray, head: Head, low: int, high: int) -> np.ndarray:
    """A blue cloth from one mesh vertex down to another."""
    top, bottom = int(head.points[low, 1]), int(head.points[high, 1])
    left, right = int(head.points[:, 0].min()), int(head.points[:, 0].max())
    covered = pixels.copy()
    covered[top:bottom, left:right] = (150, 110, 70)
    return covered


@pytest.mark.parametrize(
    ("change", "liveness", "recognition"),
    [
        (lambda p: np.full_like(p, 90), LivenessError.NO_FACE_DETECTED, RecognitionError.FACE_NOT_FOUND),
        (lambda p: cv2.GaussianBlur(p, (0, 0), 7), LivenessError.BLUR, RecognitionError.BLUR),
        (lambda p: (p * 0.18).astype(np.uint8), LivenessError.FACE_TRACKING_FAILED, RecognitionError.GENERIC_FAILURE),
        (
            lambda p: np.clip(p.astype(np.int32) * 2 + 110, 0, 255).astype(np.uint8),
            LivenessError.BRIGHTNESS,
            RecognitionError.BRIGHTNESS,
        ),
        (
            lambda p: cv2.copyMakeBorder(cv2.resize(p, (108, 144)), 168, 168, 126, 126, cv2.BORDER_CONSTANT),
            LivenessError.FACE_TRACKING_FAILED,
            RecognitionError.IMAGE_TOO_SMALL,
        ),
        (
            lambda p: np.hstack([p, p]),
            LivenessError.FACE_TRACKING_FAILED,
            RecognitionError.SEVERAL_FACES,
        ),
    ],
    ids=["no face", "blur", "dark", "bright", "small", "several"],
)
def test_what_is_wrong_with_the_picture_is_named_and_no_spoof(
    judge: Judge,
    passive_clip: list[TimedFrame],
    change: object,
    liveness: LivenessError,
    recognition: RecognitionError,
) -> None:
    verdict = judge.judge(_shown(change, passive_clip[::2]), PASSIVE)
    assert verdict.decision is None
    assert verdict.problem is not None
    assert (verdict.problem.liveness, verdict.problem.recognition) == (liveness, recognition)


@pytest.mark.parametrize(
    ("low", "high", "errors"),
    [
        (4, 152, {LivenessError.MASK, LivenessError.MOUTH_NOT_VISIBLE}),
        (105, 195, {LivenessError.EYES_NOT_VISIBLE}),
    ],
    ids=["mouth", "eyes"],
)
def test_a_covered_face_is_named(
    judge: Judge, woman: Head, covered_clip: list[TimedFrame], low: int, high: int, errors: set[LivenessError]
) -> None:
    clip = _shown(lambda p: _covered(p, woman, low, high), covered_clip)
    verdict = judge.judge(clip, PASSIVE)
    assert verdict.problem is not None
    assert verdict.problem.liveness in errors


def test_frames_that_are_no_pictures_are_named(judge: Judge) -> None:
    broken = [TimedFrame(b"\xff\xd8\xff" + bytes(3000), index * 80, index) for index in range(40)]
    verdict = judge.judge(broken, PASSIVE)
    assert verdict.problem is not None
    assert verdict.problem.recognition is RecognitionError.CONTENT_DECODING


def test_nothing_at_all_is_no_face(judge: Judge) -> None:
    verdict = judge.judge([], PASSIVE)
    assert verdict.problem is not None
    assert verdict.problem.liveness is LivenessError.NO_FACE_DETECTED


@pytest.mark.parametrize("name", ["real", "screen-replay"])
def test_a_real_video_without_flashes_never_passes(judge: Judge, name: str) -> None:
    verdict = judge.judge(_video(shared_path("pad", "clips", f"{name}.mp4")), PASSIVE)
    assert verdict.decision is not Decision.REAL
    if name == "screen-replay":
        assert "material" in verdict.reasons


def _video(path: Path) -> list[TimedFrame]:
    capture = cv2.VideoCapture(str(path))
    found: list[TimedFrame] = []
    for index in range(60):
        shown, pixels = capture.read()
        if not shown:
            break
        if index % 2 == 0:
            found.append(TimedFrame(np.asarray(pixels, np.uint8), index * 50, len(found)))
    capture.release()
    return found
