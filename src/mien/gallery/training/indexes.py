"""Where training puts what it made, and the searches loaded from it.

A collection's folder has one folder for each training, of which the collection's row names the one that serves. A new
training makes a new folder (its unchanged files are hard links), moves the name in the row, and deletes the old one:
a crash at any point leaves one or the other whole. Machines that share a database have each a folder of their own: what
one of them trained, another makes for itself from the database when it is first asked.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select

from mien.gallery.live import enrolled_by
from mien.gallery.templates import Templates
from mien.gallery.training.pg_indexes import PgSnapshot, PgSnapshots
from mien.search import ExactSearch, SnapshotError, SnapshotMissingError, SnapshotStore
from mien.search.pgvector import PgVectorSearch
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import CollectionRow

CACHED_COLLECTIONS: Final = 64
CACHED_TEMPLATES: Final = 20_000_000
"""A loaded template of 256 dimensions takes about half a kilobyte of memory."""

_log = structlog.get_logger(__name__)

Snapshot = SnapshotStore | PgSnapshot
TrainedSearch = ExactSearch | PgVectorSearch


@dataclass(frozen=True, slots=True)
class _Loaded:
    name: str
    search: TrainedSearch

    @property
    def in_memory(self) -> int:
        return len(self.search) if isinstance(self.search, ExactSearch) else 0


class Snapshots:
    """The snapshots of all collections.

    Args:
        folder: where they are; processes of one server share it.
        database: says which snapshot serves.
        vault: opens the keys of their files, and templates.
        pg: those in PostgreSQL, when there may be any.
        into_pg: whether trainings put what they make there, instead of into files.
    """

    def __init__(
        self, folder: Path, database: Database, vault: Vault, pg: PgSnapshots | None = None, *, into_pg: bool = False
    ) -> None:
        self._folder = folder
        self._pg = pg
        self._into_pg = into_pg
        self._database = database
        self._vault = vault
        self._templates = Templates(vault)
        self._lock = threading.Lock()
        self._loading: dict[UUID, threading.Lock] = {}
        self._loaded: OrderedDict[UUID, _Loaded] = OrderedDict()

    @staticmethod
    def key_name(uid: UUID) -> str:
        """What the sealed key of a collection's snapshots is bound to."""
        return f"collections/{uid}/snapshots"

    def store(self, row: CollectionRow, name: str) -> Snapshot:
        """Return the snapshot of a collection under this name, which need not exist."""
        if self._pg is not None and self._pg.is_name(name):
            return self._pg.store(row, name)
        key = self._vault.open(row.snapshot_key, resource_id=row.resource_id, what=self.key_name(row.uid))
        return SnapshotStore(self._of(row.uid) / name, key)

    def fresh_name(self, fingerprint: str) -> str:
        """Return a name that no snapshot has, for one of this recogniser."""
        return PgSnapshots.fresh_name(fingerprint) if self._into_pg else secrets.token_hex(8)

    def goes_on(self, name: str) -> bool:
        """Whether a next training can go on from the snapshot of this name: both are of one engine."""
        return PgSnapshots.is_name(name) == self._into_pg

    def branch(self, row: CollectionRow, old: str, new: str) -> Snapshot:
        """Begin the snapshot `new` with what `old` is now.

        Raises:
            SnapshotError: there is no usable one.
        """
        source, target = self.store(row, old), self.store(row, new)
        if isinstance(source, SnapshotStore) and isinstance(target, SnapshotStore):
            return source.branch(target.folder)
        return target  # in PostgreSQL it is the same place: an update is one transaction

    def search(self, row: CollectionRow) -> TrainedSearch | None:
        """Return the search of a collection as it was last trained, None when it never was.

        Raises:
            SnapshotError: the snapshot cannot be used.
        """
        if row.snapshot is None:
            return None
        loaded = self._cached(row.uid, row.snapshot)
        if loaded is not None:
            return loaded
        with self._lock:
            lock = self._loading.setdefault(row.uid, threading.Lock())
        with lock:  # one thread loads, the others wait for it
            return self._cached(row.uid, row.snapshot) or self._load(row)

    def previous(self, uid: UUID) -> ExactSearch | None:
        """Return what is loaded of a collection, whatever its age: its files need not be read again."""
        with self._lock:
            loaded = self._loaded.get(uid)
        return loaded.search if loaded and isinstance(loaded.search, ExactSearch) else None

    def keep(self, uid: UUID, name: str, search: TrainedSearch) -> None:
        """Keep a loaded search, and let go of those that were not used for the longest time."""
        with self._lock:
            self._loaded[uid] = _Loaded(name, search)
            self._loaded.move_to_end(uid)
            total = sum(one.in_memory for one in self._loaded.values())
            while len(self._loaded) > 1 and (len(self._loaded) > CACHED_COLLECTIONS or total > CACHED_TEMPLATES):
                _, dropped = self._loaded.popitem(last=False)
                total -= dropped.in_memory

    def forget(self, uid: UUID) -> None:
        """Delete all that there is of a collection."""
        with self._lock:
            self._loaded.pop(uid, None)
            self._loading.pop(uid, None)
        shutil.rmtree(self._of(uid), ignore_errors=True)
        if self._pg is not None:
            self._pg.tidy(uid, None)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's snapshots but the one that serves. Only whoever holds `claim` may."""
        folder = self._of(uid)
        if folder.is_dir():
            for path in folder.iterdir():
                if path.is_dir() and path.name != name:
                    shutil.rmtree(path, ignore_errors=True)
        if self._pg is not None:
            self._pg.tidy(uid, name)

    @contextmanager
    def claim(self, uid: UUID, what: str = "claim") -> Iterator[bool]:
        """Take the right to make a collection's next snapshot; gives False when another thread or process has it.

        With another `what` it is another right (to migrate the collection). The lock is the kernel's: it goes with the
        process that holds it, however that ends.
        """
        folder = self._of(uid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / what, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def sweep(self) -> int:
        """Let go of what is out of date in memory, and delete the files of collections and trainings that are gone.

        Returns:
            How many were dropped or deleted.
        """
        with self._lock:
            loaded = {uid: one.name for uid, one in self._loaded.items()}
        on_disk = {uid for path in self._paths(self._folder) if (uid := _uid_of(path)) is not None}
        on_disk.update(self._pg.collections() if self._pg is not None else ())
        serving = self._serving({*loaded, *on_disk})
        stale = [uid for uid, name in loaded.items() if serving.get(uid) != name]
        with self._lock:
            for uid in stale:
                self._loaded.pop(uid, None)
        gone = [uid for uid in on_disk if uid not in serving]
        for uid in gone:
            self.forget(uid)
        return len(stale) + len(gone) + sum(self._tidy_left(uid, serving[uid]) for uid in on_disk if uid in serving)

    def _tidy_left(self, uid: UUID, name: str | None) -> bool:
        """Delete what another machine's training, or a process that was killed, has left out of date here."""
        if not any(path.is_dir() and path.name != name for path in self._paths(self._of(uid))):
            return False
        with self.claim(uid) as claimed:
            if claimed:
                serving = self._serving({uid})  # read anew: a training may have ended before the claim was ours
                if uid in serving:
                    self.tidy(uid, serving[uid])
        return claimed

    @staticmethod
    def _paths(folder: Path) -> list[Path]:
        return list(folder.iterdir()) if folder.is_dir() else []

    def _serving(self, uids: set[UUID]) -> dict[UUID, str | None]:
        found: dict[UUID, str | None] = {}
        wanted = list(uids)
        with self._database.read(EVERY_RESOURCE) as session:
            for start in range(0, len(wanted), 500):
                some = CollectionRow.uid.in_(wanted[start : start + 500])
                rows = session.execute(select(CollectionRow.uid, CollectionRow.snapshot).where(some))
                found.update((row.uid, row.snapshot) for row in rows)
        return found

    def _of(self, uid: UUID) -> Path:
        return self._folder / uid.hex

    def _cached(self, uid: UUID, name: str) -> TrainedSearch | None:
        with self._lock:
            loaded = self._loaded.get(uid)
            if loaded is None or loaded.name != name:
                return None
            self._loaded.move_to_end(uid)
            return loaded.search

    def _load(self, row: CollectionRow) -> TrainedSearch | None:
        name = row.snapshot
        while name is not None:
            try:
                search = self.store(row, name).load(self.previous(row.uid))
            except SnapshotError as error:
                # A training may have moved on and deleted it since the row was read.
                newer = self._serving({row.uid}).get(row.uid)
                if newer == name and not (isinstance(error, SnapshotMissingError) and self._restore(row, name)):
                    raise
                name = newer
            else:
                self.keep(row.uid, name, search)
                return search
        return None

    def _restore(self, row: CollectionRow, name: str) -> bool:
        """Make the files of a snapshot again, of what was enrolled when it was made and is still there."""
        with self._database.read(row.resource_id) as session:
            fresh = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid))
            if fresh is None or fresh.snapshot != name or fresh.trained_revision < 0:
                return False
            store = self.store(fresh, name)
            if not isinstance(store, SnapshotStore):
                return False
            enrolled = enrolled_by(session, fresh.uid, fresh.trained_revision)
            faces = self._templates.faces(fresh.resource_id, fresh.uid, enrolled)
        if not len(faces):
            return False
        store.write(faces, fresh.fingerprint)
        _log.info("a trained snapshot that was not here is made again from the database", faces=len(faces))
        return True


def _uid_of(path: Path) -> UUID | None:
    try:
        return UUID(hex=path.name)
    except ValueError:
        return None
