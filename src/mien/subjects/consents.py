"""Consent records of enrolled people: giver, purpose, evidence, validity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.events import AuditLog
from mien.gallery.kinds import CollectionRef, place_name
from mien.messages import Message
from mien.storage import Database
from mien.storage.tables import CollectionRow, ConsentRow, PersistedFaceRow, PersonRow
from mien.subjects.errors import ConsentNotFoundError, InvalidSubjectError
from mien.subjects.places import find_home, find_member

TEXT_LENGTH: Final = 1_000
_EARLY: Final = timedelta(days=1)
"""How far in the future a consent may be dated, to allow for clocks and time zones."""


class ConsentState(StrEnum):
    """The validity of a consent, or of all consents of a person together."""

    VALID = "valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    NONE = "none"
    """No consent was recorded."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent.

    Attributes:
        consent_id: id of the consent.
        collection: the person's collection, as KIND/ID or `directory`.
        person_id: id of the person who consented; None in face lists.
        face_id: the face in face lists; None elsewhere.
        given_by: name of the person or their legal representative.
        purpose: purpose of the consent.
        evidence: reference to the proof, such as a form's number or a link; None if there is none.
        given_at: time of the consent.
        expires_at: time of expiry; None if it does not expire.
        withdrawn_at: time of withdrawal; None if it was not withdrawn.
        reason: reason for the withdrawal.
        recorded_by: name of the actor who recorded it.
        recorded_at: time of the record.
        state: its current state.
    """

    consent_id: UUID
    collection: str
    person_id: str | None
    face_id: str | None
    given_by: str
    purpose: str
    evidence: str | None
    given_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    reason: str | None
    recorded_by: str
    recorded_at: datetime
    state: ConsentState


class Consents:
    """The consents of all resources. They are deleted with their person or face.

    Args:
        database: the database.
        clock: the clock.
        audit: the audit log; records each addition and withdrawal, without names.
    """

    def __init__(self, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def add(
        self,
        ref: CollectionRef,
        member_id: str,
        *,
        given_by: str,
        purpose: str,
        evidence: str | None = None,
        given_at: datetime | None = None,
        expires_at: datetime | None = None,
        actor: str,
    ) -> Consent:
        """Record a consent.

        Args:
            ref: the collection; any reference of kind directory means the person directory.
            member_id: id of the person, or of the face of a face list.
            given_by: name of the person who gave it.
            purpose: purpose of the consent.
            evidence: reference to the proof.
            given_at: time of the consent; None for now.
            expires_at: time of expiry; None if it does not expire.
            actor: name of the actor, for the audit log.

        Raises:
            CollectionNotFoundError, PersonNotFoundError, PersistedFaceNotFoundError: there is no such person.
            InvalidSubjectError: a text is empty or too long, or a time is impossible.
        """
        now = self._clock.now()
        given_at = given_at or now
        if given_at > now + _EARLY:
            raise InvalidSubjectError("a consent cannot have been given in the future")
        if expires_at is not None and expires_at <= given_at:
            raise InvalidSubjectError("a consent ends after it was given")
        texts = [
            _text(Message("given by"), given_by),
            _text(Message("purpose"), purpose),
            None if evidence is None else _text("evidence", evidence),
        ]
        with self._database.write(ref.resource_id) as session:
            home, parsed = find_member(session, ref, member_id)
            row = ConsentRow(
                resource_id=ref.resource_id,
                consent_id=uuid4(),
                collection=home.uid,
                person_id=parsed if ref.kind.has_persons else None,
                face_id=None if ref.kind.has_persons else parsed,
                given_by=texts[0],
                purpose=texts[1],
                evidence=texts[2],
                given_at=given_at,
                expires_at=expires_at,
                withdrawn_at=None,
                reason=None,
                recorded_by=actor[:200],
                recorded_at=now,
            )
            session.add(row)
            session.flush()
            place = place_name(home.kind, home.collection_id)
            self._record(session, row, "consent.add", place, actor)
        return _consent(row, place, now)

    def withdraw(
        self,
        resource_id: UUID,
        consent_id: UUID,
        *,
        reason: str | None = None,
        at: datetime | None = None,
        actor: str,
    ) -> Consent:
        """Record that a consent was withdrawn; does nothing if it already is.

        Raises:
            ConsentNotFoundError: there is no such consent.
            InvalidSubjectError: the reason is too long, or the time is impossible.
        """
        now = self._clock.now()
        at = at or now
        if at > now + _EARLY:
            raise InvalidSubjectError("a consent cannot have been withdrawn in the future")
        said = None if reason is None else _text(Message("reason"), reason)
        with self._database.write(resource_id) as session:
            row = session.scalar(select(ConsentRow).where(ConsentRow.consent_id == consent_id).with_for_update())
            if row is None:
                raise ConsentNotFoundError("there is no consent {consent_id}", consent_id=consent_id)
            home = session.scalars(select(CollectionRow).where(CollectionRow.uid == row.collection)).one()
            place = place_name(home.kind, home.collection_id)
            if row.withdrawn_at is None:
                row.withdrawn_at, row.reason = at, said
                session.flush()
                self._record(session, row, "consent.withdraw", place, actor)
        return _consent(row, place, now)

    def find(
        self,
        resource_id: UUID,
        ref: CollectionRef | None = None,
        member_id: str | None = None,
        state: ConsentState | None = None,
    ) -> list[Consent]:
        """Return consents, oldest first.

        Args:
            resource_id: id of the resource.
            ref: only consents in this collection.
            member_id: only consents of this person, or of this face of a face list.
            state: only consents in this state.

        Raises:
            CollectionNotFoundError, PersonNotFoundError, PersistedFaceNotFoundError: there is no such person.
        """
        now = self._clock.now()
        query = select(ConsentRow, CollectionRow.kind, CollectionRow.collection_id)
        query = query.join(CollectionRow, CollectionRow.uid == ConsentRow.collection)
        with self._database.read(resource_id) as session:
            if ref is not None and member_id is not None:
                home, parsed = find_member(session, ref, member_id)
                query = query.where(ConsentRow.collection == home.uid)
                query = query.where(or_(ConsentRow.person_id == parsed, ConsentRow.face_id == parsed))
            elif ref is not None:
                query = query.where(ConsentRow.collection == find_home(session, ref).uid)
            rows = session.execute(query.order_by(ConsentRow.given_at, ConsentRow.consent_id)).all()
        found = [_consent(row, place_name(kind, collection_id), now) for row, kind, collection_id in rows]
        return [one for one in found if state is None or one.state is state]

    def _record(self, session: Session, row: ConsentRow, action: str, place: str, actor: str) -> None:
        # Audit entries cannot be deleted, so they contain only the consent's id, which is meaningless after deletion.
        self._audit.record_in(
            session,
            actor=actor,
            action=action,
            resource_id=row.resource_id,
            details={"consent": str(row.consent_id), "collection": place},
        )


def of_member(session: Session, collection: UUID, member_id: UUID, place: str, now: datetime) -> tuple[Consent, ...]:
    """Return the consents of a person, or of a face of a list, oldest first."""
    query = select(ConsentRow).where(ConsentRow.collection == collection)
    query = query.where(or_(ConsentRow.person_id == member_id, ConsentRow.face_id == member_id))
    rows = session.scalars(query.order_by(ConsentRow.given_at, ConsentRow.consent_id))
    return tuple(_consent(row, place, now) for row in rows)


def combined_state(consents: tuple[Consent, ...]) -> ConsentState:
    """Return the combined state of a person's consents: valid if one is, otherwise the state of the newest."""
    states = [one.state for one in consents]
    if not states:
        return ConsentState.NONE
    return ConsentState.VALID if ConsentState.VALID in states else states[-1]


def is_over(member: type[PersonRow | PersistedFaceRow], since: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a person has consented, but no consent has been valid since a given time."""
    whose = _whose(member)
    holds = and_(
        or_(ConsentRow.expires_at.is_(None), ConsentRow.expires_at > since),
        or_(ConsentRow.withdrawn_at.is_(None), ConsentRow.withdrawn_at > since),
    )
    return and_(exists().where(whose), ~exists().where(whose, holds))


def is_missing(member: type[PersonRow | PersistedFaceRow]) -> ColumnElement[bool]:
    """Return the SQL condition that a person has no consent."""
    return ~exists().where(_whose(member))


def _whose(member: type[PersonRow | PersistedFaceRow]) -> ColumnElement[bool]:
    same = and_(ConsentRow.resource_id == member.resource_id, ConsentRow.collection == member.collection)
    if member is PersonRow:
        return and_(same, ConsentRow.person_id == member.person_id)
    return and_(same, ConsentRow.face_id == PersistedFaceRow.face_id)


def _consent(row: ConsentRow, place: str, now: datetime) -> Consent:
    state = ConsentState.VALID
    if row.withdrawn_at is not None and row.withdrawn_at <= now:
        state = ConsentState.WITHDRAWN
    elif row.expires_at is not None and row.expires_at <= now:
        state = ConsentState.EXPIRED
    return Consent(
        consent_id=row.consent_id,
        collection=place,
        person_id=None if row.person_id is None else str(row.person_id),
        face_id=None if row.face_id is None else str(row.face_id),
        given_by=row.given_by,
        purpose=row.purpose,
        evidence=row.evidence,
        given_at=row.given_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
        reason=row.reason,
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
        state=state,
    )


def _text(name: str, value: str) -> str:
    text = value.strip()
    if not text or len(text) > TEXT_LENGTH:
        raise InvalidSubjectError("{name}: 1 to {most} characters", name=name, most=TEXT_LENGTH)
    return text
