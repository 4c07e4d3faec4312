"""`mien admin`: who may use the control plane."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.management import Role

if TYPE_CHECKING:
    from mien.management import AdminToken, AdminTokens
    from mien.services import Services

app = typer.Typer(help="Say who may use the control plane.", no_args_is_help=True)
_tokens = typer.Typer(help="Tokens that open the control plane.", no_args_is_help=True)
app.add_typer(_tokens, name="token")

DataDir = Annotated[Path | None, typer.Option(help="Where the database and the master key are. [MIEN_DATA_DIR]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _group() -> None:
    """Say who may use the control plane."""


@_tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose token it is, or what for.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.ADMIN,
    days: Annotated[int | None, typer.Option(help="How long it is good for. (default: for ever)", min=1)] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make an admin token and print it; it is not stored and cannot be shown again."""
    with _opened(data_dir) as (services, tokens):
        actor = _actor()
        made = tokens.create(name, role, created_by=actor, life=timedelta(days=days) if days else None)
        _record(services, actor, "create", made.token)
    if as_json:
        typer.echo(json.dumps(_fields(made.token) | {"token": made.secret}, indent=2))
    else:
        typer.echo(made.secret)


@_tokens.command("list")
def list_tokens(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List admin tokens, without the tokens themselves."""
    from rich.console import Console
    from rich.table import Table

    with _opened(data_dir) as (services, tokens):
        found = tokens.list()
        now = services.clock.now()
    if as_json:
        typer.echo(json.dumps([_fields(token) for token in found], indent=2))
        return
    table = Table("id", "name", "role", "made", "by", "state", box=None)
    for token in found:
        state = "revoked" if token.revoked_at else "good" if token.valid(now) else "expired"
        table.add_row(str(token.id), token.name, token.role, f"{token.created_at:%Y-%m-%d}", token.created_by, state)
    Console().print(table)


@_tokens.command("revoke")
def revoke(token_id: Annotated[UUID, typer.Argument(help="Its id.")], data_dir: DataDir = None) -> None:
    """Refuse an admin token from now on, on every running server."""
    with _opened(data_dir) as (services, tokens):
        token = tokens.revoke(token_id)
        _record(services, _actor(), "revoke", token)
    typer.echo(f"the token {token.name!r} is revoked")


def _actor() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user may have no name
        return "cli"


def _record(services: Services, actor: str, verb: str, token: AdminToken) -> None:

    details = {"token_id": str(token.id), "name": token.name, "role": token.role.value}
    services.audit.record(actor=actor, action=f"admin.token.{verb}", resource_id=None, details=details)


def _fields(token: AdminToken) -> dict[str, object]:
    return {name: value if value is None else str(value) for name, value in asdict(token).items()}


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[tuple[Services, AdminTokens]]:
    """Open what the commands work on; what goes wrong on purpose becomes one sentence and exit code 1."""
    from mien.logs import configure_logs
    from mien.management import AdminTokens, TokenError
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import MasterKeyError
    from mien.storage.migrations import MigrationError

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    configure_logs(settings.log_level, settings.log_format)
    services = None
    try:
        services = open_services(settings)
        yield services, AdminTokens(services.database, services.vault, services.clock)
    except (TokenError, MasterKeyError, MigrationError, OSError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        if services is not None:
            services.close()
