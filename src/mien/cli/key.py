"""`mien key`: show and replace the two keys of a resource."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, Yes, confirm, opened_resource, print_facts, print_json

app = typer.Typer(help="Show and replace the keys of a resource.", no_args_is_help=True)

Slot = Annotated[int, typer.Argument(help="Number of the key: 1 or 2.", min=1, max=2)]


@app.command("list")
def list_keys(name: Name, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show both keys of a resource; the audit log records the actor, never the keys."""
    with opened_resource(name, data_dir, as_name) as command:
        keys = command.services.accounts.keys(command.resource.id, actor=command.actor)
        if as_json:
            print_json({"key1": keys.key1, "key2": keys.key2})
        else:
            print_facts([("key1", keys.key1), ("key2", keys.key2)])


@app.command()
def regenerate(
    name: Name, slot: Slot, yes: Yes = False, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Replace one key; the old one is refused immediately, the other stays valid. `mien key list` shows the new one."""
    with opened_resource(name, data_dir, as_name) as command:
        resource = command.resource
        confirm(f"Replace key {slot} of {resource.name!r}? Callers that use it are refused immediately.", yes)
        which: Literal[1, 2] = 1 if slot == 1 else 2
        command.services.accounts.regenerate_key(resource.id, which, actor=command.actor)
        if as_json:
            print_json({"resource": resource.name, "regenerated": f"key{slot}"})
        else:
            typer.echo(f"key {slot} of {resource.name} is replaced: `mien key list {resource.name}` shows it")
