"""Writes docs/commands.md from the command line's own help (`make docs`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mien.cli._main import build, command_names

TARGET = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

HEAD = """# Commands

This page tells you what each command does and takes.

`mien COMMAND --help` says the same on the terminal. Made from the commands' own help by `make docs`.
"""


def render() -> str:
    """Return the page."""
    root = typer.main.get_command(build(command_names()))
    return HEAD + "".join(_section(path, command) for path, command in _leaves("mien", root))


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    for name in children:
        yield from _leaves(f"{path} {name}", children[name])
    if not children and not command.hidden:
        yield path, command


def _section(path: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    usage = " ".join([path, *(f"[{_name(each)}]" if not each.required else _name(each) for each in arguments)])
    rows = [(_name(each), each) for each in arguments]
    rows += [(", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts)), each) for each in options]
    rows = [(name, each) for name, each in rows if name != "`--help`"]
    table = "| argument or option | what it does |\n|---|---|\n" if rows else ""
    lines = "".join(f"| {name} | {_cell(each.help or '')}{_default(each)} |\n" for name, each in rows)
    return f"\n## `{usage}`\n\n{_text(command.help or '')}\n\n{table}{lines}"


def _name(argument: Any) -> str:
    name: str = (argument.metavar or argument.name or "").upper()
    return name + ("…" if argument.nargs != 1 else "")


def _default(parameter: Any) -> str:
    value = parameter.default
    plain = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return f" (default: `{value}`)" if plain and "default" not in (parameter.help or "") else ""


def _text(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines()).replace("\b", "")


def _cell(text: str) -> str:
    for character in "|<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
