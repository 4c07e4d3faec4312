"""`mien drift`: whether scores and quality have changed, and since when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, actor, opened_by_settings, print_json, print_table

if TYPE_CHECKING:
    from mien.gallery.drift import Drift
    from mien.services import Services

app = typer.Typer(help="Show whether scores and quality have changed, and begin a new baseline.", no_args_is_help=True)


def _drift(services: Services) -> Drift:
    from mien.gallery.drift import Drift

    return Drift(services.database, services.clock, services.audit, services.claims)


@app.command("show")
def show(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Compare the last full week with the baseline, for calls of the API and for each camera."""
    from mien.cli._administration import resource_named

    with opened_by_settings(data_dir) as (_, services):
        found = _drift(services).of(resource_named(services, name).id)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        typer.echo(f"Nothing was counted for {name} yet: Detect, Identify and cameras are counted by day.")
        return
    rows = [[one.source or "API", one.name, "changed" if one.moved else "", one.sentence] for one in found]
    print_table(["source", "series", "state", "finding"], rows)


@app.command("baseline")
def baseline(
    name: Name,
    camera: Annotated[str, typer.Option(help="Name of a camera. (default: calls of the API)")] = "",
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Its first day. (default: today)")
    ] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Start a new baseline after an intended change, such as a new camera or model."""
    from mien.cli._administration import resource_named
    from mien.gallery.drift import DriftError

    with opened_by_settings(data_dir, DriftError) as (_, services):
        owner = resource_named(services, name).id
        day = first.date() if first is not None else None
        begins = _drift(services).set_baseline(owner, camera, day, actor=actor(as_name))
    if as_json:
        print_json({"source": camera or "api", "first": begins.isoformat()})
        return
    typer.echo(f"The baseline of {camera or 'the API'} begins on {begins:%-d %B %Y} and takes four weeks.")
