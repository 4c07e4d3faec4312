"""Counts of this process in sliding windows, by a clock that cannot be set."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from limits import RateLimitItem

_FEW: Final = 1000
"""Number of keys below which windows that have ended are kept."""


class LocalCounts:
    """Sliding windows of calls; for one thread, usually that of the event loop.

    The memory storage of `limits` uses the machine's clock: after it was set back by an hour, callers who had just
    reached their limit were refused for an hour.

    Args:
        now: seconds of a clock that is never set.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._calls: dict[str, tuple[RateLimitItem, deque[float]]] = {}
        self._many = _FEW

    def hit(self, item: RateLimitItem, *what: str) -> bool:
        """Count a call; return False, without counting it, if it exceeds the limit.

        Args:
            item: the limit.
            what: what the limit applies to, for example a resource's id.
        """
        if self.wait(item, *what) > 0:
            return False
        key = item.key_for(*what)
        if key not in self._calls:
            if len(self._calls) >= self._many:
                self._forget_ended()
            self._calls[key] = (item, deque(maxlen=item.amount))
        self._calls[key][1].append(self._now())
        return True

    def test(self, item: RateLimitItem, *what: str) -> bool:
        """Return whether a call would be allowed."""
        return self.wait(item, *what) <= 0

    def wait(self, item: RateLimitItem, *what: str) -> float:
        """Return the seconds until the next call is allowed; 0 if it is allowed now."""
        _, calls = self._calls.get(item.key_for(*what), (item, None))
        if calls is None or len(calls) < item.amount:
            return 0.0
        return max(0.0, calls[0] + item.get_expiry() - self._now())

    def _forget_ended(self) -> None:
        now = self._now()
        self._calls = {key: one for key, one in self._calls.items() if one[1][-1] + one[0].get_expiry() > now}
        self._many = max(_FEW, 2 * len(self._calls))
