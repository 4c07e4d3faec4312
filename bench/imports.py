"""An import of photos compared with a bare loop of the same networks on all cores, in one run.

    python bench/imports.py FOLDER [--photos 600] [--rounds 3]

FOLDER has a folder of photos for each person. The bare loop is a process for each core that analyses its share of the
photos, which are already in memory, and does nothing else: no files, no database, no encryption, no duplicates. The
import is `mien gallery import` below its command line: it reads, computes in processes, and writes to SQLite. Rates
start with the first computed photo. The ratio of processor time, including the loading of models on both sides, also
holds on a busy machine; so does the share of their run time for which the processes slept because there was no photo
for them (Linux's `schedstat`, which distinguishes sleeping from waiting for a core).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.filed_photos import Recipe
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recognisers
from mien.importing import Importer, ImportResult, Summary
from mien.importing.computing import PhotoTask, compute
from mien.importing.report import ReportFile
from mien.importing.sources import folders
from mien.importing.workers import ProcessWorkers, cores, open_engine
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.storage import Database, Vault, load_master_key, migrate
from mien.vision.decode import ImageRules
from mien.vision.engine import FaceEngine

_APART = 100
"""Photos to leave out at the start and the end of an import; in between, processes should never sleep."""


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def loop(recipe: Recipe, photos: Sequence[bytes], ready: Barrier, done: Barrier) -> None:
    engine = open_engine(recipe, ModelStore(), ImageRules())
    ready.wait()
    for photo in photos:
        compute(engine, recipe, PhotoTask(0, photo))
    done.wait()


def bare(recipe: Recipe, photos: Sequence[bytes], count: int) -> tuple[float, float]:
    """Return photos per second, and processor seconds per photo."""
    context, before = multiprocessing.get_context("spawn"), processor_seconds()
    ready, done = context.Barrier(count + 1), context.Barrier(count + 1)
    processes = [context.Process(target=loop, args=(recipe, photos[at::count], ready, done)) for at in range(count)]
    for process in processes:
        process.start()
    ready.wait()
    begun = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - begun
    for process in processes:
        process.join()
    return len(photos) / seconds, (processor_seconds() - before) / len(photos)


def scheduled() -> dict[int, tuple[float, float]]:
    """Return the seconds that each child's main thread ran, and waited for a core."""
    found = {}
    for process in multiprocessing.active_children():
        ran, waited, *_ = Path(f"/proc/{process.pid}/task/{process.pid}/schedstat").read_text().split()
        found[process.pid or 0] = int(ran) / 1e9, int(waited) / 1e9
    return found


def idle(
    begun: tuple[float, dict[int, tuple[float, float]]], ended: tuple[float, dict[int, tuple[float, float]]]
) -> float:
    """Return the time that processes slept between two snapshots, as a share of the time that they ran."""
    wall = ended[0] - begun[0]
    pairs = [(before, ended[1][pid]) for pid, before in begun[1].items() if pid in ended[1]]
    ran = sum(after[0] - before[0] for before, after in pairs)
    return (wall * len(pairs) - ran - sum(after[1] - before[1] for before, after in pairs)) / ran


def imported(
    gallery: Gallery, ref: CollectionRef, folder: Path, most: int, count: int
) -> tuple[float, float, float, Summary]:
    """Return photos per second, processor seconds per photo, the processes' idle share, and the summary."""
    first: list[float] = []
    busy: list[tuple[float, dict[int, tuple[float, float]]]] = []

    def told(summary: Summary) -> None:
        if summary.done and not first:
            first.append(time.perf_counter())
        # From when all processes have started, while there is work for all.
        if summary.done >= _APART and summary.total - summary.done > _APART:
            busy[1:] = [(time.perf_counter(), scheduled())]

    before = processor_seconds()
    photos = list(folders(folder))[:most]
    with tempfile.TemporaryDirectory() as scratch, ReportFile(Path(scratch) / "report.jsonl") as report:
        importer = Importer(gallery, ref, report, lambda recipe: ProcessWorkers(recipe, count), told)
        summary = importer.run(photos)
    seconds = time.perf_counter() - first[0]
    cost = (processor_seconds() - before) / len(photos)
    return (len(photos) - 1) / seconds, cost, idle(*busy) if len(busy) == 2 else math.nan, summary


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    count = cores()
    with tempfile.TemporaryDirectory() as scratch:
        data, clock = Path(scratch), SystemClock()
        database = Database(f"sqlite:///{data / 'mien.db'}")
        migrate(database)
        vault = Vault(database, load_master_key(data), clock)
        store = ModelStore()
        recognisers = Recognisers.of(store, read_bindings(store, data, {}))
        owner = Accounts(database, vault, clock).create("bench", terms=DEVELOPMENT_TERMS).id
        gallery = open_gallery(
            database, vault, clock, data / "snapshots", engine=FaceEngine(store), recognisers=recognisers,
            detected_faces=DetectedFaces(database, vault, clock),
        )  # fmt: skip
        photos = [one.read() for one in list(folders(asked.folder))[: asked.photos]]
        print(f"{len(photos)} photos, {count} cores, load {os.getloadavg()[0]:.1f}")
        rates, costs = [], []
        for number in range(asked.rounds):
            ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, f"round-{number}")
            gallery.collections.create(ref, "Round", None, "recognition_04")
            recipe = gallery.filing.recipe(ref)
            rate, cost, asleep, summary = imported(gallery, ref, asked.folder, asked.photos, count)
            bare_rate, bare_cost = bare(recipe, photos, count)
            rates.append(rate / bare_rate)
            costs.append(bare_cost / cost)
            print(
                f"import {rate:.1f} photos/s ({1000 * cost:.0f} ms of processor each, "
                f"{summary.outcomes[ImportResult.ENROLLED]} enrolled), bare loop {bare_rate:.1f} "
                f"({1000 * bare_cost:.0f} ms), load {os.getloadavg()[0]:.1f}: ratio of rates {rates[-1]:.3f}, "
                f"of processor time {costs[-1]:.3f}, processes idle {asleep:.3f} of their time",
                flush=True,
            )
        print(f"median ratio of rates {sorted(rates)[len(rates) // 2]:.3f}, of processor time "
              f"{sorted(costs)[len(costs) // 2]:.3f}")  # fmt: skip
        database.close()


if __name__ == "__main__":
    main()
