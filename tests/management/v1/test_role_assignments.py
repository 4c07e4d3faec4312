"""Role assignments over HTTP and on the command line."""

import json
from pathlib import Path
from typing import Any

import httpx
from tests.management.conftest import World
from typer.testing import CliRunner

from mien.accounts import Acknowledgement
from mien.cli._main import build
from mien.management import Role

PATH = "/mien/v1/role-assignments"
WANTED = {"assignee": "group", "value": "face-users", "role": "Cognitive Services User", "resource": "front"}


async def test_assigned_listed_and_removed(quick: World, admin: httpx.AsyncClient) -> None:
    missing = await admin.post(PATH, json=WANTED)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ResourceNotFound")
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    quick.parts.accounts.create("front", terms=terms)
    made = await admin.post(PATH, json=WANTED)
    assert made.status_code == 201
    assert made.json().items() >= WANTED.items()
    assert (await admin.get(PATH)).json() == {"value": [made.json()]}
    removed = await admin.delete(f"{PATH}/{made.json()['id']}")
    assert removed.json() == made.json()
    assert (await admin.delete(f"{PATH}/{made.json()['id']}")).status_code == 404
    assert (await admin.get(PATH)).json() == {"value": []}


async def test_what_is_refused(quick: World, admin: httpx.AsyncClient) -> None:
    wrong: list[dict[str, Any]] = [
        WANTED | {"role": "Owner", "resource": None},
        WANTED | {"assignee": "anybody"},
        WANTED | {"value": ""},
        WANTED | {"more": 1},
    ]
    for body in wrong:
        assert (await admin.post(PATH, json=body)).status_code == 400
    for role in (Role.READER, Role.APPROVER):  # whoever may assign roles could make themselves administrators
        async with quick.client(quick.token(role)) as client:
            for answer in (await client.get(PATH), await client.post(PATH, json=WANTED)):
                assert answer.status_code == 403


def test_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str, fails: int = 0) -> str:
        done = CliRunner().invoke(build(["role"]), ["role", *arguments, "--data-dir", str(tmp_path)])
        assert done.exit_code == fails, done.output
        return done.output

    told = run("assign", "mien.reader", "--application", "5F0C7A1E-93a5-4f7e-b0fd-2f6d1c8e4b21")
    assert told == "application 5f0c7a1e-93a5-4f7e-b0fd-2f6d1c8e4b21 has the role 'Mien.Reader'\n"
    (one,) = json.loads(run("list", "--json"))
    assert (one["role"], one["resource"]) == ("Mien.Reader", None)
    assert "Mien.Reader" in run("list")
    assert "no longer has the role" in run("remove", one["id"])
    assert "there is no role assignment" in run("remove", one["id"], fails=1)
    assert "the roles are" in run("assign", "Owner", "--group", "g", fails=1)
    assert "exactly one" in run("assign", "Mien.Reader", "--group", "g", "--principal", "p", fails=2)
