"""The judge interface that liveness sessions need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mien.liveness.challenge import Challenge
from mien.liveness.timing import Arrivals
from mien.liveness.types import Judgement, Mode, TimedFrame
from mien.messages import Message
from mien.vision.types import Embedding


class FrameJudge(Protocol):
    """The part of `mien.liveness.judge.Judge` that a session needs."""

    def judge(
        self,
        frames: Sequence[TimedFrame],
        challenge: Challenge,
        reference: Embedding | None = None,
        arrivals: Arrivals | None = None,
    ) -> Judgement:
        """Judge one attempt; computes for about a second in the calling thread, and may be called from many.

        Args:
            frames: the attempt's frames in the order in which they arrived.
            challenge: the challenge of the attempt.
            reference: template of the expected person, computed by the judge's recogniser; None to skip the comparison.
            arrivals: times of arrival of the frames; None to skip the check.

        Raises:
            ModelError: if a pack that is needed is missing or broken.
            ValueError: if the reference was computed by another recogniser.
        """
        ...

    def lacks(self, mode: Mode) -> Message | None:
        """Return what the server lacks to detect a real face in a mode, and the remedy; None if nothing."""
        ...
