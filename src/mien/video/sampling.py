"""Which frames are analysed: a few a second, more while a face approaches, fewer while nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_EARLY: Final = 0.25
"""Share of a period by which a frame may come early and still be taken: a stream of 25 frames a second has none exactly
on every fifth of a second."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Analysed frames a second.

    Attributes:
        usual: while something moves, or somebody is there who is known by now.
        near: while a face is there that is not known yet.
        idle: while nothing moves. Not zero: a person who stood still when the camera was opened is found, too.

    Raises:
        ValueError: a rate is not positive, or they are not in order.
    """

    usual: float = 5.0
    near: float = 10.0
    idle: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.idle <= self.usual <= self.near <= 60:
            raise ValueError(f"rates must satisfy 0 < idle <= usual <= near <= 60, not {self}")


class Sampler:
    """Chooses frames by their time.

    Args:
        rates: how many a second.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._last_s: float | None = None
        self._analysed_s = float("-inf")
        self._near = False

    @property
    def period_s(self) -> float:
        """Seconds between two analysed frames now."""
        return 1.0 / (self._rates.near if self._near else self._rates.usual)

    def due(self, at_s: float) -> bool:
        """Tell whether a frame's turn has come; it then counts as looked at."""
        period = self.period_s
        if self._last_s is not None and 0 <= at_s - self._last_s < period * (1 - _EARLY):
            return False
        # In step with the period, not with the frame that came by chance, so that the rate is kept.
        late = self._last_s is None or not 0 <= at_s - self._last_s < 2 * period
        self._last_s = at_s if late or self._last_s is None else max(self._last_s + period, at_s - period * _EARLY)
        return True

    def worth(self, at_s: float, *, moves: bool, occupied: bool) -> bool:
        """Tell whether a frame that is due is analysed.

        Args:
            at_s: its time.
            moves: whether something moves in it.
            occupied: whether somebody is being followed.
        """
        if moves or occupied or not 0 <= at_s - self._analysed_s < 1.0 / self._rates.idle:
            self._analysed_s = at_s
            return True
        return False

    def look_often(self, near: bool) -> None:
        """Look at the near rate from now on, or at the usual one."""
        self._near = near
