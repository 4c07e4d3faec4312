"""The settings of one door, and its badges, visitors and holidays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.portal.test_doors import enrol, state
from tests.portal.test_pages import OVERFLOW, VIOLATIONS
from tests.portal.test_roles import token
from tests.random_ids import without_ids
from tests.waiting import until

from mien.doors.actuators.config import NoActuator, RelayActuator
from mien.doors.roster_types import BadgeNumber
from mien.doors.schedule import parse
from mien.doors.service import DoorServices
from mien.doors.types import Door, DoorSpec, RuleSpec, Strangers

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def doors(portal: Server) -> Iterator[tuple[DoorServices, UUID]]:
    with state(portal) as (_, doors, owner):
        yield doors, owner


@pytest.fixture
def door(doors: tuple[DoorServices, UUID]) -> Iterator[Door]:
    """A door with settings that the page does not show; it is deleted, if the test has not done that."""
    services, owner = doors
    made = services.doors.create(owner, "Side door", DoorSpec(agreement=0.7), NoActuator(), actor="test")
    yield made
    if any(one.door_id == made.door_id for one in services.doors.of(owner)):
        services.doors.delete(owner, made.door_id, actor="test")


def test_settings_of_a_door(
    person: OpenPerson, doors: tuple[DoorServices, UUID], door: Door, axe: str, tmp_path: Path
) -> None:
    services, owner = doors
    someone = person()
    page = someone.go("/doors?resource=dev")
    page.get_by_role("link", name="Side door").click()
    page.get_by_label("Name", exact=True).fill("Lab door")
    someone.choose("Time zone", "berl", "Europe/Berlin")
    page.get_by_label("Area behind the door").fill("Lab")
    page.get_by_role("switch", name="May open").click()
    page.get_by_role("checkbox", name="Anti-passback").click()
    page.get_by_label("Hold-off in seconds").fill("12.5")
    page.get_by_label("Minimum number of frames").fill("5")
    page.get_by_role("combobox", name="Strangers").click()
    page.get_by_role("option", name="Record nothing").click()
    expect(page.get_by_label("URL; {seconds} is replaced")).to_have_count(0)
    page.get_by_role("combobox", name="Opens by").click()
    page.get_by_role("option", name="HTTP relay").click()
    page.get_by_label("URL; {seconds} is replaced").fill("https://relay.example/open?s={seconds}")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Lab door").wait_for()
    wanted = DoorSpec(
        time_zone="Europe/Berlin",
        area="Lab",
        enabled=False,
        anti_passback=True,
        hold_off_seconds=12.5,
        frames=5,
        strangers=Strangers.IGNORE,
        agreement=0.7,
    )
    now = services.doors.get(owner, door.door_id)
    assert (now.name, now.spec) == ("Lab door", wanted)
    relay = services.doors.actuator(owner, door.door_id)
    assert relay == RelayActuator(url="https://relay.example/open?s={seconds}")
    assert "open?s" not in page.content(), "the path may be a secret"

    page.get_by_label("Minimum confidence").fill("")
    page.get_by_role("button", name="Save").click()
    someone.told("Fill in: Minimum confidence, 0.5 to 1.")
    page.get_by_label("Minimum confidence").fill("2")
    page.get_by_role("button", name="Save").click()
    someone.told("Confidence: 0.5 to 1")
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    page.get_by_label("Days for which events are kept").fill("30")
    page.get_by_role("button", name="Save").click()
    until(lambda: services.doors.get(owner, door.door_id).spec.event_days == 30)
    assert services.doors.get(owner, door.door_id).spec.confidence == wanted.confidence
    assert services.doors.actuator(owner, door.door_id) == relay, "it is kept without being chosen again"

    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    services.doors.change(owner, door.door_id, spec=wanted, actor="test")
    page.get_by_role("button", name="Save").click()
    someone.told("Somebody has changed this since the page was opened.")
    page.evaluate(axe)
    assert [one["id"] for one in page.evaluate(VIOLATIONS)["violations"]] == []
    page.screenshot(path=tmp_path / "door.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    page.screenshot(path=tmp_path / "door-phone.png", full_page=True)
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/doors?*")
    assert [one for one in services.doors.of(owner) if one.door_id == door.door_id] == []
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    page.get_by_text("There is no such door").wait_for()


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "es-ES", "fr-FR"])
def test_no_label_of_the_settings_is_cut_off_on_a_phone(person: OpenPerson, door: Door, locale: str) -> None:
    page = person(width=390, locale=locale).go(f"/doors/{door.door_id}?resource=dev")
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.q-field__label')]"
            ".filter(label => label.scrollWidth > label.clientWidth).map(label => label.textContent)"
        )
        == []
    )


def test_the_persons_whose_recognition_is_a_silent_alarm(
    person: OpenPerson, portal: Server, doors: tuple[DoorServices, UUID], door: Door
) -> None:
    services, owner = doors
    first, second = (UUID(one) for one in enrol(portal, "Dora Silent", "Egon Silent"))

    def saved(*persons: UUID) -> None:
        page.get_by_role("button", name="Save").click()
        until(lambda: set(services.doors.get(owner, door.door_id).spec.duress) == set(persons))

    someone = person()
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    someone.choose("Silent alarm for", str(first), "Dora Silent")
    saved(first)
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    page.get_by_text("Dora Silent").wait_for()
    someone.choose("Silent alarm for", str(second), "Egon Silent")
    saved(first, second)
    page = someone.go(f"/doors/{door.door_id}?resource=dev")
    page.get_by_text("Egon Silent").wait_for()
    page.get_by_label("Minimum number of frames").fill("4")
    page.get_by_role("button", name="Save").click()
    until(lambda: services.doors.get(owner, door.door_id).spec.frames == 4)
    assert set(services.doors.get(owner, door.door_id).spec.duress) == {first, second}, "they stay"


def test_badges_visitors_and_holidays(
    person: OpenPerson, portal: Server, doors: tuple[DoorServices, UUID], axe: str, tmp_path: Path
) -> None:
    services, owner = doors
    (grace,) = enrol(portal, "Grace Hopper")
    someone = person()
    page = someone.go("/badges?resource=dev")
    page.get_by_role("button", name="Add badge").click()
    someone.told("Choose a person.")
    someone.choose("Owner of the badge", "grace", "Grace Hopper")
    page.get_by_label("Badge number").fill("seven")
    page.get_by_role("button", name="Add badge").click()
    someone.told("A badge is FACILITY:NUMBER or NUMBER.")
    page.get_by_label("Badge number").fill("17:4711")
    page.get_by_label("Until, if it ends").fill("2150-01-31T18:30")
    page.get_by_role("checkbox", name="silent alarm").click()
    page.get_by_role("button", name="Add badge").click()
    badges = page.get_by_role("region", name="Badges")
    badges.get_by_role("row").filter(has_text="Grace Hopper").wait_for()
    assert "4711" not in without_ids(page.content())
    (made,) = [one for one in services.roster.badges(owner) if str(one.person.person_id) == grace]
    assert (made.duress, made.ends_at) == (True, datetime(2150, 1, 31, 18, 30, tzinfo=UTC))
    with state(portal) as (parts, _, _), parts.database.read(owner) as session:
        row = services.roster.find_badge(session, owner, BadgeNumber(number=4711, facility=17))
        assert row is not None
        assert row.badge_id == made.badge_id

    someone.choose("Visitor", "grace", "Grace Hopper")
    page.get_by_role("button", name="Add visitor").click()
    someone.told("The time is not of the form 2026-12-24T18:30.")
    visits = page.get_by_role("region", name="Visitors")
    page.get_by_label("Until", exact=True).fill("1999-12-31T12:00")
    page.get_by_role("button", name="Add visitor").click()
    someone.told("The time is not between the years 2000 and 2199.")
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    page.get_by_label("Until", exact=True).fill(end.isoformat())
    page.get_by_label("Whom they visit").fill("Ada")
    page.get_by_role("button", name="Add visitor").click()
    visits.get_by_role("row").filter(has_text="Grace Hopper").filter(has_text="Ada").wait_for()
    (visit,) = [one for one in services.roster.visitors(owner) if str(one.person.person_id) == grace]
    assert (visit.ends_at, visit.host) == (end, "Ada")

    page.get_by_label("Day", exact=True).fill("Christmas")
    page.get_by_role("button", name="Add holiday").click()
    someone.told("The day is not of the form 2026-12-24.")
    page.get_by_label("Day", exact=True).fill("2031-12-24")
    page.get_by_label("Name of the holiday").fill("Christmas Eve")
    page.get_by_role("button", name="Add holiday").click()
    days = page.get_by_role("region", name="Holidays")
    days.get_by_role("row").filter(has_text="Christmas Eve").wait_for()
    assert (date(2031, 12, 24), "Christmas Eve") in [(one.day, one.name) for one in services.doors.holidays(owner)]

    page.evaluate(axe)
    assert [one["id"] for one in page.evaluate(VIOLATIONS)["violations"]] == []
    page.screenshot(path=tmp_path / "badges.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page = someone.go("/badges?resource=dev")
    assert page.evaluate(OVERFLOW) <= 0
    page.screenshot(path=tmp_path / "badges-phone.png", full_page=True)
    for region, name, label in (
        (badges, "Grace Hopper", "Delete"),
        (visits, "Grace Hopper", "End visit"),
        (days, "Christmas Eve", "Delete"),
    ):
        rows = region.get_by_role("row").filter(has_text=name)
        rows.get_by_role("button", name=label).click()
        page.get_by_role("dialog").get_by_role("button", name=label).click()
        expect(rows).to_have_count(0)
    assert [one for one in services.roster.badges(owner) if str(one.person.person_id) == grace] == []
    assert [one for one in services.roster.visitors(owner) if str(one.person.person_id) == grace] == []
    assert [one for one in services.doors.holidays(owner) if one.day.year == 2031] == []
    assert someone.troubles == []


def test_a_reader_may_delete_no_door_and_no_rule(
    person: OpenPerson, portal: Server, doors: tuple[DoorServices, UUID], door: Door
) -> None:
    services, owner = doors
    rule = RuleSpec(name="Guests", doors=(door.door_id,), visitors=True, schedule=parse("always"))
    made = services.doors.add_rule(owner, rule, actor="test")
    page = person(token(portal, "reader")).go("/doors?resource=dev")
    for region, row in {"Doors": "Side door", "Rules": "Guests"}.items():
        shown = page.get_by_role("region", name=region).get_by_role("row").filter(has_text=row)
        expect(shown.get_by_role("button", name="Delete")).to_be_disabled()
    services.doors.delete_rule(owner, made.rule_id, actor="test")
