"""Kiosks in the portal: added with a link and a QR code, changed, switched off, given another key, deleted."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import zxingcpp
from playwright.sync_api import Locator, expect
from tests.conftest import Server
from tests.portal.conftest import OpenPerson
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)


def opens(portal: Server, key: str) -> int:
    """The status that the kiosk's page gets."""
    with httpx.Client(base_url=portal.endpoint, timeout=60, trust_env=False) as client:
        return client.post("/kiosk/notice", headers={"Mien-Kiosk-Key": key}, json={}).status_code


def key_in(link: str) -> str:
    return link.strip().rpartition("/kiosk#")[2]


def codes_in(image: Locator) -> list[str]:
    """What a tablet's camera reads from an image (OpenCV's reader fails at one perfect code of 250)."""
    pixels = cv2.imdecode(np.frombuffer(image.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return [found.text for found in zxingcpp.read_barcodes(pixels)]


def test_a_kiosk_from_its_link_to_its_end(person: OpenPerson, portal: Server, tmp_path: Path) -> None:
    with portal.client() as client:
        body = {"name": "Staff", "recognitionModel": "recognition_04"}
        assert client.put("/face/v1.2/largepersongroups/staff", json=body).status_code in {200, 409}
    admin = person()
    page = admin.go("/kiosks?resource=dev")
    page.get_by_text("No kiosks yet").wait_for()
    page.get_by_label("Name", exact=True).fill("Reception")
    page.get_by_role("button", name="Add kiosk").click()
    admin.told("Choose a group.")
    admin.choose("Group", "STAFF", "Staff")
    page.get_by_role("button", name="Add kiosk").click()
    admin.told("A kiosk needs a consent notice")
    page.get_by_label("Consent notice").fill("We compare your face with those of our staff.")
    page.get_by_label("Greeting").fill("Hello, {name}")
    page.get_by_role("button", name="Add kiosk").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("heading", name="Link of Reception").wait_for()
    link = dialog.get_by_role("region", name="Link").inner_text()
    key = key_in(link)
    assert opens(portal, key) == 200
    until(lambda: codes_in(dialog.get_by_role("img", name="QR code with the link of Reception")) == [link.strip()])
    page.screenshot(path=tmp_path / "kiosk-link.png")
    dialog.get_by_role("button", name="Done").click()

    page.get_by_role("heading", name="Reception", exact=True).wait_for()
    assert key not in page.content()
    expect(page.get_by_role("combobox", name="Group")).to_have_value("Staff")
    page.get_by_label("Days for which acceptances are stored").fill("30")
    page.get_by_label("Consent notice").fill("We compare your face; there is a bell for everybody else.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("each for 30 days").wait_for()
    assert opens(portal, key) == 200
    page.screenshot(path=tmp_path / "kiosk.png", full_page=True)

    page.get_by_role("button", name="Switch off").click()
    page.get_by_role("button", name="Switch on").wait_for()
    assert opens(portal, key) == 404
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("button", name="Switch off").wait_for()
    assert opens(portal, key) == 200

    page.get_by_role("button", name="New link and QR code").click()
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    dialog = page.get_by_role("dialog").filter(has_text="Link of Reception")
    renewed = key_in(dialog.get_by_role("region", name="Link").inner_text())
    assert (opens(portal, key), opens(portal, renewed)) == (404, 200)
    dialog.get_by_role("button", name="Done").click()

    for name, width, height in (("phone", 390, 844), ("tablet", 820, 1180)):
        page.set_viewport_size({"width": width, "height": height})
        page = admin.go("/kiosks?resource=dev")
        page.get_by_role("link", name="Reception").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"nothing is cut off on a {name}"
        page.screenshot(path=tmp_path / f"kiosks-{name}.png", full_page=True)
        page.get_by_role("link", name="Reception").click()
        page.get_by_role("heading", name="Settings").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"nothing is cut off on a {name}"
        page.screenshot(path=tmp_path / f"kiosk-{name}.png", full_page=True)

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No kiosks yet").wait_for()
    assert opens(portal, renewed) == 404
    page.wait_for_url(re.compile("/kiosks\\?"))
    assert admin.troubles == []
