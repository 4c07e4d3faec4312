"""Commands of `mien door` that change what exists: settings of a door, badges, visits and holidays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, actor, moment, print_json, print_table
from mien.cli._doors import DOORS, DoorName, opened_doors, person_text
from mien.cli._ids import short, whole_id
from mien.cli._times import checked


def change(
    name: Name,
    door: DoorName,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="SETTING=VALUE, such as holdOffSeconds=10 or antiPassback=true; repeatable."),
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Switch the door on or off.")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings of a door, and print all of them; settings that are not given stay as they are."""
    from mien.doors.codec import dump, load
    from mien.doors.types import DoorSpec

    with opened_doors(name, data_dir) as (_, doors, owner):
        found = DOORS.named(doors, owner, door)
        before: dict[str, Any] = json.loads(dump(found.spec))
        names = {_camel(one): one for one in before}
        wanted: dict[str, Any] = {} if enabled is None else {"enabled": enabled}
        for one in settings or ():
            setting, equals, text = one.partition("=")
            if not equals or setting not in names:
                raise typer.BadParameter(f"{one!r} is not SETTING=VALUE; settings are {', '.join(names)}")
            wanted[names[setting]] = _value(text, before[names[setting]])
        spec = load(DoorSpec, json.dumps(before | wanted))
        if wanted:
            found = doors.doors.change(owner, found.door_id, spec=spec, actor=actor(as_name))
    if as_json:
        print_json(found)
        return
    kept = json.loads(dump(found.spec))
    print_table(("setting", "value"), ((camel, json.dumps(kept[one])) for camel, one in names.items()))


def badges(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the badges, without their numbers."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.roster.badges(owner)
    if as_json:
        print_json(found)
        return
    rows = (
        (
            short(one.badge_id),
            person_text(one.person),
            "yes" if one.duress else "no",
            one.ends_at and moment(one.ends_at),
        )
        for one in found
    )
    print_table(("badge", "person", "silent alarm", "until"), rows)


def delete_badge(
    name: Name,
    badge_id: Annotated[str, typer.Argument(help="Id of the badge, or its beginning.")],
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a badge, for example one that was lost."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        known = ((one.badge_id, person_text(one.person)) for one in doors.roster.badges(owner))
        found = whole_id(badge_id, known, "badge")
        doors.roster.delete_badge(owner, found, actor=actor(as_name))
    if as_json:
        print_json({"deleted": found})
    else:
        typer.echo("deleted the badge")


def visitors(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the visits that are not over."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.roster.visitors(owner)
    if as_json:
        print_json(found)
        return
    rows = (
        (short(one.visitor_id), person_text(one.person), moment(one.starts_at), moment(one.ends_at), one.host)
        for one in found
    )
    print_table(("visit", "person", "from", "until", "host"), rows)


def end_visit(
    name: Name,
    visitor_id: Annotated[str, typer.Argument(help="Id of the visit, or its beginning.")],
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """End a visit now."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        known = ((one.visitor_id, person_text(one.person)) for one in doors.roster.visitors(owner))
        found = whole_id(visitor_id, known, "visit")
        doors.roster.end_visit(owner, found, actor=actor(as_name))
    if as_json:
        print_json({"ended": found})
    else:
        typer.echo("ended the visit")


def holidays(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the holidays."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.doors.holidays(owner)
    if as_json:
        print_json(found)
    else:
        print_table(("day", "name"), ((one.day, one.name) for one in found))


def holiday(
    name: Name,
    day: Annotated[str, typer.Argument(help="Such as 2026-12-24, local at each door.")],
    title: Annotated[str | None, typer.Argument(metavar="name", help="Name of the holiday.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the holiday.")] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add or rename a holiday, or delete it."""
    if (title is None) != delete:
        raise typer.BadParameter("give either a name or --delete")
    local = _day(day)
    with opened_doors(name, data_dir) as (_, doors, owner):
        if title is None:
            doors.doors.delete_holiday(owner, local, actor=actor(as_name))
        else:
            doors.doors.set_holiday(owner, local, title, actor=actor(as_name))
    if as_json:
        print_json({"day": local, "name": title})
        return
    typer.echo(f"{local} is {'no longer a holiday' if title is None else f'a holiday: {title}'}")


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "change": change,
    "badges": badges,
    "delete-badge": delete_badge,
    "visitors": visitors,
    "end-visit": end_visit,
    "holidays": holidays,
    "holiday": holiday,
}
"""The commands by name; `mien.cli.door` adds them."""


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-12-24") from None
    return checked(datetime(day.year, day.month, day.day, tzinfo=UTC)).date()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _value(text: str, before: Any) -> Any:
    """Return a setting's value: text for a text, values separated by commas for a list, JSON for the rest."""
    if isinstance(before, str):
        return text
    if isinstance(before, list):
        return [one.strip() for one in text.split(",") if one.strip()]
    try:
        return json.loads(text)
    except ValueError:
        return text  # refused with the setting's name
