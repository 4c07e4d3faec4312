"""Arguments and results of the gallery's services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from mien.messages import Message


class Unset(Enum):
    """Marks a property that a caller left out of an update."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Collection:
    """A face list, large face list, person group or large person group.

    Attributes:
        collection_id: the caller's id for it.
        name: 1 to 128 characters.
        user_data: user data from the caller; None if there is none.
        recognition_model: `recognition_01` … `recognition_04`.
        persons: number of persons; 0 for face lists.
        faces: number of enrolled faces.
    """

    collection_id: str
    name: str
    user_data: str | None
    recognition_model: str
    persons: int
    faces: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a group.

    Attributes:
        person_id: lower-case hyphenated GUID.
        name: 1 to 128 characters.
        user_data: None if there is none.
        persisted_face_ids: ascending.
    """

    person_id: str
    name: str
    user_data: str | None
    persisted_face_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PersistedFace:
    """An enrolled face, without its template.

    Attributes:
        persisted_face_id: lower-case hyphenated GUID.
        user_data: None if there is none.
    """

    persisted_face_id: str
    user_data: str | None


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """An enrolled face with information about its photo.

    Attributes:
        face_id: the persisted face id, a lower-case hyphenated GUID.
        user_data: None if there is none.
        source: file name of the photo; None if unknown, for example when enrolled through the API.
        created_at: time of enrolment.
        has_crop: whether a crop of the photo is stored.
    """

    face_id: str
    user_data: str | None
    source: str | None
    created_at: datetime | None
    has_crop: bool


@dataclass(frozen=True, slots=True)
class TargetFace:
    """The face of an image to enrol: a rectangle in pixels of the full, upright image.

    The wire checks its syntax, that left and top are not negative, and that width and height are positive.
    """

    left: int
    top: int
    width: int
    height: int


class DuplicateKind(StrEnum):
    """Reason to suspect that two enrolled faces are duplicates."""

    SAME_PHOTO = "samePhoto"
    SAME_PERSON = "samePerson"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A suspected duplicate: the same photo twice, or one person under two ids.

    Attributes:
        kind: the same image file, or a different person with a very similar face.
        face_id: the face that was added last.
        person_id: id of the person; None in face lists.
        other_face_id: the face that was enrolled before.
        other_person_id: id of the other person; None in face lists.
        confidence: confidence of the two faces being of one person, in [0, 1].
        found_at: time of detection.
    """

    kind: DuplicateKind
    face_id: str
    person_id: str | None
    other_face_id: str
    other_person_id: str | None
    confidence: float
    found_at: datetime

    @property
    def message(self) -> Message:
        """The suspected duplicate as a sentence."""
        values = {"face": self.other_face_id, "person": self.other_person_id, "confidence": self.confidence}
        if self.kind is DuplicateKind.SAME_PHOTO:
            if self.other_person_id:
                return Message(
                    "this face is the same photo as persisted face {face} of person {person} "
                    "(confidence {confidence:.2f})",
                    **values,
                )
            return Message(
                "this face is the same photo as persisted face {face} (confidence {confidence:.2f})", **values
            )
        if self.other_person_id:
            return Message(
                "this face is much like persisted face {face} of person {person} (confidence {confidence:.2f})",
                **values,
            )
        return Message("this face is much like persisted face {face} (confidence {confidence:.2f})", **values)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class AddedFace:
    """The result of an enrolment.

    Attributes:
        persisted_face_id: lower-case hyphenated GUID.
        duplicates: likely duplicates, which are also stored and logged.
    """

    persisted_face_id: str
    duplicates: tuple[Duplicate, ...] = ()


class TrainingState(StrEnum):
    """The contract's training states (the wire handles v1.0's misspellings)."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """Status of the last training.

    Attributes:
        status: its state.
        created: time of the request.
        last_action: time of the last change of state or faces; later than `last_success` if a training is due.
        last_success: time of the last successful training; None before the first.
        message: reason for a failure, else None.
    """

    status: TrainingState
    created: datetime
    last_action: datetime | None
    last_success: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training that was requested, and its result.

    Attributes:
        number: 1, 2, 3 … within its collection.
        status: its state.
        asked: time of the request.
        started: time of the start or restart; None before, and if there was nothing to do.
        ended: time of the end; None before.
        attempts: number of starts; more than one if a process was killed during the training.
        unchanged: whether nothing had changed since the last success, so there was nothing to do.
        message: reason for a failure, or a remark.
        persons: number of persons at the end; None before.
        faces: number of faces at the end; None before.
    """

    number: int
    status: TrainingState
    asked: datetime
    started: datetime | None
    ended: datetime | None
    attempts: int
    unchanged: bool
    message: str | None
    persons: int | None
    faces: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two faces, or a face and a person, match; `confidence` is in [0, 1], identical from 0.5 on."""

    is_identical: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate person for a probe, with a confidence in [0, 1]."""

    person_id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Identified:
    """The candidates of one probe, best first; equally good ones by ascending person id.

    Attributes:
        face_id: id of the probe, as given.
        candidates: empty for a stranger.
        top: similarity of the best person, whatever the caller's threshold; None if nobody is near.
        second: similarity of the second-best person.
    """

    face_id: str
    candidates: tuple[Candidate, ...]
    top: float | None = None
    second: float | None = None


class FindMode(StrEnum):
    """Modes of find similar: matchPerson returns only faces of the same person, matchFace ranks all faces."""

    MATCH_PERSON = "matchPerson"
    MATCH_FACE = "matchFace"


@dataclass(frozen=True, slots=True)
class SimilarFace:
    """A face found: a short-lived `faceId` among face ids, a `persistedFaceId` in a list.

    Attributes:
        face_id: the id as given (face ids), or a lower-case GUID (lists).
        confidence: in [0, 1].
    """

    face_id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class FaceGroups:
    """A partition of face ids.

    Attributes:
        groups: groups of two or more, the largest first.
        messy_group: faces that match no other.
    """

    groups: tuple[tuple[str, ...], ...]
    messy_group: tuple[str, ...]


class OperationState(StrEnum):
    """The contract's states of an asynchronous operation (v1.0 writes the first one `notstarted`)."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AsyncOperation:
    """The result of an asynchronous write; stored for 48 hours.

    Attributes:
        operation_id: lower-case GUID.
        status: its state.
        created: time of the request.
        last_action: time of the last change of state.
        finished: time of the end; None before.
        message: reason for a failure, else None.
        resource_location: path of the result below `/face/v1.0` (`/snapshots/{id}`, `/facelists/{id}`), or None.
    """

    operation_id: str
    status: OperationState
    created: datetime
    last_action: datetime
    finished: datetime | None
    message: str | None
    resource_location: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted asynchronous write: id of the created object (None for a deletion), and the operation id."""

    id: str | None
    operation_id: str


@dataclass(frozen=True, slots=True)
class DynamicGroup:
    """A dynamic person group; attributes as in `Collection`."""

    group_id: str
    name: str
    user_data: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A v1.0 snapshot: a frozen copy of a collection that other resources may apply.

    Attributes:
        transfer_id: lower-case GUID.
        account: ARM id of the resource that took it.
        kind: kind of the collection.
        apply_scope: ids of the subscriptions (or single resources) that may apply it.
        user_data: None if there is none.
        created: time when it was taken.
        last_update: time of the last change of scope or user data.
    """

    transfer_id: str
    account: str
    kind: str
    apply_scope: tuple[str, ...]
    user_data: str | None
    created: datetime
    last_update: datetime
