"""Search speed: Mien's exact engine compared with a plain numpy scan, faiss and usearch, in one run.

    uv run --group bench python bench/search.py [--rows 1000000] [--rounds 30]

Templates are random unit vectors; half of the probes are a template moved to a similarity of about 0.7 (enrolled
people), half are new (strangers). Rounds are interleaved, so that other load on the machine affects every engine; the
median and the fastest are printed. "agreement" is the share of probes with the same best person as the float32 scan.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import faiss
import numpy as np
from usearch.index import MetricKind
from usearch.index import search as usearch_search

from mien.search import EnrolledTemplates, Match, Query, TrainedIndexFiles

DIMENSION = 128
SIMILARITY = 0.42  # about SFace's operating point


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    load = os.getloadavg()[0]
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"


def unit(random: np.random.Generator, rows: int) -> np.ndarray:
    vectors = random.standard_normal((rows, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def make(rows: int, count: int) -> tuple[EnrolledTemplates, np.ndarray]:
    random = np.random.default_rng(0)
    templates = unit(random, rows)
    ids = np.zeros((rows, 16), np.uint8)
    ids[:, 8:] = np.arange(rows, dtype=">u8").view(np.uint8).reshape(-1, 8)
    mated = templates[random.integers(0, rows, count // 2)] + 1.0 * unit(random, count // 2)
    mated /= np.linalg.norm(mated, axis=1, keepdims=True)
    probes = np.concatenate([mated, unit(random, count - count // 2)])
    return EnrolledTemplates(ids, ids, templates), probes[random.permutation(count)]


def probe_memory(folder: Path, key: bytes | None, rows: int) -> str:
    """Load and search in a separate process; return its memory and times."""
    code = f"""
import sys, time
from pathlib import Path
import numpy as np
from mien.search import Query, TrainedIndexFiles
def resident():
    fields = dict(l.split(':') for l in Path('/proc/self/status').read_text().splitlines())
    return int(fields['VmRSS'].split()[0]) / 1024
before = resident()
start = time.perf_counter()
search = TrainedIndexFiles(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]) or None).load()
loaded = time.perf_counter() - start
probes = np.random.default_rng(1).standard_normal((50, {DIMENSION})).astype(np.float32)
probes /= np.linalg.norm(probes, axis=1, keepdims=True)
for probe in probes:
    search.search(probe[None], Query(10))
used, stored = resident() - before, {rows} * {DIMENSION} * 4 / 2**20
print(f'load {{loaded:.2f}} s, memory {{used:.0f}} MiB = {{used / stored:.2f}} x the {{stored:.0f}} MiB of templates')
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder), (key or b"").hex()], check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    rows, rounds = arguments.rows, arguments.rounds
    print(machine())
    faces, probes = make(rows, rounds * 10)
    templates = faces.templates

    with tempfile.TemporaryDirectory() as name:
        plain, sealed = (
            TrainedIndexFiles(Path(name) / "plain"),
            TrainedIndexFiles(Path(name) / "sealed", bytes(range(32))),
        )
        for label, store in (("plain", plain), ("encrypted", sealed)):
            start = time.perf_counter()
            store.write(faces, "bench")
            print(f"{label} snapshot: written in {time.perf_counter() - start:.1f} s; ", end="", flush=True)
            print(probe_memory(store.folder, bytes(range(32)) if store is sealed else None, rows))
        ours, encrypted = plain.load(), sealed.load()

        start = time.perf_counter()
        one = np.full((1, 16), 255, np.uint8)
        plain.update(EnrolledTemplates(one, one, probes[:1]))
        trained = time.perf_counter() - start
        start = time.perf_counter()
        ours = plain.load(ours)
        loaded = time.perf_counter() - start
        print(f"one face added: trained in {1000 * trained:.1f} ms, loaded in {1000 * loaded:.1f} ms")
        start = time.perf_counter()
        plain.update(EnrolledTemplates(one[:0], one[:0], probes[:0]), [(UUID(bytes=one.tobytes()), None)], ours)
        trained = time.perf_counter() - start
        ours = plain.load(ours)
        print(f"that face removed: trained in {1000 * trained:.1f} ms")

        faiss.omp_set_num_threads(os.cpu_count() or 1)
        flat = faiss.IndexFlatIP(DIMENSION)
        flat.add(templates)
        scalar = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        scalar.train(templates[:100_000])
        scalar.add(templates)
        step = float(np.abs(templates).max()) / 127
        small = np.rint(templates / step).astype(np.int8)

        def usearch_int8(p: np.ndarray) -> list[int]:
            found = usearch_search(
                small, np.rint(p / step).clip(-127, 127).astype(np.int8), 1, MetricKind.IP, exact=True
            )
            return [int(k) for k in np.asarray(found.keys).reshape(-1)]

        def best(answer: list[list[Match]]) -> list[int]:
            return [one[0].person_id.int if one else -1 for one in answer]

        engines: dict[str, Callable[[np.ndarray], list[int]]] = {
            "numpy float32 scan": lambda p: np.argmax(p @ templates.T, axis=1).tolist(),
            "faiss flat": lambda p: flat.search(p, 1)[1][:, 0].tolist(),
            "faiss scalar quantiser 8 bit": lambda p: scalar.search(p, 1)[1][:, 0].tolist(),
            "usearch exact float32": lambda p: [
                int(k) for k in np.asarray(usearch_search(templates, p, 1, MetricKind.IP, exact=True).keys).reshape(-1)
            ],
            "usearch exact int8": usearch_int8,
            "Mien, top 1": lambda p: best(ours.search(p, Query(1))),
            f"Mien, top 10 from {SIMILARITY}": lambda p: best(ours.search(p, Query(10, SIMILARITY))),
            "Mien, top 10": lambda p: best(ours.search(p, Query(10))),
            "Mien, top 100": lambda p: best(ours.search(p, Query(100))),
            "Mien encrypted, top 10": lambda p: best(encrypted.search(p, Query(10))),
        }
        truth = [
            i for start in range(0, len(probes), 10) for i in np.argmax(probes[start : start + 10] @ templates.T, 1)
        ]
        print(f"\n{rows:,} x {DIMENSION}, {rounds} rounds: median (fastest) ms\n")
        print("| engine | 1 probe | 10 probes | agreement |\n|---|---|---|---|")
        times: dict[tuple[str, int], list[float]] = {}
        right: dict[str, list[bool]] = {}
        for n in range(rounds + 1):
            for engine, search in engines.items():
                for count in (1, 10):
                    start_row = 10 * (n % rounds)
                    some = probes[start_row : start_row + count]
                    start = time.perf_counter()
                    found = search(some)
                    elapsed = 1000 * (time.perf_counter() - start)
                    if n:  # the first round warms up
                        times.setdefault((engine, count), []).append(elapsed)
                        if count == 10:
                            expected = truth[start_row : start_row + count]
                            right.setdefault(engine, []).extend(a == b for a, b in zip(found, expected, strict=True))
        for engine in engines:
            cells = [f"{np.median(times[engine, c]):.1f} ({min(times[engine, c]):.1f})" for c in (1, 10)]
            agreement = "(some have no match)" if "from" in engine else f"{np.mean(right[engine]):.2%}"
            print(f"| {engine} | {cells[0]} | {cells[1]} | {agreement} |")


if __name__ == "__main__":
    main()
