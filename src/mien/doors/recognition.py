"""Whom a track shows: its templates against groups, and the stream of evidence of a camera.

Each readable frame is searched for by itself, which is its vote, and the fused template of the track's best frames
(`mien.matching.persons`) gives the confidence. A person is named only from the confidence at which one in a thousand
strangers would be taken for anybody of the groups; whether that suffices for a door is the rule's business.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import cv2
import structlog
from sqlalchemy.exc import SQLAlchemyError

from mien.doors.agreement import Agreement
from mien.doors.evidence import Candidate, TrackEvidence
from mien.doors.types import DYNAMIC_GROUP
from mien.gallery.detected_faces import DetectedFace
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.errors import CollectionNotFoundError, DynamicGroupNotFoundError, GalleryError, PersonNotFoundError
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recogniser as BoundRecogniser
from mien.gallery.recognisers import Recognisers
from mien.matching.open_set import similarity_for_gallery
from mien.video.camera import Camera, Picture, TrackUpdate
from mien.video.faces import FaceReader, Reading
from mien.video.health import Health
from mien.video.sampling import Rates
from mien.video.sources import STALL_S, Transport, open_source
from mien.video.tracks import Track
from mien.video.zones import NOTHING_HIDDEN, Zones
from mien.vision.types import Embedding

TRACK_FPIR: Final = 1e-3
"""Accepted share of strangers' templates for which somebody is named. A track has several, much alike."""
NEAREST: Final = 0.2
"""Confidence from which others count as near, for the margin."""
DEFAULT_LABEL: Final = "recognition_04"
"""Recognition model of searches in the person directory."""
_NAMES_KEPT_S: Final = 60.0
_UNNAMED: Final = datetime.max.replace(tzinfo=UTC)

_log = structlog.get_logger(__name__)

__all__ = [
    "Agreement",
    "Recogniser",
    "Target",
    "TargetError",
    "TargetKind",
    "Tracks",
    "Watcher",
    "open_watcher",
    "target_named",
]


class TargetError(Exception):
    """The groups cannot be searched for a camera; the text says why."""


class TargetKind(StrEnum):
    """What persons are searched in."""

    PERSON_GROUP = "personGroup"
    LARGE_PERSON_GROUP = "largePersonGroup"
    DYNAMIC_GROUP = "dynamicPersonGroup"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Target:
    """Persons to search.

    Attributes:
        kind: what they are enrolled in.
        collection_id: of the group; "" for the whole person directory.
    """

    kind: TargetKind
    collection_id: str = ""

    @classmethod
    def of(cls, place: str) -> Target:
        """Read KIND/ID or `directory`, as cameras are configured with.

        Raises:
            TargetError: it is neither.
        """
        kind, _, collection_id = place.partition("/")
        if kind not in set(TargetKind) or bool(collection_id) is (kind == TargetKind.DIRECTORY):
            raise TargetError(f"{place[:80]!r} is neither KIND/ID nor {TargetKind.DIRECTORY}")
        return cls(TargetKind(kind), collection_id)

    def __str__(self) -> str:
        return f"{self.kind}/{self.collection_id}" if self.collection_id else self.kind.value


@dataclass
class _Votes:
    """What the frames of a track said so far."""

    frames: Counter[tuple[str, str]] = field(default_factory=Counter)
    best: Candidate | None = None
    second: Candidate | None = None


class Recogniser:
    """Searches for the people of tracks; safe to use from many threads.

    Args:
        gallery: groups.
        directory: the person directory and dynamic groups.
        recognisers: what recognition models stand for.
        resource_id: whose groups they are.
        targets: whom to search for; at least one.

    Raises:
        TargetError: there are no targets, or they are of different recognition models.
        CollectionNotFoundError: there is no such group.
        DynamicGroupNotFoundError: there is no such dynamic group.
        NotTrainedError: a group was never trained.
        TrainingNotFinishedError: its first training is under way.
        NotCalibratedError: the recogniser has no calibration.
    """

    def __init__(
        self,
        gallery: Gallery,
        directory: DirectoryServices,
        recognisers: Recognisers,
        resource_id: UUID,
        targets: Sequence[Target],
    ) -> None:
        if not targets:
            raise TargetError("a camera needs at least one group to search")
        self._gallery = gallery
        self._directory = directory
        self._resource_id = resource_id
        self._targets = tuple(targets)
        labels = {self._label(target) for target in targets}
        if len(labels) > 1:
            raise TargetError(f"the groups have different recognition models: {', '.join(sorted(labels))}")
        self._label_used = labels.pop()
        self.bound: BoundRecogniser = recognisers[self._label_used]
        self._calibration = self.bound.calibration
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], tuple[float, str]] = {}
        for target in targets:
            self._size(target)

    @property
    def pack(self) -> str:
        """Name of the embedding pack that a `FaceReader` for it uses."""
        return self.bound.pack

    def session(self) -> Tracks:
        """Return what keeps the votes of one camera's tracks."""
        return Tracks(self)

    def search(self, readings: Sequence[Embedding]) -> list[list[Candidate]]:
        """Search for templates in all targets.

        Returns:
            For each the persons from `NEAREST` on, best first.

        Raises:
            GalleryError: a group is gone or was retrained with another recogniser.
            SQLAlchemyError: the database does not answer.
        """
        names = [str(position) for position in range(len(readings))]
        probes = [
            DetectedFace(name, self._label_used, embedding, _UNNAMED)
            for name, embedding in zip(names, readings, strict=True)
        ]
        found: list[dict[str, Candidate]] = [{} for _ in readings]
        for target in self._targets:
            for position, candidates in enumerate(self._identified(target, probes, names)):
                for person_id, confidence in candidates:
                    known = found[position].get(person_id)
                    if known is None or confidence > known.confidence:
                        name = self._name(target, person_id)
                        found[position][person_id] = Candidate(target.collection_id, person_id, name, confidence)
        return [sorted(each.values(), key=lambda one: (-one.confidence, one.person_id)) for each in found]

    def least(self) -> float:
        """The confidence from which a person is named; it grows with the number of persons searched."""
        persons = sum(self._size(target) for target in self._targets)
        similarity = similarity_for_gallery(self._calibration, persons, TRACK_FPIR)
        return float(self._calibration.confidence(similarity))

    def _identified(
        self, target: Target, probes: Sequence[DetectedFace], names: Sequence[str]
    ) -> list[list[tuple[str, float]]]:
        if ref := self._ref(target):
            answers = self._gallery.recognition.identify_probes(probes, names, ref, 3, NEAREST)
        else:
            group = target.collection_id or None
            answers = self._directory.recognition.identify_probes(self._resource_id, probes, group, 3, NEAREST)
        return [[(one.person_id, one.confidence) for one in answer.candidates] for answer in answers]

    def _ref(self, target: Target) -> CollectionRef | None:
        if target.kind in {TargetKind.DYNAMIC_GROUP, TargetKind.DIRECTORY}:
            return None
        return CollectionRef(self._resource_id, Kind(target.kind.value), target.collection_id)

    def _label(self, target: Target) -> str:
        ref = self._ref(target)
        return self._gallery.collections.get(ref).recognition_model if ref else DEFAULT_LABEL

    def _size(self, target: Target) -> int:
        if ref := self._ref(target):
            return self._gallery.recognition.size_of(ref)
        return self._directory.recognition.size_of(self._resource_id, target.collection_id or None)

    def _name(self, target: Target, person_id: str) -> str:
        key, now = (str(target), person_id), time.monotonic()
        with self._lock:
            known = self._names.get(key)
        if known is not None and now - known[0] < _NAMES_KEPT_S:
            return known[1]
        try:
            if ref := self._ref(target):
                name = self._gallery.persons.get(ref, person_id).name
            else:
                name = self._directory.directory.get(self._resource_id, person_id).name
        except PersonNotFoundError:  # deleted a moment ago
            name = ""
        with self._lock:
            if len(self._names) > 10_000:
                self._names.clear()
            self._names[key] = (now, name)
        return name


class Tracks:
    """The votes of one camera's tracks.

    Args:
        recogniser: searches.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._votes: dict[int, _Votes] = {}
        # Numbers of tracks begin anew at each start; events of earlier starts stay told apart.
        self._start = f"{time.time_ns() // 1_000_000:x}"

    def evidence(self, camera: str, update: TrackUpdate) -> TrackEvidence:
        """Return what a track says so far.

        Args:
            camera: its name.
            update: what the last frame added.

        Raises:
            What `Recogniser.search` raises.
        """
        track = update.track
        votes = self._votes.setdefault(track.number, _Votes())
        if update.reading is not None and update.reading.embedding.readable:
            self._count(votes, track, update.reading)
        if update.ended:
            self._votes.pop(track.number, None)
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
        )

    def name_of(self, track: Track) -> str:
        """The track's name in evidence."""
        return f"{self._start}-{track.number}"

    def _count(self, votes: _Votes, track: Track, reading: Reading) -> None:
        template = track.template
        assert template is not None
        embedding = reading.embedding
        fused = Embedding(template, embedding.fingerprint, embedding.norm)
        alone, together = self._recogniser.search([embedding, fused])
        if alone:
            votes.frames[_key(alone[0])] += 1
        named = bool(together) and together[0].confidence >= self._recogniser.least()
        votes.best = together[0] if named else None
        votes.second = together[1] if named and len(together) > 1 else None


def _key(candidate: Candidate) -> tuple[str, str]:
    return candidate.collection, candidate.person_id


OnEvidence = Callable[[TrackEvidence], None]


class Watcher:
    """Runs one camera and tells what its tracks say.

    Args:
        camera: what is watched.
        recogniser: who is searched for.
    """

    def __init__(self, camera: Camera, recogniser: Recogniser) -> None:
        self._camera = camera
        self._tracks = recogniser.session()
        self._lock = threading.Lock()
        self._shots: dict[str, Track] = {}
        self._latest: dict[str, TrackEvidence] = {}
        self._problem: str | None = None

    @property
    def name(self) -> str:
        """The camera's name."""
        return self._camera.name

    @property
    def problem(self) -> str | None:
        """Why faces cannot be searched for now; None where they can."""
        return self._problem

    def run(self, on_evidence: OnEvidence, on_end: OnEvidence | None = None) -> None:
        """Watch until the source ends or `stop` is called; blocks.

        A frame that cannot be searched for, because the database does not answer, gives no evidence.

        Args:
            on_evidence: is told of each track after each analysed frame that shows it, from this thread.
            on_end: is told once more when its person has left.

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
        """End `run` with the next frame; from any thread."""
        self._camera.stop()

    def health(self) -> Health:
        """How the camera does."""
        return self._camera.health()

    def picture(self) -> Picture | None:
        """The last analysed frame; its boxes are by the number at the end of a track's name."""
        return self._camera.picture()

    def latest(self) -> tuple[TrackEvidence, ...]:
        """The evidence of the tracks that go on."""
        with self._lock:
            return tuple(self._latest.values())

    def best_shot(self, track: str) -> bytes | None:
        """The best face of a recent track with some surroundings, as JPEG; None where there is none."""
        with self._lock:
            found = self._shots.get(track)
        if found is None or found.best_shot is None:
            return None
        written, file = cv2.imencode(".jpg", found.best_shot, [cv2.IMWRITE_JPEG_QUALITY, 85])
        return file.tobytes() if written else None

    def _cannot_search(self, error: Exception) -> None:
        words = str(error) if isinstance(error, GalleryError) else "the database does not answer"
        if self._problem != words:
            _log.warning("camera cannot search", camera=self._camera.name, problem=words)
        self._problem = words


def open_watcher(
    name: str,
    address: str,
    faces: FaceReader,
    recogniser: Recogniser,
    *,
    transport: Transport = Transport.TCP,
    zones: Zones = NOTHING_HIDDEN,
    rates: Rates | None = None,
    liveness: bool = False,
    picture_side: int = 0,
    stall_s: float = STALL_S,
) -> Watcher:
    """Put a camera together; it is connected when it runs.

    Args:
        name: of the camera.
        address: of its stream, with credentials; see `mien.video.sources`.
        faces: reads faces with the recogniser's pack; shared by all cameras.
        recogniser: who is searched for.
        transport: of RTSP.
        zones: where faces are watched for, and what is blacked out.
        rates: analysed frames a second.
        liveness: whether material evidence is measured.
        picture_side: long side of the picture that is kept for people to look at; 0 keeps none.
        stall_s: seconds without a frame after which the stream is opened again.

    Raises:
        SourceError: the address is none, or there is no such file.
    """
    source = open_source(address, transport=transport, zones=zones, stall_s=stall_s)
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
    return Watcher(camera, recogniser)


def target_named(gallery: Gallery, directory: DirectoryServices, resource_id: UUID, text: str) -> Target:
    """Find what an operator means by a group: KIND/ID, an id of any kind, or `directory`.

    Raises:
        TargetError: there is no such group.
    """
    kind, slash, group_id = text.partition("/")
    if kind.lower() == DYNAMIC_GROUP.lower():  # as rules and the control plane spell it
        kind = TargetKind.DYNAMIC_GROUP
    wanted = [one for one in TargetKind if not slash or one.value.lower() == kind.lower()]
    collection_id = group_id if slash else text
    if text.lower() == TargetKind.DIRECTORY:
        return Target(TargetKind.DIRECTORY)
    for one in wanted:
        try:
            if one is TargetKind.DYNAMIC_GROUP:
                directory.dynamic_groups.get(resource_id, collection_id)
            elif one is not TargetKind.DIRECTORY:
                gallery.collections.get(CollectionRef(resource_id, Kind(one.value), collection_id))
            else:
                continue
        except (CollectionNotFoundError, DynamicGroupNotFoundError):
            continue
        return Target(one, collection_id)
    kinds = ", ".join(f"{one}/ID" for one in TargetKind if one is not TargetKind.DIRECTORY)
    raise TargetError(f"there is no group {text!r}; name one as {kinds}, by its id, or write `directory`")
