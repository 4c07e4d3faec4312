"""Packages in the linter's contracts and in the table of docs/architecture.md: neither forgets one that was added."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import mien

ALLOWED: dict[str, set[str]] = {
    "mien.contract": set(),
    "mien.doctor": {"contract"},
    "mien.evaluation": {"matching", "messages", "spreadsheets"},
    "mien.fetching": {"messages"},
    "mien.matching": set(),
    "mien.models": {"folders", "messages", "value_errors"},
    "mien.search": {"matching"},
    "mien.storage": {"clock"},
    "mien.video": {"clock", "contract", "lazy", "matching", "messages", "models", "vision"},
    "mien.vision": {"contract", "lazy", "matching", "messages", "models"},
}
"""What each of these packages may know of ours."""


ROOT = Path(__file__).parents[1]


def contracts(kind: str) -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == kind]


def modules() -> set[str]:
    (folder,) = mien.__path__
    return {found.stem for found in Path(folder).iterdir() if found.suffix in {"", ".py"} and found.name[0] != "_"}


def rows() -> list[list[str]]:
    """The rows of the table in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]


def table() -> list[tuple[list[str], str]]:
    """The modules of each row, and what they must not know."""
    return [(named(row[0]), row[2] if len(row) > 2 else "") for row in rows()]


def named(text: str) -> list[str]:
    return [re.sub(r"/$|\.py$", "", name) for name in re.findall(r"`([^`]+)`", text)]


def test_what_a_package_may_not_know_is_complete() -> None:
    forbidden = {
        source: {name.removeprefix("mien.") for name in one["forbidden_modules"] if name.startswith("mien.")}
        for one in contracts("forbidden")
        for source in one["source_modules"]
        if source in ALLOWED and len(one["source_modules"]) == 1
    }
    ours = modules()
    assert forbidden == {source: ours - allowed - {source.removeprefix("mien.")} for source, allowed in ALLOWED.items()}


def test_the_documented_table_has_every_module_once() -> None:
    assert sorted(name for names, _ in table() for name in names) == sorted(modules())


def test_the_documented_order_is_that_of_the_layers() -> None:
    (layers,) = contracts("layers")
    height = {name: -place for place, names in enumerate(layers["layers"]) for name in re.findall(r"\w+", names)}
    assert set(height) == modules()
    heights = [[height[name] for name in names] for names, _ in table()]
    assert all(min(upper) >= max(lower) for upper, lower in pairwise(heights))


def test_the_documented_exceptions_are_those_of_the_linter() -> None:
    said = {}
    for names, unknown in table():
        if (
            found := re.search("all of Mien(?: except ((?:`[^`]+`(?:, | and )?)+))?", unknown)
        ) and f"mien.{names[0]}" in ALLOWED:
            said[f"mien.{names[0]}"] = set(named(found[1] or ""))
    assert said == {source: ALLOWED[source] for source in ALLOWED if source not in {"mien.video", "mien.vision"}}


def test_the_documented_files_exist() -> None:
    (folder,) = mien.__path__
    missing = [
        (row[0], name)
        for row in rows()
        for name in re.findall(r"`([\w/]+(?:/|\.py))`", row[1])
        for package in named(row[0])[:1]
        if not any((Path(folder) / place / name).exists() for place in (package, "."))
    ]
    assert missing == []
