"""`mien door`: doors, their rules, and what happened at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import As, AsJson, DataDir, Name, Yes, actor, moment, print_json, print_table
from mien.cli._door_settings import COMMANDS
from mien.cli._doors import DOORS, DoorName, PersonId, Place, local_moment, opened_doors, person_in, person_text
from mien.cli._ids import short, whole_id
from mien.cli._variables import OSDP_KEY

if TYPE_CHECKING:
    from mien.doors.actuators.config import ActuatorConfig

app = typer.Typer(help="Add doors and rules, check them, and read events.", no_args_is_help=True)


@app.command()
def add(
    name: Name,
    door: Annotated[str, typer.Argument(help="Name of the new door.")],
    zone: Annotated[str, typer.Option(help="Time zone of its schedules, such as Europe/Berlin.")] = "UTC",
    osdp: Annotated[str | None, typer.Option(help="Port of the panel, such as /dev/ttyUSB0.")] = None,
    osdp_key: Annotated[
        str | None, typer.Option(envvar=OSDP_KEY, help="Base key of the secure channel: 32 hexadecimal digits.")
    ] = None,
    osdp_address: Annotated[int, typer.Option(help="Address of the reader on the panel's bus.")] = 0,
    osdp_baud: Annotated[int, typer.Option(help="Speed of the panel's port.")] = 9600,
    relay: Annotated[str | None, typer.Option(help="URL of an HTTP relay; {seconds} is replaced.")] = None,
    mqtt: Annotated[str | None, typer.Option(help="Topic of an MQTT command.")] = None,
    anti_passback: Annotated[
        bool, typer.Option("--anti-passback", help="Refuse entry to people who are inside already.")
    ] = False,
    pictures: Annotated[bool, typer.Option("--pictures", help="Keep the best picture of events, encrypted.")] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a door. It opens for nobody until a rule allows it."""
    from mien.doors.types import DoorSpec

    if sum(one is not None for one in (osdp, relay, mqtt)) > 1:
        raise typer.BadParameter("choose one of --osdp, --relay and --mqtt")
    if osdp is not None and osdp_key is None:
        osdp_key = typer.prompt("Base key of the secure channel", hide_input=True)
    with opened_doors(name, data_dir) as (_, doors, owner):
        spec = DoorSpec(time_zone=zone, anti_passback=anti_passback, pictures=pictures)
        how = _actuator(osdp, osdp_key or "", (osdp_address, osdp_baud), relay, mqtt)
        made = doors.doors.create(owner, door, spec, how, actor=actor(as_name))
    if as_json:
        print_json(made)
    else:
        how_told = "has no actuator and opens nothing" if made.actuator == "none" else f"opens by {made.actuator}"
        typer.echo(f"added {made.name}, which {how_told}")


def _actuator(osdp: str | None, key: str, line: tuple[int, int], relay: str | None, mqtt: str | None) -> ActuatorConfig:
    from mien.doors.actuators.config import MqttActuator, NoActuator, OsdpActuator, RelayActuator

    if osdp is not None:
        return OsdpActuator(port=osdp, key=key, address=line[0], baud=line[1])
    if relay is not None:
        return RelayActuator(url=relay)
    return NoActuator() if mqtt is None else MqttActuator(topic=mqtt)


@app.command("list")
def list_doors(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the doors, and which server runs each."""
    with opened_doors(name, data_dir) as (services, doors, owner):
        found = doors.doors.of(owner)
        holders = services.claims.holders("door/")
    if as_json:
        print_json(found)
        return
    print_table(
        ("door", "opens by", "time zone", "runs on"),
        ((one.name, one.actuator, one.spec.time_zone, holders.get(f"door/{one.door_id}", "nobody")) for one in found),
    )


@app.command()
def delete(
    name: Name,
    door: DoorName,
    *,
    yes: Yes = False,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a door; its events stay."""
    DOORS.delete(name, door, yes=yes, as_name=as_name, as_json=as_json, data_dir=data_dir)


@app.command()
def allow(
    name: Name,
    door: DoorName,
    rule: Annotated[str, typer.Argument(help="Name of the new rule.")],
    when: Annotated[str, typer.Option(help="Such as 'Mon-Fri 07:00-19:00, Sat 08:00-12:00', or always.")],
    groups: Annotated[list[str] | None, typer.Option("--group", "-g", help="Everyone in this group.")] = None,
    persons: Annotated[
        list[str] | None, typer.Option("--person", help="personId, or its beginning; repeatable.")
    ] = None,
    visitors: Annotated[bool, typer.Option("--visitors", help="Everyone who is a visitor at the moment.")] = False,
    only: Annotated[str | None, typer.Option(help="entry or exit. (default: both)")] = None,
    badge: Annotated[bool, typer.Option("--badge", help="Require a badge of the same person.")] = False,
    two: Annotated[bool, typer.Option("--two-persons", help="Require two different persons together.")] = False,
    without_liveness: Annotated[
        bool, typer.Option("--without-liveness", help="Do not require a live face: a photo can open the door.")
    ] = False,
    holidays: Annotated[str, typer.Option(help="closed, as_usual or only.")] = "closed",
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a rule: who may pass a door, when, and how."""
    from mien.doors.schedule import parse
    from mien.doors.sentences import sentence
    from mien.doors.types import Direction, Holidays, How, RuleSpec

    if only is not None and only not in set(Direction):
        raise typer.BadParameter(f"{only!r} is not {', '.join(Direction)}", param_hint="--only")
    if holidays not in set(Holidays):
        raise typer.BadParameter(f"{holidays!r} is not {', '.join(Holidays)}", param_hint="--holidays")
    if badge and two:
        raise typer.BadParameter("choose one of --badge and --two-persons")
    with opened_doors(name, data_dir) as (services, doors, owner):
        found = DOORS.named(doors, owner, door)
        spec = RuleSpec(
            name=rule,
            doors=(found.door_id,),
            directions=tuple(Direction) if only is None else (Direction(only),),
            groups=tuple(groups or ()),
            persons=tuple(person_in(services, owner, one) for one in persons or ()),
            visitors=visitors,
            schedule=parse(when),
            holidays=Holidays(holidays),
            how=How.FACE_AND_BADGE if badge else How.TWO_PERSONS if two else How.FACE,
            liveness=not without_liveness,
        )
        made = doors.doors.add_rule(owner, spec, actor=actor(as_name))
    if as_json:
        print_json(made)
    else:
        typer.echo(sentence(spec, {found.door_id: found.name}))


@app.command()
def rules(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the rules in the order in which they are tried."""
    from mien.doors.sentences import sentence

    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.doors.rules(owner)
        names = {one.door_id: one.name for one in doors.doors.of(owner)}
    if as_json:
        print_json(found)
        return
    print_table(
        ("rule", "name", "sentence"),
        ((short(one.rule_id), one.spec.name, sentence(one.spec, names)) for one in found),
    )


@app.command("delete-rule")
def delete_rule(
    name: Name,
    rule_id: Annotated[str, typer.Argument(help="Id of the rule, or its beginning.")],
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a rule."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = whole_id(rule_id, ((one.rule_id, one.spec.name) for one in doors.doors.rules(owner)), "rule")
        doors.doors.delete_rule(owner, found, actor=actor(as_name))
    if as_json:
        print_json({"deleted": found})
    else:
        typer.echo("deleted the rule")


@app.command()
def check(
    name: Name,
    door: DoorName,
    person: Annotated[str, typer.Option(help="KIND/ID/personId, or directory/personId; an id or its beginning.")],
    at: Annotated[str | None, typer.Option(help="Such as 2026-12-24T18:30, local. (default: now)")] = None,
    leaving: Annotated[bool, typer.Option("--exit", help="The person leaves.")] = False,
    badge: Annotated[bool, typer.Option("--badge", help="With a badge of theirs.")] = False,
    second: Annotated[bool, typer.Option("--second", help="With a second person whom the rule allows.")] = False,
    *,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check whether a door would open for a well-recognised person. Exits with 1 if it stays shut."""
    from mien.doors.types import Direction

    place, _, person_id = person.rpartition("/")
    if not place:
        raise typer.BadParameter(
            f"{person!r} does not say where: write KIND/ID/personId, or directory/personId", param_hint="--person"
        )
    with opened_doors(name, data_dir) as (services, doors, owner):
        found = DOORS.named(doors, owner, door)
        moment_ = local_moment(at, found.spec.time_zone, services.clock.now())
        verdict = doors.decisions.check(
            owner,
            found.door_id,
            place,
            person_in(services, owner, person_id, place),
            moment_,
            direction=Direction.EXIT if leaving else Direction.ENTRY,
            badge=badge,
            second=second,
        )
    rule = verdict.rule.spec.name if verdict.rule else None
    reasons = [one.text for one in verdict.failed]
    if as_json:
        print_json({"granted": verdict.granted, "rule": rule, "code": verdict.code.value, "reasons": reasons})
    elif verdict.granted:
        typer.echo(f"{found.name} opens, by the rule {rule}")
    else:
        typer.echo(f"{found.name} stays shut" + (f" (nearest rule: {rule})" if rule else ""))
        for reason in reasons:
            typer.echo(f"  {reason}")
    if not verdict.granted:
        raise typer.Exit(1)


@app.command()
def badge(
    name: Name,
    place: Place,
    person_id: PersonId,
    number: Annotated[str, typer.Argument(help="FACILITY:NUMBER of a 26-bit badge, or NUMBER.")],
    bits: Annotated[int, typer.Option(help="Length of a plain number in bits.")] = 32,
    duress: Annotated[bool, typer.Option("--duress", help="Its use is a silent alarm.")] = False,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Register a badge of a person; panels are told its number, and --badge rules compare it with the face."""
    from mien.doors.roster_types import BadgeNumber

    with opened_doors(name, data_dir) as (services, doors, owner):
        card = BadgeNumber.parse(number, bits)
        whose = person_in(services, owner, person_id, place)
        made = doors.roster.add_badge(owner, place, whose, card, duress=duress, actor=actor(as_name))
    if as_json:
        print_json(made)
    else:
        typer.echo(f"registered a badge of {person_text(made.person)}")


@app.command()
def visitor(
    name: Name,
    place: Place,
    person_id: PersonId,
    until: Annotated[str, typer.Option(help="Such as 2026-12-24T18:30 (UTC without a zone).")],
    host: Annotated[str | None, typer.Option(help="Person whom they visit.")] = None,
    *,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Register a person as a visitor until a given time."""
    with opened_doors(name, data_dir) as (services, doors, owner):
        now = services.clock.now()
        ends_at = local_moment(until, "UTC", now)
        whose = person_in(services, owner, person_id, place)
        made = doors.roster.add_visitor(
            owner, place, whose, starts_at=now, ends_at=ends_at, host=host, actor=actor(as_name)
        )
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{person_text(made.person)} is a visitor until {moment(made.ends_at)}")


@app.command()
def inside(name: Name, *, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the people who are inside."""
    with opened_doors(name, data_dir) as (_, doors, owner):
        found = doors.roster.inside(owner)
    if as_json:
        print_json(found)
        return
    print_table(("area", "person", "since"), ((one.area, person_text(one.person), moment(one.since)) for one in found))


@app.command()
def events(
    name: Name,
    door: Annotated[str | None, typer.Option(help="Of this door only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    export: Annotated[str | None, typer.Option(help="jsonl or csv: print all, oldest first.")] = None,
    *,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List events, or export them."""
    from mien.doors.events import Filter
    from mien.doors.exporting import export as lines

    if export not in {None, "jsonl", "csv"}:
        raise typer.BadParameter(f"{export!r} is not jsonl or csv", param_hint="--export")
    with opened_doors(name, data_dir) as (_, doors, owner):
        wanted = Filter(door_id=None if door is None else DOORS.named(doors, owner, door).door_id)
        if export is not None:
            for line in lines(doors.events.all(owner, wanted), as_csv=export == "csv"):
                typer.echo(line, nl=False)
            return
        found = doors.events.page(owner, wanted, limit=limit)
    if as_json:
        print_json([one.to_json() for one in found])
        return
    print_table(
        ("number", "at", "what", "door", "person", "reason", "actuator"),
        (
            (
                one.number,
                moment(one.at),
                "not opened" if one.stayed_shut else "opened" if one.granted else one.kind.value,
                one.details.get("door"),
                one.person.name if one.person else one.person_id,
                " ".join(one.reasons),
                one.act_note or (one.act.value if one.act else None),
            )
            for one in found
        ),
    )


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
