"""Door events (feed with filters, pictures, corrections), and the people who are inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nicegui import ui

from mien.doors.enrolling import enroller
from mien.doors.errors import EventNotFoundError
from mien.doors.events import Act, Event, EventKind, Filter
from mien.doors.roster import Inside
from mien.doors.roster_types import RosterPerson
from mien.doors.types import DIRECTORY
from mien.gallery.kinds import CollectionRef, Kind, persons_ref
from mien.management.roles import Permission
from mien.portal.auto_training import after_training
from mien.portal.confirming import Confirmation, ask_before
from mien.portal.door_reasons import reason
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.choosing import person_field, person_of
from mien.portal.pages.doors import services
from mien.portal.stale import edited
from mien.portal.stored_texts import said_stored
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import (
    Cell,
    Tag,
    badge,
    button,
    empty,
    link_button,
    modal,
    moment,
    section,
    table,
)

PATH: Final = "/door-events"
_SHOWN: Final = 50
_NARROW: Final = "max-width: 22rem; min-width: 12rem; white-space: normal"
_WORDS: Final = {
    EventKind.DECISION: mark("refused"),
    EventKind.STRANGER: mark("stranger"),
    EventKind.SEEN: mark("seen"),
    EventKind.BADGE: mark("badge"),
    EventKind.CAMERA: mark("camera"),
    EventKind.PRESENCE: mark("presence"),
    EventKind.CHECK_IN: mark("check-in"),
}
_REVIEWS: Final = {
    "not_this_person": mark("not this person"),
    "this_is": mark("this is"),
    "confirmed": mark("confirmed"),
}
_NUMBERS: Final = {
    "confidence": mark("confidence {value:.2f}"),
    "margin": mark("margin {value:.2f}"),
    "liveness": mark("liveness {value:.2f}"),
}
_KEPT: Final = mark("The face is stored as a negative: similar faces match the person less from now on.")
_NO_PICTURE: Final = mark("The event has no picture to learn from: the same face may match the person again.")
_NO_POLICY: Final = mark(
    "The policy of the group keeps no negatives: the same face may match the person again. Switch them on under People."
)
_FILTERS: Final = {
    "": (mark("All"), Filter()),
    "opened": (mark("Allowed"), Filter(granted=True)),
    "refused": (mark("Refused"), Filter(kinds=(EventKind.DECISION,), granted=False)),
    "strangers": (mark("Strangers"), Filter(kinds=(EventKind.STRANGER,))),
    "duress": (mark("Silent alarms"), Filter(duress=True)),
    "cameras": (mark("Cameras"), Filter(kinds=(EventKind.CAMERA,))),
}


async def render(visitor: Visitor) -> None:
    """Render the feed."""
    if not visitor.may(Permission.MANAGE):
        empty("lock", t("Only administrators can see events"), t("Events name people and their times."))
        return
    chosen = visitor.query.get("show", "")
    _, wanted = _FILTERS.get(chosen, _FILTERS[""])
    text = visitor.query.get("before", "")
    before = int(text) if text.isdecimal() and len(text) < 18 else None
    state, owner = services(visitor), visitor.resource.id
    events = await visitor.ask(lambda: state.events.page(owner, wanted, before=before, limit=_SHOWN))
    kept = await visitor.ask(lambda: state.events.pictures(owner))
    about = tn(
        "Newest first. {count} picture is kept, encrypted.", "Newest first. {count} pictures are kept, encrypted.", kept
    )
    with section(t("Events"), about):
        with Tag("div", classes="row"):
            for name, (label, _) in _FILTERS.items():
                query = {"show": name} if name else {}
                link = link_button(t(label), visitor.link(PATH, **query), "primary" if name == chosen else "plain")
                if name == chosen:
                    link.props["aria-current"] = "true"
        if not events:
            empty("door_front", t("No events"), t("Events appear when a camera at a door sees a person."))
            return
        rows = [await _row(visitor, one) for one in events]
        table(t("Events"), [t("Event"), t("Person"), t("Why"), t("Picture"), ""], rows)
        if len(events) == _SHOWN:
            query = {"before": str(events[-1].number)} | ({"show": chosen} if chosen else {})
            link_button(t("Older events"), visitor.link(PATH, **query))


async def _row(visitor: Visitor, event: Event) -> list[Cell]:
    picture = await visitor.ask(partial(_picture, visitor, event)) if event.has_picture else None
    return [
        partial(_what, event),
        partial(_who, event),
        partial(_why, event),
        partial(_image, picture, event) if picture else "–",
        partial(_actions, visitor, event),
    ]


def _what(event: Event) -> None:
    Tag("div", moment(event.at))
    Tag("div", str(event.details.get("door") or event.camera or ""), "small soft")
    badge(*outcome(event))
    if event.duress:
        badge(t("silent alarm"), "bad")


def outcome(event: Event) -> tuple[str, str]:
    """Return what became of an event, and its tone; "opened" only if the actuator has confirmed it."""
    if event.stayed_shut:
        return t("allowed, but not opened"), "bad"
    if event.kind is EventKind.DECISION and event.act is Act.USED:
        return t("let through with a second person"), "good"
    if not event.granted:
        return t(_WORDS[event.kind]), "warn" if event.kind is EventKind.DECISION else "info"
    if event.act is None:
        return t("allowed"), "good"
    return (t("opened"), "good") if event.act is Act.DONE else (t("allowed, opening not confirmed"), "warn")


def _who(event: Event) -> None:
    if event.person is not None:
        Tag("div", event.person.name or str(event.person_id))
        Tag("div", event.person.place, "small soft")
    elif event.person_id is not None:
        Tag("div", t("deleted person"), "soft")
    if event.review is not None:
        Tag("div", f"{t(_REVIEWS.get(event.review, event.review))} · {event.reviewed_by}", "small soft")


def _why(event: Event) -> None:
    failed = event.details.get("failed") or [{"code": event.code}]
    told = " ".join(reason(one["code"], one.get("have"), one.get("wanted")) for one in failed)
    if event.details.get("rule") and event.kind is not EventKind.STRANGER:
        told = f"{event.details['rule']}: {told}"
    Tag("div", told, style=_NARROW)
    frames, readable = event.details.get("agreeing"), event.details.get("readable")
    values = ((words, event.details.get(name)) for name, words in _NUMBERS.items())
    parts = [t(words, value=value) for words, value in values if isinstance(value, int | float)]
    if frames is not None:
        parts.append(t("{agreeing} of {readable} frames", agreeing=frames, readable=readable))
    if event.act_note:
        parts.append(said_stored(event.act_note))
    Tag("div", " · ".join(parts), "small soft", style=_NARROW)


def _picture(visitor: Visitor, event: Event) -> bytes | None:
    try:
        return services(visitor).events.picture(visitor.resource.id, event.number)
    except EventNotFoundError:
        return None


def _image(picture: bytes, event: Event) -> None:
    image = Tag("img", alt=t("Best picture of event {number}", number=event.number), width="72")
    image.props["src"] = f"data:image/jpeg;base64,{b64encode(picture).decode()}"


def _actions(visitor: Visitor, event: Event) -> None:
    if not event.kind.is_about_face:
        return
    with Tag("div", style="display: grid; justify-items: start"):
        if event.person is not None:
            button(t("Not this person"), partial(_ask_not_this_person, visitor, event), "quiet")
        button(t("This is …"), lambda: _this_is(visitor, event), "quiet")


async def _ask_not_this_person(visitor: Visitor, event: Event) -> None:
    about = t("The person is taken out of the event and of who is inside. The decision stays as it was.")
    learned = await visitor.look(lambda: _learned(visitor, event))
    if learned is None:
        return
    ask_before(
        visitor,
        Confirmation(t("Not this person?"), f"{about} {t(learned)}", t("Not this person")),
        lambda: services(visitor).reviews.not_this_person(visitor.resource.id, event.number, actor=visitor.name),
        then=PATH,
    )


def _learned(visitor: Visitor, event: Event) -> str:
    """Return whether the face is stored as a negative, as text; reads the database."""
    if event.person is None or not event.has_picture:
        return _NO_PICTURE
    home = _home(visitor, event.person)
    return _KEPT if visitor.parts.gallery.policies.get_for(home).negatives else _NO_POLICY


def _home(visitor: Visitor, person: RosterPerson) -> CollectionRef:
    """Return the collection in which a person is enrolled."""
    kind, _, collection_id = person.place.partition("/")
    owner = visitor.resource.id
    return persons_ref(owner) if kind == DIRECTORY else CollectionRef(owner, Kind(kind), collection_id)


def _this_is(visitor: Visitor, event: Event) -> None:
    with modal(t("Whom does the event show?")) as dialog, Tag("div", classes="card"):
        Tag("h2", t("Whom does the event show?"))
        who = person_field(visitor, t("Person"))
        enrol = ui.checkbox(t("Add the picture to the person's faces"))
        enrol.set_visibility(event.has_picture)

        def work() -> Event:
            place, person_id = person_of(who.only)
            add = enroller(visitor.parts.gallery, visitor.parts.directory)
            set_person = partial(
                services(visitor).reviews.this_is,
                visitor.resource.id,
                event.number,
                place,
                person_id,
                enrol=add if enrol.value else None,
                actor=visitor.name,
            )
            return after_training(set_person)

        async def do() -> None:
            if (changed := await visitor.act(Permission.MANAGE, work)) is not None:
                if enrol.value and changed.person is not None:
                    edited(visitor, _home(visitor, changed.person))
                ui.navigate.to(visitor.link(PATH))

        button(t("Save"), do, "primary")
    dialog.open()


async def render_inside(visitor: Visitor) -> None:
    """Render the list of people who are inside."""
    if not visitor.may(Permission.MANAGE):
        empty("lock", t("Only administrators can see who is inside"))
        return
    state, owner = services(visitor), visitor.resource.id
    inside = await visitor.ask(lambda: state.roster.inside(owner))
    about = t("People who were let in and not let out since. Whether they went through the door is not known.")
    if not inside:
        with section(t("Nobody is inside"), about):
            empty("meeting_room", t("Nobody is inside"))
        return
    for area in dict.fromkeys(one.area for one in inside):
        mine = [one for one in inside if one.area == area]
        with section(f"{area}: {len(mine)}", about):
            rows: list[list[Cell]] = [
                [
                    one.person.name or str(one.person.person_id),
                    one.person.place,
                    moment(one.since),
                    partial(button, t("Not inside"), _taker_out(visitor, one), "quiet"),
                ]
                for one in mine
            ]
            table(area, [t("Person"), t("Enrolled in"), t("Since"), ""], rows)


def _taker_out(visitor: Visitor, one: Inside) -> Callable[[], Any]:
    async def do() -> None:
        roster, owner = services(visitor).roster, visitor.resource.id

        def work() -> bool:
            roster.take_out(owner, one.area, one.person.place, one.person.person_id, actor=visitor.name)
            return True

        if await visitor.act(Permission.MANAGE, work):
            ui.navigate.to(visitor.link("/inside"))

    return do


PAGE = Page(
    PATH,
    mark("Events"),
    mark("People at the doors, and why the doors opened or not."),
    mark("Use"),
    "list",
    render,
    help=Help(
        mark("Shows who came to the doors, and why they opened or stayed shut. Correct wrong names here."),
        "doors.md#events",
        (Term.CONFIDENCE, Term.MARGIN, Term.LIVENESS, Term.DURESS),
    ),
)
INSIDE = Page(
    "/inside",
    mark("Who is inside"),
    mark("People who were let in and have not been let out."),
    mark("Use"),
    "meeting_room",
    render_inside,
    help=Help(mark("Lists who was let in and not out since, by area."), "doors.md#events", (Term.ANTI_PASSBACK,)),
)
