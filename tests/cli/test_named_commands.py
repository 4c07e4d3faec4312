"""Commands that errors, pages and documentation tell people to run are there to be run."""

from __future__ import annotations

import re

import typer
from tests.shared import REPOSITORY
from typer.main import get_command

from mien.cli._main import build, command_names

# In code font, or in the catalogue's plain sentences; "mien" alone is also the package and the service.
NAMED = re.compile(r"(?:`|with |run )mien ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")


def available() -> set[str]:
    """Commands, and commands with their subcommands."""
    root = get_command(build(command_names()))
    context = typer.Context(root)
    found = set()
    for name in command_names():
        command = root.get_command(context, name)  # type: ignore[attr-defined]  # the root is a group
        found.add(name)
        found.update(f"{name} {inner}" for inner in getattr(command, "commands", {}))
    return found


def test_every_command_that_is_named_exists() -> None:
    commands = available()
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    sources = [path for path in (REPOSITORY / "src").rglob("*") if path.suffix in {".py", ".json", ".toml"}]
    named = {
        (words, path.name) for path in [*pages, *sources] for words in NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    groups = {name.split()[0] for name in commands if " " in name}
    for words, where in sorted(named):
        first = words.split()[0]
        assert first in commands, (words, where)
        if first in groups and " " in words:
            assert words in commands, (words, where)


def test_every_command_can_print_json() -> None:
    root = get_command(build(command_names()))
    context = typer.Context(root)
    without = set()
    for name in command_names():
        command = root.get_command(context, name)  # type: ignore[attr-defined]  # the root is a group
        without.update(_without_json(name, command))
    # A script; a server whose ready file is JSON; the others print nothing but JSON.
    assert without == {"completion", "dossier show", "serve", "subject receipt", "subject receipt-key"}


def _without_json(name: str, command: object) -> set[str]:
    inner = getattr(command, "commands", {})
    if inner:
        return {found for word, one in inner.items() for found in _without_json(f"{name} {word}", one)}
    options = {option for parameter in getattr(command, "params", ()) for option in parameter.opts}
    return set() if "--json" in options else {name}
