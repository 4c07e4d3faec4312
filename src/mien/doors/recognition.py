"""Recognise the people of tracks: compare templates with groups, and stream the evidence of a camera.

Each readable frame is searched separately and votes, and the fused template of the track's best frames
(`mien.matching.persons`) gives the confidence. A person is named only above the confidence at which 1 in 2,000
templates of strangers would be mistaken for a member of the groups; the rules decide whether that is enough for a door.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import structlog
from sqlalchemy.exc import SQLAlchemyError

from mien.doors.evidence import TrackCandidate, TrackEvidence
from mien.doors.searching import GroupSearch
from mien.gallery.errors import GalleryError
from mien.messages import Message
from mien.video.camera import Camera, Picture, TrackUpdate
from mien.video.faces import FaceReader, Reading
from mien.video.health import Health
from mien.video.sampling import Rates
from mien.video.sources import STALL_S, Transport, open_source
from mien.video.tracks import Track
from mien.video.zones import NOTHING_HIDDEN, Zones
from mien.vision.types import Embedding

_log = structlog.get_logger(__name__)

__all__ = ["TrackNote", "Tracks", "Watcher", "open_watcher"]


@dataclass
class _Votes:
    """The votes of a track's frames so far."""

    frames: Counter[tuple[str, str]] = field(default_factory=Counter)
    best: TrackCandidate | None = None
    second: TrackCandidate | None = None
    scores: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class TrackNote:
    """The counts of a track that has ended, without the person.

    Attributes:
        norm: norm of the best frame's template; None without a readable frame.
        top: similarity of the best person to the fused template; None if nobody is similar.
        second: similarity of the second person.
    """

    norm: float | None
    top: float | None
    second: float | None


Noted = Callable[[TrackNote], None]


class Tracks:
    """The votes of one camera's tracks.

    Args:
        recogniser: searches.
        noted: called with every track that has ended.
    """

    def __init__(self, recogniser: GroupSearch, noted: Noted | None = None) -> None:
        self._recogniser = recogniser
        self._noted = noted
        self._votes: dict[int, _Votes] = {}
        # Numbers of tracks start again at each start; this keeps events of earlier starts apart.
        self._start = f"{time.time_ns() // 1_000_000:x}"

    def evidence(self, camera: str, update: TrackUpdate) -> TrackEvidence:
        """Return the evidence of a track so far.

        Args:
            camera: its name.
            update: the update from the last frame.

        Raises:
            Any exception of `GroupSearch.search`.
        """
        track = update.track
        votes = self._votes.setdefault(track.number, _Votes())
        if update.reading is not None and update.reading.embedding.readable:
            self._count(votes, track, update.reading)
        if update.ended:
            self._votes.pop(track.number, None)
            if self._noted is not None:
                self._noted(TrackNote(track.best.embedding.norm if track.best else None, *votes.scores))
        agreeing = votes.frames[_key(votes.best)] if votes.best else 0
        return TrackEvidence(
            camera=camera,
            track=self.name_of(track),
            started_at=track.started_at,
            updated_at=track.updated_at,
            frames=track.frames,
            readable=track.readable,
            agreeing=agreeing,
            best=votes.best,
            second=votes.second,
            quality=track.best.quality.value if track.best else "low",
            face_px=track.face_px,
            liveness=track.liveness,
            held_edges=track.held.found,
        )

    def name_of(self, track: Track) -> str:
        """The name of the track in evidence."""
        return f"{self._start}-{track.number}"

    def _count(self, votes: _Votes, track: Track, reading: Reading) -> None:
        template = track.template
        assert template is not None
        embedding = reading.embedding
        fused = Embedding(template, embedding.fingerprint, embedding.norm)
        single, joint = self._recogniser.scored([embedding, fused])
        alone, together, votes.scores = single.candidates, joint.candidates, (joint.top, joint.second)
        if alone:
            votes.frames[_key(alone[0])] += 1
        sure = bool(together) and together[0].confidence >= self._recogniser.least()
        votes.best = self._recogniser.named(together[0]) if sure else None
        votes.second = self._recogniser.named(together[1]) if sure and len(together) > 1 else None


def _key(candidate: TrackCandidate) -> tuple[str, str]:
    return candidate.collection, candidate.person_id


OnEvidence = Callable[[TrackEvidence], None]


class Watcher:
    """Runs one camera and reports the evidence of its tracks.

    Args:
        camera: the camera.
        recogniser: searches for the people.
        noted: called with every track that has ended.
    """

    def __init__(self, camera: Camera, recogniser: GroupSearch, noted: Noted | None = None) -> None:
        self._camera = camera
        self._recogniser = recogniser
        self._tracks = Tracks(recogniser, noted)
        self._lock = threading.Lock()
        self._shots: dict[str, Track] = {}
        self._latest: dict[str, TrackEvidence] = {}
        self._problem: str | None = None
        self._left_out: str | None = None

    @property
    def name(self) -> str:
        """The camera's name."""
        return self._camera.name

    @property
    def problem(self) -> str | None:
        """The reason why faces cannot be searched now; None if they can."""
        return self._problem

    @property
    def left_out(self) -> str | None:
        """The groups that are left out now, of several, and why; None if none is."""
        return self._left_out

    def run(self, on_evidence: OnEvidence, on_end: OnEvidence | None = None) -> None:
        """Watch until the source ends or `stop` is called; blocks.

        A frame that cannot be searched, because the database does not respond, gives no evidence.

        Args:
            on_evidence: called with each track after each analysed frame that shows it, in this thread.
            on_end: called once when the person of a track has left.

        Raises:
            SourceError: a file cannot be read.
            ModelError: a model pack is missing or broken.
        """
        for update in self._camera.updates():
            try:
                evidence = self._tracks.evidence(self._camera.name, update)
            except (GalleryError, SQLAlchemyError) as error:
                self._cannot_search(error)
                continue
            self._problem = None
            self._leave_out(self._recogniser.problem)
            with self._lock:
                if update.ended:
                    self._latest.pop(evidence.track, None)
                else:
                    self._latest[evidence.track] = evidence
                    self._shots[evidence.track] = update.track
                while len(self._shots) > 64:
                    self._shots.pop(next(iter(self._shots)))
            if not update.ended:
                on_evidence(evidence)
            elif on_end is not None:
                on_end(evidence)

    def stop(self) -> None:
        """End `run` at the next frame; callable from any thread."""
        self._camera.stop()

    def health(self) -> Health:
        """The state of the camera."""
        return self._camera.health()

    def picture(self) -> Picture | None:
        """The last analysed frame; its boxes have the number at the end of a track's name."""
        return self._camera.picture()

    def latest(self) -> tuple[TrackEvidence, ...]:
        """The evidence of the current tracks."""
        with self._lock:
            return tuple(self._latest.values())

    def best_shot(self, track: str) -> bytes | None:
        """The best face of a recent track with some surroundings, as JPEG; None if there is none."""
        with self._lock:
            found = self._shots.get(track)
        shot = found.best_shot if found is not None else None
        if shot is None:
            return None
        written, file = cv2.imencode(".jpg", shot, [cv2.IMWRITE_JPEG_QUALITY, 85])
        return file.tobytes() if written else None

    def _cannot_search(self, error: Exception) -> None:
        words = error.message if isinstance(error, GalleryError) else Message("the database does not answer")
        if self._problem != words:
            _log.warning("camera cannot search", camera=self._camera.name, problem=words)
        self._problem = words

    def _leave_out(self, problem: str | None) -> None:
        if problem is not None and self._left_out != problem:
            _log.warning("camera leaves out a group", camera=self._camera.name, problem=problem)
        self._left_out = problem


def open_watcher(
    name: str,
    address: str,
    faces: FaceReader,
    recogniser: GroupSearch,
    *,
    transport: Transport = Transport.TCP,
    zones: Zones = NOTHING_HIDDEN,
    rates: Rates | None = None,
    liveness: bool = False,
    picture_side: int = 0,
    stall_s: float = STALL_S,
    noted: Noted | None = None,
    paced: bool = False,
) -> Watcher:
    """Create the watcher of a camera; it connects when it runs.

    Args:
        name: name of the camera.
        address: address of its stream, with credentials; see `mien.video.sources`.
        faces: reads faces with the recogniser's pack; shared by all cameras.
        recogniser: searches for the people.
        transport: transport of RTSP.
        zones: the watch zones and the privacy zones.
        rates: analysed frames a second.
        liveness: whether material evidence is measured.
        picture_side: long side of the picture that is kept for display; 0 keeps none.
        stall_s: seconds without a frame after which the stream is opened again.
        noted: called with every track that has ended.
        paced: whether a file is played at its own pace, as a door needs it: no door opens on evidence from the future.

    Raises:
        SourceError: the address is none, or there is no such file.
    """
    source = open_source(address, transport=transport, zones=zones, stall_s=stall_s, paced=paced)
    camera = Camera(
        name,
        source,
        faces,
        zones=zones,
        rates=rates,
        liveness=liveness,
        calibration=recogniser.bound.calibration,
        picture_side=picture_side,
    )
    return Watcher(camera, recogniser, noted)
