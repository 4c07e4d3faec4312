"""The scan: every quantised template against a few probes, on all cores, keeping the rows that may matter.

The int8 products come from numkong (SIMD kernels, the lock of the interpreter released; docs/decisions has why). The
caller's thread works, and idle helper threads join in: one request alone has all cores, several at once have one
each, and there are never more busy threads than callers plus cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numkong
import numpy as np
from numpy.typing import NDArray

from mien.search.segment import FINER, Rows, Segment, quantise
from mien.search.types import Float32

_FIRST_CHUNK, _CHUNK = 4096, 65536
_SLACK = 1e-5
"""On top of the bounds of quantising: float32 rounding in the bounds' own parts and in the similarities."""
_NEVER = int(np.iinfo(np.int32).min)

_helpers = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="mien-search")


@dataclass(frozen=True, slots=True)
class Live:
    """Which rows of a segment a scan looks at.

    Attributes:
        segment: the templates.
        skip: int64, ascending: rows to leave out.
        only: int64, ascending: the only rows to look at, `skip` already taken out; None for all but `skip`.
    """

    segment: Segment
    skip: Rows
    only: Rows | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of one segment that may belong to the answer of one probe.

    Attributes:
        rows: int64 (c,), ascending within a chunk.
        upper: float64 (c,), a similarity that the row's exact one does not exceed.
    """

    rows: Rows
    upper: NDArray[np.float64]


class Scan:
    """One search: probes (p, d) against parts, for the `top` best persons from `min_similarity` on.

    A row is a candidate as long as the most that its similarity can be reaches the probe's bar: the wanted minimum,
    or the least that the `top`-th best person seen so far can have. So no row of the answer is ever lost.
    """

    def __init__(self, probes: Float32, top: int, min_similarity: float) -> None:
        self._probes = probes
        self._top = top
        self._bar = np.full(len(probes), min_similarity, dtype=np.float64)
        self._lock = threading.Lock()
        # One step a probe: a short probe must not be rounded with the step of a long one.
        quantised = [quantise(probe[None]) for probe in probes]
        self._packed = numkong.dots_pack(np.concatenate([q.coarse for q in quantised]))
        self._steps = np.array([q.step for q in quantised])
        self._errors = np.array([q.coarse_error for q in quantised])
        self._lengths = np.array([q.longest for q in quantised])

    def run(self, parts: list[Live]) -> list[list[Candidates]]:
        """Scan all parts.

        Returns:
            For each part one `Candidates` a probe; all that reach the final bar.
        """
        found: list[list[list[Candidates]]] = [[[] for _ in self._probes] for _ in parts]
        chunks = [(number, a, b) for number, part in enumerate(parts) for a, b in _chunks(part)]

        def work(number: int, start: int, end: int) -> None:
            for probe, candidates in self._chunk(parts[number], start, end):
                found[number][probe].append(candidates)

        _share(chunks, work)
        return [[self._merge(probe, pieces) for probe, pieces in enumerate(part)] for part in found]

    def _merge(self, probe: int, pieces: list[Candidates]) -> Candidates:
        if not pieces:
            return Candidates(np.empty(0, dtype=np.int64), np.empty(0))
        rows, upper = np.concatenate([p.rows for p in pieces]), np.concatenate([p.upper for p in pieces])
        keep = np.flatnonzero(upper >= self._bar[probe])
        keep = keep[np.argsort(rows[keep])]
        return Candidates(rows[keep], upper[keep])

    def _chunk(self, part: Live, start: int, end: int) -> Iterator[tuple[int, Candidates]]:
        """Scan some rows by their coarse parts."""
        quantised = part.segment.quantised
        data = quantised.coarse[start:end] if part.only is None else quantised.coarse[part.only[start:end]]
        scores: NDArray[np.int32] = np.asarray(numkong.dots_packed(data, self._packed))
        if part.only is None and len(part.skip):
            a, b = np.searchsorted(part.skip, (start, end))
            scores[part.skip[a:b] - start] = _NEVER
        unit = quantised.step * self._steps
        # |q.t - q'.t'| <= |q| |t - t'| + |q - q'| |t'|, with ' for the coarse parts.
        error = self._lengths * quantised.coarse_error + self._errors * (quantised.longest + quantised.coarse_error)
        # Rounded down: a row too many costs a look, a row too few would be wrong.
        bar = np.floor((self._bar - error - _SLACK) / unit)
        hits = np.flatnonzero(scores >= np.clip(bar, _NEVER + 1, -(_NEVER + 1)).astype(np.int32))
        if not hits.size:
            return
        row, probe_of = np.divmod(hits, len(self._probes))
        values = scores.reshape(-1)[hits]
        for probe in np.unique(probe_of).tolist():
            own = np.flatnonzero(probe_of == probe)
            rows = row[own] + start if part.only is None else part.only[row[own] + start]
            some = 4 * self._top + 64
            if len(rows) > 2 * some:
                # Too many to look at all: the best of them first, which raises the bar for the rest.
                best = np.sort(np.argpartition(values[own], len(own) - some)[len(own) - some :])
                self._refine(part.segment, probe, rows[best])
                most = values[own] * unit[probe] + error[probe] + _SLACK
                rows = rows[most >= self._bar[probe]]
            yield probe, self._refine(part.segment, probe, rows)

    def _refine(self, segment: Segment, probe: int, rows: Rows) -> Candidates:
        """Score ascending rows by their coarse and fine parts; keep those that can still be in the result."""
        quantised = segment.quantised
        vector = self._probes[probe]
        coarse, fine = (part[rows].astype(np.float32) @ vector for part in (quantised.coarse, quantised.fine))
        similarity = quantised.step * (coarse.astype(np.float64) + fine.astype(np.float64) / FINER)
        error = self._lengths[probe] * quantised.fine_error + _SLACK
        upper = similarity + error
        keep = np.flatnonzero(upper >= self._bar[probe])
        self._raise_bar(probe, segment, rows[keep], similarity[keep] - error)
        return Candidates(rows[keep], upper[keep])

    def _raise_bar(self, probe: int, segment: Segment, rows: Rows, lower: NDArray[np.float64]) -> None:
        """`top` persons whose similarity is at least x are known: nothing below x can be in the answer."""
        if len(rows) < self._top:
            return
        person = segment.person_of(rows)
        first = np.flatnonzero(np.concatenate([[True], person[1:] != person[:-1]]))
        if len(first) < self._top:
            return
        best = np.maximum.reduceat(lower, first)
        bar = np.partition(best, len(best) - self._top)[len(best) - self._top]
        with self._lock:
            self._bar[probe] = max(self._bar[probe], bar)


def plain_scan(
    probes: Float32, top: int, min_similarity: float, parts: Sequence[tuple[Live, Float32]]
) -> list[list[Candidates]]:
    """Do what `Scan.run` does by float32 templates at hand: for a small group, quantising probes costs more than that.

    Args:
        probes: float32 (p, d).
        top: how many persons are wanted, >= 1.
        min_similarity: least similarity of a match.
        parts: what is looked at, each all but its `skip`, with the float32 templates (n, d) of its segment.

    Returns:
        For each part one `Candidates` a probe; all that may be in the answer.
    """
    packed = numkong.dots_pack(probes)
    # Rounding of a sum of so many float32 products; kernels that add in double precision do better.
    most = probes.shape[1] * float(np.finfo(np.float32).eps) * np.linalg.norm(probes.astype(np.float64), axis=1)
    bar = np.full(len(probes), min_similarity)
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for part, templates in parts:
        segment = part.segment
        similar: NDArray[np.float64] = np.array(numkong.dots_packed(templates, packed), np.float64)
        similar[part.skip] = -np.inf
        error = most * segment.quantised.longest + _SLACK
        found.append((similar, error))
        if len(segment.persons) >= top:
            best = np.maximum.reduceat(similar, segment.first_row[:-1], axis=0)
            least = np.partition(best, len(best) - top, axis=0)[len(best) - top]
            bar = np.maximum(bar, least - error)
    answers = []
    for similar, error in found:
        upper = similar + error
        hits = [np.flatnonzero(upper[:, probe] >= bar[probe]) for probe in range(len(probes))]
        answers.append([Candidates(rows, upper[rows, probe]) for probe, rows in enumerate(hits)])
    return answers


def _chunks(part: Live) -> Iterator[tuple[int, int]]:
    """A small chunk first: it sets a bar before the rest is looked at."""
    count = len(part.segment) if part.only is None else len(part.only)
    start = 0
    while start < count:
        end = min(count, start + (_CHUNK if start else _FIRST_CHUNK))
        yield start, end
        start = end


def _share(chunks: Iterable[tuple[int, int, int]], work: Callable[[int, int, int], None]) -> None:
    """Do all chunks, in this thread and in whichever helpers are idle; raises what a chunk raised."""
    remaining = iter(chunks)
    lock = threading.Lock()

    def loop() -> None:
        while True:
            with lock:
                chunk = next(remaining, None)
            if chunk is None:
                return
            work(*chunk)

    # The first chunk alone, so that its bar serves all the others.
    first = next(remaining, None)
    if first is None:
        return
    work(*first)
    second = next(remaining, None)
    if second is None:  # of a small group: waking a helper would cost as much as the search
        return
    remaining = chain([second], remaining)
    helpers = [_helpers.submit(loop) for _ in range(max(1, (os.cpu_count() or 2) - 1))]
    try:
        loop()
    finally:
        started = [helper for helper in helpers if not helper.cancel()]
    for helper in started:
        helper.result()
