"""Rate limits, counted in this process or in a Redis that several servers share.

Windows slide: no minute (F0) or second (S0, E0) has more calls than the tier allows. While Redis does not answer, each
server counts by itself, so that the rate is limited per server; the log says so at once and every minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond

from mien.accounts import Resource, Sku
from mien.gateway.errors import RateExceededError
from mien.gateway.exchange import Exchange
from mien.gateway.local_counts import LocalCounts

if TYPE_CHECKING:
    from mien.gateway.shared_counts import SharedCounts

_RETRY_SECONDS: Final = 5.0
_REMIND_SECONDS: Final = 60.0

log = structlog.get_logger("mien.gateway")


@dataclass(frozen=True, slots=True)
class TierRates:
    """The rate limits of the tiers; 0 for unlimited.

    Attributes:
        free_per_minute: calls per minute of F0.
        paid_per_second: calls per second of S0 and E0.
    """

    free_per_minute: int = 20
    paid_per_second: int = 10

    def items(self) -> Mapping[Sku, RateLimitItem]:
        """Return the limits of the tiers that have one."""
        found: dict[Sku, RateLimitItem] = {}
        if self.free_per_minute:
            found[Sku.FREE] = RateLimitItemPerMinute(self.free_per_minute)
        if self.paid_per_second:
            found[Sku.STANDARD] = found[Sku.ENTERPRISE] = RateLimitItemPerSecond(self.paid_per_second)
        return found


class RateLimits:
    """The gateway's step that limits the rate of calls.

    Args:
        rates: rates of the tiers.
        redis_url: `redis://`, `rediss://` (TLS) or `valkey://` URL of the shared counts; None to count in this process.
    """

    def __init__(self, rates: TierRates, redis_url: str | None = None) -> None:
        self._items = rates.items()
        self._local = LocalCounts()
        self._shared = _shared_counts(redis_url) if redis_url else None
        self._away_until = 0.0
        self._remind_at = 0.0

    @property
    def counts_alone(self) -> bool:
        """Whether this server counts by itself because Redis did not answer."""
        return self._shared is not None and self._away_until > 0.0

    async def __call__(self, exchange: Exchange) -> None:
        """Count a call; pages and the token exchange are not counted.

        Raises:
            RateExceededError: the rate is exceeded.
        """
        resource = exchange.caller
        if resource is None or not exchange.version:
            return
        item = self._items.get(resource.sku)
        if item is None:
            return
        wait = await self._hit(item, str(resource.id))
        if wait is not None:
            exchange.blocked = True
            raise self._refusal(exchange, resource, item, wait)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._shared is not None:
            await self._shared.close()

    @staticmethod
    def _refusal(exchange: Exchange, resource: Resource, item: RateLimitItem, wait: float) -> RateExceededError:
        seconds = min(max(1, math.ceil(wait)), item.get_expiry())
        span = f"{item.get_expiry()} s" if item.get_expiry() != 1 else "a second"
        rate = f"{item.amount} calls in {span}"
        return RateExceededError(exchange.operation.name, exchange.version, resource.sku, seconds, rate)

    async def _hit(self, item: RateLimitItem, resource: str) -> float | None:
        """Count a call; return the seconds to wait if it exceeds the limit."""
        shared = self._shared
        if shared is not None and monotonic() >= self._away_until:
            try:
                wait = await shared.hit(item, resource)
            except OSError as error:
                self._redis_failed(error)
            else:
                if self._away_until:
                    self._away_until = 0.0
                    log.info("Redis answers again: calls are counted together")
                return wait
        if self._local.hit(item, resource):
            return None
        return self._local.wait(item, resource)

    def _redis_failed(self, error: Exception) -> None:
        now = monotonic()
        self._away_until = now + _RETRY_SECONDS
        if now >= self._remind_at:
            self._remind_at = now + _REMIND_SECONDS
            log.error(
                "Redis does not answer: every server counts calls by itself, so together they let more through",
                reason=str(error) or type(error).__name__,
            )


def _shared_counts(url: str) -> SharedCounts:
    from mien.gateway.shared_counts import SharedCounts  # noqa: PLC0415  # only needed with Redis

    return SharedCounts(url)
