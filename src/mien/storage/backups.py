"""Backups: one archive of everything that a server must not lose, written while servers run, and restored elsewhere.

The archive is a tar file: `manifest.json` first, then the database (a copy that SQLite writes in one transaction, or
the output of `pg_dump`), then the master key if it was requested. The manifest contains every file's SHA-256. An
archive with the master key is always encrypted with a passphrase; one without it reveals nothing biometric, because the
database encrypts that.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from sqlalchemy import URL, inspect, make_url

from mien.storage.crypto import KEY_FILE, MasterKey
from mien.storage.database import Database
from mien.storage.migrations import current_revision
from mien.storage.sealed_files import OpeningReader, SealedFileError, SealingWriter, check_passphrase, is_sealed

_FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_SQLITE: Final = "mien.db"
_POSTGRESQL: Final = "mien.dump"
_WORKING: Final = ".mien-backup-"
_BLOCK: Final = 1 << 20
_MOST_MANIFEST: Final = 64 * 1024


class BackupError(Exception):
    """A backup cannot be created, read or restored; the message gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """The contents of a backup.

    Attributes:
        format: format of the archive, 1.
        made_at: ISO 8601, UTC.
        version: version of Mien.
        revision: the step of migration that the database is at.
        engine: `sqlite` or `postgresql`.
        master_key: the one-way name of the master key that opens the database.
        files: SHA-256 by name, of every other file in the archive.
    """

    format: int
    made_at: str
    version: str
    revision: str
    engine: str
    master_key: str
    files: dict[str, str]

    @property
    def has_key(self) -> bool:
        """Whether the master key is in the archive."""
        return KEY_FILE in self.files


def make_backup(
    database: Database,
    master: MasterKey,
    target: Path,
    *,
    now: datetime,
    version: str,
    passphrase: str | None = None,
    with_key: bool = False,
) -> BackupManifest:
    """Write a backup while servers run; the file appears complete or not at all.

    Args:
        database: the database to copy.
        master: opens it.
        target: the file; must not exist.
        now: UTC.
        version: version of Mien.
        passphrase: passphrase that encrypts the archive, if given.
        with_key: put the master key into it.

    Raises:
        BackupError: the file exists, the key would not be encrypted, the database does not respond or `pg_dump` is
            missing.
        ValueError: the passphrase is too short.
        OSError: the file cannot be written.
    """
    if target.exists():
        raise BackupError(f"{target} exists already; a backup overwrites nothing")
    if with_key and passphrase is None:
        raise BackupError("a backup with the master key is sealed by a passphrase: give one")
    if passphrase is not None:
        check_passphrase(passphrase)
    target.parent.mkdir(parents=True, exist_ok=True)
    with working_folder(target.parent) as folder:
        copy = folder / (_SQLITE if database.is_sqlite else _POSTGRESQL)
        _copy(database, copy)
        files = {copy.name: _sha256(copy)}
        key = (master.secret.hex() + "\n").encode("ascii")
        if with_key:
            files[KEY_FILE] = hashlib.sha256(key).hexdigest()
        manifest = BackupManifest(
            format=_FORMAT,
            made_at=now.isoformat(),
            version=version,
            revision=current_revision(database) or "",
            engine="sqlite" if database.is_sqlite else "postgresql",
            master_key=master.name,
            files=files,
        )
        draft = folder / "archive"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            with _sealing(out, passphrase) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
                _add(archive, _MANIFEST, json.dumps(asdict(manifest), indent=1).encode("utf-8"))
                archive.add(copy, arcname=copy.name, filter=_plain)
                if with_key:
                    _add(archive, KEY_FILE, key)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(target)
    return manifest


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Create a folder for the parts of a backup, and delete it in the end.

    Folders of backups and restores that were killed are deleted first: copies of the database that nobody knows of. One
    that is in use is locked by its process.

    Args:
        parent: where; exists.

    Raises:
        OSError: it cannot be written.
    """
    for left in parent.glob(f"{_WORKING}*"):
        with suppress(OSError), _locked(left):  # else it is in use, or somebody else's
            shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix=".mien-new-", dir=parent))
    with _locked(made):
        folder = made.with_name(_WORKING + made.name.removeprefix(".mien-new-"))
        made.rename(folder)  # locked before anybody looks at it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process.

    Raises:
        OSError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def read_backup(source: Path, folder: Path, passphrase: str | None = None, *, with_key: bool = True) -> BackupManifest:
    """Unpack a backup into a folder and check every file against the manifest.

    Args:
        source: the archive.
        folder: exists; gets the files, readable by their owner only.
        passphrase: passphrase of the archive; None if it is not encrypted.
        with_key: whether to write the master key of the archive, too; if False, it is only checked.

    Raises:
        BackupError: it is not a backup, has a newer format, is damaged, or the passphrase is missing or wrong.
        OSError: a file cannot be read or written.
    """
    try:
        with source.open("rb") as raw:
            content = _opening(raw, passphrase)
            with tarfile.open(fileobj=content, mode="r|") as archive:
                manifest = _read_manifest(archive)
                found = {}
                while (member := archive.next()) is not None:
                    if member.name not in manifest.files or not member.isfile():
                        raise BackupError(f"{source} holds {member.name!r}, which its manifest does not name")
                    stream = archive.extractfile(member)
                    assert stream is not None
                    kept = with_key or member.name != KEY_FILE
                    found[member.name] = _write(stream, folder / member.name) if kept else _digest(stream)
            while content.read(_BLOCK):
                pass  # to the end: only there an encrypted file confirms that nothing is missing
    except SealedFileError as error:
        raise BackupError(f"{source}: {error}") from error
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{source} is no backup of Mien, or it is damaged: {error}") from error
    for name, expected in manifest.files.items():
        if found.get(name) != expected:
            raise BackupError(f"{source} is damaged: {name} is missing or not what the manifest says")
    return manifest


def restore_database(manifest: BackupManifest, folder: Path, url: str) -> None:
    """Bring the database of an unpacked backup to where a server will look for it.

    Args:
        manifest: manifest of the backup.
        folder: the folder of `read_backup`.
        url: SQLAlchemy URL; of a SQLite file that does not exist, or of a PostgreSQL database without tables.

    Raises:
        BackupError: there is something already, the backup is of the other engine, or `pg_restore` fails.
        OSError: the file cannot be written.
    """
    where = make_url(url)
    engine = where.get_backend_name()
    if engine != manifest.engine:
        raise BackupError(f"the backup is of {manifest.engine} and does not fit into {engine}")
    if engine == "sqlite":
        file = Path(str(where.database))
        if file.exists():
            raise BackupError(f"{file} exists already; a backup is restored into a folder without a database")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(folder / _SQLITE, file)
        file.chmod(0o600)
        return
    database = Database(url)
    try:
        if inspect(database.engine).get_table_names():
            raise BackupError("the database has tables already; a backup is restored into an empty one")
    finally:
        database.close()
    _run(where, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", folder / _POSTGRESQL)


def restore_key(folder: Path, target: Path) -> None:
    """Copy the master key of an unpacked backup to where a server reads it, unless the same one is there.

    Raises:
        BackupError: another key exists.
        OSError: the file cannot be written.
    """
    content = (folder / KEY_FILE).read_bytes()
    if target.exists():
        if target.read_bytes().strip() != content.strip():
            raise BackupError(f"{target} holds another master key; move it away first")
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


def _copy(database: Database, target: Path) -> None:
    """Copy a database in one transaction."""
    if not database.is_sqlite:
        _run(database.url, "pg_dump", "--format=custom", "--no-owner", f"--file={target}")
        return
    target.touch(mode=0o600)
    source = sqlite3.connect(str(database.url.database), timeout=60)
    try:
        copied = sqlite3.connect(str(target))
        try:
            source.backup(copied, pages=-1)
            copied.execute("PRAGMA journal_mode=DELETE")
            (state,) = copied.execute("PRAGMA integrity_check").fetchone()
        finally:
            copied.close()
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be copied: {error}") from error
    finally:
        source.close()
    if state != "ok":
        raise BackupError(f"the database is damaged: {state}")


def _run(url: URL, program: str, *arguments: str | Path) -> None:
    """Run a program of PostgreSQL on a database; its password is in the environment, not on the command line."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not installed here (Debian: postgresql-client)")
    plain = url.set(drivername="postgresql", password=None)
    environment = dict(os.environ)
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(  # noqa: S603 - no shell, and a program of the system
        [found, f"--dbname={plain.render_as_string(hide_password=False)}", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


@contextmanager
def _sealing(out: BinaryIO, passphrase: str | None) -> Iterator[BinaryIO]:
    if passphrase is None:
        yield out
        return
    writer = SealingWriter(out, passphrase)
    buffered = io.BufferedWriter(writer, _BLOCK)
    yield cast("BinaryIO", buffered)
    buffered.close()  # only after success: an incomplete file must not look finished


def _opening(raw: BinaryIO, passphrase: str | None) -> BinaryIO:
    if not is_sealed(raw):
        return raw
    if passphrase is None:
        raise BackupError("the backup is sealed: give its passphrase")
    return cast("BinaryIO", io.BufferedReader(OpeningReader(raw, passphrase), _BLOCK))


def _read_manifest(archive: tarfile.TarFile) -> BackupManifest:
    member = archive.next()
    if member is None or member.name != _MANIFEST or not member.isfile() or member.size > _MOST_MANIFEST:
        raise BackupError("this is no backup of Mien: it does not begin with a manifest")
    stream = archive.extractfile(member)
    assert stream is not None
    try:
        content: dict[str, Any] = json.loads(stream.read())
        if content["format"] != _FORMAT:
            raise BackupError(f"the backup has format {content['format']}, which this version of Mien does not know")
        manifest = BackupManifest(**content)
        names = set(manifest.files)
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the manifest cannot be read: {error}") from error
    if not names <= {_SQLITE, _POSTGRESQL, KEY_FILE}:
        raise BackupError("the manifest names files that no backup has")
    return manifest


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove the owner from the entry."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _write(stream: Any, target: Path) -> str:
    """Write a stream to a new file of the owner's; return its SHA-256."""
    digest = hashlib.sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while block := stream.read(_BLOCK):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _digest(stream: Any) -> str:
    return hashlib.sha256(stream.read()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
