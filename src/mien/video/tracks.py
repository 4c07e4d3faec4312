"""Combine the faces of successive frames into tracks: one person's path through the picture.

A face continues the track whose predicted box it overlaps or is nearest to (IoU, distance, size; constant velocity). If
two tracks are near each other, or a track was lost for a moment, geometry alone would swap people, so the template
decides: a face whose template differs from the track's starts another track, or continues the one that it matches. A
track that was lost for a few seconds is continued by a face with a matching template; only its number stays, and its
evidence begins anew, because nobody saw what happened in between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from mien.matching import person_template
from mien.video.faces import Reading, joint_probability, shown_shot
from mien.video.held import HeldEdges
from mien.vision.types import Detection, Float32, Pixels

Box = tuple[float, float, float, float]

LOST_S: Final = 1.2
"""Seconds without a face after which a track ends."""
REVIVED_S: Final = 4.0
"""Seconds after its last face in which an ended track is continued by a face with a matching template."""
KEPT: Final = 10
"""Number of templates kept per track, the best by norm."""
LOOKS: Final = 30
"""Number of liveness values kept, the newest."""
FEWEST_LOOKS: Final = 3
"""Fewest liveness values for which a result is given."""
_NEAR: Final = 1.3
"""Largest distance between the centres, in face sizes, at which a face may continue a track a fifth of a second
later."""
_SIZES: Final = 0.55
"""Range of the ratio of two sizes that may belong to the same face."""
_CROWDED: Final = 1.8
"""Distance to another track, in face sizes, below which geometry alone is not trusted."""
_DAMPED: Final = 0.6
"""Weight of a new velocity."""
_FEWEST: Final = 2
"""Templates that a track must have before it may refuse a face."""


@dataclass(eq=False)
class Track:
    """One person's path through the picture; it changes with each frame.

    Attributes:
        number: number, unique per camera since the start.
        started_at: time when the face was first seen, UTC; when it was seen again, after the end of the track.
        updated_at: time when it was last seen.
        box: left, top, width, height in pixels of the picture, where it was last seen.
        points: float32 (5, 2), the five landmarks at that position.
        frames: number of analysed frames in which it was found.
        readable: number of those frames that gave a template.
        face_px: the shorter side of its largest box, in pixels.
        best: the reading of the best frame; None if none was readable.
        shot: BGR uint8 crop of the face with its surroundings in that frame, less than 512 pixels large.
        live: probabilities of being live, oldest first.
        held: the straight edges beside the face; empty unless liveness is asked for.
    """

    number: int
    started_at: datetime
    started_s: float
    updated_at: datetime
    updated_s: float
    box: Box
    points: Float32
    frames: int = 0
    readable: int = 0
    face_px: int = 0
    best: Reading | None = None
    shot: Pixels | None = None
    live: list[float] = field(default_factory=list)
    held: HeldEdges = field(default_factory=HeldEdges, repr=False)
    read_s: float = float("-inf")
    _readings: list[Reading] = field(default_factory=list, repr=False)
    _velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _template: Float32 | None = field(default=None, repr=False)

    @property
    def template(self) -> Float32 | None:
        """The fused template of the best frames, float32 (d,), norm at most 1; None before the first."""
        if self._template is None and self._readings:
            vectors = np.stack([one.embedding.vector for one in self._readings])
            self._template = person_template(vectors)
        return self._template

    @property
    def best_shot(self) -> Pixels | None:
        """The face of the best frame with its surroundings, BGR uint8, at most 256 pixels large."""
        return None if self.shot is None else shown_shot(self.shot)

    @property
    def liveness(self) -> float | None:
        """0 (artefact) to 1 (live), from the mean log odds of the frames; None with fewer than three measured ones.

        A frame with a value near 0 has more weight than one with a high value, and values that disagree count less:
        prints and screens are rated as faces in some frames, but rarely along their whole path. It is 0 from the moment
        at which the edges of a held print or screen are found.
        """
        if self.held.found:
            return 0.0
        if len(self.live) < FEWEST_LOOKS:
            return None
        return joint_probability(self.live, cautious=True)

    @property
    def approaching(self) -> bool:
        """Whether the face grows by more than 10 % a second."""
        return self._velocity[2] > 0.1

    def predicted(self, at_s: float) -> Box:
        """Return the predicted box at another time, for constant velocity."""
        passed = min(max(at_s - self.updated_s, 0.0), LOST_S)
        left, top, width, height = self.box
        right, down, grows = self._velocity
        factor = math.exp(float(np.clip(grows * passed, -0.4, 0.4)))
        x, y = left + width / 2 + right * passed, top + height / 2 + down * passed
        return x - width * factor / 2, y - height * factor / 2, width * factor, height * factor

    def see(self, detection: Detection, at: datetime, at_s: float) -> None:
        """Continue the track with a detected face."""
        passed = at_s - self.updated_s
        if self.frames and passed > 1e-3:
            (l0, t0, w0, h0), (l1, t1, w1, h1) = self.box, detection.box
            seen = (
                (l1 + w1 / 2 - l0 - w0 / 2) / passed,
                (t1 + h1 / 2 - t0 - h0 / 2) / passed,
                math.log(max(w1 * h1, 1.0) / max(w0 * h0, 1.0)) / 2 / passed,
            )
            known = self._velocity
            fresh = 1.0 if self.frames == 1 else _DAMPED
            self._velocity = (
                known[0] + fresh * (seen[0] - known[0]),
                known[1] + fresh * (seen[1] - known[1]),
                known[2] + fresh * (seen[2] - known[2]),
            )
        self.box, self.points = detection.box, detection.points
        self.updated_at, self.updated_s = at, at_s
        self.frames += 1
        self.face_px = max(self.face_px, round(min(detection.box[2:])))

    def begin_again(self, at: datetime, at_s: float) -> None:
        """Forget all but the number, when a face continues the track after its end.

        Its end was reported with its evidence. What comes now is judged by itself: a photo that is held up seconds
        after a person left does not inherit their liveness, and votes and readable frames are counted over one visit.
        """
        self.started_at, self.started_s = at, at_s
        self.frames = self.readable = self.face_px = 0
        self.best = self.shot = self._template = None
        self.live, self._readings, self.held = [], [], HeldEdges()
        self.read_s, self._velocity = float("-inf"), (0.0, 0.0, 0.0)

    def add(self, reading: Reading) -> bool:
        """Add a reading of the face; return whether it is the best so far."""
        if reading.live is not None:
            self.live = [*self.live, reading.live][-LOOKS:]
        if not reading.embedding.readable:
            return False
        self.readable += 1
        self._readings = sorted([*self._readings, reading], key=lambda one: -one.rating)[:KEPT]
        self._template = None
        if self._readings[0] is not reading:
            return False
        self.best = reading
        return True

    def likeness(self, reading: Reading) -> float | None:
        """Cosine of a reading with the track's template; None if the track has too few templates."""
        if len(self._readings) < _FEWEST or not reading.embedding.readable:
            return None
        template = self.template
        assert template is not None
        return float(template @ reading.embedding.vector / max(float(np.linalg.norm(template)), 1e-9))


@dataclass(frozen=True, slots=True)
class Seen:
    """A face of a frame with its track.

    Attributes:
        track: the track that it continues or starts.
        detection: the face.
        reading: the reading of the face; None if it was not read in this frame.
    """

    track: Track
    detection: Detection
    reading: Reading | None


class Tracker:
    """The tracks of one camera.

    Args:
        unlike: cosine of templates below which a well-read face is another person's; None to use geometry only.
        alike: cosine above which a face is the same person's.
    """

    def __init__(self, unlike: float | None = None, alike: float | None = None) -> None:
        self._unlike, self._alike = unlike, alike
        self._numbers = itertools.count(1)
        self._active: list[Track] = []
        self._lost: list[Track] = []

    @property
    def active(self) -> tuple[Track, ...]:
        """The tracks that have not ended."""
        return tuple(self._active)

    def update(
        self,
        detections: Sequence[Detection],
        at: datetime,
        at_s: float,
        read: Callable[[Detection, Track | None, bool], Reading | None] = lambda *_: None,
    ) -> list[Seen]:
        """Continue the tracks with the faces of a frame.

        Args:
            detections: the faces of the frame.
            at: the time of the frame, UTC.
            at_s: the same on a monotonic clock, later than that of the last frame.
            read: reads a face, given its track (None for a new one) and whether it must be read because geometry alone
                is not trusted; returns None to skip it.

        Returns:
            One entry for each face.
        """
        chosen = _assigned(self._active, detections, at_s)
        crowded = _crowded(detections)
        found: list[tuple[Detection, Track | None, Reading | None]] = []
        for index, detection in enumerate(detections):
            track = chosen.get(index)
            returned = track is not None and at_s - track.updated_s > LOST_S / 2
            found.append((detection, track, read(detection, track, crowded[index] or returned)))
        found = self._by_template(found, at, at_s)
        seen = []
        for detection, known, reading in found:
            track = known or self._new(detection, at, at_s)
            track.see(detection, at, at_s)
            if reading is not None:
                track.read_s = at_s
            seen.append(Seen(track, detection, reading))
        return seen

    def ended(self, at_s: float) -> list[Track]:
        """Remove and return the tracks that have ended because they were not seen for too long."""
        gone = [track for track in self._active if not 0 <= at_s - track.updated_s <= LOST_S]
        self._active = [track for track in self._active if track not in gone]
        self._lost = [track for track in [*self._lost, *gone] if 0 <= at_s - track.updated_s <= REVIVED_S]
        return gone

    def end(self) -> list[Track]:
        """Remove and return all tracks, at the end of the source."""
        gone, self._active, self._lost = self._active, [], []
        return gone

    def _new(self, detection: Detection, at: datetime, at_s: float) -> Track:
        track = Track(next(self._numbers), at, at_s, at, at_s, detection.box, detection.points)
        self._active.append(track)
        return track

    def _by_template(
        self, found: list[tuple[Detection, Track | None, Reading | None]], at: datetime, at_s: float
    ) -> list[tuple[Detection, Track | None, Reading | None]]:
        """Reassign faces whose template does not match their track to the track that they match."""
        if self._unlike is None or self._alike is None:
            return found
        stray = []
        for index, (detection, track, reading) in enumerate(found):
            if reading is None:
                continue
            if track is None:
                stray.append(index)
            elif reading.sure and (like := track.likeness(reading)) is not None and like < self._unlike:
                found[index] = (detection, None, reading)
                stray.append(index)
        if not stray:
            return found
        taken = {id(track) for _, track, _ in found if track is not None}
        free = [track for track in [*self._active, *self._lost] if id(track) not in taken]
        pairs = []
        for index in stray:
            reading = found[index][2]
            assert reading is not None
            for track in free:
                like = track.likeness(reading)
                if like is not None and like >= self._alike:
                    pairs.append((like, index, track))
        for _, index, track in sorted(pairs, key=lambda pair: -pair[0]):
            if found[index][1] is None and id(track) not in taken:
                taken.add(id(track))
                found[index] = (found[index][0], track, found[index][2])
                if track in self._lost:
                    self._lost.remove(track)
                    track.begin_again(at, at_s)
                    self._active.append(track)
        return found


def _assigned(tracks: Iterable[Track], detections: Sequence[Detection], at_s: float) -> dict[int, Track]:
    """The track that each face continues by its position, closest pairs first; the other faces are new."""
    pairs = []
    for track in tracks:
        box = track.predicted(at_s)
        slack = _NEAR * min(2.0, max(0.7, (at_s - track.updated_s) / 0.2))
        for index, detection in enumerate(detections):
            fit = max(_fit(box, detection.box, slack), _fit(track.box, detection.box, slack) - 0.05)
            if fit > 0:
                pairs.append((fit, index, track))
    pairs.sort(key=lambda pair: -pair[0])
    chosen: dict[int, Track] = {}
    taken: set[int] = set()
    for _, index, track in pairs:
        if index not in chosen and id(track) not in taken:
            chosen[index] = track
            taken.add(id(track))
    return chosen


def _fit(one: Box, other: Box, slack: float) -> float:
    """Score that two boxes are the same face's: 0 if impossible, up to 2."""
    sizes = math.sqrt((one[2] * one[3]) / max(other[2] * other[3], 1e-9))
    ratio = min(sizes, 1 / max(sizes, 1e-9))
    apart = _apart(one, other)
    if ratio < _SIZES or apart > slack:
        return 0.0
    return iou(one, other) + (1 - apart / slack) * ratio + 1e-6


def _apart(one: Box, other: Box) -> float:
    """Distance of two centres, in mean sides."""
    side = math.sqrt(math.sqrt(max(one[2] * one[3], 1e-9) * max(other[2] * other[3], 1e-9)))
    x = one[0] + one[2] / 2 - other[0] - other[2] / 2
    y = one[1] + one[3] / 2 - other[1] - other[3] / 2
    return math.hypot(x, y) / side


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, width, height), in [0, 1]."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _crowded(detections: Sequence[Detection]) -> list[bool]:
    """Whether each face is near another."""
    return [
        any(_apart(one.box, other.box) <= _CROWDED for other in detections if other is not one) for one in detections
    ]
