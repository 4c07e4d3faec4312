"""Whether an attempt's frames arrive when a camera would have sent them: the server's clock against the challenge's.

A client has some time to send its last frame because networks are slow. An attacker who computes an answer needs time
too, so the grace is limited by the delay that this client had before it knew the challenge.

A busy server reads frames late. The delay is therefore measured to the earliest time at which a frame can have arrived,
which is close to the time at which it was read unless the server is busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.liveness.types import TimedFrame

_FIRST: Final = 5
"""Number of first frames whose delay shows when the client started."""
_MOST_USUAL_MS: Final = 1500.0
"""A larger usual delay counts as this much: a client cannot buy time by being slow before the challenge."""
_BURST: Final = 0.4
"""Frames that arrive within this share of their claimed time span were sent from a store."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The times at which frames reached the server.

    Attributes:
        times_ms: times when the server received each frame, in order, since the challenge was sent, by the server's
            clock.
        usual_ms: the client's delay before the challenge: from the capture of a positioning frame to its arrival; 0 if
            it sent none.
        late_ms: allowed delay in addition to twice that delay.
        earliest_ms: earliest possible arrival of each; `times_ms` if unknown.
    """

    times_ms: tuple[float, ...]
    usual_ms: float = 0.0
    late_ms: float = 2000.0
    earliest_ms: tuple[float, ...] = ()

    @property
    def allowed_ms(self) -> float:
        """The allowed delay of frames."""
        return allowed_ms(self.usual_ms, self.late_ms)


@dataclass(frozen=True, slots=True)
class Timing:
    """The evidence from arrival times.

    Attributes:
        start_ms: delay of the first frames.
        late_ms: delay that all but the latest tenth do not exceed.
        pace: longest time span of arrival, divided by the time span of capture.
        usual_ms: the client's delay before the challenge.
        allowed_ms: allowed delay of frames.
        server_ms: delay in the server that all but the latest tenth do not exceed.
    """

    start_ms: float
    late_ms: float
    pace: float
    usual_ms: float
    allowed_ms: float
    server_ms: float = 0.0

    @property
    def assembled(self) -> bool:
        """Whether the frames were assembled after the challenge was known: they start late, or arrive in a burst."""
        return self.start_ms > self.allowed_ms or self.pace < _BURST

    @property
    def slow(self) -> bool:
        """Whether the delay of the frames kept growing, as on a slow network."""
        return not self.assembled and self.late_ms > 2 * self.allowed_ms


def allowed_ms(usual_ms: float, late_ms: float) -> float:
    """Return the allowed delay of frames.

    Args:
        usual_ms: the client's delay before the challenge.
        late_ms: the operator's allowance in addition to twice that delay.
    """
    return late_ms + 2 * min(max(usual_ms, 0.0), _MOST_USUAL_MS)


def timing(frames: Sequence[TimedFrame], arrivals: Arrivals | None) -> Timing | None:
    """Compare the times of capture and arrival; None if there are too few frames, or no arrivals."""
    if arrivals is None or len(frames) < 2 * _FIRST or len(frames) != len(arrivals.times_ms):
        return None
    taken = np.array([frame.time_ms for frame in frames], np.float64)
    came = np.array(arrivals.times_ms, np.float64)
    earliest = np.minimum(np.array(arrivals.earliest_ms or arrivals.times_ms, np.float64), came)
    late = earliest - taken
    return Timing(
        start_ms=float(np.median(late[:_FIRST])),
        late_ms=float(np.quantile(late, 0.9)),
        pace=float((came[-1] - earliest[0]) / max(taken[-1] - taken[0], 1.0)),
        usual_ms=arrivals.usual_ms,
        allowed_ms=arrivals.allowed_ms,
        server_ms=float(np.quantile(came - earliest, 0.9)),
    )
