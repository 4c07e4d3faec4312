"""Maps the gallery's errors to rows of the error catalogue, with one table per operation family.

The same fault has different responses: a group that does not exist is 404 when groups are managed, and 400 when faces
are searched in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mien.contract.catalogue import Row, row
from mien.contract.problem import Problem
from mien.gallery import CollectionRef, Kind
from mien.gallery import errors as gallery
from mien.gallery.kinds import FACE_LISTS, PERSON_GROUPS
from mien.wire.families import BY_KIND, FAMILIES, Family

Answer = Callable[[Any], Problem]
Table = dict[type[Exception], Answer]

_ID_HINT = "An id is 1 to 64 lower-case letters, digits, '-' and '_'."
_GUID_HINT = "It is not a GUID."


def explain_gallery(error: gallery.GalleryError, rows: str) -> Problem:
    """Return an operation family's response to an error of the gallery.

    Args:
        error: the error.
        rows: the operation's family in the error catalogue.

    Raises:
        GalleryError: the given error, if the family has no row for it; this is a bug and becomes a 500.
    """
    table = _TABLES[rows]
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind](error)
    raise error


def _with_hint(entry: Row, hint: str | None = None) -> Answer:
    """Answer with a row and a fixed or no hint."""
    return lambda _error: entry.problem(hint=hint)


def _with_text(entry: Row) -> Answer:
    """Answer with a row and the exception's text as hint."""
    return lambda error: entry.problem(hint=str(error) or None)


def _either(malformed: Row, missing: Row, value: str | None = None, hint: str = _GUID_HINT) -> Answer:
    """Answer with the row for a malformed id or for a missing object, whose text takes the attribute `value`."""

    def problem(error: Any) -> Problem:
        if error.malformed:
            return malformed.problem(hint=hint)
        return missing.problem(values=() if value is None else [getattr(error, value)])

    return problem


def _common() -> Table:
    return {
        gallery.NameEmptyError: _with_hint(row("common.name_empty"), "name is required and may not be blank."),
        gallery.NameTooLongError: _with_text(row("common.name_too_long")),
        gallery.UserDataTooLongError: _with_text(row("common.user_data_too_long")),
        gallery.StartTooLongError: _with_hint(row("common.start_too_long")),
        gallery.InvalidTopError: _with_hint(row("common.top_invalid")),
        gallery.UnknownRecognitionModelError: _with_text(row("common.recognition_model_invalid")),
        gallery.TargetFaceOutOfRangeError: _with_text(row("common.target_face_out_of_range")),
        gallery.NoFaceError: _with_text(row("common.no_face")),
        gallery.SeveralFacesError: _with_text(row("common.several_faces")),
        gallery.LowQualityError: _with_text(row("mien.low_quality")),
        gallery.ConflictError: _conflict,
        # The scores of the model behind the label are not calibrated; those of another recognition model may be.
        gallery.NotCalibratedError: _with_text(row("common.recognition_model_invalid")),
        gallery.FingerprintMismatchError: _with_text(row("identify.model_incompatible")),
        gallery.IncompatibleModelError: _with_text(row("identify.model_incompatible")),
        gallery.TransferNotFoundError: _with_text(row("mien.snapshot_not_found")),
        gallery.OperationNotFoundError: _with_text(row("mien.operation_not_found")),
    }


_CONFLICT = row("common.conflict")


def _conflict(error: gallery.ConflictError) -> Problem:
    return _CONFLICT.problem(values=[error.resource_name], headers=[(b"retry-after", b"1")])


# Collections and their contents


def _collection(family: Family) -> Table:
    rows = family.rows
    # The contract lists this row for the large kinds only; the small ones use it too.
    nothing = rows if rows.startswith("large_") else "large_face_list"
    table: Table = {
        gallery.InvalidCollectionIdError: _with_hint(row(f"{rows}.id_invalid"), _ID_HINT),
        gallery.CollectionNotFoundError: _either(row(f"{rows}.no_such_id"), row(f"{rows}.not_found"), hint=_ID_HINT),
        gallery.CollectionExistsError: _with_hint(row(f"{rows}.exists")),
        gallery.NothingToUpdateError: _with_hint(row(f"{nothing}.nothing_to_update")),
        gallery.QuotaExceededError: _quota,
    }
    if family.kind is Kind.FACE_LIST:
        missing = _either(row("face_list.face_id_invalid"), row("face_list.face_not_found"))
    else:
        missing = _either(row(f"{rows}.face_id_invalid"), row(f"{rows}.named_face_not_found"), "face_id")
    table[gallery.PersistedFaceNotFoundError] = missing
    if family.kind.has_persons:
        table[gallery.PersonNotFoundError] = _either(
            row(f"{rows}.person_id_invalid"), row(f"{rows}.person_not_found"), "person_id"
        )
    if family.kind.trained:
        table[gallery.NotTrainedError] = _with_hint(row(f"{rows}.not_trained"))
        table[gallery.TrainingNotFinishedError] = _with_hint(row(f"{rows}.in_training"))
    return table


def _removal(family: Family) -> Table:
    """The contract has two texts for a missing face: with its id when it is read, without when it is changed."""
    answer = _either(row(f"{family.rows}.face_id_invalid"), row(f"{family.rows}.face_not_found"))
    return {**_collection(family), gallery.PersistedFaceNotFoundError: answer}


_Q = gallery.Quota
_QUOTAS_OF_KIND: Final[Mapping[tuple[gallery.Quota, Kind], Row]] = {
    **{(_Q.COLLECTIONS, family.kind): row(f"{family.rows}.quota_collections") for family in FAMILIES},
    **{
        (_Q.PERSONS_OF_COLLECTION, family.kind): row(f"{family.rows}.quota_persons")
        for family in FAMILIES
        if family.kind.has_persons
    },
}
_QUOTAS: Final[Mapping[gallery.Quota, Row]] = {
    _Q.PERSONS_OF_COLLECTION: row("person_directory.quota_persons"),
    _Q.PERSONS_OF_RESOURCE: row("person_group.quota_persons_of_resource"),
    _Q.FACES: row("face_list.quota_faces"),
    _Q.DYNAMIC_GROUPS: row("mien.quota_dynamic_groups"),
    _Q.TRANSFERS: row("mien.quota_snapshots"),
}


def _quota(error: gallery.QuotaExceededError) -> Problem:
    entry = _QUOTAS_OF_KIND.get((error.quota, error.kind)) or _QUOTAS[error.quota]
    return entry.problem(hint=str(error))


# Recognition


def _ref_table(rows: str, kinds: tuple[Kind, ...]) -> Answer:
    """Answer, by the collection's kind, that its id is malformed or that it does not exist; both are 400."""
    names = {kind: f"{rows}.{BY_KIND[kind].rows}" for kind in kinds}
    answers = {
        kind: _either(row(f"{name}.id_invalid"), row(f"{name}.not_found"), hint=_ID_HINT)
        for kind, name in names.items()
    }
    return lambda error: answers[error.ref.kind](error)


def _training_table(rows: str, kinds: tuple[Kind, ...]) -> Table:
    """Answer that a collection is not trained, or is being trained."""

    def by_kind(fault: str) -> Answer:
        entries = {kind: row(f"{rows}.{BY_KIND[kind].rows}.{fault}") for kind in kinds}

        def problem(error: Any) -> Problem:
            ref: CollectionRef = error.ref
            return entries[ref.kind].problem(
                hint=f"Call POST {BY_KIND[ref.kind].path}/{ref.collection_id}/train, and wait."
            )

        return problem

    return {
        gallery.NotTrainedError: by_kind("not_trained"),
        gallery.TrainingNotFinishedError: by_kind("in_training"),
    }


_EXPIRED = "It is not a face id of this resource, or its time is over."


def _incompatible(rows: str) -> Table:
    answer = _with_text(row(f"{rows}.model_incompatible"))
    return dict.fromkeys(
        (gallery.IncompatibleModelError, gallery.FingerprintMismatchError, gallery.NotCalibratedError), answer
    )


def _identify() -> Table:
    return {
        **_incompatible("identify"),
        **_training_table("identify", PERSON_GROUPS),
        gallery.FaceNotFoundError: _with_hint(row("identify.face_not_found"), _EXPIRED),
        gallery.CollectionNotFoundError: _ref_table("identify", PERSON_GROUPS),
        gallery.DynamicGroupNotFoundError: _either(
            row("identify.dynamic_group.id_invalid"), row("identify.dynamic_group.not_found"), hint=_ID_HINT
        ),
        gallery.PersonNotFoundError: _with_hint(row("verify.never_a_person")),
    }


_EMPTY_GUID = "00000000-0000-0000-0000-000000000000"


def _verify() -> Table:
    invalid_person = row("verify.person_id_invalid")
    no_person = row("verify.person_not_found")
    never_a_person = row("verify.never_a_person")

    def person(error: gallery.PersonNotFoundError) -> Problem:
        if error.malformed:
            return invalid_person.problem(hint=_GUID_HINT)
        if error.person_id == _EMPTY_GUID:
            return never_a_person.problem(hint="personId is the empty GUID: a variable was probably never set.")
        return no_person.problem()

    return {
        **_incompatible("verify"),
        gallery.FaceNotFoundError: _either(row("verify.face_id_invalid"), row("verify.face_not_found")),
        gallery.PersonNotFoundError: person,
        gallery.PersonHasNoFaceError: _with_hint(row("verify.person_without_face")),
        gallery.CollectionNotFoundError: _ref_table("verify", PERSON_GROUPS),
    }


def _find_similar() -> Table:
    return {
        **_incompatible("find_similar"),
        **_training_table("find_similar", (Kind.LARGE_FACE_LIST,)),
        gallery.FaceNotFoundError: _with_hint(row("find_similar.face_not_found"), _EXPIRED),
        gallery.CollectionNotFoundError: _ref_table("find_similar", FACE_LISTS),
        gallery.FaceListEmptyError: _with_hint(row("find_similar.face_list_empty")),
    }


def _group() -> Table:
    return {
        **_incompatible("group"),
        # The contract has no row in this family; this is the row of the other searches.
        gallery.FaceNotFoundError: _with_hint(row("identify.face_not_found"), _EXPIRED),
    }


# Person directory


def _directory() -> Table:
    exists = row("person_directory.group_exists")
    return {
        gallery.UnknownRecognitionModelError: _with_text(row("person_directory.model_unsupported")),
        gallery.InvalidStartError: _with_hint(row("person_directory.start_invalid"), _GUID_HINT),
        gallery.NothingToUpdateError: _with_hint(row("person_directory.nothing_to_update")),
        gallery.QuotaExceededError: _directory_quota,
        gallery.DynamicGroupNotFoundError: _either(
            row("person_directory.group_id_invalid"), row("person_directory.group_not_found"), hint=_ID_HINT
        ),
        gallery.DynamicGroupExistsError: lambda error: exists.problem(values=[error.group_id]),
        gallery.PersonNotFoundError: _either(
            row("person_directory.person_id_invalid"), row("person_directory.person_not_found")
        ),
        gallery.PersistedFaceNotFoundError: _either(
            row("person_directory.face_id_invalid"), row("person_directory.named_face_not_found"), "face_id"
        ),
    }


_DIRECTORY_FACES: Final = row("person_directory.quota_faces")


def _directory_quota(error: gallery.QuotaExceededError) -> Problem:
    return _DIRECTORY_FACES.problem(hint=str(error)) if error.quota is _Q.FACES else _quota(error)


def _directory_removal() -> Table:
    answer = _either(row("person_directory.face_id_invalid"), row("person_directory.face_not_found"))
    return {**_directory(), gallery.PersistedFaceNotFoundError: answer}


def _references() -> Table:
    """The texts for the list of a dynamic group's persons name references instead of the group."""
    missing = row("person_directory.reference_not_found")
    malformed = row("person_directory.group_id_invalid")
    answer = _either(malformed, missing, "group_id", _ID_HINT)
    return {**_directory(), gallery.DynamicGroupNotFoundError: answer}


# v1.0 snapshots: the errors of the copied or created collection


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
    nothing = row("mien.snapshot_nothing_to_update")
    return {**table, gallery.NothingToUpdateError: _with_hint(nothing), gallery.QuotaExceededError: _quota}


REMOVAL: Final = "/removal"
"""Suffix of a family's name for changing or removing a persisted face."""


def _reviews() -> Table:
    invalid = _with_text(row("mien.review_invalid"))
    return {
        **_identify(),
        gallery.InvalidReviewError: invalid,
        gallery.UnknownCandidateError: invalid,
        gallery.PersonNotFoundError: invalid,
        gallery.PersonHasNoFaceError: invalid,
        gallery.ReviewNotFoundError: _with_hint(row("mien.review_not_found")),
        gallery.ReviewExistsError: _with_text(row("mien.review_exists")),
    }


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
        "reviews": _reviews(),
    }
    common = _common()
    return {name: {**common, **table} for name, table in tables.items()}


_TABLES: Final = _tables()  # at import, so that a missing row is noticed at once
