"""Try random faults on three replicas and check that nothing acknowledged is lost and nothing deleted returns.

    python -m bench.faults [--faults 25] [--at-once 1] [--seed 1] [--clients 3] [--minutes M] [--calm SECONDS]

Three replicas on PostgreSQL and Valkey or Redis behind HAProxy, each in a network namespace with a small file system.
Clients write, read, delete, train and identify through the official SDK with its own retries. Faults occur one after
the other, or several in different parts at the same time, with time to recover between them. A violation is: an
acknowledged write that cannot be read, a deleted person that is read, listed or found, a trained person that is not
found, a training that never ends, a replica that does not become ready again.
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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.faults import stack as stacks
from bench.faults.history import Client, Report
from bench.faults.stack import Replica, Stack, until
from tests import portraits

Fault = Callable[[Stack, random.Random, Replica], None]
CALM_SECONDS = 2.0
"""Default time between two faults, in which calls must not fail."""
SETTLING_SECONDS = 1.0
LEASE_PASSED = 12.0
"""Longer than the lease of a claim, so that another replica takes over from a paused one."""


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


def kill(_: Stack, chance: random.Random, one: Replica) -> None:
    one.kill()
    time.sleep(chance.uniform(0, 2))
    one.start()


def stop_politely(_: Stack, __: random.Random, one: Replica) -> None:
    one.signal(signal.SIGTERM)
    if one.process is not None:
        one.process.wait()
    one.start()


def pause(_: Stack, chance: random.Random, one: Replica) -> None:
    one.signal(signal.SIGSTOP)
    time.sleep(chance.choice([1, 4, LEASE_PASSED]))
    one.signal(signal.SIGCONT)


def pause_all_but_one(stack: Stack, chance: random.Random, left: Replica) -> None:
    others = [one for one in stack.replicas if one is not left]
    for one in others:
        one.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(2, LEASE_PASSED))
    for one in others:
        one.signal(signal.SIGCONT)


def disk_full(_: Stack, chance: random.Random, one: Replica) -> None:
    with _filled(one.folder):
        time.sleep(chance.uniform(2, 6))


def database_disk_full(stack: Stack, chance: random.Random, _: Replica) -> None:
    with _filled(stack.folder / "database"):
        time.sleep(chance.uniform(1, 4))
    time.sleep(1)
    if not stack.database_runs():
        stack.start_database()


def database_restart(stack: Stack, chance: random.Random, _: Replica) -> None:
    stack.stop_database(chance.choice([signal.SIGINT, signal.SIGQUIT]))
    time.sleep(chance.uniform(0, 3))
    stack.start_database()


def cache_restart(stack: Stack, chance: random.Random, _: Replica) -> None:
    stack.stop_cache()
    time.sleep(chance.uniform(0, 3))
    stack.start_cache()


def network_cut(stack: Stack, chance: random.Random, one: Replica) -> None:
    whole = chance.random() < 0.5
    stack.cut(one, whole=whole)
    time.sleep(chance.choice([2, 6, LEASE_PASSED]))
    stack.mend(one, whole=whole)


def clock_step(_: Stack, chance: random.Random, one: Replica) -> None:
    step = chance.choice([-3600, -120, 120, 3600])
    one.set_clock(step)
    until("the other time", lambda: one.clock_is_off(step))
    time.sleep(chance.uniform(2, 6))
    one.set_clock(0)


FAULTS: dict[Fault, str] = {
    kill: "replica",
    stop_politely: "replica",
    pause: "replica",
    pause_all_but_one: "replicas",
    disk_full: "replica",
    database_disk_full: "database",
    database_restart: "database",
    cache_restart: "cache",
    network_cut: "replica",
    clock_step: "replica",
}
"""The faults, and the part that each one affects."""


def rounds(faults: int, at_once: int, chance: random.Random) -> Iterator[list[Fault]]:
    """Yield all faults equally often in random order, `at_once` at a time, which affect different parts."""
    kinds = list(FAULTS)
    waiting = [fault for _ in range(-(-faults // len(kinds))) for fault in chance.sample(kinds, len(kinds))][:faults]
    while waiting:
        some: list[Fault] = []
        for fault in waiting[: len(kinds)]:
            if len(some) < at_once and _beside(FAULTS[fault], [FAULTS[one] for one in some]):
                some.append(fault)
        for fault in some:
            waiting.remove(fault)
        yield some


def _beside(part: str, others: Sequence[str]) -> bool:
    """Return whether a part can fail at the same time as others, so that one replica stays healthy."""
    if part == "replica":
        return "replicas" not in others and others.count("replica") < stacks.REPLICAS - 1
    return part not in others and not (part == "replicas" and "replica" in others)


def run(
    folder: Path,
    faults: int,
    seed: int,
    clients: int,
    minutes: float = 1e9,
    at_once: int = 1,
    calm: float = CALM_SECONDS,
) -> dict[str, Any]:
    """Run the faults and return the report; no fault begins after `minutes`."""
    portraits.fetch()
    enrolled, probe = (_bytes(name) for name in portraits.PERSON[:2])
    chance, report, stop = random.Random(seed), Report(), threading.Event()
    began = time.monotonic()
    slowest = 0.0
    with Stack(folder) as stack, ThreadPoolExecutor(at_once) as strikers:
        threads = [
            Client(stack.endpoint, stack.key, (enrolled, probe), report, 100 * seed + number, stop)
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        time.sleep(calm)
        done: list[Fault] = []
        told = 0
        for some in rounds(faults, at_once, chance):
            if time.monotonic() - began > minutes * 60 or not all(thread.is_alive() for thread in threads):
                break  # faults without calls show nothing
            done += some
            start = time.monotonic()
            report.faulty.set()
            struck = chance.sample(stack.replicas, len(some)) if len(some) > 1 else [chance.choice(stack.replicas)]
            begun = [
                strikers.submit(fault, stack, random.Random(chance.random()), one)
                for fault, one in zip(some, struck, strict=True)
            ]
            for one in begun:
                one.result()
            if not _recovered(stack, report):
                break
            recovered = time.monotonic() - start
            slowest = max(slowest, recovered)
            time.sleep(SETTLING_SECONDS)
            report.faulty.clear()
            names = " + ".join(fault.__name__ for fault in some)
            print(
                f"{len(done):4}/{faults} {names:40} {recovered:5.1f} s, calls {report.calls.total()}, "
                f"checks {report.checks.total()}, violations {len(report.violations)}, "
                f"outside faults {_failed(report)} of {_outside(report).total()} failed",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            told = _tell(report, told)
            time.sleep(calm)
        stop.set()
        for thread in threads:
            thread.join(600)
        unfinished = [thread.name for thread in threads if thread.is_alive()]
        failures = [repr(thread.failure) for thread in threads if thread.failure is not None]
        tracebacks = _tracebacks(stack)
    return {
        "seed": seed,
        "faults": dict(Counter(fault.__name__ for fault in done)),
        "seconds": round(time.monotonic() - began),
        "slowest_recovery_seconds": round(slowest, 1),
        "calls": report.calls.total(),
        "calls_outside_faults": _outside(report).total(),
        "failed_outside_faults": _failed(report),
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


def _recovered(stack: Stack, report: Report) -> bool:
    """Wait until all replicas are ready; a replica that does not become ready is a violation."""

    def works() -> bool:
        stack.supervise()
        return all(one.ready() for one in stack.replicas) and stack.reachable()

    try:
        until("all replicas", works, 1500)
    except TimeoutError:
        states = {one.number: one.ready() for one in stack.replicas}
        report.check("recovered", False, f"replicas that are ready: {states}")
        return False
    return True


def _tell(report: Report, told: int) -> int:
    """Print the new violations, and return the number of all."""
    for violation in report.violations[told:]:
        print(f"  {violation}", file=sys.stderr, flush=True)
    return len(report.violations)


def _outside(report: Report) -> Counter[str]:
    """Return the outcomes of calls that began without an active fault."""
    return Counter({outcome: count for (during, outcome), count in report.calls.items() if not during})


def _failed(report: Report) -> int:
    """Return how many calls outside faults failed."""
    return sum(count for outcome, count in _outside(report).items() if outcome.startswith("failed"))


def _bytes(name: str) -> bytes:
    path = portraits.portrait(name)
    assert path is not None
    return path.read_bytes()


def _tracebacks(stack: Stack) -> dict[str, int]:
    """Return the last lines of the tracebacks in the servers' logs, with their counts."""
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
    parser.add_argument("--at-once", type=int, default=1, choices=range(1, stacks.REPLICAS + 1))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e9, help="Begin no fault after this time.")
    parser.add_argument("--calm", type=float, default=CALM_SECONDS, help="Seconds without a fault between two.")
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    if lacks := stacks.missing():
        sys.exit(f"needs {lacks}")
    for number in (signal.SIGTERM, signal.SIGINT):  # to remove namespaces and file systems, also in the background
        signal.signal(number, lambda *_: sys.exit(1))
    folder = given.folder or Path(tempfile.mkdtemp(prefix="mien-faults-"))
    result = run(folder, given.faults, given.seed, given.clients, given.minutes, given.at_once, given.calm)
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["violations"] or result["clients_that_failed"]))


if __name__ == "__main__":
    main()
