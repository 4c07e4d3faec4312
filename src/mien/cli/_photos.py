"""Photos and persons, as the commands on photos take them: files and folders, names and ids."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli._face_service import trouble
from mien.cli._ids import whole_id
from mien.storage.names import name_key

if TYPE_CHECKING:
    from mien.cli._face_calls import FaceCalls, Group


def photos_of(paths: Iterable[Path]) -> list[Path]:
    """Return files as they are, and the photos of folders; exits with 2 if there is none."""
    from mien.importing.sources import photos_below

    found = [photo for path in paths for photo in (photos_below(path) if path.is_dir() else [path])]
    if not found:
        trouble("there are no photos in these folders")
    return found


def detected(calls: FaceCalls, photo: Path, model: str) -> list[dict[str, Any]]:
    """Return the faces of a photo, the largest first.

    Raises:
        CallError: the photo is refused or has no face; the text names the photo.
    """
    from mien.cli._face_calls import CallError

    try:
        found = calls.detect(photo.read_bytes(), model)
    except CallError as error:
        raise CallError(f"{photo}: {error}" if error.about_photo else str(error), error.status, error.code) from error
    except OSError as error:
        raise CallError(f"{photo} cannot be read: {error.strerror}") from error
    if not found:
        raise CallError(f"{photo}: no face was found", 400, "NoFace")
    return found


def same_name(one: str, other: str) -> bool:
    """Whether two names are equal except the way that a file system spells accents."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def of_name(persons: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the persons of a name; without any, those whose name differs in capitals, accents or spaces alone."""
    every = list(persons)
    exact = [one for one in every if same_name(one["name"], name)]
    return exact or [one for one in every if name_key(one["name"]) == name_key(name)]


def person_named(calls: FaceCalls, group: Group, text: str) -> dict[str, Any]:
    """Return the person of a group by name, id or the beginning of the id; exits when it is not exactly one."""
    persons = list(calls.persons(group))
    named = of_name(persons, text)
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(one["personId"] for one in named[:5])
        trouble(f"{len(named)} persons of {group} are named {text!r}: give one of their ids: {ids}")
    wanted = str(whole_id(text, ((one["personId"], one["name"]) for one in persons), "person"))
    return next((one for one in persons if one["personId"] == wanted), None) or calls.person(group, wanted)
