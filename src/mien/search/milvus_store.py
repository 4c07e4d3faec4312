"""Trained indexes in Milvus: their parts and how they change.

Milvus has no transactions. Rows therefore belong to a *part*, which is written once, and an index is a description that
lists its parts: searches see a new part only after the description is written. An update adds a part and deletes the
rows of removed faces; the previous index then no longer finds them either.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.search.errors import TrainedIndexMissingError
from mien.search.milvus import (
    INDEXES,
    MilvusTables,
    NoTableError,
    among,
    equals,
    persons,
)
from mien.search.milvus_search import Description, MilvusSearch, chunks
from mien.search.types import EnrolledTemplates, TemplateSearch

_MOST_PARTS: Final = 256
"""An index with more parts is rewritten as one part."""
_NONE: Final = "id < 0"
"""A condition that no row satisfies."""


class MilvusStore:
    """One trained index of one collection; a `TrainedStore`.

    Args:
        tables: tables of the server.
        resource: id of the collection's resource; data of another resource is never read or written.
        collection: unique among all resources.
        name: name of the index.
    """

    def __init__(self, tables: MilvusTables, resource: str, collection: str, name: str) -> None:
        self._tables = tables
        self._resource = resource
        self._collection = collection
        self._name = name

    @property
    def exists(self) -> bool:
        """Whether there is a usable index of this name."""
        try:
            self.load()
        except TrainedIndexMissingError:
            return False
        return True

    @property
    def holds_removed(self) -> bool:
        """False: an update deletes removed rows."""
        return False

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """Replace the whole index with these faces, of one recogniser."""
        if self._read() is None:  # so that `tidy` finds the rows if this process is killed
            table = self._tables.templates_table(faces.templates.shape[1])
            self._save_description(Description(table, fingerprint, faces.templates.shape[1], complete=False))
        self._save_description(self._whole(faces, fingerprint))

    def branch(self, new: str) -> MilvusStore:
        """Start another index with the parts of this one.

        Raises:
            TrainedIndexMissingError: this index does not exist.
        """
        store = MilvusStore(self._tables, self._resource, self._collection, new)
        store._save_description(self._require_description())
        return store

    def update(
        self,
        added: EnrolledTemplates,
        removed: Collection[tuple[UUID, UUID | None]] = (),
        current: TemplateSearch | None = None,
    ) -> None:
        """Apply what changed; see `TrainedStore.update`.

        Raises:
            TrainedIndexMissingError: the index does not exist.
            ValueError: the templates have another dimension.
        """
        del current
        known = self._require_description()
        if len(added) and added.templates.shape[1] != known.dimension:
            raise ValueError(f"templates of {added.templates.shape[1]} dimensions, index of {known.dimension}")
        people, faces = _uuids(added.person_ids), _uuids(added.face_ids)
        pairs, whole = set(zip(people, faces, strict=True)), {person for person, face in removed if face is None}
        # A pair that is added again replaces its row.
        gone_pairs = pairs | {(person, face) for person, face in removed if face is not None}
        before = list(self._rows_of(known, {person for person, _ in gone_pairs} | whole))
        gone = [one for one in before if (one.person, one.face) in gone_pairs or one.person in whole]
        left = {one.id for one in before} - {one.id for one in gone}
        had = {one.person for one in before}
        has = {one.person for one in before if one.id in left} | set(people)
        changed = replace(
            known,
            parts=(*known.parts, *self._add(known.table, added)),
            count=known.count - len(gone) + len(added),
            persons=known.persons - len(had) + len(has),
        )
        self._save_description(changed)
        for ids in chunks([one.id for one in gone]):
            self._tables.delete(known.table, f"{self._scope()} and {among('id', ids)}")
        if len(changed.parts) > _MOST_PARTS:
            self._save_description(self._whole(self._search(changed).faces(), changed.fingerprint))

    def compact(self) -> None:
        """Do nothing: updates already delete removed rows."""

    def verify(self) -> None:
        """Check that no row is missing.

        Raises:
            TrainedIndexMissingError: rows are missing.
        """
        found, expected = len(self.load()), self._require_description().count
        if found < expected:
            raise self._missing(f"{expected - found} of {expected} templates are missing in Milvus")

    def load(self, previous: TemplateSearch | None = None) -> MilvusSearch:
        """Open the index for searching.

        Raises:
            TrainedIndexMissingError: the index does not exist.
        """
        del previous
        known = self._require_description()
        search = self._search(known)
        if known.count and not len(search):
            raise self._missing("its templates are missing in Milvus")
        return search

    def _search(self, known: Description) -> MilvusSearch:
        where = self._where(known)
        try:
            count = self._tables.count(known.table, where)
        except NoTableError as error:
            raise self._missing("its table is missing in Milvus") from error
        return MilvusSearch(self._tables, known, where, count=count, name=self._name)

    def _whole(self, faces: EnrolledTemplates, fingerprint: str) -> Description:
        dimension = faces.templates.shape[1]
        table = self._tables.templates_table(dimension)
        people = len(np.unique(faces.person_ids, axis=0)) if len(faces) else 0
        return Description(table, fingerprint, dimension, self._add(table, faces), len(faces), people)

    def _add(self, table: str, faces: EnrolledTemplates) -> tuple[int, ...]:
        """Write a part; returns its number, or () if there are no faces."""
        if not len(faces):
            return ()
        part = secrets.randbits(52)
        own = {"collection": self._collection, "resource": self._resource, "part": part}
        for rows in chunks(range(len(faces))):
            self._tables.insert(
                table,
                [
                    {
                        **own,
                        "person": faces.person_ids[row].tobytes().hex(),
                        "face": faces.face_ids[row].tobytes().hex(),
                        "template": faces.templates[row],
                    }
                    for row in rows
                ],
            )
        return (part,)

    def _rows_of(self, known: Description, people: Collection[UUID]) -> Iterator[_Row]:
        try:
            for some in chunks(list(people)):
                where = f"{self._where(known)} and {persons(some)}"
                for row in self._tables.rows(known.table, where, ("person", "face")):
                    yield _Row(int(row["id"]), UUID(row["person"]), UUID(row["face"]))
        except NoTableError as error:
            raise self._missing("its table is missing in Milvus") from error

    def _scope(self) -> str:
        return f"{equals('collection', self._collection)} and {equals('resource', self._resource)}"

    def _where(self, known: Description) -> str:
        return f"{self._scope()} and {among('part', known.parts) if known.parts else _NONE}"

    def _require_description(self) -> Description:
        known = self._read()
        if known is None or not known.complete:
            raise self._missing("there is none in Milvus")
        return known

    def _read(self) -> Description | None:
        where = f"{self._scope()} and {equals('name', self._name)}"
        try:
            rows = list(self._tables.rows(INDEXES, where, ("description",)))
        except NoTableError:
            return None
        return _parsed(rows[-1]) if rows else None

    def _save_description(self, known: Description) -> None:
        self._tables.create_indexes_table()
        row = {"collection": self._collection, "resource": self._resource, "name": self._name, "part": 0}
        where = f"{self._scope()} and {equals('name', self._name)}"
        earlier = [int(one["id"]) for one in self._tables.rows(INDEXES, where, ())]
        text = json.dumps(asdict(known))
        self._tables.insert(INDEXES, [{**row, "description": text, "template": np.zeros(2, np.float32)}])
        if earlier:  # until these are deleted, the description with the highest id counts
            self._tables.delete(INDEXES, f"{self._scope()} and {among('id', earlier)}")

    def _missing(self, problem: str) -> TrainedIndexMissingError:
        return TrainedIndexMissingError(Path(self._name), problem)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    person: UUID
    face: UUID


def tidy(tables: MilvusTables, collection: str, name: str | None) -> None:
    """Delete a collection's indexes and rows, except those of the index `name` (None: delete everything)."""
    prepare_tidy(tables, collection, name)()


def prepare_tidy(tables: MilvusTables, collection: str, name: str | None) -> Callable[[], None]:
    """Find the data of a collection besides the index `name` (None: all data).

    Returns:
        A function that deletes it, but nothing written after this call: names of indexes and numbers of parts are never
        reused.
    """
    own = equals("collection", collection)
    rows = list(tables.rows(INDEXES, own, ("name", "description"))) if tables.has(INDEXES) else []
    described = {row["name"]: _parsed(row) for row in rows}
    kept = described.pop(name, None) if name is not None else None
    parts: dict[str, set[int]] = {}
    for table in {one.table for one in described.values()}:  # rows of a killed process are in no description
        stays = kept.parts if kept is not None and kept.table == table else ()
        where = f"{own} and not ({among('part', stays)})" if stays else own
        try:
            parts[table] = {int(row["part"]) for row in tables.rows(table, where, ("part",))}
        except NoTableError:
            continue

    def delete() -> None:
        for table, gone in parts.items():
            for some in chunks(sorted(gone)):
                tables.delete(table, f"{own} and {among('part', some)}")
        if described:  # last, because the rows are found through the descriptions
            tables.delete(INDEXES, f"{own} and {among('name', list(described))}")

    return delete


def collections(tables: MilvusTables) -> set[str]:
    """Return the collections that have an index, complete or not."""
    if not tables.has(INDEXES):
        return set()
    return {str(row["collection"]) for row in tables.rows(INDEXES, "part == 0", ("collection",))}


def _parsed(row: Mapping[str, Any]) -> Description:
    values = json.loads(row["description"])
    return Description(**{**values, "parts": tuple(values["parts"])})


def _uuids(ids: NDArray[np.uint8]) -> list[UUID]:
    return [UUID(bytes=row.tobytes()) for row in ids]
