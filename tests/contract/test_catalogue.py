"""The catalogue: complete, exact, explained, and what the code refers to."""

from __future__ import annotations

import pytest

from mien.contract.catalogue import ROWS, error, row


def test_every_row_is_explained() -> None:
    for entry in ROWS:
        assert entry.explanation.endswith(".")
        assert entry.next_step.endswith(".")
        assert entry.explanation != entry.next_step


def test_anchors_are_unique() -> None:
    anchors = [entry.anchor for entry in ROWS]
    assert len(anchors) == len(set(anchors))


def test_a_row_with_values() -> None:
    entry = row("person_group", "PersonNotFound", "Person `<personId>` is not found.")
    assert entry.problem(values=["42"]).message == "Person `42` is not found."
    with pytest.raises(ValueError, match="takes 1 values"):
        entry.problem()


def test_a_row_that_is_not_there() -> None:
    with pytest.raises(LookupError):
        row("detect", "BadArgument", "No such message.")
    with pytest.raises(LookupError):
        error("BadArgument", "No such message.")


def test_the_status_decides_between_families() -> None:
    with pytest.raises(LookupError):
        error("PersonNotFound", "Person is not found.")
    assert error("PersonNotFound", "Person is not found.", status=400).status == 400


def test_an_envelope_without_and_with_a_hint() -> None:
    plain = error("BadArgument", "'top' is invalid.")
    assert plain.body() == b'{"error":{"code":"BadArgument","message":"\'top\' is invalid."}}'
    taught = error("BadArgument", "'top' is invalid.", hint="Try 10.").body()
    assert taught.startswith(plain.body()[:-2])
    assert b'"details":{"hint":"Try 10.","doc":"/docs/errors#common-400-badargument-top-is-invalid"}' in taught
