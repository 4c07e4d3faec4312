"""Badges, visitors and holidays at the doors of a resource."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Final

from nicegui import ui

from mien.doors.errors import InvalidDoorError
from mien.doors.roster_types import BadgeNumber, RosterPerson
from mien.management.roles import Permission
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.choosing import check_year, person_field, person_of, typed_moment
from mien.portal.pages.doors import services
from mien.portal.texts import day, mark, moment, t, time_zone, yes_or_no
from mien.portal.visitor import Visitor
from mien.portal.widgets import Cell, Tag, button, empty, hint, section, table, typed

_TIME_HINT: Final = mark("Such as 2026-12-24T18:30, in your time zone")


async def render(visitor: Visitor) -> None:
    """Render the page."""
    await _badges(visitor)
    await _visitors(visitor)
    await _holidays(visitor)


async def _badges(visitor: Visitor) -> None:
    roster, owner = services(visitor).roster, visitor.resource.id
    found = await visitor.ask(lambda: roster.badges(owner))
    with section(t("Badges"), t("Their numbers are stored encrypted and are never shown again.")):
        rows: list[list[Cell]] = [
            [
                name := _name(one.person),
                one.person.place,
                yes_or_no(one.duress),
                moment(one.ends_at) if one.ends_at else t("no end"),
                _confirmed_button(
                    visitor,
                    Confirmation(
                        t("Delete the badge of {person}?", person=name),
                        t("No door accepts it any more."),
                        t("Delete"),
                    ),
                    partial(roster.delete_badge, owner, one.badge_id, actor=visitor.name),
                ),
            ]
            for one in found
        ]
        if rows:
            table(t("Badges"), [t("Person"), t("Enrolled in"), t("Silent alarm"), t("Until"), ""], rows)
        else:
            empty("credit_card", t("No badges yet"), t("Rules that require a face and a badge need them."))
        with Tag("div", classes="two"):
            who = person_field(visitor, t("Owner of the badge"))
            number = ui.input(t("Badge number")).props(
                hint(t("FACILITY:NUMBER of 26 bits, or the number alone, of 32 bits"), "outlined autocomplete=off")
            )
            until = ui.input(t("Until, if it ends")).props(hint(t(_TIME_HINT), "outlined"))
        duress = ui.checkbox(t("Its use is a silent alarm"))

        def add() -> object:
            place, person = person_of(who.only)
            ends_at = typed_moment(typed(until), time_zone()) if typed(until) else None
            card = BadgeNumber.parse(typed(number))
            silent = bool(duress.value)
            return roster.add_badge(owner, place, person, card, duress=silent, ends_at=ends_at, actor=visitor.name)

        _add_button(visitor, t("Add badge"), add)


async def _visitors(visitor: Visitor) -> None:
    roster, owner = services(visitor).roster, visitor.resource.id
    found = await visitor.ask(lambda: roster.visitors(owner))
    with section(t("Visitors"), t("Enrolled people to whom rules for visitors apply for a time.")):
        rows: list[list[Cell]] = [
            [
                name := _name(one.person),
                one.person.place,
                moment(one.starts_at),
                moment(one.ends_at),
                one.host or "–",
                _confirmed_button(
                    visitor,
                    Confirmation(
                        t("End the visit of {person}?", person=name),
                        t("Rules for visitors no longer let them pass."),
                        t("End visit"),
                    ),
                    partial(roster.end_visit, owner, one.visitor_id, actor=visitor.name),
                ),
            ]
            for one in found
        ]
        if rows:
            columns = [t("Person"), t("Enrolled in"), t("Begins"), t("Until"), t("Whom they visit"), ""]
            table(t("Visitors"), columns, rows)
        else:
            empty("person", t("No visitors"), t("Somebody who is enrolled can be a visitor for a time."))
        with Tag("div", classes="two"):
            who = person_field(visitor, t("Visitor"))
            host = ui.input(t("Whom they visit")).props("outlined maxlength=200")
            start = ui.input(t("From; empty for now")).props(hint(t(_TIME_HINT), "outlined"))
            end = ui.input(t("Until")).props(hint(t(_TIME_HINT), "outlined"))

        def add() -> object:
            place, person = person_of(who.only)
            starts_at = typed_moment(typed(start), time_zone()) if typed(start) else visitor.parts.clock.now()
            return roster.add_visitor(
                owner,
                place,
                person,
                starts_at=starts_at,
                ends_at=typed_moment(typed(end), time_zone()),
                host=typed(host) or None,
                actor=visitor.name,
            )

        _add_button(visitor, t("Add visitor"), add)


async def _holidays(visitor: Visitor) -> None:
    doors, owner = services(visitor).doors, visitor.resource.id
    found = await visitor.ask(lambda: doors.holidays(owner))
    with section(
        t("Holidays"), t("They apply to all doors of the resource, in local time; each rule says what happens on them.")
    ):
        rows: list[list[Cell]] = [
            [
                day(one.day),
                one.name,
                _confirmed_button(
                    visitor,
                    Confirmation(
                        t("Delete the holiday {name}?", name=one.name),
                        t("Rules then treat the day as any other."),
                        t("Delete"),
                    ),
                    partial(doors.delete_holiday, owner, one.day, actor=visitor.name),
                ),
            ]
            for one in found
        ]
        if rows:
            table(t("Holidays"), [t("Day"), t("Name"), ""], rows)
        else:
            empty("event", t("No holidays"), t("Rules apply on every day of their schedule."))
        with Tag("div", classes="two"):
            when = ui.input(t("Day")).props(hint(t("Such as 2026-12-24"), "outlined"))
            name = ui.input(t("Name of the holiday")).props("outlined maxlength=100")

        def add() -> object:
            try:
                local = date.fromisoformat(typed(when))
            except ValueError:
                raise InvalidDoorError(t("the day is not of the form 2026-12-24")) from None
            check_year(local)
            doors.set_holiday(owner, local, typed(name), actor=visitor.name)
            return True

        _add_button(visitor, t("Add holiday"), add)


def _name(person: RosterPerson) -> str:
    return person.name or str(person.person_id)


def _confirmed_button(visitor: Visitor, question: Confirmation, work: Callable[[], object]) -> Cell:
    """Return a cell with a button that asks first, ends or deletes what its row shows, and draws the page again."""
    return partial(button, question.label, partial(ask_before, visitor, question, work, then=PATH), "quiet")


def _add_button(visitor: Visitor, label: str, add: Callable[[], object]) -> None:
    async def do() -> None:
        if await visitor.act(Permission.MANAGE, add) is not None:
            ui.navigate.to(visitor.link(PATH))

    with Tag("div"):
        button(label, do, "primary", may=visitor.may(Permission.MANAGE))


PATH: Final = "/badges"
PAGE: Final = Page(
    PATH,
    mark("Badges and visitors"),
    mark("Who has which badge, who visits until when, and which days are holidays."),
    mark("Use"),
    "credit_card",
    render,
    help=Help(
        mark("Rules of doors use these lists: face and badge, visitors, holidays. A lost badge is deleted here."),
        "doors.md#what-decides",
        (Term.DURESS,),
    ),
)
