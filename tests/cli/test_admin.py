"""`mien admin token`, and the tokens that `mien serve` makes by itself."""

import json
from datetime import datetime
from io import StringIO
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from rich.console import Console
from tests.conftest import Server, StartServer, stop
from typer.testing import CliRunner

from mien.accounts import Acknowledgement
from mien.cli import _server
from mien.cli._administration import opened
from mien.cli._control import admin_token
from mien.cli._greeting import Reached, greet
from mien.cli._main import build
from mien.management import AdminTokens
from mien.management.tokens import LIFE
from mien.services import open_services
from mien.settings import Settings


def run(*arguments: str, fails: int = 0) -> str:
    done = CliRunner().invoke(build(["admin"]), ["admin", "token", *arguments])
    assert done.exit_code == fails, done.output
    return done.stderr if fails else done.stdout


def status(url: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(url + "/mien/v1/admin-tokens", headers=headers, trust_env=False).status_code


def test_the_command_line_makes_lists_and_revokes_tokens(tmp_path: Path) -> None:
    at = ("--data-dir", str(tmp_path))
    made = json.loads(run("create", "anna", "--role", "reader", "--days", "3", "--json", *at))
    secret = run("create", "bob", *at).strip()
    assert secret.startswith("mien_admin_")
    listed = run("list", "--json", *at)
    assert [(one["name"], one["role"]) for one in json.loads(listed)] == [("anna", "reader"), ("bob", "owner")]
    assert secret not in listed
    assert made["token"] not in listed
    run("revoke", made["id"], *at)
    assert "revoked" in run("list", *at)
    assert "no admin token" in run("revoke", str(uuid4()), *at, fails=1)


def test_tokens_expire_after_90_days_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    at = ("--data-dir", str(tmp_path))
    with opened(tmp_path, create=True) as services:
        terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
        front = services.accounts.create("front", terms=terms)
    usual, endless = run("create", "anna", "--json", *at), run("create", "eve", "--no-expiry", "--json", *at)
    one = json.loads(run("create", "ben", "--role", "enroller", "--resource", "FRONT", "--json", *at))
    assert (one["role"], one["resource"]) == ("enroller", str(front.id))
    made = json.loads(usual)
    life = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert (life.days, json.loads(endless)["expires_at"]) == (90, None)
    lines = {line.split()[1]: line for line in run("list", *at).splitlines()[1:] if line.split()}
    assert "no expiry" in lines["eve"]
    assert "no expiry" not in lines["anna"]
    assert "front" in lines["ben"]
    assert "either" in run("create", "x", "--days", "1", "--no-expiry", *at, fails=2)
    assert "no resource" in run("create", "x", "--resource", "nowhere", *at, fails=1)
    with opened(tmp_path) as services:
        entries = services.audit.search(action="admin.token.create")
        assert [entry.details["expires"] for entry in reversed(entries)] == [True, False, True]


def test_a_token_of_the_command_line_opens_a_running_server_until_it_is_revoked(server: Server) -> None:
    at = ("--data-dir", str(server.data_dir))
    made = json.loads(run("create", "anna", "--json", *at))
    assert status(server.management, made["token"]) == 200
    run("revoke", made["id"], *at)
    assert status(server.management, made["token"]) == 401


def test_in_development_every_start_has_a_token_that_ends_with_it(start_server: StartServer) -> None:
    first = start_server()
    assert first.admin_token in first.output.read_text()
    assert first.management in first.output.read_text()
    assert status(first.management, first.admin_token) == 200
    assert status(first.management, None) == 401
    assert httpx.get(first.management + "/health", trust_env=False).json()["status"] == "ok"
    assert stop(first.process) == 0
    assert first.admin_token not in first.log.read_text()
    second = start_server(data_dir=first.data_dir)
    assert second.admin_token != first.admin_token
    assert status(second.management, second.admin_token) == 200
    assert status(second.management, first.admin_token) == 401


def test_a_server_that_is_stopped_as_soon_as_it_is_ready_ends_as_usual(start_server: StartServer) -> None:
    assert [stop(start_server().process) for _ in range(3)] == [0, 0, 0]  # it is still loading networks


def test_the_management_port_is_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, str]] = []
    monkeypatch.setattr(_server, "listen", lambda _settings, *where: asked.append(where))
    for settings in (
        Settings(port=9000),
        Settings(port=0),
        Settings(port=9000, management_port=7, management_host="192.0.2.1"),
    ):
        _server._listen_for_control(settings)
    option = "--management-port"
    assert asked == [("127.0.0.1", 9001, option), ("127.0.0.1", 0, option), ("192.0.2.1", 7, option)]
    with pytest.raises(_server.StartError, match="--management-port"):
        _server._listen_for_control(Settings(port=65535))


def test_prometheus_finds_the_calls_of_the_data_plane_on_the_management_port(server: Server) -> None:
    with server.client() as client:
        client.get("/face/v1.2/facelists/of-nobody")
    page = httpx.get(server.management + "/metrics", trust_env=False)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/plain")
    assert "# TYPE mien_" in page.text
    assert 'resource="dev"' in page.text


def test_the_first_token_expires_and_is_replaced_when_none_is_valid(tmp_path: Path) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    tokens = AdminTokens(services.database, services.vault, services.clock)
    with admin_token(services, dev=False) as first:
        assert first is not None
        assert first.token.expires_at == first.token.created_at + LIFE
        with admin_token(services, dev=False) as none:
            assert none is None
    tokens.revoke(first.token.id)
    with admin_token(services, dev=False) as second:
        assert second is not None
    services.close()
    said = StringIO()
    reached = Reached("http://127.0.0.1:1", "http://127.0.0.1:2", None, second, None)
    greet(Console(file=said, width=120), Settings(data_dir=tmp_path), reached, dev=False)
    assert second.secret in said.getvalue()
    assert f"valid until  {second.token.expires_at:%Y-%m-%d}" in said.getvalue()
    assert "mien admin token create NAME" in said.getvalue()
