"""One rule that assigns photos to people without a table, for `mien enrol`, `mien gallery import` and the portal.

People give photos in folders that they name in a command, drop on a page or put into an archive:

- A folder in the given one is a person, with everything below it: `Anna Weiss/2024/1.jpg` is a photo of Anna Weiss.
- Photos directly in the given folder are of the person whose name it has, if it has no folders with photos. If it has,
  it is a folder of people, and such photos are nobody's. An import always takes a folder of people.
- A photo that is given by itself is of the person whose name its folder has (`Anna Weiss/1.jpg`), else of the one whose
  name the file has, without a number at its end (`Anna Weiss 2.jpg`).
- Names that cameras and programs give to files and folders (`IMG_0001`, `photos`, `thumbnails`, `train`) are not names
  of people.

Names of folders are used unchanged; in the name of a file, underscores become spaces. Names that differ only in case,
accents or spaces are one person's (`mien.storage.names`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Final

from mien.messages import Message

NOBODY: Final = Message("it does not say whose it is: put it into a folder of the person's name")
"""The reason for refusing a photo without a person."""

_LEFT_OUT: Final = frozenset({"train", "unknown", "unidentified", "@eadir", "__macosx", "thumbs", "thumbnails"})
"""Folders without a person: Frigate collects faces to sort in `train`, others store thumbnails next to the photos."""
_NAMELESS: Final = frozenset(
    {"", "img", "image", "images", "dsc", "dscn", "dscf", "dcim", "pxl", "photo", "photos", "picture", "pictures"}
    | {"screenshot", "screenshots", "scan", "scans"}
)
_NUMBER: Final = re.compile(r"[\s_.()-]*\d+[\s_.()-]*$")


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or has a name that is not a person's."""
    return (name.startswith(".") and name != "..") or name.lower() in _LEFT_OUT


def person_below(path: PurePosixPath, *, given: str = "", of_people: bool = True) -> str:
    """Return the person of a photo by its path below the given folder; empty for none.

    Args:
        path: below the given folder.
        given: name of that folder; empty if it has none, as the top of an archive.
        of_people: whether it is a folder of people: it has folders with photos.
    """
    if any(map(is_left_out, path.parts)):
        return ""
    if len(path.parts) > 1:
        return _name(path.parts[0])
    return "" if of_people else _name(given)


def person_of(path: PurePosixPath, of_people: Collection[str] = ()) -> str:
    """Return the person of a photo that was dropped or given by itself; empty for none.

    Args:
        path: path of the photo, with the folders that were given.
        of_people: names of the given folders that have folders with photos.
    """
    if any(map(is_left_out, path.parts)):
        return ""
    if len(path.parts) == 1:
        return _name(_NUMBER.sub("", path.stem).replace("_", " "))
    given = path.parts[0]
    return person_below(path.relative_to(given), given=given, of_people=given in of_people)


def _name(text: str) -> str:
    return "" if text.strip().casefold() in _NAMELESS else text.strip()
