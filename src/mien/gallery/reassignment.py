"""Correction of wrongly assigned faces: merge two persons of a group, or move single faces between them.

Templates need no new encryption: their associated data contains the group and the face, not the person. Searches use
the last training, but exclude deleted persons. So a merged person is no longer found from that moment on. Moved faces
count for their new person after the next training (`verify` reads the tables and sees them at once); until then, a
face moved from a remaining person still counts for that person, like a deleted face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mien.gallery.correction_records import CorrectionKind, before_merge, forget_corrections, record_correction
from mien.gallery.errors import PersistedFaceNotFoundError, Quota, QuotaExceededError, SamePersonError
from mien.gallery.following import give_to
from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.last_seen import LastSeen
from mien.gallery.negatives.merging import MergedNegatives
from mien.gallery.persons import find_person
from mien.gallery.removal import forget_pairs, note_removal
from mien.gallery.rows import Rows
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow


class Reassignment:
    """Gives faces of a person to another person of the same group, atomically.

    Args:
        rows: opens sessions on collections.
        last_seen: recognised people that are not stored yet.
        negatives: checks the negatives of merged persons.
    """

    def __init__(self, rows: Rows, last_seen: LastSeen, negatives: MergedNegatives) -> None:
        self._rows = rows
        self._last_seen = last_seen
        self._negatives = negatives

    def merge(self, ref: CollectionRef, person_id: str, into: str, *, despite_negatives: bool = False) -> int:
        """Give all faces of a person to another person, and delete the first.

        The remaining person keeps name and user data; faces keep their ids and user data. Other rows of the merged
        person (`following`) go to the remaining one, except negatives that show the other of the two
        (`negatives.merging`). The remaining person gets the earlier creation time and the later last-seen day, so that
        no retention rule keeps anything longer than promised.

        Args:
            ref: the group.
            person_id: id of the person to merge.
            into: id of the person who remains.
            despite_negatives: merge even if negatives say that the two are different people; these negatives are
                deleted, and undoing the merge does not restore them.

        Returns:
            The number of moved faces.

        Raises:
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError: one of the two is not in it.
            SamePersonError: both ids are of the same person.
            ContradictedMergeError: negatives say that the two are different people.
            QuotaExceededError: together they have more faces than the tier allows a person.
            TrainingNotFinishedError: the group is being trained.
            ConflictError: others kept it locked for too long.
        """
        self._last_seen.write()
        with self._rows.writing(ref) as (session, row):
            source, target = _both(session, ref, row, person_id, into)
            faces = _faces_of(session, row.uid, source.person_id)
            self._check_room(session, ref, target, len(faces))
            now = self._rows.clock.now()
            before = before_merge(session, source, target)
            self._negatives.settle(session, row, source.person_id, target.person_id, despite=despite_negatives)
            forget_corrections(session, row.uid, source.person_id)
            _hand_over(session, row, faces, source, target)
            if faces or row.snapshot is not None:  # the trained index may contain faces that were deleted since
                note_removal(session, row, source.person_id, None, now)
            give_to(session, row.uid, source.person_id, target.person_id)
            target.created_at = _known(min, source.created_at, target.created_at)
            target.seen_at = _known(max, source.seen_at, target.seen_at)
            record_correction(
                session, row, CorrectionKind.MERGE, person=source, into=target.person_id, faces=faces, now=now,
                before=before,
            )  # fmt: skip
            session.delete(source)
            row.persons -= 1
        self._negatives.follow(ref.resource_id)
        return len(faces)

    def move_faces(self, ref: CollectionRef, face_ids: Iterable[str], person_id: str, into: str) -> None:
        """Give some faces of a person to another person; the first remains, even without faces.

        Args:
            ref: the group.
            face_ids: persisted face ids, which do not change.
            person_id: id of the person who has the faces.
            into: id of the person who receives them.

        Raises:
            Errors of `merge`, and:
            PersistedFaceNotFoundError: one is not a face of the person.
        """
        with self._rows.writing(ref) as (session, row):
            source, target = _both(session, ref, row, person_id, into)
            theirs = set(_faces_of(session, row.uid, source.person_id))
            faces = [_parsed(ref, one, theirs) for one in dict.fromkeys(one.lower() for one in face_ids)]
            self._check_room(session, ref, target, len(faces))
            if not faces:
                return
            now = self._rows.clock.now()
            _hand_over(session, row, faces, source, target)
            for face in faces:
                note_removal(session, row, source.person_id, face, now)
            record_correction(
                session, row, CorrectionKind.MOVE, person=source, into=target.person_id, faces=faces, now=now
            )

    def _check_room(self, session: Session, ref: CollectionRef, target: PersonRow, more: int) -> None:
        limit = self._rows.limits(session, ref.resource_id, ref.kind).faces
        if target.faces + more > limit:
            raise QuotaExceededError(Quota.FACES, ref.kind, limit)


def _both(
    session: Session, ref: CollectionRef, row: CollectionRow, person_id: str, into: str
) -> tuple[PersonRow, PersonRow]:
    source, target = find_person(session, ref, row, person_id), find_person(session, ref, row, into)
    if source.person_id == target.person_id:
        raise SamePersonError
    return source, target


def _hand_over(
    session: Session, row: CollectionRow, faces: Sequence[UUID], source: PersonRow, target: PersonRow
) -> None:
    """Assign faces to another person; the next training treats them as added, so their removal is recorded first."""
    # An operator who joins faces has seen the suspected duplicates among them.
    forget_pairs(session, row.uid, faces, _faces_of(session, row.uid, target.person_id))
    row.revision += 1
    session.execute(
        update(PersistedFaceRow)
        .where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.face_id.in_(faces))
        .values(person_id=target.person_id, revision=row.revision)
        .execution_options(synchronize_session=False)
    )
    source.faces -= len(faces)
    target.faces += len(faces)


def _faces_of(session: Session, collection: UUID, person_id: UUID) -> list[UUID]:
    query = select(PersistedFaceRow.face_id)
    query = query.where(PersistedFaceRow.collection == collection, PersistedFaceRow.person_id == person_id)
    return list(session.scalars(query.order_by(PersistedFaceRow.face_id)))


def _parsed(ref: CollectionRef, face_id: str, theirs: set[UUID]) -> UUID:
    parsed = parse_id(face_id)
    if parsed is None or parsed not in theirs:
        raise PersistedFaceNotFoundError(ref.kind, face_id)
    return parsed


def _known(choose: Callable[..., datetime], *moments: datetime | None) -> datetime | None:
    return choose((moment for moment in moments if moment is not None), default=None)
