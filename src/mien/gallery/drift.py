"""Drift of a resource's series: compares the last full week with a baseline, once a week, on one server.

The counts are from `mien.events.drift`, the test is `mien.evaluation.drift`. Results are computed from the counts on
request; only the number of series that have moved is stored, for the alert rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import numpy as np
import structlog
from sqlalchemy import delete, func, select

from mien.clock import Clock
from mien.evaluation.drift import BASELINE_DAYS, WEEK, Counts, Missing, Shift, compare, correct, last_week, since
from mien.events import AuditLog
from mien.events.drift import API, BINS, DriftSeries
from mien.gallery.errors import GalleryError
from mien.messages import Message
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.claims import Claims, Held
from mien.storage.tables import DriftBaselineRow, DriftCountRow, DriftStateRow

_EPOCH: Final = date(1970, 1, 1)
NAMES: Final = {
    DriftSeries.QUALITY: "Quality of faces",
    DriftSeries.SCORE: "Score of the best candidate",
    DriftSeries.MARGIN: "Margin to the second person",
    DriftSeries.UNREAD: "Images without a face",
}
OF_CAMERAS: Final = {DriftSeries.UNREAD: "Tracks without a readable frame"}
UNMOVED: Final = "No change beyond chance."
_log = structlog.get_logger("mien.drift")


class DriftError(GalleryError):
    """A baseline cannot be set; the text says why."""


@dataclass(frozen=True, slots=True)
class SeriesDrift:
    """The state of one series.

    Attributes:
        source: a camera's name; empty for calls of the API.
        series: the counted series.
        baseline: first and last day of the baseline.
        week: Monday of the week that is compared with the baseline.
        found: the comparison, or what is missing for one.
    """

    source: str
    series: DriftSeries
    baseline: tuple[date, date]
    week: date
    found: Shift | Missing

    @property
    def name(self) -> str:
        """The series in words."""
        return (OF_CAMERAS if self.source else {}).get(self.series, NAMES[self.series])

    @property
    def moved(self) -> bool:
        """Whether the week differs from the baseline."""
        return isinstance(self.found, Shift) and self.found.moved

    @property
    def since(self) -> date | None:
        """The first day of the change; None if there is none."""
        day = self.found.since if isinstance(self.found, Shift) else None
        return None if day is None else _date(day)

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Means of the baseline and of the week (for `UNREAD`, shares without a face); None without values."""
        return _mean(self.series, self.found.baseline), _mean(self.series, self.found.week)

    @property
    def without_value(self) -> tuple[float, float] | None:
        """Shares without a value (`Bins.extra`) in the baseline and the week; None unless they differ by 1 %."""
        if not BINS[self.series].extra:
            return None
        before, after = (float(one[-1] / one.sum()) for one in (self.found.baseline, self.found.week))
        return (before, after) if abs(after - before) >= 0.01 else None

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        shift = self.found if isinstance(self.found, Shift) else None
        return {
            "source": self.source or "api",
            "series": self.series.value,
            "moved": self.moved,
            "since": None if self.since is None else self.since.isoformat(),
            "finding": self.sentence,
            "baseline_from": self.baseline[0].isoformat(),
            "baseline_until": self.baseline[1].isoformat(),
            "week": self.week.isoformat(),
            "psi": None if shift is None else round(shift.psi, 4),
            "chance": None if shift is None else round(shift.adjusted, 6),
            "baseline": self.found.baseline.tolist(),
            "counts": self.found.week.tolist(),
        }

    @property
    def sentence(self) -> str:
        """The finding, as a sentence."""
        if isinstance(self.found, Missing):
            return self.found.text
        if not self.moved:
            return UNMOVED
        before, after = (_words(self.series, one) for one in self.means)
        shares = self.without_value
        more = "" if shares is None else f"; {BINS[self.series].extra}: {shares[0]:.0%} → {shares[1]:.0%}"
        return f"Changed since {self.since:%-d %B %Y}: mean {before} → {after}{more}."


class Drift:
    """Detects drift on a database.

    Args:
        database: contains the counts.
        clock: the clock.
        audit: the audit log; records new baselines.
        claims: claims of this process.
    """

    def __init__(self, database: Database, clock: Clock, audit: AuditLog, claims: Claims) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._claims = claims
        self._looked: int | None = None

    def of(self, resource_id: UUID) -> list[SeriesDrift]:
        """Return the state of every series of a resource, those that have moved first."""
        week = last_week(_day(self._clock.now()))
        baselines = self._baselines(resource_id)
        found: list[SeriesDrift] = []
        counted = self._counts(resource_id)
        for (source, series), (days, counts) in counted.items():
            first = max(baselines.get(source, 0), days[0])
            seed = crc32(f"{resource_id}/{source}/{series}/{week}".encode())
            span = (_date(first), _date(first + BASELINE_DAYS - 1))
            found.append(SeriesDrift(source, series, span, _date(week), compare(days, counts, first, week, seed)))
        tested = [one for one in found if isinstance(one.found, Shift)]
        corrected = correct([one.found for one in tested if isinstance(one.found, Shift)])
        done = dict(zip(((one.source, one.series) for one in tested), corrected, strict=True))
        answer = []
        for one in found:
            shift: Shift | Missing = done.get((one.source, one.series), one.found)
            if isinstance(shift, Shift) and shift.moved:
                days, counts = counted[one.source, one.series]
                day = since(days, counts, _day_of(one.baseline[0]), week + WEEK - 1)
                shift = Shift(shift.baseline, shift.week, shift.psi, shift.p, shift.adjusted, day)
            answer.append(SeriesDrift(one.source, one.series, one.baseline, one.week, shift))
        return sorted(answer, key=lambda one: (not one.moved, one.source, list(DriftSeries).index(one.series)))

    def set_baseline(self, resource_id: UUID, source: str, first: date | None, *, actor: str) -> date:
        """Start a new baseline after an intended change; returns its first day.

        Args:
            resource_id: id of the resource.
            source: a camera's name; empty for calls of the API.
            first: first day of the baseline; None for today.
            actor: name of the actor, for the audit log.

        Raises:
            DriftError: the day is in the future, or nothing was counted for the source.
        """
        now = self._clock.now()
        day = _day(now) if first is None else _day_of(first)
        if day > _day(now):
            raise DriftError("a baseline cannot begin in the future")
        with self._database.write(resource_id) as session:
            query = select(func.count()).select_from(DriftCountRow).where(DriftCountRow.source == source)
            if not session.scalar(query):
                what = Message("the camera {camera!r}", camera=source) if source else Message("calls of the API")
                raise DriftError("nothing was counted for {what}", what=what)
            session.merge(
                DriftBaselineRow(resource_id=resource_id, source=source, first_day=day, set_by=actor, set_at=now)
            )
            session.execute(delete(DriftStateRow))
        self._looked = None
        details = {"source": source or "api", "first": _date(day).isoformat()}
        self._audit.record(actor=actor, action="drift.baseline", resource_id=resource_id, details=details)
        return _date(day)

    def look(self) -> int:
        """Check all resources whose last full week was not checked yet, on one server at a time.

        Returns:
            The number of checked resources.
        """
        week = last_week(_day(self._clock.now()))
        if self._looked == week:
            return 0
        with self._claims.hold("drift") as held:
            if held is None:
                return 0
            due = self._due(week)
            for resource_id in due:
                self._look(resource_id, week, held)
        self._looked = week
        return len(due)

    def _look(self, resource_id: UUID, week: int, held: Held) -> None:
        moved = [one for one in self.of(resource_id) if one.moved]
        with self._database.write(resource_id) as session:
            held.fence(session)
            now = self._clock.now()
            session.merge(DriftStateRow(resource_id=resource_id, week=week, moved=len(moved), looked_at=now))
        for one in moved:
            _log.warning("drift", resource=str(resource_id), source=one.source or "api", series=one.series.value,
                         since=str(one.since), told=one.sentence)  # fmt: skip

    def _due(self, week: int) -> list[UUID]:
        with self._database.read(EVERY_RESOURCE) as session:
            states = session.execute(select(DriftStateRow.resource_id, DriftStateRow.week))
            known = {row.resource_id: row.week for row in states}
            every = session.scalars(select(DriftCountRow.resource_id).distinct())
            return [one for one in every if known.get(one) != week]

    def _baselines(self, resource_id: UUID) -> dict[str, int]:
        with self._database.read(resource_id) as session:
            found = session.execute(select(DriftBaselineRow.source, DriftBaselineRow.first_day))
            return {row.source: row.first_day for row in found}

    def _counts(self, resource_id: UUID) -> Mapping[tuple[str, DriftSeries], tuple[list[int], Counts]]:
        """Return the days and counts (days, bins) of every series."""
        row = DriftCountRow
        query = select(row.source, row.series, row.day, row.bin, row.count)
        query = query.order_by(row.source, row.series, row.day)
        tables: dict[tuple[str, DriftSeries], dict[int, Counts]] = defaultdict(dict)
        with self._database.read(resource_id) as session:
            for source, name, day, place, count in session.execute(query):
                if name not in set(DriftSeries):  # written by a newer version of Mien
                    continue
                series = DriftSeries(name)
                days = tables[source, series]
                if day not in days:
                    days[day] = np.zeros(BINS[series].total, np.int64)
                if place < BINS[series].total:
                    days[day][place] += count
        return {key: (sorted(days), np.stack([days[day] for day in sorted(days)])) for key, days in tables.items()}


def _mean(series: DriftSeries, counts: Counts) -> float | None:
    bins = BINS[series]
    numbers = counts[: bins.count]
    if not numbers.sum():
        return None
    if series is DriftSeries.UNREAD:
        return float(numbers[1] / numbers.sum())
    middles = (np.arange(bins.count) + 0.5) * bins.high / bins.count
    return float(numbers @ middles / numbers.sum())


def _words(series: DriftSeries, value: float | None) -> str:
    if value is None:
        return "none"
    if series is DriftSeries.UNREAD:
        return f"{value:.1%}"
    return f"{value:.0f}" if series is DriftSeries.QUALITY else f"{value:.2f}"


def _day(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) // 86_400


def _day_of(day: date) -> int:
    return (day - _EPOCH).days


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


__all__ = ["API", "Drift", "DriftError", "SeriesDrift"]
