"""Current levels of a process, for the page for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

Names = Callable[[], Mapping[UUID, str]]
Gauges = Mapping[str, Callable[[], Mapping[UUID, int]]]


@dataclass(frozen=True, slots=True)
class Level:
    """A number that the process can be requested at any time.

    Attributes:
        name: with the unit at its end; one of a sum that only grows ends in `_total`.
        description: one sentence.
        read: gives it.
    """

    name: str
    description: str
    read: Callable[[], float]
