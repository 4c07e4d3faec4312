"""Files matches for review, stores answers and decides; every step is one transaction with its audit entry.

A case is confirmed only if as many different people as its policy requires gave the same answer (`rules.outcome`). No
other call changes its state, so no order of calls, role or restart can bypass this. A step of a killed process is
either complete or absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mien.events.audit import AuditLog
from mien.gallery.errors import (
    AlreadyAnsweredError,
    OwnCaseError,
    ReviewDecidedError,
    ReviewExistsError,
    UnknownCandidateError,
)
from mien.gallery.kinds import CollectionRef, place_name
from mien.gallery.reviews.integrity import SHORT, digest, faults, hashed, said, steps_of
from mien.gallery.reviews.policies import ReviewPolicies
from mien.gallery.reviews.reading import REQUEST, SENT, answers_of, candidate_of, candidates_of, find_case, seen
from mien.gallery.reviews.rules import NOBODY, ReviewResult, ReviewState, outcome
from mien.gallery.reviews.types import Claimed, Filed, Rejected, ReviewCase, ReviewPolicy
from mien.gallery.rows import Rows
from mien.gallery.types import Identified
from mien.storage import EVERY_RESOURCE, Vault
from mien.storage.tables import (
    AlertDeliveryRow,
    AlertRuleRow,
    CollectionRow,
    PersonRow,
    ReviewAnswerRow,
    ReviewCandidateRow,
    ReviewCaseRow,
)

MOST_CANDIDATES: Final = 10
_SERVER: Final = "mien identify"


class Reviews:
    """The reviews of all resources.

    Args:
        rows: opens sessions.
        vault: encrypts pictures.
        audit: the audit log; records every step.
    """

    def __init__(self, rows: Rows, vault: Vault, audit: AuditLog) -> None:
        self._rows = rows
        self._vault = vault
        self._audit = audit
        self.policies = ReviewPolicies(rows, audit)
        self.rejected: Rejected | None = None
        """Called with candidates whom reviewers rejected; set by the composition root."""

    # Filing

    def file(self, ref: CollectionRef, filed: Filed) -> ReviewCase:
        """File a match for review under the policy of the collection; without a policy, two people must agree.

        Raises:
            CollectionNotFoundError: there is no such collection.
            UnknownCandidateError: there is no candidate, there are too many, or one is not in the collection.
        """
        row = self._rows.get(ref)
        case = self._file(row, filed, self.policies.of(row))
        return self.get(ref.resource_id, case, reader=None)

    def again(self, resource_id: UUID, claimed: Claimed) -> ReviewCase | None:
        """Return the case that an application filed earlier with the same call; None if its id is new.

        Raises:
            ReviewExistsError: the id is used for another case.
        """
        with self._rows.database.read(resource_id) as session:
            row = session.scalar(select(ReviewCaseRow).where(ReviewCaseRow.case_id == claimed.case_id))
            if row is None:
                return None
            if json.loads(row.reference).get(REQUEST) != claimed.request:
                raise ReviewExistsError(claimed.case_id)
            return seen(session, row, None)

    def identified(self, row: CollectionRow, answers: Iterable[Identified]) -> list[UUID]:
        """File the results of an identification, if a policy requires it; returns the ids of the cases.

        An error here fails the identification, whose result must not be returned without its case.
        """
        policy = self.policies.holding(row)
        if policy is None or not policy.identify:
            return []
        return [
            self._file(row, Filed(answer.candidates[:MOST_CANDIDATES], _SERVER, face_id=answer.face_id), policy)
            for answer in answers
            if answer.candidates
        ]

    def _file(self, row: CollectionRow, filed: Filed, policy: ReviewPolicy) -> UUID:
        if not 1 <= len(filed.candidates) <= MOST_CANDIDATES:
            raise UnknownCandidateError("a case has 1 to {most} candidates", most=MOST_CANDIDATES)
        claimed = filed.claimed
        case_id, now = uuid4() if claimed is None else claimed.case_id, self._rows.clock.now()
        resource_id = row.resource_id
        sealed = None
        if filed.picture is not None:
            sealed = self._vault.seal(filed.picture, resource_id=resource_id, what=_what(case_id))
        # The order must not show the rank, nor be predictable from the case id that an application chooses.
        salt = uuid4()
        ordered = sorted(filed.candidates, key=lambda one: hashlib.sha256(f"{salt}{one.person_id}".encode()).digest())
        reference = _reference(row, filed.searched or row, filed.face_id)
        if claimed is not None:
            sent = [claimed.sent.get(one.person_id.lower()) for one in ordered]
            reference |= {REQUEST: claimed.request, SENT: sent}
        with self._rows.database.write(resource_id) as session:
            wanted = {UUID(one.person_id) for one in ordered}
            known = set(
                session.scalars(
                    select(PersonRow.person_id).where(PersonRow.collection == row.uid, PersonRow.person_id.in_(wanted))
                )
            )
            if known != wanted or len(wanted) != len(ordered):
                raise UnknownCandidateError("every candidate must be another person of the collection")
            case = ReviewCaseRow(
                resource_id=resource_id,
                case_id=case_id,
                collection=row.uid,
                state=ReviewState.WAITING.value,
                reviewers=policy.reviewers,
                keep_days=policy.keep_days,
                rule_id=policy.rule_id,
                filed_by=filed.filed_by[:200],
                filed_at=now,
                used_from=filed.used_from or now,
                decided_at=None,
                chosen=None,
                reference=json.dumps(reference, sort_keys=True),
                purpose=filed.purpose,
                input_sha256=None if filed.picture is None else hashlib.sha256(filed.picture).digest(),
                digest="",
                probe=sealed,
                probe_until=None,
            )
            candidates = [
                ReviewCandidateRow(
                    resource_id=resource_id,
                    case_id=case_id,
                    number=number,
                    collection=row.uid,
                    person_id=UUID(one.person_id),
                    confidence=one.confidence,
                )
                for number, one in enumerate(ordered, 1)
            ]
            case.digest = digest(case, candidates)
            session.add(case)
            session.flush()
            session.add_all(candidates)
            self._record(
                session,
                case,
                "review.file",
                filed.filed_by,
                reviewers=case.reviewers,
                candidates=len(candidates),
                digest=case.digest[:SHORT],
            )
        return case_id

    # Answering

    def answer(
        self, resource_id: UUID, case_id: UUID, chosen: int | None, *, reviewer: str, reason: str | None = None
    ) -> ReviewCase:
        """Store a reviewer's answer, and decide the case if there are enough answers.

        Args:
            resource_id: id of the resource that owns the case.
            case_id: id of the case.
            chosen: a candidate's number, 0 for nobody, None for "cannot tell".
            reviewer: name of the reviewer in the audit log.
            reason: the reviewer's reason.

        Raises:
            ReviewNotFoundError: there is no such case.
            ReviewDecidedError: it is already decided.
            AlreadyAnsweredError: the reviewer has already answered it.
            OwnCaseError: the reviewer filed it.
            UnknownCandidateError: it has no such candidate, or the person was deleted.
        """
        reviewer = reviewer[:200]
        now = self._rows.clock.now()
        with self._rows.database.write(resource_id) as session:
            case = find_case(session, case_id, lock=True)
            if ReviewState(case.state).decided:
                raise ReviewDecidedError(case_id)
            if case.filed_by == reviewer:
                raise OwnCaseError
            answers = answers_of(session, case_id)
            if any(one.reviewer == reviewer for one in answers):
                raise AlreadyAnsweredError
            if chosen not in {None, NOBODY} and candidate_of(session, case_id, chosen) is None:
                raise UnknownCandidateError("the case has no such candidate")
            session.add(
                ReviewAnswerRow(
                    resource_id=resource_id,
                    case_id=case_id,
                    reviewer=reviewer,
                    position=len(answers) + 1,
                    chosen=chosen,
                    reason=reason,
                    answered_at=now,
                )
            )
            reached = outcome(case.reviewers, [*(one.chosen for one in answers), chosen])
            self._move(session, case, reached, now)
            self._record(
                session,
                case,
                "review.answer",
                reviewer,
                answer=said(chosen),
                reason=hashed(reason),
                state=case.state,
            )
        if reached.state.decided:
            self._tell_rejected(resource_id, case_id, reviewer)
        return self.get(resource_id, case_id, reader=reviewer)

    def _tell_rejected(self, resource_id: UUID, case_id: UUID, reviewer: str) -> None:
        """Call `rejected` with the candidates of a decided case who are not in the picture."""
        if self.rejected is None:
            return
        with self._rows.database.read(resource_id) as session:
            case = find_case(session, case_id)
            others = [one.person_id for one in candidates_of(session, case_id) if one.number != case.chosen]
            face_id, collection = json.loads(case.reference).get("faceId"), case.collection
        self.rejected(
            resource_id,
            collection,
            others,
            photo=self.picture(resource_id, case_id),
            face_id=face_id,
            origin=f"review:{case_id}",
            actor=reviewer,
        )

    def _move(self, session: Session, case: ReviewCaseRow, reached: ReviewResult, now: datetime) -> None:
        case.state, case.chosen = reached.state.value, reached.chosen
        if not reached.state.decided:
            return
        case.decided_at = now
        case.probe_until = now + timedelta(days=case.keep_days)
        if case.rule_id is None or session.get(AlertRuleRow, case.rule_id) is None:
            return
        person = None if reached.chosen is None else candidate_of(session, case.case_id, reached.chosen)
        body = {
            "event": "review",
            "case": str(case.case_id),
            "resource": str(case.resource_id),
            "state": case.state,
            "collection": json.loads(case.reference)["collection"],
            "personId": None if person is None else str(person.person_id),
            "decidedAt": now.isoformat(),
        }
        session.add(
            AlertDeliveryRow(
                id=uuid4(),
                rule_id=case.rule_id,
                event="review",
                body=json.dumps(body),
                state="pending",
                created_at=now,
                due_at=now,
                claimed_until=None,
                attempts=0,
                outcome=None,
            )
        )

    # Reading

    def get(self, resource_id: UUID, case_id: UUID, *, reader: str | None) -> ReviewCase:
        """Return a case.

        Args:
            resource_id: id of the resource that owns it.
            case_id: id of the case.
            reader: name of a reviewer, who sees confidences and others' answers after their own answer; None to hide
                them until the decision.

        Raises:
            ReviewNotFoundError: there is no such case.
        """
        with self._rows.database.read(resource_id) as session:
            return seen(session, find_case(session, case_id), reader)

    def cases(
        self,
        resource_id: UUID,
        *,
        reader: str | None = None,
        states: Iterable[ReviewState] = tuple(ReviewState),
        face_id: str | None = None,
        limit: int = 100,
    ) -> list[ReviewCase]:
        """Return cases in some states, oldest first; if a faceId is given, only those of this face."""
        query = select(ReviewCaseRow).where(ReviewCaseRow.state.in_([state.value for state in states]))
        if face_id is not None:  # in the query, because the limit could otherwise cut the case off
            query = query.where(ReviewCaseRow.reference.contains(f'"faceId": "{face_id.lower()}"', autoescape=True))
        query = query.order_by(ReviewCaseRow.filed_at, ReviewCaseRow.case_id).limit(max(1, min(limit, 1000)))
        with self._rows.database.read(resource_id) as session:
            return [seen(session, row, reader) for row in session.scalars(query)]

    def picture(self, resource_id: UUID, case_id: UUID) -> bytes | None:
        """Return the probe's picture; None if there is none or it was deleted.

        Raises:
            ReviewNotFoundError: there is no such case.
        """
        with self._rows.database.read(resource_id) as session:
            sealed = find_case(session, case_id).probe
        return None if sealed is None else self._vault.open(sealed, resource_id=resource_id, what=_what(case_id))

    # Keeping

    def purge(self) -> int:
        """Delete expired pictures; called by the retention worker. Returns the number of deleted pictures."""
        row = ReviewCaseRow
        due = update(row).where(row.probe_until <= self._rows.clock.now(), row.probe.is_not(None))
        with self._rows.database.write(EVERY_RESOURCE) as session:
            return len(session.execute(due.values(probe=None).returning(row.case_id)).all())

    def delete(self, resource_id: UUID, case_id: UUID, *, actor: str) -> None:
        """Delete a decided case; the audit log keeps its steps.

        Raises:
            ReviewNotFoundError: there is no such case.
            ReviewDecidedError: it is still open.
        """
        with self._rows.database.write(resource_id) as session:
            case = find_case(session, case_id, lock=True)
            if not ReviewState(case.state).decided:
                raise ReviewDecidedError(case_id, still_open=True)
            session.execute(delete(ReviewCaseRow).where(ReviewCaseRow.case_id == case_id))
            self._record(session, case, "review.delete", actor)

    def faults(self, resource_id: UUID) -> list[str]:
        """Return the differences between cases and audit log; the log itself is checked by `AuditLog.verify`."""
        steps = steps_of(resource_id, self._audit.entries())
        with self._rows.database.read(resource_id) as session:
            return faults(session, steps)

    def _record(self, session: Session, case: ReviewCaseRow, action: str, actor: str, **details: Any) -> None:
        told: Mapping[str, Any] = {"case": str(case.case_id), **details}
        self._audit.record_in(session, actor=actor, action=action, resource_id=case.resource_id, details=told)


def _reference(row: CollectionRow, searched: CollectionRow, face_id: str | None) -> dict[str, object]:
    """Return the reference database and its version, as article 12(3) of the EU AI Act requires."""
    return {
        "collection": place_name(row.kind, row.collection_id),
        "uid": str(searched.uid),
        "model": searched.recognition_model,
        "fingerprint": searched.fingerprint,
        "training": searched.snapshot,
        "trainedRevision": searched.trained_revision,
        "revision": searched.revision,
        "persons": row.persons,
        "faceId": None if face_id is None else face_id.lower(),
    }


def _what(case_id: UUID) -> str:
    """Return the associated data of an encrypted picture."""
    return f"review_cases/{case_id}"
