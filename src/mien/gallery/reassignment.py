"""Faces that are under the wrong person: merging two persons of a group, moving single faces from one to another.

Templates stay as they are: what seals them names the group and the face, not the person. A group is searched as it
was last trained, but who was deleted counts at once. So a person who was merged into another is found by nobody from
that moment; faces that went over count for their new person from the next training on (`verify` asks the tables and
knows at once), and until then a face that left somebody who is still there counts as it did, as one that was deleted.
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
    """Gives faces of a person to another person of the same group; all of it or, when it is refused, nothing.

    Args:
        rows: opens sessions on collections.
        last_seen: recognised people that are not stored yet.
        negatives: settles what the negatives of merged persons say.
    """

    def __init__(self, rows: Rows, last_seen: LastSeen, negatives: MergedNegatives) -> None:
        self._rows = rows
        self._last_seen = last_seen
        self._negatives = negatives

    def merge(self, ref: CollectionRef, person_id: str, into: str, *, despite_negatives: bool = False) -> int:
        """Give all faces of a person to another one, and delete the emptied person.

        Name and user data of the other one stay. Faces keep their ids and user data. All that goes with a person
        (`following`) is the other one's, except negatives that show the other of the two (`merged_negatives`). The
        person counts as made when the first of the two was and as seen when the last was, so that no rule of retention
        keeps anything longer than it promised.

        Args:
            ref: the group.
            person_id: id of the person who is merged.
            into: id of the person who is kept.
            despite_negatives: merge also where people said that the two are not one person; these negatives are
                deleted, and undoing the merge does not bring them back.

        Returns:
            How many faces went over.

        Raises:
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError: one of the two is not in it.
            SamePersonError: they are one already.
            ContradictedMergeError: people said that the two are not one person.
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
            if faces or row.snapshot is not None:  # the last training may have known faces that were deleted since
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
        """Give some faces of a person to another one; the person stays, even without a face.

        Args:
            ref: the group.
            face_ids: persisted face ids, which they keep.
            person_id: id of the person who has them.
            into: id of the person who receives them.

        Raises:
            What `merge` raises, and:
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
    """Change whose faces are; the next training takes them as added. The note of their removal must be newer."""
    # Anyone who puts faces together has looked at what was suspected of them.
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
