"""Exports of the events of doors: lines of JSON, or CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Final

from mien.doors.events import NUMBERS, Event
from mien.spreadsheets import plain_cell

_COLUMNS: Final = (
    "number",
    "at",
    "kind",
    "code",
    "granted",
    "duress",
    "door",
    "direction",
    "camera",
    "track",
    "rule",
    "personId",
    "person",
    "place",
    "reasons",
    *NUMBERS,
    "actuator",
    "actuatorNote",
    "review",
    "id",
)


def _csv_line(cells: tuple[str, ...] | list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: object) -> str:
    """Return a value for a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_cell(value) if isinstance(value, str) else str(value)


def export(events: Iterable[Event], *, as_csv: bool = False) -> Iterator[str]:
    """Yield events as lines of JSON, or of CSV with a header; each ends with a line break."""
    if not as_csv:
        for event in events:
            yield json.dumps(event.to_json(), ensure_ascii=True) + "\n"
        return
    yield _csv_line(_COLUMNS)
    for event in events:
        fields = event.to_json() | {"reasons": " ".join(event.reasons)}
        yield _csv_line([_cell(fields[name]) for name in _COLUMNS])
