"""Retention rules: automatic deletion after a number of days, in a collection or in a whole resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mien.events import AuditLog
from mien.gallery.directory.rows import face_collections
from mien.gallery.errors import ConflictError, TrainingNotFinishedError
from mien.gallery.kinds import CollectionRef, Kind, persons_ref, place_name
from mien.gallery.rows import Rows
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow, RetentionRuleRow
from mien.subjects.consents import is_missing, is_over
from mien.subjects.errors import InvalidSubjectError, RuleNotFoundError
from mien.subjects.places import find_home
from mien.subjects.removing import Removed, lock_home, remove_faces, remove_members

LONGEST: Final = 36_500
"""Maximum number of days: about a century."""
EVERY: Final = timedelta(hours=1)
"""Interval at which servers apply the rules."""

_AT_ONCE: Final = 25
_ACTOR: Final = "mien retention"
_log = structlog.get_logger(__name__)


class What(StrEnum):
    """The data that a rule deletes. In face lists, each face counts as a person."""

    FACES_CREATED = "facesCreated"
    """Faces enrolled more than the given days ago; persons are kept."""
    PERSONS_CREATED = "personsCreated"
    """Persons created more than the given days ago, with all their data."""
    NOT_SEEN = "notSeen"
    """Persons not recognised for the given days since their last recognition or creation."""
    CONSENT_OVER = "consentOver"
    """Persons whose last consent expired or was withdrawn the given days ago."""
    CONSENT_MISSING = "consentMissing"
    """Persons without a recorded consent the given days after their creation."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A rule.

    Attributes:
        rule_id: id of the rule.
        what: the data that it deletes.
        collection: KIND/ID or `directory`; None for the whole resource.
        days: number of days.
        created_by: name of the actor.
        created_at: time of creation.
    """

    rule_id: UUID
    what: What
    collection: str | None
    days: int
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a rule in a collection.

    Attributes:
        resource_id: the resource.
        rule_id: the rule.
        what: the data that it deletes.
        collection: KIND/ID or `directory`.
        persons: number of persons that were or would be deleted.
        faces: number of faces that were or would be deleted.
        skipped: reason why the collection was skipped, or None.
    """

    resource_id: UUID
    rule_id: UUID
    what: What
    collection: str
    persons: int
    faces: int
    skipped: str | None = None


class Rules:
    """Stores the retention rules and applies them.

    Args:
        rows: opens sessions on collections.
        audit: the audit log; records rules and deletions.
    """

    def __init__(self, rows: Rows, audit: AuditLog) -> None:
        self._rows = rows
        self._audit = audit
        self._ran_at: datetime | None = None

    def set(
        self, resource_id: UUID, what: What, days: int, ref: CollectionRef | None = None, *, actor: str
    ) -> RetentionRule:
        """Set a rule; it replaces a rule of the same kind for the same collection or resource.

        Raises:
            InvalidSubjectError: the number of days is out of range.
            CollectionNotFoundError: there is no such collection.
        """
        least = 0 if what is What.CONSENT_OVER else 1
        if not least <= days <= LONGEST:
            raise InvalidSubjectError("days: {least} to {most}", least=least, most=LONGEST)
        with self._rows.database.write(resource_id) as session:
            home = None if ref is None else find_home(session, ref)
            where = RetentionRuleRow.collection.is_(None) if home is None else RetentionRuleRow.collection == home.uid
            for old in session.scalars(select(RetentionRuleRow).where(RetentionRuleRow.what == what.value, where)):
                session.delete(old)
            row = RetentionRuleRow(
                resource_id=resource_id,
                rule_id=uuid4(),
                what=what.value,
                collection=None if home is None else home.uid,
                days=days,
                created_by=actor[:200],
                created_at=self._rows.clock.now(),
            )
            session.add(row)
            session.flush()
            rule = _rule(row, home)
            self._audit.record_in(
                session,
                actor=actor,
                action="retention.set",
                resource_id=resource_id,
                details={"rule": str(rule.rule_id), "what": what.value, "collection": rule.collection, "days": days},
            )
        return rule

    def remove(self, resource_id: UUID, rule_id: UUID, *, actor: str) -> None:
        """Remove a rule.

        Raises:
            RuleNotFoundError: there is no such rule.
        """
        with self._rows.database.write(resource_id) as session:
            row = session.scalar(select(RetentionRuleRow).where(RetentionRuleRow.rule_id == rule_id))
            if row is None:
                raise RuleNotFoundError("there is no rule {rule_id}", rule_id=rule_id)
            session.delete(row)
            session.flush()
            self._audit.record_in(
                session,
                actor=actor,
                action="retention.remove",
                resource_id=resource_id,
                details={"rule": str(rule_id), "what": row.what},
            )

    def all(self, resource_id: UUID) -> list[RetentionRule]:
        """Return the rules of a resource, oldest first."""
        query = select(RetentionRuleRow, CollectionRow).outerjoin(
            CollectionRow, CollectionRow.uid == RetentionRuleRow.collection
        )
        with self._rows.database.read(resource_id) as session:
            found = session.execute(query.order_by(RetentionRuleRow.created_at, RetentionRuleRow.rule_id))
            return [_rule(row, home) for row, home in found]

    # Applying

    def purge(self) -> int:
        """Apply all rules, at most once an hour; called by the retention worker. Returns the number of deletions."""
        now = self._rows.clock.now()
        if self._ran_at is not None and now - self._ran_at < EVERY:
            return 0
        self._ran_at = now
        with self._rows.database.read(EVERY_RESOURCE) as session:
            owners = session.scalars(select(RetentionRuleRow.resource_id).distinct()).all()
        done = [one for owner in owners for one in self.run(owner, actor=_ACTOR)]
        return sum(one.persons + one.faces for one in done)

    def run(self, resource_id: UUID, *, dry: bool = False, actor: str) -> list[Ran]:
        """Apply the rules of a resource, one after the other.

        Args:
            resource_id: the resource.
            dry: only count; data selected by two rules is counted twice.
            actor: name of the actor, for the audit log.

        Returns:
            The results, without collections that have nothing to delete.
        """
        found: list[Ran] = []
        with self._rows.database.read(resource_id) as session:
            rules = session.scalars(select(RetentionRuleRow).order_by(RetentionRuleRow.created_at)).all()
            kinds = CollectionRow.kind != Kind.TRANSFER.value  # deleted after 48 hours in any case
            homes = [row for row in session.scalars(select(CollectionRow).where(kinds)) if _has_members(row)]
        for rule in rules:
            concerned = [home for home in homes if rule.collection in {None, home.uid}]
            found += [self._run(rule, home, dry=dry, actor=actor) for home in concerned]
        return [one for one in found if one.persons or one.faces or one.skipped]

    def _run(self, rule: RetentionRuleRow, home: CollectionRow, *, dry: bool, actor: str) -> Ran:
        persons = faces = 0
        skipped = None
        for where in self._where(rule, home):
            if dry:
                counted = self._count(rule, home, where)
                persons, faces = persons + counted[0], faces + counted[1]
                continue
            try:
                for done in self._delete(rule, home, where):
                    persons, faces = persons + done.persons, faces + done.faces
            except (TrainingNotFinishedError, ConflictError) as error:
                skipped = str(error)
        place = place_name(home.kind, home.collection_id)
        ran = Ran(rule.resource_id, rule.rule_id, What(rule.what), place, persons, faces, skipped)
        if not dry and (persons or faces):
            self._rows.database.empty_log()
            self._audit.record(
                actor=actor,
                action="retention.run",
                resource_id=rule.resource_id,
                details={
                    "rule": str(rule.rule_id),
                    "what": rule.what,
                    "collection": place,
                    "days": rule.days,
                    "persons": persons,
                    "faces": faces,
                },
            )
        return ran

    def _where(self, rule: RetentionRuleRow, home: CollectionRow) -> list[CollectionRow]:
        """Return the collections of the faces: for a directory, one per recognition model."""
        if rule.what != What.FACES_CREATED.value or home.kind != Kind.DIRECTORY.value:
            return [home]
        with self._rows.database.read(home.resource_id) as session:
            return face_collections(session)

    def _count(self, rule: RetentionRuleRow, home: CollectionRow, where: CollectionRow) -> tuple[int, int]:
        due, of_persons = self._due(rule, home)
        with self._rows.database.read(home.resource_id) as session:
            if not of_persons:
                query = select(func.count()).select_from(PersistedFaceRow)
                return 0, session.scalar(query.where(PersistedFaceRow.collection == where.uid, due)) or 0
            totals = select(func.count(), func.coalesce(func.sum(PersonRow.faces), 0)).select_from(PersonRow)
            persons, faces = session.execute(totals.where(PersonRow.collection == home.uid, due)).one()
            return persons, int(faces)

    def _delete(self, rule: RetentionRuleRow, home: CollectionRow, where: CollectionRow) -> Iterator[Removed]:
        """Delete due data, in small portions."""
        due, of_persons = self._due(rule, home)
        in_lists = not Kind(home.kind).has_persons
        while True:
            with self._rows.transaction(home.resource_id, home.collection_id) as session:
                row = lock_home(session, home.uid)
                if row is None:
                    return
                take = self._taker(session, row, where, of_persons=of_persons, in_lists=in_lists)
                members = _members(session, row.uid if of_persons else where.uid, due, of_persons=of_persons)
                done = take(members)
            yield done
            if len(members) < _AT_ONCE:
                return

    def _taker(
        self, session: Session, row: CollectionRow, where: CollectionRow, *, of_persons: bool, in_lists: bool
    ) -> Callable[[list[UUID]], Removed]:
        now = self._rows.clock.now()
        if of_persons or in_lists:
            return lambda members: remove_members(session, row, members, now)
        lying_in = next((one for one in face_collections(session, lock=True) if one.uid == where.uid), row)
        return lambda faces: remove_faces(session, row, lying_in, faces, now)

    def _due(self, rule: RetentionRuleRow, home: CollectionRow) -> tuple[ColumnElement[bool], bool]:
        """Return the condition of due data, and whether it selects persons (else faces)."""
        before = self._rows.clock.now() - timedelta(days=rule.days)
        of_persons = Kind(home.kind).has_persons and rule.what != What.FACES_CREATED.value
        member = PersonRow if of_persons else PersistedFaceRow
        match What(rule.what):
            case What.FACES_CREATED | What.PERSONS_CREATED:
                return member.created_at < before, of_persons
            case What.NOT_SEEN:
                return func.coalesce(member.seen_at, member.created_at) < before, of_persons
            case What.CONSENT_OVER:
                return is_over(member, before), of_persons
            case What.CONSENT_MISSING:
                return (member.created_at < before) & is_missing(member), of_persons


def _members(session: Session, collection: UUID, due: ColumnElement[bool], *, of_persons: bool) -> list[UUID]:
    if of_persons:
        persons = select(PersonRow.person_id).where(PersonRow.collection == collection, due)
        return list(session.scalars(persons.order_by(PersonRow.person_id).limit(_AT_ONCE)))
    faces = select(PersistedFaceRow.face_id).where(PersistedFaceRow.collection == collection, due)
    return list(session.scalars(faces.order_by(PersistedFaceRow.face_id).limit(_AT_ONCE)))


def _has_members(row: CollectionRow) -> bool:
    """Whether rules apply to a collection; of a directory's collections, only to the one of the persons."""
    return row.kind != Kind.DIRECTORY.value or row.collection_id == persons_ref(row.resource_id).collection_id


def _rule(row: RetentionRuleRow, home: CollectionRow | None) -> RetentionRule:
    place = None if home is None else place_name(home.kind, home.collection_id)
    return RetentionRule(row.rule_id, What(row.what), place, row.days, row.created_by, row.created_at)
