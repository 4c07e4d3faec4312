"""The search engines: where each stores trained indexes, and how it is opened.

A new engine needs a module with an `IndexEngine`, an entry in `ENGINES`, and a value of the setting `search_engine`.
Its server, if it has one, is a field of `IndexLocation`.
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


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A search engine that can be chosen.

    Attributes:
        open: opens it; raises SearchEngineError if it is not available.
        left_behind: opens its indexes of an earlier setting, which stay in use until the next training; None if there
            are none.
        encrypted: whether the templates are encrypted there.
    """

    open: Callable[[IndexLocation], IndexEngine]
    left_behind: Callable[[IndexLocation], IndexEngine | None]
    encrypted: bool = False


def _in_files(place: IndexLocation) -> FileIndexes:
    return FileIndexes(place.folder, place.vault)


def _left_in_postgresql(place: IndexLocation) -> PgIndexes | None:
    return PgIndexes.left_behind(place.database)


ENGINES: Final[Mapping[str, EngineChoice]] = MappingProxyType(
    {
        "exact": EngineChoice(_in_files, _in_files, encrypted=True),
        "pgvector": EngineChoice(
            lambda place: PgIndexes.chosen(place.database, NeighbourSearch.EXACT), _left_in_postgresql
        ),
        "pgvector-hnsw": EngineChoice(
            lambda place: PgIndexes.chosen(place.database, NeighbourSearch.HNSW), _left_in_postgresql
        ),
        "milvus": EngineChoice(
            lambda place: MilvusIndexes.chosen(place.milvus), lambda place: MilvusIndexes.left_behind(place.milvus)
        ),
    }
)
"""The engine of each value of the setting `search_engine`."""

EXACT: Final = "exact"


def open_engines(place: IndexLocation, chosen: str = EXACT) -> tuple[IndexEngine, ...]:
    """Return the chosen engine, then the engines with indexes of earlier settings.

    Raises:
        SearchEngineError: the chosen engine is not available, or a configured Milvus server does not respond.
    """
    first = ENGINES[chosen].open(place)
    if not ENGINES[chosen].encrypted:
        _log.warning("templates of trained collections are kept unencrypted", search_engine=chosen)
    looks = dict.fromkeys(choice.left_behind for choice in ENGINES.values())
    others = [left for look in looks if (left := look(place)) is not None]
    return (first, *(other for other in others if type(other) is not type(first)))
