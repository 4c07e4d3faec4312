"""Which scales and turns of an image are searched for faces, at each operating point.

The detector misses faces below about 20 and above about 500 pixels of its input, and its time grows with the input's
area. A face at the contract's minimum (36 pixels in 1920×1080) is 12 pixels in an input of 640: rarely found there, but
in 97 to 99 of 100 cases it leaves a faint trace (score above 0.06 to 0.1), which an image without small faces rarely
has. Each trace gets re-detection of its own, a small crop in which the detector is surer either way; only where there
are many is the whole image searched once more at a finer scale.

A general look starts smaller still: at the scale at which that minimum is 15 pixels wide (a fifth of the time in a
photo of 640×480). Such a look is believed where it is sure of everything that it sees and all of that is large, as in a
portrait; otherwise the full look is taken as well.

At the best operating point every doubtful candidate gets re-detection, also turned by quarters, which finds faces that
lie or stand on their heads. Where one does, the photo is probably turned, and is searched once more upright, for the
others in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mien.vision import align
from mien.vision.detector import RawDetections, YuNet, suppress
from mien.vision.types import Detection, Float32, OperatingPoint, Pixels
from mien.vision.upright import LOOK, nearest_to_middle, roll_of, turned_square

MIN_FACE = 36.0
"""Side of the smallest face that the contract promises to find in 1920×1080 and smaller (its section 2)."""
FULL_HD = 1920
_COARSE = 640
_SWIFT = 15.0
"""Width of the smallest face in a swift look's pixels. Templates of 2,134 photos of 640×640 match as well after one as
after a full look (TAR .9917 at FMR 1e-4 and .9755 at 1e-5 against .9925 and .9755)."""
_SWIFT_LEAST = 256
"""Long side of the smallest swift look. At 128, in photos of 250 pixels, the TAR at 1e-5 fell from .978 to .971."""
_SWIFT_WIDTH = 48.0
"""Narrowest face, in the swift look's pixels, that needs no other: below, boxes are 5 % and more of their width off."""
_SWIFT_DOUBT = 0.4
_SWIFT_SURE = 0.75
"""Sure of everything: it sees a face, and no place scores between these two."""
_FINE = 1280
_TINY = 256
_TRACE = 0.06
"""Least score that counts as a trace of a small face."""
_TRACE_SHARE = 0.72
"""Traces narrower than this share of the smallest face are left alone: their boxes are at most a quarter too narrow."""
_SMALL = 28.0
"""Below this width in the detector's input, boxes are unsure and a finer look may find more of the kind."""
_LARGE = 380.0
"""Above this width in the detector's input a coarser look gives better boxes."""
_UPRIGHT_ONLY = (0,)
_ACCEPT = 0.6
"""Score from which a candidate is a face."""
_CONFIRM = 0.65
"""Score that an upright re-detection must give."""
_CONFIRM_TURNED = 0.75
"""Score that re-detection must give at a quarter turn: what is no face has three more chances to look like one."""
_TURNED = 30.0
"""Degrees of roll from which a face says that its photo may be turned."""
_LOOKS = 60
"""Second looks an image at most, the likeliest first."""
_TRACES = 24
"""Above so many traces one finer look at the whole image costs less than a look at each."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one operating point looks.

    Attributes:
        doubt: score from which a candidate gets re-detection.
        sure: score from which a candidate gets none; above `_ACCEPT` for a plan that asks again about faces, which
            finds those that are upside down.
        turns: quarter turns at which the re-detection is done.
        fine_always: whether the fine look is taken without a trace.
        whole_turns: whether the whole image is turned when nothing was found in it, or a face that is turned.
        swift: whether it starts with a swift look.
    """

    doubt: float
    sure: float
    turns: tuple[int, ...]
    fine_always: bool
    whole_turns: bool
    swift: bool = False


_PLANS = {
    OperatingPoint.GENERAL: _Plan(1.0, 0.0, (), fine_always=False, whole_turns=False, swift=True),
    OperatingPoint.SENSITIVE: _Plan(0.2, 0.6, _UPRIGHT_ONLY, fine_always=True, whole_turns=False),
    OperatingPoint.BEST: _Plan(0.15, 0.92, (0, 1, 2, 3), fine_always=False, whole_turns=True),
}


class FaceFinder:
    """Finds the faces of an image; safe to call from many threads.

    Args:
        detector: the network.
    """

    def __init__(self, detector: YuNet) -> None:
        self._detector = detector

    def find(self, pixels: Pixels, point: OperatingPoint, least: float | None = None) -> list[Detection]:
        """Find all faces.

        Args:
            pixels: BGR uint8 (h, w, 3).
            point: how hard to look.
            least: width in those pixels of the smallest face that matters; the contract's minimum when None.

        Returns:
            Faces in those pixels, best score first; their boxes may reach beyond the image.
        """
        plan = _PLANS[point]
        found, faces = self._look(pixels, plan, least or MIN_FACE * max(1.0, max(pixels.shape[:2]) / FULL_HD))
        if plan.turns:
            found, faces = self._second_looks(pixels, found, plan), None
        if faces is None:
            faces = suppress(found.take(found.scores >= _ACCEPT))
        if plan.whole_turns:
            faces = self._turned_alike(pixels, faces) if len(faces) else self._turned(pixels)
        return _detections(faces)

    def glance(self, pixels: Pixels, threshold: float) -> list[Detection]:
        """Search once, at the scale that the pixels have: for videos, where the next frame is another chance.

        Args:
            pixels: BGR uint8 (h, w, 3).
            threshold: least score, in [0, 1].
        """
        return _detections(suppress(self._detector.search(pixels, threshold)))

    def _look(self, pixels: Pixels, plan: _Plan, least: float) -> tuple[RawDetections, RawDetections | None]:
        """Search at the scales of a plan; also give the faces among what was found, where they are known already."""
        longest = max(pixels.shape[:2])
        coarse, side, faces = self._first_look(pixels, plan, least)
        found = [coarse]
        sure = coarse.take(coarse.scores >= _ACCEPT)
        scale = longest / side
        reduced = longest > side * 1.1
        traces = _traces(coarse, sure, scale, _TRACE_SHARE * least) if reduced else _NOTHING
        if reduced and (plan.fine_always or len(traces) > _TRACES):
            found.append(self._at(pixels, min(longest, _FINE), _TRACE))
        elif len(traces):
            found.extend(self._look_closely(pixels, box, _UPRIGHT_ONLY) for box in traces.boxes)
        elif plan.fine_always and longest < _COARSE:
            found.append(self._at(pixels, min(2 * longest, _COARSE), _TRACE))
        if len(sure) == 0 or float(sure.boxes[:, 2].max()) > _LARGE * scale:
            found.append(self._at(pixels, min(longest, _TINY), _TRACE))
        return (coarse, faces) if len(found) == 1 else (RawDetections.join(found), None)

    def _first_look(self, pixels: Pixels, plan: _Plan, least: float) -> tuple[RawDetections, int, RawDetections | None]:
        """Search the whole image once, or twice where a swift look is not sure.

        Returns:
            What was found, the long side searched, and the faces where a swift look is sure of them.
        """
        longest = max(pixels.shape[:2])
        side = min(longest, _COARSE)
        swift = max(_SWIFT_LEAST, math.ceil(longest * _SWIFT / least / 32) * 32)
        if plan.swift and swift < side:
            looked = self._at(pixels, swift, _TRACE)
            places = suppress(looked.take(looked.scores >= _SWIFT_DOUBT))
            sure = len(places) and float(places.scores[-1]) >= _SWIFT_SURE
            if sure and float(places.boxes[:, 2].min()) >= _SWIFT_WIDTH * longest / swift:
                return looked, swift, places  # of all that is above `_ACCEPT`, nothing else would be left
        return self._at(pixels, side, _TRACE), side, None

    def _at(self, pixels: Pixels, longest: int, threshold: float) -> RawDetections:
        """Search at the scale at which the long side has `longest` pixels; the answer is in `pixels`' own."""
        height, width = pixels.shape[:2]
        factor = longest / max(height, width)
        if factor != 1:
            size = (max(1, round(width * factor)), max(1, round(height * factor)))
            while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 2:  # averaged by halves: see `halved`
                pixels = align.halved(pixels)
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        found = self._detector.search(pixels, threshold)
        return found if factor == 1 else _scaled(found, 1 / factor)

    def _second_looks(self, pixels: Pixels, found: RawDetections, plan: _Plan) -> RawDetections:
        """Detect again where it is uncertain whether there is a face."""
        ranked = suppress(found.take(found.scores >= plan.doubt))
        doubtful = np.flatnonzero(ranked.scores < plan.sure)[:_LOOKS]
        if len(doubtful) == 0:
            return found.take(found.scores >= _ACCEPT)
        results = [ranked.take(ranked.scores >= _ACCEPT)]
        for index in doubtful:
            answer = self._look_closely(pixels, ranked.boxes[index], plan.turns)
            if len(answer) and float(answer.scores[0]) >= float(ranked.scores[index]):
                results.append(answer)
        return RawDetections.join(results)

    def _look_closely(self, pixels: Pixels, box: Float32, turns: tuple[int, ...]) -> RawDetections:
        """Search a square around `box`, scaled to `LOOK`, at each of the quarter turns; the best answer or none."""
        side = 2.0 * float(max(box[2], box[3]))
        middle = np.asarray(box[:2] + box[2:] / 2, np.float32)
        answers = []
        for turn in turns:
            transform = turned_square(middle, side, 90 * turn, LOOK)
            seen = self._detector.search(
                align.warp(pixels, transform, LOOK, LOOK), _CONFIRM if turn == 0 else _CONFIRM_TURNED
            )
            if len(seen):
                best = seen.take(np.array([nearest_to_middle(seen)]))
                answers.append(_moved(best, align.invert_transform(transform)))
        answers = [answer for answer in answers if _agree(answer.boxes[0], box)]
        if not answers:
            return _NOTHING
        joined = RawDetections.join(answers)
        return joined.take(np.array([int(np.argmax(joined.scores))]))

    def _turned_alike(self, pixels: Pixels, faces: RawDetections) -> RawDetections:
        """Add the faces that are turned as the surest of the turned ones is, if there is one."""
        rolls = [roll for roll in map(roll_of, faces.points) if abs(roll) > _TURNED]
        if not rolls:
            return faces
        height, width = pixels.shape[:2]
        angle, scale = np.radians(rolls[0]), min(1.0, _COARSE / max(height, width))
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        across, down = (math.ceil(scale * (width * abs(a) + height * abs(b))) for a, b in ((cos, sin), (sin, cos)))
        linear = scale * np.array([[cos, sin], [-sin, cos]])
        shift = np.array([across, down]) / 2 - linear @ np.array([width, height]) / 2
        transform = np.asarray(np.concatenate([linear, shift[:, None]], axis=1), np.float32)
        seen = self._detector.search(align.warp(pixels, transform, across, down), _CONFIRM)
        back = align.invert_transform(transform)
        middles = align.apply_transform(back, np.asarray(seen.boxes[:, :2] + seen.boxes[:, 2:] / 2, np.float32))
        sizes = seen.boxes[:, 2:][:, :: -1 if abs(sin) > abs(cos) else 1] / np.float32(scale)
        points = align.apply_transform(back, seen.points.reshape(-1, 2)).reshape(-1, 5, 2)
        boxes = np.asarray(np.concatenate([middles - sizes / 2, sizes], axis=1), np.float32)
        # What was found before keeps its box, and the others' scores are those of doubtful faces where its own is.
        others = RawDetections(boxes, np.minimum(seen.scores, faces.scores.min()), points)
        return suppress(RawDetections.join([faces, others]))

    def _turned(self, pixels: Pixels) -> RawDetections:
        """Search the whole image lying on its sides and standing on its head."""
        height, width = pixels.shape[:2]
        answers = []
        for code, back in (
            (cv2.ROTATE_90_CLOCKWISE, np.array([[0, 1, 0], [-1, 0, height]], np.float32)),
            (cv2.ROTATE_180, np.array([[-1, 0, width], [0, -1, height]], np.float32)),
            (cv2.ROTATE_90_COUNTERCLOCKWISE, np.array([[0, -1, width], [1, 0, 0]], np.float32)),
        ):
            turned = np.asarray(cv2.rotate(pixels, code), np.uint8)
            answers.append(_moved(self._at(turned, min(max(height, width), _COARSE), _CONFIRM), back))
        return suppress(RawDetections.join(answers))


_NOTHING = RawDetections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def _detections(faces: RawDetections) -> list[Detection]:
    return [
        Detection((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(score), points)
        for box, score, points in zip(faces.boxes, faces.scores, faces.points, strict=True)
    ]


def _traces(coarse: RawDetections, sure: RawDetections, scale: float, least: float) -> RawDetections:
    """Small candidates from a width on that are neither surely found nor parts of what is: one for each place."""
    widths = coarse.boxes[:, 2]
    fit = (widths < _SMALL * scale) & (widths >= least)
    if not fit.any():
        return _NOTHING
    small = coarse.take(fit)
    middles = small.boxes[:, :2] + small.boxes[:, 2:] / 2
    covered = np.zeros(len(small), bool)
    for box in sure.boxes:
        inside = (middles >= box[:2] - box[2:] * 0.2) & (middles <= box[:2] + box[2:] * 1.2)
        covered |= inside.all(axis=1)
    return suppress(small.take(~covered))


def _agree(answer: Float32, asked: Float32) -> bool:
    """Return whether re-detection's box is that of the candidate it was to judge, not of something beside it.

    On 123 labelled photos every right answer overlapped its candidate so, and 6 of 7 wrong ones did not
    (`bench/detection.py`).
    """
    low = np.maximum(answer[:2], asked[:2])
    high = np.minimum(answer[:2] + answer[2:], asked[:2] + asked[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    area, other = float(np.prod(answer[2:])), float(np.prod(asked[2:]))
    return 0.4 <= area / max(other, 1e-6) <= 2.5 and shared >= 0.3 * (area + other - shared)


def _scaled(candidates: RawDetections, factor: float) -> RawDetections:
    by = np.float32(factor)
    return RawDetections(candidates.boxes * by, candidates.scores, candidates.points * by)


def _moved(candidates: RawDetections, transform: Float32) -> RawDetections:
    """Move candidates by a similarity of quarter turns; boxes stay parallel to the axes."""
    corners = np.stack([candidates.boxes[:, :2], candidates.boxes[:, :2] + candidates.boxes[:, 2:]], axis=1)
    moved = corners @ transform[:, :2].T + transform[:, 2]
    low, high = moved.min(axis=1), moved.max(axis=1)
    points = candidates.points @ transform[:, :2].T + transform[:, 2]
    return RawDetections(
        np.asarray(np.concatenate([low, high - low], axis=1), np.float32),
        candidates.scores,
        np.asarray(points, np.float32),
    )
