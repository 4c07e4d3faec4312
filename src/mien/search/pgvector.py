"""The PostgreSQL engine: templates in a pgvector column, searched by the server.

For operators who keep everything in one database, or share it between machines. The server must see the templates, so
Mien does not encrypt them there. Training is one transaction: searches see the state before it or after it.

Two ways to search: exact, where the server compares every template of the collection, and by an HNSW index, which is
faster in large collections but may miss a neighbour. This needs pgvector 0.8 or later for its iterative index scans;
without them a filter could leave fewer rows than requested.
"""

# ruff: noqa: S608  # the parts put together are constants of this module and whole numbers; values are bound
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from mien.search.errors import REPAIR_COMMAND
from mien.search.types import EnrolledTemplates, Float32, Match, Query, check_probes

_ROWS_AT_ONCE = 2000
_ADAPTED = "pgvector"
_EF_SEARCH = 100
"""Size of HNSW's candidate list; pgvector's default of 40 loses recall among near-equal strangers."""


class NeighbourSearch(StrEnum):
    """How PostgreSQL finds neighbours."""

    EXACT = "exact"
    HNSW = "hnsw"


class NoTemplatesTableError(LookupError):
    """The collection was never trained: it has no row in `search_collections`."""

    def __init__(self, collection_id: str) -> None:
        super().__init__(f"collection {collection_id} was never trained; train it, or run `{REPAIR_COMMAND}`")


def create_tables(connection: Connection) -> None:
    """Create the extension and the tables if they do not exist.

    Raises:
        sqlalchemy.exc.DBAPIError: pgvector is not installed on the server, or the user may not create extensions.
    """
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS vector",
        "CREATE TABLE IF NOT EXISTS search_collections ("
        " resource_id text NOT NULL, collection_id text NOT NULL, fingerprint text NOT NULL, dimension int NOT NULL,"
        " PRIMARY KEY (resource_id, collection_id))",
        "CREATE TABLE IF NOT EXISTS search_templates ("
        " resource_id text NOT NULL, collection_id text NOT NULL, person_id uuid NOT NULL, face_id uuid NOT NULL,"
        " dimension int NOT NULL, template vector NOT NULL,"
        " PRIMARY KEY (resource_id, collection_id, person_id, face_id),"
        " FOREIGN KEY (resource_id, collection_id) REFERENCES search_collections ON DELETE CASCADE)",
    ):
        connection.execute(text(statement))


def create_index(connection: Connection, dimension: int) -> None:
    """Create the HNSW index for templates of a dimension if it is missing; it serves all collections."""
    d = int(dimension)
    connection.execute(
        text(
            f"CREATE INDEX IF NOT EXISTS search_templates_hnsw_{d} ON search_templates"
            f" USING hnsw ((template::vector({d})) vector_ip_ops) WHERE dimension = {d}"
        )
    )


class PgVectorStore:
    """The trained index of one collection in PostgreSQL, as `TrainedIndexFiles` is on disk.

    Args:
        engine: engine of a database where `create_tables` was called.
        resource_id: id of the collection's resource; data of another resource is never read or written.
        collection_id: unique within the resource.
        method: how loaded searches find neighbours.
        guard: called at the end of each writing transaction; raises if the caller may no longer write.
    """

    def __init__(
        self,
        engine: Engine,
        resource_id: str,
        collection_id: str,
        method: NeighbourSearch = NeighbourSearch.EXACT,
        guard: Callable[[Connection], None] | None = None,
    ) -> None:
        self._guard = guard or (lambda _connection: None)
        self._engine = engine
        self._scope = {"resource": resource_id, "collection": collection_id}
        self._method = method

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace the whole index with these faces, of one recogniser."""
        with self._engine.begin() as connection:
            adapt(connection)
            connection.execute(text(f"DELETE FROM search_collections WHERE {_SCOPE}"), self._scope)
            dimension = faces.templates.shape[1]
            connection.execute(
                text("INSERT INTO search_collections VALUES (:resource, :collection, :fingerprint, :dimension)"),
                {**self._scope, "fingerprint": fingerprint, "dimension": dimension},
            )
            self._insert(connection, faces)
            if self._method is NeighbourSearch.HNSW:
                create_index(connection, dimension)  # last: one build is faster than inserting row by row
            self._guard(connection)

    def update(self, added: EnrolledTemplates, removed: Collection[tuple[UUID, UUID | None]] = ()) -> None:
        """Apply what changed since the last training; see `TrainedIndexFiles.update`.

        Raises:
            NoTemplatesTableError: there is nothing to update.
            ValueError: the templates have another dimension.
        """
        with self._engine.begin() as connection:
            adapt(connection)
            _, dimension = self._collection(connection, lock=True)
            if len(added) and added.templates.shape[1] != dimension:
                raise ValueError(f"templates of {added.templates.shape[1]} dimensions, collection of {dimension}")
            if removed:
                connection.execute(
                    text(
                        f"DELETE FROM search_templates WHERE {_SCOPE} AND person_id = :person"
                        " AND (CAST(:face AS uuid) IS NULL OR face_id = CAST(:face AS uuid))"
                    ),
                    [{**self._scope, "person": person, "face": face} for person, face in removed],
                )
            self._insert(connection, added)
            self._guard(connection)

    def delete(self) -> None:
        """Delete the collection's templates."""
        with self._engine.begin() as connection:
            connection.execute(text(f"DELETE FROM search_collections WHERE {_SCOPE}"), self._scope)

    def load(self) -> PgVectorSearch:
        """Return a search on the collection, which always sees the latest training.

        Raises:
            NoTemplatesTableError: never trained.
        """
        with self._engine.connect() as connection:
            fingerprint, dimension = self._collection(connection)
            counting = text(
                f"SELECT count(*) AS faces, count(DISTINCT person_id) AS persons FROM search_templates WHERE {_SCOPE}"
            )
            counts = connection.execute(counting, self._scope).one()
            return PgVectorSearch(
                self._engine,
                self._scope,
                fingerprint,
                dimension,
                self._method,
                count=int(counts.faces),
                persons=int(counts.persons),
            )

    def _collection(self, connection: Connection, *, lock: bool = False) -> tuple[str, int]:
        query = f"SELECT fingerprint, dimension FROM search_collections WHERE {_SCOPE}"
        row = connection.execute(text(query + (" FOR UPDATE" if lock else "")), self._scope).one_or_none()
        if row is None:
            raise NoTemplatesTableError(self._scope["collection"])
        return row.fingerprint, row.dimension

    def _insert(self, connection: Connection, faces: EnrolledTemplates) -> None:
        statement = text(
            "INSERT INTO search_templates"
            " VALUES (:resource, :collection, :person, :face, :dimension, CAST(:template AS vector))"
            # A training that was killed after its commit is repeated.
            " ON CONFLICT DO NOTHING"
        )
        for start in range(0, len(faces), _ROWS_AT_ONCE):
            end = min(len(faces), start + _ROWS_AT_ONCE)
            rows = [
                {
                    **self._scope,
                    "person": UUID(bytes=faces.person_ids[row].tobytes()),
                    "face": UUID(bytes=faces.face_ids[row].tobytes()),
                    "dimension": faces.templates.shape[1],
                    "template": faces.templates[row],
                }
                for row in range(start, end)
            ]
            connection.execute(statement, rows)


class PgVectorSearch:
    """See `types.TemplateSearch`; created by `PgVectorStore.load`. Its length is the number of templates at loading."""

    def __init__(
        self,
        engine: Engine,
        scope: Mapping[str, str],
        fingerprint: str,
        dimension: int,
        method: NeighbourSearch,
        *,
        count: int,
        persons: int,
    ) -> None:
        self._engine = engine
        self._scope = dict(scope)
        self._fingerprint = fingerprint
        self._dimension = int(dimension)
        self._method = method
        self._count = count
        self._persons = persons

    @property
    def dimension(self) -> int:
        """Length of a template."""
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recogniser."""
        return self._fingerprint

    def __len__(self) -> int:
        return self._count

    @property
    def persons(self) -> int:
        """See `types.TemplateSearch.persons`."""
        return self._persons

    @property
    def one_face_each(self) -> bool:
        """See `types.TemplateSearch.one_face_each`."""
        return self._persons == self._count

    @property
    def in_memory(self) -> int:
        """0: the templates are on the server."""
        return 0

    def faces(self) -> EnrolledTemplates:
        """All faces with their templates."""
        return self._faces("", {})

    def faces_of(self, persons: Collection[UUID]) -> EnrolledTemplates:
        """See `types.TemplateSearch.faces_of`."""
        return self._faces(" AND person_id = ANY(:persons)", {"persons": list(persons)})

    def _faces(self, where: str, parameters: Mapping[str, Any]) -> EnrolledTemplates:
        statement = text(
            "SELECT person_id, face_id, CAST(template AS real[]) AS template"
            f" FROM search_templates WHERE {_SCOPE}{where}"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {**self._scope, **parameters}).all()
        templates = np.array([row.template for row in rows], dtype=np.float32).reshape(len(rows), self._dimension)
        return EnrolledTemplates.of([row.person_id for row in rows], [row.face_id for row in rows], templates)

    def search(self, probes: NDArray[Any], query: Query) -> list[list[Match]]:
        """See `types.TemplateSearch.search`.

        Raises:
            ValueError: the probes have another dimension or are not finite.
        """
        array = check_probes(probes, self._dimension)
        with self._engine.connect() as connection, connection.begin():
            adapt(connection)
            find = self._exact if self._method is NeighbourSearch.EXACT else self._by_index
            return [find(connection, probe, query) for probe in array]

    def _exact(self, connection: Connection, probe: Float32, query: Query) -> list[Match]:
        where, parameters = self._filter(probe, query)
        # MATERIALIZED keeps the planner from an index scan in the order of the distance.
        statement = text(
            f"WITH scored AS MATERIALIZED (SELECT person_id, face_id, -(template <#> CAST(:probe AS vector)) AS s"
            f" FROM search_templates WHERE {where}),"
            " best AS (SELECT DISTINCT ON (person_id) person_id, face_id, s FROM scored"
            " WHERE s >= :least ORDER BY person_id, s DESC, face_id)"
            " SELECT person_id, face_id, s FROM best ORDER BY s DESC, person_id LIMIT :top"
        )
        rows = connection.execute(statement, {**parameters, "top": query.top})
        return [Match(row.person_id, row.face_id, float(row.s)) for row in rows]

    def _by_index(self, connection: Connection, probe: Float32, query: Query) -> list[Match]:
        where, parameters = self._filter(probe, query)
        connection.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
        connection.execute(text(f"SET LOCAL hnsw.ef_search = {_EF_SEARCH}"))
        d = self._dimension
        distance = f"template::vector({d}) <#> CAST(:probe AS vector({d}))"
        statement = text(
            f"SELECT person_id, face_id, -({distance}) AS s FROM search_templates"
            f" WHERE dimension = {d} AND {where} ORDER BY {distance} LIMIT :rows"
        )
        limit = 2 * query.top + 16
        while True:
            rows = connection.execute(statement, {**parameters, "rows": limit}).all()
            best: dict[UUID, tuple[float, UUID]] = {}
            for row in rows:
                entry = (-float(row.s), row.face_id)
                best[row.person_id] = min(entry, best.get(row.person_id, entry))
            reached_least = bool(rows) and float(rows[-1].s) < query.min_similarity
            # One person may have many faces near the probe: search further until there are enough persons.
            if len(best) >= query.top or len(rows) < limit or reached_least:
                break
            limit *= 4
        ranked = sorted((negative, person, face) for person, (negative, face) in best.items())
        return [Match(p, f, -n) for n, p, f in ranked if -n >= query.min_similarity][: query.top]

    def _filter(self, probe: Float32, query: Query) -> tuple[str, dict[str, Any]]:
        where = _SCOPE
        parameters: dict[str, Any] = {**self._scope, "probe": probe, "least": query.min_similarity}
        if query.only is not None:
            where += " AND person_id = ANY(:only)"
            parameters["only"] = list(query.only)
        if query.without:
            where += " AND person_id <> ALL(:without)"
            parameters["without"] = list(query.without)
        return where, parameters


_SCOPE = "resource_id = :resource AND collection_id = :collection"


def adapt(connection: Connection) -> None:
    """Register pgvector's adapters: the connection then sends float32 arrays as vectors in binary.

    Raises:
        ImportError: the package `pgvector` is not installed.
        psycopg.ProgrammingError: the server has no type `vector`; see `create_tables`.
    """
    if _ADAPTED in connection.info:  # `info` belongs to the driver's connection, which the pool reuses
        return
    from pgvector.psycopg import register_vector  # noqa: PLC0415  an extra, which other engines need not

    register_vector(connection.connection.driver_connection)
    connection.info[_ADAPTED] = True
