import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from mien.accounts import Acknowledgement
from mien.cli._main import build
from mien.events import Recorder
from mien.services import Services, open_services
from mien.settings import Settings

runner = CliRunner()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    opened = open_services(Settings(data_dir=tmp_path))
    opened.accounts.create("desk", terms=Acknowledgement("Anna", responsible_ai=True, not_for_police=True))
    return opened


@pytest.fixture
def owner(services: Services) -> UUID:
    return services.accounts.resources()[0].id


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(build([arguments[0]]), [*arguments, "--data-dir", str(folder)])
    return result.exit_code, result.output


def count(services: Services, owner: UUID) -> None:
    recorder = Recorder(services.database, services.clock)
    for operation, status, code in (("Face - Detect", 200, ""), ("Face - Detect", 400, "InvalidImage"), ("x", 500, "")):
        recorder.call(
            owner, operation, status, code, seconds=0.02, data_in=1000, data_out=10, transactions=1, blocked=False
        )
    recorder.flush()


def test_metrics_are_shown_as_a_table_and_as_json(services: Services, owner: UUID, tmp_path: Path) -> None:
    count(services, owner)
    code, output = run(tmp_path, "metrics")
    rows = {line.split()[2]: line.split()[3] for line in output.splitlines()[1:]}
    assert code == 0
    assert (rows["TotalCalls"], rows["TotalErrors"], rows["Latency"], rows["DataIn"]) == ("3", "2", "20", "3,000")
    code, output = run(tmp_path, "metrics", "TotalErrors", "--by", "code", "--resource", "desk", "--json")
    assert {one["label"]: one["points"][0]["value"] for one in json.loads(output)[0]["series"]} == {
        "": 1,
        "InvalidImage": 1,
    }
    code, output = run(tmp_path, "metrics", "TotalCalls", "--by", "resource", "--since", "10m", "--interval", "1m")
    assert output.splitlines()[0].split() == ["from", "metric", "resource", "value", "unit"]
    assert sum(int(line.split()[4]) for line in output.splitlines()[1:]) == 3
    assert {line.split()[3] for line in output.splitlines()[1:]} == {"desk"}
    percentile = ("metrics", "Latency", "--aggregation", "percentile", "--percentile", "50", "--json")
    assert json.loads(run(tmp_path, *percentile)[1])[0]["series"][0]["points"][0]["value"] == pytest.approx(15, abs=6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("metrics", "Nothing"), "there is no metric"),
        (("metrics", "TotalCalls", "--since", "yesterday"), "neither a time ago"),
        (("metrics", "TotalCalls", "--interval", "5"), "not a length of time"),
        (("metrics", "TotalCalls", "--aggregation", "sum"), "aggregations are"),
        (("metrics", "TotalCalls", "--by", "colour"), "split by"),
        (("alert", "create", "x", "--metric", "TotalCalls"), "--above or --below"),
        (("alert", "create", "x", "--metric", "Nothing", "--above", "1"), "there is no metric"),
        (("alert", "create", "x", "--metric", "DoorEvents"), "DoorEvents needs a webhook"),
        (("alert", "create", "x", "--metric", "DoorEvents", "--above", "5"), "it takes no other settings"),
        (("alert", "create", "x", "--metric", "DoorEvents", "--operation", "Face - Detect"), "no other settings"),
        (("alert", "create", "x", "--metric", "Latency", "--above", "1", "--webhook", "ftp://x"), "http://"),
        (("alert", "delete", str(uuid4())), "no such rule"),
        (("audit", "verify", "--known", "5"), "NUMBER:HASH"),
        (("audit", "list", "--resource", "nobody"), "nobody"),
    ],
)
@pytest.mark.usefixtures("services")
def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, output = run(tmp_path, *arguments)
    assert code in {1, 2}
    assert words in " ".join(output.replace("│", " ").split())
    assert "Traceback" not in output


def test_the_audit_log_is_listed_exported_and_verified(services: Services, owner: UUID, tmp_path: Path) -> None:
    for number in range(3):
        services.audit.record(actor="cli:otto", action="test.count", resource_id=owner, details={"number": number})
    code, output = run(tmp_path, "audit", "list", "--actor", "cli:otto")
    assert (code, len(output.splitlines())) == (0, 4)
    assert "number=2" in output.splitlines()[1]
    assert "desk" in output.splitlines()[1]
    found = json.loads(run(tmp_path, "audit", "list", "--action", "test.*", "--resource", str(owner), "--json")[1])
    assert [one["details"]["number"] for one in found] == [2, 1, 0]
    total = services.audit.search(limit=1)[0].sequence
    code, output = run(tmp_path, "audit", "verify")
    noted = output.rsplit("note ", 1)[1].strip()
    assert code == 0
    assert output.startswith(f"{total} entries, unbroken")
    export = tmp_path / "audit.jsonl"
    assert run(tmp_path, "audit", "export", str(export))[1].startswith(f"{total} entries")
    assert run(tmp_path, "audit", "verify", str(export), "--known", noted)[0] == 0
    assert run(tmp_path, "audit", "export")[1] == export.read_text()
    export.write_text(export.read_text().replace("otto", "anna", 1))
    code, output = run(tmp_path, "audit", "verify", str(export), "--json")
    assert (code, json.loads(output)["broken"]) == (1, total - 2)
    with services.database.writing_connection() as connection:
        connection.execute(text("DROP TRIGGER audit_log_no_delete"))
        connection.execute(text(f"DELETE FROM audit_log WHERE sequence = {total - 1}"))
    code, output = run(tmp_path, "audit", "verify")
    assert (code, output) == (1, f"entry {total - 1} is broken: entry {total - 1} is missing\n")


def test_a_rule_is_made_listed_tried_out_and_deleted(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as receiver:
        threading.Thread(target=lambda: receiver.serve_forever(0.02), daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/hush"
        arguments = ("alert", "create", "full", "--metric", "QuotaUse", "--resource", "desk", "--webhook", url)
        code, output = run(tmp_path, *arguments)
        assert code == 1
        assert "MIEN_WEBHOOK_ALLOW_PRIVATE" in output
        monkeypatch.setenv("MIEN_WEBHOOK_ALLOW_PRIVATE", "true")
        made = json.loads(run(tmp_path, *arguments, "--as", "anna", "--json")[1])
        assert made["rule"]["condition"]["threshold"] == 80
        recall = ("alert", "create", "misses", "--metric", "IdentityRecall")
        assert "IdentityRecall ≤ 99.9 in 1440 min" in run(tmp_path, *recall)[1]
        misses = json.loads(run(tmp_path, "alert", "list", "--json")[1])[-1]["id"]
        assert run(tmp_path, "alert", "delete", misses)[0] == 0
        assert len(made["secret"]) == 64
        rule_id = made["rule"]["id"]
        code, output = run(tmp_path, "alert", "list")
        assert code == 0
        assert "QuotaUse ≥ 80" in output
        assert "hush" not in output
        monkeypatch.setenv("MIEN_WEBHOOK_ALLOW_PRIVATE", "false")  # switched off after the rule was made
        code, output = run(tmp_path, "alert", "test", rule_id)
        assert code == 1
        assert "MIEN_WEBHOOK_ALLOW_PRIVATE" in output
        monkeypatch.setenv("MIEN_WEBHOOK_ALLOW_PRIVATE", "true")
        assert run(tmp_path, "alert", "test", rule_id) == (0, "the receiver accepted it\n")
        receiver.shutdown()
    assert json.loads(got[0])["event"] == "test"
    assert "full" in run(tmp_path, "alert", "show", rule_id)[1]
    assert run(tmp_path, "alert", "delete", rule_id)[0] == 0
    assert json.loads(run(tmp_path, "alert", "list", "--json")[1]) == []
    actions = [(entry.actor, entry.action) for entry in services.audit.search(action="alert.*")]
    assert actions[-1] == ("cli:anna", "alert.create")
    assert [action for _, action in actions] == ["alert.delete", "alert.delete", "alert.create", "alert.create"]
    assert {actor.partition(":")[0] for actor, _ in actions} == {"cli"}
    assert all("hush" not in str(entry.details) for entry in services.audit.search())
