"""The pages by keyboard alone: all that can be used is reached, and seen where one is; dialogs keep the focus."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Page
from tests.portal.conftest import OpenPerson, Person
from tests.portal.test_pages import PATHS
from tests.shared import azure_photo

pytestmark = pytest.mark.timeout(600)

MOST = 150
FOCUSED = """() => {
    const at = document.activeElement;
    if (at === null || at === document.body) return null;
    const first = !at.hasAttribute("data-reached") || at === window.wasAt;  // fields of dates have several stops
    window.wasAt = at;
    at.setAttribute("data-reached", "");
    const places = [at, at.closest(".drop"), at.closest(".q-field__control")].filter(Boolean);
    const shown = places.some(one => {
        const style = getComputedStyle(one);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    const box = places.at(-1).getBoundingClientRect();
    const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
    return { first, shown, inside, html: at.outerHTML.slice(0, 160) };
}"""
INSIDE = "document.activeElement.closest('.q-dialog') !== null"
LEFT_OUT = """() => [...document.querySelectorAll(
    ".page :is(a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, [tabindex='0'])"
)].filter(one => !one.hasAttribute("data-reached") && one.checkVisibility() && !one.closest("[inert]")
    && !one.disabled && one.tabIndex >= 0 && !one.matches("[role=radio], [role=tab]")
).map(one => one.outerHTML.slice(0, 160))"""


@pytest.mark.heavy
def test_everything_is_reached_and_seen(person: OpenPerson) -> None:
    reach_everything(person(motion=True), PATHS)


def test_forms_and_tables_are_reached_and_seen(person: OpenPerson) -> None:
    """The short form of the test of every page."""
    reach_everything(
        person(motion=True), ("/keys", "/networking", "/try", "/people", "/metrics-and-alerts", "/resources/new")
    )


def reach_everything(someone: Person, paths: Sequence[str]) -> None:
    for path in paths:
        page = someone.go(path)
        for _ in range(MOST):
            page.keyboard.press("Tab")
            at = page.evaluate(FOCUSED)
            if at is None or not at["first"]:
                break
            assert at["shown"], f"{path}: the focus is not seen on {at['html']}"
            assert at["inside"], f"{path}: the focus is off the screen on {at['html']}"
        assert page.evaluate(LEFT_OUT) == [], path


def in_dialog(page: Page) -> bool:
    """Whether the focus is in the dialog, or on no part of the page, on its way round through the browser."""
    return bool(page.evaluate(f"document.activeElement === document.body || {INSIDE}"))


def test_a_dialog_keeps_the_focus_and_gives_it_back(person: OpenPerson) -> None:
    page = person(motion=True).go("/keys")
    page.get_by_role("button", name="Show the keys").press("Enter")
    asks = page.get_by_role("button", name="Regenerate").first
    asks.wait_for()
    asks.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Regenerate key 1?")
    dialog.wait_for()
    page.wait_for_function(INSIDE)
    for _ in range(5):
        page.keyboard.press("Tab")
        assert in_dialog(page)
    page.keyboard.press("Shift+Tab")
    assert in_dialog(page)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.wait_for_function("document.activeElement.innerText.includes('Regenerate')")


@pytest.mark.shared
def test_a_photo_is_chosen_by_keyboard(person: OpenPerson) -> None:
    page = person(motion=True).go("/try")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Drop a photo").press("Enter")
    chooser.value.set_files(azure_photo("detection1"))
    page.get_by_role("status").filter(has_text="One face found.").wait_for()
