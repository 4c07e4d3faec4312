"""Searches a trained index in Milvus."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.search.errors import TrainedIndexMissingError
from mien.search.milvus import MOST_HITS, Hit, MilvusTables, NoTableError, persons
from mien.search.types import EnrolledTemplates, Float32, Match, Query, check_probes

T = TypeVar("T")

_IDS_AT_ONCE: Final = 1000
_PROBES_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Description:
    """One trained index.

    Attributes:
        table: table of its templates.
        fingerprint: fingerprint of the recogniser.
        dimension: dimension of a template.
        parts: numbers of its parts; the index is all rows of these parts of the collection.
        count: number of templates.
        persons: number of persons.
        complete: False while the index is being written for the first time.
    """

    table: str
    fingerprint: str
    dimension: int
    parts: tuple[int, ...] = ()
    count: int = 0
    persons: int = 0
    complete: bool = True


class MilvusSearch:
    """See `types.TemplateSearch`; created by `MilvusStore.load`. Its length is the number of templates at loading."""

    def __init__(self, tables: MilvusTables, known: Description, where: str, *, count: int, name: str) -> None:
        self._tables = tables
        self._known = known
        self._where = where
        self._count = count
        self._name = name

    @property
    def dimension(self) -> int:
        """Length of a template."""
        return self._known.dimension

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recogniser."""
        return self._known.fingerprint

    def __len__(self) -> int:
        return self._count

    @property
    def persons(self) -> int:
        """See `types.TemplateSearch.persons`."""
        return self._known.persons

    @property
    def one_face_each(self) -> bool:
        """See `types.TemplateSearch.one_face_each`."""
        return self._known.persons == self._count

    @property
    def in_memory(self) -> int:
        """0: the templates are on the server."""
        return 0

    def faces(self) -> EnrolledTemplates:
        """All faces with their templates."""
        return self._faces([self._where])

    def faces_of(self, persons_: Collection[UUID]) -> EnrolledTemplates:
        """See `types.TemplateSearch.faces_of`."""
        return self._faces(f"{self._where} and {persons(some)}" for some in chunks(list(persons_)))

    def search(self, probes: NDArray[Any], query: Query) -> list[list[Match]]:
        """See `types.TemplateSearch.search`.

        Raises:
            ValueError: the probes have another dimension or are not finite.
            TrainedIndexMissingError: the table is gone.
            SearchServerError: the server does not answer.
        """
        array = check_probes(probes, self.dimension)
        if not self._count or (query.only is not None and not query.only):
            return [[] for _ in array]
        where = self._where
        if query.only is not None:
            where += f" and {persons(query.only)}"
        if query.without:
            where += f" and not ({persons(query.without)})"
        limit = min(2 * query.top + 16, MOST_HITS)
        answers: list[list[Match]] = []
        for start in range(0, len(array), _PROBES_AT_ONCE):
            some = array[start : start + _PROBES_AT_ONCE]
            found = self._nearest(where, some, limit)
            answers += [
                self._matches(probe, hits, where, limit, query) for probe, hits in zip(some, found, strict=True)
            ]
        return answers

    def _matches(self, probe: Float32, hits: list[Hit], where: str, limit: int, query: Query) -> list[Match]:
        """Return a probe's matches; searches further while a person at least as near may be missing."""
        least = np.float32(query.min_similarity)
        best: dict[UUID, tuple[float, UUID]] = {}
        narrowed = where
        while True:
            for hit in hits:
                entry = (-hit.similarity, hit.face)
                best[hit.person] = min(entry, best.get(hit.person, entry))
            ranked = sorted((negative, person, face) for person, (negative, face) in best.items())
            if len(hits) < limit or hits[-1].similarity < least:
                break
            if len(ranked) >= query.top and -ranked[query.top - 1][0] > hits[-1].similarity:
                break
            if limit < MOST_HITS:
                limit = min(4 * limit, MOST_HITS)
            else:  # the most that one search returns: repeat without the persons found so far
                narrowed = f"{where} and not ({persons(best)})"
            (hits,) = self._nearest(narrowed, probe[None], limit)
        return [Match(p, f, -n) for n, p, f in ranked if np.float32(-n) >= least][: query.top]

    def _nearest(self, where: str, probes: Float32, limit: int) -> list[list[Hit]]:
        try:
            return self._tables.nearest(self._known.table, where, probes, limit)
        except NoTableError as error:
            raise TrainedIndexMissingError(Path(self._name), "its table is missing in Milvus") from error

    def _faces(self, conditions: Iterable[str]) -> EnrolledTemplates:
        table, fields = self._known.table, ("person", "face", "template")
        try:
            rows = [
                (UUID(row["person"]), UUID(row["face"]), np.asarray(row["template"], np.float32))
                for where in conditions
                for row in self._tables.rows(table, where, fields)
            ]
        except NoTableError as error:
            raise TrainedIndexMissingError(Path(self._name), "its table is missing in Milvus") from error
        templates = np.array([row[2] for row in rows], np.float32).reshape(len(rows), self.dimension)
        return EnrolledTemplates.of([row[0] for row in rows], [row[1] for row in rows], templates)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split values into portions small enough for one condition."""
    for start in range(0, len(values), _IDS_AT_ONCE):
        yield values[start : start + _IDS_AT_ONCE]
