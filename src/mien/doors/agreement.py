"""Conditions under which the frames of a track agree on a person: for `mien watch` and live pictures, not for doors."""

from __future__ import annotations

from dataclasses import dataclass

from mien.doors.evidence import TrackEvidence


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

    def missing(self, evidence: TrackEvidence) -> list[str]:
        """Return the missing conditions, in words and numbers; empty if the person counts as recognised."""
        if evidence.best is None:
            return ["nobody is similar enough"]
        found = []
        if evidence.agreeing < self.frames:
            found.append(f"{evidence.agreeing} of {self.frames} agreeing frames")
        if evidence.agreeing < self.share * evidence.readable:
            found.append(f"only {evidence.agreeing} of {evidence.readable} frames agree")
        if evidence.margin < self.margin:
            found.append(f"margin {evidence.margin:.2f} to the next person is below {self.margin:.2f}")
        if self.liveness is not None:
            if evidence.liveness is None:
                found.append("liveness was not measured: that takes three views of the face with its surroundings")
            elif evidence.liveness < self.liveness:
                found.append(f"liveness {evidence.liveness:.2f} is below {self.liveness:.2f}")
        return found
