"""Search groups for faces: for the tracks of cameras and the pictures of kiosks. Needs no video library."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from mien.doors.evidence import TrackCandidate
from mien.doors.types import DEFAULT_LABEL, DYNAMIC_GROUP
from mien.gallery.detected_faces import DetectedFace
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.errors import (
    CollectionNotFoundError,
    DynamicGroupNotFoundError,
    GalleryError,
    NotTrainedError,
    PersonNotFoundError,
    TrainingNotFinishedError,
)
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.recognition import TrainedGroup
from mien.gallery.types import Identified
from mien.matching.open_set import similarity_for_gallery
from mien.messages import Message, MessageError
from mien.vision.types import Embedding

TRACK_FPIR: Final = 5e-4
"""Accepted share of strangers' templates that are named. A track has several templates, similar to each other:
at 1e-3, two of some 800 strangers were named who had no twin among the enrolled (`bench/video_names.py`)."""
NEAREST: Final = 0.2
"""Confidence above which other persons count for the margin."""
_NAMES_KEPT_S: Final = 60.0
_SIZES_KEPT_S: Final = 5.0
"""Seconds for which the number of searched persons is cached: a training changes it, and the threshold with it."""
_GROUPS_KEPT_S: Final = 0.5
"""Seconds for which an opened group is cached. A door reads the person again before it decides."""
_MISSING: Final = (
    CollectionNotFoundError,
    DynamicGroupNotFoundError,
    NotTrainedError,
    TrainingNotFinishedError,
)
"""Errors of a group in which nobody can be found."""
T = TypeVar("T")
_UNNAMED: Final = datetime.max.replace(tzinfo=UTC)


class TargetError(MessageError):
    """The groups cannot be searched for a camera; the text says why."""


class TargetKind(StrEnum):
    """The kinds of groups that are searched."""

    PERSON_GROUP = "personGroup"
    LARGE_PERSON_GROUP = "largePersonGroup"
    DYNAMIC_GROUP = "dynamicPersonGroup"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Target:
    """A group to search.

    Attributes:
        kind: the kind of the group.
        collection_id: id of the group; "" for the whole person directory.
    """

    kind: TargetKind
    collection_id: str = ""

    @classmethod
    def of(cls, place: str) -> Target:
        """Parse KIND/ID or `directory`, as in the configuration of cameras.

        Raises:
            TargetError: it is neither of these.
        """
        kind, _, collection_id = place.partition("/")
        if kind == DYNAMIC_GROUP:  # as rules and the control plane spell it
            kind = TargetKind.DYNAMIC_GROUP
        if kind not in set(TargetKind) or bool(collection_id) is (kind == TargetKind.DIRECTORY):
            raise TargetError(
                "{place!r} is neither KIND/ID nor {directory}", place=place[:80], directory=TargetKind.DIRECTORY
            )
        return cls(TargetKind(kind), collection_id)

    def __str__(self) -> str:
        return f"{self.kind}/{self.collection_id}" if self.collection_id else self.kind.value


@dataclass(frozen=True, slots=True)
class Searched:
    """The result of searching one template.

    Attributes:
        candidates: persons from `NEAREST` on, best first.
        top: similarity of the best person, however low; None if there is none.
        second: similarity of the second.
    """

    candidates: list[TrackCandidate]
    top: float | None
    second: float | None


def _two_best(similar: list[float]) -> tuple[float | None, float | None]:
    best = sorted(similar, reverse=True)[:2]
    return (best[0] if best else None), (best[1] if len(best) > 1 else None)


class GroupSearch:
    """Searches the people of tracks; safe to use from many threads.

    Args:
        gallery: groups.
        directory: the person directory and dynamic groups.
        recognisers: bindings of the recognition models.
        resource_id: id of the groups' resource.
        targets: the groups to search; at least one. Of several, those that are deleted or untrained are left out until
            they can be searched: nobody could be found in them.

    Raises:
        TargetError: there are no targets, or they are of different recognition models.
        CollectionNotFoundError: there is no such group, and no other.
        DynamicGroupNotFoundError: there is no such dynamic group, and no other.
        NotTrainedError: a group was never trained, and there is no other.
        TrainingNotFinishedError: its first training is under way, and there is no other.
        NotCalibratedError: the recogniser has no calibration.

    Attributes:
        problem: why one of several targets is left out now, in words; None where none is.
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
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._groups: dict[CollectionRef, tuple[float, TrainedGroup | GalleryError]] = {}
        self._names: dict[tuple[str, str], tuple[float, str]] = {}
        labels = {label for _, label in self._there(self._label)}
        if len(labels) > 1:
            raise TargetError(
                "the groups have different recognition models: {labels}", labels=", ".join(sorted(labels))
            )
        self._label_used = labels.pop()
        self.bound: Recogniser = recognisers[self._label_used]
        self._calibration = self.bound.calibration
        self._least = (time.monotonic(), self._threshold())

    @property
    def pack(self) -> str:
        """Name of the embedding pack for the `FaceReader`."""
        return self.bound.pack

    def search(self, readings: Sequence[Embedding]) -> list[list[TrackCandidate]]:
        """Search for templates in all targets, as `scored` does.

        Returns:
            For each template the persons from `NEAREST` on, best first; without names (`named`).
        """
        return [one.candidates for one in self.scored(readings)]

    def scored(self, readings: Sequence[Embedding]) -> list[Searched]:
        """Search for templates in all targets.

        Raises:
            GalleryError: all groups are gone, or one was retrained with another recogniser.
            SQLAlchemyError: the database does not answer.
        """
        names = [str(position) for position in range(len(readings))]
        probes = [
            DetectedFace(name, self._label_used, embedding, _UNNAMED)
            for name, embedding in zip(names, readings, strict=True)
        ]
        found: list[dict[str, TrackCandidate]] = [{} for _ in readings]
        near: list[list[float]] = [[] for _ in readings]
        for target, answers in self._there(lambda target: self._identified(target, probes, names)):
            for position, answer in enumerate(answers):
                near[position] += [one for one in (answer.top, answer.second) if one is not None]
                for candidate in answer.candidates:
                    person_id, confidence = candidate.person_id, candidate.confidence
                    known = found[position].get(person_id)
                    if known is None or confidence > known.confidence:
                        found[position][person_id] = TrackCandidate(target.collection_id, person_id, "", confidence)
        ordered = (sorted(each.values(), key=lambda one: (-one.confidence, one.person_id)) for each in found)
        return [Searched(one, *_two_best(similar)) for one, similar in zip(ordered, near, strict=True)]

    def least(self) -> float:
        """The least confidence at which a person is named; it grows with the number of persons searched."""
        now = time.monotonic()
        at, least = self._least
        if now - at >= _SIZES_KEPT_S:
            least = self._threshold()
            self._least = (now, least)
        return least

    def named(self, candidate: TrackCandidate) -> TrackCandidate:
        """Return a candidate with the person's name."""
        own = (one for one in self._targets if one.collection_id == candidate.collection)
        names = (self._name(target, candidate.person_id) for target in own)
        return replace(candidate, name=next(filter(None, names), ""))

    def _threshold(self) -> float:
        persons = sum(size for _, size in self._there(self._size))
        similarity = similarity_for_gallery(self._calibration, persons, TRACK_FPIR)
        return float(self._calibration.confidence(similarity))

    def _there(self, ask: Callable[[Target], T]) -> list[tuple[Target, T]]:
        """Ask about each target, but for those that are gone or were never trained; raises if that is all of them."""
        found: list[tuple[Target, T]] = []
        missing: list[tuple[Target, GalleryError]] = []
        for target in self._targets:
            try:
                found.append((target, ask(target)))
            except _MISSING as error:
                missing.append((target, error))
        if not found:
            raise missing[0][1]
        lines = [Message("{target}: {reason}", target=target, reason=error) for target, error in missing]
        self.problem = Message.listed(lines, ", ") if lines else None
        return found

    def _identified(self, target: Target, probes: Sequence[DetectedFace], names: Sequence[str]) -> list[Identified]:
        if ref := self._ref(target):
            return self._gallery.recognition.identify_in(self._opened(ref), probes, names, 3, NEAREST)
        group = target.collection_id or None
        return self._directory.recognition.identify_probes(self._resource_id, probes, group, 3, NEAREST)

    def _opened(self, ref: CollectionRef) -> TrainedGroup:
        """Return a group from a short-lived cache: frames arrive faster than groups change."""
        now = time.monotonic()
        known = self._groups.get(ref)
        if known is None or now - known[0] >= _GROUPS_KEPT_S:
            try:
                known = (now, self._gallery.recognition.opened(ref))
            except _MISSING as error:
                known = (now, error)
            self._groups[ref] = known
        if isinstance(known[1], GalleryError):
            raise known[1].with_traceback(None)
        return known[1]

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
        if ref := self._ref(target):
            name = self._gallery.persons.name_of(ref, UUID(person_id)) or ""
        else:
            try:
                name = self._directory.directory.get(self._resource_id, person_id).name
            except (PersonNotFoundError, CollectionNotFoundError):  # deleted just now
                name = ""
        with self._lock:
            if len(self._names) > 10_000:
                self._names.clear()
            self._names[key] = (now, name)
        return name


def target_named(gallery: Gallery, directory: DirectoryServices, resource_id: UUID, text: str) -> Target:
    """Find the group that an operator names: KIND/ID, an id of any kind, or `directory`.

    Raises:
        TargetError: there is no such group.
    """
    kind, slash, group_id = text.partition("/")
    if kind.lower() == DYNAMIC_GROUP.lower():  # spelt as in rules and in the control plane
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
    raise TargetError(
        "there is no group {text!r}; name one as {kinds}, by its id, or write `directory`", text=text, kinds=kinds
    )
