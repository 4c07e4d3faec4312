"""Derive the decision from the evidence; no other module does.

Each kind of attack is stopped by one or two methods and passes the others: a printed photo reflects the flashes like a
face, a replayed video turns its head like one. So evidence is not added up, because much of one kind must not
compensate for missing another; the weakest required evidence decides:

- `spoofface` when one method that may veto says so clearly;
- `realface` when every method that the mode needs says so;
- `uncertain` otherwise: required evidence is missing or inconclusive.

Scores come from measured numbers by logistic curves (0.5 at `middle`). The curves were fitted with `python -m
bench.liveness --part calibration`; docs/liveness-accuracy.md reports other people with these curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.liveness.challenge import TurnDirection
from mien.liveness.methods import Method, NeededIn, Part, needed_in, with_part
from mien.liveness.order import Order
from mien.liveness.timing import Timing
from mien.liveness.turns import Turn
from mien.liveness.types import Decision, Evidence, Mode
from mien.matching import Calibration
from mien.vision.presentation.dynamics import Dynamics
from mien.vision.presentation.motion import Motion
from mien.vision.presentation.reflection import Reflection

VERSION: Final = "mien-liveness-1"
"""Changes with the methods and their curves; reported as `modelVersion` with the evidence."""

NEEDED: Final[Mapping[Mode, tuple[str, ...]]] = {
    Mode.PASSIVE: needed_in(NeededIn.PASSIVE),
    Mode.PASSIVE_ACTIVE: needed_in(NeededIn.PASSIVE_ACTIVE),
}
"""Evidence that a real face requires."""

NEEDED_WITHOUT_FLASHES: Final = needed_in(NeededIn.WITHOUT_FLASHES)
"""The methods required without flashes."""

VETOING: Final = with_part(Part.VETO)
"""Methods that may decide `spoofface`."""

LIMITING: Final = with_part(Part.LIMIT)
"""Optional evidence that must not be weak when present: with a score below `ACCEPT` the face is not real."""

ACCEPT: Final = 0.5
VETO: Final = 0.2
_UNLIKE_FMR: Final = 1e-3
"""Frames whose similarity is below that of this share of strangers count as two people."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve: 0.5 at `middle`, 0.73 one `width` above it; falling when `width` is negative."""

    middle: float
    width: float

    def __call__(self, value: float) -> float:
        """The score in (0, 1) of a measured value."""
        return float(1 / (1 + np.exp(-np.clip((value - self.middle) / self.width, -30, 30))))


REFLECTION: Final = Curve(0.75, 0.04)
"""Of the correlation over the frontal flashes. Of other nonces' challenges 0.3 % exceed 0.75 with ten flashes, and
1.3 % with eight; of those, as good as none exceeds the next one as well."""
TURN_REFLECTION: Final = Curve(0.6, 0.05)
"""Curve of the correlation while the head turns, where shading adds to the noise."""
EVENNESS: Final = 0.12
"""A channel that follows this much less than the best one is not lit by the screen. Tungsten light gives 0.3."""
LEAST_CONTRAST: Final = 0.005
"""Contrast below which a face does not reflect the screen, even if its noise correlates with the flashes, which happens
by chance with few frames. People who were lit by 4 % and more gave .0128 and more (20 attempts, one person)."""
FLICKER: Final[Mapping[str, float]] = {Method.REFLECTION.value: 0.012, Method.TURN_REFLECTION.value: 0.02}
"""Contrast above which a face changes its colour so much that the screen's light cannot be lost in noise: if it does
not follow the screen, something else lights it. Videos without flashes give .003 to .005 ahead, and up to .012 while
turning."""

TURNED: Final = Curve(0.9, 0.07)
"""Of the angle by the one that is needed."""
EARLY: Final = 0.6
"""A head that is already turned by this share of the requested angle does not count as a response."""

DEPTH: Final = {
    TurnDirection.LEFT: Curve(0.066, 0.003),
    TurnDirection.RIGHT: Curve(0.066, 0.003),
    TurnDirection.UP: Curve(0.045, 0.003),
    TurnDirection.DOWN: Curve(0.045, 0.003),
}
"""Of the homography's residual, in distances of the eyes."""
NEW_DETAIL: Final = {TurnDirection.UP: 0.23, TurnDirection.DOWN: 0.68}
"""Share of an upright turn's detail that its frontal views lack, by the sine of its angle, between renderings of one
photo and heads: .07 to .21 and .26 to .30 up, .08 to .44 and 1.08 to 1.13 down. Sideways the two overlap."""
NOVELTY: Final = Curve(1.0, 0.04)
"""Of that share by its border, mean over the upright turns."""
SURROUNDINGS: Final = Curve(0.75, -0.05)
"""Curve of the ratio of the background's response to the flashes to the face's. A screen at arm's length hardly lights
a wall."""

PARALLAX: Final = Curve(0.3, 0.03)
"""Curve of the geometric mean of sway (degrees) and bend (per cent of the crop) inside a face that looks ahead. In
calibration: flat prints .03 to .08, bent ones .12 to .20, people .45 and more (29 pieces of the films of 4 people)."""
SKIN_MOTION: Final = Curve(0.035, 0.002)
"""Of the geometric mean of the skin's own motion (per cent of the crop) and the share of its detail that changes. In
calibration: renderings of one photo 0 to .021, people .062 and more (the same pieces)."""

PLANE: Final = 17.0
"""Degrees: a face foreshortened like a plane that is turned so far was turned, even when its mesh was not."""

MATERIAL: Final = Curve(0.5, 0.12)
"""Of the mean probability of the packs that there are, median over the views."""
DISSENT: Final = 0.05
"""Probability below which a single pack prevents `realface`: one pack rates rendered prints .99 and another .00, so
their mean is close to the limit by chance."""
CLEARLY_NO_SKIN: Final = 0.02
"""The same probability below which the material vetoes when the head was turned, too: depth and flashes speak for
themselves then, and the networks err most on people. Screens are below it, filmed ones far below."""


FR_LIVENESS_ALONE: Final = (
    (0.0, 0.0),
    (CLEARLY_NO_SKIN, MATERIAL(CLEARLY_NO_SKIN)),
    (0.03, VETO),
    (0.25, ACCEPT),
    (1.0, 1.0),
)
"""Probabilities of `fr-liveness`, if it is the only pack, and their scores. Fitted on photos of the 46 people of
calibration, of whom the lowest have .04, .07 and .19, and on screens that show 5 of them: .000 to .008 and once .23 (a
still photo .69, which `parallax` stops). Of 854 other people 9 % are below .25 and 3 % below .03; the curve of the mean
would refuse 12 %, and call 10 % an attack."""


def of_order(order: Order) -> Evidence:
    """Evidence of the order of frame times and numbers."""
    measured = {
        "fps": order.fps,
        "gapMs": order.gap_ms,
        "covered": order.covered,
        "distinct": order.distinct,
        "backwards": float(order.backwards),
    }
    return Evidence(Method.ORDER.value, order.score, measured)


def of_timing(came: Timing | None) -> Evidence:
    """Evidence from arrival times: frames of a camera do not arrive late or in a burst, though a network may stall."""
    if came is None:
        return Evidence(Method.TIMING.value, None)
    measured = {
        "startMs": came.start_ms,
        "lateMs": came.late_ms,
        "pace": came.pace,
        "usualMs": came.usual_ms,
        "allowedMs": came.allowed_ms,
        "serverMs": came.server_ms,
    }
    return Evidence(Method.TIMING.value, 0.3 if came.assembled else 1.0, measured)


def of_reflection(name: str, found: Reflection | None) -> Evidence:
    """Evidence of the flashes on the face; `name` is that of `Method.REFLECTION` or `TURN_REFLECTION`."""
    if found is None:
        return Evidence(name, None)
    curve = REFLECTION if name == Method.REFLECTION else TURN_REFLECTION
    score: float | None = curve(found.correlation)
    if score is not None and score < ACCEPT and found.contrast < FLICKER[name]:
        score = None  # the room may be so bright that the screen does not show
    elif score is not None and score >= ACCEPT and found.contrast < LEAST_CONTRAST:
        score = None
    elif score is not None and score >= ACCEPT and found.evenness < EVENNESS:
        score = (VETO + ACCEPT) / 2  # part of the light follows the screen: a chance, or something in between
    measured = {
        "correlation": found.correlation,
        "latencyMs": found.latency_ms,
        "gain": found.gain,
        "evenness": found.evenness,
        "contrast": found.contrast,
        "frames": float(found.frames),
    }
    return Evidence(name, score, measured)


def of_turns(turns: Sequence[Turn]) -> Evidence:
    """Evidence from the turns: in the requested direction, at the requested time."""
    if not turns:
        return Evidence(Method.TURNS.value, None)
    score = min(TURNED(turn.share) for turn in turns)
    if any(turn.before * turn.share > 0 and turn.before / max(turn.angle, 1e-3) >= EARLY for turn in turns):
        score = min(score, 0.3)
    measured: dict[str, float] = {}
    for number, turn in enumerate(turns, 1):
        measured |= {f"angle{number}": turn.angle, f"before{number}": turn.before, f"other{number}": turn.other}
    return Evidence(Method.TURNS.value, score, measured)


def of_planarity(turns: Sequence[Turn]) -> Evidence:
    """Evidence of depth, from the turns that were done and from those in which a plane was turned instead."""
    scores: list[float] = []
    measured: dict[str, float] = {}
    for number, turn in enumerate(turns, 1):
        measured[f"plane{number}"] = turn.plane
        if turn.depth is None:
            continue
        measured[f"residual{number}"] = turn.depth.residual
        score = DEPTH[turn.asked.direction](turn.depth.residual)
        if turn.share >= TURNED.middle or (turn.plane >= PLANE and turn.other < 1):
            scores.append(score)
    return Evidence(Method.PLANARITY.value, min(scores) if scores else None, measured)


def of_novelty(turns: Sequence[Turn], agreed: Sequence[float | None]) -> Evidence:
    """Evidence from the details that a turned head shows and its frontal views did not.

    Args:
        turns: the turns that were requested.
        agreed: for each, the share of its detail that the frontal views had; None if it was not visible.
    """
    measured: dict[str, float] = {}
    found: list[float] = []
    for number, (turn, value) in enumerate(zip(turns, agreed, strict=True), 1):
        if value is None:
            continue
        measured[f"agreement{number}"] = value
        border = NEW_DETAIL.get(turn.asked.direction)
        if border is not None and turn.share >= TURNED.middle:
            found.append((1 - value) / float(np.sin(np.radians(turn.angle))) / border)
    if not found:
        return Evidence(Method.NOVELTY.value, None, measured)
    new = float(np.mean(found))
    return Evidence(Method.NOVELTY.value, NOVELTY(new), measured | {"new": new})


def of_surroundings(face: Reflection | None, behind: Reflection | None) -> Evidence:
    """Evidence from where the flashes fall: on the face, not equally on everything as in a tinted picture."""
    if face is None or behind is None or face.correlation < REFLECTION.middle:
        return Evidence(Method.SURROUNDINGS.value, None)
    share = behind.gain / max(face.gain, 1e-6)
    measured = {"share": share, "correlation": behind.correlation}
    if behind.correlation < REFLECTION.middle:  # not lit, or lost in noise: as it should be
        return Evidence(Method.SURROUNDINGS.value, 1.0, measured)
    return Evidence(Method.SURROUNDINGS.value, SURROUNDINGS(share), measured)


def of_parallax(found: Motion | None) -> Evidence:
    """Evidence of depth from small movements of a head that looks ahead."""
    if found is None:
        return Evidence(Method.PARALLAX.value, None)
    deep = float(np.sqrt(found.sway * found.bend))
    measured = {"deep": deep, "sway": found.sway, "bend": found.bend, "frames": float(found.frames)}
    return Evidence(Method.PARALLAX.value, PARALLAX(deep), measured)


def of_skin_motion(found: Motion | None) -> Evidence:
    """Evidence of skin that moves and changes of itself, as a rendering of one photo does not."""
    if found is None:
        return Evidence(Method.SKIN_MOTION.value, None)
    own = float(np.sqrt(found.skin * max(found.renewal, 0.0)))
    measured = {"own": own, "skin": found.skin, "renewal": found.renewal, "agreement": found.agreement}
    return Evidence(Method.SKIN_MOTION.value, SKIN_MOTION(own), measured)


def material_score(real: float, packs: Mapping[str, float]) -> float:
    """The score of the passive networks.

    Args:
        real: mean probability of a real face over the packs, median over the views.
        packs: the same for each pack by name; a pack that clearly sees no live face is not outvoted by the others.
    """
    if tuple(packs) == ("fr-liveness",):
        known, scores = np.array(FR_LIVENESS_ALONE).T
        return float(np.interp(real, known, scores))
    score = MATERIAL(real)
    dissents = len(packs) > 1 and min(packs.values()) < DISSENT
    return min(score, (VETO + ACCEPT) / 2) if dissents else score


def of_material(real: NDArray[np.floating], names: Sequence[str]) -> Evidence:
    """Evidence of the passive networks.

    Args:
        real: (views, packs), probabilities of a real face in [0, 1].
        names: names of the packs.
    """
    if not real.size:
        return Evidence(Method.MATERIAL.value, None, {"networks": float(len(names))})
    mean = real.mean(axis=1)
    middle = float(np.median(mean))
    each = {name: float(value) for name, value in zip(names, np.median(real, axis=0), strict=True)}
    return Evidence(
        Method.MATERIAL.value,
        material_score(middle, each),
        {"real": middle, "least": float(mean.min()), "views": float(len(mean)), "networks": float(len(names)), **each},
    )


def of_continuity(similarities: Sequence[float], calibration: Calibration | None, jumps: int) -> Evidence:
    """Evidence that all frames show one person.

    Args:
        similarities: similarities of the templates of chosen frames with that of the best one.
        calibration: calibration of the recogniser. The score is 0.5 at its operating point and 0.2, the limit for an
            attack, at a false match rate of 1e-3.
        jumps: how often the face was suddenly elsewhere.
    """
    measured = {"views": float(len(similarities)), "jumps": float(jumps)}
    if not similarities or calibration is None:
        return Evidence(Method.CONTINUITY.value, None, measured)
    least = float(min(similarities))
    unlike = min(calibration.similarity_at_fmr(_UNLIKE_FMR), calibration.threshold - 1e-6)
    score = float(np.interp(least, [-1.0, unlike, calibration.threshold, 1.0], [0.0, VETO, ACCEPT, 1.0]))
    return Evidence(Method.CONTINUITY.value, score, measured | {"least": least})


def of_dynamics(found: Dynamics | None) -> Evidence:
    """Evidence of blinks and of a mouth that moves; recorded, never decisive."""
    if found is None:
        return Evidence(Method.DYNAMICS.value, None)
    score = 0.8 if found.blinks else 0.6 if found.mouth > 0.02 else 0.4
    return Evidence(Method.DYNAMICS.value, score, {"blinks": float(found.blinks), "mouth": found.mouth})


def decide(mode: Mode, evidence: Sequence[Evidence], *, flashes: bool = True) -> tuple[Decision, tuple[str, ...]]:
    """Decide the attempt.

    Args:
        mode: the mode, which determines the required methods.
        evidence: at most one of a name.
        flashes: whether the challenge had any.

    Returns:
        The decision, and the names of the methods that prevented `realface`.
    """
    scores = {item.name: item.score for item in evidence}
    material = VETO if mode is Mode.PASSIVE or not flashes else MATERIAL(CLEARLY_NO_SKIN)
    borders = {name: material if name == Method.MATERIAL else VETO for name in VETOING}
    against = tuple(name for name in VETOING if (score := scores.get(name)) is not None and score < borders[name])
    if against:
        return Decision.SPOOF, against
    needed = NEEDED[mode] if flashes else NEEDED_WITHOUT_FLASHES
    missing = tuple(name for name in needed if (score := scores.get(name)) is None or score < ACCEPT)
    weak = tuple(name for name in LIMITING if (score := scores.get(name)) is not None and score < ACCEPT)
    return (Decision.UNCERTAIN, missing + weak) if missing or weak else (Decision.REAL, ())
