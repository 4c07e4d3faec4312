"""The earliest time at which a client's messages can have arrived, on a server that may be busy.

The time at which a message is read is too late as a measure: a busy server reads it late from the socket buffers. But
the server knows when it last found those buffers empty: while it waits for a message and its event loop runs, nothing
has arrived. A message arrived after that time; the delay since then is not blamed on the client.

Bodies of POSTs are read in many more turns of the event loop than a WebSocket message, so turns are not a good measure
there. Instead, stalls are counted: while the loop stalls, the server can neither read a body nor answer the previous
one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_TICK_SECONDS: Final = 0.005
_TURNS: Final = 8
"""Maximum number of event loop turns that a message takes from the socket to its receiver: up to four reads of 64 KB,
and four tasks that wake one another."""


class EmptyBuffer:
    """Watches one client's buffer from the challenge until the end of its frames.

    Args:
        now: seconds of a monotonic clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[float] = deque(maxlen=_TURNS)
        self._known = now()
        self._counted_ms = 0
        self._timer: asyncio.TimerHandle | None = None
        self._turned = now()
        self._stalled = 0.0
        self._tick()

    def took(self, time_ms: int) -> float:
        """Record a frame; return the earliest time at which it can have arrived, in seconds of the clock.

        Args:
            time_ms: time of the frame according to the client. A client that sends more frames than a camera takes
                cannot make the server look busy: frames whose times are closer than a turn do not delay the turns.
        """
        earliest = self.known()
        if time_ms >= self._counted_ms + _TURNS * _TICK_SECONDS * 1000:
            self._counted_ms = time_ms
            self._waiting.clear()
        return earliest

    def known(self) -> float:
        """Return when the buffer was last known to be empty, in seconds of the clock."""
        if self.empty:
            self._known = self._waiting[0]
        return self._known

    @property
    def stalled(self) -> float:
        """Return the seconds for which the event loop has stalled so far: how much later it ran than scheduled."""
        return self._stalled + self._late()

    @property
    def empty(self) -> bool:
        """Return whether the buffer is empty: the event loop has run often enough since the last message."""
        return len(self._waiting) == _TURNS

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> float:
        late = self._now() - self._turned - _TICK_SECONDS
        return late if late > _TICK_SECONDS else 0.0  # shorter stalls occur in every loop

    def _tick(self) -> None:
        self._stalled += self._late()
        self._turned = self._now()
        self._waiting.append(self._turned)
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
