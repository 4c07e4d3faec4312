"""A door's server is killed at random moments: nothing opens without a decision, none is lost, none opens late."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import MASTER_KEY
from tests.doors.conftest import House
from tests.doors.parts import Recorder

from mien.doors.events import Act
from mien.doors.types import DoorSpec
from mien.storage.claims import Claims

KILLS = 3
PATIENCE = 120.0


@pytest.mark.heavy_on_postgresql
def test_kills_at_random_moments(house: House, tmp_path: Path) -> None:
    people = [str(house.person(f"Person {number}")) for number in range(6)]
    door = house.door(spec=DoorSpec(hold_off_seconds=0))
    house.rule(door)
    opened, decided = tmp_path / "opened", tmp_path / "decided"
    url = house.database.url.render_as_string(hide_password=False)
    chance = random.Random(15)
    command = [sys.executable, "-m", "tests.doors.killed", url, MASTER_KEY, str(house.owner), str(door.door_id)]
    for _ in range(KILLS):
        before = len(decided.read_text().splitlines()) if decided.exists() else 0
        process = subprocess.Popen([*command, str(opened), str(decided), *people], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            deadline = time.monotonic() + PATIENCE
            wanted = before + chance.randrange(20, 40)
            while not decided.exists() or len(decided.read_text().splitlines()) < wanted:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(chance.random() * 0.05)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    with Claims(house.database).hold(f"door/{door.door_id}") as held:  # of a process that has ended: at once
        assert held is not None
        after = Recorder()
        openings = house.openings(door, after, held)
        openings.discard()
        assert openings.work() == 0
        assert after.opened == [], "nothing opens after a restart"
    stored = {(one.number, str(one.event_id)): one for one in house.all()}
    assert [number for number, _ in stored] == list(range(1, len(stored) + 1)), "in order, without a gap"
    moved = [(int(number), event_id) for number, event_id in map(str.split, opened.read_text().splitlines())]
    assert len(moved) > KILLS
    assert len(set(moved)) == len(moved), "no decision opened twice"
    for key in moved:
        assert stored[key].granted, "every opening has its decision"
        assert stored[key].act in {Act.TOLD, Act.DONE}
    assert moved == sorted(moved), "and they opened in their order"
    known = [(int(line.split()[0]), line.split()[1]) for line in decided.read_text().splitlines()]
    assert set(known) <= set(stored), "no decision was lost"
    assert not [one for one in stored.values() if one.act is Act.WAITING]
