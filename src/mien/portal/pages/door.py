"""The settings of one door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from nicegui import ui

from mien.doors.errors import InvalidDoorError
from mien.doors.types import Door, DoorSpec, Strangers
from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.actuators import ActuatorFields
from mien.portal.pages.choosing import person_field, person_of, zone_field
from mien.portal.pages.doors import PATH, ask_delete_door, services
from mien.portal.texts import listed, mark, t, translated
from mien.portal.visitor import Visitor, check_unchanged
from mien.portal.widgets import Tag, banner, button, hint, section, text, typed

_NUMBERS: Final = {
    "confidence": mark("Minimum confidence, 0.5 to 1"),
    "margin": mark("Minimum margin, 0 to 0.5"),
    "frames": mark("Minimum number of frames that agree"),
    "liveness": mark("Minimum liveness"),
    "hold_off_seconds": mark("Hold-off in seconds"),
    "passback_hours": mark("Hours until a person counts as outside"),
    "badge_seconds": mark("Seconds for which a badge counts with a face"),
    "pair_seconds": mark("Seconds for which the first of two persons waits"),
    "open_seconds": mark("Seconds for which a relay stays open"),
    "event_days": mark("Days for which events are kept"),
    "picture_days": mark("Days for which pictures are kept"),
}
_KINDS: Final[dict[str, type]] = {name: type(getattr(DoorSpec(), name)) for name in _NUMBERS}
_STRANGERS: Final = {
    Strangers.IGNORE.value: mark("Record nothing"),
    Strangers.RECORD.value: mark("Record an event without a name"),
    Strangers.ANNOUNCE.value: mark("Record it, and send it to webhooks and MQTT"),
}


async def render(visitor: Visitor) -> None:
    """Render the page."""
    with Tag("nav", aria_label=t("Back")):
        Tag("a", t("All doors"), href=visitor.link(PATH))
    state, wanted = services(visitor), visitor.query.get("door", "")
    doors = await visitor.ask(lambda: state.doors.of(visitor.resource.id))
    door = next((one for one in doors if str(one.door_id) == wanted), None)
    if door is None:
        banner("bad", t("There is no such door"), t("It may have been deleted."), (t("Doors"), visitor.link(PATH)))
        return
    people = visitor.parts.gallery.people
    names = await visitor.ask(lambda: people.named(visitor.resource.id, door.spec.duress))
    with section(door.name, t("Changes apply to the next decision.")):
        form = _Form(visitor, door, names)

        async def save() -> None:
            if await visitor.act(Permission.MANAGE, form.save) is not None:
                ui.navigate.reload()

        may = visitor.may(Permission.MANAGE)
        with Tag("div", classes="row"):
            button(t("Save"), save, "primary", may=may)
            button(t("Delete"), partial(ask_delete_door, visitor, door), "danger", may=may)


class _Form:
    """The settings of a door.

    Args:
        visitor: the signed-in person.
        door: the door.
        names: names of the persons whose recognition is a silent alarm; deleted ones are shown by id.
    """

    def __init__(self, visitor: Visitor, door: Door, names: Mapping[UUID, str]) -> None:
        self._visitor, self._door, spec = visitor, door, door.spec
        self._enabled = ui.switch(t("May open"), value=spec.enabled)
        with Tag("div", classes="two"):
            self._name = ui.input(t("Name"), value=door.name).props("outlined maxlength=64")
            self._zone = zone_field(visitor, t("Time zone"), spec.time_zone)
            self._area = ui.input(t("Area behind the door"), value=spec.area).props(
                hint(t("Doors of one area share who is inside; empty for an area of its own"), "outlined maxlength=64")
            )
            self._strangers = ui.select(translated(_STRANGERS), value=spec.strangers.value, label=t("Strangers"))
            self._strangers.props("outlined")
            self._opens = ActuatorFields(door.actuator)
        alarms = {one: names.get(one) or t("person {id}", id=one) for one in spec.duress}
        self._duress = person_field(visitor, t("Silent alarm for"), alarms, several=True)
        text(t("The door opens for them as the rules say. The event, webhooks and MQTT report the silent alarm."))
        self._passback = ui.checkbox(t("Anti-passback: a person inside may not enter again"), value=spec.anti_passback)
        self._pictures = ui.checkbox(t("Keep the best picture of each event, encrypted"), value=spec.pictures)
        with Tag("div", classes="two"):
            self._numbers = {
                name: ui.number(
                    t(label), value=getattr(spec, name), precision=0 if _KINDS[name] is int else None
                ).props("outlined")
                for name, label in _NUMBERS.items()
            }

    def save(self) -> Door:
        """Store the settings; reads and writes the database.

        Raises:
            ManagementError: somebody else has changed the door.
            InvalidDoorError: a value is not valid.
        """
        doors, owner, door = services(self._visitor).doors, self._visitor.resource.id, self._door
        now = doors.get(owner, door.door_id)
        check_unchanged((door.name, door.spec, door.actuator), (now.name, now.spec, now.actuator))
        spec, actuator, actor = self._spec(), self._opens.chosen(), self._visitor.name
        return doors.change(owner, door.door_id, actor=actor, name=typed(self._name), spec=spec, actuator=actuator)

    def _spec(self) -> DoorSpec:
        if missing := [t(_NUMBERS[name]) for name, field in self._numbers.items() if field.value is None]:
            raise InvalidDoorError(t("Fill in: {missing}.", missing=listed(missing)))
        numbers: dict[str, Any] = {name: _KINDS[name](field.value) for name, field in self._numbers.items()}
        return replace(
            self._door.spec,
            time_zone=self._zone.only,
            area=typed(self._area),
            strangers=Strangers(str(self._strangers.value)),
            anti_passback=bool(self._passback.value),
            pictures=bool(self._pictures.value),
            enabled=bool(self._enabled.value),
            duress=tuple(dict.fromkeys(person_of(one)[1] for one in self._duress.values)),
            **numbers,
        )


PAGE: Final = Page(
    f"{PATH}/{{door}}",
    mark("Door"),
    mark("How one door decides, and what it opens."),
    mark("Use"),
    "door_front",
    render,
    listed=False,
    needs=Permission.SEE,
    help=Help(
        mark("The settings of one door. Stricter values refuse more people whom the rules allow."),
        "doors.md#what-decides",
        (Term.LIVENESS, Term.ANTI_PASSBACK),
    ),
)
