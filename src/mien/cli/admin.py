"""`mien admin`: who may use the control plane."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    actor,
    fail,
    moment,
    opened,
    plain,
    print_json,
    print_table,
    resource_id,
)
from mien.cli._ids import short, whole_id
from mien.management import Role

if TYPE_CHECKING:
    from mien.management import AdminToken, AdminTokens
    from mien.services import Services

app = typer.Typer(help="Manage access to the control plane.", no_args_is_help=True)
_tokens = typer.Typer(help="Create, list and revoke admin tokens.", no_args_is_help=True)
app.add_typer(_tokens, name="token")


@app.callback()
def _group() -> None:
    """Manage access to the control plane."""


@_tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Owner or purpose of the token.")],
    role: Annotated[Role, typer.Option(help="Role of the token.")] = Role.OWNER,
    resource: Annotated[str | None, typer.Option(help="Only for this resource. (default: the whole server)")] = None,
    days: Annotated[int | None, typer.Option(help="Lifetime of the token. (default: 90)", min=1, max=3650)] = None,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="Create a token that never expires.")] = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create an admin token and print it; it is not stored and cannot be shown again."""
    from mien.management import TokenError
    from mien.management.tokens import LIFE

    if no_expiry and days is not None:
        raise typer.BadParameter("give either --days or --no-expiry")
    life = None if no_expiry else timedelta(days=days) if days else LIFE
    with opened(data_dir, create=True) as services:
        who, place = actor(as_name), resource_id(services, resource)
        try:
            made = _of(services).create(name, role, created_by=who, life=life, resource=place)
        except TokenError as error:
            fail(str(error))
        _record(services, who, "create", made.token)
    if as_json:
        print_json(plain(made.token) | {"token": made.secret})
    else:
        typer.echo(made.secret)


@_tokens.command("list")
def list_tokens(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List admin tokens, without the tokens themselves."""
    with opened(data_dir) as services:
        found = _of(services).list()
        now = services.clock.now()
        known = [*services.accounts.resources(), *services.accounts.deleted()]
        names = {one.id: one.name for one in known}
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "name", "role", "resource", "created", "by", "until", "state"),
        (
            (
                short(one.id),
                one.name,
                one.role.value,
                names.get(one.resource, str(one.resource)) if one.resource else "all",
                moment(one.created_at),
                one.created_by,
                moment(one.expires_at) if one.expires_at else "no expiry",
                "revoked" if one.revoked_at else "good" if one.valid(now) else "expired",
            )
            for one in found
        ),
    )


@_tokens.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Revoke an admin token on every running server."""
    from mien.management import TokenError

    with opened(data_dir) as services:
        try:
            tokens = _of(services)
            known = ((one.id, one.name) for one in tokens.list())
            token = tokens.revoke(whole_id(token_id, known, "token"))
        except TokenError as error:
            fail(str(error))
        _record(services, actor(as_name), "revoke", token)
    if as_json:
        print_json({"token": token.id, "name": token.name, "revoked": True})
    else:
        typer.echo(f"the token {token.name!r} is revoked")


def _of(services: Services) -> AdminTokens:
    from mien.management import AdminTokens

    return AdminTokens(services.database, services.vault, services.clock)


def _record(services: Services, who: str, verb: str, token: AdminToken) -> None:
    details = {
        "token_id": str(token.id),
        "name": token.name,
        "role": token.role.value,
        "expires": token.expires_at is not None,
    }
    services.audit.record(actor=who, action=f"admin.token.{verb}", resource_id=token.resource, details=details)
