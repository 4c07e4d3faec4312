"""The kiosk page in a real browser: consent, codes, languages, a lost connection, and a whole check-in by face."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser import PATIENCE
from tests.conftest import Server, StartServer
from tests.liveness.render import resampled
from tests.liveness.videos import REAL, REPLAYED, footage
from tests.liveness.videos import attempt as answered
from tests.liveness.web.conftest import QUIET, LaunchBrowser
from tests.liveness.web.fake_camera import FPS, HOLD_CHALLENGE, camera, write_clip
from tests.npm import node_modules
from tests.shared import azure_photo, shared_path

from mien.liveness.challenge import Challenge
from mien.liveness.types import Mode

pytestmark = [pytest.mark.timeout(600), pytest.mark.shared]

NONCE = bytes(range(32))
NOTICE = "We compare your face with those of our staff.\n\nThe picture is deleted at once. The desk helps you too."
SIZES = {"phone": (390, 844), "tablet": (1024, 768)}


@pytest.fixture(scope="module")
def clip() -> Path:
    return shared_path("pad", "clips", "real.mp4")


@pytest.fixture(scope="module")
def reception(start_server: StartServer, clip: Path) -> Server:
    """A server whose group has the person of the clip, by a still of it, and somebody else."""
    server = start_server(
        rate_limits="off",
        liveness_test_nonce=NONCE.hex(),
        liveness_free_failures="1000",
        liveness_virtual_cameras="true",
    )
    still = cv2.imencode(".png", footage(clip, *REAL).frames[30])[1].tobytes()
    group = "/face/v1.2/largepersongroups/staff"
    with server.client() as client:
        client.put(group, json={"name": "Staff", "recognitionModel": "recognition_04"}).raise_for_status()
        for name, photo in (("Ada Lovelace", still), ("Bob", azure_photo("Family1-Dad1").read_bytes())):
            made = client.post(f"{group}/persons", json={"name": name}).raise_for_status().json()
            faces = f"{group}/persons/{made['personId']}/persistedfaces?detectionModel=detection_03"
            octets = {"Content-Type": "application/octet-stream"}
            client.post(faces, content=photo, headers=octets).raise_for_status()
        client.post(f"{group}/train").raise_for_status()
        until = time.monotonic() + 120
        while client.get(f"{group}/training").json()["status"] != "succeeded":
            assert time.monotonic() < until
    return server


def control(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the control plane about the resource."""
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    url = f"{server.management}/mien/v1/resources/dev/{path}"
    answer = httpx.request(method, url, json=body, headers=headers, timeout=60, trust_env=False)
    assert answer.status_code < 300, answer.text
    return answer.json()


def kiosk(server: Server, name: str, **options: Any) -> str:
    """Add a kiosk and return the address of its page."""
    body = {"name": name, "group": "largePersonGroup/staff", "notice": NOTICE} | options
    made = control(server, "POST", "kiosks", body)
    return server.endpoint + str(made["path"])


def tablet(browser: Browser, size: str = "tablet", **options: Any) -> BrowserContext:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE)
    return context


def check(page: Page) -> None:
    """No violation of accessibility rules, and nothing wider than the screen."""
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


# What fits a phone fits a tablet.
@pytest.mark.parametrize("size", ["phone", pytest.param("tablet", marks=pytest.mark.heavy)])
def test_consent_then_a_code_and_a_lost_connection(
    reception: Server, browser: Browser, tmp_path: Path, size: str
) -> None:
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    context = tablet(browser, size)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(kiosk(reception, f"Reception {size}"))
    page.get_by_text("We compare your face").wait_for()
    assert "#" not in page.url
    page.evaluate(axe)
    check(page)
    page.screenshot(path=tmp_path / f"consent-{size}.png")
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("heading", name="How would you like to check in?").wait_for()
    check(page)
    page.screenshot(path=tmp_path / f"choice-{size}.png")
    page.get_by_role("button", name="With a badge or QR code").click()
    page.get_by_label("Number or code").fill("4711")
    check(page)
    page.screenshot(path=tmp_path / f"code-{size}.png")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Please see reception").wait_for()
    check(page)
    page.get_by_role("button", name="Done").click()
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Ich stimme zu").click()
    page.get_by_role("heading", name="Wie möchten Sie sich anmelden?").wait_for()
    page.get_by_label("Sprache").select_option("ar")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    check(page)
    page.screenshot(path=tmp_path / f"arabic-{size}.png")
    page.get_by_label("اللغة").select_option("en")
    context.set_offline(True)
    page.get_by_role("heading", name="No connection. Nothing was opened. Please see reception.").wait_for()
    page.screenshot(path=tmp_path / f"offline-{size}.png")
    context.set_offline(False)
    page.get_by_role("button", name="I agree").wait_for()  # the notice again: the visit is over
    page.reload()
    page.get_by_role("button", name="I agree").wait_for()
    assert troubles == []
    context.close()


def test_an_answer_that_is_lost_does_not_claim_that_nothing_was_opened(reception: Server, browser: Browser) -> None:
    context = tablet(browser)
    page = context.new_page()
    page.goto(kiosk(reception, "Lost"))
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="With a badge or QR code").click()
    page.get_by_label("Number or code").fill("4711")
    page.route("**/kiosk/codes", lambda route: route.abort("connectionreset"))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="No connection. Please see reception.").wait_for()
    context.close()


def test_a_connection_that_is_lost_during_the_face_check_ends_it(reception: Server, browser: Browser) -> None:
    """The face check fills the screen: it would hide what the page says, and go on to open a door."""
    context = tablet(browser)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(kiosk(reception, "Cut off"))
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="With my face").click()
    page.locator("dialog button.primary").wait_for()
    context.set_offline(True)
    page.get_by_role("heading", name="No connection. Nothing was opened. Please see reception.").wait_for()
    expect(page.locator("dialog")).not_to_be_visible()
    context.set_offline(False)
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="With my face").click()
    page.locator("dialog button.primary").wait_for()
    assert "faces" not in asked
    context.close()


def test_a_notice_can_be_refused_and_the_next_visitor_reads_the_usual_language(
    reception: Server, browser: Browser
) -> None:
    context = tablet(browser, "phone")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(kiosk(reception, "Refused", reception="Please ring the bell."))
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Ich stimme nicht zu").click()
    page.get_by_role("heading", name="Please ring the bell.").wait_for()
    page.get_by_role("button", name="Fertig").click()
    page.get_by_role("button", name="I do not agree").wait_for()
    assert "acceptances" not in asked
    context.close()


def test_a_camera_that_cannot_be_used_is_no_lost_connection(reception: Server, browser: Browser) -> None:
    context = tablet(browser)
    refused = "Promise.reject(new DOMException('refused', 'NotAllowedError'))"
    context.add_init_script(f"navigator.mediaDevices.getUserMedia = () => {refused}")
    page = context.new_page()
    page.goto(kiosk(reception, "Covered", liveness=False))
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="With my face").click()
    page.get_by_role("heading", name="Please see reception").wait_for()
    expect(page.locator("#words")).to_have_text("Please see reception")
    context.close()


def test_a_page_without_a_key_says_so(reception: Server, browser: Browser) -> None:
    context = tablet(browser)
    page = context.new_page()
    page.goto(f"{reception.endpoint}/kiosk")
    page.get_by_role("heading", name="This page is not available.").wait_for()
    expect(page.get_by_role("button", name="I agree")).not_to_be_visible()
    context.close()


Film = Callable[..., Browser]


@pytest.fixture
def film(launch: LaunchBrowser, clip: Path, tmp_path: Path) -> Iterator[Film]:
    """Opens a browser whose camera shows a clip that answers the challenge: of the person, or of a screen with them."""
    challenge = Challenge.draw(NONCE, Mode.PASSIVE_ACTIVE)
    path = tmp_path / "clip.y4m"
    opened: list[Browser] = []

    def start(seed: int, *, replayed: bool = False) -> Browser:
        shown = (
            footage(shared_path("pad", "clips", "screen-replay.mp4"), *REPLAYED) if replayed else footage(clip, *REAL)
        )
        write_clip(path, resampled(answered(shown, challenge, challenge, reflection=0.15, seed=seed), FPS))
        opened.append(launch(*camera(path)))
        return opened[-1]

    yield start
    for browser in opened:
        browser.close()
    path.unlink(missing_ok=True)


def checked_in(browser: Browser, address: str, picture: Path) -> str:
    """Check in by face, and return what the page says."""
    context = tablet(browser)
    context.add_init_script(HOLD_CHALLENGE)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="I agree").click()
    page.evaluate("(quiet) => { Object.assign(document.querySelector('mien-face-liveness'), quiet); }", QUIET)
    page.get_by_role("button", name="With my face").click()
    page.locator("dialog button.primary").click()
    page.locator("#answer").wait_for()
    words = page.locator("#words").inner_text()
    page.screenshot(path=picture)
    context.close()
    return words


@pytest.mark.heavy
def test_a_person_before_the_camera_is_greeted_by_name(reception: Server, film: Film, tmp_path: Path) -> None:
    """A busy machine may drop too many pictures for a decision; then the person tries again, as at a real kiosk."""
    address = kiosk(reception, "Hall", greeting="Hello {name}, the meeting is in room 4.")
    for seed in (5, 6, 7):  # frames that were seen before are refused
        words = checked_in(film(seed), address, tmp_path / "greeting.png")
        if words != "Please see reception":
            break
    assert words == "Hello Ada Lovelace, the meeting is in room 4."


@pytest.mark.heavy
def test_a_door_is_opened_for_the_person_by_its_rule_alone(reception: Server, film: Film, tmp_path: Path) -> None:
    door = control(reception, "POST", "doors", {"name": "Front", "actuator": {"kind": "none"}})["id"]
    address = kiosk(reception, "Door", door=door)
    assert checked_in(film(8), address, tmp_path / "shut.png") == "Please see reception"
    everyday = {"days": [0, 1, 2, 3, 4, 5, 6], "start": 0, "end": 1440}
    rule = {"name": "Staff", "doors": [door], "groups": ["largePersonGroup/staff"], "schedule": [everyday]}
    control(reception, "POST", "door-rules", rule)
    for seed in (9, 10, 11):
        words = checked_in(film(seed), address, tmp_path / "open.png")
        if words != "Please see reception":
            break
    told = [one for one in control(reception, "GET", "door-events")["value"] if one["camera"] == "Door"]
    assert words == "Welcome, Ada Lovelace", told
    events = control(reception, "GET", f"door-events?door={door}&granted=true")["value"]
    assert [(one["person"], one["camera"], one["code"]) for one in events] == [("Ada Lovelace", "Door", "granted")]


@pytest.mark.heavy
def test_a_replay_on_a_screen_is_not_greeted(reception: Server, film: Film, tmp_path: Path) -> None:
    address = kiosk(reception, "Attacked")
    assert checked_in(film(12, replayed=True), address, tmp_path / "replay.png") == "Please see reception"
    events = control(reception, "GET", "door-events?kind=check_in")["value"]
    assert [(one["code"], one["person"]) for one in events if one["camera"] == "Attacked"] == [("not_live", None)]
