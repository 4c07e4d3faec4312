"""An import: list what to read, let workers compute templates, store them with one writer, and report everything.

It can be killed at any time and run again: a photo is stored together with the row that records it (`gallery.filing`).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from mien.contract.models import NEWEST_RECOGNITION
from mien.gallery import CollectionRef
from mien.gallery.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    Quota,
    QuotaExceededError,
    TrainingNotFinishedError,
)
from mien.gallery.filed_photos import FiledAs, ReadyPhoto, Recipe
from mien.gallery.gallery import Gallery
from mien.gallery.types import Duplicate, DuplicateKind
from mien.importing.computing import Computed, PhotoTask
from mien.importing.refusals import reason
from mien.importing.report import ReportFile, ReportLine
from mien.importing.sources import ImportSourceError, SourcePhoto
from mien.importing.workers import Workers

LABEL: Final = NEWEST_RECOGNITION
_T = TypeVar("_T")

_CHUNK: Final = 64
_CHUNK_BYTES: Final = 64 * 1024 * 1024
_FILED_AT_ONCE: Final = 64
_FILED_AFTER: Final = 2.0
_RATE_OVER: Final = 60.0
TRAINED_WITHIN: Final = 600.0
_LISTED: Final = 1_000


class ImportResult(StrEnum):
    """The result of importing a photo."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    EARLIER = "earlier"


@dataclass(slots=True)
class Summary:
    """The result of an import, or its progress.

    Attributes:
        total: photos of the source.
        persons: people that were created.
        outcomes: how many photos became what.
        refused: the first of the photos that were not enrolled, and why; the report has all.
        duplicates: likely duplicates among the faces enrolled by this run.
    """

    total: int
    persons: int = 0
    outcomes: Counter[ImportResult] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    _times: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def done(self) -> int:
        """Number of finished photos."""
        return sum(self.outcomes.values())

    @property
    def rate(self) -> float:
        """Photos computed per second in the last minute; 0 at the start."""
        (first, before), (last, after) = (self._times[0], self._times[-1]) if self._times else ((0.0, 0), (0.0, 0))
        return (after - before) / (last - first) if last > first else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at this rate; None while there is no rate."""
        return (self.total - self.done) / self.rate if self.rate else None

    def clock(self) -> None:
        """Record the number of computed photos."""
        now = time.monotonic()
        self._times.append((now, self.outcomes[ImportResult.ENROLLED] + self.outcomes[ImportResult.REFUSED]))
        while len(self._times) > 2 and now - self._times[0][0] > _RATE_OVER:
            self._times.popleft()


@dataclass(frozen=True, slots=True)
class _UnderWay:
    photo: SourcePhoto
    digest: bytes


def _silent(_: Summary) -> None:
    pass


@dataclass(slots=True)
class Importer:
    """Enrols people into a group.

    Attributes:
        gallery: the gallery to import into.
        ref: the person group or large person group; created when there is none.
        report: gets a line for each photo.
        workers: returns what computes templates.
        told: called after each step with how far it is.
    """

    gallery: Gallery
    ref: CollectionRef
    report: ReportFile
    workers: Callable[[Recipe], Workers]
    told: Callable[[Summary], None] = _silent
    _under_way: dict[int, _UnderWay] = field(default_factory=dict)
    _enrolled: dict[str, str] = field(default_factory=dict)
    _persons: dict[str, str] = field(default_factory=dict)

    def run(self, photos: Sequence[SourcePhoto], *, again: bool = False) -> Summary:
        """Enrol the photos that were not enrolled before.

        Args:
            photos: all that there are.
            again: forget what earlier imports enrolled, so that deleted faces are enrolled again.

        Raises:
            SourceError: the source, or a machine that computes, cannot be used any more.
            ModelError: the models cannot be used.
            QuotaExceededError: the tier allows no more persons.
            TrainingNotFinishedError: the group has been trained for ten minutes.
            ConflictError: the group was deleted or migrated meanwhile.
        """
        recipe = self._patiently(self._recipe)
        if again:
            self.gallery.filing.forget(self.ref)
        summary = Summary(len(photos))
        ready: list[tuple[SourcePhoto, ReadyPhoto]] = []
        due = time.monotonic() + _FILED_AFTER
        for computed in self.workers(recipe).run(self._tasks(photos, recipe, summary)):
            one = self._under_way.pop(computed.number)
            if computed.enrolment is None:
                self._note(summary, one.photo, ImportResult.REFUSED, computed.why)
            else:
                ready.append((one.photo, _ready(one, computed)))
            if len(ready) >= _FILED_AT_ONCE or (ready and time.monotonic() >= due):
                self._file(recipe, ready, summary)
                ready, due = [], time.monotonic() + _FILED_AFTER
            summary.clock()
            self.told(summary)
        if ready:
            self._file(recipe, ready, summary)
        summary.clock()
        self.told(summary)
        return summary

    def report_duplicates(self, summary: Summary) -> None:
        """Write what the faces enrolled by this run may be duplicates of; after a training, which looks for more."""
        found = [one for one in self.gallery.duplicates.found(self.ref) if self._touches(one)]
        summary.duplicates = len(found)
        self.report.write([self._duplicate(one) for one in found])

    def _touches(self, one: Duplicate) -> bool:
        return one.face_id in self._enrolled or one.other_face_id in self._enrolled

    def _duplicate(self, one: Duplicate) -> ReportLine:
        # A training gives the two in any order: the face of this run comes first.
        face, person, other, whose = one.face_id, one.person_id, one.other_face_id, one.other_person_id
        if face not in self._enrolled:
            face, person, other, whose = other, whose, face, person
        why = "the same photo" if one.kind is DuplicateKind.SAME_PHOTO else "much like a face of another person"
        photo = self._enrolled[face]
        return ReportLine(
            photo, "duplicate", self._persons.get(person or "", ""), person or "", face,
            f"{why}: {self._enrolled.get(other, 'enrolled before')}", other, whose or "", round(one.confidence, 4),
        )  # fmt: skip

    def _recipe(self) -> Recipe:
        try:
            return self.gallery.filing.recipe(self.ref)
        except CollectionNotFoundError as error:
            if error.malformed:
                raise
        with suppress(CollectionExistsError):  # another import was first
            self.gallery.collections.create(self.ref, self.ref.collection_id, None, LABEL)
        return self.gallery.filing.recipe(self.ref)

    def _tasks(self, photos: Sequence[SourcePhoto], recipe: Recipe, summary: Summary) -> Iterator[PhotoTask]:
        """Read photos, and yield those that were not stored before."""
        numbers = count()
        for chunk in _chunks(photos, lambda photo, why: self._note(summary, photo, ImportResult.REFUSED, why)):
            digests = [self._digest(recipe, photo, image) for photo, image in chunk]
            known = self.gallery.filing.known(self.ref, recipe, digests)
            for (photo, image), digest in zip(chunk, digests, strict=True):
                if digest in known:
                    self._note(summary, photo, ImportResult.EARLIER)
                else:
                    number = next(numbers)
                    self._under_way[number] = _UnderWay(photo, digest)
                    yield PhotoTask(number, image)
            self.told(summary)

    def _digest(self, recipe: Recipe, photo: SourcePhoto, image: bytes) -> bytes:
        person_id = UUID(photo.person_id) if photo.person_id else None
        return self.gallery.filing.digest(recipe, hashlib.sha256(image).hexdigest(), photo.person, person_id)

    def _file(self, recipe: Recipe, ready: Sequence[tuple[SourcePhoto, ReadyPhoto]], summary: Summary) -> None:
        ready_photos = [one for _, one in ready]
        filed = self._patiently(lambda: self.gallery.filing.file(self.ref, recipe, ready_photos))
        lines, full = [], None
        for (photo, _), one in zip(ready, filed, strict=True):
            why = reason(one.error) if one.error else ""
            lines.append(ReportLine(photo.key, one.outcome.value, photo.person, one.person_id, one.face_id, why))
            summary.outcomes[ImportResult(one.outcome.value)] += 1
            summary.persons += one.created
            if one.outcome is FiledAs.ENROLLED:
                self._enrolled[one.face_id], self._persons[one.person_id] = photo.key, photo.person
            elif one.outcome is FiledAs.REFUSED:
                _list(summary, photo, why)
            if isinstance(one.error, QuotaExceededError) and one.error.quota is not Quota.FACES:
                full = one.error
        self.report.write(lines)
        if full is not None:
            raise full

    def _note(self, summary: Summary, photo: SourcePhoto, outcome: ImportResult, why: str = "") -> None:
        summary.outcomes[outcome] += 1
        if outcome is ImportResult.REFUSED:
            _list(summary, photo, why)
        self.report.write([ReportLine(photo.key, outcome.value, photo.person, why=why)])

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Run an action on the group; if it is being trained, wait until the training ends.

        A training whose process was killed, perhaps by an earlier run of this import, is taken over here.
        """
        until = time.monotonic() + TRAINED_WITHIN
        while True:
            try:
                return work()
            except TrainingNotFinishedError:
                if time.monotonic() > until:
                    raise
                if not self.gallery.training.run_pending():
                    time.sleep(0.5)


def _ready(one: _UnderWay, computed: Computed) -> ReadyPhoto:
    photo = one.photo
    assert computed.enrolment is not None
    person_id = UUID(photo.person_id) if photo.person_id else None
    return ReadyPhoto(
        one.digest, photo.person, person_id, computed.enrolment, photo.user_data, photo.face_data, photo.key
    )


def _list(summary: Summary, photo: SourcePhoto, why: str) -> None:
    if len(summary.refused) < _LISTED:
        summary.refused.append((photo.key, why))


def _chunks(
    photos: Sequence[SourcePhoto], refuse: Callable[[SourcePhoto, str], None]
) -> Iterator[list[tuple[SourcePhoto, bytes]]]:
    """Read photos in chunks that fit into memory."""
    chunk: list[tuple[SourcePhoto, bytes]] = []
    size = 0
    for photo in photos:
        try:
            image = photo.read()
        except (ImportSourceError, OSError) as error:
            refuse(photo, reason(error))
            continue
        chunk.append((photo, image))
        size += len(image)
        if len(chunk) >= _CHUNK or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
