"""A search that rebuilds its index from the database when it reads a damaged part, and then continues."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar
from uuid import UUID

from numpy.typing import NDArray

from mien.search import EnrolledTemplates, Match, Query, TemplateSearch, TrainedIndexError

T = TypeVar("T")
Heal = Callable[[TemplateSearch, TrainedIndexError], TemplateSearch]
"""Returns a working search to replace a damaged one, or raises the error."""


class HealingSearch:
    """A `TemplateSearch` over index files, whose float32 templates are read and checked only on use.

    Args:
        search: the loaded search.
        heal: rebuilds a damaged index.
    """

    def __init__(self, search: TemplateSearch, heal: Heal) -> None:
        self._search = search
        self._heal = heal

    @property
    def dimension(self) -> int:
        """See `TemplateSearch.dimension`."""
        return self._search.dimension

    @property
    def fingerprint(self) -> str:
        """See `TemplateSearch.fingerprint`."""
        return self._search.fingerprint

    def __len__(self) -> int:
        return len(self._search)

    @property
    def persons(self) -> int:
        """See `TemplateSearch.persons`."""
        return self._search.persons

    @property
    def one_face_each(self) -> bool:
        """See `TemplateSearch.one_face_each`."""
        return self._search.one_face_each

    @property
    def in_memory(self) -> int:
        """See `TemplateSearch.in_memory`."""
        return self._search.in_memory

    def faces(self) -> EnrolledTemplates:
        """See `TemplateSearch.faces`."""
        return self._sound(lambda search: search.faces())

    def faces_of(self, persons: Collection[UUID]) -> EnrolledTemplates:
        """See `TemplateSearch.faces_of`."""
        return self._sound(lambda search: search.faces_of(persons))

    def search(self, probes: NDArray[Any], query: Query) -> list[list[Match]]:
        """See `TemplateSearch.search`."""
        return self._sound(lambda search: search.search(probes, query))

    def _sound(self, read: Callable[[TemplateSearch], T]) -> T:
        try:
            return read(self._search)
        except TrainedIndexError as error:
            self._search = self._heal(self._search, error)
            return read(self._search)
