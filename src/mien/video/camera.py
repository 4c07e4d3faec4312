"""One camera: analyses the frames of its source and tracks the faces."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import cv2

from mien.matching import Calibration
from mien.video.faces import FaceReader, Reading, best_shot, has_surroundings, within
from mien.video.frames import Frame
from mien.video.health import Health
from mien.video.held import look_beside
from mien.video.motion import MotionGate
from mien.video.sampling import Rates, Sampler
from mien.video.sources import Source
from mien.video.tracks import Box, Seen, Track, Tracker
from mien.video.zones import NOTHING_HIDDEN, Zones
from mien.vision.types import Detection, Pixels

ENOUGH: Final = 12
"""Number of templates after which a track is read less often."""
LIVE_FACE: Final = 72
"""Shorter side, in pixels of the source, of the smallest face whose liveness is measured. On smaller faces the networks
see too little: the first values of approaching prints were as high as a person's."""
LIVE_LOOKS: Final = 5
"""Number of liveness values after which a known track is read less often."""
AGAIN_S: Final = 1.0
"""Seconds after which a known track is read again."""
_NEAR_FOR_S: Final = 8.0
"""Seconds after its start in which a track that is not known yet is analysed more often."""
_UNLIKE_FMR: Final = 1e-2
"""A well-read face whose similarity is below that of this share of strangers does not continue a track."""


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """An update of a track from an analysed frame, or the end of the track.

    Attributes:
        track: the track as it is now; it changes with the next frame.
        reading: the result of reading the face in this frame; None if it was not read.
        ended: whether the person has left. This is the last update of a track, unless it is found again within seconds;
            its evidence begins anew then.
    """

    track: Track
    reading: Reading | None
    ended: bool


class Picture:
    """The last analysed frame, for display; it is converted on first access, in any thread.

    Args:
        frame: the frame; no other thread may use it afterwards.
        long_side: maximum length of its long side in pixels.
        boxes: boxes of the tracked faces by track number, in pixels of the source.

    Attributes:
        taken_at: the time of the frame, UTC.
        size: width and height of `pixels`.
        boxes: boxes of the tracked faces by track number: left, top, width, height in `pixels`.
    """

    def __init__(self, frame: Frame, long_side: int, boxes: Mapping[int, Box]) -> None:
        self._frame = frame
        self._long_side = long_side
        self._lock = threading.Lock()
        self.taken_at = frame.taken_at
        self.size = frame.reduced_size(long_side)
        scale = max(self.size) / max(frame.width, frame.height)
        self.boxes = {number: _scaled(box, scale) for number, box in boxes.items()}

    @property
    def pixels(self) -> Pixels:
        """BGR uint8 (h, w, 3), privacy zones black."""
        with self._lock:
            return self._frame.reduced(self._long_side)

    def jpeg(self, quality: int = 75) -> bytes:
        """The picture as a JPEG, without boxes."""
        written, file = cv2.imencode(".jpg", self.pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert written
        return file.tobytes()


class Camera:
    """Tracks the faces in front of one camera; `updates` runs in one thread.

    Args:
        name: name of the camera, for display.
        source: the source of frames; opened with the same privacy zones.
        faces: finds and reads faces; shared by all cameras.
        zones: the watch and privacy zones.
        rates: the numbers of frames analysed per second.
        liveness: whether the passive networks evaluate every reading, and edges of held prints and screens are sought.
        calibration: calibration of the recogniser, so that templates keep tracks apart; None to use geometry only.
        picture_side: long side of the picture that is kept for display; 0 keeps none.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        faces: FaceReader,
        *,
        zones: Zones = NOTHING_HIDDEN,
        rates: Rates | None = None,
        liveness: bool = False,
        calibration: Calibration | None = None,
        picture_side: int = 0,
    ) -> None:
        self.name = name
        self._source = source
        self._faces = faces
        self._zones = zones
        self._sampler = Sampler(rates or Rates())
        self._gate = MotionGate(zones)
        self._liveness = liveness
        self._picture_side = picture_side
        unlike = calibration.similarity_at_fmr(_UNLIKE_FMR) if calibration else None
        self._tracker = Tracker(unlike, calibration.threshold if calibration else None)
        self._picture: Picture | None = None
        self._others: set[int] = set()
        self._people: set[int] = set()
        self._stop = threading.Event()

    def updates(self) -> Iterator[TrackUpdate]:
        """Yield an update for each tracked face in each analysed frame, and one for the end of each track.

        Ends when the source ends or `stop` is called.

        Raises:
            SourceError: a file cannot be read.
            ModelError: a model pack is missing or broken.
        """
        for frame in self._source.frames():
            if self._stop.is_set():
                break
            if frame is None:
                yield from self._gone(time.monotonic())
                continue
            if self._sampler.due(frame.at_s):
                yield from self._sampled(frame)
                if self._source.live:
                    self._count_skipped(frame.at_s)
        for track in self._tracker.end():
            if track.number in self._people:
                yield TrackUpdate(track, None, ended=True)
        self._source.close()

    def stop(self) -> None:
        """Stop `updates` at the next frame."""
        self._stop.set()
        self._source.close()

    def health(self) -> Health:
        """The state of the camera."""
        return self._source.health()

    def picture(self) -> Picture | None:
        """The last analysed frame; None before the first, or if none is kept."""
        return self._picture

    def _sampled(self, frame: Frame) -> Iterator[TrackUpdate]:
        occupied = bool(self._tracker.active)
        moves = not occupied and self._gate.moves(frame)  # while a face is tracked, every due frame is analysed
        if self._sampler.worth(frame.at_s, moves=moves, occupied=occupied):
            yield from self._analysed(frame)
        yield from self._gone(frame.at_s)
        self._sampler.look_often(any(self._unknown(track, frame.at_s) for track in self._tracker.active))

    def _analysed(self, frame: Frame) -> Iterator[TrackUpdate]:
        found = [one for one in self._faces.find(frame, self._zones) if within(one, frame.width, frame.height)]

        def read(detection: Detection, track: Track | None, doubtful: bool) -> Reading | None:
            if track is not None and track.number in self._others:
                return None
            judged = self._judged(detection, frame)
            if track is None or doubtful or self._due(track, detection, frame.at_s, judged):
                return self._faces.read(frame, detection, liveness=judged)
            return None

        seen = self._tracker.update(found, frame.taken_at, frame.at_s, read)
        updates = [update for one in seen if (update := self._update(frame, one)) is not None]
        self._source.meter.analysed(frame.at_s)
        self._keep(frame)
        yield from updates

    def _update(self, frame: Frame, seen: Seen) -> TrackUpdate | None:
        track = seen.track
        if not self._is_person(frame, seen):
            return None
        if self._liveness and track.held.due(seen.detection.box):
            track.held.add(look_beside(frame.pixels(), seen.detection.box))
        if seen.reading is not None and track.add(seen.reading):
            track.shot = best_shot(frame.pixels(), seen.detection.box)
        return TrackUpdate(track, seen.reading, ended=False)

    def _is_person(self, frame: Frame, seen: Seen) -> bool:
        """Whether a track is a person's; checked once."""
        number = seen.track.number
        if number in self._people:
            return True
        if number in self._others:
            return False
        person = self._faces.is_person(frame, seen.detection)
        (self._people if person else self._others).add(number)
        return person

    def _due(self, track: Track, detection: Detection, at_s: float, judged: bool) -> bool:
        """Whether a track's face must be read in this frame."""
        if track.readable < ENOUGH or at_s - track.read_s >= AGAIN_S:
            return True
        if judged and len(track.live) < LIVE_LOOKS:
            return True
        best = track.best  # the view of a person who comes closer gets better
        return best is not None and min(detection.box[2:]) > 1.1 * best.side

    def _judged(self, detection: Detection, frame: Frame) -> bool:
        """Whether the passive networks evaluate a face."""
        large = self._liveness and min(detection.box[2:]) >= LIVE_FACE
        return large and has_surroundings(detection, frame.width, frame.height)

    def _unknown(self, track: Track, at_s: float) -> bool:
        fresh = at_s - track.started_s < _NEAR_FOR_S or track.approaching
        known = track.readable >= ENOUGH and (not self._liveness or len(track.live) >= LIVE_LOOKS)
        return track.number not in self._others and not known and fresh

    def _gone(self, at_s: float) -> Iterator[TrackUpdate]:
        for track in self._tracker.ended(at_s):
            person = track.number in self._people
            self._people.discard(track.number)
            self._others.discard(track.number)
            if person:
                yield TrackUpdate(track, None, ended=True)

    def _keep(self, frame: Frame) -> None:
        if not self._picture_side:
            return
        boxes = {
            track.number: track.box
            for track in self._tracker.active
            if track.number not in self._others and track.updated_s == frame.at_s
        }
        self._picture = Picture(frame, self._picture_side, boxes)

    def _count_skipped(self, at_s: float) -> None:
        """Count the frames that were due while this one was analysed."""
        took = time.monotonic() - at_s
        if took > 2 * self._sampler.period_s:
            self._source.meter.skipped(int(took / self._sampler.period_s) - 1)


def _scaled(box: Box, scale: float) -> Box:
    left, top, width, height = box
    return left * scale, top * scale, width * scale, height * scale
