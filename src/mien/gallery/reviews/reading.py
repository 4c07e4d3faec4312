"""Reads the rows of a case, limited to what a reader may see."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.errors import ReviewNotFoundError
from mien.gallery.reviews.rules import ReviewState
from mien.gallery.reviews.types import ReviewAnswer, ReviewCandidate, ReviewCase
from mien.storage.tables import PersonRow, ReviewAnswerRow, ReviewCandidateRow, ReviewCaseRow

REQUEST: Final = "request"
"""Key in a case's reference: digest of the call with which an application filed it."""
SENT: Final = "sent"
"""Key in a case's reference: confidences that an application sent; covered by the digest, shown after the answer."""


def find_case(session: Session, case_id: UUID, *, lock: bool = False) -> ReviewCaseRow:
    """Return a case's row, locked for writing on request.

    Raises:
        ReviewNotFoundError: there is no such case.
    """
    query = select(ReviewCaseRow).where(ReviewCaseRow.case_id == case_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ReviewNotFoundError(case_id)
    return row


def answers_of(session: Session, case_id: UUID) -> list[ReviewAnswerRow]:
    """Return a case's answers in their order."""
    query = select(ReviewAnswerRow).where(ReviewAnswerRow.case_id == case_id)
    return list(session.scalars(query.order_by(ReviewAnswerRow.position)))


def candidates_of(session: Session, case_id: UUID) -> list[ReviewCandidateRow]:
    """Return a case's candidates by number."""
    query = select(ReviewCandidateRow).where(ReviewCandidateRow.case_id == case_id)
    return list(session.scalars(query.order_by(ReviewCandidateRow.number)))


def candidate_of(session: Session, case_id: UUID, number: int | None) -> ReviewCandidateRow | None:
    """Return a candidate; None if it was deleted or the number does not exist."""
    query = select(ReviewCandidateRow).where(ReviewCandidateRow.case_id == case_id)
    return session.scalar(query.where(ReviewCandidateRow.number == number))


def seen(session: Session, row: ReviewCaseRow, reader: str | None) -> ReviewCase:
    """Return a case for a reader, who sees confidences and answers after the decision or after their own answer."""
    answers = answers_of(session, row.case_id)
    state = ReviewState(row.state)
    shown = state.decided or any(one.reviewer == reader for one in answers)
    names = select(ReviewCandidateRow, PersonRow.name).join(
        PersonRow,
        (PersonRow.collection == ReviewCandidateRow.collection) & (PersonRow.person_id == ReviewCandidateRow.person_id),
    )
    known = names.where(ReviewCandidateRow.case_id == row.case_id).order_by(ReviewCandidateRow.number)
    reference = json.loads(row.reference)
    reference.pop(REQUEST, None)
    claimed = reference.pop(SENT, None)
    sent = claimed if shown else None
    candidates = [
        ReviewCandidate(
            one.number,
            str(one.person_id),
            name,
            one.confidence if shown else None,
            sent[one.number - 1] if sent else None,
        )
        for one, name in session.execute(known)
    ]
    chosen = next((one for one in candidates if one.number == row.chosen), None)
    return ReviewCase(
        row.case_id,
        state,
        row.reviewers,
        str(reference["collection"]),
        reference,
        row.filed_by,
        row.used_from,
        row.filed_at,
        row.decided_at,
        row.purpose,
        None if row.input_sha256 is None else row.input_sha256.hex(),
        row.probe is not None,
        candidates,
        [ReviewAnswer(one.reviewer, one.chosen, one.reason, one.answered_at) for one in answers] if shown else [],
        chosen.person_id if chosen is not None and state is ReviewState.CONFIRMED else None,
    )
