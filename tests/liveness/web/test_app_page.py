"""The page of docs/liveness-apps.md, as a WebView would load it, with the bridge of each system."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.browser import PATIENCE
from tests.liveness.web.fake_channel import FakeServer, Plan
from tests.liveness.web.test_component import SHORT

pytestmark = pytest.mark.timeout(600)

DOCUMENT = Path(__file__).parents[3] / "docs" / "liveness-apps.md"
ANDROID = "window.livenessApp = { finished: (message) => { window.told = JSON.parse(message); } };"
FAST = "HTMLVideoElement.prototype.getVideoPlaybackQuality = () => ({ totalVideoFrames: performance.now() });"
"""A busy machine makes a camera slow, which people are told."""
IOS = "window.webkit = { messageHandlers: { liveness: { postMessage: (message) => { window.told = message; } } } };"


@pytest.fixture(params=[ANDROID, IOS], ids=["Android", "iOS"])
def page(request: pytest.FixtureRequest, fake: FakeServer, browser: Browser) -> Any:
    found = re.search(r"```html\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_init_script(request.param + FAST)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    opened.goto(fake.page("/assets/liveness.html", found[1].replace("https://face.example.com", fake.origin)))
    yield opened
    context.close()


def told(page: Page) -> dict[str, str]:
    page.wait_for_function("window.told !== undefined")
    outcome: dict[str, str] = page.evaluate("window.told")
    return outcome


def test_a_check_in_a_web_view(page: Page, fake: FakeServer) -> None:
    plan = Plan(challenge=SHORT)
    page.evaluate(f"() => {{ startCheck({json.dumps(fake.token(plan))}, 'de-AT'); }}")
    page.get_by_role("button", name="Weiter").click()
    assert told(page)["digest"] == plan.digest()


def test_the_button_that_goes_back(page: Page, fake: FakeServer) -> None:
    page.evaluate("stopCheck()")  # before anything was loaded
    assert told(page) == {"livenessError": "UserCanceledSession", "reason": ""}
    page.evaluate("window.told = undefined")
    page.evaluate(f"() => {{ startCheck({json.dumps(fake.token(Plan()))}, 'ar'); }}")
    page.locator("dialog[dir=rtl]").wait_for()
    page.evaluate("stopCheck()")
    assert told(page) == {"livenessError": "UserCanceledSession", "reason": ""}


def test_a_server_that_cannot_be_reached(page: Page, fake: FakeServer) -> None:
    page.route("**/mien-face-liveness.js", lambda route: route.abort())
    page.evaluate(f"() => {{ startCheck({json.dumps(fake.token(Plan()))}, 'en'); }}")
    assert told(page) == {"livenessError": "ServerRequestTimedOut", "reason": ""}
