"""Claims between threads and real processes, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update
from tests.pausing import pause

from mien.storage import EVERY_RESOURCE, Database
from mien.storage.claims import ClaimLostError, Claims, Held, has_ended, identity
from mien.storage.tables import ClaimRow

FOREVER = 600.0
"""A lease that does not end during a test."""

HOLDER = """
import sys
import structlog
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.claims import ClaimLostError, Claims

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
database = Database(sys.argv[1])
held = Claims(database, float(sys.argv[2])).acquire("work")
print(held.token if held else None, flush=True)
for line in sys.stdin:
    if line == "sure\\n":
        print(held.sure, flush=True)
    elif line == "write\\n":
        try:
            with database.write(EVERY_RESOURCE) as session:
                held.fence(session)
            print("written", flush=True)
        except ClaimLostError:
            print("lost", flush=True)
"""


class Process:
    """Another process that asks for the claim `work`."""

    def __init__(self, url: str, seconds: float) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", HOLDER, url, str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def ask(self, what: str) -> str:
        assert self.popen.stdin is not None
        self.popen.stdin.write(what + "\n")
        self.popen.stdin.flush()
        return self.line()


Start = Callable[[float], Process]


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """Starts processes that hold the claim."""
    started: list[Process] = []

    def one(seconds: float) -> Process:
        started.append(Process(database.url.render_as_string(hide_password=False), seconds))
        return started[-1]

    yield one
    for process in started:
        process.popen.kill()
        process.popen.communicate()


def taken(claims: Claims, seconds: float = FOREVER) -> Held:
    """Ask for the claim until it is free."""
    deadline = time.monotonic() + 120
    while (held := claims.acquire("work", seconds)) is None:
        assert time.monotonic() < deadline, "the claim never became free"
        time.sleep(0.02)
    return held


def end_lease(database: Database) -> None:
    with database.write(EVERY_RESOURCE) as session:
        session.execute(update(ClaimRow).values(until=1))


def test_one_holder_at_a_time_and_a_token_that_grows(database: Database) -> None:
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    first = one.acquire("work")
    assert first is not None
    assert (one.acquire("work"), other.acquire("work")) == (None, None)
    assert other.acquire("other work") is not None
    assert first.sure
    first.release()
    first.release()
    tokens = [first.token]
    for claims in (other, one, other):
        with claims.hold("work") as held:
            assert held is not None
            tokens.append(held.token)
    assert tokens == sorted(set(tokens))


def test_threads_of_many_servers_never_hold_it_together(database: Database) -> None:
    holding, together, rounds = threading.Lock(), 0, 0

    def work(claims: Claims) -> None:
        nonlocal together, rounds
        for _ in range(8):
            with claims.hold("work") as held:
                if held is None:
                    continue
                rounds += 1
                if not holding.acquire(blocking=False):
                    together += 1
                else:
                    holding.release()

    threads = [threading.Thread(target=work, args=(Claims(database, FOREVER),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rounds > 0
    assert together == 0


def test_a_lease_that_ended_is_taken_over_and_the_late_writer_is_fenced(database: Database) -> None:
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    late = taken(one)
    end_lease(database)
    with database.write(EVERY_RESOURCE) as session:
        late.fence(session)  # nobody has taken it over: what was done may still be written
    new = taken(other)
    assert new.token > late.token
    with pytest.raises(ClaimLostError), database.write(EVERY_RESOURCE) as session:
        late.fence(session)
    assert late.lost.is_set()
    assert not late.sure
    late.release()  # takes nothing from the new holder
    with database.write(EVERY_RESOURCE) as session:
        new.fence(session)
    assert one.acquire("work") is None


def test_a_renewal_finds_out_that_it_was_lost(database: Database) -> None:
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    late = taken(one)
    end_lease(database)
    one.renew()
    assert other.acquire("work") is None, "the renewal has made the lease long again"
    end_lease(database)
    taken(other)
    one.renew()
    assert late.lost.is_set()


def test_a_renewal_that_comes_late_takes_nothing_back_that_was_released(database: Database) -> None:
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    held = taken(one)
    held.release()
    one._held["work"] = held  # as the thread that renews saw it, just before
    one.renew()
    assert other.acquire("work") is not None
    with pytest.raises(ClaimLostError), database.write(EVERY_RESOURCE) as session:
        held.fence(session)


def test_claims_are_renewed_in_the_background(database: Database) -> None:
    one, other = Claims(database, 0.3), Claims(database)
    held = taken(one, 0.3)
    before = _until(database)
    deadline = time.monotonic() + 120
    while _until(database) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    held.release()
    assert other.acquire("work") is not None


def _until(database: Database) -> int:
    with database.read(EVERY_RESOURCE) as session:
        row = session.get(ClaimRow, "work")
        assert row is not None
        return row.until


def test_a_takeover_waits_for_a_transaction_that_is_fenced(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite lets one transaction write at a time")
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    held = taken(one)
    end_lease(database)
    order = []
    with database.write(EVERY_RESOURCE) as session:
        held.fence(session)
        thread = threading.Thread(target=lambda: order.append(("taken", taken(other).token)))
        thread.start()
        thread.join(0.5)
        order.append(("written", held.token))
    thread.join(60)
    assert [what for what, _ in order] == ["written", "taken"]


def test_the_clock_of_the_database_was_set_back(database: Database) -> None:
    one, other = Claims(database, FOREVER), Claims(database, FOREVER)
    late = taken(one)
    with database.write(EVERY_RESOURCE) as session:  # as if the clock had been a day ahead when it was acquired
        session.execute(update(ClaimRow).values(until=ClaimRow.until + 86_400_000))
    assert taken(other).token > late.token


def test_a_stopped_process_cannot_undo_anything(database: Database, start: Start) -> None:
    process = start(1.0)
    token = int(process.line())
    assert process.ask("write") == "written"
    pause(process.popen, database)
    try:
        assert taken(Claims(database, FOREVER)).token > token
    finally:
        process.popen.send_signal(signal.SIGCONT)
    assert process.ask("sure") == "False"
    assert process.ask("write") == "lost"


def test_nobody_waits_for_the_lease_of_a_process_that_was_killed_here(database: Database, start: Start) -> None:
    process = start(FOREVER)
    token = int(process.line())
    claims = Claims(database, FOREVER)
    assert claims.acquire("work") is None
    assert claims.holders("wo")["work"].endswith(f":{process.popen.pid}")
    process.popen.kill()
    process.popen.wait()
    held = claims.acquire("work")
    assert held is not None
    assert held.token > token


def test_processes_of_other_machines_are_not_thought_dead() -> None:
    mine = identity(os.getpid())
    assert not has_ended(mine)
    host, _, rest = mine.partition(" ")
    boot, space, began = rest.split("/")
    assert has_ended(f"{host} {boot}/{space}/{int(began) - 1}"), "another process had this number before"
    for other in (f"{host} other-boot/{space}/1", f"{host} {boot}/0/1", host, "", "x:y z/a/1"):
        assert not has_ended(other)


def test_old_rows_are_purged_and_tokens_still_grow(database: Database) -> None:
    claims = Claims(database, FOREVER)
    held = taken(claims)
    assert claims.purge() == 0
    held.release()
    assert claims.purge() == 0
    end_lease(database)
    assert claims.purge() == 1
    assert taken(claims).token > held.token
