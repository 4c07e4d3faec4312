"""Photos of people from any source: the entries of a folder or an archive, and their persons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from mien.importing.whose import NOBODY, is_left_out, person_below
from mien.messages import MessageError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
LARGEST_FILE: Final = 64 * 1024 * 1024
"""Maximum number of bytes of a photo; larger files are refused without being read."""


class ImportSourceError(MessageError):
    """The source, or one photo of it, cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """A photo of a person.

    Attributes:
        key: names the photo in the report.
        person: name of the person on it.
        read: returns the image file; raises `ImportSourceError` or `OSError` if it cannot be read.
        user_data: user data of the person; None if there is none.
        face_data: user data of the face; None if there is none.
        person_id: id of a person of the group, if the source names one.
    """

    key: str
    person: str
    read: Callable[[], bytes]
    user_data: str | None = None
    face_data: str | None = None
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A file of a folder or an archive.

    Attributes:
        name: its path there, with `/`.
        read: returns its content.
    """

    name: str
    read: Callable[[], bytes]


def refused(key: str, person: str, why: str) -> SourcePhoto:
    """Return an entry that cannot be a photo, to be reported with the reason."""
    return SourcePhoto(key, person, refusing(why))


def refusing(why: str) -> Callable[[], bytes]:
    """Return what reads a file that is refused unread, with the reason."""
    return partial(_refuse, why)


def _refuse(why: str) -> bytes:
    raise ImportSourceError(why)


def folders(root: Path) -> Iterator[SourcePhoto]:
    """Yield the photos of a folder of folders; each folder is named after its person.

    Folders that are hidden, empty or belong to no person (`train`, `unknown`, thumbnails) are left out. A person's
    photos may be in subfolders.

    Raises:
        SourceError: there is no such folder, or it has no folder with photos.
    """
    return people(files_below(root), str(root))


def people(entries: Iterable[SourceEntry], where: str) -> Iterator[SourcePhoto]:
    """Yield the photos of a folder of folders, of any kind.

    Args:
        entries: all files, in order.
        where: names the folder or archive in an error.

    Raises:
        SourceError: there is no folder with photos.
    """
    found = False
    for entry in entries:
        path = PurePosixPath(entry.name)
        if not is_photo(path):
            continue
        found = found or len(path.parts) > 1
        if person := person_below(path):
            yield SourcePhoto(entry.name, person, entry.read)
        else:
            yield refused(entry.name, "", NOBODY)
    if not found:
        raise ImportSourceError(f"{where} has no folder with photos: each person needs a folder of the person's name")


def is_photo(path: PurePosixPath) -> bool:
    """Whether a file is a photo by its name, not hidden, not a thumbnail, and not in a folder that is left out."""
    return path.suffix.lower() in SUFFIXES and not any(map(is_left_out, path.parts))


def files_below(root: Path) -> Iterator[SourceEntry]:
    """Yield the files of a folder and its subfolders, in order.

    Raises:
        SourceError: there is no such folder.
    """
    if not root.is_dir():
        raise ImportSourceError(f"{root} is not a folder")
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield SourceEntry(path.relative_to(root).as_posix(), partial(read_file, path))


def photos_below(folder: Path) -> list[Path]:
    """Return the image files of a folder, in order, without hidden ones and thumbnails."""
    return [folder / entry.name for entry in files_below(folder) if is_photo(PurePosixPath(entry.name))]


def read_file(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        SourceError: it is larger than a photo may be.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return check_size(file.read(LARGEST_FILE + 1))


def check_size(data: bytes) -> bytes:
    """Return the content of a file of which at most one byte more than allowed was read.

    Raises:
        SourceError: it is larger than a photo may be.
    """
    if len(data) > LARGEST_FILE:
        raise ImportSourceError(f"it is larger than {LARGEST_FILE >> 20} MB")
    return data
