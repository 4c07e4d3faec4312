"""`mien role`: assign roles to the groups, applications, principals and role names of an issuer's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.accounts.roles import ROLE_NAMES
from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    actor,
    fail,
    moment,
    opened,
    print_json,
    print_table,
    resource_id,
)
from mien.cli._ids import short, whole_id

if TYPE_CHECKING:
    from mien.accounts.role_assignments import RoleAssignment

app = typer.Typer(help="Assign roles to people, applications and groups of your token issuer.", no_args_is_help=True)


@app.command()
def assign(
    role: Annotated[str, typer.Argument(help=f"One of: {', '.join(ROLE_NAMES)}.")],
    principal: Annotated[str | None, typer.Option(help="Object id (`oid`) of a person or service principal.")] = None,
    application: Annotated[str | None, typer.Option(help="Client id of an application (`appid` or `azp`).")] = None,
    group: Annotated[str | None, typer.Option(help="A group, as in the tokens: its id or name.")] = None,
    role_name: Annotated[str | None, typer.Option(help="A role name of the issuer, such as an app role.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only for this resource. (default: all)")] = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Assign a role; it takes effect with the next call, on every server."""
    from mien.accounts.role_assignments import Assignee

    given = {
        Assignee.PRINCIPAL: principal,
        Assignee.APPLICATION: application,
        Assignee.GROUP: group,
        Assignee.ROLE: role_name,
    }
    chosen = [(assignee, value) for assignee, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise typer.BadParameter("give exactly one of --principal, --application, --group and --role-name")
    assignee, value = chosen[0]
    with opened(data_dir, create=True) as services:
        owner = resource_id(services, resource)
        made = services.assignments.create(assignee, value, role, resource_id=owner, actor=actor(as_name))
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{_described(made)} has the role {made.role!r}{f' on {made.resource}' if made.resource else ''}")


@app.command("list")
def list_assignments(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List role assignments."""
    with opened(data_dir) as services:
        found = services.assignments.list()
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "to", "value", "role", "resource", "assigned", "by"),
        (
            (
                short(one.id),
                one.assignee,
                one.value,
                one.role,
                one.resource or "all",
                moment(one.created_at),
                one.created_by,
            )
            for one in found
        ),
    )


@app.command()
def remove(
    assignment_id: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Remove a role assignment; the change takes effect with the next call."""
    with opened(data_dir) as services:
        known = ((one.id, f"{one.role} for {_described(one)}") for one in services.assignments.list())
        removed = services.assignments.delete(whole_id(assignment_id, known, "role assignment"), actor=actor(as_name))
        if removed is None:
            fail(f"there is no role assignment {assignment_id}")
    if as_json:
        print_json(removed)
    else:
        typer.echo(f"{_described(removed)} no longer has the role {removed.role!r}")


def _described(one: RoleAssignment) -> str:
    return f"{one.assignee} {one.value}"
