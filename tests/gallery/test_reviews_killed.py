"""A process that is killed at any step of a review leaves the step whole or not at all, and the log agrees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event
from tests.conftest import MASTER_KEY, sqlite_database
from tests.gallery.conftest import open_world
from tests.gallery.test_reviews import audit_of, candidates, people
from tests.shared import REPOSITORY

from mien.clock import ManualClock
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.reviews import Filed, Reviews, ReviewState
from mien.storage import Database, MasterKey, Vault

STEPS = ("file", "first", "second")
HEAVY = [pytest.param(one, marks=[] if one == "second" else [pytest.mark.heavy]) for one in STEPS]


def opened(folder: Path, owner: UUID | None = None) -> tuple[Reviews, UUID, list[str]]:
    path, clock = folder / "mien.db", ManualClock()
    database = Database(f"sqlite:///{path}") if path.exists() else sqlite_database(path)
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    world = open_world(database, vault, clock, folder, owner=owner)
    ids = [] if owner else people(world, count=2)[1]
    return Reviews(world.gallery.rows, vault, audit_of(database, vault, clock)), world.owner, ids


def step(reviews: Reviews, owner: UUID, which: str, ids: list[str]) -> None:
    """Do one step of a review."""
    if which == "file":
        reviews.file(CollectionRef(owner, Kind.PERSON_GROUP, "group"), Filed(candidates(ids), "door", picture=b"face"))
        return
    (case,) = reviews.cases(owner)
    reviews.answer(owner, case.id, 1, reviewer={"first": "ann", "second": "ben"}[which], reason="eyes")


def child(folder: Path, owner: str, which: str, statement: int, ids: list[str]) -> None:
    """Do a step in this process, and be killed at one of its writing statements."""
    reviews, resource_id, _ = opened(folder, UUID(owner))
    written = 0

    def count(_connection: object, _cursor: object, text: str, *_: object) -> None:
        nonlocal written
        if text.lstrip().upper().startswith(("INSERT", "UPDATE")):
            written += 1
            if written == statement:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(reviews._rows.database.engine, "after_cursor_execute", count)
    step(reviews, resource_id, which, ids)


@pytest.mark.parametrize("which", HEAVY)
def test_a_step_is_whole_or_not_there(which: str, tmp_path: Path) -> None:
    reviews, owner, ids = opened(tmp_path)
    for earlier in STEPS[: STEPS.index(which)]:
        step(reviews, owner, earlier, ids)
    before = [(one.state, len(one.answers)) for one in reviews.cases(owner, reader="ann")]
    killed = 0
    for statement in range(1, 10):
        call = f"child(Path({str(tmp_path)!r}), {str(owner)!r}, {which!r}, {statement}, {ids!r})"
        code = f"from pathlib import Path; from tests.gallery.test_reviews_killed import child; {call}"
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, capture_output=True, timeout=240, cwd=REPOSITORY
        )
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr.decode()
            break
        killed += 1
        assert [(one.state, len(one.answers)) for one in reviews.cases(owner, reader="ann")] == before
        assert reviews.faults(owner) == []
    assert killed >= 2, "it was killed after several of its statements"
    assert reviews.faults(owner) == []
    (case,) = reviews.cases(owner)
    expected = ReviewState.CONFIRMED if which == "second" else ReviewState.WAITING
    assert case.state is expected
