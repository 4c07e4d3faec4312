"""A browser with a camera that is not there, and a server that does as it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from tests.browser import PATIENCE, used_playwright
from tests.browser import launch as launch_chromium
from tests.liveness.web.fake_channel import FakeServer, Plan

from mien.liveness.web import MODULE_PATH

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<script type="module" src="{module}"></script>
<body><main><h1>An application</h1><button id="before">Before</button><{tag}></{tag}></main></body></html>"""

LaunchBrowser = Callable[..., Browser]

QUIET = {"skipOutcome": True, "minimumFrameRate": 0}
"""Properties of tests that are not about screens: Chromium's camera is slow on a busy machine."""


# Of a module, not of the session: while Playwright runs, no other event loop can, and other modules have such tests.
@pytest.fixture(scope="module")
def playwright_driver() -> Iterator[Playwright]:
    with used_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def launch(playwright_driver: Playwright) -> Iterator[LaunchBrowser]:
    """Starts Chromium; by default with Chromium's own fake camera, and permission to use it."""
    running = []

    def start(*cameras: str) -> Browser:
        camera = cameras or ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browser = launch_chromium(playwright_driver, *camera)
        running.append(browser)
        return browser

    yield start
    for browser in running:
        browser.close()


@pytest.fixture(scope="module")
def browser(launch: LaunchBrowser) -> Browser:
    return launch()


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@dataclass
class Application:
    """A page with the element, as an application would have it."""

    page: Page
    fake: FakeServer
    tag: str
    troubles: list[str]

    def begin(self, plan: Plan, properties: dict[str, Any] | None = None) -> None:
        """Call `start`; what comes of it is in `outcome`."""
        self.begin_with(self.fake.token(plan), properties)

    def begin_with(self, token: str, properties: dict[str, Any] | None = None) -> None:
        self.page.evaluate(
            """([tag, token, properties]) => {
                const element = Object.assign(document.querySelector(tag), properties);
                window.outcome = null;
                element.start(token).then(
                    (value) => { window.outcome = { value }; },
                    (error) => { window.outcome = { error: { ...error }, text: error.message }; });
            }""",
            [self.tag, token, QUIET | (properties or {})],
        )

    def go_on(self) -> None:
        self.page.locator("button.primary").click()

    def outcome(self, seconds: float = PATIENCE / 1000) -> Any:
        """What `start` resolved to, or rejected with."""
        # Not wait_for_function: a page's policy against evaluated text would stop that.
        until = time.monotonic() + seconds
        while (found := self.page.evaluate("window.outcome")) is None:
            assert time.monotonic() < until, "start() did not end"
            self.page.wait_for_timeout(20)
        assert isinstance(found, dict | list)
        return found

    def error(self) -> dict[str, Any]:
        outcome = self.outcome()
        assert "error" in outcome, outcome
        error: dict[str, Any] = outcome["error"]
        return error


OpenApplication = Callable[..., Application]


@pytest.fixture
def application(fake: FakeServer, browser: Browser) -> Iterator[OpenApplication]:
    """Opens a page with the element in a fresh context."""
    contexts: list[BrowserContext] = []
    fake.plans.clear()

    def build(
        tag: str = "mien-face-liveness",
        *,
        other: Browser | None = None,
        html: str = PAGE,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Application:
        context = (other or browser).new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(fake.page("/page", html.format(module=MODULE_PATH, tag=tag), **(headers or {})))
        if MODULE_PATH in html or "{module}" in html:
            page.evaluate("async (tag) => { await customElements.whenDefined(tag); }", tag)
        return Application(page, fake, tag, troubles)

    yield build
    for context in contexts:
        context.close()
