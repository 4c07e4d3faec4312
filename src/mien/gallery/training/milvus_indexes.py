"""Trained indexes in Milvus: what folders of files are for the engine in process.

Each training has an index of its own name, which shares the unchanged templates with the one before. The server must
see the templates: they are not encrypted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import Final
from uuid import UUID

from mien.gallery.training.pg_indexes import SearchEngineError
from mien.search import SearchServerError
from mien.search.milvus import INDEXES, MilvusServer, MilvusTables
from mien.search.milvus_store import MilvusStore, collections, left_over, tidy
from mien.storage.tables import CollectionRow

_PREFIX: Final = "mv-"


class MilvusIndexes:
    """The trained indexes of all collections in Milvus; an `IndexEngine`.

    Args:
        tables: tables of the server.
    """

    rebuilds = True
    elsewhere = True
    may_miss = True

    def __init__(self, tables: MilvusTables) -> None:
        self._tables = tables

    @classmethod
    def chosen(cls, server: MilvusServer | None) -> MilvusIndexes:
        """Open a server for searching.

        Raises:
            SearchEngineError: none is set, it does not answer, or the Python package is missing.
        """
        if server is None:
            raise SearchEngineError(
                "the search engine milvus needs a server: set MIEN_MILVUS_URL, or MIEN_SEARCH_ENGINE=exact"
            )
        return cls(_opened(server))

    @classmethod
    def left_behind(cls, server: MilvusServer | None) -> MilvusIndexes | None:
        """The indexes that an earlier setting left on a server that is still set; used until the next training.

        Raises:
            SearchEngineError: the server does not answer: templates could stay there after they are deleted here.
        """
        if server is None:
            return None
        tables = _opened(server)
        return cls(tables) if tables.has(INDEXES) else None

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a trained index of this name is in Milvus."""
        return name.startswith(_PREFIX)

    @staticmethod
    def fresh_name(fingerprint: str) -> str:
        """Return a name that no index has."""
        del fingerprint
        return f"{_PREFIX}{secrets.token_hex(8)}"

    def store(self, row: CollectionRow, name: str, guard: object = None) -> MilvusStore:
        """Return the index of a collection under this name, which need not exist."""
        del guard  # each training has a name of its own, which no server reads before the row has it
        return MilvusStore(self._tables, str(row.resource_id), row.uid.hex, name)

    def branch(self, row: CollectionRow, old: str, new: str, guard: object = None) -> MilvusStore:
        """Start the index `new` with what `old` is now.

        Raises:
            TrainedIndexError: there is no usable one.
        """
        del guard
        return self.store(row, old).branch(new)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes but the one of this name; all with None."""
        tidy(self._tables, uid.hex, name)

    def left_over(self, uid: UUID, name: str) -> Callable[[], object]:
        """Look at what there is of a collection besides the index of this name; return what deletes it."""
        return left_over(self._tables, uid.hex, name)

    def collections(self) -> Collection[UUID]:
        """Return the collections that have an index here."""
        return {UUID(hex=one) for one in collections(self._tables)}


def _opened(server: MilvusServer) -> MilvusTables:
    if find_spec("pymilvus") is None:
        raise SearchEngineError("Milvus needs the Python package pymilvus: `pip install 'mien[milvus]'`")
    try:
        return MilvusTables(server)
    except SearchServerError as error:
        raise SearchEngineError(
            f"Milvus cannot be searched ({error}): start it or correct MIEN_MILVUS_URL and MIEN_MILVUS_TOKEN, "
            "or set MIEN_SEARCH_ENGINE=exact"
        ) from error
