"""The metrics: names, units, aggregations (contract, section 12), and the latency buckets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from mien.messages import MessageError

NOBODY: Final = UUID(int=0)
"""The resource id of calls whose resource is unknown."""

BOUNDS: Final = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 350, 500, 1_000, 2_000, 5_000)
"""Upper bounds of the latency buckets, in milliseconds; one more bucket holds longer latencies."""


class Aggregation(StrEnum):
    """The aggregation of the values of an interval."""

    TOTAL = "Total"
    AVERAGE = "Average"
    MAXIMUM = "Maximum"
    COUNT = "Count"
    PERCENTILE = "Percentile"


_COUNTED: Final = (Aggregation.TOTAL, Aggregation.AVERAGE, Aggregation.MAXIMUM, Aggregation.COUNT)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Azure's name.
        display: display name.
        unit: `Count`, `Bytes` or `MilliSeconds`.
        aggregation: the default aggregation.
        aggregations: the supported aggregations.
        description: one sentence.
    """

    name: str
    display: str
    unit: str
    aggregation: Aggregation
    aggregations: tuple[Aggregation, ...]
    description: str


def _count(name: str, display: str, description: str, unit: str = "Count") -> Metric:
    return Metric(name, display, unit, Aggregation.TOTAL, _COUNTED, description)


METRICS: Final = {
    metric.name: metric
    for metric in (
        _count("TotalCalls", "Total Calls", "Calls of any outcome."),
        _count("SuccessfulCalls", "Successful Calls", "Calls with a status below 400."),
        _count("TotalErrors", "Total Errors", "Calls with a status of 400 or more."),
        _count("ClientErrors", "Client Errors", "Calls with a status of 400 to 499."),
        _count("ServerErrors", "Server Errors", "Calls with a status of 500 or more."),
        _count("BlockedCalls", "Blocked Calls", "Calls over the rate or the volume of the tier."),
        Metric(
            "Latency",
            "Latency",
            "MilliSeconds",
            Aggregation.AVERAGE,
            (*_COUNTED, Aggregation.PERCENTILE),
            "From the first byte of a call to its answer.",
        ),
        _count("DataIn", "Data In", "Size of request bodies.", "Bytes"),
        _count("DataOut", "Data Out", "Size of answers' bodies.", "Bytes"),
        _count("FaceTransactions", "Face Transactions", "Billed transactions of successful calls."),
        _count("FaceImagesTrained", "Face Images Trained", "Enrolled faces in trainings that succeeded."),
        Metric(
            "FacesStored",
            "Faces Stored",
            "Count",
            Aggregation.AVERAGE,
            (Aggregation.AVERAGE, Aggregation.MAXIMUM),
            "Enrolled faces, read every five minutes.",
        ),
    )
}
"""All metrics by name."""


class MetricError(MessageError, ValueError):
    """A query is not valid; the message lists the allowed values."""
