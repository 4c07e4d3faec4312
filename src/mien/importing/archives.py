"""Photos in zip and tar archives: read one by one in memory, never unpacked to disk.

Archives are untrusted. An entry is refused if it is encrypted, a link or a device, if its name leads out of the
archive, or if it expands more than photos do; a damaged archive is refused as a whole before anything is enrolled.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from mien.importing.sources import (
    LARGEST_FILE,
    ImportSourceError,
    SourceEntry,
    SourcePhoto,
    check_size,
    people,
    refusing,
)

_RATIO: Final = 100
"""Photos hardly shrink when compressed; an entry with a higher ratio is a decompression bomb."""
_SMALL: Final = 1024 * 1024
_TAR_FLOOR: Final = 1024 * 1024 * 1024
_BROKEN: Final = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
    RuntimeError, ValueError,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive by its content."""
    try:
        return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))
    except OSError:
        return False


def archive(path: Path, inside: str = "") -> Iterator[SourcePhoto]:
    """Yield the photos of an archive of folders; each folder is named after its person.

    Args:
        path: a zip or tar file, compressed or not.
        inside: the folder of the archive that has the persons' folders; its top when empty.

    Raises:
        SourceError: it cannot be read, or has no folder with photos.
    """
    return people(entries(path, inside), f"{path}{f' ({inside})' if inside else ''}")


def entries(path: Path, inside: str = "") -> Iterator[SourceEntry]:
    """Yield the files of an archive in its order, which is the fastest for a compressed tar.

    Args:
        path: a zip or tar file, compressed or not.
        inside: only entries in this folder, without its name.

    Raises:
        SourceError: it cannot be read.
    """
    if not path.is_file():
        raise ImportSourceError(f"{path} is not a file")
    with ExitStack() as until_read:
        file = until_read.enter_context(path.open("rb"))
        try:
            opened: zipfile.ZipFile | tarfile.TarFile
            if zipfile.is_zipfile(file):
                opened = zipfile.ZipFile(file)
                found = list(_zip(opened))
            else:
                file.seek(0)
                opened = tarfile.open(fileobj=file, mode="r:*")  # noqa: SIM115  # it is read from later
                found = list(_tar(opened, path.stat().st_size))
        except tarfile.ReadError as error:
            raise ImportSourceError(
                f"{path} is neither a zip nor a tar archive, or it was cut short: {error}"
            ) from error
        except _BROKEN as error:
            raise ImportSourceError(
                f"{path} is damaged or was cut short: {str(error) or type(error).__name__}"
            ) from error
        weakref.finalize(opened, until_read.pop_all().close)  # when no more entries are read from it
    folder = PurePosixPath(inside.replace("\\", "/").strip("/")) if inside.strip("/.") else None
    for entry in found:
        name = PurePosixPath(entry.name)
        if folder is None:
            yield entry
        elif name.is_relative_to(folder):
            yield SourceEntry(name.relative_to(folder).as_posix(), entry.read)


def _zip(archive: zipfile.ZipFile) -> Iterator[SourceEntry]:
    for info in archive.infolist():
        if info.is_dir():
            continue
        name = info.filename.replace("\\", "/")
        why = _wrong_name(name)
        if stat.S_ISLNK(info.external_attr >> 16):
            why = why or "it is a link, not a file"
        elif info.flag_bits & 1:
            why = why or "it is encrypted: pack the photos without a password"
        else:
            why = why or _too_large(info.file_size)
            if info.file_size > max(_SMALL, _RATIO * info.compress_size):
                why = why or f"it expands more than {_RATIO} times, as no photo does"
        yield SourceEntry(_shown(name), refusing(why) if why else partial(_read_zip, archive, info))


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            return check_size(file.read(LARGEST_FILE + 1))
    except _BROKEN as error:
        raise ImportSourceError(f"it cannot be unpacked: {str(error) or type(error).__name__}") from error


def _tar(archive: tarfile.TarFile, packed: int) -> Iterator[SourceEntry]:
    total, most = 0, max(_TAR_FLOOR, _RATIO * packed)
    for info in archive:
        total += info.size
        if total > most:  # its size is known before it is unpacked, so it can be skipped
            raise ImportSourceError(f"the archive expands more than {_RATIO} times, as photos do not")
        if info.isdir():
            continue
        why = _wrong_name(info.name)
        if info.issym() or info.islnk():
            why = why or "it is a link, not a file"
        elif not info.isfile():
            why = why or "it is no ordinary file"
        why = why or _too_large(info.size)
        yield SourceEntry(_shown(info.name), refusing(why) if why else partial(_read_tar, archive, info))


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    try:
        file = archive.extractfile(info)
        if file is None:
            raise ImportSourceError("it is no ordinary file")
        with file:
            data = check_size(file.read(LARGEST_FILE + 1))
    except _BROKEN as error:
        raise ImportSourceError(f"it cannot be unpacked: {str(error) or type(error).__name__}") from error
    if len(data) != info.size:
        raise ImportSourceError("it was cut short")
    return data


def _wrong_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\x00" in name:
        return "its name leads out of the archive"
    return ""


def _too_large(size: int) -> str:
    return f"it is larger than {LARGEST_FILE >> 20} MB" if size > LARGEST_FILE else ""


def _shown(name: str) -> str:
    return name.removeprefix("./")
