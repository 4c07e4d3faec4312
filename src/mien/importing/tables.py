"""Tables that assign photos to people: CSV with a header, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mien.gallery.kinds import parse_id
from mien.importing.archives import entries, is_archive
from mien.importing.sources import ImportSourceError, SourcePhoto, read_file, refused

_PHOTO: Final = ("photo", "file", "filename", "image", "path")
_PERSON: Final = ("person", "name", "person name", "full name")
_PERSON_ID: Final = ("person id", "personid", "person_id")
_DATA: Final = ("user data", "userdata", "user_data", "id", "note")
_FACE_DATA: Final = ("face data", "facedata", "face_data")
_COLUMNS: Final = {"photo": _PHOTO, "person": _PERSON, "person_id": _PERSON_ID, "data": _DATA, "face": _FACE_DATA}


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table.

    Attributes:
        line: its number in the file, from 1.
        photo: path of the photo; empty if the row has none.
        person: name of the person; may be empty if there is an id.
        person_id: id of a person of the group; None if the row has none.
        user_data: user data of the person.
        face_data: user data of the face.
        why: the problem of the row; empty if there is none.
    """

    line: int
    photo: str
    person: str = ""
    person_id: str | None = None
    user_data: str | None = None
    face_data: str | None = None
    why: str = ""


def read_csv(data: bytes) -> list[TableRow]:
    """Read a CSV file in UTF-8, separated by commas, semicolons or tabs; an invalid row contains the reason.

    Raises:
        SourceError: it cannot be read, or has no columns for photo and person.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportSourceError("it cannot be read: save the table as CSV in UTF-8") from error
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    rows: list[TableRow] = []
    try:
        heading = [cell.strip().casefold() for cell in next(reader, [])]
        at = {
            name: next((heading.index(one) for one in known if one in heading), None)
            for name, known in _COLUMNS.items()
        }
        if at["photo"] is None or (at["person"] is None and at["person_id"] is None):
            raise ImportSourceError("it needs the columns “photo” and “person”")
        full = (cells for cells in reader if any(cell.strip() for cell in cells))
        rows.extend(_row(reader.line_num, cells, at, len(heading)) for cells in full)
    except csv.Error as error:
        raise ImportSourceError(
            "it cannot be read as CSV from line {line} on: {reason}", line=reader.line_num, reason=error
        ) from error
    return rows


def _row(line: int, cells: list[str], at: dict[str, int | None], width: int) -> TableRow:
    def cell(name: str) -> str:
        index = at[name]
        return cells[index].strip() if index is not None and index < len(cells) else ""

    why = f"the row has {len(cells)} cells, the heading {width}" if len(cells) > width else ""
    person_id, user_data, face_data = (cell(name) or None for name in ("person_id", "data", "face"))
    return _checked(TableRow(line, cell("photo"), cell("person"), person_id, user_data, face_data, why))


def read_json_lines(data: bytes) -> list[TableRow]:
    """Read JSON lines with `photo` and `person` (or `personId`), and optionally `userData` and `faceData`.

    Raises:
        SourceError: it is not UTF-8, or has no line with a photo.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportSourceError("it cannot be read: save it in UTF-8") from error
    rows = [_json_row(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not any(row.photo for row in rows):
        raise ImportSourceError("no line is a JSON object with a “photo”")
    return rows


def _json_row(number: int, line: str) -> TableRow:
    try:
        told: Any = json.loads(line)
    except ValueError as error:
        return TableRow(number, "", why=f"it is no JSON: {error}")
    except RecursionError:
        return TableRow(number, "", why="it is no JSON: too deep")
    if not isinstance(told, dict):
        return TableRow(number, "", why="it is no JSON object")
    names = ("photo", "person", "personId", "userData", "faceData")
    wrong = [name for name in names if not isinstance(told.get(name), str | None)]
    photo, person, person_id, user_data, face_data = (
        value if isinstance(value := told.get(name), str) and value else None for name in names
    )
    why = f"“{wrong[0]}” is no text" if wrong else ""
    return _checked(
        TableRow(number, (photo or "").strip(), (person or "").strip(), person_id, user_data, face_data, why)
    )


def _checked(row: TableRow) -> TableRow:
    if row.why:
        return row
    if not row.photo:
        return replace(row, why="it names no photo")
    if not row.person and not row.person_id:
        return replace(row, why="it names no person")
    if row.person_id and parse_id(row.person_id) is None:
        return replace(row, why="its person id is no GUID")
    return row


def table(path: Path, photos: Path | None = None, *, json_lines: bool = False) -> Iterator[SourcePhoto]:
    """Yield the photos of a table; invalid rows are yielded as refused photos.

    Args:
        path: the table.
        photos: the folder or archive that the paths of the table are in; the folder of the table when None.
        json_lines: whether it is JSON lines, not CSV.

    Raises:
        SourceError: the table or the archive cannot be read, or the table has no rows.
    """
    try:
        rows = (read_json_lines if json_lines else read_csv)(path.read_bytes())
    except OSError as error:
        raise ImportSourceError("{path} cannot be read: {reason}", path=path, reason=error.strerror) from error
    except ImportSourceError as error:
        raise ImportSourceError("{path}: {reason}", path=path, reason=error) from error
    if not rows:
        raise ImportSourceError("{path} has no rows", path=path)
    found, order = _places(photos or path.parent)
    rows.sort(key=lambda row: order.get(_key(row.photo), row.line))
    for row in rows:
        name = f"{path.name}, line {row.line}"
        if row.why:
            yield refused(f"{name}: {row.photo}".rstrip(": "), row.person, row.why)
        elif (read := found(row.photo)) is None:
            yield refused(row.photo, row.person, f"{name} names this photo, and there is none of that name")
        else:
            # A person with an id needs no name; the id is used instead until the person is found.
            person = row.person or str(row.person_id)
            yield SourcePhoto(row.photo, person, read, row.user_data, row.face_data, row.person_id)


Find = Callable[[str], Callable[[], bytes] | None]


def _places(photos: Path) -> tuple[Find, dict[str, int]]:
    """Return a function that finds a photo by its path, and the fastest order to read photos, if there is one."""
    if photos.is_dir():
        return partial(_in_folder, photos.resolve()), {}
    if not is_archive(photos):
        raise ImportSourceError("{photos} is neither a folder nor an archive", photos=photos)
    packed = {_key(entry.name): entry.read for entry in entries(photos)}
    return lambda name: packed.get(_key(name)), {name: number for number, name in enumerate(packed)}


def _in_folder(root: Path, name: str) -> Callable[[], bytes] | None:
    path = Path(name.replace("\\", "/"))
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return None
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, or a loop of links
        return None
    return partial(read_file, file)


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()
