"""`mien resource`, `mien key` and `mien access`, as an operator uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import StartServer
from typer.testing import CliRunner, Result

from mien.cli._main import build
from mien.services import open_services
from mien.settings import Settings

runner = CliRunner()
TERMS = ("--accept-terms", "--not-for-police")
USE = (
    "Employees of our bakery verify themselves at the warehouse door, instead of a badge that gets lost; everybody "
    "signs a consent form first and may keep a badge as an alternative."
)


def run(folder: Path, *arguments: str, answer: str | None = None) -> Result:
    app = build(["resource", "key", "access"])
    return runner.invoke(app, [*arguments, "--data-dir", str(folder)], input=answer)


def told(folder: Path, *arguments: str) -> Any:
    result = run(folder, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ask(folder: Path, *features: str) -> Any:
    wanted = [part for feature in features for part in ("--feature", feature)]
    rest = ("--organisation", "Bakery Brotlieb", "--contact", "it@brotlieb.example", "--use-case", USE)
    return told(folder, "access", "request", "desk", *wanted, *rest, "--as", "anna")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    told(tmp_path, "resource", "create", "desk", *TERMS, "--as", "anna")
    return tmp_path


def test_a_resource_takes_terms_and_a_declaration(tmp_path: Path) -> None:
    for given, missing in (((), "--accept-terms and --not-for-police"), (TERMS[:1], "add --not-for-police")):
        result = run(tmp_path, "resource", "create", "desk", *given)
        assert result.exit_code == 1
        assert missing in result.stderr
    assert "no data of Mien" in run(tmp_path, "resource", "list").stderr, "a refused command makes nothing"


def test_the_life_of_a_resource(tmp_path: Path) -> None:
    settings = ("--location", "West Europe", "--sku", "F0", "--subdomain", "Front-Desk", "--tag", "team=lobby")
    rules = ("--ip-rule", "10.0.0.0/8", "--ip-rule", "::1", "--default-action", "deny")
    made = told(tmp_path, "resource", "create", "desk", *TERMS, *settings, *rules, "--as", "Anna")
    assert made["location"] == "westeurope"
    assert (made["sku"], made["custom_subdomain"], made["tags"]) == ("F0", "front-desk", {"team": "lobby"})
    assert (made["ip_rules"], made["default_action"], made["state"]) == (["10.0.0.0/8", "::1"], "Deny", "Succeeded")
    assert (made["terms"]["accepted_by"], made["features"]) == ("Anna", [])
    assert told(tmp_path, "resource", "list") == [made] == [told(tmp_path, "resource", "show", "DESK")]
    changed = told(
        tmp_path,
        "resource",
        "update",
        "desk",
        "--sku",
        "S0",
        "--no-ip-rules",
        "--private",
        "--request-log",
        "--no-tags",
        "--without-flashes",
        "uncertain",
    )
    assert (changed["sku"], changed["ip_rules"], changed["tags"]) == ("S0", [], {})
    assert (changed["public_network_access"], changed["request_log"], changed["local_auth"]) == (False, True, True)
    assert changed["without_flashes"] == "uncertain"
    assert "disabled" in run(tmp_path, "resource", "show", "desk").stdout
    wrong = run(tmp_path, "resource", "update", "desk", "--without-flashes", "always")
    assert (wrong.exit_code, "choose server, off, uncertain or realface" in wrong.stderr) == (1, True)

    refused = run(tmp_path, "resource", "delete", "desk", answer="n\n")
    assert refused.exit_code == 1
    assert told(tmp_path, "resource", "list") == [changed]
    gone = told(tmp_path, "resource", "delete", "desk", "--yes")
    assert gone["purge_at"] > gone["deleted_at"]
    assert told(tmp_path, "resource", "list") == []
    assert told(tmp_path, "resource", "list", "--deleted") == [gone]
    assert "restore it, or purge it" in run(tmp_path, "resource", "show", "desk").stderr
    assert told(tmp_path, "resource", "restore", "desk") == changed
    assert "delete it first" in run(tmp_path, "resource", "purge", "desk", "--yes").stderr
    run(tmp_path, "resource", "delete", "desk", answer="y\n")
    assert told(tmp_path, "resource", "purge", "desk", "--yes") == {"purged": "desk", "id": made["id"]}
    assert told(tmp_path, "resource", "list", "--deleted") == []


def test_mistakes_are_one_sentence_and_exit_code_1(desk: Path) -> None:
    for arguments, said in (
        (("resource", "show", "nobody"), "there is no resource 'nobody'"),
        (("resource", "create", "desk", *TERMS), "already"),
        (("resource", "create", "b", *TERMS, "--location", "westeuorpe"), "did you mean"),
        (("resource", "update", "desk", "--ip-rule", "10.0.0.1/8"), "IP rule"),
        (("key", "list", "nobody"), "there is no resource"),
        (("access", "show", "abc"), "no access request"),
    ):
        result = run(desk, *arguments)
        assert result.exit_code == 1, arguments
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    assert run(desk, "resource", "create", "b", *TERMS, "--tag", "x").exit_code == 2
    assert run(desk, "key", "regenerate", "desk", "3").exit_code == 2


def test_keys_are_shown_by_key_list_alone(desk: Path) -> None:
    keys = told(desk, "key", "list", "desk", "--as", "ben")
    assert re.fullmatch(f"key1 +{keys['key1']}\nkey2 +{keys['key2']}\n", run(desk, "key", "list", "desk").stdout)
    said = run(desk, "key", "regenerate", "desk", "1", "--yes", "--as", "cleo").output
    fresh = told(desk, "key", "list", "desk")
    assert fresh["key1"] != keys["key1"]
    assert fresh["key2"] == keys["key2"]
    for key in (keys["key1"], fresh["key1"], fresh["key2"]):
        assert key not in said + run(desk, "resource", "show", "desk").output
    services = open_services(Settings(data_dir=desk))
    entries = [(one.actor, one.action) for one in reversed(services.audit.search())]
    services.close()
    assert entries[:2] == [("cli:anna", "resource.create"), ("cli:ben", "key.list")]
    assert ("cli:cleo", "key.regenerate") in entries


def test_a_request_from_asking_to_revoking(desk: Path) -> None:
    made = ask(desk, "Verification", "Identification")
    assert (made["state"], made["features"]) == ("submitted", ["Identification", "Verification"])
    assert (made["findings"], made["requested_by"]) == ([], "cli:anna")
    short = made["id"][:8]
    assert "take it into review first" in run(desk, "access", "approve", short).stderr
    assert told(desk, "access", "review", short)["state"] == "in_review"
    approved = told(desk, "access", "approve", short, "--days", "30", "--as", "ben")
    assert (approved["state"], approved["changed_by"]) == ("approved", "cli:ben")
    assert told(desk, "resource", "show", "desk")["features"] == ["Identification", "Verification"]
    assert told(desk, "access", "renew", short)["expires_at"] > approved["expires_at"]
    assert run(desk, "access", "revoke", short, "--yes").exit_code == 2  # no reason
    revoked = told(desk, "access", "revoke", short, "--yes", "--reason", "They moved.")
    assert (revoked["state"], revoked["reason"]) == ("revoked", "They moved.")
    assert told(desk, "resource", "show", "desk")["features"] == []
    table = run(desk, "access", "list", "desk").stdout
    assert all(word in table for word in (short, "desk", "Identification, Verification", "revoked", "They moved."))


def test_vague_requests_show_what_to_ask_and_others_can_be_withdrawn(desk: Path, tmp_path: Path) -> None:
    text = tmp_path / "use.txt"
    text.write_text("We want to use the Face API for testing purposes.")
    who = ("--organisation", "test", "--contact", "me", "--use-case-file", str(text))
    said = run(desk, "access", "request", "desk", "--feature", "Liveness", *who).stdout
    assert all(f"ask: {rule}" in said for rule in ("organisation", "contact", "short", "boilerplate", "who", "why"))
    assert run(desk, "access", "request", "desk", "--feature", "Liveness", *who[:4]).exit_code == 2
    (one,) = told(desk, "access", "list", "--state", "submitted")
    assert told(desk, "access", "withdraw", one["id"])["state"] == "withdrawn"
    assert told(desk, "access", "list", "--state", "submitted") == []
    assert told(desk, "access", "show", one["id"])["state"] == "withdrawn"
    mixed = ("--feature", "Liveness", "--feature", "Verification")
    assert "apart" in run(desk, "access", "request", "desk", *mixed, *who).stderr


def test_a_running_server_goes_by_what_the_commands_change(start_server: StartServer) -> None:
    """The commands write to the database of a server that runs; the server refuses the old key at its next request."""
    server = start_server()
    folder = server.data_dir
    with server.client() as client:

        def status(key: str) -> int:
            url = "/face/v1.2/largefacelists"
            return client.get(url, headers={"Ocp-Apim-Subscription-Key": key}).status_code

        assert (status(server.key1), status(server.key2)) == (200, 200)
        run(folder, "key", "regenerate", "dev", "1", "--yes")
        assert (status(server.key1), status(server.key2)) == (401, 200)
        assert status(told(folder, "key", "list", "dev")["key1"]) == 200
        run(folder, "resource", "delete", "dev", "--yes")
        assert status(server.key2) == 401
        run(folder, "resource", "restore", "dev")
        assert status(server.key2) == 200
        told(folder, "resource", "create", "desk", *TERMS)
        key = told(folder, "key", "list", "desk")["key2"]
        assert status(key) == 200  # reading takes no approval

        def verify() -> dict[str, Any]:
            body = {"faceId1": str(uuid4()), "faceId2": str(uuid4())}
            headers = {"Ocp-Apim-Subscription-Key": key}
            error: dict[str, Any] = client.post("/face/v1.2/verify", json=body, headers=headers).json()["error"]
            return error

        assert "mien access request desk" in json.dumps(verify())
        made = ask(folder, "Verification")
        assert "was submitted" in json.dumps(verify())
        told(folder, "access", "review", made["id"])
        told(folder, "access", "approve", made["id"])
        assert verify()["code"] == "FaceNotFound"
        told(folder, "access", "revoke", made["id"], "--yes", "--reason", "r")
        error = verify()
        assert error["innererror"]["code"] == "UnsupportedFeature"
        assert "was revoked" in json.dumps(error)
    assert server.key1 not in server.log.read_text()
