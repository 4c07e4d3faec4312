"""The whole way with real photos, on the command line, while a server runs that has the person in memory."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import Server, StartServer
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.cli._main import build

COMMANDS = ["subject", "consent", "retention"]


@pytest.fixture(scope="module")
def lobby(start_server: StartServer) -> Server:
    """A server of this module's own: erasing by photo finds what other tests enrolled."""
    return start_server()


def mien(server: Server, *arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(build(COMMANDS), [*arguments, "--json", "--data-dir", str(server.data_dir)])
    assert done.exit_code == code, done.output
    return json.loads(done.output) if code == 0 else done.output


def send(client: httpx.Client, method: str, path: str, **given: Any) -> Any:
    answer = client.request(method, f"/face/v1.2-preview.1/{path}", **given)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def add(client: httpx.Client, path: str, name: str, **query: str) -> str:
    image = azure_photo(name).read_bytes()
    headers = {"Content-Type": "application/octet-stream"}
    answer = send(client, "POST", path, content=image, headers=headers, params=query)
    face_id: str = answer["persistedFaceId"]
    return face_id


def detect(client: httpx.Client, name: str) -> str:
    query = {"recognitionModel": "recognition_04", "returnFaceId": "true"}
    headers = {"Content-Type": "application/octet-stream"}
    image = azure_photo(name).read_bytes()
    face_id: str = send(client, "POST", "detect", content=image, headers=headers, params=query)[0]["faceId"]
    return face_id


def test_a_person_is_found_by_another_photo_exported_and_erased_while_the_server_runs(
    lobby: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    another = str(azure_photo("Family1-Dad2"))
    new = {"name": "x", "recognitionModel": "recognition_04"}
    keep = ["gallery", "policy", "dev", "--keep-crops", "--data-dir", str(lobby.data_dir)]
    assert CliRunner().invoke(build(["gallery"]), keep).exit_code == 0
    with lobby.client() as client:
        for kind in ("facelists", "largefacelists", "persongroups", "largepersongroups"):
            send(client, "PUT", f"{kind}/family", json=new)
        for kind in ("facelists", "largefacelists"):
            for name in ("Family1-Dad1", "Family1-Mom1"):
                add(client, f"{kind}/family/persistedfaces", name)
        dads = {}
        for kind in ("persongroups", "largepersongroups"):
            for name in ("Family1-Dad1", "Family1-Mom1"):
                person = send(client, "POST", f"{kind}/family/persons", json={"name": name})["personId"]
                add(client, f"{kind}/family/persons/{person}/persistedfaces", name)
                dads[kind, name] = person
        in_directory = send(client, "POST", "persons", json={"name": "Dad"})["personId"]
        add(client, f"persons/{in_directory}/recognitionModels/recognition_04/persistedfaces", "Family1-Dad1")
        for kind in ("largefacelists", "persongroups", "largepersongroups"):
            send(client, "POST", f"{kind}/family/train")
            deadline = time.monotonic() + 60
            while send(client, "GET", f"{kind}/family/training")["status"] != "succeeded":
                assert time.monotonic() < deadline
                time.sleep(0.1)
        dad, mum = detect(client, "Family1-Dad2"), detect(client, "Family1-Mom2")
        question = {"faceIds": [dad, mum], "largePersonGroupId": "family"}
        before = send(client, "POST", "identify", json=question)
        assert [len(one["candidates"]) for one in before] == [1, 1]

        found = mien(lobby, "subject", "find", "dev", "--photo", another)
        places = sorted(one["collection"] for one in found["holdings"])
        kinds = ("faceList", "largeFaceList", "personGroup", "largePersonGroup")
        assert places == sorted(["directory", *(f"{kind}/family" for kind in kinds)])
        assert {one["match"] for one in found["holdings"]} == {"sure"}
        assert [one["face_id"] for one in found["probes"]] == [dad]

        group, anna = "largePersonGroup/family", dads["largepersongroups", "Family1-Dad1"]
        consent = ["--purpose", "opening the door", "--given-by", "Dad", "--evidence", "form 12", "--as", "anna"]
        made = mien(lobby, "consent", "add", "dev", group, anna, *consent)
        assert mien(lobby, "consent", "withdraw", "dev", made["consent_id"], "--reason", "left")["state"] == "withdrawn"
        assert len(mien(lobby, "consent", "list", "dev", "--state", "withdrawn")) == 1
        mien(lobby, "subject", "export", "dev", "dad.zip", "--photo", another)
        with zipfile.ZipFile("dad.zip") as archive:
            told = archive.read("subject.json").decode()
            crops = [archive.read(name) for name in archive.namelist() if name.startswith("crops/")]
        assert [crop[:3] for crop in crops] == [b"\xff\xd8\xff"] * 5
        assert "form 12" in told
        assert "Family1-Mom1" not in told
        assert Path("dad.zip").stat().st_mode & 0o077 == 0

        mien(lobby, "subject", "erase", "dev", "--photo", another)
        assert len(mien(lobby, "subject", "find", "dev", "--photo", another)["holdings"]) == 5
        old = set((lobby.data_dir / "snapshots").rglob("*.segment"))
        done = mien(lobby, "subject", "erase", "dev", "--photo", another, "--yes", "--receipt", "receipt.json")
        assert (done["counts"]["persons"], done["counts"]["faces"], done["counts"]["consents"]) == (3, 5, 1)
        assert (done["counts"]["detected_faces"], done["counts"]["crops"]) == (1, 5)
        assert not any(path.exists() for path in old), "every file had a template of the person"
        dad = detect(client, "Family1-Dad2")
        after = send(client, "POST", "identify", json={**question, "faceIds": [dad, mum]})
        assert [len(one["candidates"]) for one in after] == [0, 1]
        whole = send(client, "POST", "identify", json={"faceIds": [dad], "personIds": ["*"]})
        assert whole[0]["candidates"] == []
        answer = client.get(f"/face/v1.2-preview.1/persons/{in_directory}")
        assert answer.status_code == 404
    checked = mien(lobby, "subject", "verify-receipt", "receipt.json", "--id", in_directory)
    assert checked["ids"] == {in_directory: True}
    text = Path("receipt.json").read_text().replace('"persons": 3', '"persons": 2')
    Path("receipt.json").write_text(text)
    assert "changed after it was signed" in mien(lobby, "subject", "verify-receipt", "receipt.json", code=1)


def test_rules_are_set_listed_tried_and_removed(lobby: Server) -> None:
    rule = mien(lobby, "retention", "set", "dev", "not-seen", "--days", "365")
    assert [one["rule_id"] for one in mien(lobby, "retention", "list", "dev")] == [rule["rule_id"]]
    assert mien(lobby, "retention", "run", "dev", "--dry-run") == []
    removing = ["retention", "remove", "dev", rule["rule_id"], "--data-dir", str(lobby.data_dir)]
    assert CliRunner().invoke(build(COMMANDS), removing).exit_code == 0
    assert mien(lobby, "retention", "list", "dev") == []
    assert "not one of" in mien(lobby, "retention", "set", "dev", "everything", "--days", "1", code=2)


def test_the_control_plane_does_the_same_for_those_who_may(lobby: Server) -> None:
    photo = base64.b64encode(azure_photo("Family1-Son2").read_bytes()).decode()
    with lobby.client() as client:
        send(client, "PUT", "facelists/sons", json={"name": "x", "recognitionModel": "recognition_04"})
        face = add(client, "facelists/sons/persistedfaces", "Family1-Son1")
    base = f"{lobby.management}/mien/v1"
    headers = {"Authorization": f"Bearer {lobby.admin_token}"}
    with httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as admin:

        def call(method: str, path: str, status: int = 200, **given: Any) -> httpx.Response:
            answer = admin.request(method, path, **given)
            assert answer.status_code == status, answer.text
            return answer

        found = call("POST", "/resources/dev/subjects/find", json={"photo": photo}).json()
        assert [one["collection"] for one in found["holdings"]] == ["faceList/sons"]
        consent = {"collection": "faceList/sons", "member": face, "givenBy": "Dad", "purpose": "a test"}
        made = call("POST", "/resources/dev/consents", 201, json=consent).json()
        call("POST", f"/resources/dev/consents/{made['consentId']}/withdraw")
        assert call("GET", "/resources/dev/consents").json()["value"][0]["state"] == "withdrawn"
        rule = call("POST", "/resources/dev/retention-rules", 201, json={"what": "consentOver", "days": 1}).json()
        assert call("POST", "/resources/dev/retention-rules/run").json()["value"] == []
        call("DELETE", f"/resources/dev/retention-rules/{rule['ruleId']}", 204)
        call("DELETE", f"/resources/dev/retention-rules/{rule['ruleId']}", 404)
        archive = zipfile.ZipFile(
            io.BytesIO(call("POST", "/resources/dev/subjects/export", json={"photo": photo}).content)
        )
        assert face in archive.read("subject.json").decode()
        erasing = "/resources/dev/subjects/erase"
        assert call("POST", erasing, json={"photo": photo}).json()["receipt"] is None
        done = call("POST", erasing, json={"photo": photo, "dryRun": False}).json()
        assert done["counts"]["faces"] == done["counts"]["consents"] == 1
        again = call("GET", f"/resources/dev/erasure-receipts/{done['receiptId']}").json()
        assert json.loads(done["receipt"]) == again
        assert call("POST", "/erasure-receipts/verify", json={"receipt": done["receipt"]}).json()["genuine"]
        changed = done["receipt"].replace('"faces": 1', '"faces": 2')
        assert not call("POST", "/erasure-receipts/verify", json={"receipt": changed}).json()["genuine"]
        assert call("GET", "/erasure-receipts/key").json()["kty"] == "EC"
        call("POST", "/resources/dev/subjects/find", 400, json={})
        call("POST", "/resources/dev/subjects/find", 400, json={"photo": "no image"})
        reader = call("POST", "/admin-tokens", 201, json={"name": "reader", "role": "reader"}).json()
        admin.headers["Authorization"] = f"Bearer {reader['token']}"
        for path in ("find", "export", "erase"):
            call("POST", f"/resources/dev/subjects/{path}", 403, json={"photo": photo})
        call("GET", "/resources/dev/consents", 403)
