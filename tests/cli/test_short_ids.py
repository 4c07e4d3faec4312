"""Ids that lists print short can be given back; an ambiguous one names the candidates."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner

from mien.accounts import DEVELOPMENT_TERMS
from mien.cli._ids import name_or_id, short, whole_id
from mien.cli._main import build
from mien.services import open_services
from mien.settings import Settings

runner = CliRunner()
ONE, OTHER = UUID("1234abcd-0000-4000-8000-000000000001"), UUID("1234abff-0000-4000-8000-000000000002")
KNOWN = [(ONE, "errors"), (OTHER, "quota")]


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    result = runner.invoke(build([arguments[0]]), [*arguments, "--data-dir", str(folder)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("text", [str(ONE), str(ONE).upper(), "1234abcd", "1234ABC"])
def test_an_id_or_its_beginning_is_that_id(text: str) -> None:
    assert whole_id(text, KNOWN, "rule") == ONE


def test_a_whole_id_that_is_not_known_is_left_to_the_service() -> None:
    assert whole_id("00000000-0000-4000-8000-000000000009", KNOWN, "rule").int & 15 == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1234ab", "the ids of 2 rules begin with '1234ab'"),
        ("12", "too short"),
        ("9999", "no rule whose id begins"),
        ("", "no rule"),
    ],
)
def test_what_is_no_single_id_is_refused_with_the_candidates(
    text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left:
        whole_id(text, KNOWN, "rule")
    said = capsys.readouterr().err
    assert left.value.exit_code == 1
    assert words in said
    assert said.count("\n") == 1
    if "2 rules" in words:
        assert f"{ONE} (errors), {OTHER} (quota)" in said


def test_a_name_wins_over_the_beginning_of_an_id() -> None:
    assert name_or_id("1234", [(ONE, "1234"), (OTHER, "x")], "camera") == "1234"
    assert name_or_id("1234abff", KNOWN, "camera") == str(OTHER)
    assert name_or_id("front", KNOWN, "camera") == "front"
    with pytest.raises(typer.Exit):
        name_or_id("1234ab", KNOWN, "camera")


def test_lists_print_ids_short_and_commands_take_them_back(tmp_path: Path) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    services.accounts.create("desk", terms=DEVELOPMENT_TERMS)
    services.close()
    given = ("--source", "rtsp://10.0.0.9/x", "--group", "directory", "--json")
    camera = json.loads(run(tmp_path, "camera", "add", "desk", "front", *given)[1])["camera_id"]

    made = json.loads(run(tmp_path, "dossier", "create", "desk", "--out", str(tmp_path / "papers"), "--json")[1])
    assert json.loads(run(tmp_path, "dossier", "show", "desk", short(made["dossier"]))[1])
    assert run(tmp_path, "alert", "create", "errors", "--metric", "ServerErrors", "--above", "1")[0] == 0
    assert run(tmp_path, "admin", "token", "create", "laptop")[0] == 0
    assigned = run(tmp_path, "role", "assign", "Mien.Reader", "--group", "guards")
    assert assigned[0] == 0
    assert run(tmp_path, "retention", "set", "desk", "not-seen", "--days", "30")[0] == 0
    for listed, taking in (
        (("alert", "list"), ("alert", "show", "{}")),
        (("alert", "list"), ("alert", "delete", "{}")),
        (("admin", "token", "list"), ("admin", "token", "revoke", "{}")),
        (("role", "list"), ("role", "remove", "{}")),
        (("retention", "list", "desk"), ("retention", "remove", "desk", "{}")),
        (("dossier", "list", "desk"), ("dossier", "delete", "desk", "{}")),
    ):
        code, shown, _ = run(tmp_path, *listed)
        assert code == 0
        (first,) = {line.split()[0] for line in shown.splitlines()[1:]}
        assert re.fullmatch("[0-9a-f]{8}", first), listed
        code, _, trouble = run(tmp_path, *(part.format(first) for part in taking))
        assert (code, trouble) == (0, ""), taking
    code, _, trouble = run(tmp_path, "camera", "change", "desk", short(camera), "--rate", "2")
    assert (code, trouble) == (0, "")


def test_missing_pdf_files_of_a_dossier_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    services.accounts.create("desk", terms=DEVELOPMENT_TERMS)
    services.close()
    monkeypatch.setitem(sys.modules, "fpdf", None)  # as where the extra is not installed
    code, shown, told = run(tmp_path, "dossier", "create", "desk", "--out", str(tmp_path / "papers"))
    assert (code, "A draft, not legal advice." in shown) == (0, True)
    assert "pip install 'mien[evaluation]'" in told
    assert {path.suffix for path in (tmp_path / "papers").iterdir()} == {".html", ".json"}


def test_actions_of_the_audit_log_are_found_by_their_family(tmp_path: Path) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    for action in ("access.approve", "access.reject", "accessory", "access", "key.list"):
        services.audit.record(actor="a", action=action, resource_id=None)
    found = [[one.action for one in services.audit.search(action=wanted)] for wanted in ("access", "access.a", "acc*")]
    services.close()
    assert found == [
        ["access", "access.reject", "access.approve"],
        [],
        ["access", "accessory", "access.reject", "access.approve"],
    ]
    shown = run(tmp_path, "audit", "list", "--action", "access")[1]
    assert ("access.approve" in shown, "accessory" in shown) == (True, False)
