"""Measures the recall of engines that may miss people, by exact searches over the templates in the database.

An approximate index misses some neighbours by design, and an external server can lose rows silently. A thread compares
sampled results with all templates of the index. It works for at most a twentieth of the time, whatever the size of the
collection.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from mien.events.recall import FEWEST_MISSES, LEAST_RECALL
from mien.gallery.templates import Templates
from mien.gallery.training.healing import Heal, HealingSearch
from mien.gallery.untrained_index import enrolled_by
from mien.search import Match, Query, TemplateSearch
from mien.search.types import pack_ids
from mien.storage import Database
from mien.storage.tables import CollectionRow

SHARE: Final = 0.01

_KEPT: Final = 64
"""Most probes waiting to be checked; no more are sampled then."""
_REMEMBERED: Final = 10_000
_ROWS_AT_ONCE: Final = 5_000
_REST: Final = 19
"""Seconds of rest for each second of work."""
_SAME: Final = 1e-3
"""Similarities that differ by less are equal: engines round templates differently."""

_log = structlog.get_logger(__name__)

Told = Callable[[UUID, UUID, float, int], object]
"""Called if recall falls below `LEAST_RECALL`, with resource id and `uid` of the last miss, recall and sample size."""


@dataclass(frozen=True, slots=True)
class _Probe:
    row: CollectionRow
    probe: NDArray[np.float32]
    query: Query
    found: frozenset[UUID]
    least: float  # similarity of the last match; -1 if there were fewer than requested


class ShadowedSearch(HealingSearch):
    """A search of which a share of the results is checked.

    Args:
        search: the loaded search.
        heal: rebuilds a damaged index.
        row: the collection.
        probes: samples the probes.
    """

    def __init__(self, search: TemplateSearch, heal: Heal, row: CollectionRow, probes: ShadowProbes) -> None:
        super().__init__(search, heal)
        self._row = row
        self._probes = probes

    def search(self, probes: NDArray[Any], query: Query) -> list[list[Match]]:
        """See `TemplateSearch.search`."""
        found = super().search(probes, query)
        self._probes.offer(self._row, probes, query, found)
        return found


class ShadowProbes:
    """Checks sampled results.

    Args:
        database: the database with the templates.
        templates: decrypts them.
        share: share of the probes to check, in [0, 1].
        told: called when too many people are missed.

    Attributes:
        checks: number of probes checked since the start.
        misses: number of these whose most similar person was not in the result.
        counted: called after each check with the collection and whether the most similar person was in the result.
    """

    def __init__(
        self, database: Database, templates: Templates, *, share: float = SHARE, told: Told | None = None
    ) -> None:
        self._database = database
        self._templates = templates
        self.share = share
        self._told = told
        self.counted: Callable[[UUID, bool], object] | None = None
        self.checks = self.misses = 0
        self._results: deque[bool] = deque(maxlen=_REMEMBERED)
        self._low = False
        self._waiting: deque[_Probe] = deque()
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def recall(self) -> float:
        """Share of the last 10,000 checked probes whose most similar person was found; 1 before the first check."""
        with self._lock:
            return sum(self._results) / len(self._results) if self._results else 1.0

    def offer(self, row: CollectionRow, probes: NDArray[Any], query: Query, found: Sequence[Sequence[Match]]) -> None:
        """Sample results to check later; does no other work in the caller's thread."""
        for probe, matches in zip(probes, found, strict=True):
            if random.random() < self.share and len(self._waiting) < _KEPT:  # noqa: S311  # no secret
                least = matches[-1].similarity if len(matches) >= query.top else -1.0
                people = frozenset(match.person_id for match in matches)
                self._waiting.append(_Probe(row, np.array(probe, np.float32), query, people, least))
                self._wake.set()

    def check(self) -> int:
        """Check the probes sampled so far.

        Returns:
            The number of checked probes.
        """
        some = [self._waiting.popleft() for _ in range(len(self._waiting))]
        by_index: dict[tuple[UUID, str | None], list[_Probe]] = {}
        for one in some:
            by_index.setdefault((one.row.uid, one.row.snapshot), []).append(one)
        for probes in by_index.values():
            self._compare(probes)
        return len(some)

    def _compare(self, probes: Sequence[_Probe]) -> None:
        """Compare probes on one index with its templates that are still enrolled."""
        row = probes[0].row
        matrix = np.stack([one.probe for one in probes])
        best = np.full(len(probes), -2.0, np.float32)
        whose = [UUID(int=0)] * len(probes)
        with self._database.read(row.resource_id) as session:
            enrolled = enrolled_by(session, row.uid, row.trained_revision)
            while rows := list(islice(enrolled, _ROWS_AT_ONCE)):
                faces = self._templates.faces(row.resource_id, row.uid, rows)
                if faces.templates.shape[1] != matrix.shape[1]:
                    return  # it was re-embedded with another recogniser meanwhile
                people = faces.person_ids.view("S16").reshape(-1)
                for at, (one, scores) in enumerate(zip(probes, matrix @ faces.templates.T, strict=True)):
                    scores[~_allowed(people, one.query)] = -2.0
                    top = int(np.argmax(scores))
                    if scores[top] > best[at]:
                        best[at], whose[at] = scores[top], UUID(bytes=faces.person_ids[top].tobytes())
        for at, one in enumerate(probes):
            expected = best[at] > max(one.query.min_similarity, one.least) + _SAME
            self._note(row, found=not expected or whose[at] in one.found)

    def _note(self, row: CollectionRow, *, found: bool) -> None:
        with self._lock:
            self.checks += 1
            self.misses += not found
            self._results.append(found)
            missed, count = self._results.count(False), len(self._results)
            recall = 1 - missed / count
            fell = recall < LEAST_RECALL and missed >= FEWEST_MISSES and not self._low
            self._low = recall < LEAST_RECALL and (self._low or fell)
        if self.counted is not None:
            self.counted(row.resource_id, found)
        if not found:
            _log.warning("the search engine missed the most similar person", collection=str(row.uid))
        if fell:
            _log.error(
                "the search engine misses people: rebuild its indexes, or choose another engine",
                identity_recall=round(recall, 5), probes=count, collection=str(row.uid),
            )  # fmt: skip
            if self._told is not None:
                self._told(row.resource_id, row.uid, recall, count)

    def start(self) -> None:
        """Start the thread that checks."""
        self._thread = threading.Thread(target=self._keep_checking, name="mien-shadow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; waiting probes are not checked."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_checking(self) -> None:
        while self._wake.wait() and not self._stop.is_set():
            self._wake.clear()
            begun = time.monotonic()
            try:
                self.check()
            except Exception as error:  # a check must never end a server; the next one may succeed
                _log.warning("answers of the search engine could not be checked", error=type(error).__name__)
            self._stop.wait(max(1.0, _REST * (time.monotonic() - begun)))


def _allowed(people: NDArray[Any], query: Query) -> NDArray[np.bool_]:
    allowed = ~np.isin(people, _keys(query.without)) if query.without else np.ones(len(people), np.bool_)
    return allowed if query.only is None else allowed & np.isin(people, _keys(query.only))


def _keys(ids: frozenset[UUID]) -> NDArray[Any]:
    return pack_ids(ids).view("S16").reshape(-1)
