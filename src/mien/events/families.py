"""The metric families of the Prometheus endpoint; imported at the first request."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from mien.events.levels import Gauges, Level, Names
from mien.events.metrics import BOUNDS, METRICS, NOBODY
from mien.events.recorder import Counts, Key, Recorder

_COUNTERS: Final = (
    ("blocked", "mien_blocked_calls", "BlockedCalls"),
    ("data_in", "mien_received_bytes", "DataIn"),
    ("data_out", "mien_sent_bytes", "DataOut"),
    ("transactions", "mien_face_transactions", "FaceTransactions"),
    ("trained", "mien_face_images_trained", "FaceImagesTrained"),
)
"""Column, name for Prometheus, and metric, of every counter besides the calls and their latency."""


def make_registry(recorder: Recorder, names: Names, levels: Sequence[Level], gauges: Gauges) -> CollectorRegistry:
    """Return a registry of the counted calls, the process metrics, and the given levels and gauges."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Calls(recorder, names, levels, gauges))
    return registry


class _Calls(Collector):
    def __init__(
        self,
        recorder: Recorder,
        names: Names,
        levels: Sequence[Level],
        gauges: Gauges,
    ) -> None:
        self._recorder = recorder
        self._names = names
        self._levels = levels
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        names = {NOBODY: ""} | dict(self._names())
        totals = self._recorder.totals()
        yield from _counters(totals, names)
        yield _latency(totals, names)
        for name, read in self._gauges.items():
            gauge = GaugeMetricFamily(name, "By resource.", labels=["resource"])
            for resource_id, value in read().items():
                gauge.add_metric([_name(names, resource_id)], value)
            yield gauge
        for level in self._levels:
            kind = CounterMetricFamily if level.name.endswith("_total") else GaugeMetricFamily
            yield kind(level.name, level.description, value=level.read())


def _counters(totals: Mapping[Key, Counts], names: Mapping[UUID, str]) -> Iterator[Metric]:
    calls = CounterMetricFamily("mien_calls", "Answered calls.", labels=["resource", "operation", "status", "code"])
    answers: Counter[tuple[str, ...]] = Counter()  # a deleted resource may have had the same name
    sums: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for (resource_id, operation, status, code), cell in totals.items():
        name = _name(names, resource_id)
        if cell.calls:
            answers[name, operation, str(status), code] += cell.calls
        sums[name, operation].add(cell)
    for labels, count in sorted(answers.items()):
        calls.add_metric(labels, count)
    yield calls
    for column, name, metric in _COUNTERS:
        counter = CounterMetricFamily(name, METRICS[metric].description, labels=["resource", "operation"])
        for both, cell in sorted(sums.items()):
            if value := getattr(cell, column):
                counter.add_metric(both, value)
        yield counter


def _latency(totals: Mapping[Key, Counts], names: Mapping[UUID, str]) -> Metric:
    family = HistogramMetricFamily(
        "mien_call_duration_seconds", "From the first byte of a call to its answer.", labels=["resource", "operation"]
    )
    sums: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for (resource_id, operation, _, _), cell in totals.items():
        if cell.calls:
            sums[_name(names, resource_id), operation].add(cell)
    for labels, counts in sorted(sums.items(), key=lambda item: item[0]):
        buckets: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip([*(str(bound / 1000) for bound in BOUNDS), "+Inf"], counts.buckets, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(list(labels), buckets, sum_value=counts.latency_sum / 1_000_000)
    return family


def _name(names: Mapping[UUID, str], resource_id: UUID) -> str:
    return names.get(resource_id, str(resource_id))
