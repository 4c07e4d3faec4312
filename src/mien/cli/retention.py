"""`mien retention`: which data is deleted automatically, and after how many days."""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, Name, actor, moment, print_facts, print_json, print_table
from mien.cli._gallery import DataDir
from mien.cli._ids import short, whole_id
from mien.cli._subjects import Where, opened_for, place_ref

app = typer.Typer(help="Set, list, remove and apply retention rules.", no_args_is_help=True)

_WHAT = {
    "faces-created": "facesCreated",
    "persons-created": "personsCreated",
    "not-seen": "notSeen",
    "consent-over": "consentOver",
    "consent-missing": "consentMissing",
}


@app.command("set")
def set_rule(
    name: Name,
    what: Annotated[str, typer.Argument(help=f"Data to delete: {', '.join(_WHAT)}.")],
    days: Annotated[int, typer.Option(help="Number of days.", min=0)],
    collection: Where = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Set a rule for a collection or a whole resource; running servers apply it within an hour."""
    from mien.subjects import What

    if what not in _WHAT:
        raise typer.BadParameter(f"{what!r} is not one of {', '.join(_WHAT)}", param_hint="WHAT")
    with opened_for(name, data_dir) as (_, subjects, owner):
        ref = None if collection is None else place_ref(owner, collection)
        rule = subjects.rules.set(owner, What(_WHAT[what]), days, ref, actor=actor(as_name))
    if as_json:
        print_json(rule)
        return
    print_facts([("rule", rule.rule_id), ("deletes", what), ("in", rule.collection or "all"), ("after days", days)])


@app.command("list")
def list_rules(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the rules of a resource."""
    with opened_for(name, data_dir) as (_, subjects, owner):
        found = subjects.rules.all(owner)
    if as_json:
        print_json(found)
        return
    rows = (
        (short(one.rule_id), _said(one.what), one.collection or "all", one.days, one.created_by, moment(one.created_at))
        for one in found
    )
    print_table(("rule", "deletes", "in", "after days", "set by", "when"), rows)


@app.command()
def remove(
    name: Name,
    rule_id: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Remove a rule."""
    with opened_for(name, data_dir) as (_, subjects, owner):
        known = ((one.rule_id, f"{_said(one.what)} after {one.days} days") for one in subjects.rules.all(owner))
        found = whole_id(rule_id, known, "rule")
        subjects.rules.remove(owner, found, actor=actor(as_name))
    if as_json:
        print_json({"removed": found})


@app.command()
def run(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Apply the rules of a resource now."""
    with opened_for(name, data_dir) as (_, subjects, owner):
        found = subjects.rules.run(owner, dry=dry_run, actor=actor(as_name))
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("There is nothing to delete.")
        return
    rows = ((_said(one.what), one.collection, one.persons, one.faces, one.skipped) for one in found)
    print_table(("rule", "in", "persons", "faces", "skipped because"), rows)


def _said(what: str) -> str:
    return next(said for said, value in _WHAT.items() if value == what)
