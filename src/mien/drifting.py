"""Counts the results of Detect and of cameras for drift: takes them from `vision` and `doors` to `events.drift`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from mien.events.drift import API, DriftCounts, DriftSeries
from mien.vision.quality.unified import unified
from mien.vision.types import Face

if TYPE_CHECKING:
    from mien.doors.recognition import TrackNote


def count_faces(counts: DriftCounts, resource_id: UUID, faces: Sequence[Face]) -> None:
    """Count an image of a Detect call: whether it has a face, and the quality of those that got a template."""
    counts.note(resource_id, API, DriftSeries.UNREAD, 0.0 if faces else 1.0)
    for face in faces:
        if face.embedding is not None:
            counts.note(resource_id, API, DriftSeries.QUALITY, unified(face.embedding.norm).score)


def count_track(counts: DriftCounts, resource_id: UUID, camera: str, note: TrackNote) -> None:
    """Count a camera's track that has ended; its scores only where a frame was readable."""
    counts.note(resource_id, camera, DriftSeries.UNREAD, 1.0 if note.norm is None else 0.0)
    if note.norm is not None:
        counts.note(resource_id, camera, DriftSeries.QUALITY, unified(note.norm).score)
        counts.scores(resource_id, camera, note.top, note.second)
