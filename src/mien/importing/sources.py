"""Photos of people in folders: a folder a person, as Frigate, Immich exports and face servers keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})

_LEFT_OUT: Final = frozenset({"train", "unknown", "unidentified", "@eadir", "__macosx", "thumbs", "thumbnails"})
"""Folders that are nobody's: Frigate collects faces to sort in `train`, others keep thumbnails beside the photos."""


class SourceError(Exception):
    """The source cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a person.

    Attributes:
        key: the same for the same photo in every run.
        person: who is on it.
        read: returns the image file.
        user_data: of the person, None when there is none.
        face_data: what is attached to the face, None when nothing is.
    """

    key: str
    person: str
    read: Callable[[], bytes]
    user_data: str | None = None
    face_data: str | None = None


def folders(root: Path) -> Iterator[Photo]:
    """Yield the photos of a folder of folders; the name of a folder is that of its person.

    Folders that are hidden, empty or of nobody (`train`, `unknown`, thumbnails) are left out. A person's photos may be
    in folders of their own.

    Raises:
        SourceError: there is no such folder, or it has no folder with photos.
    """
    if not root.is_dir():
        raise SourceError(f"{root} is not a folder")
    found = False
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir()):
        if folder.name.startswith(".") or folder.name.lower() in _LEFT_OUT:
            continue
        for path in photos_below(folder):
            found = True
            yield Photo(path.relative_to(root).as_posix(), folder.name, path.read_bytes)
    if not found:
        raise SourceError(f"{root} has no folder with photos: each person needs a folder of the person's name")


def photos_below(folder: Path) -> list[Path]:
    """Return the image files of a folder, in order, without hidden ones and thumbnails."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") or part.lower() in _LEFT_OUT for part in path.relative_to(folder).parts)
    ]
