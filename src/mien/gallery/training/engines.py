"""The search engines: where each stores trained indexes, and how it is opened.

A new engine needs a module with an `IndexEngine`, a line in `ENGINES`, and a value of the setting `search_engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Connection

from mien.gallery.training.file_indexes import FileIndexes
from mien.gallery.training.milvus_indexes import MilvusIndexes
from mien.gallery.training.pg_indexes import PgIndexes
from mien.search import TrainedStore
from mien.search.milvus import MilvusServer
from mien.search.pgvector import NeighbourSearch
from mien.storage import Database, Vault
from mien.storage.tables import CollectionRow

_log = structlog.get_logger(__name__)


Guard = Callable[[Connection], None]
"""Called at the end of a transaction that other servers see; raises if the caller may no longer write."""


class IndexEngine(Protocol):
    """The trained indexes of all collections with one search engine.

    Attributes:
        rebuilds: whether an index missing on this machine is rebuilt from the database, as another may have trained it.
        elsewhere: whether another server stores the indexes, which may respond slowly or not at all.
        may_miss: whether searches may miss neighbours, so that a share is checked by exact searches (`shadow`).
    """

    rebuilds: bool
    elsewhere: bool
    may_miss: bool

    def is_name(self, name: str) -> bool:
        """Whether a name belongs to an index of this engine."""
        ...

    def fresh_name(self, fingerprint: str) -> str:
        """Return an unused name for an index of this recogniser."""
        ...

    def store(self, row: CollectionRow, name: str, guard: Guard | None = None) -> TrainedStore:
        """Return the index of a collection under this name, which need not exist.

        Args:
            row: the collection.
            name: name of the index.
            guard: for engines whose indexes are shared by servers; unused for files, where each training has a folder.
        """
        ...

    def branch(self, row: CollectionRow, old: str, new: str, guard: Guard | None = None) -> TrainedStore:
        """Start the index `new` with the content of `old`.

        Raises:
            TrainedIndexError: `old` is not usable.
        """
        ...

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes except `name` (None: delete all)."""
        ...

    def prepare_tidy(self, uid: UUID, name: str) -> Callable[[], object]:
        """Find a collection's data besides the index `name`; return a function that deletes it.

        If `elsewhere` is true, the function deletes only data that existed at this call. An index that another server
        starts later is not affected, so no transaction must stay open during the deletion.
        """
        ...

    def collections(self) -> Collection[UUID]:
        """Return the collections that have an index here."""
        ...


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """The storage locations of the search engines.

    Attributes:
        folder: folder of index files.
        database: database of the server.
        vault: decrypts the keys of index files.
        milvus: the Milvus server, if one is configured.
    """

    folder: Path
    database: Database
    vault: Vault
    milvus: MilvusServer | None = None


def _in_postgresql(place: IndexLocation, method: NeighbourSearch) -> PgIndexes:
    engine = PgIndexes.chosen(place.database, method)
    _log.warning("templates of trained collections are kept unencrypted in PostgreSQL", method=method.value)
    return engine


def _in_milvus(place: IndexLocation) -> MilvusIndexes:
    engine = MilvusIndexes.chosen(place.milvus)
    _log.warning("templates of trained collections are kept unencrypted in Milvus")
    return engine


ENGINES: Final[Mapping[str, Callable[[IndexLocation], IndexEngine]]] = MappingProxyType(
    {
        "exact": lambda place: FileIndexes(place.folder, place.vault),
        "pgvector": lambda place: _in_postgresql(place, NeighbourSearch.EXACT),
        "pgvector-hnsw": lambda place: _in_postgresql(place, NeighbourSearch.HNSW),
        "milvus": _in_milvus,
    }
)
"""Opens the engine of each value of the setting `search_engine`."""

EXACT: Final = "exact"

_LEFT_BEHIND: Final[tuple[Callable[[IndexLocation], IndexEngine | None], ...]] = (
    ENGINES[EXACT],
    lambda place: PgIndexes.left_behind(place.database),
    lambda place: MilvusIndexes.left_behind(place.milvus),
)
"""Open the engines of earlier settings, whose indexes stay in use until the next training."""


def open_engines(place: IndexLocation, chosen: str = EXACT) -> tuple[IndexEngine, ...]:
    """Return the chosen engine, then the engines with indexes of earlier settings.

    Raises:
        SearchEngineError: the chosen engine is not available, or a configured Milvus server does not respond.
    """
    first = ENGINES[chosen](place)
    others = [left for look in _LEFT_BEHIND if (left := look(place)) is not None]
    return (first, *(other for other in others if type(other) is not type(first)))
