"""The evidence of a camera's track for one person, on which rules decide, and the camera and door of the track."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mien.doors.types import Direction


@dataclass(frozen=True, slots=True)
class TrackCandidate:
    """A person that a track may show.

    Attributes:
        collection: id of the person group, large person group or dynamic group; "" for the person directory.
        person_id: lower-case hyphenated GUID.
        name: the person's name, "" if there is none.
        confidence: 0 to 1, over all frames of the track; 0.5 at the operating point of the recogniser.
    """

    collection: str
    person_id: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TrackEvidence:
    """The evidence of a track so far; a later one of the same track replaces it.

    Attributes:
        camera: name of the camera.
        track: the camera's number for the track; a new one after every restart.
        started_at: UTC, when the face was first seen.
        updated_at: UTC, when its last analysed frame was taken.
        frames: analysed frames in which the face was found.
        readable: number of these frames that gave a template.
        agreeing: number of readable frames whose best candidate is `best`.
        best: the person that the track shows most likely, None for a stranger.
        second: the next person, None if nobody else comes near.
        quality: `low`, `medium` or `high`: of the best shot.
        face_px: the shorter side of the largest face box, in pixels of the source.
        liveness: passive liveness over the track, 0 (artefact) to 1 (live); None if it was not measured.
        session: whether it is the one picture of a liveness session that found a live face. Such a session has followed
            one face for seconds, so the least number of frames does not apply; every other condition does.
        held_edges: whether straight edges beside the face move with it; `liveness` is then 0.
    """

    camera: str
    track: str
    started_at: datetime
    updated_at: datetime
    frames: int
    readable: int
    agreeing: int
    best: TrackCandidate | None
    second: TrackCandidate | None
    quality: str
    face_px: int
    liveness: float | None
    session: bool = False
    held_edges: bool = False

    @property
    def margin(self) -> float:
        """Lead of the best candidate over the second, in confidence; 0 for a stranger."""
        if self.best is None:
            return 0.0
        return self.best.confidence - (self.second.confidence if self.second else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSource:
    """The camera and the door of a track.

    Attributes:
        resource_id: id of the camera's resource.
        camera: its name.
        door_id: the door that it watches; None for a camera that only reports whom it sees.
        direction: the direction in which the people whom it sees pass.
        opens: whether the door has an actuator.
    """

    resource_id: UUID
    camera: str
    door_id: UUID | None = None
    direction: Direction = Direction.ENTRY
    opens: bool = False
