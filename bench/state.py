"""Measures the cost of state on the request path: face ids and the key check.

python bench/state.py [DATABASE_URL]     SQLite in a temporary folder when no URL is given
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.storage import Database, Vault, load_master_key, migrate
from mien.vision.types import Embedding


def measure(name: str, call: Callable[[], object], times: int) -> None:
    """Print median, 90th percentile and minimum of one call."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    seconds.sort()
    middle, high, low = seconds[times // 2], seconds[times * 9 // 10], seconds[0]
    print(f"{name:34} median {middle * 1e6:7.0f} µs   p90 {high * 1e6:7.0f}   minimum {low * 1e6:7.0f}")


def main() -> None:
    """Measure on a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/mien.db"
        database, clock = Database(url), SystemClock()
        migrate(database)
        vault = Vault(database, load_master_key(Path(folder)), clock)
        accounts, faces = Accounts(database, vault, clock), DetectedFaces(database, vault, clock)
        resource = accounts.create(f"bench-{time.time_ns()}", terms=DEVELOPMENT_TERMS)
        key = accounts.keys(resource.id).key1
        one = Embedding(np.full(256, 1 / 16, np.float32), "f" * 64, 1.0)

        def remember(count: int) -> list[str]:
            return faces.remember(resource.id, "recognition_04", [one] * count, 86400)

        measure("remember 1 face", lambda: remember(1), 2000)
        measure("remember 10 faces", lambda: remember(10), 300)
        with ThreadPoolExecutor(4) as pool:
            start = time.perf_counter()
            list(pool.map(remember, [1] * 2000))
            print(f"{'remember, 4 threads':34} {2000 / (time.perf_counter() - start):7.0f} a second")
        ids = remember(10)
        measure("get 1 of many faces", lambda: faces.get(resource.id, ids[0]), 2000)
        measure("get 10 faces", lambda: faces.get_many(resource.id, ids), 500)
        measure("key check, key seen lately", lambda: accounts.find_by_key(key), 20000)
        measure("key check, unknown key", lambda: accounts.find_by_key("0" * 32), 1000)
        accounts.delete(resource.id)
        accounts.purge(resource.id)
        database.close()


if __name__ == "__main__":
    main()
