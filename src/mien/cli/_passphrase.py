"""How a backup's passphrase is given: asked for, or in a file; never on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import fail

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line is the passphrase. (default: asked for)", exists=True, dir_okay=False),
]


def read_passphrase(file: Path | None, *, confirm: bool) -> str:
    """Return the passphrase from the file, or from whoever sits at the terminal.

    Args:
        file: its first line counts.
        confirm: ask twice.
    """
    if file is not None:
        lines = file.read_text("utf-8").splitlines()
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        fail("a passphrase is needed: name its file with --passphrase-file")
    answer: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return answer
