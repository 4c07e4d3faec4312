"""The report of an import: a line for each photo and each likely duplicate, as CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Final

from mien.spreadsheets import plain_cell


@dataclass(frozen=True, slots=True)
class ReportLine:
    """The result of a photo, or a likely duplicate of its face.

    Attributes:
        photo: its name in the source.
        outcome: `enrolled`, `earlier`, `refused` or `duplicate`.
        person: name of the person.
        person_id: by id; empty if nobody was found or created.
        persisted_face_id: id of the enrolled face; empty if there is none.
        why: the reason of a refusal, or of the suspicion.
        other_face_id: for a duplicate: id of the face that existed before.
        other_person_id: id of the person of the other face.
        confidence: for a duplicate: confidence that both are one person, in [0, 1].
    """

    photo: str
    outcome: str
    person: str = ""
    person_id: str = ""
    persisted_face_id: str = ""
    why: str = ""
    other_face_id: str = ""
    other_person_id: str = ""
    confidence: float | None = None


_NAMES: Final = {
    "person_id": "personId",
    "persisted_face_id": "persistedFaceId",
    "other_face_id": "otherFaceId",
    "other_person_id": "otherPersonId",
}
_FIELDS: Final = tuple((_NAMES.get(one.name, one.name), one.name) for one in fields(ReportLine))
_COLUMNS: Final = tuple(column for column, _ in _FIELDS)


class ReportFile:
    """Writes a report line by line, so that an interrupted import has a report up to that point.

    Args:
        path: the file, begun again; CSV if its name ends so, else JSON lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_csv = path.suffix.lower() == ".csv"

    def __enter__(self) -> ReportFile:
        """Start the file."""
        self._file = self.path.open("w", encoding="utf-8-sig" if self._is_csv else "utf-8", newline="")
        if self._is_csv:
            csv.writer(self._file).writerow(_COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def write(self, lines: Sequence[ReportLine]) -> None:
        """Append lines; they are flushed to the kernel when this returns."""
        for line in lines:
            values = {name: getattr(line, field) for name, field in _FIELDS}
            if self._is_csv:
                cells = ("" if one is None else str(one) for one in values.values())
                csv.writer(self._file).writerow([plain_cell(one) for one in cells])
            else:
                told = {name: value for name, value in values.items() if value not in {"", None}}
                self._file.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._file.flush()
