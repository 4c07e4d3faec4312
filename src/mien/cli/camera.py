"""`mien camera`: the cameras of a resource."""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, Yes, actor, moment, print_json, print_table
from mien.cli._doors import CAMERAS, DOORS, opened_doors
from mien.cli._variables import SOURCE

app = typer.Typer(help="Add, list, change and delete cameras.", no_args_is_help=True)

Camera = Annotated[str, typer.Argument(help="Name or id of the camera, or the beginning of its id.")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", "-g", help="personGroup/ID, largePersonGroup/ID, dynamicGroup/ID or directory."),
]
Source = Annotated[
    str,
    typer.Option(
        envvar=SOURCE,
        help="rtsp://…, http://… (Motion JPEG), /dev/videoN, or file:PATH. Passwords are safer in MIEN_SOURCE.",
    ),
]


@app.command()
def add(
    name: Name,
    camera: Annotated[str, typer.Argument(help="Name of the new camera.")],
    source: Source,
    groups: Groups = None,
    door: Annotated[str | None, typer.Option(help="Door that it watches.")] = None,
    leaving: Annotated[bool, typer.Option("--exit", help="The camera sees people who leave by the door.")] = False,
    rate: Annotated[float, typer.Option(help="Analysed frames a second.")] = 5.0,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a camera. Its address is stored encrypted and never shown again."""
    from mien.doors.types import CameraSpec, Direction

    with opened_doors(name, data_dir) as (_, doors, owner):
        spec = CameraSpec(
            groups=tuple(groups or ()),
            rate=rate,
            door=None if door is None else DOORS.named(doors, owner, door).door_id,
            direction=Direction.EXIT if leaving else Direction.ENTRY,
        )
        made = doors.cameras.create(owner, camera, source, spec, actor=actor(as_name))
    if as_json:
        print_json(made)
    else:
        typer.echo(f"added {made.name} at {made.host}")


@app.command("list")
def list_cameras(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the cameras, and which server runs each."""
    with opened_doors(name, data_dir) as (services, doors, owner):
        found = doors.cameras.of(owner)
        names = {one.door_id: one.name for one in doors.doors.of(owner)}
        holders = services.claims.holders("door/") | services.claims.holders("camera/")
        approved = doors.approved(owner)
    if as_json:
        print_json(found)
        return
    print_table(
        ("camera", "address", "groups", "door", "way", "runs on"),
        (
            (
                one.name,
                one.host,
                ", ".join(one.spec.groups),
                names.get(one.spec.door) if one.spec.door else None,
                one.spec.direction.value if one.spec.door else None,
                holders.get(f"door/{one.spec.door}" if one.spec.door else f"camera/{one.camera_id}", "nobody")
                if one.spec.enabled
                else "off",
            )
            for one in found
        ),
    )
    if not approved:
        typer.echo(f"{name} is not approved for VideoIdentification: no camera runs (mien access request)", err=True)


@app.command()
def change(
    name: Name,
    camera: Camera,
    source: Annotated[str | None, typer.Option(envvar=SOURCE, help="New address.")] = None,
    groups: Groups = None,
    door: Annotated[str | None, typer.Option(help="Door that it watches; empty for none.")] = None,
    leaving: Annotated[
        bool | None, typer.Option("--exit/--entry", help="The camera sees people who leave, or who enter, by the door.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Analysed frames a second.")] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether it runs.")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change a camera; settings that are not given stay as they are."""
    from dataclasses import replace

    from mien.doors.types import Direction

    with opened_doors(name, data_dir) as (_, doors, owner):
        before = CAMERAS.named(doors, owner, camera)
        spec = before.spec
        if groups:
            spec = replace(spec, groups=tuple(groups))
        if door is not None:
            spec = replace(spec, door=DOORS.named(doors, owner, door).door_id if door else None)
        if leaving is not None:
            spec = replace(spec, direction=Direction.EXIT if leaving else Direction.ENTRY)
        if rate is not None:
            spec = replace(spec, rate=rate)
        if enabled is not None:
            spec = replace(spec, enabled=enabled)
        done = doors.cameras.change(owner, before.camera_id, source=source, spec=spec, actor=actor(as_name))
    if as_json:
        print_json(done)
    else:
        typer.echo(f"changed {done.name} at {moment(done.changed_at)}")


@app.command()
def delete(
    name: Name,
    camera: Camera,
    *,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a camera; its events stay."""
    CAMERAS.delete(name, camera, yes=yes, as_name=as_name, as_json=as_json, data_dir=data_dir)
