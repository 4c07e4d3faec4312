"""Compares cases with the audit log, to find changes made outside the service."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.events.audit_chain import AuditEntry
from mien.gallery.reviews.reading import answers_of, candidates_of
from mien.gallery.reviews.rules import NOBODY, outcome
from mien.storage.tables import ReviewCandidateRow, ReviewCaseRow

SHORT: Final = 24
"""Hexadecimal digits of a digest in the audit log, which would redact 32 digits as a possible key."""


def steps_of(resource_id: UUID, log: Iterable[AuditEntry]) -> dict[str, list[AuditEntry]]:
    """Return the audit entries of a resource's reviews, by case."""
    found: dict[str, list[AuditEntry]] = {}
    for entry in log:
        if entry.resource_id == resource_id and entry.action.startswith("review.") and "case" in entry.details:
            steps = found.setdefault(str(entry.details["case"]), [])
            if steps and steps[-1].action == "review.delete":  # a new case: an application may reuse its id
                steps.clear()
            steps.append(entry)
    return found


def faults(session: Session, steps: Mapping[str, Sequence[AuditEntry]]) -> list[str]:
    """List differences between a resource's cases and the audit log; the log's own hash chain is checked elsewhere.

    Args:
        session: session of the resource.
        steps: audit entries by case, from `steps_of`.
    """
    rows = {str(row.case_id): row for row in session.scalars(select(ReviewCaseRow))}
    found = [
        f"case {case_id}: {fault}"
        for case_id, row in rows.items()
        for fault in _faults_of(session, row, steps.get(case_id, []))
    ]
    gone = [case_id for case_id, log in steps.items() if case_id not in rows and log[-1].action != "review.delete"]
    return [*found, *(f"case {case_id}: it is missing" for case_id in gone)]


def digest(case: ReviewCaseRow, candidates: Sequence[ReviewCandidateRow]) -> str:
    """Return a digest of everything that was filed in a case."""
    filed = {
        "case": str(case.case_id),
        "collection": str(case.collection),
        "reviewers": case.reviewers,
        "filed_by": case.filed_by,
        "filed_at": case.filed_at.isoformat(),
        "used_from": case.used_from.isoformat(),
        "reference": case.reference,
        "purpose": case.purpose,
        "input": None if case.input_sha256 is None else case.input_sha256.hex(),
        "candidates": [[one.number, str(one.person_id), one.confidence] for one in candidates],
    }
    return hashlib.sha256(json.dumps(filed, sort_keys=True).encode()).hexdigest()


def _faults_of(session: Session, row: ReviewCaseRow, log: Sequence[AuditEntry]) -> list[str]:
    filed = [entry for entry in log if entry.action == "review.file"]
    told = [entry for entry in log if entry.action == "review.answer"]
    if len(filed) != 1:
        return ["the log has no entry of its filing"]
    candidates = candidates_of(session, row.case_id)
    answers = answers_of(session, row.case_id)
    found = []
    # A deleted person's row is gone, and the digest can no longer be computed.
    if (
        len(candidates) == filed[0].details["candidates"]
        and digest(row, candidates)[:SHORT] != filed[0].details["digest"]
    ):
        found.append("what was filed was changed")
    if row.reviewers != filed[0].details["reviewers"]:
        found.append("the number of reviewers was changed")
    stored = [(one.reviewer, said(one.chosen), hashed(one.reason)) for one in answers]
    if stored != [(entry.actor, entry.details["answer"], entry.details["reason"]) for entry in told]:
        found.append("its answers are not those of the log")
    reached = outcome(row.reviewers, [one.chosen for one in answers])
    if (row.state, row.chosen) != (reached.state.value, reached.chosen):
        found.append("its state is not what the answers make of it")
    if told and told[-1].details["state"] != row.state:
        found.append("its state is not that of the log")
    return found


def hashed(reason: str | None) -> str | None:
    """Return the digest of a reason for the audit log, since the reason may contain names."""
    return None if reason is None else hashlib.sha256(reason.encode("utf-8", "surrogatepass")).hexdigest()[:SHORT]


def said(chosen: int | None) -> str:
    """Return the audit log's word for an answer."""
    return "cannot tell" if chosen is None else "nobody" if chosen == NOBODY else f"candidate {chosen}"
