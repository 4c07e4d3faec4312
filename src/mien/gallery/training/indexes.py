"""Storage of trained indexes, and the searches loaded from them.

A collection's folder has one folder for each training, of which the collection's row names the one that serves. A new
training makes a new folder (its unchanged files are hard links), moves the name in the row, and deletes the old one:
a crash at any point leaves one or the other whole. Machines that share a database have each a folder of their own: what
one of them trained, another makes for itself from the database when it is first asked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select

from mien.gallery.templates import Templates
from mien.gallery.training.engines import IndexEngine
from mien.gallery.untrained_index import enrolled_by
from mien.search import TemplateSearch, TrainedIndexError, TrainedIndexMissingError, TrainedStore
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import CollectionRow

CACHED_COLLECTIONS: Final = 64
CACHED_TEMPLATES: Final = 20_000_000
"""A loaded template of 256 dimensions takes about half a kilobyte of memory."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    name: str
    search: TemplateSearch


class TrainedIndexes:
    """The trained indexes of all collections.

    Args:
        engines: where the indexes are; trainings use the first.
        folder: for the files of claims; processes of one server share it.
        database: says which index serves.
        vault: opens templates.
    """

    def __init__(self, engines: Sequence[IndexEngine], folder: Path, database: Database, vault: Vault) -> None:
        self._engines = tuple(engines)
        self._folder = folder
        self._database = database
        self._templates = Templates(vault)
        self._lock = threading.Lock()
        self._loading: dict[UUID, threading.Lock] = {}
        self._loaded: OrderedDict[UUID, _Loaded] = OrderedDict()

    def _engine_of(self, name: str) -> IndexEngine:
        return next((one for one in self._engines if one.is_name(name)), self._engines[0])

    def store(self, row: CollectionRow, name: str) -> TrainedStore:
        """Return the index of a collection under this name, which need not exist."""
        return self._engine_of(name).store(row, name)

    def fresh_name(self, fingerprint: str) -> str:
        """Return a name that no index has, for one of this recogniser."""
        return self._engines[0].fresh_name(fingerprint)

    def goes_on(self, name: str) -> bool:
        """Whether a next training can go on from the index of this name: both are of one engine."""
        return self._engine_of(name) is self._engines[0]

    def branch(self, row: CollectionRow, old: str, new: str) -> TrainedStore:
        """Begin the index `new` with what `old` is now.

        Raises:
            TrainedIndexError: there is no usable one.
        """
        return self._engine_of(new).branch(row, old, new)

    def search(self, row: CollectionRow) -> TemplateSearch | None:
        """Return the search of a collection as it was last trained, None when it never was.

        Raises:
            TrainedIndexError: the trained index cannot be used.
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

    def previous(self, uid: UUID) -> TemplateSearch | None:
        """Return what is loaded of a collection, whatever its age: its files need not be read again."""
        with self._lock:
            loaded = self._loaded.get(uid)
        return loaded.search if loaded else None

    def keep(self, uid: UUID, name: str, search: TemplateSearch) -> None:
        """Keep a loaded search, and let go of those that were not used for the longest time."""
        with self._lock:
            self._loaded[uid] = _Loaded(name, search)
            self._loaded.move_to_end(uid)
            total = sum(one.search.in_memory for one in self._loaded.values())
            while len(self._loaded) > 1 and (len(self._loaded) > CACHED_COLLECTIONS or total > CACHED_TEMPLATES):
                _, dropped = self._loaded.popitem(last=False)
                total -= dropped.search.in_memory

    def forget(self, uid: UUID) -> None:
        """Delete all that there is of a collection."""
        with self._lock:
            self._loaded.pop(uid, None)
            self._loading.pop(uid, None)
        for engine in self._engines:
            engine.tidy(uid, None)
        shutil.rmtree(self._of(uid), ignore_errors=True)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes except the one in use. Only the holder of `claim` may."""
        for engine in self._engines:
            engine.tidy(uid, name if name is not None else "")

    @contextmanager
    def claim(self, uid: UUID, what: str = "claim") -> Iterator[bool]:
        """Take the right to make a collection's next trained index; gives False when another thread or process has it.

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
        on_disk = {uid for engine in self._engines for uid in engine.collections()}
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
        folder = self._of(uid)
        if not folder.is_dir() or not any(path.is_dir() and path.name != name for path in folder.iterdir()):
            return False
        with self.claim(uid) as claimed:
            if claimed:
                serving = self._serving({uid})  # read anew: a training may have ended before the claim was ours
                if uid in serving:
                    self.tidy(uid, serving[uid])
        return claimed

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

    def _cached(self, uid: UUID, name: str) -> TemplateSearch | None:
        with self._lock:
            loaded = self._loaded.get(uid)
            if loaded is None or loaded.name != name:
                return None
            self._loaded.move_to_end(uid)
            return loaded.search

    def _load(self, row: CollectionRow) -> TemplateSearch | None:
        name = row.snapshot
        while name is not None:
            try:
                search = self.store(row, name).load(self.previous(row.uid))
            except TrainedIndexError as error:
                # A training may have moved on and deleted it since the row was read.
                newer = self._serving({row.uid}).get(row.uid)
                if newer == name and not (isinstance(error, TrainedIndexMissingError) and self._restore(row, name)):
                    raise
                name = newer
            else:
                self.keep(row.uid, name, search)
                return search
        return None

    def _restore(self, row: CollectionRow, name: str) -> bool:
        """Rebuild the files of an index, of what was enrolled when it was made and is still there."""
        with self._database.read(row.resource_id) as session:
            fresh = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid))
            if fresh is None or fresh.snapshot != name or fresh.trained_revision < 0:
                return False
            if not self._engine_of(name).rebuilds:
                return False
            enrolled = enrolled_by(session, fresh.uid, fresh.trained_revision)
            faces = self._templates.faces(fresh.resource_id, fresh.uid, enrolled)
        if not len(faces):
            return False
        self.store(fresh, name).write(faces, fresh.fingerprint)
        _log.info("a trained index that was not here is made again from the database", faces=len(faces))
        return True
