"""Trained indexes in Milvus.

Each training creates an index with a new name, which shares unchanged templates with the previous one. The server must
see the templates, so they are not encrypted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import Final
from uuid import UUID

from mien.search import SearchEngineError, SearchServerError
from mien.search.milvus import INDEXES, MilvusServer, MilvusTables
from mien.search.milvus_store import MilvusStore, collections, prepare_tidy, tidy
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
            SearchEngineError: no server is configured, it does not respond, or the Python package is missing.
        """
        if server is None:
            raise SearchEngineError(
                "the search engine milvus needs a server: set MIEN_MILVUS_URL, or MIEN_SEARCH_ENGINE=exact"
            )
        return cls(_opened(server))

    @classmethod
    def left_behind(cls, server: MilvusServer | None) -> MilvusIndexes | None:
        """Return the indexes of an earlier setting on a server that is still configured; used until the next training.

        Raises:
            SearchEngineError: the server does not respond, so templates deleted here could remain there.
        """
        if server is None:
            return None
        tables = _opened(server)
        return cls(tables) if tables.has(INDEXES) else None

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a name belongs to an index in Milvus."""
        return name.startswith(_PREFIX)

    @staticmethod
    def fresh_name(fingerprint: str) -> str:
        """Return an unused name."""
        del fingerprint
        return f"{_PREFIX}{secrets.token_hex(8)}"

    def store(self, row: CollectionRow, name: str, guard: object = None) -> MilvusStore:
        """Return the index of a collection under this name, which need not exist."""
        del guard  # each training has its own name, which no server reads before the row contains it
        return MilvusStore(self._tables, str(row.resource_id), row.uid.hex, name)

    def branch(self, row: CollectionRow, old: str, new: str, guard: object = None) -> MilvusStore:
        """Start the index `new` with the content of `old`.

        Raises:
            TrainedIndexError: `old` is not usable.
        """
        del guard
        return self.store(row, old).branch(new)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes except `name` (None: delete all)."""
        tidy(self._tables, uid.hex, name)

    def prepare_tidy(self, uid: UUID, name: str) -> Callable[[], object]:
        """Find a collection's data besides the index `name`; return a function that deletes it."""
        return prepare_tidy(self._tables, uid.hex, name)

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
