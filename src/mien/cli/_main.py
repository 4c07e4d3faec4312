"""Puts the commands together; imports only the one that is called."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from mien.cli._memory import without_collector
from mien.folders import NoHomeError

_COMPLETE: Final = "_MIEN_COMPLETE"
"""Set by the scripts of `mien completion` when they ask for completions."""


def command_names() -> list[str]:
    """Return the names of all commands, by their modules."""
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def build(names: Iterable[str]) -> typer.Typer:
    """Return the application with the commands of these names."""
    app = typer.Typer(
        name="mien",
        help="Mien: a self-hosted face service that speaks the Azure AI Face API.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # a traceback must not show keys
    )
    app.callback()(_options)
    for name in names:
        with without_collector():
            module = importlib.import_module(f"mien.cli.{name.replace('-', '_')}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `mien`; exits the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    names = command_names()
    if asked := os.environ.get(_COMPLETE):
        _complete(names, asked)
    called = [name for name in names if given and name == given[0]]
    all_of_them = [] if given == ["--version"] else names
    try:
        build(called or all_of_them)(given, prog_name="mien")
    except NoHomeError as error:
        typer.echo(f"mien: {error}", err=True)
        sys.exit(1)
    except ValueError as error:
        wrong = _wrong_settings(error)
        if not wrong:
            raise
        for line in wrong:
            typer.echo(f"mien: {line}", err=True)
        sys.exit(2)


def _complete(names: Sequence[str], asked: str) -> NoReturn:
    """Answer the shell, which wants to complete what was typed; imports only the command that is being typed."""
    from typer._completion_classes import completion_init

    completion_init()
    typed = os.environ.get("COMP_WORDS" if asked.endswith("bash") else "_TYPER_COMPLETE_ARGS", "").split()
    chosen = [name for name in names if len(typed) > 1 and name == typed[1]]
    build(chosen or names)([], prog_name="mien")
    sys.exit(0)


def _wrong_settings(error: ValueError) -> list[str]:
    """Return a line for each environment variable that cannot be read; none if the error is about anything else."""
    from pydantic import ValidationError  # imported by then if the error is one

    from mien.settings import Settings
    from mien.value_errors import predicate

    if not isinstance(error, ValidationError) or error.title != Settings.__name__:
        return []
    # A default that is made from other settings fails with them, and is not what is wrong.
    wrong = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
    return [f"MIEN_{'_'.join(map(str, one['loc'])).upper()} {predicate(one)}" for one in wrong]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mien {version('mien')}")
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del show_version
