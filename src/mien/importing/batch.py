"""Dropped photos of many people: assigning them to people, enrolling them, and undoing everything.

A photo's person is the one in a CSV file, otherwise the one by the rule of `mien.importing.whose`. Each photo is
enrolled completely or not at all: a person is created with their first accepted photo, and nobody is left without a
face.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from mien.contract.limits import NAME_LENGTH
from mien.gallery import CollectionRef
from mien.gallery.errors import GalleryError, PersistedFaceNotFoundError, PersonNotFoundError, TrainingNotFinishedError
from mien.gallery.gallery import Gallery
from mien.importing.computing import readable
from mien.importing.refusals import reason
from mien.importing.sources import SUFFIXES, ImportSourceError
from mien.importing.tables import read_csv
from mien.importing.whose import NOBODY, person_of
from mien.messages import Message, MessageError
from mien.spreadsheets import plain_cell
from mien.storage.names import name_key
from mien.vision.errors import ImageError
from mien.vision.types import OperatingPoint

_ROWS: Final = 100_000


class BatchOutcome(StrEnum):
    """The result of a photo."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    TABLE = "read"


@dataclass(frozen=True, slots=True)
class FileReport:
    """The result of one file.

    Attributes:
        photo: its name, with its folders.
        outcome: the outcome.
        person: name of the person; empty if unknown.
        person_id: id of the person in the group; empty if nobody was found or created.
        reason: the reason for a refusal and the remedy, or further information.
        created: whether the person was created with it.
    """

    photo: str
    outcome: BatchOutcome
    person: str = ""
    person_id: str = ""
    reason: str = ""
    created: bool = False


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    user_data: str | None = None


class _RefusedError(MessageError):
    """A photo is refused; the text gives the reason."""


@dataclass(slots=True)
class DroppedPhotos:
    """Enrols dropped photos into a group.

    Attributes:
        gallery: the gallery to import into.
        ref: the group.
        lines: the results of the files so far.
        of_people: names of the dropped folders that have folders with photos: these are folders of people.
        told: called after each face that was enrolled: person id, face id, whether the person was created.
    """

    gallery: Gallery
    ref: CollectionRef
    told: Callable[[str, str, bool], object] = lambda _person, _face, _created: None
    of_people: frozenset[str] = frozenset()
    lines: list[FileReport] = field(default_factory=list)
    _table: dict[str, _Named] = field(default_factory=dict)
    _people: dict[str, str] = field(default_factory=dict)
    _created: dict[str, str] = field(default_factory=dict)
    _faces: list[tuple[str, str]] = field(default_factory=list)
    _faceless: set[str] = field(default_factory=set)
    """Persons who were created for a photo that is not enrolled yet, perhaps because a training began."""

    @property
    def counts(self) -> Counter[BatchOutcome]:
        """Number of files by result."""
        return Counter(line.outcome for line in self.lines)

    @property
    def persons(self) -> int:
        """Number of persons that were created."""
        return len(self._created)

    @property
    def faces(self) -> int:
        """Number of faces that were enrolled."""
        return len(self._faces)

    def take(self, photo: str, data: bytes) -> FileReport:
        """Enrol a photo, or read a CSV file for the photos that follow.

        Args:
            photo: name of the file, with its folders.
            data: its content.

        Returns:
            Its result, which is also in `lines`.

        Raises:
            TrainingNotFinishedError: the group is being trained; the photo can be given again.
        """
        suffix = PurePosixPath(photo).suffix.lower()
        if suffix == ".csv":
            line = self._read(photo, data)
        elif suffix not in SUFFIXES:
            line = FileReport(
                photo, BatchOutcome.REFUSED, reason=Message("It is not a photo: use JPEG, PNG, GIF, BMP, WebP or TIFF.")
            )
        else:
            line = self._enrol(photo, data)
        self.lines.append(line)
        return line

    def undo(self) -> int:
        """Undo everything that was enrolled: faces, and the persons that were created for them.

        Returns:
            Number of faces that were deleted.

        Raises:
            TrainingNotFinishedError: the group is being trained.
        """
        gone = 0
        while self._faces:
            person, face = self._faces[-1]
            try:
                self.gallery.faces.delete(self.ref, face, person)
                gone += 1
            except (PersonNotFoundError, PersistedFaceNotFoundError):  # deleted or moved in the meantime
                pass
            self._faces.pop()
        for person in list(self._created):
            try:
                if not self.gallery.persons.get(self.ref, person).persisted_face_ids:
                    self.gallery.persons.delete(self.ref, person)
            except PersonNotFoundError:
                pass
            self._forget(person)
        return gone

    def report(self) -> str:
        """Return what became of the files as CSV."""
        out = io.StringIO()
        sheet = csv.writer(out)
        sheet.writerow(("photo", "outcome", "person", "person id", "reason"))
        for line in self.lines:
            cells = (line.photo, line.outcome.value, line.person, line.person_id, line.reason)
            sheet.writerow([plain_cell(cell) for cell in cells])
        return out.getvalue()

    def _read(self, photo: str, data: bytes) -> FileReport:
        """Read the people of photos: columns `photo` and `person`, and `user data` if there is one."""
        try:
            rows = read_csv(data)
        except ImportSourceError as error:
            return FileReport(photo, BatchOutcome.REFUSED, reason=reason(error))
        for row in rows[:_ROWS]:
            if row.photo and row.person:
                self._table[_key(row.photo)] = _Named(row.person, row.user_data)
        return FileReport(
            photo,
            BatchOutcome.TABLE,
            reason=Message("It names the persons of {count:,} photos.", count=len(self._table)),
        )

    def _enrol(self, photo: str, data: bytes) -> FileReport:
        named = _Named("")
        person_id, created = "", False
        try:
            named = self._whose(photo)
            known = self._known(named)
            image = readable(data)
            person_id = known or self._create(named)
            created = person_id in self._faceless
            try:
                added = self.gallery.faces.add(
                    self.ref, image, person_id=person_id, operating_point=OperatingPoint.BEST, source=photo
                )
            except BaseException as error:
                # No person remains without a face; during a training nobody can be deleted.
                if created and not isinstance(error, TrainingNotFinishedError):
                    self.gallery.persons.delete(self.ref, person_id)
                    self._forget(person_id)
                    person_id, created = "", False
                raise
        except TrainingNotFinishedError:
            raise
        except (GalleryError, ImageError, ImportSourceError, _RefusedError) as error:
            return FileReport(photo, BatchOutcome.REFUSED, named.name, person_id, reason(error))
        self._faces.append((person_id, added.persisted_face_id))
        self._faceless.discard(person_id)
        self.told(person_id, added.persisted_face_id, created)
        notes = [Message("Look at it: {suspicion}.", suspicion=one.message) for one in added.duplicates[:2]]
        return FileReport(photo, BatchOutcome.ENROLLED, named.name, person_id, Message.listed(notes, " "), created)

    def _whose(self, photo: str) -> _Named:
        path = PurePosixPath(photo)
        for key in (_key(photo), _key(path.name)):
            if key in self._table:
                return self._table[key]
        name = person_of(path, self.of_people)
        if not name:
            raise _RefusedError(NOBODY)
        if len(name) > NAME_LENGTH:
            raise _RefusedError("The name has more than {most} characters.", most=NAME_LENGTH)
        return _Named(name)

    def _known(self, named: _Named) -> str | None:
        """Return the id of the person of this name; None when there is none yet."""
        key = name_key(named.name)
        if key not in self._people:
            same = self.gallery.people.namesakes(self.ref, named.name)
            if len(same) > 1:
                raise _RefusedError(
                    "{count} persons have the name {name}: enrol the photo on the page of the right one.",
                    count=len(same),
                    name=named.name,
                )
            if not same:
                return None
            self._people[key] = same[0].person_id
        return self._people[key]

    def _create(self, named: _Named) -> str:
        person_id = self.gallery.persons.create(self.ref, named.name, named.user_data)
        key = name_key(named.name)
        self._people[key], self._created[person_id] = person_id, key
        self._faceless.add(person_id)
        return person_id

    def _forget(self, person_id: str) -> None:
        self._people.pop(self._created.pop(person_id), None)
        self._faceless.discard(person_id)


def _key(path: str) -> str:
    return path.strip().replace("\\", "/").removeprefix("./").casefold()
