"""The rules of a review, stateless: the result of a case from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ReviewState(StrEnum):
    """The state of a case; the database stores the values."""

    WAITING = "waiting"
    """More answers are needed."""
    ESCALATED = "escalated"
    """The reviewers disagree, or one cannot tell: another person decides."""
    CONFIRMED = "confirmed"
    """The reviewers confirmed a candidate: the match is valid."""
    REJECTED = "rejected"
    """The probe shows none of the candidates: the match is not valid."""

    @property
    def decided(self) -> bool:
        """Whether the state is final."""
        return self in {ReviewState.CONFIRMED, ReviewState.REJECTED}


NOBODY = 0
"""The answer that the probe shows none of the candidates; candidates count from 1, and None is "cannot tell"."""


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """The outcome of the answers: the state of a case, and the candidate's number if it is confirmed."""

    state: ReviewState
    chosen: int | None = None


def outcome(required: int, answers: Sequence[int | None]) -> ReviewResult:
    """Return the state of a case after the answers of different people.

    Args:
        required: number of people who must agree, 1 or 2.
        answers: in order; each is a candidate's number, `NOBODY`, or None for "cannot tell". After a disagreement the
            next answer decides, unless it is "cannot tell".
    """
    first = answers[:required]
    if len(first) < required:
        return ReviewResult(ReviewState.WAITING)
    if None not in first and len(set(first)) == 1:
        return _decided(first[0])
    for later in answers[required:]:
        if later is not None:
            return _decided(later)
    return ReviewResult(ReviewState.ESCALATED)


def _decided(answer: int | None) -> ReviewResult:
    if answer == NOBODY:
        return ReviewResult(ReviewState.REJECTED)
    return ReviewResult(ReviewState.CONFIRMED, answer)
