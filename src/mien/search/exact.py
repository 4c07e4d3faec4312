"""The exact engine: compares a probe with every template of a trained index, in this process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.search.scan import Candidates, Live, Scan, plain_scan
from mien.search.segment import Rows, Segment
from mien.search.types import EnrolledTemplates, Float32, Match, Query, check_probes

_PROBES_AT_ONCE = 16
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)
_GATHER_COST = 8
"""Cost of gathering a row relative to scanning it: rows are gathered if they are fewer than 1 / _GATHER_COST of all."""


class ExactSearch:
    """Searches segments in this process (see `types.TemplateSearch`). Immutable and thread-safe.

    Results equal those of a float32 scan: the int8 scan (`scan.Scan`) excludes only rows that cannot be in the result,
    with rounding allowed for; the others are compared by their float32 templates.

    Args:
        segments: the templates, all of one fingerprint.
        dead: for each segment, the rows (int64, ascending) that were removed since it was written.
    """

    def __init__(self, segments: Sequence[Segment], dead: Sequence[Rows] | None = None) -> None:
        if not segments:
            raise ValueError("a search needs at least one segment, which may be empty")
        first = segments[0]
        if any((s.fingerprint, s.dimension) != (first.fingerprint, first.dimension) for s in segments):
            raise ValueError("segments of different recognisers cannot be searched together")
        self.segments = tuple(segments)
        self.dead = tuple(dead) if dead is not None else (_NO_ROWS,) * len(segments)

    @classmethod
    def of(cls, faces: EnrolledTemplates, fingerprint: str) -> ExactSearch:
        """Return a search over faces in memory: a face list, or the candidates of one request."""
        return cls([Segment.of(faces, fingerprint)])

    @property
    def dimension(self) -> int:
        """Length of a template."""
        return self.segments[0].dimension

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recogniser."""
        return self.segments[0].fingerprint

    def __len__(self) -> int:
        return sum(len(s) - len(d) for s, d in zip(self.segments, self.dead, strict=True))

    @property
    def persons(self) -> int:
        """See `types.TemplateSearch.persons`."""
        return sum(len(segment.persons) for segment in self.segments)

    @property
    def one_face_each(self) -> bool:
        """See `types.TemplateSearch.one_face_each`."""
        return len(self.segments) == 1 and len(self.segments[0].persons) == len(self.segments[0])

    @property
    def in_memory(self) -> int:
        """See `TemplateSearch.in_memory`."""
        return len(self)

    def faces(self) -> EnrolledTemplates:
        """See `TemplateSearch.faces`."""
        alive = []
        for segment, dead in zip(self.segments, self.dead, strict=True):
            rows = np.ones(len(segment), dtype=bool)
            rows[dead] = False
            alive.append(segment.faces(np.flatnonzero(rows)))
        return EnrolledTemplates(
            np.concatenate([part.person_ids for part in alive]),
            np.concatenate([part.face_ids for part in alive]),
            np.concatenate([part.templates for part in alive]),
        )

    def faces_of(self, persons: Collection[UUID]) -> EnrolledTemplates:
        """See `types.TemplateSearch.faces_of`.

        Raises:
            TrainedIndexCorruptError: a block of templates on disk is damaged.
        """
        found = [
            segment.faces(np.setdiff1d(segment.rows_of_persons(persons), dead, assume_unique=True))
            for segment, dead in zip(self.segments, self.dead, strict=True)
        ]
        return EnrolledTemplates(
            np.concatenate([faces.person_ids for faces in found]),
            np.concatenate([faces.face_ids for faces in found]),
            np.concatenate([faces.templates for faces in found]),
        )

    def search(self, probes: NDArray[Any], query: Query) -> list[list[Match]]:
        """See `types.TemplateSearch.search`.

        Raises:
            ValueError: the probes have another dimension or are not finite.
            TrainedIndexCorruptError: a block of templates on disk is damaged.
        """
        if not any(map(len, self.segments)):  # an empty index fits probes of any dimension
            return [[] for _ in probes]
        array = check_probes(probes, self.dimension)
        parts = [
            part
            for segment, dead in zip(self.segments, self.dead, strict=True)
            if (part := _live(segment, dead, query)) is not None
        ]
        small = _small(parts)
        answers: list[list[Match]] = []
        for start in range(0, len(array), _PROBES_AT_ONCE):
            some = array[start : start + _PROBES_AT_ONCE]
            if small is not None:
                found = plain_scan(some, query.top, query.min_similarity, small)
            else:
                found = Scan(some, query.top, query.min_similarity).run(parts)
            answers += _decide(some, query, parts, found)
        return answers


@lru_cache(maxsize=8192)
def _uuid(packed: bytes) -> UUID:
    """Unpack an id. Cached because a camera finds the same people in frame after frame."""
    return UUID(bytes=packed)


def _live(segment: Segment, dead: Rows, query: Query) -> Live | None:
    """Return the rows that a query includes; None if there are none."""
    skip = dead
    if query.without:
        skip = np.union1d(dead, segment.rows_of_persons(query.without))
    if query.only is None:
        return Live(segment, skip) if len(skip) < len(segment) else None
    only = np.setdiff1d(segment.rows_of_persons(query.only), skip, assume_unique=True)
    if not len(only):
        return None
    if len(only) * _GATHER_COST < len(segment):
        return Live(segment, skip, only)
    excluded = np.ones(len(segment), dtype=bool)
    excluded[only] = False
    return Live(segment, np.flatnonzero(excluded))


def _small(parts: Sequence[Live]) -> list[tuple[Live, Float32]] | None:
    """Return the parts with their float32 templates, if all are kept in memory and searched whole; else None."""
    found = []
    for part in parts:
        kept = part.segment.kept() if part.only is None else None
        if kept is None:
            return None
        found.append((part, kept))
    return found


def _decide(probes: Float32, query: Query, parts: list[Live], found: list[list[Candidates]]) -> list[list[Match]]:
    """Compare the candidates by their float32 templates and rank the persons."""
    best: list[dict[bytes, tuple[float, bytes]]] = [{} for _ in probes]
    for part, candidates in zip(parts, found, strict=True):
        rows = np.unique(np.concatenate([c.rows for c in candidates])) if candidates else _NO_ROWS
        if not len(rows):
            continue
        segment = part.segment
        templates = segment.templates(rows).astype(np.float64)
        persons = segment.person_of(rows)
        for probe, own in enumerate(candidates):
            where = np.searchsorted(rows, own.rows)
            # In double precision, so that the result does not depend on how many rows are compared at once.
            similarity = (templates[where] @ probes[probe].astype(np.float64)).astype(np.float32)
            keep = np.flatnonzero(similarity >= np.float32(query.min_similarity))
            for position in keep[np.argsort(-similarity[keep], kind="stable")].tolist():
                person = segment.persons[persons[where[position]]].tobytes()
                entry = (-float(similarity[position]), segment.face_ids[own.rows[position]].tobytes())
                if person not in best[probe] or entry < best[probe][person]:
                    best[probe][person] = entry
    return [
        [
            Match(_uuid(person), _uuid(face), -negative)
            for negative, person, face in sorted((n, p, f) for p, (n, f) in own.items())[: query.top]
        ]
        for own in best
    ]
