"""The server as a process: how it starts, what it tells, how it stops, what it never shows."""

import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.conftest import Server, StartServer, stop
from tests.shared import azure_photo
from tests.waiting import until
from tests.warm import MienProgram
from typer.main import get_command

from mien.cli import main
from mien.cli._control import Drain
from mien.cli._control import Server as ControlServer
from mien.cli._main import build, command_names
from mien.cli._server import listen, raise_descriptor_limit
from mien.cli._variables import OF_COMMANDS
from mien.clock import SystemClock
from mien.services import open_services
from mien.settings import Settings
from mien.tls import ensure_certificate
from mien.wire.health import Readiness

Refused = Callable[..., tuple[int, str]]
DETECT = "/face/v1.2/detect"
QUERY = {"recognitionModel": "recognition_04", "detectionModel": "detection_03"}


def serve(program: MienProgram, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*program.command, "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Iterator[Refused]:
    """Runs `mien serve` in this process, for mistakes that it finds before it opens a port."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["serve", *arguments])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def post_image(server: Server, key: str, verify: ssl.SSLContext | bool = True) -> httpx.Response:
    with httpx.Client(base_url=server.endpoint, verify=verify, trust_env=False, timeout=60) as client:
        headers = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "application/octet-stream"}
        return client.post(DETECT, params=QUERY, headers=headers, content=azure_photo("detection1").read_bytes())


def test_both_keys_open_the_service_and_another_does_not(server: Server) -> None:
    for key in (server.key1, server.key2):
        answer = post_image(server, key)
        assert answer.status_code == 200
        assert len(answer.json()) == 1
    assert post_image(server, "0" * 32).status_code == 401


def test_the_output_tells_how_to_call(server: Server) -> None:
    told = server.output.read_text()
    for word in (server.endpoint, server.key1, server.key2, str(server.data_dir), "curl"):
        assert word in told
    assert f"export FACE_ENDPOINT={server.endpoint} FACE_APIKEY={server.key1}" in told
    assert f"export FACE_MANAGEMENT={server.management} FACE_ADMIN_TOKEN={server.admin_token}" in told


@dataclass(frozen=True)
class Life:
    """A server that was started, called with good and bad keys, and stopped.

    Attributes:
        server: as it was.
        told: its ready file.
        mode: that file's permissions.
        exit_code: of the process.
    """

    server: Server
    told: dict[str, object]
    mode: int
    exit_code: int


WRONG_KEY = "deadbeef" * 4


@pytest.fixture(scope="module")
def life(start_real_server: StartServer) -> Life:
    server = start_real_server(log_level="debug")
    ready = server.data_dir / "ready.json"
    told, mode = json.loads(ready.read_text()), stat.S_IMODE(ready.stat().st_mode)
    for key in (server.key1, server.key2, WRONG_KEY, server.key1 + "x"):
        post_image(server, key)
    with server.client() as client:
        client.get(f"/face/v1.2/nothing?subscription-key={server.key1}")
        client.post(f"{DETECT}?subscription-key={server.key2}", json={"url": f"http://[{server.key1}"})
    return Life(server, told, mode, stop(server.process))


def test_the_log_never_shows_a_key(life: Life) -> None:
    log = life.server.log.read_text()
    assert "serving" in log
    for key in (life.server.key1, life.server.key2, WRONG_KEY):
        assert key not in log


def test_the_ready_file_says_all_and_goes_when_the_server_stops(life: Life) -> None:
    assert set(life.told) == {"endpoint", "key1", "key2", "management", "admin_token", "pid"}
    assert life.told["pid"] == life.server.process.pid
    assert life.mode == 0o600
    assert life.exit_code == 0
    assert not (life.server.data_dir / "ready.json").exists()


def test_a_restart_keeps_keys_and_data(life: Life, start_real_server: StartServer, start_server: StartServer) -> None:
    first = life.server
    second = start_real_server(data_dir=first.data_dir)
    assert (second.key1, second.key2) == (first.key1, first.key2)
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait()
    third = start_server(data_dir=first.data_dir)
    assert third.key1 == first.key1
    assert post_image(third, first.key1).status_code == 200


def test_with_tls_who_trusts_the_authority_can_call(start_server: StartServer) -> None:
    server = start_server("--tls")
    assert server.endpoint.startswith("https://127.0.0.1:")
    ca = server.data_dir / "tls" / "ca.pem"
    assert str(ca) in server.output.read_text()
    assert post_image(server, server.key1, ssl.create_default_context(cafile=str(ca))).status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        post_image(server, server.key1)


def test_with_a_certificate_of_the_users_own(start_server: StartServer, tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, {"127.0.0.1"}, SystemClock())
    server = start_server("--tls-cert", str(files.chain), "--tls-key", str(files.chain))
    assert not (server.data_dir / "tls").exists()
    assert post_image(server, server.key1, ssl.create_default_context(cafile=str(files.ca))).status_code == 200


def test_a_port_in_use_is_a_clear_error(tmp_path: Path, mien_program: MienProgram) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve(mien_program, "--dev", "--port", str(port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        (("--host", "not a host"), "is not an address"),
        (("--tls-cert", "x.pem"), "give both"),
        (("--port", "70000"), "MIEN_PORT"),
    ],
)
def test_other_mistakes_are_clear_errors(
    arguments: tuple[str, ...], said: str, tmp_path: Path, refused: Refused
) -> None:
    code, output = refused("--dev", "--data-dir", str(tmp_path), *arguments)
    assert code in {1, 2}
    assert said in output


def test_another_master_key_is_a_clear_error(tmp_path: Path, mien_program: MienProgram) -> None:
    open_services(Settings(data_dir=tmp_path)).close()
    (tmp_path / "master.key").write_text("00" * 32)
    done = serve(mien_program, "--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "another master key" in done.stderr
    assert "Traceback" not in done.stderr


def test_foreseeable_liveness_challenges_are_for_development_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setenv("MIEN_LIVENESS_TEST_NONCE", "00" * 32)
    code, output = refused("--port", "0", "--data-dir", str(tmp_path))
    assert code == 1
    assert "MIEN_LIVENESS_TEST_NONCE" in output
    assert "--dev" in output


def test_a_misspelt_setting_is_reported_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setenv("MIEN_DATABSE_URL", "postgresql://nobody:secret-word@127.0.0.1/none")
    _, output = refused("--host", "192.0.2.1", "--data-dir", str(tmp_path))
    assert "did you mean MIEN_DATABASE_URL?" in output
    assert "secret-word" not in output


def test_variables_of_commands_are_no_misspelt_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    commands = [get_command(build(command_names()))]
    found = set()
    for command in commands:
        found |= {str(one.envvar) for one in command.params if one.envvar}
        commands += getattr(command, "commands", {}).values()
    assert found == OF_COMMANDS
    for name in found:
        monkeypatch.setenv(name, "rtsp://user:secret-word@192.0.2.7/")
    _, output = refused("--host", "192.0.2.1", "--data-dir", str(tmp_path))
    assert "is not a setting" not in output


def test_a_database_that_does_not_answer_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mien_program: MienProgram
) -> None:
    monkeypatch.setenv("MIEN_DATABASE_URL", "postgresql://nobody:secret-word@127.0.0.1:1/none")
    done = serve(mien_program, "--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr


def test_the_limit_on_open_files_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        assert raise_descriptor_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_at_sigterm_the_server_drains_before_it_stops(start_server: StartServer) -> None:
    server = start_server(drain_seconds="600")
    ready = f"{server.endpoint}/healthz/ready"
    assert httpx.get(ready, trust_env=False).json() == {"status": "ready"}
    server.process.send_signal(signal.SIGTERM)
    until(lambda: httpx.get(ready, trust_env=False).status_code == 503)
    assert httpx.get(ready, trust_env=False).json()["failing"] == ["draining"]
    assert post_image(server, server.key1).status_code == 200  # it still serves whoever comes
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(120) == 0


def test_an_idle_client_over_tls_does_not_hold_up_the_stop(start_server: StartServer) -> None:
    server = start_server("--tls", shutdown_seconds="15")
    trusted = ssl.create_default_context(cafile=server.data_dir / "tls" / "ca.pem")
    with httpx.Client(base_url=server.endpoint, verify=trusted, trust_env=False) as client:
        assert client.get("/healthz/live").status_code == 200
        assert stop(server.process) in {0, -signal.SIGTERM}
    assert "exceeded" not in server.log.read_text()  # uvicorn's word when it does not wait any longer


def test_draining_ends_by_itself() -> None:
    async def nothing(*_: object) -> None: ...

    stopping = ControlServer(uvicorn.Config(nothing), lambda: None, drain=Drain(Readiness({}), 0.05))
    stopping.handle_exit(signal.SIGTERM, None)
    assert until(lambda: stopping.should_exit)


def test_nobody_is_kept_waiting_before_the_service_can_answer(tmp_path: Path) -> None:
    bound = listen(Settings(data_dir=tmp_path), "127.0.0.1", 0, "--port")
    with bound, socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(bound.socket.getsockname())
