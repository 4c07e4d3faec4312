"""Scan every quantised template against a few probes, on all cores, and keep the rows that may be in the result.

numkong computes the int8 products (SIMD kernels that release the GIL; docs/decisions has why). The caller's thread
works and idle helper threads join: a single request uses all cores, several at once one each, and there are never more
busy threads than callers plus cores.
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
"""Added to the quantisation bounds: float32 rounding of the bounds themselves and of the similarities."""
_NEVER = int(np.iinfo(np.int32).min)

_helpers = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="mien-search")


@dataclass(frozen=True, slots=True)
class Live:
    """The rows of a segment to scan.

    Attributes:
        segment: the templates.
        skip: int64, ascending: rows to leave out.
        only: int64, ascending: the only rows to scan, without those in `skip`; None scans all but `skip`.
    """

    segment: Segment
    skip: Rows
    only: Rows | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of one segment that may be in the result of one probe.

    Attributes:
        rows: int64 (c,), ascending within a chunk.
        upper: float64 (c,), an upper bound of the row's exact similarity.
    """

    rows: Rows
    upper: NDArray[np.float64]


class Scan:
    """One search: probes (p, d) against parts, for the `top` best persons with at least `min_similarity`.

    A row is a candidate while the upper bound of its similarity reaches the probe's bar: `min_similarity`, or the lower
    bound of the `top`-th best person so far. So no row of the result is ever lost.
    """

    def __init__(self, probes: Float32, top: int, min_similarity: float) -> None:
        self._probes = probes
        self._top = top
        self._bar = np.full(len(probes), min_similarity, dtype=np.float64)
        self._lock = threading.Lock()
        # Each probe has its own step: a short probe must not be rounded with the step of a long one.
        quantised = [quantise(probe[None]) for probe in probes]
        self._packed = numkong.dots_pack(np.concatenate([q.coarse for q in quantised]))
        self._steps = np.array([q.step for q in quantised])
        self._errors = np.array([q.coarse_error for q in quantised])
        self._lengths = np.array([q.longest for q in quantised])

    def run(self, parts: list[Live]) -> list[list[Candidates]]:
        """Scan all parts.

        Returns:
            For each part, one `Candidates` per probe: all rows that reach the final bar.
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
        # Rounded down: an additional row costs a little time, a missing row would be an error.
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
                # Too many to refine them all: the best of them first, which raises the bar for the rest.
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
        """Raise the bar to x once `top` persons with a similarity of at least x are known."""
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
    """Scan float32 templates in memory; for a small group this is cheaper than quantising the probes for `Scan.run`.

    Args:
        probes: float32 (p, d).
        top: number of persons to find, >= 1.
        min_similarity: lowest similarity of a match.
        parts: rows to scan (all but `skip`), with the float32 templates (n, d) of the segment.

    Returns:
        For each part, one `Candidates` per probe: all rows that may be in the result.
    """
    packed = numkong.dots_pack(probes)
    # Bound of the rounding of a sum of float32 products; kernels that add in double precision are more exact.
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
    """Yield the chunks, a small one first: it sets a bar for the rest."""
    count = len(part.segment) if part.only is None else len(part.only)
    start = 0
    while start < count:
        end = min(count, start + (_CHUNK if start else _FIRST_CHUNK))
        yield start, end
        start = end


def _share(chunks: Iterable[tuple[int, int, int]], work: Callable[[int, int, int], None]) -> None:
    """Process all chunks in this thread and in idle helpers; re-raises the error of a chunk."""
    remaining = iter(chunks)
    lock = threading.Lock()

    def loop() -> None:
        while True:
            with lock:
                chunk = next(remaining, None)
            if chunk is None:
                return
            work(*chunk)

    # The first chunk alone, so that its bar applies to all the others.
    first = next(remaining, None)
    if first is None:
        return
    work(*first)
    second = next(remaining, None)
    if second is None:  # a small group: waking a helper would cost as much as the search
        return
    remaining = chain([second], remaining)
    helpers = [_helpers.submit(loop) for _ in range(max(1, (os.cpu_count() or 2) - 1))]
    try:
        loop()
    finally:
        started = [helper for helper in helpers if not helper.cancel()]
    for helper in started:
        helper.result()
