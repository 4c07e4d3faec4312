"""Exports in the format of the Face API: JSON of persons, with their photos in folders next to it.

The Face API itself returns no photos: such an export is written by an application that stored them. It is an array of
persons, or an object with `persons` (or with groups that have `persons`), each with `name` and `personId`, `userData`
and `persistedFaceIds` as the API lists them. The photos of a person are in a folder named after the person's id or
name; a file named after a persisted face id gets the face's user data from `persistedFaces`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from mien.importing.sources import ImportSourceError, SourcePhoto, photos_below, read_file

_GROUPS: Final = ("personGroups", "largePersonGroups", "groups", "value")


def azure_export(path: Path, photos: Path | None = None) -> Iterator[SourcePhoto]:
    """Yield the photos of an export.

    Args:
        path: the JSON file, or a folder with one.
        photos: folder with the persons' folders; next to the JSON when None.

    Raises:
        SourceError: the JSON cannot be read or names no person, or no person has a photo.
    """
    file = _json_in(path)
    try:
        told = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ImportSourceError(f"{file} cannot be read as JSON: {error}") from error
    root, found = photos or file.parent, False
    for person in _persons(told):
        name = str(person.get("name") or person.get("personId") or "")
        about = {
            str(face.get("persistedFaceId", "")).lower(): face.get("userData")
            for face in person.get("persistedFaces", ())
            if isinstance(face, dict)
        }
        folder = _folder(root, person)
        for photo in photos_below(folder) if folder is not None and name else ():
            found = True
            yield SourcePhoto(
                photo.relative_to(root).as_posix(),
                name,
                partial(read_file, photo),
                _text(person.get("userData")),
                _text(about.get(photo.stem.lower())),
            )
    if not found:
        raise ImportSourceError(f"no person of {file} has a folder with photos below {root}, named by personId or name")


def _json_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.json"))
    if len(found) != 1:
        raise ImportSourceError(f"{path} has {len(found)} JSON files: name the one with the persons")
    return found[0]


def _persons(told: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(told, list):
        for one in told:
            if isinstance(one, dict) and ("name" in one or "personId" in one) and not _nested(one):
                yield one
            elif isinstance(one, dict):
                yield from _persons(one)
    elif isinstance(told, dict):
        for name in ("persons", *_GROUPS):
            if isinstance(told.get(name), list):
                yield from _persons(told[name])


def _nested(one: Mapping[str, Any]) -> bool:
    return any(isinstance(one.get(name), list) for name in ("persons", *_GROUPS))


def _folder(root: Path, person: Mapping[str, Any]) -> Path | None:
    for name in (person.get("folder"), person.get("personId"), person.get("name")):
        if isinstance(name, str) and name and Path(name).name == name and (root / name).is_dir():
            return root / name
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
