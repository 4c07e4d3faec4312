"""The search engines: where each keeps trained indexes, and how it is opened.

Another engine is a module with an `IndexEngine`, a line in `ENGINES`, and its name among the values of the setting
`search_engine`.
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
"""Called last in the transaction of a write that other servers see; raises when the writer may not write any more."""


class IndexEngine(Protocol):
    """The trained indexes of all collections with one search engine.

    Attributes:
        rebuilds: whether an index that is missing here is rebuilt from the database: another machine may have made it.
        elsewhere: whether it is kept by another server, whose answer may take long or not come.
        may_miss: whether its answers are checked by exact searches now and then (`shadow`).
    """

    rebuilds: bool
    elsewhere: bool
    may_miss: bool

    def is_name(self, name: str) -> bool:
        """Whether an index of this name is one of this engine."""
        ...

    def fresh_name(self, fingerprint: str) -> str:
        """Return a name that no index has, for one of this recogniser."""
        ...

    def store(self, row: CollectionRow, name: str, guard: Guard | None = None) -> TrainedStore:
        """Return the index of a collection under this name, which need not exist.

        Args:
            row: the collection.
            name: name of the index.
            guard: for writing where servers share what is written; an index in files is a new folder for each training.
        """
        ...

    def branch(self, row: CollectionRow, old: str, new: str, guard: Guard | None = None) -> TrainedStore:
        """Start the index `new` with what `old` is now.

        Raises:
            TrainedIndexError: there is no usable one.
        """
        ...

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes but the one of this name; all with None."""
        ...

    def left_over(self, uid: UUID, name: str) -> Callable[[], object]:
        """Look at what there is of a collection besides the index of this name; return what deletes it.

        What is deleted was there when this was called, wherever `elsewhere` is true: an index that another server
        begins afterwards is not touched, so that no transaction needs to be held while the other server deletes.
        """
        ...

    def collections(self) -> Collection[UUID]:
        """Return the collections that have an index here."""
        ...


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """The storage locations of the search engines.

    Attributes:
        folder: for files.
        database: database of the server.
        vault: opens the keys of files.
        milvus: the server, where one is set.
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
"""How each value of the setting `search_engine` is opened."""

EXACT: Final = "exact"

_LEFT_BEHIND: Final[tuple[Callable[[IndexLocation], IndexEngine | None], ...]] = (
    ENGINES[EXACT],
    lambda place: PgIndexes.left_behind(place.database),
    lambda place: MilvusIndexes.left_behind(place.milvus),
)
"""Prefixes of indexes from an earlier setting; they are searched until the next training."""


def open_engines(place: IndexLocation, chosen: str = EXACT) -> tuple[IndexEngine, ...]:
    """Return the chosen engine, then those that have indexes of an earlier choice.

    Raises:
        SearchEngineError: the chosen engine is not to be had, or a Milvus server that is set does not answer.
    """
    first = ENGINES[chosen](place)
    others = [left for look in _LEFT_BEHIND if (left := look(place)) is not None]
    return (first, *(other for other in others if type(other) is not type(first)))
