"""The rules of a review, without any state: what answers make of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ReviewState(StrEnum):
    """The state of a case; the database stores the values."""

    WAITING = "waiting"
    """Somebody must answer, or another person."""
    ESCALATED = "escalated"
    """The reviewers disagree, or one cannot tell: a further person decides."""
    CONFIRMED = "confirmed"
    """The person is the one who was chosen: the match counts."""
    REJECTED = "rejected"
    """It is none of the candidates: the match does not count."""

    @property
    def decided(self) -> bool:
        """Whether nothing can change any more."""
        return self in {ReviewState.CONFIRMED, ReviewState.REJECTED}


NOBODY = 0
"""The answer that the probe shows none of the candidates; candidates count from 1, and None is "cannot tell"."""


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """The outcome of the answers: the state of a case, and the candidate's number if it is confirmed."""

    state: ReviewState
    chosen: int | None = None


def outcome(required: int, answers: Sequence[int | None]) -> ReviewResult:
    """Return where a case stands after answers of different people, in their order.

    Args:
        required: how many people must agree, 1 or 2.
        answers: a candidate's number, `NOBODY`, or None for "cannot tell". After a disagreement the next answer
            decides, unless that person cannot tell either.
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
