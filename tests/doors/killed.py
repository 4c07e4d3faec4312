"""A door's server in a process of its own, for tests that kill it: people come and go as fast as it decides.

What the actuator was told is appended to a file and synced, as a door would move: at once and for good.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

from mien.clock import SystemClock
from mien.doors.decisions import Decisions
from mien.doors.events import Event
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.journal import DoorEvents
from mien.doors.openings import Openings
from mien.doors.roster import Roster
from mien.events import AuditLog
from mien.storage import Database, MasterKey, Vault
from mien.storage.claims import Claims


class FileActuator:
    """Writes the number of every decision that it is told of."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def open(self, event: Event, until: float) -> str:
        os.write(self._descriptor, f"{event.number} {event.event_id}\n".encode())
        os.fsync(self._descriptor)
        return "written"

    def close(self) -> None:
        os.close(self._descriptor)


def main(url: str, key: str, owner: str, door: str, opened: str, decided: str, *people: str) -> None:
    database, clock = Database(url), SystemClock()
    vault = Vault(database, MasterKey.from_hex(key), clock)
    events = DoorEvents(database, vault, clock)
    roster = Roster(database, vault, clock, AuditLog(database, clock, vault), events)
    decisions = Decisions(database, clock, events, roster, lambda _: True)
    claims = Claims(database, seconds=3.0)
    resource, door_id = UUID(owner), UUID(door)
    while (held := claims.acquire(f"door/{door}")) is None:
        time.sleep(0.05)
    openings = Openings(database, clock, (resource, door_id), FileActuator(Path(opened)), held)
    openings.start()
    watched = TrackSource(resource_id=resource, camera="Lobby", door_id=door_id, opens=True)
    log = os.open(decided, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.write("up\n")
    sys.stdout.flush()

    def walk(number: int) -> None:
        for round_ in range(10_000):
            person = people[(number + round_) % len(people)]
            now = clock.now()
            best = TrackCandidate("staff", person, "", 0.93)
            track = f"{os.getpid()}-{number}-{round_}"
            evidence = TrackEvidence("Lobby", track, now, now, 9, 8, 8, best, None, "high", 150, 0.9)
            event = decisions.observe(watched, evidence, held=held)
            if event is not None:
                os.write(log, f"{event.number} {event.event_id} {int(event.granted)}\n".encode())
                openings.nudge()
            time.sleep(0.05)  # SQLite's writers do not queue fairly: the door's own thread must get its turn

    threads = [threading.Thread(target=walk, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
