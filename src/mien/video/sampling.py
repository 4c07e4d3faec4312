"""Choose the frames to analyse: a few a second, more while a face approaches, fewer while nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_EARLY_S: Final = 0.02
"""Seconds by which a frame may be early and still be accepted: half a step of a stream of 25 frames a second, whose
frames do not fall exactly on tenths of a second."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Numbers of analysed frames per second.

    Attributes:
        usual: rate while something moves, or while all present faces are known.
        near: rate while a face is present that is not known yet.
        idle: rate while nothing moves. It is not zero, so that a person who stood still when the camera was opened is
            found too.

    Raises:
        ValueError: a rate is not positive, or the rates are not in order.
    """

    usual: float = 5.0
    near: float = 15.0
    idle: float = 0.5

    @classmethod
    def of(cls, usual: float) -> Rates:
        """Rates by the usual one: three times as many near, at most one in two seconds while nothing moves."""
        return cls(usual=usual, near=min(60.0, 3 * usual), idle=min(0.5, usual))

    def __post_init__(self) -> None:
        if not 0 < self.idle <= self.usual <= self.near <= 60:
            raise ValueError(f"rates must satisfy 0 < idle <= usual <= near <= 60, not {self}")


class Sampler:
    """Chooses frames by their times.

    Args:
        rates: the rates.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._last_s = self._next_s = float("-inf")
        self._analysed_s = float("-inf")
        self._near = False

    @property
    def period_s(self) -> float:
        """Current number of seconds between two analysed frames."""
        return 1.0 / (self._rates.near if self._near else self._rates.usual)

    def due(self, at_s: float) -> bool:
        """Return whether a frame is due; if so, it counts as analysed."""
        if self._last_s <= at_s < self._next_s - min(_EARLY_S, self.period_s / 4):
            return False
        # The due times keep their period, whichever frame arrived, so that the rate stays constant. After a pause, or
        # if the clock stepped back, they start again.
        late = not 0 <= at_s - self._next_s + self.period_s / 2 < 1.5 * self.period_s
        self._next_s = (at_s if late else self._next_s) + self.period_s
        self._last_s = at_s
        return True

    def worth(self, at_s: float, *, moves: bool, occupied: bool) -> bool:
        """Return whether to analyse a frame that is due.

        Args:
            at_s: the time of the frame.
            moves: whether something moves in the frame.
            occupied: whether a face is being tracked.
        """
        if moves or occupied or not 0 <= at_s - self._analysed_s < 1.0 / self._rates.idle:
            self._analysed_s = at_s
            return True
        return False

    def look_often(self, near: bool) -> None:
        """Use the near rate from now on, or the usual one."""
        if near != self._near:
            self._near = near
            self._next_s = self._last_s + self.period_s
