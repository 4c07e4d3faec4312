"""`mien status` and `mien open`, against a running server and a local folder."""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path

import pytest
from tests.conftest import Server
from typer.testing import CliRunner, Result

from mien.accounts import DEVELOPMENT_TERMS, Feature
from mien.cli._main import build
from mien.events import Condition
from mien.services import open_services
from mien.settings import Settings

USE_CASE = "Employees of our office enter through a gate that compares their face with the photo on their badge."


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build([arguments[0]]), list(arguments))


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FACE_MANAGEMENT", "FACE_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_folder_says_what_waits_and_fires(tmp_path: Path) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    desk = services.accounts.create("desk", terms=DEVELOPMENT_TERMS)
    services.accounts.create("gate", terms=DEVELOPMENT_TERMS)
    services.close()
    quiet = run("status", "--data-dir", str(tmp_path))
    assert (quiet.exit_code, "Nothing needs attention." in quiet.stdout) == (0, True), quiet.output

    services = open_services(Settings(data_dir=tmp_path))
    services.access.submit(
        desk.id, [Feature.VERIFICATION], organisation="Example Ltd", contact="a@example.com", use_case=USE_CASE,
        actor="test",
    )  # fmt: skip
    services.alerts.create("errors", Condition("ServerErrors", 1, False, 5), resource_id=desk.id, url=None)
    services.close()
    found = run("status", "--data-dir", str(tmp_path), "--json")
    assert found.exit_code == 1
    told = json.loads(found.stdout)
    assert told["attention"] is True
    assert [(one["name"], one["approvalsWaiting"]) for one in told["resources"]] == [("desk", 1), ("gate", 0)]
    assert told["diskTotal"] > told["diskFree"] > 0
    assert set(told["models"]) >= {"recognition_04"}
    lines = run("status", "--data-dir", str(tmp_path)).stdout.splitlines()
    assert lines[-2:] == ["Something needs attention:", "- desk: approvals waiting: 1 (mien access list)"]


def test_what_needs_attention_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = {"alertsFiring": 0, "alertsUndelivered": 0}
    one = {"name": "desk", "blocked": None, "calls": 1200, "errors": 120, "errorRate": 0.1, "approvalsWaiting": 0}
    one |= {"alertsFiring": 1, "alertsUndelivered": 0, "staleGroups": 2, "faces": 3}
    found = {"version": "1", "models": {}, "diskFree": 9, "diskTotal": 100, "attention": True, **quiet}
    monkeypatch.setattr("mien.cli.status._local", lambda _: found | {"resources": [one]})
    told = run("status")
    assert told.exit_code == 1
    assert told.stdout.splitlines()[-5:] == [
        "Something needs attention:",
        "- less than 10% of the disk is free",
        "- desk: alerts 1 firing (mien alert list)",
        "- desk: 10% of today's calls failed (Failed calls in the portal says why)",
        "- desk: groups that changed since their training: 2 (train them again)",
    ]


def test_a_running_server_says_the_same_as_its_folder(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACE_ADMIN_TOKEN", server.admin_token)
    remote = run("status", "--management", server.management, "--json")
    assert remote.exit_code in {0, 1}, remote.output
    local = json.loads(run("status", "--data-dir", str(server.data_dir), "--json").stdout)
    told = json.loads(remote.stdout)
    assert set(told) == set(local)
    assert told["models"] == local["models"]
    assert [one["name"] for one in told["resources"]] == [one["name"] for one in local["resources"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "--management", "http://127.0.0.1:9", "--token", "x"), "does not answer"),
        (("status", "--management", "SERVER", "--token", "mien_admin_wrong"), "SERVER"),
        (("status", "--management", "SERVER"), "FACE_ADMIN_TOKEN"),
        (("status", "--management", "DATA", "--token", "x"), "is not a control plane"),
        (("status", "--management", "127.0.0.1:9", "--token", "x"), "is not an address"),
        (("status", "--data-dir", "NOTHING"), "there is no data of Mien"),
        (("open", "--management", "http://127.0.0.1:9"), "no portal answers"),
        (("open", "--management", "DATA"), "has no portal"),
    ],
)
def test_trouble_is_exit_code_2(server: Server, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    known = {"SERVER": server.management, "DATA": server.endpoint, "NOTHING": str(tmp_path)}
    result = run(*(known.get(part, part) for part in arguments))
    assert result.exit_code == 2, result.output
    assert known.get(words, words) in result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a system where a display is named by a variable")
def test_the_portal_is_opened_in_a_browser_or_its_address_is_printed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    place = f"{server.management}/people"
    printed = run("open", "people", "--management", server.management)
    assert (printed.exit_code, printed.stdout) == (0, f"{place}\n"), printed.output

    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":9")

    def browser(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    told = json.loads(run("open", "people", "--management", server.management, "--json").stdout)
    assert told == {"address": place, "opened": True}
    assert opened == [place]
    left = run("open", "--no-browser", "--management", server.management, "--json")
    assert json.loads(left.stdout)["opened"] is False
