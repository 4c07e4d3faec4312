"""Conditions under which the frames of a track agree on a person, for `mien watch` and live pictures.

Doors have conditions of their own (`mien.doors.rules`), and share that of liveness.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.doors.evidence import TrackEvidence
from mien.doors.reasons import Code, Failure, number


@dataclass(frozen=True, slots=True)
class Agreement:
    """The conditions under which a person of a track counts as recognised.

    Attributes:
        frames: least number of readable frames whose best candidate is the person.
        share: share of all readable frames, at least.
        margin: least lead of the person over the next, in confidence.
        liveness: least passive liveness over the track; None to skip the check.
    """

    frames: int = 3
    share: float = 0.6
    margin: float = 0.1
    liveness: float | None = None

    def missing(self, evidence: TrackEvidence) -> list[Failure]:
        """Return the conditions that are not met; empty if the person counts as recognised."""
        if evidence.best is None:
            return [Failure(Code.STRANGER)]
        found = []
        if evidence.agreeing < self.frames:
            found.append(Failure(Code.FRAMES, evidence.agreeing, self.frames))
        if evidence.agreeing < self.share * evidence.readable:
            share = evidence.agreeing / evidence.readable
            found.append(Failure(Code.AGREEMENT, number(share), self.share))
        if evidence.margin < self.margin:
            found.append(Failure(Code.MARGIN, number(evidence.margin), self.margin))
        if self.liveness is not None:
            found += liveness_failures(evidence, self.liveness)
        return found


def liveness_failures(evidence: TrackEvidence, least: float) -> list[Failure]:
    """Return why a track's liveness is not enough; empty if it is.

    Args:
        evidence: evidence of the track.
        least: least passive liveness, 0 to 1.
    """
    if evidence.held_edges:
        return [Failure(Code.HELD_PICTURE)]
    if evidence.liveness is None:
        return [Failure(Code.LIVENESS_MISSING, None, least)]
    if not evidence.liveness >= least:
        return [Failure(Code.LIVENESS, number(evidence.liveness), least)]
    return []
