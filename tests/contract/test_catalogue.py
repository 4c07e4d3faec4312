"""The catalogue: complete, exact, explained, and what the code refers to."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mien.contract.catalogue import ROWS, row

LIST_USED = """
import importlib, json, pkgutil
from mien.contract import catalogue

used, row = set(), catalogue.row
def noting(row_id):
    used.add(row_id)
    return row(row_id)
catalogue.row = noting

import mien
for module in pkgutil.walk_packages(mien.__path__, "mien."):
    if module.name.startswith(("mien.wire", "mien.doctor", "mien.liveness")):
        importlib.import_module(module.name)
print(json.dumps(sorted(used)))
"""


def test_every_row_is_explained() -> None:
    for entry in ROWS:
        assert entry.explanation.endswith(".")
        assert entry.next_step.endswith(".")
        assert entry.explanation != entry.next_step


def test_ids_and_anchors_are_unique() -> None:
    ids, anchors = [entry.id for entry in ROWS], [entry.anchor for entry in ROWS]
    assert len(ids) == len(set(ids))
    assert len(anchors) == len(set(anchors))


def test_every_row_is_sent_or_marked_as_azures_own() -> None:
    """Importing the modules looks up every id: an unknown one fails there, an unused one here."""
    done = subprocess.run([sys.executable, "-c", LIST_USED], capture_output=True, text=True, check=True)
    used = set(json.loads(done.stdout))
    assert {entry.id for entry in ROWS} - used == {entry.id for entry in ROWS if entry.azure_only}


def test_a_row_with_values() -> None:
    entry = row("person_group.person_not_found")
    assert entry.problem(values=["42"]).message == "Person `42` is not found."
    with pytest.raises(ValueError, match="takes 1 values"):
        entry.problem()


def test_a_row_with_another_calls_values_keeps_the_text_of_the_contract() -> None:
    entry = row("gateway.rate.paid")
    assert "Face - Detect Operation under Face API - v1.0" in entry.recorded
    said = entry.problem(values=["Face - Detect", "v1.0", "S0", "<n> second"]).message
    assert said == entry.recorded


def test_an_unknown_id() -> None:
    with pytest.raises(LookupError, match=r"no row 'detect\.no_such_row'"):
        row("detect.no_such_row")


def test_an_envelope_without_and_with_a_hint() -> None:
    entry = row("common.top_invalid")
    plain = entry.problem().body()
    assert plain == b'{"error":{"code":"BadArgument","message":"\'top\' is invalid."}}'
    taught = entry.problem(hint="Try 10.").body()
    assert taught.startswith(plain[:-2])
    assert b'"details":{"hint":"Try 10.","doc":"/docs/errors#common-400-badargument-top-is-invalid"}' in taught
