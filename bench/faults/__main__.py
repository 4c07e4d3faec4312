"""Try random faults on three replicas and check that nothing acknowledged is lost and nothing deleted returns.

    python -m bench.faults [--faults 25] [--seed 1] [--clients 3] [--minutes M] [--folder DIR]

Three replicas on PostgreSQL and Valkey or Redis behind HAProxy, each in a network namespace with a small file system.
Clients write, read, delete, train and identify through the official SDK with its own retries. Faults come one after
the other, and the stack is given time to recover between them. A violation is: an acknowledged write that is not
read, a deleted person that is read, listed or found, a trained person that is not found, a training that never ends.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.faults import stack as stacks
from bench.faults.history import Client, Report
from bench.faults.stack import Replica, Stack, until
from tests import portraits

Fault = Callable[[Stack, random.Random], None]
CALM_SECONDS = 2.0


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """Fill a file system to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    try:
        yield
    finally:
        ballast.unlink()


def _some(stack: Stack, chance: random.Random) -> Replica:
    return chance.choice(stack.replicas)


def kill(stack: Stack, chance: random.Random) -> None:
    one = _some(stack, chance)
    one.kill()
    time.sleep(chance.uniform(0, 2))
    one.start()


def stop_politely(stack: Stack, chance: random.Random) -> None:
    one = _some(stack, chance)
    one.signal(signal.SIGTERM)
    if one.process is not None:
        one.process.wait()
    one.start()


def pause(stack: Stack, chance: random.Random) -> None:
    one = _some(stack, chance)
    one.signal(signal.SIGSTOP)
    time.sleep(chance.choice([1, 4, 15]))  # the last is longer than a claim's lease
    one.signal(signal.SIGCONT)


def pause_all_but_one(stack: Stack, chance: random.Random) -> None:
    left = _some(stack, chance)
    others = [one for one in stack.replicas if one is not left]
    for one in others:
        one.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(2, 14))
    for one in others:
        one.signal(signal.SIGCONT)


def disk_full(stack: Stack, chance: random.Random) -> None:
    with _filled(_some(stack, chance).folder):
        time.sleep(chance.uniform(2, 6))


def database_disk_full(stack: Stack, chance: random.Random) -> None:
    with _filled(stack.folder / "database"):
        time.sleep(chance.uniform(1, 4))
    time.sleep(1)
    if not stack.database_runs():
        stack.start_database()


def database_restart(stack: Stack, chance: random.Random) -> None:
    stack.stop_database(chance.choice([signal.SIGINT, signal.SIGQUIT]))
    time.sleep(chance.uniform(0, 3))
    stack.start_database()


def cache_restart(stack: Stack, chance: random.Random) -> None:
    stack.stop_cache()
    time.sleep(chance.uniform(0, 3))
    stack.start_cache()


def network_cut(stack: Stack, chance: random.Random) -> None:
    one, whole = _some(stack, chance), chance.random() < 0.5
    stack.cut(one, whole=whole)
    time.sleep(chance.choice([2, 6, 15]))
    stack.mend(one, whole=whole)


def clock_step(stack: Stack, chance: random.Random) -> None:
    clock = _some(stack, chance).folder / "clock"
    if clock.exists():
        clock.write_text(f"{chance.choice([-3600, -120, 120, 3600]):+d}", encoding="ascii")
        time.sleep(chance.uniform(2, 6))
        clock.write_text("+0", encoding="ascii")


FAULTS: tuple[Fault, ...] = (
    kill, stop_politely, pause, pause_all_but_one, disk_full, database_disk_full, database_restart, cache_restart,
    network_cut, clock_step,
)  # fmt: skip


def run(folder: Path, faults: int, seed: int, clients: int, minutes: float = 1e9) -> dict[str, Any]:
    """Run it; returns the report. No fault begins when the minutes are over."""
    portraits.fetch()
    enrolled, probe = (_bytes(name) for name in portraits.PERSON[:2])
    chance, report, stop = random.Random(seed), Report(), threading.Event()
    order = [fault for _ in range(-(-faults // len(FAULTS))) for fault in chance.sample(FAULTS, len(FAULTS))][:faults]
    began = time.monotonic()
    slowest = 0.0
    with Stack(folder) as stack:
        threads = [
            Client(stack.endpoint, stack.key, (enrolled, probe), report, 100 * seed + number, stop)
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        time.sleep(CALM_SECONDS)
        done: list[Fault] = []
        for number, fault in enumerate(order, 1):
            if time.monotonic() - began > minutes * 60:
                break
            done.append(fault)
            start = time.monotonic()
            report.faulty.set()
            fault(stack, chance)
            until("all replicas", lambda: all(one.ready() for one in stack.replicas) and stack.reachable(), 300)
            recovered = time.monotonic() - start
            slowest = max(slowest, recovered)
            time.sleep(CALM_SECONDS)  # calls that began before have ended
            report.faulty.clear()
            print(
                f"{number:4}/{faults} {fault.__name__:20} {recovered:5.1f} s, calls {report.calls.total()}, "
                f"checks {report.checks.total()}, violations {len(report.violations)}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            time.sleep(CALM_SECONDS)
        stop.set()
        for thread in threads:
            thread.join(600)
        unfinished = [thread.name for thread in threads if thread.is_alive()]
        failures = [repr(thread.failure) for thread in threads if thread.failure is not None]
        tracebacks = _tracebacks(stack)
    outside = {outcome: count for (during, outcome), count in report.calls.items() if not during}
    failed = sum(count for outcome, count in outside.items() if outcome.startswith("failed"))
    return {
        "seed": seed,
        "faults": dict(Counter(fault.__name__ for fault in done)),
        "seconds": round(time.monotonic() - began),
        "slowest_recovery_seconds": round(slowest, 1),
        "calls": report.calls.total(),
        "calls_outside_faults": sum(outside.values()),
        "failed_outside_faults": failed,
        "failed_during_faults": sum(
            count for (during, outcome), count in report.calls.items() if during and outcome.startswith("failed")
        ),
        "trainings_failed": report.calls[True, "training failed"],
        "checks": dict(report.checks),
        "violations": report.violations,
        "errors_outside_faults": report.errors[:20],
        "clients_that_failed": failures + unfinished,
        "tracebacks_in_logs": tracebacks,
    }


def _bytes(name: str) -> bytes:
    path = portraits.portrait(name)
    assert path is not None
    return path.read_bytes()


def _tracebacks(stack: Stack) -> dict[str, int]:
    """Return the last lines of the tracebacks in the servers' logs, and how often each is there."""
    found: Counter[str] = Counter()
    for one in stack.replicas:
        for line in (one.folder / "server.log").read_text("utf-8", "replace").splitlines():
            if "Traceback (most recent call last)" in line:
                found[line[-300:]] += 1
    return dict(found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e9, help="Begin no fault after this time.")
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    if lacks := stacks.missing():
        sys.exit(f"needs {lacks}")
    folder = given.folder or Path(tempfile.mkdtemp(prefix="mien-faults-"))
    result = run(folder, given.faults, given.seed, given.clients, given.minutes)
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["violations"] or result["clients_that_failed"]))


if __name__ == "__main__":
    main()
