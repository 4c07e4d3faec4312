"""`mien kiosk`: pages for a tablet at the reception."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, Yes, actor, moment, print_json, print_table
from mien.cli._doors import DOORS, KIOSKS, opened_doors

if TYPE_CHECKING:
    from mien.doors.kiosks import Kiosk as MadeKiosk

app = typer.Typer(help="Add, list, edit and delete kiosk pages for touchless check-in.", no_args_is_help=True)

KeepDays = Annotated[int, typer.Option(help="Days for which acceptances of the notice are kept.", min=1, max=3650)]
Kiosk = Annotated[str, typer.Argument(help="Name or id of the kiosk, or the beginning of its id.")]


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
    keep_days: KeepDays = 365,
    without_liveness: Annotated[
        bool, typer.Option("--without-liveness", help="Do not require a live face: a photo can be greeted.")
    ] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a kiosk and print the path of its page, which contains its key and is shown only once."""
    from mien.doors.kiosks import KioskSpec

    with opened_doors(name, data_dir) as (_, doors, owner):
        spec = KioskSpec(
            group=group,
            notice=_read(notice),
            greeting=greeting,
            reception=reception,
            liveness=not without_liveness,
            door=None if door is None else DOORS.named(doors, owner, door).door_id,
            acceptance_days=keep_days,
        )
        made, key = doors.kiosks.create(owner, kiosk, spec, actor=actor(as_name))
    _print_path(made, key, as_json=as_json)


def _print_path(kiosk: MadeKiosk, key: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": kiosk.kiosk_id, "name": kiosk.name, "path": f"/kiosk#{key}"})
    else:
        typer.echo(f"open this path of your server on the tablet of {kiosk.name}; it is not shown again:")
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
        ("kiosk", "group", "liveness", "door", "state", "accepted", "created"),
        (
            (
                one.name,
                one.spec.group,
                "yes" if one.spec.liveness else "no",
                names.get(one.spec.door) if one.spec.door else None,
                "on" if one.spec.enabled else "off",
                counts.get(one.kiosk_id, 0),
                moment(one.created_at),
            )
            for one in found
        ),
    )


@app.command()
def edit(
    name: Name,
    kiosk: Kiosk,
    new_name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Group in which people are searched.")] = None,
    notice: Annotated[
        Path | None, typer.Option(help="Text file with the new notice.", exists=True, dir_okay=False, readable=True)
    ] = None,
    greeting: Annotated[
        str | None, typer.Option(help="For people who are recognised; empty for the default text.")
    ] = None,
    reception: Annotated[str | None, typer.Option(help="For everybody else; empty for the default text.")] = None,
    door: Annotated[str | None, typer.Option(help="Door whose rules decide; empty for none.")] = None,
    keep_days: Annotated[
        int | None, typer.Option(help="Days for which acceptances of the notice are kept.", min=1, max=3650)
    ] = None,
    liveness: Annotated[
        bool | None, typer.Option("--liveness/--without-liveness", help="Whether the face must be live.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether the page works.")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change a kiosk; settings that are not given, and the key, do not change. A new notice must be accepted again."""
    from dataclasses import replace

    with opened_doors(name, data_dir) as (_, doors, owner):
        before = KIOSKS.named(doors, owner, kiosk)
        given = {
            "group": group,
            "notice": None if notice is None else _read(notice),
            "greeting": greeting,
            "reception": reception,
            "liveness": liveness,
            "acceptance_days": keep_days,
            "enabled": enabled,
        }
        changed: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
        if door is not None:
            changed["door"] = DOORS.named(doors, owner, door).door_id if door else None
        spec = replace(before.spec, **changed)
        done = doors.kiosks.change(owner, before.kiosk_id, name=new_name, spec=spec, actor=actor(as_name))
    if as_json:
        print_json(done)
    else:
        typer.echo(f"changed {done.name}")


@app.command("renew-key")
def renew_key(
    name: Name,
    kiosk: Kiosk,
    *,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Replace the key of a kiosk, for example if a tablet was lost: the old key stops working immediately."""
    from mien.cli._administration import confirm

    with opened_doors(name, data_dir) as (_, doors, owner):
        found = KIOSKS.named(doors, owner, kiosk)
        confirm(f"Give {found.name} another key? Its page stops working until it is opened with the new one.", yes)
        made, key = doors.kiosks.renew_key(owner, found.kiosk_id, actor=actor(as_name))
    _print_path(made, key, as_json=as_json)


@app.command()
def delete(
    name: Name,
    kiosk: Kiosk,
    *,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a kiosk; its page stops working immediately."""
    KIOSKS.delete(name, kiosk, yes=yes, as_name=as_name, as_json=as_json, data_dir=data_dir)


def _read(notice: Path) -> str:
    try:
        return notice.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise typer.BadParameter("the notice is not a text file in UTF-8", param_hint="--notice") from None
