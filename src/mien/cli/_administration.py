"""Shared parts of the administrative commands: opening the database, who acts, tables, JSON, confirmation."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer

from mien.cli._printable import printable

if TYPE_CHECKING:
    from mien.accounts import Resource
    from mien.services import Services
    from mien.settings import Settings

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the master key. [MIEN_DATA_DIR]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[
    str | None, typer.Option("--as", help="Name of the actor in the audit log. (default: the system's user)")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Name = Annotated[str, typer.Argument(help="Name of the resource.")]


@contextmanager
def opened(data_dir: Path | None, *, create: bool = False) -> Iterator[Services]:
    """Open the database; an expected error becomes one sentence and exit code 1.

    Args:
        data_dir: the data folder; from the settings when None.
        create: make a database and a master key if there are none. Only commands that a new installation begins with do
            so: any other would answer from an empty database when a folder's name is misspelt.
    """
    with opened_by_settings(data_dir, create=create) as (_, services):
        yield services


@contextmanager
def opened_by_settings(
    data_dir: Path | None, *foreseen: type[Exception], create: bool = False
) -> Iterator[tuple[Settings, Services]]:
    """Open the database for what needs more of the settings.

    Args:
        data_dir: the data folder; from the settings when None.
        foreseen: further expected errors.
        create: make what is not there; see `opened`.
    """
    from sqlalchemy.exc import OperationalError

    from mien.accounts import AccountError
    from mien.logs import configure_logs
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import MasterKeyError
    from mien.storage.migrations import MigrationError

    known: tuple[type[Exception], ...] = (AccountError, MasterKeyError, MigrationError, OSError, *foreseen)
    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    configure_logs("warning", settings.log_format)
    if not create and settings.database_url is None and not (settings.data_dir / "mien.db").exists():
        fail(
            f"there is no data of Mien in {settings.data_dir}: name the folder with --data-dir or MIEN_DATA_DIR, or "
            "begin there with `mien resource create NAME` or `mien serve`"
        )
    services = None
    try:
        services = open_services(settings)
        yield settings, services
    except OperationalError as error:
        fail(f"the database does not answer: {error.orig}")
    except known as error:
        fail(str(error))
    finally:
        if services is not None:
            services.close()


def fail(message: str) -> NoReturn:
    """Print an error and exit with code 1."""
    typer.echo(f"mien: {message}", err=True)
    raise typer.Exit(1) from None


def person(given: str | None) -> str:
    """Return who acts: the name given, else the system's user."""
    if given and given.strip():
        return given.strip()
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def actor(given: str | None) -> str:
    """Return who acts as the audit log has it."""
    return f"cli:{person(given)}"


def resource_named(services: Services, name: str, *, deleted: bool = False) -> Resource:
    """Return the resource of that name.

    Raises:
        ResourceNotFoundError: there is none; the message says so when it is only deleted.
    """
    from mien.accounts.errors import NotDeletedError, ResourceNotFoundError, SoftDeletedError

    found = services.accounts.named(name, deleted=deleted)
    if found is not None:
        return found
    if services.accounts.named(name, deleted=not deleted):
        raise NotDeletedError(name) if deleted else SoftDeletedError(name)
    raise ResourceNotFoundError(name)


@dataclass(frozen=True, slots=True)
class ResourceCommand:
    """The objects that a command on one resource works with.

    Attributes:
        services: the services.
        resource: the resource.
        actor: name of the actor in the audit log.
    """

    services: Services
    resource: Resource
    actor: str


@contextmanager
def opened_resource(
    name: str, data_dir: Path | None, as_name: str | None = None, *, deleted: bool = False
) -> Iterator[ResourceCommand]:
    """Open the database for a command on one resource.

    Args:
        name: the resource's name.
        data_dir: the data folder; from the settings when None.
        as_name: name of the actor; the system's user when None.
        deleted: whether a deleted resource is meant.
    """
    with opened(data_dir) as services:
        yield ResourceCommand(services, resource_named(services, name, deleted=deleted), actor(as_name))


def resource_id(services: Services, name: str | None) -> UUID | None:
    """Return the id of the resource of that name; None for all resources.

    Raises:
        ResourceNotFoundError: there is none of that name.
    """
    return None if name is None else resource_named(services, name).id


def confirm(question: str, yes: bool) -> None:
    """Ask for confirmation of an irreversible action; exit with code 1 on no, or without a terminal.

    Raises:
        typer.Abort: the answer is no.
    """
    if not yes:
        typer.confirm(question, abort=True)


def plain(value: object) -> Any:
    """Return a dataclass, an enum, a moment, an id as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain(one) for one in value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def print_json(value: object) -> None:
    """Print as JSON."""
    typer.echo(json.dumps(plain(value), indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their columns; plain lines, never cut off, when the output is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[_cell(value) for value in row] for row in rows]
    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(len(line[column]) for line in [columns, *cells]) for column in range(len(columns))]
        for line in [columns, *cells]:
            typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        return
    table = Table(*columns, box=None, header_style="bold")
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    console.print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, a line each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [(name, _cell(value, lines=True)) for name, value in facts]
    console = Console(highlight=False)
    if not console.is_terminal:
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            typer.echo(f"{name:<{width}}  {text}")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))
    console.print(table)


def _cell(value: object, *, lines: bool = False) -> str:
    return "–" if value is None or value == "" else printable(str(value), lines=lines)


def moment(at: datetime | None) -> str | None:
    """Return a moment for people."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
