"""Two versions of a table: a next version expands it, and contracts it when no server of this version is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.conftest import MASTER_KEY, Server, StartServer, stop
from tests.postgresql import empty_postgresql

from mien.storage import EVERY_RESOURCE, Database, migrate, migrations
from mien.storage.claims import Claims
from mien.storage.migrations import HEAD, MigrationError, current_revision

pytestmark = pytest.mark.real_program

STEPS = {
    "9001": 'op.add_column("portal_sessions", sa.Column("note", sa.String(20), nullable=True))',
    "9002": """with op.batch_alter_table("portal_sessions") as table:
        op.execute("UPDATE portal_sessions SET note = 'old' WHERE note IS NULL")
        table.alter_column("note", existing_type=sa.String(20), nullable=False)""",
}
STEP = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = depends_on = None
contract = {contract}


def upgrade():
    {body}
"""


def next_version(folder: Path, table: str = "portal_sessions") -> Path:
    """Make the migrations of a next version: a column is added, then demanded."""
    made = folder / "migrations"
    shutil.copytree(migrations.FOLDER, made, ignore=shutil.ignore_patterns("__pycache__"))
    before = HEAD
    for revision, body in STEPS.items():
        code = STEP.format(revision=revision, before=before, contract=revision == "9002", body=body)
        (made / "versions" / f"v{revision}.py").write_text(code.replace("portal_sessions", table), encoding="utf-8")
        before = revision
    return made


@pytest.fixture
def as_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let this process be the next version."""
    folder = next_version(tmp_path)

    def become() -> None:
        monkeypatch.setattr(migrations, "FOLDER", folder)
        monkeypatch.setattr(migrations, "HEAD", "9002")

    return become


def insert_as(database: Database, **values: object) -> None:
    """Insert a row as a version does that knows these columns."""
    given = {"id": uuid4().hex, "actor": "anna", "until": "2026-01-01 00:00:00+00"} | values
    with database.writing_connection() as connection:
        names = list(given)
        places = ", ".join(f":{name}" for name in names)
        connection.execute(
            text(f"INSERT INTO portal_sessions ({', '.join(names)}) VALUES ({places})"),
            {name: given[name] for name in names},
        )


def test_a_contracting_step_waits_for_servers_of_the_version_before(
    database: Database, as_next: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Claims(database)
    server = old.acquire(f"server/{HEAD}/one", 600)
    assert server is not None
    as_next()
    migrate(database)
    assert current_revision(database) == "9001"
    insert_as(database, note="new")
    insert_as(database)  # as the old version does
    migrate(database)
    assert current_revision(database) == "9001", "it still runs"
    monkeypatch.undo()
    migrate(database)  # an old server that was killed starts again
    assert current_revision(database) == "9001"
    server.release()
    as_next()
    migrate(database)
    assert current_revision(database) == "9002"
    with pytest.raises(IntegrityError):
        insert_as(database)
    monkeypatch.undo()
    with pytest.raises(MigrationError, match="made by a newer one"):
        migrate(database)


def test_a_new_database_takes_all_steps(database_url: str, as_next: Callable[[], None]) -> None:
    as_next()
    made = Database(database_url)
    migrate(made)
    assert current_revision(made) == "9002"
    made.close()


def test_a_step_does_not_queue_behind_a_long_transaction(database: Database, as_next: Callable[[], None]) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite lets one transaction write at a time")
    insert_as(database)
    as_next()
    held, go = threading.Event(), threading.Event()

    def long() -> None:
        with database.read(EVERY_RESOURCE) as session:
            session.execute(text("SELECT * FROM portal_sessions"))
            held.set()
            go.wait(60)

    thread = threading.Thread(target=long)
    thread.start()
    held.wait(60)
    other = Database(database.url.render_as_string(hide_password=False))
    upgrade = threading.Thread(target=migrate, args=(other,))
    upgrade.start()
    for _ in range(5):
        insert_as(database)  # waits for the step's attempt at most, not for the long transaction
    go.set()
    upgrade.join(120)
    thread.join()
    other.close()
    assert current_revision(database) == "9002"


NEXT = """
import sys
import mien.storage.migrations as migrations
from pathlib import Path
migrations.FOLDER, migrations.HEAD = Path(sys.argv.pop(1)), "9002"
from sqlalchemy import Column, String
from mien.storage.tables import PersonRow
PersonRow.note = Column(String(20), default="new")
from mien.cli import main
main()
"""


@contextmanager
def next_server(folder: Path, steps: Path, **settings: str) -> Iterator[str]:
    """Run a server of the next version; gives its endpoint."""
    folder.mkdir()
    ready, log = folder / "ready.json", folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
    if model_dir := os.environ.get("MIEN_MODEL_DIR"):
        environment["MIEN_MODEL_DIR"] = model_dir
    environment |= {f"MIEN_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-c", NEXT, str(steps), "serve", "--dev", "--port", "0"]
    command += ["--data-dir", str(folder), "--ready-file", str(ready)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 180
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield json.loads(ready.read_text())["endpoint"]
    finally:
        stop(process)


def old_servers(database: Database) -> bool:
    """Whether a server of this version still holds its claim, by PostgreSQL's clock."""
    valid = text(
        "SELECT name FROM claims WHERE name LIKE :names AND until > extract(epoch FROM clock_timestamp()) * 1000"
    )
    with database.engine.connect() as connection:
        return connection.execute(valid, {"names": f"server/{HEAD}/%"}).first() is not None


class Load(threading.Thread):
    """Creates and reads persons through whichever servers there are, as behind a balancer."""

    def __init__(self, key: str, endpoints: list[str]) -> None:
        super().__init__(daemon=True)
        self.client = httpx.Client(headers={"Ocp-Apim-Subscription-Key": key}, timeout=60, trust_env=False)
        self.endpoints = endpoints
        self.persons: list[str] = []
        self.failures: list[str] = []
        self.ending = threading.Event()
        self.turn = 0

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        while True:
            self.turn += 1
            endpoint = self.endpoints[self.turn % len(self.endpoints)]
            try:
                answer = self.client.request(method, f"{endpoint}/face/v1.2{path}", json=body)
            except httpx.TransportError:  # it has just stopped: the balancer takes the next one
                time.sleep(0.05)
                continue
            if answer.status_code == 503:
                time.sleep(0.05)
                continue
            return answer

    def run(self) -> None:
        while not self.ending.is_set():
            answer = self.call("POST", "/largepersongroups/rolling/persons", {"name": "p"})
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            self.persons.append(answer.json()["personId"])
            seen = self.call("GET", f"/largepersongroups/rolling/persons/{self.persons[-1]}")
            if seen.status_code != 200:
                self.failures.append(f"{seen.status_code} after creation")


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_servers_are_upgraded_one_at_a_time_under_load(
    start_server: StartServer, postgresql_url: str, tmp_path: Path
) -> None:
    steps = next_version(tmp_path, "persons")
    with empty_postgresql(postgresql_url) as url:
        settings = {"database_url": url, "master_key": MASTER_KEY, "drain_seconds": "0"}
        old: list[Server] = [start_server(**settings), start_server(**settings)]
        endpoints = [server.endpoint for server in old]
        load = Load(old[0].key1, endpoints)
        load.call("PUT", "/largepersongroups/rolling", {"name": "n", "recognitionModel": "recognition_04"})
        load.start()

        def more() -> None:
            count, deadline = len(load.persons), time.monotonic() + 300
            while len(load.persons) < count + 20:
                assert time.monotonic() < deadline, load.failures
                time.sleep(0.05)

        more()
        database = Database(url)
        with next_server(tmp_path / "one", steps, **settings) as first:
            endpoints.append(first)
            assert current_revision(database) == "9001"
            more()
            old[0].process.kill()  # a server of the old version dies and is started again in the middle
            endpoints.remove(old[0].endpoint)
            again = start_server(data_dir=old[0].data_dir, **settings)
            endpoints.append(again.endpoint)
            more()
            for server in (again, old[1]):
                endpoints.remove(server.endpoint)
                stop(server.process)
            more()
            deadline = time.monotonic() + 120
            while old_servers(database):  # the claim of the one that was killed runs on for a while
                assert time.monotonic() < deadline
                time.sleep(0.2)
            with next_server(tmp_path / "two", steps, **settings) as second:
                endpoints.append(second)
                assert current_revision(database) == "9002"
                more()
                load.ending.set()
                load.join(120)
                assert load.failures == []
                for person in load.persons:
                    assert load.call("GET", f"/largepersongroups/rolling/persons/{person}").status_code == 200
                load.client.close()
        database.close()
