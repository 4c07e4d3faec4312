"""Trained indexes in PostgreSQL, for pgvector.

An index is stored under its collection and the fingerprint of its recogniser, so that templates of two recognisers are
never mixed. Training changes it in one transaction. The server must see the templates, so they are not encrypted.
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

from mien.search import EnrolledTemplates, SearchEngineError, TemplateSearch, TrainedIndexMissingError
from mien.search.pgvector import NeighbourSearch, NoTemplatesTableError, PgVectorSearch, PgVectorStore, create_tables
from mien.storage import Database
from mien.storage.tables import CollectionRow

_PREFIX: Final = "pg-"
_FINGERPRINT: Final = 16


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
        """Whether there is a trained index."""
        try:
            self._store.load()
        except NoTemplatesTableError:
            return False
        return True

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace the whole index with these faces."""
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
        """False: an update deletes removed rows."""
        return False

    def compact(self) -> None:
        """Do nothing: updates already delete removed rows."""

    def verify(self) -> None:
        """Check that the index exists.

        Raises:
            TrainedIndexMissingError: it does not exist.
        """
        self.load()

    def load(self, previous: TemplateSearch | None = None) -> PgVectorSearch:
        """Open the index for searching.

        Raises:
            TrainedIndexMissingError: the index does not exist.
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
        database: a PostgreSQL database with pgvector.
        method: how searches find neighbours.
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
            SearchEngineError: the database is not PostgreSQL, or has no pgvector.
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
        """Return the indexes of an earlier setting in the database; used until the next training.

        Returns None without the package `pgvector`, as they cannot be searched then: they are rebuilt.
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
        """Whether a name belongs to an index in PostgreSQL."""
        return name.startswith(_PREFIX)

    @staticmethod
    def fresh_name(fingerprint: str) -> str:
        """Return the name of the index of a recogniser."""
        return f"{_PREFIX}{fingerprint[:_FINGERPRINT]}-{secrets.token_hex(8)}"

    def store(self, row: CollectionRow, name: str, guard: Callable[[Connection], None] | None = None) -> PgIndex:
        """Return the index of a collection under this name, which need not exist."""
        scope = (str(row.resource_id), _place(row.uid, name))
        return PgIndex(PgVectorStore(self._database.engine, *scope, self._method, guard), name)

    def branch(
        self, row: CollectionRow, old: str, new: str, guard: Callable[[Connection], None] | None = None
    ) -> PgIndex:
        """Return the index `new`, which replaces `old` in place: an update is one transaction."""
        del old
        return self.store(row, new, guard)

    def tidy(self, uid: UUID, name: str | None) -> None:
        """Delete a collection's indexes except `name`."""
        kept = _place(uid, name) if name is not None and self.is_name(name) else ""
        statement = "DELETE FROM search_collections WHERE collection_id LIKE :all AND collection_id <> :kept"
        with self._database.engine.begin() as connection:
            connection.execute(text(statement), {"all": f"{uid.hex}/%", "kept": kept})

    def prepare_tidy(self, uid: UUID, name: str) -> Callable[[], object]:
        """Return a function that deletes a collection's indexes except `name`."""
        return partial(self.tidy, uid, name)

    def collections(self) -> Sequence[UUID]:
        """Return the collections that have an index here."""
        with self._database.engine.connect() as connection:
            found = connection.execute(
                text("SELECT DISTINCT split_part(collection_id, '/', 1) FROM search_collections")
            )
            return [UUID(hex=one) for one in found.scalars()]


def _place(uid: UUID, name: str) -> str:
    return f"{uid.hex}/{name[len(_PREFIX) :][:_FINGERPRINT]}"
