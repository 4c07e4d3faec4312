"""`mien completion`: what bash, zsh and fish need to complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print the script that makes a shell complete commands and options with the Tab key.

    Load it at each start of the shell: for bash, put `eval "$(mien completion bash)"` into ~/.bashrc; for zsh, put
    `eval "$(mien completion zsh)"` into ~/.zshrc after compinit; for fish, write it to
    ~/.config/fish/completions/mien.fish.
    """
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="mien", complete_var="_MIEN_COMPLETE", shell=shell.value))
