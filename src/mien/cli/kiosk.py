"""`mien kiosk`: pages for a tablet at the reception."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, Yes, actor, moment, print_json, print_table
from mien.cli._doors import door_named, kiosk_named, opened_doors

app = typer.Typer(help="Add, list and delete kiosk pages for touchless check-in.", no_args_is_help=True)


@app.command()
def add(
    name: Name,
    kiosk: Annotated[str, typer.Argument(help="Name of the new kiosk.")],
    group: Annotated[str, typer.Option("--group", "-g", help="personGroup/ID, largePersonGroup/ID, … or directory.")],
    notice: Annotated[
        Path, typer.Option(help="Text file with your consent notice.", exists=True, dir_okay=False, readable=True)
    ],
    greeting: Annotated[str, typer.Option(help="For people who are recognised; {name} is replaced.")] = "",
    reception: Annotated[str, typer.Option(help="For everybody else.")] = "",
    door: Annotated[str | None, typer.Option(help="Door whose rules decide.")] = None,
    without_liveness: Annotated[
        bool, typer.Option("--without-liveness", help="Do not ask whether the face is live: a photo may be greeted.")
    ] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a kiosk and print the path of its page, which contains its key and is shown this once."""
    from mien.doors.kiosks import KioskSpec

    with opened_doors(name, data_dir) as (_, doors, owner):
        spec = KioskSpec(
            group=group,
            notice=notice.read_text(encoding="utf-8").strip(),
            greeting=greeting,
            reception=reception,
            liveness=not without_liveness,
            door=None if door is None else door_named(doors, owner, door).door_id,
        )
        made, key = doors.kiosks.create(owner, kiosk, spec, actor=actor(as_name))
    if as_json:
        print_json({"id": made.kiosk_id, "name": made.name, "path": f"/kiosk#{key}"})
    else:
        typer.echo(f"added {made.name}; open this path of your server on the tablet, it is not shown again:")
        typer.echo(f"/kiosk#{key}")


@app.command("list")
def list_kiosks(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the kiosks, and how often each one's notice was accepted."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.kiosks.of(owner)
        counts = doors.kiosks.acceptances(owner)
        names = {one.door_id: one.name for one in doors.doors.of(owner)}
    if as_json:
        print_json(found)
        return
    print_table(
        ("kiosk", "group", "liveness", "door", "accepted", "created"),
        (
            (
                one.name,
                one.spec.group,
                "yes" if one.spec.liveness else "no",
                names.get(one.spec.door) if one.spec.door else None,
                counts.get(one.kiosk_id, 0),
                moment(one.created_at),
            )
            for one in found
        ),
    )


@app.command()
def delete(
    name: Name,
    kiosk: Annotated[str, typer.Argument(help="Name or id of the kiosk, or the beginning of its id.")],
    *,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a kiosk; its page stops working at once."""
    from mien.cli._administration import confirm

    with opened_doors(name, data_dir) as (_, doors, owner):
        found = kiosk_named(doors, owner, kiosk)
        confirm(f"Delete the kiosk {found.name}?", yes)
        doors.kiosks.delete(owner, found.kiosk_id, actor=actor(as_name))
    if as_json:
        print_json({"deleted": found.kiosk_id})
    else:
        typer.echo(f"deleted {found.name}")
