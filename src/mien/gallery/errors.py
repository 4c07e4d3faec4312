"""Errors of the gallery. No HTTP here: one table in the wire maps them to the contract's errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from mien.gallery.kinds import CollectionRef, Kind, parse_id
from mien.messages import Message, MessageError


class GalleryError(MessageError):
    """Base of everything that the gallery raises on purpose; the text is fit for a hint."""


# Arguments


class InvalidCollectionIdError(GalleryError):
    """A collection cannot be made under this id: it is not 1 to 64 of a-z, 0-9, "-" and "_"."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("an id is 1 to 64 lower-case letters, digits, '-' and '_'")
        self.ref = ref


class NameEmptyError(GalleryError):
    """A name is required and missing, empty or white space."""


class NameTooLongError(GalleryError):
    """A name has more than 128 characters."""


class UserDataTooLongError(GalleryError):
    """User data is longer than the contract allows where it was given."""


class NothingToUpdateError(GalleryError):
    """Neither a name nor user data was given."""


class StartTooLongError(GalleryError):
    """A page's start has more than 64 characters."""


class InvalidTopError(GalleryError):
    """A page's size is not 1 to 1000."""


class UnknownRecognitionModelError(GalleryError):
    """A recognition model is not one of recognition_01 … recognition_04."""


# What is not there, or is already


class CollectionNotFoundError(GalleryError):
    """There is no such collection.

    Attributes:
        ref: what was asked for.
        malformed: the id could not be one.
    """

    def __init__(self, ref: CollectionRef, *, malformed: bool = False) -> None:
        if malformed:
            super().__init__("there is no {kind} of that id: it is malformed", kind=ref.kind.value)
        else:
            super().__init__("there is no {kind} of that id", kind=ref.kind.value)
        self.ref = ref
        self.malformed = malformed


class CollectionExistsError(GalleryError):
    """There is a collection of that kind and id already."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("there is a {kind} of that id", kind=ref.kind.value)
        self.ref = ref


class PersonNotFoundError(GalleryError):
    """There is no such person in the collection (or in the directory, when `kind` is `Kind.DIRECTORY`).

    Attributes:
        kind: where it was looked for.
        person_id: as it was given.
        malformed: it is not a GUID.
    """

    def __init__(self, kind: Kind, person_id: str) -> None:
        super().__init__("there is no such person")
        self.kind = kind
        self.person_id = person_id
        self.malformed = parse_id(person_id) is None


class PersistedFaceNotFoundError(GalleryError):
    """There is no such enrolled face where it was looked for; attributes as in `PersonNotFoundError`."""

    def __init__(self, kind: Kind, face_id: str) -> None:
        super().__init__("there is no such persisted face")
        self.kind = kind
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class FaceNotFoundError(GalleryError):
    """A short-lived face id is unknown or has expired.

    Attributes:
        face_id: as it was given.
        malformed: it is not a GUID.
    """

    def __init__(self, face_id: str) -> None:
        super().__init__("the face id is unknown or has expired")
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class PersonHasNoFaceError(GalleryError):
    """Verification against a person of whom no face is enrolled."""


class FaceListEmptyError(GalleryError):
    """Find similar in a face list without faces."""


class SamePersonError(GalleryError):
    """Faces were to go from a person to the same person."""

    def __init__(self) -> None:
        super().__init__("this is the same person: name another one")


class ContradictedMergeError(GalleryError):
    """Two persons were to be merged of whom people said that they are not one.

    Attributes:
        negatives: how many negatives say so.
    """

    def __init__(self, negatives: int) -> None:
        self.negatives = negatives
        if negatives == 1:
            super().__init__('a kept face says that these are two people: somebody answered "not this person"')
        else:
            super().__init__(
                '{count} kept faces say that these are two people: somebody answered "not this person"', count=negatives
            )


class NoTemplateError(GalleryError):
    """An enrolled face has no template: it was left out of a migration."""


class CorrectionNotFoundError(GalleryError):
    """There is no such merge or move that could be undone."""


class CannotUndoError(GalleryError):
    """A merge or move cannot be undone: the faces or persons were changed since."""


class AlreadyThereError(GalleryError):
    """A person was to move to a group that has the person, or faces of theirs, already: a copy of the other, perhaps.

    Attributes:
        ref: the group.
    """

    def __init__(self, ref: CollectionRef) -> None:
        name = f"{ref.kind.value}/{ref.collection_id}"
        super().__init__(
            "{name} has this person, or a face of theirs, under the same id already: erase one of them", name=name
        )
        self.ref = ref


class NotAGroupError(GalleryError):
    """A person was to move to a list, which has faces but no persons."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__(
            "{kind}/{collection_id} has no persons: name a person group",
            kind=ref.kind.value,
            collection_id=ref.collection_id,
        )
        self.ref = ref


# State


class NotTrainedError(GalleryError):
    """The collection was never trained with success."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} was never trained with success", kind=ref.kind.value)
        self.ref = ref


class TrainingNotFinishedError(GalleryError):
    """The collection is being trained: it cannot be written, nor searched before its first training has succeeded."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} is being trained; try again when it has finished", kind=ref.kind.value)
        self.ref = ref


class ConflictError(GalleryError):
    """Another write to the same thing was faster or holds it.

    Attributes:
        resource_name: what, for the contract's message.
    """

    def __init__(self, resource_name: str) -> None:
        super().__init__("another operation on {resource_name} is under way", resource_name=resource_name)
        self.resource_name = resource_name


class Quota(Enum):
    """Kinds of objects with a quota."""

    COLLECTIONS = Message("collections of a kind in a resource")
    PERSONS_OF_COLLECTION = Message("persons in a collection")
    PERSONS_OF_RESOURCE = Message("persons in a resource")
    FACES = Message("faces of a person or list")
    DYNAMIC_GROUPS = Message("dynamic person groups of a resource")
    TRANSFERS = Message("snapshots taken or applied")


class QuotaExceededError(GalleryError):
    """A tier's limit is reached.

    Attributes:
        quota: which.
        kind: of the collection.
        limit: how many there may be.
    """

    def __init__(self, quota: Quota, kind: Kind, limit: int) -> None:
        super().__init__("this resource's tier allows {limit} {quota}", limit=limit, quota=quota.value)
        self.quota = quota
        self.kind = kind
        self.limit = limit


# Models


class IncompatibleModelError(GalleryError):
    """Faces of different recognition models were to be compared."""


class FingerprintMismatchError(GalleryError):
    """Templates of one label come from different weights: it was bound anew. The text says what mends it.

    Args:
        label: the recognition model.
        ref: the collection whose faces are of other weights; None when it is a short-lived face.
    """

    def __init__(self, label: str, ref: CollectionRef | None = None) -> None:
        if ref is None:
            super().__init__(
                "{label} was bound to another recogniser since a face was detected: detect it again", label=label
            )
            return
        name = f"{ref.kind.value}/{ref.collection_id}"
        super().__init__(
            "{label} was bound to another recogniser since the faces of {name} were enrolled: "
            "the operator runs `mien models migrate --collection {name}` and starts the servers "
            "anew, or binds {label} back (`mien models bind`)",
            label=label,
            name=name,
        )


class OtherRecogniserError(GalleryError):
    """A person was to move to a group whose faces are of another recogniser. The text says what mends it.

    Args:
        ref: where the person is.
        to: where they were to go.
        labels: the recognition models of both; the same when only the weights differ.
        stale: which of the two is to be migrated.
    """

    def __init__(self, ref: CollectionRef, to: CollectionRef, labels: tuple[str, str], stale: CollectionRef) -> None:
        name, other, which = (f"{one.kind.value}/{one.collection_id}" for one in (ref, to, stale))
        if labels[0] != labels[1]:
            why = Message(
                "{name} is of {label} and {other} of {other_label}",
                name=name,
                label=labels[0],
                other=other,
                other_label=labels[1],
            )
            command = f"{which} --to {max(labels)}"
        else:
            command = which
            why = Message(
                "the faces of {name} and {other} were made by different weights of {label}",
                name=name,
                other=other,
                label=labels[0],
            )
        super().__init__(
            "{why}, whose templates cannot be compared: the operator runs `mien models migrate "
            "--collection {command}` first, or the person's photos are enrolled there anew",
            why=why,
            command=command,
        )
        self.ref = ref
        self.to = to


class NotCalibratedError(GalleryError):
    """A recogniser has no calibration, so that a similarity says nothing yet. The text says what mends it."""

    def __init__(self, pack: str) -> None:
        super().__init__(
            "the recogniser {pack} has no calibration: give it one with `mien models calibrate {pack} FILE`", pack=pack
        )


# Enrolment


class NoFaceError(GalleryError):
    """No face was found in the image, or none in the target rectangle."""


class SeveralFacesError(GalleryError):
    """More than one face was found in the image or in the target rectangle; the text says where."""


class TargetFaceOutOfRangeError(GalleryError):
    """The target rectangle does not lie in the image."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One measure of a photo that the quality policy does not accept.

    Attributes:
        measure: its name in the policy, e.g. `blur`.
        found: what the photo has, in words or numbers.
        required: what the policy asks for.
    """

    measure: str
    found: str
    required: str

    @property
    def message(self) -> Message:
        """The sentence, for people."""
        return Message(
            "{measure} is {found}, required is {required}",
            measure=self.measure,
            found=self.found,
            required=self.required,
        )

    def __str__(self) -> str:
        return self.message


class LowQualityError(GalleryError):
    """The photo does not meet the quality policy of the collection; the text says which measures fail and by how much.

    Attributes:
        shortfalls: what fails, at least one.
    """

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        super().__init__(Message.listed(one.message for one in shortfalls))
        self.shortfalls = tuple(shortfalls)


# Person directory and v1.0 snapshots


class DynamicGroupNotFoundError(GalleryError):
    """There is no such dynamic person group; `malformed` when the id could not be one."""

    def __init__(self, group_id: str, *, malformed: bool = False) -> None:
        super().__init__("there is no dynamic person group of that id")
        self.group_id = group_id
        self.malformed = malformed


class DynamicGroupExistsError(GalleryError):
    """There is a dynamic person group of that id already."""

    def __init__(self, group_id: str) -> None:
        super().__init__("there is a dynamic person group of that id")
        self.group_id = group_id


class InvalidStartError(GalleryError):
    """A page of persons was asked to start at something that is not a person id."""


class OperationNotFoundError(GalleryError):
    """There is no such operation, or it is older than 48 hours."""


class TransferNotFoundError(GalleryError):
    """There is no such v1.0 snapshot, it has expired, or this resource may not apply it."""


# Evaluations and the calibrations applied from them


class InvalidEvaluationNameError(GalleryError):
    """The name of an evaluation is not 1 to 64 letters, digits, spaces and simple punctuation."""

    def __init__(self, name: str) -> None:
        super().__init__("{name!r} cannot be a name: use 1 to 64 letters, digits, spaces and .,()+-", name=name[:80])


class EvaluationExistsError(GalleryError):
    """The resource has an evaluation of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("there is an evaluation {name!r} already: choose another name, or delete it first", name=name)


class EvaluationNotFoundError(GalleryError):
    """The resource has no evaluation of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("there is no evaluation {name!r}", name=name[:80])


class NotMeasuredError(GalleryError):
    """An evaluation has no calibration: its people were too few for the false match rate."""

    def __init__(self, name: str, missing: int) -> None:
        if missing:
            super().__init__(
                "the evaluation {name!r} has no calibration: it needs {missing:,} more people, or a higher false match "
                "rate",
                name=name,
                missing=missing,
            )
        else:
            super().__init__("the evaluation {name!r} has no calibration", name=name)


class CalibrationMismatchError(GalleryError):
    """A calibration was measured on templates of another recogniser than those it should hold for."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(
            "the evaluation {name!r} was measured on templates of another recogniser than those "
            "of {where}: measure again with the model that is in use",
            name=name,
            where=where,
        )


class InvalidReviewPolicyError(GalleryError):
    """A review policy has a value out of range, or names an alert rule that is not there."""


class ReviewNotFoundError(GalleryError):
    """The resource has no such case."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__("there is no review {case_id}", case_id=case_id)


class ReviewExistsError(GalleryError):
    """An application's id of a case is in use for another match."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__(
            "the id {case_id} is that of a case with other contents; choose a new GUID for another match",
            case_id=case_id,
        )


class InvalidReviewError(GalleryError):
    """What is filed for review is not a match that the server can check."""


class ReviewDecidedError(GalleryError):
    """A case is decided already, or not yet, so that what was asked for cannot be done."""

    def __init__(self, case_id: UUID, *, still_open: bool = False) -> None:
        if still_open:
            super().__init__(
                "the review {case_id} is still open: it must be decided before it can be deleted", case_id=case_id
            )
        else:
            super().__init__("the review {case_id} is decided already", case_id=case_id)


class AlreadyAnsweredError(GalleryError):
    """A reviewer has answered the case before: another person must."""

    def __init__(self) -> None:
        super().__init__("you have answered this review: another person must answer next")


class OwnCaseError(GalleryError):
    """A reviewer filed the case themselves."""

    def __init__(self) -> None:
        super().__init__("you filed this review: other people must answer it")


class UnknownCandidateError(GalleryError):
    """A case has no such candidate, or a candidate is not a person of its collection."""


class NothingToUndoError(GalleryError):
    """No calibration was applied in a scope, or the last step was a step back already."""

    def __init__(self, where: str) -> None:
        super().__init__("there is nothing to take back for {where}", where=where)


class NegativesOffError(GalleryError):
    """The policy of a collection does not keep negatives."""

    def __init__(self) -> None:
        super().__init__(
            "the policy of this collection keeps no negatives: set it with `mien gallery policy RESOURCE --negatives`"
        )


class TooManyNegativesError(GalleryError):
    """A person has as many negatives as there may be."""

    def __init__(self, most: int) -> None:
        super().__init__("the person has {most} negatives; remove one first", most=most)


class NegativeNotFoundError(GalleryError):
    """There is no such negative."""

    def __init__(self, negative_id: UUID) -> None:
        super().__init__("there is no negative {negative_id}", negative_id=negative_id)
