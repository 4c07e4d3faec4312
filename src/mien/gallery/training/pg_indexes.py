"""Trained indexes in PostgreSQL, for pgvector: what folders of files are for the engine in process.

A trained state lies under its collection and the fingerprint of its recogniser, so that templates of two recognisers
never share a place. Training changes it in one transaction. The server must see the templates: they are not encrypted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from mien.search import EnrolledTemplates, TemplateSearch, TrainedIndexMissingError
from mien.search.pgvector import NeighbourSearch, NoTemplatesTableError, PgVectorSearch, PgVectorStore, create_tables
from mien.storage import Database
from mien.storage.tables import CollectionRow

_PREFIX: Final = "pg-"
_FINGERPRINT: Final = 16


class SearchEngineError(OSError):
    """The search engine that was chosen is not to be had; the message says why and how to fix it."""


class PgIndex:
    """One trained index; a `TrainedStore`.

    Args:
        store: the store with the index.
        name: name of the index in the collection's row, for messages.
    """

    def __init__(self, store: PgVectorStore, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def exists(self) -> bool:
        """Whether there is a trained state."""
        try:
            self._store.load()
        except NoTemplatesTableError:
            return False
        return True

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace whatever there is."""
        self._store.write(faces, fingerprint)

    def update(
        self,
        added: EnrolledTemplates,
        removed: Collection[tuple[UUID, UUID | None]] = (),
        current: TemplateSearch | None = None,
    ) -> None:
        """Apply what changed; see `TrainedStore.update`."""
        del current
        try:
            self._store.update(added, removed)
        except NoTemplatesTableError as error:
            raise self._missing() from error

    @property
    def holds_removed(self) -> bool:
        """No: what was removed is gone from the table."""
        return False

    def compact(self) -> None:
        """Does nothing: removed rows are already deleted from the table."""

    def verify(self) -> None:
        """Check that it is there.

        Raises:
            TrainedIndexMissingError: it does not exist.
        """
        self.load()

    def load(self, previous: TemplateSearch | None = None) -> PgVectorSearch:
        """Open it for searching.

        Raises:
            TrainedIndexMissingError: there is none.
        """
        del previous
        try:
            return self._store.load()
        except NoTemplatesTableError as error:
            raise self._missing() from error

    def _missing(self) -> TrainedIndexMissingError:
        return TrainedIndexMissingError(Path(self._name), "there is none in PostgreSQL")


class PgIndexes:
    """The trained indexes of all collections in PostgreSQL; an `IndexEngine`.

    Args:
        database: database of PostgreSQL, with pgvector.
        method: how neighbours are found.
    """

    rebuilds = False
    elsewhere = False

    def __init__(self, database: Database, method: NeighbourSearch) -> None:
        self._database = database
        self._method = method
        self.may_miss = method is not NeighbourSearch.EXACT

    @classmethod
    def chosen(cls, database: Database, method: NeighbourSearch) -> PgIndexes:
        """Prepare a database for pgvector.

        Raises:
            SearchEngineError: it is not PostgreSQL, or has no pgvector.
        """
        if database.is_sqlite:
            raise SearchEngineError(
                "the search engine pgvector needs PostgreSQL: set MIEN_DATABASE_URL, or MIEN_SEARCH_ENGINE=exact"
            )
        if find_spec("pgvector") is None:
            raise SearchEngineError(
                "the search engine pgvector needs the Python package pgvector: `pip install 'mien[pgvector]'`"
            )
        try:
            with database.engine.begin() as connection:
                database.lock(connection, "search tables")
                create_tables(connection)
        except DBAPIError as error:
            raise SearchEngineError(
                f"PostgreSQL cannot be searched with pgvector ({error.orig}): install pgvector 0.8 or later and let "
                "the user create the extension `vector`, or set MIEN_SEARCH_ENGINE=exact"
            ) from error
        return cls(database, method)

    @classmethod
    def left_behind(cls, database: Database) -> PgIndexes | None:
        """The index that an earlier setting of pgvector left in the database; used until the next training.

        Without the package `pgvector` it cannot be searched: None, so that the indexes are rebuilt from the database.
        """
        if (
            database.is_sqlite
            or find_spec("pgvector") is None
            or not inspect(database.engine).has_table("search_collections")
        ):
            return None
        return cls(database, NeighbourSearch.EXACT)

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a trained index of this name is in PostgreSQL."""
        return name.startswith(_PREFIX)

    @staticmethod
    def fresh_name(fingerprint: str) -> str:
        """Return a name for the trained state of a recogniser."""
        return f"{_PREFIX}{fingerprint[:_FINGERPRINT]}-{secrets.token_hex(8)}"

    def store(self, row: CollectionRow, name: str, guard: Callable[[Connection], None] | None = None) -> PgIndex:
        """Return the trained state of a collection under this name, which need not exist."""
        scope = (str(row.resource_id), _place(row.uid, name))
        return PgIndex(PgVectorStore(self._database.engine, *scope, self._method, guard), name)

    def branch(
        self, row: CollectionRow, old: str, new: str, guard: Callable[[Connection], None] | None = None
    ) -> PgIndex:
        """Return the index `new`, which is the place of `old`: an update is one transaction."""
        del old
        return self.store(row, new, guard)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's trained states but the one of this name."""
        kept = _place(uid, name) if name is not None and self.is_name(name) else ""
        statement = "DELETE FROM search_collections WHERE collection_id LIKE :all AND collection_id <> :kept"
        with self._database.engine.begin() as connection:
            connection.execute(text(statement), {"all": f"{uid.hex}/%", "kept": kept})

    def left_over(self, uid: UUID, name: str) -> Callable[[], object]:
        """Return what deletes a collection's trained states but the one of this name."""
        return partial(self.tidy, uid, name)

    def collections(self) -> Sequence[UUID]:
        """Return the collections that have a trained state here."""
        with self._database.engine.connect() as connection:
            found = connection.execute(
                text("SELECT DISTINCT split_part(collection_id, '/', 1) FROM search_collections")
            )
            return [UUID(hex=one) for one in found.scalars()]


def _place(uid: UUID, name: str) -> str:
    return f"{uid.hex}/{name[len(_PREFIX) :][:_FINGERPRINT]}"
