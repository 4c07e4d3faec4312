"""The doors of a resource: actuators, rules as sentences, and a test of the rules."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from mien.accounts import Feature
from mien.doors.actuators.config import NoActuator
from mien.doors.checks import zone_of
from mien.doors.rules import AccessDecision
from mien.doors.schedule import parse
from mien.doors.sentences import sentence
from mien.doors.service import DoorServices
from mien.doors.types import Direction, Door, DoorSpec, Holidays, How, Rule, RuleSpec
from mien.management.roles import Permission
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.door_reasons import reason
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.actuators import ActuatorFields
from mien.portal.pages.choosing import group_field, person_field, person_of, typed_moment, zone_field
from mien.portal.texts import mark, said, t, tn, translated
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, badge, banner, button, empty, hint, section, table, typed

_HOW: Final = {
    How.FACE.value: mark("Face alone"),
    How.FACE_AND_BADGE.value: mark("Face and the person's badge"),
    How.TWO_PERSONS.value: mark("Two persons together"),
}
_WAYS: Final = {
    "": mark("enter and leave"),
    Direction.ENTRY.value: mark("enter only"),
    Direction.EXIT.value: mark("leave only"),
}
_HOLIDAYS: Final = {
    Holidays.CLOSED.value: mark("Closed on holidays"),
    Holidays.AS_USUAL.value: mark("Holidays as usual"),
    Holidays.ONLY.value: mark("Holidays only"),
}


def services(visitor: Visitor) -> DoorServices:
    """Return the services of cameras and doors."""
    doors = visitor.parts.doors
    assert doors is not None
    return doors


async def render(visitor: Visitor) -> None:
    """Render the page."""
    if Feature.VIDEO_IDENTIFICATION not in visitor.resource.features:
        banner(
            "warn",
            t("{resource} is not approved for video identification", resource=visitor.resource.name),
            t("Doors can be configured; none opens before the resource is approved."),
            (t("Request access"), visitor.link("/access")),
        )
    state, owner = services(visitor), visitor.resource.id
    doors = await visitor.ask(lambda: state.doors.of(owner))
    rules = await visitor.ask(lambda: state.doors.rules(owner))
    people = visitor.parts.gallery.people
    persons = await visitor.ask(lambda: people.named(owner, (who for one in rules for who in one.spec.persons)))
    with section(t("Doors"), t("A door opens for nobody until a rule allows it.")):
        if not doors:
            empty("door_front", t("No doors yet"), t("Add a door below, then a rule."))
        else:
            rows = [_door_row(visitor, door) for door in doors]
            table(t("Doors"), [t("Name"), t("Opens by"), t("Time zone"), t("Pictures"), t("State"), ""], rows)
    if doors:
        with section(t("Rules"), t("They are tried in this order; the first that allows opens the door.")):
            _rules(visitor, doors, rules, persons)
        with section(
            t("What would happen if …"), t("A check for a well-recognised person; nothing is opened or recorded.")
        ):
            _check(visitor, doors)
        with section(t("Add a rule")):
            _rule_form(visitor, doors)
    with section(t("Add a door"), t("Keys and addresses are stored encrypted and are never shown again.")):
        _door_form(visitor)


def _door_row(visitor: Visitor, door: Door) -> list[Cell]:
    state = partial(badge, t("on"), "good") if door.spec.enabled else partial(badge, t("off"), "")
    pictures = tn("kept {count} day", "kept {count} days", door.spec.picture_days) if door.spec.pictures else t("off")
    may = visitor.may(Permission.MANAGE)
    remove = partial(button, t("Delete"), partial(ask_delete_door, visitor, door), "quiet", may=may)
    return [
        partial(Tag, "a", door.name, href=visitor.link(f"{PATH}/{door.door_id}")),
        t("none") if door.actuator == "none" else door.actuator,
        door.spec.time_zone,
        pictures,
        state,
        remove,
    ]


def _rules(visitor: Visitor, doors: list[Door], rules: list[Rule], persons: dict[UUID, str]) -> None:
    if not rules:
        empty("rule", t("No rules yet"), t("Every door stays shut."))
        return
    names = {door.door_id: door.name for door in doors}
    may = visitor.may(Permission.MANAGE)
    table(
        t("Rules"),
        [t("Name"), t("What it says"), ""],
        [
            [
                one.spec.name,
                said(sentence(one.spec, names, persons)),
                partial(button, t("Delete"), partial(_ask_delete_rule, visitor, one), "quiet", may=may),
            ]
            for one in rules
        ],
    )


def _check(visitor: Visitor, doors: list[Door]) -> None:
    with Tag("div", classes="two"):
        door = ui.select({str(one.door_id): one.name for one in doors}, value=str(doors[0].door_id), label=t("Door"))
        door.props("outlined")
        who = person_field(visitor, t("Person"))
        at = ui.input(t("Time")).props(
            hint(t("Such as 2026-12-24T18:30 in the door's time zone; empty for now"), "outlined")
        )
        way = ui.select({"entry": t("Enters"), "exit": t("Leaves")}, value="entry", label=t("Direction")).props(
            "outlined"
        )
    with_badge = ui.checkbox(t("With a badge of theirs"))
    second = ui.checkbox(t("With a second person whom the rule allows"))
    answer = Tag("div", role="status")

    def ask() -> tuple[Door, AccessDecision]:
        chosen = next(one for one in doors if str(one.door_id) == door.value)
        place, person = person_of(who.only)
        zone, time = zone_of(chosen.spec.time_zone), typed(at)
        verdict = services(visitor).decisions.check(
            visitor.resource.id,
            chosen.door_id,
            place,
            person,
            typed_moment(time, zone) if time else visitor.parts.clock.now(),
            direction=Direction(str(way.value)),
            badge=bool(with_badge.value),
            second=bool(second.value),
        )
        return chosen, verdict

    async def show() -> None:
        found = await visitor.act(Permission.MANAGE, ask)
        answer.clear()
        if found is None:
            return
        chosen, verdict = found
        with answer:
            name = verdict.rule.spec.name if verdict.rule else None
            if verdict.granted:
                banner("good", t("{door} opens", door=chosen.name), t("Rule: {name}.", name=name))
            else:
                reasons = [reason(one.code, one.have, one.wanted) for one in verdict.failed]
                nearest = [t("Nearest rule: {name}.", name=name)] if name else []
                banner("bad", t("{door} stays shut", door=chosen.name), " ".join((*reasons, *nearest)))

    with Tag("div"):
        button(t("Check"), show, "primary", may=visitor.may(Permission.MANAGE))


def _rule_form(visitor: Visitor, doors: list[Door]) -> None:
    with Tag("div", classes="two"):
        name = ui.input(t("Rule name")).props("outlined maxlength=64")
        places = {str(one.door_id): one.name for one in doors}
        where = ui.select(places, multiple=True, label=t("Doors"), value=[]).props("outlined use-chips")
        way = ui.select(translated(_WAYS), value="", label=t("They may")).props("outlined")
        groups = group_field(visitor, t("Groups"), several=True)
        persons = person_field(visitor, t("Persons"), several=True)
        when = ui.input(t("Times")).props(hint(t("Mon-Fri 07:00-19:00, Sat 08:00-12:00, or always"), "outlined"))
        how = ui.select(translated(_HOW), value=How.FACE.value, label=t("How")).props("outlined")
        days = ui.select(translated(_HOLIDAYS), value=Holidays.CLOSED.value, label=t("Holidays")).props("outlined")
    visitors = ui.checkbox(t("Also visitors"))
    live = ui.checkbox(t("The face must be live"), value=True)

    def make() -> Rule:
        spec = RuleSpec(
            name=str(name.value or ""),
            doors=tuple(UUID(one) for one in where.value or []),
            directions=(Direction(str(way.value)),) if way.value else tuple(Direction),
            groups=groups.values,
            persons=tuple(dict.fromkeys(person_of(one)[1] for one in persons.values)),
            visitors=bool(visitors.value),
            schedule=parse(str(when.value or "")),
            holidays=Holidays(str(days.value)),
            how=How(str(how.value)),
            liveness=bool(live.value),
        )
        return services(visitor).doors.add_rule(visitor.resource.id, spec, actor=visitor.name)

    async def add() -> None:
        if await visitor.act(Permission.MANAGE, make) is not None:
            ui.navigate.to(visitor.link(PATH))

    with Tag("div"):
        button(t("Add rule"), add, "primary", may=visitor.may(Permission.MANAGE))


def _door_form(visitor: Visitor) -> None:
    with Tag("div", classes="two"):
        name = ui.input(t("Door name")).props("outlined maxlength=64")
        zone = zone_field(visitor, t("Time zone"))
        opens = ActuatorFields()
    passback = ui.checkbox(t("Anti-passback: a person inside may not enter again"))
    pictures = ui.checkbox(t("Keep the best picture of each event for 7 days, encrypted"))

    def make() -> Door:
        spec = DoorSpec(time_zone=zone.only, anti_passback=bool(passback.value), pictures=bool(pictures.value))
        owner, doors = visitor.resource.id, services(visitor).doors
        return doors.create(owner, typed(name), spec, opens.chosen() or NoActuator(), actor=visitor.name)

    async def add() -> None:
        if await visitor.act(Permission.MANAGE, make) is not None:
            ui.navigate.to(visitor.link(PATH))

    with Tag("div"):
        button(t("Add door"), add, "primary", may=visitor.may(Permission.MANAGE))


def ask_delete_door(visitor: Visitor, door: Door) -> None:
    """Ask whether a door is to be deleted, and delete it."""
    ask_before(
        visitor,
        Confirmation(
            t("Delete the door {door}?", door=door.name),
            t("Its cameras and rules lose it; its events stay."),
            t("Delete"),
        ),
        lambda: services(visitor).doors.delete(visitor.resource.id, door.door_id, actor=visitor.name),
        then=PATH,
    )


def _ask_delete_rule(visitor: Visitor, rule: Rule) -> None:
    ask_before(
        visitor,
        Confirmation(
            t("Delete the rule {rule}?", rule=rule.spec.name),
            t("People who are allowed only by this rule are then refused."),
            t("Delete"),
        ),
        lambda: services(visitor).doors.delete_rule(visitor.resource.id, rule.rule_id, actor=visitor.name),
        then=PATH,
    )


PATH: Final = "/doors"
PAGE = Page(
    PATH,
    mark("Doors"),
    mark("Who may pass which door, when and how."),
    mark("Use"),
    "door_front",
    render,
    needs=Permission.SEE,
    help=Help(
        mark(
            "A door opens when a rule allows the person, at that time and in that way. Try a "
            "rule before you rely on it."
        ),
        "doors.md#what-decides",
        (Term.LIVENESS, Term.ANTI_PASSBACK),
    ),
)
