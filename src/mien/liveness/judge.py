"""The judge of an attempt: runs each method on as few frames as it needs and puts the verdict together.

Every frame is decoded once and tracked by the face mesh; the detector, the passive networks, the attributes and the
recogniser run on a few selected frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mien.contract.attributes import Attribute
from mien.liveness import fusion, problems
from mien.liveness.best import candidates, jpeg_of, rank
from mien.liveness.challenge import Challenge
from mien.liveness.methods import Method
from mien.liveness.order import order
from mien.liveness.timing import Arrivals, timing
from mien.liveness.turns import Neutral, Turn, neutral, turns
from mien.liveness.types import AttemptProblem, BestFrame, Decision, Evidence, Judgement, Mode, TimedFrame
from mien.messages import Message
from mien.models import ModelStore
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.vision.decode import decode
from mien.vision.detector import YuNet
from mien.vision.embedder import calibration_of
from mien.vision.engine import DETECTOR, FaceEngine
from mien.vision.errors import ImageError
from mien.vision.finder import FaceFinder
from mien.vision.landmarks import FaceMesh
from mien.vision.presentation.dynamics import dynamics
from mien.vision.presentation.material import PACKS, MaterialNetworks
from mien.vision.presentation.motion import motion
from mien.vision.presentation.novelty import agreement, unwrap
from mien.vision.presentation.reflection import Reflection, reflection
from mien.vision.presentation.track import FaceTrack, Observation, follow
from mien.vision.types import Embedding, Face, Pixels, Want

_WORKING_SIDE: Final = 640
"""Long side down to which larger frames are decoded."""
_MATERIAL_VIEWS: Final = 5
_NEAR_NEUTRAL: Final = 14.0
"""Degrees within which a frame counts as frontal for the passive networks."""
_STILL: Final = 10.0
"""Degrees within which the motion inside the face is measured: farther, much of one view is not in the other."""
_VIEWS: Final = 4
"""Number of frames of each pose whose detail is compared."""
_COMPARED: Final = 3
"""Number of frames besides the two best ones whose templates are compared."""
_SAME_FACE_TURNED: Final = 15.0
"""Degrees: templates of faces that are turned farther say little."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The frames that can be decoded, the face that is tracked through them, and the challenge."""

    frames: Sequence[TimedFrame]
    track: FaceTrack
    challenge: Challenge
    ahead: Neutral
    asked: Sequence[Turn]

    def pixels(self, observation: Observation) -> Pixels:
        return _pixels(self.frames[observation.index])

    @property
    def frontal(self) -> list[Observation]:
        """The frames before the first turn was requested."""
        return [s for s in self.track.observations if s.time_ms <= self.challenge.frontal_ms]

    def turned(self, observation: Observation) -> float:
        """Degrees from the neutral pose."""
        return float(np.hypot(observation.pose.yaw - self.ahead.yaw, observation.pose.pitch - self.ahead.pitch))


class Judge:
    """Judges attempts; safe to call from many threads.

    Args:
        engine: finds attributes and templates.
        store: the store of the packs; pass the engine's own so that nothing is loaded twice.
        recogniser: pack that computes the templates; the reference must be from the same.
        networks: packs of passive networks that may be used; those of them that are installed are.
    """

    def __init__(
        self,
        engine: FaceEngine,
        store: ModelStore,
        recogniser: str = DEFAULT_RECOGNISER,
        networks: Collection[str] = PACKS,
    ) -> None:
        self._engine = engine
        self._recogniser = recogniser
        mesh = store.load("mesh").networks
        self._mesher = FaceMesh(mesh["mesh"], mesh["iris"])
        self._finder = FaceFinder(YuNet(store.load(DETECTOR).network))
        self._store = store
        self._allowed = tuple(name for name in PACKS if name in networks)
        self._material = MaterialNetworks([])
        self.find_networks()
        self._fingerprint = store.fingerprint(recogniser)
        self._calibration = calibration_of(store.manifest(recogniser))

    @property
    def networks(self) -> tuple[str, ...]:
        """Packs of passive networks in use."""
        return self._material.names

    def find_networks(self) -> None:
        """Use the passive networks that are installed by now; attempts that are being judged keep those they have.

        Raises:
            ModelError: if a file of one is damaged.
        """
        found = [name for name in self._allowed if self._store.installed(name)]
        if tuple(found) != self._material.names:
            self._material = MaterialNetworks([self._store.load(name) for name in found])

    def lacks(self, mode: Mode) -> Message | None:
        """Return what the server lacks to detect a real face in a mode, and the remedy; None if nothing."""
        if mode is not Mode.PASSIVE or self._material.names:
            return None
        if not self._allowed:
            return Message(
                "Passive liveness detection needs a passive network, and MIEN_LIVENESS_NETWORKS allows none: name one "
                "of {names} there, or use PassiveActive.",
                names=", ".join(PACKS),
            )
        name = self._allowed[0]
        return Message(
            "Passive liveness detection needs a passive network, and none is installed: run "
            "`mien models pull {name}` (or `mien models pull {name} --from FOLDER`) and start the server again, or "
            "use PassiveActive.",
            name=name,
        )

    def judge(
        self,
        frames: Sequence[TimedFrame],
        challenge: Challenge,
        reference: Embedding | None = None,
        arrivals: Arrivals | None = None,
    ) -> Judgement:
        """Judge one attempt; see `FrameJudge.judge`."""
        if reference is not None and reference.fingerprint != self._fingerprint:
            message = f"the reference was not made by {self._recogniser}, which judges attempts"
            raise ValueError(message)
        lacking = self.lacks(challenge.mode if challenge.flashing else Mode.PASSIVE)  # calm ones need as much
        ordered = order(frames, challenge)
        came = timing(frames, arrivals)
        evidence = [fusion.of_order(ordered), fusion.of_timing(came)]
        kept = ordered.kept
        unreadable: list[int] = []
        track = follow(self._decoded(kept, unreadable), self._finder, self._mesher)
        if len(unreadable) > len(kept) / 3:
            return self._verdict(None, problems.UNREADABLE, evidence)
        ahead = neutral(track, challenge)
        problem = problems.track_problem(track, challenge, ahead)
        if problem is not None or ahead is None:
            return self._verdict(None, problem or problems.LOST, evidence)
        readable = [frame for index, frame in enumerate(kept) if index not in set(unreadable)]
        attempt = _Attempt(readable, track, challenge, ahead, turns(track, challenge, ahead))
        verdict = self._look(attempt, evidence, reference)
        if came is not None and came.slow and verdict.decision in {Decision.REAL, Decision.UNCERTAIN}:
            return replace(verdict, decision=None, problem=problems.TOO_SLOW, reasons=())
        if lacking is not None and verdict.decision is Decision.UNCERTAIN:
            return replace(verdict, decision=None, problem=problems.server_lacks(lacking), reasons=())
        return verdict

    def _look(self, attempt: _Attempt, evidence: list[Evidence], reference: Embedding | None) -> Judgement:
        """Examine chosen frames of a track in which one face can be followed."""
        challenge, asked = attempt.challenge, attempt.asked
        ranked = rank(candidates(attempt.track, challenge, attempt.ahead), challenge, attempt.pixels)[:2]
        looks = [self._face(attempt, observation, problems.ATTRIBUTES) for observation in ranked]
        best = looks[0]
        if best is None:
            return self._verdict(None, problems.LOST, evidence)
        problem = problems.face_problem([face.attributes for face in looks if face is not None])
        others = [face.embedding for face in looks[1:] if face is not None and face.embedding is not None]
        evidence += [
            self._continuity(attempt, best, others),
            fusion.of_reflection(Method.REFLECTION.value, _reflection(attempt, 0, challenge.frontal_ms)),
            self._of_material(attempt),
            fusion.of_dynamics(dynamics(attempt.frontal)),
        ]
        inside = motion([s for s in attempt.track.observations if attempt.turned(s) < _STILL], attempt.pixels)
        evidence += [fusion.of_parallax(inside), fusion.of_skin_motion(inside)]
        behind = _reflection(attempt, 0, challenge.duration_ms + 1000, behind=True)
        evidence.append(fusion.of_surroundings(_reflection(attempt, 0, challenge.duration_ms + 1000), behind))
        if asked:
            evidence.append(self._of_novelty(attempt))
            after = _reflection(attempt, challenge.frontal_ms, challenge.duration_ms + 1000)
            evidence += [fusion.of_reflection(Method.TURN_REFLECTION.value, after), fusion.of_turns(asked)]
            evidence.append(fusion.of_planarity(asked))
        frame = attempt.frames[ranked[0].index]
        told = self._verdict(None, problem, evidence)
        told = replace(
            told,
            best=BestFrame(jpeg_of(frame), best.box, frame.time_ms),
            match_confidence=self._match(best, reference),
        )
        if problem is not None:
            return told
        decision, reasons = fusion.decide(challenge.mode, evidence, flashes=challenge.flashing)
        if decision is not Decision.SPOOF and any(turn.share < fusion.TURNED.middle for turn in asked):
            return replace(told, problem=problems.NOT_TURNED)
        return replace(told, decision=decision, reasons=reasons)

    def _decoded(self, frames: Sequence[TimedFrame], unreadable: list[int]) -> Iterator[tuple[float, Pixels]]:
        size: tuple[int, ...] | None = None
        for index, frame in enumerate(frames):
            try:
                pixels = _pixels(frame)
            except ImageError:
                unreadable.append(index)
                continue
            if size is not None and pixels.shape != size:  # a client whose frames are rotated is informed
                unreadable.append(index)
                continue
            size = pixels.shape
            yield float(frame.time_ms), pixels

    def _face(
        self, attempt: _Attempt, observation: Observation, attributes: frozenset[Attribute] = frozenset()
    ) -> Face | None:
        """The face of one frame with its template; None if the engine finds none."""
        want = Want(recogniser=self._recogniser, attributes=attributes, max_faces=1)
        faces = self._engine.analyze(attempt.frames[observation.index].image, want).faces
        return faces[0] if faces else None

    def _of_material(self, attempt: _Attempt) -> Evidence:
        """How real the passive networks find the face in a few frontal frames."""
        networks = self._material  # other calls may finish during these
        frontal = [
            (observation, observation.detection.box)
            for observation in attempt.track.observations
            if observation.detection is not None and attempt.turned(observation) < _NEAR_NEUTRAL
        ]
        chosen = [frontal[index] for index in _spread(len(frontal), _MATERIAL_VIEWS)]
        views = [(attempt.pixels(observation), box) for observation, box in chosen]
        return fusion.of_material(networks.real(views), networks.names)

    def _of_novelty(self, attempt: _Attempt) -> Evidence:
        """How much of the turned head was visible before it turned."""
        ahead = sorted(attempt.frontal, key=attempt.turned)[:_VIEWS]
        frontal = [unwrap(attempt.pixels(s), s.mesh) for s in ahead]
        found: list[float | None] = []
        for turn in attempt.asked:
            turned = [unwrap(attempt.pixels(s), s.mesh) for s in turn.farthest[:_VIEWS]]
            found.append(agreement(frontal, turned))
        return fusion.of_novelty(attempt.asked, found)

    def _continuity(self, attempt: _Attempt, best: Face, others: Sequence[Embedding]) -> Evidence:
        """Compare the best frame's template with those after jumps, of each turn, of the start, and of the end."""
        observations = attempt.track.observations
        jumps = [observation for observation in observations if observation.jumped]
        chosen = jumps[:2]
        for turn in attempt.asked:  # a frame of the turn itself, but not so far turned that its template says little
            during = [s for s in observations if turn.asked.start_ms + 300 <= s.time_ms <= turn.asked.end_ms + 300]
            if during:
                chosen.append(min(during, key=lambda s: abs(attempt.turned(s) - _SAME_FACE_TURNED)))
        ends = [s for s in (observations[0], observations[-1]) if attempt.turned(s) < _SAME_FACE_TURNED]
        faces = [self._face(attempt, observation) for observation in [*chosen, *ends][:_COMPARED]]
        embeddings = [*others, *(face.embedding for face in faces if face is not None and face.embedding is not None)]
        own = best.embedding
        found = [float(own.vector @ other.vector) for other in embeddings if own is not None and other.readable]
        return fusion.of_continuity(found, self._calibration, len(jumps))

    def _match(self, face: Face, reference: Embedding | None) -> float | None:
        if reference is None or face.embedding is None or self._calibration is None:
            return None
        return self._calibration.confidence(float(face.embedding.vector @ reference.vector))

    @staticmethod
    def _verdict(decision: Decision | None, problem: AttemptProblem | None, evidence: Sequence[Evidence]) -> Judgement:
        return Judgement(decision, problem, tuple(evidence), model_version=fusion.VERSION)


def _reflection(attempt: _Attempt, begin_ms: int, end_ms: int, *, behind: bool = False) -> Reflection | None:
    """The flashes on the face (or on its background) within a time, with the head's movement removed."""
    if not attempt.challenge.flashing:
        return None
    seen = [observation for observation in attempt.track.observations if begin_ms <= observation.time_ms <= end_ms]
    if not seen:
        return None
    width = float(np.median([observation.width for observation in seen]))
    angles = np.array([(s.pose.yaw, s.pose.pitch) for s in seen], np.float64) / 30
    angles -= angles.mean(axis=0)
    places = np.array([(*s.middle, s.width) for s in seen], np.float64) / width
    nuisances = np.column_stack([angles, angles**2, places - places.mean(axis=0)])
    times = np.array([observation.time_ms for observation in seen], np.float64)
    colours = np.array([s.behind[None] if behind else s.colours for s in seen], np.float64)
    return reflection(times, colours, attempt.challenge.light, nuisances)


def _pixels(frame: TimedFrame) -> Pixels:
    return decode(frame.image, working_side=_WORKING_SIDE).pixels if isinstance(frame.image, bytes) else frame.image


def _spread(count: int, wanted: int) -> list[int]:
    """Return `wanted` of `count` indices, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, wanted))}) if count else []
