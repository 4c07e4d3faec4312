"""The scales and turns at which an image is searched for faces, by operating point.

The detector misses faces below about 20 and above about 500 pixels of its input, and its time grows with the input's
area. A face of the contract's minimum (36 pixels in 1920×1080) has 12 pixels in an input of 640. It is rarely found
there, but in 97 to 99 of 100 cases it is a weak candidate (score above 0.06 to 0.1), and images without small faces
rarely have any. Each weak candidate is re-detected in a small crop, where the detector's score is more decisive; if
there are many, the whole image is searched once more at a finer scale instead.

The general operating point starts with a low-resolution pass, at which the minimum face is 15 pixels wide (a fifth of
the time in a photo of 640×480). Its result is accepted if all candidates have high scores and are large, as in a
portrait; otherwise the normal pass follows.

The best operating point re-detects every doubtful candidate, also at quarter turns, which finds faces that lie on their
side or are upside down. If a face is turned, the photo probably is too, and is searched once more upright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mien.vision import align
from mien.vision.detector import RawDetections, YuNet, suppress
from mien.vision.types import Detection, Float32, OperatingPoint, Pixels
from mien.vision.upright import CROP_SIDE, nearest_to_middle, roll_of, turned_square

MIN_FACE = 36.0
"""Side of the smallest face to find in images up to 1920×1080 (contract, section 2)."""
FULL_HD = 1920
_COARSE = 640
_LOW_RES_FACE = 15.0
"""Width of the smallest face in pixels of the low-resolution pass. On 2,134 photos of 640×640, verification is as
accurate as after the normal pass (TAR .9917 at FMR 1e-4 and .9755 at 1e-5, against .9925 and .9755)."""
_LOW_RES_MIN_SIDE = 256
"""Smallest long side of that pass. At 128, in photos of 250 pixels, the TAR at 1e-5 fell from .978 to .971."""
_LOW_RES_MIN_WIDTH = 48.0
"""Narrowest face, in its pixels, that needs no other pass: below, boxes are off by 5 % of their width or more."""
_LOW_RES_DOUBT = 0.4
_LOW_RES_SURE = 0.75
"""The low-resolution pass is accepted if there is a face and no candidate scores between these two."""
_FINE = 1280
_TINY = 256
_WEAK = 0.06
"""Lowest score of a weak candidate, which may be a small face."""
_WEAK_SHARE = 0.72
"""Weak candidates narrower than this share of the smallest face are ignored: boxes are at most a quarter too narrow."""
_SMALL = 28.0
"""Below this width in the detector's input, boxes are unreliable and a finer pass may find more faces."""
_LARGE = 380.0
"""Above this width in the detector's input, a coarser pass gives better boxes."""
_UPRIGHT_ONLY = (0,)
_ACCEPT = 0.6
"""Score from which a candidate is a face."""
_CONFIRM = 0.65
"""Lowest score of an upright re-detection."""
_CONFIRM_TURNED = 0.75
"""Lowest score of a re-detection at a quarter turn, where non-faces have three more chances to look like a face."""
_TURNED = 30.0
"""Degrees of roll of a face from which the photo may be turned."""
_MAX_REDETECTIONS = 60
"""Most re-detections per image, the likeliest candidates first."""
_MAX_WEAK = 24
"""With more weak candidates, one finer pass over the whole image takes less time than a re-detection of each."""


@dataclass(frozen=True, slots=True)
class _SearchPlan:
    """The search plan of an operating point.

    Attributes:
        doubt: score from which a candidate is re-detected.
        sure: score from which a candidate is not re-detected; above `_ACCEPT` in a plan that also re-detects faces, to
            find those that are upside down.
        turns: quarter turns of the re-detection.
        fine_always: whether the fine pass is done even without a weak candidate.
        whole_turns: whether the whole image is searched at other turns if it has no face, or a turned one.
        low_resolution: whether it starts with the low-resolution pass.
    """

    doubt: float
    sure: float
    turns: tuple[int, ...]
    fine_always: bool
    whole_turns: bool
    low_resolution: bool = False


_PLANS = {
    OperatingPoint.GENERAL: _SearchPlan(1.0, 0.0, (), fine_always=False, whole_turns=False, low_resolution=True),
    OperatingPoint.SENSITIVE: _SearchPlan(0.2, 0.6, _UPRIGHT_ONLY, fine_always=True, whole_turns=False),
    OperatingPoint.BEST: _SearchPlan(0.15, 0.92, (0, 1, 2, 3), fine_always=False, whole_turns=True),
}


class FaceFinder:
    """Finds the faces of an image; thread-safe.

    Args:
        detector: the network.
    """

    def __init__(self, detector: YuNet) -> None:
        self._detector = detector

    def find(self, pixels: Pixels, point: OperatingPoint, least: float | None = None) -> list[Detection]:
        """Find all faces.

        Args:
            pixels: BGR uint8 (h, w, 3).
            point: the operating point.
            least: width in those pixels of the smallest face to find; None for the contract's minimum.

        Returns:
            Faces in those pixels, best score first; boxes may extend beyond the image.
        """
        plan = _PLANS[point]
        found, faces = self._search(pixels, plan, least or MIN_FACE * max(1.0, max(pixels.shape[:2]) / FULL_HD))
        if plan.turns:
            found, faces = self._redetect_doubtful(pixels, found, plan), None
        if faces is None:
            faces = suppress(found.take(found.scores >= _ACCEPT))
        if plan.whole_turns:
            faces = self._search_at_same_turn(pixels, faces) if len(faces) else self._search_quarter_turns(pixels)
        return _detections(faces)

    def glance(self, pixels: Pixels, threshold: float) -> list[Detection]:
        """Search once, at the scale of the pixels: for videos, where the next frame is another chance.

        Args:
            pixels: BGR uint8 (h, w, 3).
            threshold: lowest score, in [0, 1].
        """
        return _detections(suppress(self._detector.search(pixels, threshold)))

    def _search(self, pixels: Pixels, plan: _SearchPlan, least: float) -> tuple[RawDetections, RawDetections | None]:
        """Search at the scales of a plan; returns the candidates, and the faces among them if already known."""
        longest = max(pixels.shape[:2])
        coarse, side, faces = self._first_pass(pixels, plan, least)
        found = [coarse]
        sure = coarse.take(coarse.scores >= _ACCEPT)
        scale = longest / side
        reduced = longest > side * 1.1
        weak = _weak_candidates(coarse, sure, scale, _WEAK_SHARE * least) if reduced else _NOTHING
        if reduced and (plan.fine_always or len(weak) > _MAX_WEAK):
            found.append(self._at(pixels, min(longest, _FINE), _WEAK))
        elif len(weak):
            found.extend(self._redetect(pixels, box, _UPRIGHT_ONLY) for box in weak.boxes)
        elif plan.fine_always and longest < _COARSE:
            found.append(self._at(pixels, min(2 * longest, _COARSE), _WEAK))
        if len(sure) == 0 or float(sure.boxes[:, 2].max()) > _LARGE * scale:
            found.append(self._at(pixels, min(longest, _TINY), _WEAK))
        return (coarse, faces) if len(found) == 1 else (RawDetections.join(found), None)

    def _first_pass(
        self, pixels: Pixels, plan: _SearchPlan, least: float
    ) -> tuple[RawDetections, int, RawDetections | None]:
        """Search the whole image once, or twice if the low-resolution pass is not accepted.

        Returns:
            The candidates, the long side searched, and the faces if the low-resolution pass is accepted.
        """
        longest = max(pixels.shape[:2])
        side = min(longest, _COARSE)
        low_side = max(_LOW_RES_MIN_SIDE, math.ceil(longest * _LOW_RES_FACE / least / 32) * 32)
        if plan.low_resolution and low_side < side:
            low = self._at(pixels, low_side, _WEAK)
            places = suppress(low.take(low.scores >= _LOW_RES_DOUBT))
            sure = len(places) and float(places.scores[-1]) >= _LOW_RES_SURE
            if sure and float(places.boxes[:, 2].min()) >= _LOW_RES_MIN_WIDTH * longest / low_side:
                return low, low_side, places  # the same as suppressing the candidates above `_ACCEPT`
        return self._at(pixels, side, _WEAK), side, None

    def _at(self, pixels: Pixels, longest: int, threshold: float) -> RawDetections:
        """Search with a long side of `longest` pixels; the result is in the coordinates of `pixels`."""
        height, width = pixels.shape[:2]
        factor = longest / max(height, width)
        if factor != 1:
            size = (max(1, round(width * factor)), max(1, round(height * factor)))
            while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 2:  # fast averaging, see `halved`
                pixels = align.halved(pixels)
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        found = self._detector.search(pixels, threshold)
        return found if factor == 1 else _scaled(found, 1 / factor)

    def _redetect_doubtful(self, pixels: Pixels, found: RawDetections, plan: _SearchPlan) -> RawDetections:
        """Re-detect the doubtful candidates."""
        ranked = suppress(found.take(found.scores >= plan.doubt))
        doubtful = np.flatnonzero(ranked.scores < plan.sure)[:_MAX_REDETECTIONS]
        if len(doubtful) == 0:
            return found.take(found.scores >= _ACCEPT)
        results = [ranked.take(ranked.scores >= _ACCEPT)]
        for index in doubtful:
            answer = self._redetect(pixels, ranked.boxes[index], plan.turns)
            if len(answer) and float(answer.scores[0]) >= float(ranked.scores[index]):
                results.append(answer)
        return RawDetections.join(results)

    def _redetect(self, pixels: Pixels, box: Float32, turns: tuple[int, ...]) -> RawDetections:
        """Search a square around `box`, scaled to `CROP_SIDE`, at each quarter turn; return the best face, if any."""
        side = 2.0 * float(max(box[2], box[3]))
        middle = np.asarray(box[:2] + box[2:] / 2, np.float32)
        answers = []
        for turn in turns:
            transform = turned_square(middle, side, 90 * turn, CROP_SIDE)
            seen = self._detector.search(
                align.warp(pixels, transform, CROP_SIDE, CROP_SIDE),
                _CONFIRM if turn == 0 else _CONFIRM_TURNED,
            )
            if len(seen):
                best = seen.take(np.array([nearest_to_middle(seen)]))
                answers.append(_moved(best, align.invert_transform(transform)))
        answers = [answer for answer in answers if _agree(answer.boxes[0], box)]
        if not answers:
            return _NOTHING
        joined = RawDetections.join(answers)
        return joined.take(np.array([int(np.argmax(joined.scores))]))

    def _search_at_same_turn(self, pixels: Pixels, faces: RawDetections) -> RawDetections:
        """If there is a turned face, search the image at the turn of the best one, and add the faces found."""
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
        # Existing faces take precedence in the suppression: the new ones get at most their lowest score.
        others = RawDetections(boxes, np.minimum(seen.scores, faces.scores.min()), points)
        return suppress(RawDetections.join([faces, others]))

    def _search_quarter_turns(self, pixels: Pixels) -> RawDetections:
        """Search the whole image at the other three quarter turns."""
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


def _weak_candidates(coarse: RawDetections, sure: RawDetections, scale: float, least: float) -> RawDetections:
    """Return the small candidates of at least `least` width outside of the faces already found, after suppression."""
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
    """Return whether a re-detected box matches its candidate, not something beside it.

    On 123 labelled photos every correct re-detection passed, and 6 of 7 wrong ones did not (`bench/detection.py`).
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
    """Apply a similarity transform of quarter turns; boxes stay parallel to the axes."""
    corners = np.stack([candidates.boxes[:, :2], candidates.boxes[:, :2] + candidates.boxes[:, 2:]], axis=1)
    moved = corners @ transform[:, :2].T + transform[:, 2]
    low, high = moved.min(axis=1), moved.max(axis=1)
    points = candidates.points @ transform[:, :2].T + transform[:, 2]
    return RawDetections(
        np.asarray(np.concatenate([low, high - low], axis=1), np.float32),
        candidates.scores,
        np.asarray(points, np.float32),
    )
