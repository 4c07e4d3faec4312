"""A process that is killed at any step of a review leaves the step whole or not at all, and the log agrees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from subprocess import PIPE
from uuid import UUID

import pytest
from sqlalchemy import event
from tests.conftest import MASTER_KEY
from tests.gallery.conftest import World, open_world, unit
from tests.gallery.test_application_reviews import PICTURE, applications_of
from tests.gallery.test_reviews import audit_of, candidates, people
from tests.manual_clock import ManualClock
from tests.shared import REPOSITORY

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.reviews import ApplicationReviews, Filed, FiledMatch, MatchCandidate, Reviews, ReviewState
from mien.storage import Database, MasterKey, Vault

STEPS = ("file", "first", "second")
HEAVY = [pytest.param(one, marks=[] if one == "second" else [pytest.mark.heavy]) for one in STEPS]


def database_in(folder: Path) -> Database:
    return Database(f"sqlite:///{folder / 'mien.db'}")


def world_of(database: Database, owner: UUID | None) -> tuple[Vault, ManualClock, World]:
    assert database.url.database is not None
    clock = ManualClock()
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    return vault, clock, open_world(database, vault, clock, Path(database.url.database).parent, owner=owner)


def opened(database: Database, owner: UUID | None = None) -> tuple[Reviews, UUID, list[str]]:
    vault, clock, world = world_of(database, owner)
    ids = [] if owner else people(world, count=2)[1]
    return Reviews(world.gallery.rows, vault, audit_of(database, vault, clock)), world.owner, ids


def applications(database: Database, owner: UUID | None = None) -> tuple[ApplicationReviews, World]:
    vault, clock, world = world_of(database, owner)
    return applications_of(world, database, vault, clock), world


def match_of(owner: UUID, probe: str, ids: list[str]) -> FiledMatch:
    case = UUID("11111111-2222-4333-8444-555555555555")
    ref = CollectionRef(owner, Kind.PERSON_GROUP, "group")
    return FiledMatch(
        case, ref, probe, [MatchCandidate(one, 0.7) for one in ids], picture=PICTURE, purpose="front door"
    )


def step(reviews: Reviews, owner: UUID, which: str, ids: list[str]) -> None:
    """Do one step of a review."""
    if which == "file":
        reviews.file(CollectionRef(owner, Kind.PERSON_GROUP, "group"), Filed(candidates(ids), "door", picture=b"face"))
        return
    (case,) = reviews.cases(owner)
    reviews.answer(owner, case.id, 1, reviewer={"first": "ann", "second": "ben"}[which], reason="eyes")


def killed_at(database: Database, statement: int) -> None:
    """Kill this process at one of its writing statements."""
    written = 0

    def count(_connection: object, _cursor: object, text: str, *_: object) -> None:
        nonlocal written
        if text.lstrip().upper().startswith(("INSERT", "UPDATE")):
            written += 1
            if written == statement:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "after_cursor_execute", count)


def filing(folder: Path, owner: str, probe: str, statement: int, ids: list[str]) -> None:
    """File a match as an application does, in this process, and be killed at one of its writing statements."""
    found, world = applications(database_in(folder), UUID(owner))
    killed_at(world.gallery.rows.database, statement)
    found.file(match_of(world.owner, probe, ids), filed_by="key:owner")


Killed = Callable[[str], bool]


@pytest.fixture(scope="module")
def killed() -> Iterator[Killed]:
    """Runs a call of this module in a process of its own, and tells whether it was killed.

    The processes are forks of one that has everything imported, which takes longer than the calls.
    """
    code = "from tests.gallery.test_reviews_killed import fork_for_calls; fork_for_calls()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def run(call: str) -> bool:
            asked.write(call + "\n")
            asked.flush()
            ended = json.loads(answers.readline())
            assert ended["code"] in {0, -signal.SIGKILL}, ended
            return bool(ended["code"])

        yield run
        process.communicate()


def fork_for_calls() -> None:
    """Carry out each line of standard input in a fork of this process; write how that ended, and what it said."""
    for call in sys.stdin:
        with tempfile.TemporaryFile("w+") as said:
            if (pid := os.fork()) == 0:
                for file in (sys.stdout, sys.stderr):
                    os.dup2(said.fileno(), file.fileno())
                try:
                    eval(call)
                except BaseException:
                    traceback.print_exc()
                    sys.stderr.flush()
                    os._exit(1)
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            said.seek(0)
            sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status), "said": said.read()}) + "\n")
            sys.stdout.flush()


def child(folder: Path, owner: str, which: str, statement: int, ids: list[str]) -> None:
    """Do a step in this process, and be killed at one of its writing statements."""
    reviews, resource_id, _ = opened(database_in(folder), UUID(owner))
    killed_at(reviews._rows.database, statement)
    step(reviews, resource_id, which, ids)


@pytest.mark.parametrize("which", HEAVY)
def test_a_step_is_whole_or_not_there(which: str, sqlite: Database, tmp_path: Path, killed: Killed) -> None:
    reviews, owner, ids = opened(sqlite)
    for earlier in STEPS[: STEPS.index(which)]:
        step(reviews, owner, earlier, ids)
    before = [(one.state, len(one.answers)) for one in reviews.cases(owner, reader="ann")]
    deaths = 0
    for statement in range(1, 10):
        if not killed(f"child(Path({str(tmp_path)!r}), {str(owner)!r}, {which!r}, {statement}, {ids!r})"):
            break
        deaths += 1
        assert [(one.state, len(one.answers)) for one in reviews.cases(owner, reader="ann")] == before
        assert reviews.faults(owner) == []
    assert deaths >= 2, "it was killed after several of its statements"
    assert reviews.faults(owner) == []
    (case,) = reviews.cases(owner)
    expected = ReviewState.CONFIRMED if which == "second" else ReviewState.WAITING
    assert case.state is expected


@pytest.mark.parametrize("statements", [(3,), pytest.param(range(1, 12), marks=pytest.mark.heavy)])
def test_an_application_files_a_match_whole_or_not_at_all(
    statements: Iterable[int], sqlite: Database, tmp_path: Path, killed: Killed
) -> None:
    """After each death there is no case, and in the end the same call makes it: once, as the audit log has it."""
    found, world = applications(sqlite)
    owner, (_, ids) = world.owner, people(world, count=2)
    probe = world.detect(unit(50, near=1))
    deaths = 0
    for statement in statements:
        if not killed(f"filing(Path({str(tmp_path)!r}), {str(owner)!r}, {probe!r}, {statement}, {ids!r})"):
            break
        deaths += 1
        assert found.reviews.cases(owner) == []
        assert found.reviews.faults(owner) == []
    assert deaths >= 1
    case, _ = found.file(match_of(owner, probe, ids), filed_by="key:owner")
    again, made = found.file(match_of(owner, probe, ids), filed_by="key:owner")
    assert (again.id, made) == (case.id, False)
    assert [one.id for one in found.reviews.cases(owner)] == [case.id]
    assert found.reviews.faults(owner) == []
    assert found.reviews.picture(owner, case.id) == PICTURE
