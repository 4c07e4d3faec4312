"""Cells of CSV files: none is run as a formula, and every file is written with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import mien
from mien.spreadsheets import plain_cell


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_quoted(first: str) -> None:
    assert plain_cell(f"{first}1+1") == f"'{first}1+1"


@pytest.mark.parametrize("text", ["", "Ana", "1+1", "a=b", "'=1"])
def test_other_texts_are_kept(text: str) -> None:
    assert plain_cell(text) == text


def test_every_module_that_writes_csv_uses_them() -> None:
    writing = {
        file.name: text
        for file in Path(mien.__file__).parent.rglob("*.py")
        if "csv.writer(" in (text := file.read_text(encoding="utf-8")) or "csv.DictWriter(" in text
    }
    assert writing
    assert [name for name, text in writing.items() if "plain_cell(" not in text] == []
