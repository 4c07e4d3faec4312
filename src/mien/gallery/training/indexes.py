"""Storage of trained indexes, and the searches loaded from them.

A collection's folder has one folder for each training; the collection's row contains the name of the one in use. A new
training creates a new folder (unchanged files are hard links), changes the name in the row and deletes the old folder,
so a crash leaves either the old or the new index intact. Machines that share a database each have their own folder. If
one of them trains a collection, the others rebuild the index from the database before the first search (`loader`).

Damaged indexes are rebuilt from the database too, when they are loaded or when a search reads the damaged part.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select

from mien.gallery.templates import Templates
from mien.gallery.training.engines import IndexEngine
from mien.gallery.training.healing import HealingSearch
from mien.gallery.training.rebuilding import Loaded, Rebuilding
from mien.gallery.training.shadow import ShadowedSearch, ShadowProbes, Told
from mien.search import TemplateSearch, TrainedIndexError, TrainedIndexMissingError, TrainedStore
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.claims import Claims, Held
from mien.storage.tables import CollectionRow

CACHED_COLLECTIONS: Final = 64
CACHED_TEMPLATES: Final = 20_000_000
"""A loaded template of 256 dimensions takes about half a kilobyte of memory."""

_log = structlog.get_logger(__name__)


Damaged = Callable[[UUID, UUID, str], object]
"""Called with resource id, collection `uid` and reason for each damaged index, which is rebuilt."""


class TrainedIndexes:
    """The trained indexes of all collections.

    Args:
        engines: the engines with indexes; trainings use the first.
        folder: folder of index files, shared by the processes of a server.
        database: the database.
        vault: decrypts templates.
        claims: claims of this process; None creates its own.
        damaged: called with each damaged index, which is rebuilt.
        missing: called when an engine misses too many people.

    Attributes:
        shadow: checks a share of the results of engines that may miss people.
        damages: number of damaged indexes since the start.
    """

    def __init__(
        self,
        engines: Sequence[IndexEngine],
        folder: Path,
        database: Database,
        vault: Vault,
        *,
        claims: Claims | None = None,
        damaged: Damaged | None = None,
        missing: Told | None = None,
    ) -> None:
        self._engines = tuple(engines)
        self._folder = folder
        self._database = database
        self._rebuilding = Rebuilding(database, Templates(vault))
        self._claims = claims or Claims(database)
        self._damaged = damaged
        self.shadow = ShadowProbes(database, Templates(vault), told=missing)
        self.damages = 0
        self._lock = threading.Lock()
        self._loading: dict[UUID, threading.Lock] = {}
        self._loaded: OrderedDict[UUID, Loaded] = OrderedDict()

    def _engine_of(self, name: str) -> IndexEngine:
        return next((one for one in self._engines if one.is_name(name)), self._engines[0])

    def store(self, row: CollectionRow, name: str, held: Held | None = None) -> TrainedStore:
        """Return the index of a collection under this name, which need not exist.

        Args:
            row: the collection.
            name: name of the index.
            held: the writer's claim; see `IndexEngine.store`.
        """
        return self._engine_of(name).store(row, name, held.fence if held is not None else None)

    def fresh_name(self, fingerprint: str) -> str:
        """Return an unused name for an index of this recogniser."""
        return self._engines[0].fresh_name(fingerprint)

    def is_there(self, row: CollectionRow, name: str) -> bool:
        """Whether an index can be searched; a file index missing on this machine is rebuilt on demand."""
        engine = self._engine_of(name)
        return engine.rebuilds or engine.store(row, name).exists

    def goes_on(self, name: str) -> bool:
        """Whether the next training can continue from the index `name`: it is of the engine in use."""
        return self._engine_of(name) is self._engines[0]

    def branch(self, row: CollectionRow, old: str, new: str, held: Held) -> TrainedStore:
        """Start the index `new` with the content of `old`.

        Raises:
            TrainedIndexError: `old` is not usable.
        """
        return self._engine_of(new).branch(row, old, new, held.fence)

    def search(self, row: CollectionRow) -> TemplateSearch | None:
        """Return the search on a collection's trained index; None if it was never trained.

        Raises:
            TrainedIndexError: the trained index can be neither used nor rebuilt.
        """
        if row.snapshot is None:
            return None
        loaded = self._cached(row.uid, row.snapshot)
        if loaded is None:
            with self._loading_lock(row.uid):  # one thread loads, the others wait
                loaded = self._cached(row.uid, row.snapshot) or self._load(row)
        if loaded is None:
            return None

        def heal(search: TemplateSearch, error: TrainedIndexError) -> TemplateSearch:
            return self._heal(row, search, error)

        if self._engine_of(row.snapshot).may_miss:
            return ShadowedSearch(loaded, heal, row, self.shadow)
        return HealingSearch(loaded, heal)

    def previous(self, uid: UUID) -> TemplateSearch | None:
        """Return the loaded search of a collection, however old, so that its unchanged files need not be read again."""
        with self._lock:
            loaded = self._loaded.get(uid)
        return loaded.search if loaded else None

    def loaded(self) -> dict[UUID, str]:
        """Return the names of the loaded indexes, by collection."""
        with self._lock:
            return {uid: one.name for uid, one in self._loaded.items()}

    def keep(self, uid: UUID, name: str, search: TemplateSearch, revision: int = -1) -> None:
        """Cache a loaded search, and drop the least recently used ones.

        Args:
            uid: internal id of the collection.
            name: name of the index.
            search: search on the index.
            revision: the index's revision of the collection; -1 if unknown.
        """
        with self._lock:
            self._loaded[uid] = Loaded(name, revision, search)
            self._loaded.move_to_end(uid)
            total = sum(one.search.in_memory for one in self._loaded.values())
            while len(self._loaded) > 1 and (len(self._loaded) > CACHED_COLLECTIONS or total > CACHED_TEMPLATES):
                _, dropped = self._loaded.popitem(last=False)
                total -= dropped.search.in_memory

    def forget(self, uid: UUID) -> None:
        """Delete all indexes of a collection."""
        with self._lock:
            self._loaded.pop(uid, None)
            self._loading.pop(uid, None)
        for engine in self._engines:
            engine.tidy(uid, None)

    def tidy(self, uid: UUID, name: str | None, held: Held) -> None:
        """Delete a collection's indexes except the one in use.

        Raises:
            ClaimLostError: another server has taken over the claim, so another index may be in use.
        """
        found = [(engine, engine.prepare_tidy(uid, name if name is not None else "")) for engine in self._engines]
        with self._database.write(EVERY_RESOURCE) as session:
            held.fence(session)  # no other server can start a training before the files are deleted
            for engine, delete in found:
                if not engine.elsewhere:
                    delete()
        # Data on other servers is deleted outside the transaction: it existed before the claim was confirmed.
        for engine, delete in found:
            if engine.elsewhere:
                delete()

    def claim(self, uid: UUID, what: str = "training") -> AbstractContextManager[Held | None]:
        """Claim the right to write a collection's next index; yields None if another thread or server has it.

        Other values of `what` are separate claims (such as for re-embedding).
        """
        return self._claims.hold(f"{what}/{uid}")

    def sweep(self) -> int:
        """Drop outdated searches from memory, and delete the files of deleted collections and old trainings.

        Returns:
            The number of dropped or deleted items.
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
        """Delete indexes here that are outdated by another machine's training or left by a killed process."""
        folder = self._of(uid)
        if not folder.is_dir() or not any(path.is_dir() and path.name != name for path in folder.iterdir()):
            return False
        with self.claim(uid) as held:
            if held is None:
                return False
            serving = self._serving({uid})  # read again: a training may have ended before the claim was obtained
            if uid in serving:
                self.tidy(uid, serving[uid], held)
        return True

    def _serving(self, uids: Iterable[UUID]) -> dict[UUID, str | None]:
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

    def _loading_lock(self, uid: UUID) -> threading.Lock:
        with self._lock:
            return self._loading.setdefault(uid, threading.Lock())

    def _cached(self, uid: UUID, name: str) -> TemplateSearch | None:
        with self._lock:
            loaded = self._loaded.get(uid)
            if loaded is None or loaded.name != name:
                return None
            self._loaded.move_to_end(uid)
            return loaded.search

    def _load(self, row: CollectionRow) -> TemplateSearch | None:
        """Load the row's index, or the one now in use; rebuild it once if it is missing or damaged."""
        rebuilt = ""
        fresh: CollectionRow | None = row
        while fresh is not None and fresh.snapshot is not None:
            name = fresh.snapshot
            try:
                search = self.store(fresh, name).load(self.previous(fresh.uid))
            except TrainedIndexError as error:
                # A later training may have deleted it since the row was read.
                fresh = self._fresh(row)
                if fresh is not None and fresh.snapshot == name:
                    if rebuilt == name or not self._rebuild(fresh, name, error):
                        raise
                    rebuilt = name
            else:
                self.keep(fresh.uid, name, search, fresh.trained_revision)
                return search
        return None

    def _heal(self, row: CollectionRow, search: TemplateSearch, error: TrainedIndexError) -> TemplateSearch:
        """Return a working search to replace one with damaged files; one thread rebuilds, the others wait.

        Raises:
            TrainedIndexError: it cannot be rebuilt.
        """
        with self._loading_lock(row.uid):
            fresh = self._fresh(row)
            if fresh is None or fresh.snapshot is None:
                raise error
            known = self._cached(row.uid, fresh.snapshot)
            if known is not None and known is not search:
                return known
            with self._lock:
                self._loaded.pop(row.uid, None)
            if not self._rebuild(fresh, fresh.snapshot, error):
                raise error
            sound = self._load(fresh)
            if sound is None:
                raise error
            return sound

    def _rebuild(self, row: CollectionRow, name: str, error: TrainedIndexError) -> bool:
        """Write the files of an index from the database; log damage, but not mere absence on this machine."""
        with self._lock:
            previous = self._loaded.get(row.uid)
        if not isinstance(error, TrainedIndexMissingError):
            self.report_damage(row, error)
            previous = None  # it may have the same damaged files
        return self._rebuilding.rebuild(row, self._engine_of(name), previous)

    def report_damage(self, row: CollectionRow, error: TrainedIndexError) -> None:
        """Log and report that a trained index is damaged and is rebuilt from the database."""
        _log.error(
            "a trained index is damaged and is rebuilt from the database",
            collection=row.collection_id,
            resource=str(row.resource_id),
            reason=str(error),
        )
        with self._lock:
            self.damages += 1
        if self._damaged is not None:
            self._damaged(row.resource_id, row.uid, error.problem)

    def _fresh(self, row: CollectionRow) -> CollectionRow | None:
        with self._database.read(row.resource_id) as session:
            return session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid))
