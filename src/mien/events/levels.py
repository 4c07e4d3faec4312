"""Current values of a process, for the Prometheus endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

Names = Callable[[], Mapping[UUID, str]]
Gauges = Mapping[str, Callable[[], Mapping[UUID, int]]]


@dataclass(frozen=True, slots=True)
class Level:
    """A value that can be read at any time.

    Attributes:
        name: metric name that ends in the unit, or in `_total` for a counter.
        description: one sentence for the metric's help text.
        read: returns the current value.
    """

    name: str
    description: str
    read: Callable[[], float]
