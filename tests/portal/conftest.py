"""A real server with its portal, and a browser that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.conftest import Server, StartServer
from tests.npm import node_modules


@pytest.fixture(scope="session")
def portal(start_shared_server: StartServer) -> Server:
    """The server of these tests."""
    return start_shared_server()


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the Debian package chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield launched
        launched.close()


@dataclass
class Person:
    """Somebody at a browser.

    Attributes:
        page: what they look at.
        address: of the portal.
        troubles: what the browser complained of.
        hosts: where it fetched something from.
    """

    page: Page
    address: str
    troubles: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self) -> None:
        self.page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def sign_in(self, token: str) -> None:
        self.page.goto(self.address + "/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator(".page h1").wait_for()

    def go(self, path: str) -> Page:
        """Go to a page, and return it when it is drawn and listens."""
        self.page.goto(self.address + path)
        self.page.locator(".page h1").wait_for()
        self.page.wait_for_function("window.socket?.connected && window.did_handshake")
        self.page.get_by_text("Loading …", exact=True).wait_for(state="detached")
        return self.page

    def told(self, text: str) -> None:
        """Wait for a message."""
        self.page.locator(".q-notification").filter(has_text=text).first.wait_for()


OpenPerson = Callable[..., Person]


@pytest.fixture
def person(portal: Server, browser: Browser) -> Iterator[OpenPerson]:
    """A function that seats somebody at a browser, signed in as administrator or with a token; `at` is the server."""
    contexts: list[BrowserContext] = []

    def seat(token: str | None = None, *, width: int = 1280, scheme: str = "light", at: Server | None = None) -> Person:
        server = at or portal
        context = browser.new_context(
            viewport={"width": width, "height": 860}, color_scheme="dark" if scheme == "dark" else "light"
        )
        contexts.append(context)
        context.set_default_timeout(45_000)
        someone = Person(context.new_page(), server.management)
        someone.watch()
        someone.sign_in(token or server.admin_token)
        return someone

    yield seat
    for context in contexts:
        context.close()
