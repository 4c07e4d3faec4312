"""Tables of templates in a Milvus server: the calls that `milvus_store` and `milvus_search` use.

There is one table for each dimension, shared by all collections and partitioned by collection, and one table that
describes the trained indexes. Milvus compares every template (index type FLAT). Every read is strongly consistent: it
sees everything written before it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from mien.search.errors import SearchServerError
from mien.search.types import Float32

MOST_HITS: Final = 16_384
"""The most neighbours that one Milvus search returns."""

INDEXES: Final = "mien_indexes"
"""The table of the trained indexes' descriptions."""

_TEMPLATES: Final = "mien_templates_"
_PAGE: Final = 8192
_PARTITIONS: Final = 16
_SECONDS: Final = 60.0
_NO_TABLE: Final = 100
"""Milvus's error code for a table that does not exist."""


class NoTableError(LookupError):
    """The table is not on the server."""


@dataclass(frozen=True, slots=True)
class MilvusServer:
    """The address of a Milvus server.

    Attributes:
        url: for example `http://milvus:19530`, without credentials.
        token: `user:password` or an API key; empty if the server requires none.
    """

    url: str
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, login: tuple[str, str] | None) -> MilvusServer | None:
        """Return the server of a (URL, token) pair; None for None."""
        return cls(*login) if login is not None else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A template near a probe: its person, its face, and its inner product with the probe."""

    person: UUID
    face: UUID
    similarity: float


class MilvusTables:
    """The tables of one server; safe to use from many threads at once.

    Args:
        server: the server's address.
        seconds: timeout for connecting.

    Raises:
        SearchServerError: the server does not respond, or refuses the token.
        ImportError: the package `pymilvus` is not installed.
    """

    def __init__(self, server: MilvusServer, seconds: float = 15.0) -> None:
        from pymilvus import MilvusClient  # noqa: PLC0415  an extra, which other engines need not

        with _translated_errors():
            self._client = MilvusClient(uri=server.url, token=server.token, timeout=seconds)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def templates_table(self, dimension: int) -> str:
        """Return the name of the table for a dimension; creates it if it does not exist."""
        name = f"{_TEMPLATES}{int(dimension)}"
        texts = {"collection": 64, "resource": 64, "person": 32, "face": 32}
        self._create(name, dimension, texts)
        return name

    def create_indexes_table(self) -> None:
        """Create the table of the trained indexes' descriptions if it does not exist."""
        # Milvus 2 refuses a table without a vector.
        texts = {"collection": 64, "resource": 64, "name": 64, "description": 65_535}
        self._create(INDEXES, 2, texts)

    def has(self, table: str) -> bool:
        """Whether there is a table of this name."""
        with _translated_errors():
            return bool(self._client.has_collection(table, timeout=_SECONDS))

    def insert(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, at most a few thousand: the size of a call is limited."""
        with _translated_errors():
            self._client.insert(table, [dict(row) for row in rows], timeout=_SECONDS)

    def delete(self, table: str, where: str) -> None:
        """Delete rows; no later search or read returns them."""
        with _translated_errors():
            self._client.delete(table, filter=where, timeout=_SECONDS)

    def count(self, table: str, where: str) -> int:
        """Return the number of rows."""
        with _translated_errors():
            (row,) = self._client.query(
                table, filter=where, output_fields=["count(*)"], consistency_level="Strong", timeout=_SECONDS
            )
        return int(row["count(*)"])

    def rows(self, table: str, where: str, fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Yield rows in the order of their `id`, page by page because the size of a response is limited."""
        last = -1
        while True:
            with _translated_errors():
                page = self._client.query(
                    table,
                    filter=f"({where}) and id > {last}",
                    output_fields=["id", *fields],
                    limit=_PAGE,
                    consistency_level="Strong",
                    timeout=_SECONDS,
                )
            yield from page
            if len(page) < _PAGE:
                return
            last = max(row["id"] for row in page)

    def nearest(self, table: str, where: str, probes: Float32, limit: int) -> list[list[Hit]]:
        """Return the templates nearest to each probe, best first.

        Args:
            table: table of templates.
            where: condition on the templates to compare.
            probes: float32 (p, d), unit rows.
            limit: most templates per probe, <= `MOST_HITS`.
        """
        with _translated_errors():
            found = self._client.search(
                table,
                data=list(probes),
                filter=where,
                limit=limit,
                output_fields=["person", "face"],
                search_params={"metric_type": "IP"},
                consistency_level="Strong",
                timeout=_SECONDS,
            )
            return [
                [
                    Hit(UUID(hit["entity"]["person"]), UUID(hit["entity"]["face"]), float(hit["distance"]))
                    for hit in hits
                ]
                for hits in found
            ]

    def _create(self, name: str, dimension: int, texts: Mapping[str, int]) -> None:
        from pymilvus import DataType  # noqa: PLC0415  an extra, which other engines need not

        with _translated_errors():
            if self._client.has_collection(name, timeout=_SECONDS):
                return
            schema = self._client.create_schema(auto_id=True, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            for text, length in texts.items():
                key = {"is_partition_key": True} if text == "collection" else {}
                schema.add_field(text, DataType.VARCHAR, max_length=length, **key)
            schema.add_field("part", DataType.INT64)
            schema.add_field("template", DataType.FLOAT_VECTOR, dim=dimension)
            indexes = self._client.prepare_index_params()
            indexes.add_index("template", metric_type="IP", index_type="FLAT")
            # Two servers may create it at once: Milvus accepts the same schema twice.
            self._client.create_collection(
                name,
                schema=schema,
                index_params=indexes,
                consistency_level="Strong",
                num_partitions=_PARTITIONS,
                timeout=_SECONDS,
            )


def equals(column: str, value: str) -> str:
    """Return the condition that a text column has a value."""
    return f"{column} == {json.dumps(value)}"


def among(column: str, values: Collection[int] | Collection[str]) -> str:
    """Return the condition that a column has one of these values."""
    return f"{column} in {json.dumps(sorted(values))}"


def persons(ids: Collection[UUID]) -> str:
    """Return the condition that a template belongs to one of these persons."""
    return among("person", [one.hex for one in ids])


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn pymilvus's errors into ours."""
    from pymilvus import MilvusException  # noqa: PLC0415  an extra, which other engines need not

    try:
        yield
    except MilvusException as error:
        if error.code == _NO_TABLE:
            raise NoTableError(error.message) from error
        raise SearchServerError(f"Milvus does not answer as expected (code {error.code}): {error.message}") from error
