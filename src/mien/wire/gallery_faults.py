"""What the gallery raises, as rows of the catalogue: one table for each family of operations.

The same fault has different answers in different places: a group that is not there is 404 where groups are managed and
400 where faces are searched in them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from mien.contract.catalogue import Row, row
from mien.contract.problem import Problem
from mien.gallery import CollectionRef, Kind
from mien.gallery import errors as gallery
from mien.wire.families import BY_KIND, FAMILIES, Family

Answer = Callable[[Any], Problem]
Table = dict[type[Exception], Answer]

COMMON = "common"
NOTHING_GIVEN: Final = "Both 'name' and 'userData' are empty."
_ID_HINT = "An id is 1 to 64 lower-case letters, digits, '-' and '_'."
_GUID_HINT = "It is not a GUID."


def explain_gallery(error: gallery.GalleryError, rows: str) -> Problem:
    """Return the answer of a family of operations to what the gallery raised.

    Args:
        error: what it raised.
        rows: the catalogue's family of the operation that was called.

    Raises:
        GalleryError: the given one, when the family has no answer to it: a bug, which becomes a 500.
    """
    table = _TABLES[rows]
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind](error)
    raise error


def _row(entry: Row, hint: str | None = None) -> Answer:
    """Answer with a row and a fixed hint, or none."""
    return lambda _error: entry.problem(hint=hint)


def _told(entry: Row) -> Answer:
    """Answer with a row and the exception's text as hint."""
    return lambda error: entry.problem(hint=str(error) or None)


def _either(malformed: Row, missing: Row, value: str | None = None, hint: str = _GUID_HINT) -> Answer:
    """Answer by whether an id could be one at all; `value` names the attribute that the missing row's text takes."""

    def problem(error: Any) -> Problem:
        if error.malformed:
            return malformed.problem(hint=hint)
        return missing.problem(values=() if value is None else [getattr(error, value)])

    return problem


def _common() -> Table:
    bad = functools.partial(row, COMMON, "BadArgument")
    image = functools.partial(row, COMMON, "InvalidImage")
    return {
        gallery.NameEmptyError: _row(bad("'name' is empty."), "name is required and may not be blank."),
        gallery.NameTooLongError: _told(bad("'name' is too long.")),
        gallery.UserDataTooLongError: _told(bad("'userData' is too long.")),
        gallery.StartTooLongError: _row(bad("'start' is too long.")),
        gallery.InvalidTopError: _row(bad("'top' is invalid.")),
        gallery.UnknownRecognitionModelError: _told(bad("'recognitionModel' is invalid.")),
        gallery.TargetFaceOutOfRangeError: _told(bad("Argument targetFace out of range.")),
        gallery.NoFaceError: _told(image("No face detected in the image.")),
        gallery.SeveralFacesError: _told(image("There is more than 1 face in the image.")),
        gallery.LowQualityError: _told(
            row("mien", "InvalidImage", "The face in the image does not meet the required quality.")
        ),
        gallery.ConflictError: _conflict,
        # The label is bound to weights that say nothing yet: another recognition model may serve.
        gallery.NotCalibratedError: _told(bad("'recognitionModel' is invalid.")),
        gallery.FingerprintMismatchError: _told(row("identify", "BadArgument", "'recognitionModel' is incompatible.")),
        gallery.IncompatibleModelError: _told(row("identify", "BadArgument", "'recognitionModel' is incompatible.")),
        gallery.TransferNotFoundError: _told(row("mien", "SnapshotNotFound", "Snapshot is not found.")),
        gallery.OperationNotFoundError: _told(row("mien", "OperationNotFound", "Operation is not found.")),
    }


_CONFLICT = row(
    COMMON,
    "ConcurrentOperationConflict",
    "There is a conflict operation on resource `<resourceName>`, please try later.",
)


def _conflict(error: gallery.ConflictError) -> Problem:
    return _CONFLICT.problem(values=[error.resource_name], headers=[(b"retry-after", b"1")])


# Collections and what is in them


def _collection(family: Family) -> Table:
    a_row = functools.partial(row, family.rows)
    invalid = f"{family.noun} ID is invalid."
    not_found, face_not_found = f"{family.name}NotFound", "PersistedFaceNotFound"
    table: Table = {
        gallery.InvalidCollectionIdError: _row(a_row("BadArgument", invalid), _ID_HINT),
        gallery.CollectionNotFoundError: _either(
            a_row(not_found, invalid), a_row(not_found, f"{family.noun} is not found."), hint=_ID_HINT
        ),
        gallery.CollectionExistsError: _row(a_row(f"{family.name}Exists", f"{family.noun} already exists.")),
        # The contract lists this row for the large kinds only; the small ones are as empty.
        gallery.NothingToUpdateError: _row(row("large_face_list", "BadArgument", NOTHING_GIVEN)),
        gallery.QuotaExceededError: _quota,
    }
    invalid_face = a_row(face_not_found, "Persisted face ID is invalid.")
    if family.kind is Kind.LARGE_FACE_LIST:
        missing = a_row(face_not_found, "Large Face List Face `<faceId>` is not found.")
        table[gallery.PersistedFaceNotFoundError] = _either(invalid_face, missing, "face_id")
    elif family.kind is Kind.FACE_LIST:
        missing = a_row(face_not_found, "Persisted face is not found.")
        table[gallery.PersistedFaceNotFoundError] = _either(invalid_face, missing)
    else:
        missing = a_row(face_not_found, "Persisted face `<faceId>` is not found.")
        table[gallery.PersistedFaceNotFoundError] = _either(invalid_face, missing, "face_id")
        table[gallery.PersonNotFoundError] = _either(
            a_row("PersonNotFound", "Person ID is invalid."),
            a_row("PersonNotFound", "Person `<personId>` is not found."),
            "person_id",
        )
    if family.kind.trained:
        table[gallery.NotTrainedError] = _row(a_row(f"{family.name}NotTrained", f"{family.noun} not trained."))
        table[gallery.TrainingNotFinishedError] = _row(
            a_row(f"{family.name}TrainingNotFinished", f"{family.noun} is under training.")
        )
    return table


def _removal(family: Family) -> Table:
    """The contract has two texts for a face that is not there: reading names the face, changing does not."""
    missing = row(family.rows, "PersistedFaceNotFound", "Persisted face is not found.")
    invalid = row(family.rows, "PersistedFaceNotFound", "Persisted face ID is invalid.")
    return {**_collection(family), gallery.PersistedFaceNotFoundError: _either(invalid, missing)}


_Q = gallery.Quota
_LIMITS: Final[Mapping[tuple[gallery.Quota, Kind], tuple[str, str]]] = {
    (_Q.COLLECTIONS, Kind.FACE_LIST): ("face_list", "Face List number reached limit."),
    (_Q.COLLECTIONS, Kind.LARGE_FACE_LIST): ("large_face_list", "Large Face List number reached limit."),
    (_Q.COLLECTIONS, Kind.PERSON_GROUP): ("person_group", "Person group number reached subscription level limit."),
    (_Q.COLLECTIONS, Kind.LARGE_PERSON_GROUP): (
        "large_person_group",
        "Large person group number reached subscription level limit.",
    ),
    (_Q.PERSONS_OF_COLLECTION, Kind.PERSON_GROUP): ("person_group", "Person number reached person group level limit."),
    (_Q.PERSONS_OF_COLLECTION, Kind.LARGE_PERSON_GROUP): (
        "large_person_group",
        "Person number reached large person group level limit.",
    ),
}
_LIMITS_OF_ALL: Final[Mapping[gallery.Quota, tuple[str, str]]] = {
    _Q.PERSONS_OF_COLLECTION: ("person_directory", "Person number reached subscription level limit."),
    _Q.PERSONS_OF_RESOURCE: ("person_group", "Person number reached subscription level limit."),
    _Q.FACES: ("face_list", "Persisted face number reached limit."),
    _Q.DYNAMIC_GROUPS: ("mien", "Dynamic person group number reached subscription level limit."),
    _Q.TRANSFERS: ("mien", "Snapshot number reached limit."),
}


def _quota(error: gallery.QuotaExceededError) -> Problem:
    family, message = _LIMITS.get((error.quota, error.kind)) or _LIMITS_OF_ALL[error.quota]
    return row(family, "QuotaExceeded", message).problem(hint=str(error))


# Recognition


def _ref_table(rows: str, texts: Mapping[Kind, tuple[str, str]]) -> Answer:
    """Answer, by the kind of the collection, that its id is malformed or that it is not there; both are 400."""
    answers = {
        kind: _either(row(rows, "BadArgument", bad), row(rows, f"{BY_KIND[kind].name}NotFound", missing), hint=_ID_HINT)
        for kind, (bad, missing) in texts.items()
    }
    return lambda error: answers[error.ref.kind](error)


def _by_kind(rows: str, suffix: str, text: str, kinds: tuple[Kind, ...]) -> Answer:
    entries = {kind: row(rows, f"{BY_KIND[kind].name}{suffix}", f"{BY_KIND[kind].noun} {text}") for kind in kinds}

    def problem(error: Any) -> Problem:
        ref: CollectionRef = error.ref
        return entries[ref.kind].problem(
            hint=f"Call POST {BY_KIND[ref.kind].path}/{ref.collection_id}/train, and wait."
        )

    return problem


_GROUPS = (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
_EXPIRED = "It is not a face id of this resource, or its time is over."


def _incompatible(rows: str) -> Table:
    answer = _told(row(rows, "BadArgument", "'recognitionModel' is incompatible."))
    return dict.fromkeys(
        (gallery.IncompatibleModelError, gallery.FingerprintMismatchError, gallery.NotCalibratedError), answer
    )


def _identify() -> Table:
    rows = "identify"
    texts = {kind: (f"{BY_KIND[kind].noun} ID is invalid.", f"{BY_KIND[kind].noun} is not found.") for kind in _GROUPS}
    return {
        **_incompatible(rows),
        gallery.FaceNotFoundError: _row(row(rows, "FaceNotFound", "Face is not found."), _EXPIRED),
        gallery.CollectionNotFoundError: _ref_table(rows, texts),
        gallery.DynamicGroupNotFoundError: _either(
            row(rows, "BadArgument", "Dynamic person group ID is invalid."),
            row(rows, "DynamicPersonGroupNotFound", "Dynamic person group is not found."),
            hint=_ID_HINT,
        ),
        gallery.PersonNotFoundError: _row(row("verify", "PersonNotFound", "Person is not found.", 400)),
        gallery.NotTrainedError: _by_kind(rows, "NotTrained", "not trained.", _GROUPS),
        gallery.TrainingNotFinishedError: _by_kind(rows, "TrainingNotFinished", "is under training.", _GROUPS),
    }


_EMPTY_GUID = "00000000-0000-0000-0000-000000000000"


def _verify() -> Table:
    rows = "verify"
    texts = {
        Kind.PERSON_GROUP: ("Person group ID is invalid.", "Person Group is not found."),
        Kind.LARGE_PERSON_GROUP: ("Large person group ID is invalid.", "Large Person Group is not found."),
    }
    invalid_person = row(rows, "BadArgument", "Person ID is invalid.")
    no_person = row(rows, "PersonNotFound", "Person is not found.", 404)
    never_a_person = row(rows, "PersonNotFound", "Person is not found.", 400)

    def person(error: gallery.PersonNotFoundError) -> Problem:
        if error.malformed:
            return invalid_person.problem(hint=_GUID_HINT)
        if error.person_id == _EMPTY_GUID:
            return never_a_person.problem(hint="personId is the empty GUID: a variable was probably never set.")
        return no_person.problem()

    return {
        **_incompatible(rows),
        gallery.FaceNotFoundError: _either(
            row(rows, "BadArgument", "Face ID is invalid."), row(rows, "FaceNotFound", "Face is not found.")
        ),
        gallery.PersonNotFoundError: person,
        gallery.PersonHasNoFaceError: _row(
            row(rows, "PersistedFaceNotFound", "No persisted face of the person is found.")
        ),
        gallery.CollectionNotFoundError: _ref_table(rows, texts),
    }


def _find_similar() -> Table:
    rows = "find_similar"
    texts = {
        Kind.FACE_LIST: ("Face list ID is invalid.", "Face list is not found."),
        Kind.LARGE_FACE_LIST: ("Large face list ID is invalid.", "Large face list is not found."),
    }
    lists = (Kind.LARGE_FACE_LIST,)
    return {
        **_incompatible(rows),
        gallery.FaceNotFoundError: _row(row(rows, "FaceNotFound", "Face is not found."), _EXPIRED),
        gallery.CollectionNotFoundError: _ref_table(rows, texts),
        gallery.FaceListEmptyError: _row(row(rows, "FaceListNotReady", "Face list is empty.")),
        gallery.NotTrainedError: _by_kind(rows, "NotTrained", "is not trained.", lists),
        gallery.TrainingNotFinishedError: _by_kind(rows, "TrainingNotFinished", "is under training.", lists),
    }


def _group() -> Table:
    return {
        **_incompatible("group"),
        # The contract has no row of this family for it; this is the one of the other searches.
        gallery.FaceNotFoundError: _row(row("identify", "FaceNotFound", "Face is not found."), _EXPIRED),
    }


# Person directory


def _directory() -> Table:
    a_row = functools.partial(row, "person_directory")
    exists = a_row("DynamicPersonGroupExists", "Dynamic person group ID `<groupId>` already exists.")
    return {
        gallery.UnknownRecognitionModelError: _told(
            a_row("BadArgument", "Recognition model is not supported for this feature.")
        ),
        gallery.InvalidStartError: _row(a_row("BadArgument", "'start' is not valid person ID."), _GUID_HINT),
        gallery.NothingToUpdateError: _row(a_row("BadArgument", NOTHING_GIVEN)),
        gallery.QuotaExceededError: _directory_quota,
        gallery.DynamicGroupNotFoundError: _either(
            a_row("DynamicPersonGroupNotFound", "Dynamic person group ID is invalid."),
            a_row("DynamicPersonGroupNotFound", "Dynamic person group was not found."),
            hint=_ID_HINT,
        ),
        gallery.DynamicGroupExistsError: lambda error: exists.problem(values=[error.group_id]),
        gallery.PersonNotFoundError: _either(
            a_row("PersonNotFound", "Person ID is invalid."), a_row("PersonNotFound", "Person is not found.")
        ),
        gallery.PersistedFaceNotFoundError: _either(
            a_row("PersistedFaceNotFound", "Persisted Face ID is invalid."),
            a_row("PersistedFaceNotFound", "Persisted face `<faceId>` is not found."),
            "face_id",
        ),
    }


def _directory_quota(error: gallery.QuotaExceededError) -> Problem:
    if error.quota is _Q.FACES:
        return row("person_directory", "QuotaExceeded", "Persisted face number reached limit.").problem(hint=str(error))
    return _quota(error)


def _directory_removal() -> Table:
    a_row = functools.partial(row, "person_directory", "PersistedFaceNotFound")
    answer = _either(a_row("Persisted Face ID is invalid."), a_row("Persisted face is not found."))
    return {**_directory(), gallery.PersistedFaceNotFoundError: answer}


def _references() -> Table:
    """The list of a dynamic group's persons speaks of references where the other calls speak of the group."""
    missing = row(
        "person_directory",
        "DynamicPersonGroupNotFound",
        "DynamicPersonGroupPersonReference `<groupId>` is not found.",
    )
    malformed = row("person_directory", "DynamicPersonGroupNotFound", "Dynamic person group ID is invalid.")
    answer = _either(malformed, missing, "group_id", _ID_HINT)
    return {**_directory(), gallery.DynamicGroupNotFoundError: answer}


# v1.0 snapshots: the faults of the collection that is copied or made


def _transfer() -> Table:
    collections = {family.kind: _collection(family) for family in FAMILIES}

    def of_kind(error: Any) -> Problem:
        return collections[error.ref.kind][type(error)](error)

    kinds = (
        gallery.InvalidCollectionIdError,
        gallery.CollectionNotFoundError,
        gallery.CollectionExistsError,
        gallery.TrainingNotFinishedError,
    )
    table: Table = dict.fromkeys(kinds, of_kind)
    nothing = row("mien", "BadArgument", "Both 'applyScope' and 'userData' are empty.")
    return {**table, gallery.NothingToUpdateError: _row(nothing), gallery.QuotaExceededError: _quota}


REMOVAL: Final = "/removal"
"""Appended to a family's name where a persisted face is changed or removed."""


def _tables() -> Mapping[str, Table]:
    groups = [family for family in FAMILIES if family.kind.has_persons]
    tables = {
        **{family.rows: _collection(family) for family in FAMILIES},
        **{family.rows + REMOVAL: _removal(family) for family in groups},
        "identify": _identify(),
        "verify": _verify(),
        "find_similar": _find_similar(),
        "group": _group(),
        "person_directory": _directory(),
        "person_directory" + REMOVAL: _directory_removal(),
        "person_directory/references": _references(),
        "transfer": _transfer(),
    }
    common = _common()
    return {name: {**common, **table} for name, table in tables.items()}


_TABLES: Final = _tables()  # when the module is imported: a row that is not there shows at once
