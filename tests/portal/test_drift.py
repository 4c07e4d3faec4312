"""The page Drift: charts of each series, the sentence since when, and a new baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from playwright.sync_api import expect
from sqlalchemy import delete
from tests.conftest import Server
from tests.manual_clock import ManualClock
from tests.portal.conftest import OpenPerson
from tests.portal.test_pages import check_pages
from tests.waiting import until

from mien.clock import SystemClock
from mien.events.drift import API, DriftCounts, DriftSeries
from mien.services import open_services
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import DriftBaselineRow, DriftCountRow

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def counted(portal: Server) -> Iterator[None]:
    """Seven weeks of counts, up to today; a camera's quality falls with the last full week."""
    services = open_services(Settings(data_dir=portal.data_dir))
    (owner,) = [one.id for one in services.accounts.resources() if one.name == "dev"]
    now = SystemClock().now()
    monday = now - timedelta(days=now.weekday() + 7)
    clock = ManualClock(monday - timedelta(days=35))
    counts, random = DriftCounts(services.database, clock), np.random.default_rng(2)
    while clock.now() < now:
        for value in random.normal(55 if clock.now() >= monday else 80, 8, 60):
            counts.note(owner, "Gate", DriftSeries.QUALITY, float(value))
            counts.note(owner, "Gate", DriftSeries.UNREAD, 0.0)
            counts.scores(owner, API, float(random.normal(0.7, 0.05)), 0.3)
        counts.flush()
        clock.advance(timedelta(days=1))
    yield
    with services.database.write(EVERY_RESOURCE) as session:
        for table in (DriftCountRow, DriftBaselineRow):
            session.execute(delete(table))
    services.close()


@pytest.mark.usefixtures("counted")
def test_the_page_says_what_moved_and_since_when(person: OpenPerson) -> None:
    someone = person()
    page = someone.go("/drift")
    page.get_by_text("Camera Gate: Quality of faces").wait_for()
    page.get_by_text("Changed since").first.wait_for()
    camera = page.locator("section", has=page.get_by_role("heading", name="Camera Gate"))
    expect(camera.get_by_role("img", name="Quality of faces: baseline and week")).to_have_count(1)
    expect(camera).to_contain_text("Baseline 0.0%, week 0.0%.")
    calls = page.locator("section", has=page.get_by_role("heading", name="Calls of the API"))
    expect(calls.get_by_text("No change beyond chance.")).to_have_count(2)
    camera.get_by_role("button", name="Begin a new baseline").click()
    page.get_by_role("button", name="Begin", exact=True).click()
    page.get_by_text("A baseline takes four weeks").first.wait_for()
    expect(page.get_by_text("Changed since")).to_have_count(0)


@pytest.mark.usefixtures("counted")
def test_what_moved_is_said_in_the_language_of_the_page(person: OpenPerson) -> None:
    page = person(locale="de-DE").go("/drift")
    page.get_by_text("Geändert seit").first.wait_for()
    shown = page.locator(".page").last.inner_text()
    assert "Keine Änderung, die über den Zufall hinausgeht." in shown
    assert not re.search("Changed since|No change|baseline takes", shown)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_is_accessible_and_fits(person: OpenPerson, axe: str, width: int, scheme: str) -> None:
    check_pages(person(width=width, scheme=scheme), axe, scheme, ("/drift",))


def test_a_resource_without_counts_says_what_is_counted(person: OpenPerson, portal: Server) -> None:
    services, someone = open_services(Settings(data_dir=portal.data_dir, drift=False)), person()

    def is_empty() -> bool:
        with services.database.write(EVERY_RESOURCE) as session:
            session.execute(delete(DriftCountRow))
        return someone.go("/drift").get_by_text("No calls and no tracks were counted").is_visible()

    try:
        until(is_empty)  # the server writes the counts of earlier calls every few seconds
    finally:
        services.close()
    page = someone.page
    icon = page.locator(".empty .q-icon")
    box = icon.bounding_box()
    assert box is not None
    assert box["width"] <= box["height"] + 1, "the font has no such icon and shows its name"
