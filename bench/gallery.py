"""The gallery's times without the networks: enrolment, training, identification; on SQLite in a new folder.

    uv run python bench/gallery.py [--persons 100000] [--adds 200]

Embeddings are precomputed random unit vectors of 129 dimensions, so everything except detection is measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.many_people import NewPerson, add_persons

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.matching import Calibration
from mien.storage import Database, Vault, load_master_key, migrate
from mien.vision.types import Embedding, Face, FaceBox, Want

DIMENSION = 129
FINGERPRINT = "f" * 64
random = np.random.default_rng(0)


def embeddings(count: int) -> list[Embedding]:
    vectors = random.standard_normal((count, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [Embedding(vector, FINGERPRINT, 10.0) for vector in vectors]


@dataclass(frozen=True)
class Found:
    """The results of an engine."""

    width: int
    height: int
    faces: tuple[Face, ...]
    photo: None = None


ready = iter(embeddings(20_000))


class InstantEngine:
    """Finds one face immediately."""

    def analyze(self, image: bytes, want: Want) -> Found:
        """Return one face with a random template."""
        del image, want
        points = np.zeros((5, 2), np.float32)
        return Found(640, 480, (Face(FaceBox(9, 9, 99, 99), 0.9, points, embedding=next(ready)),))


def once(name: str, call: Callable[[], object]) -> None:
    start = time.perf_counter()
    call()
    print(f"{name:58} {time.perf_counter() - start:8.2f} s")


def often(name: str, times: int, call: Callable[[], object]) -> None:
    taken, busy = [], []
    for _ in range(times):
        start, worked = time.perf_counter(), time.thread_time()
        call()
        taken.append((time.perf_counter() - start) * 1000)
        busy.append((time.thread_time() - worked) * 1000)
    print(
        f"{name:58} {statistics.median(taken):8.2f} ms median, {min(taken):.2f} ms fastest of {times}, "
        f"{statistics.median(busy):.2f} ms of processor"
    )


def train(gallery: Gallery, ref: CollectionRef) -> None:
    gallery.training.start(ref)
    gallery.training.run_pending()
    assert gallery.training.status(ref).status == "succeeded"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--adds", type=int, default=200)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), SystemClock()
        database = Database(f"sqlite:///{folder / 'mien.db'}")
        migrate(database)
        vault = Vault(database, load_master_key(folder), clock)
        owner = Accounts(database, vault, clock).create("bench", terms=DEVELOPMENT_TERMS).id
        faces = DetectedFaces(database, vault, clock)
        calibration = Calibration(0.751, 1e-4, 60.0)
        recogniser = Recogniser("recognition_04", "bench", FINGERPRINT, calibration)
        gallery = open_gallery(
            database,
            vault,
            clock,
            folder / "snapshots",
            engine=InstantEngine(),
            recognisers=Recognisers({"recognition_04": recogniser}),
            detected_faces=faces,
        )
        ref, small = (CollectionRef(owner, Kind.LARGE_PERSON_GROUP, name) for name in ("large", "small"))
        for one in (ref, small):
            gallery.collections.create(one, one.collection_id, None, "recognition_04")
        people = [NewPerson("somebody", None, (one,)) for one in embeddings(arguments.persons)]
        once(f"create {arguments.persons} persons with a face each", lambda: add_persons(gallery, ref, people))
        once("first training, and looking for doubles of all after it", lambda: train(gallery, ref))
        person, other = gallery.persons.create(ref, "one more"), gallery.persons.create(small, "only one")
        once("unchanged but for a person without a face: training", lambda: train(gallery, ref))
        gallery.faces.add(ref, b"photo", person_id=person)
        once("one face added: training again", lambda: train(gallery, ref))
        gallery.persons.delete(ref, person)
        once("one person deleted: training again", lambda: train(gallery, ref))
        owners = [gallery.persons.create(ref, "p") for _ in range(arguments.adds // 200 + 1)]
        turn = iter(owners * 200)
        photos = (number.to_bytes(8) + bytes(200_000) for number in range(1_000_000))
        often(f"add a face to {arguments.persons} (but the detection)", arguments.adds,
              lambda: gallery.faces.add(ref, next(photos), person_id=next(turn)))  # fmt: skip
        often("add a face to a group of up to 200, looking for doubles", min(200, arguments.adds),
              lambda: gallery.faces.add(small, next(photos), person_id=other))  # fmt: skip
        probes = faces.remember(owner, "recognition_04", embeddings(10), 600)
        often("identify one face", 50, lambda: gallery.recognition.identify(probes[:1], ref))
        often("identify ten faces", 20, lambda: gallery.recognition.identify(probes, ref))
        often("verify a face with a person", 50,
              lambda: gallery.recognition.verify_person(owner, probes[0], other, small))  # fmt: skip
        database.close()


if __name__ == "__main__":
    main()
