"""A real server with its portal, and a browser that looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect
from tests.browser import PATIENCE, launched
from tests.conftest import Server, StartServer
from tests.npm import node_modules


@pytest.fixture(scope="session")
def portal(start_shared_server: StartServer) -> Server:
    """The server of these tests."""
    return replace(start_shared_server(), patient=True)


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


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
        """Sign in by the form, and look at the overview."""
        self.page.goto(self.address + "/sign-in")
        self.page.locator("#token").fill(token)
        self.page.locator("button[type=submit]").click()
        self.page.locator(".page h1").wait_for()

    def begin(self, token: str) -> None:
        """Sign in as the form would, without drawing its page and the overview: two seconds of a processor."""
        answer = self.page.context.request.post(
            self.address + "/sign-in", form={"token": token}, headers={"Origin": self.address}, max_redirects=0
        )
        assert answer.status == 303, answer.text()

    def go(self, path: str) -> Page:
        """Go to a page, and return it when it is drawn and listens."""
        try:
            self.page.goto(self.address + path)
        except Error as error:
            if "ERR_ABORTED" not in error.message and "interrupted by another navigation" not in error.message:
                raise
            self.page.goto(self.address + path)  # the page had just begun to load again, after what was clicked
        self.page.locator(".page h1").wait_for()
        self.page.wait_for_function("window.socket?.connected && window.did_handshake")
        self.page.locator(".skeleton").wait_for(state="detached")
        return self.page

    def choose(self, label: str, text: str, option: str, *, within: Locator | None = None) -> None:
        """Choose in a field that is searched while somebody types; by keyboard alone."""
        field = (within or self.page).get_by_role("combobox", name=label, exact=True)
        field.focus()
        self.page.keyboard.press("Control+a")
        # At once: a search for a part of the text may be answered before the rest is typed.
        self.page.keyboard.insert_text(text)
        found = self.page.get_by_role("listbox").get_by_role("option")
        first = found.first
        expect(first).to_contain_text(option)
        expect(first).to_have_class(re.compile("q-manual-focusable--focused"))
        self.page.keyboard.press("Enter")
        expect(found).to_have_count(0)

    def told(self, text: str) -> None:
        """Wait for a message, and close it, so that it is not taken for a later one with the same words."""
        self.page.wait_for_function(TOLD, arg=text)


TOLD = """(text) => {
    const plain = (words) => words.replace(/\\s+/g, " ").toLowerCase();
    const told = [...document.querySelectorAll(".q-notification:not([data-told])")]
        .find((one) => plain(one.innerText).includes(plain(text)));
    told?.setAttribute("data-told", "");
    told?.querySelector("button")?.click();
    return told !== undefined;
}"""
"""Whether a message with the words is shown; it is closed."""

OpenPerson = Callable[..., Person]
Seat = tuple[int, str, str, bool]
"""Width of the page, colour scheme, language, and whether things move."""


class Seats:
    """Browser contexts that tests use one after the other.

    Only the first page of a context loads the portal's scripts, which costs as much as three pages do: a later
    person gets a context that has them, without cookies, storage and pages of the person before.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[Seat, list[BrowserContext]] = {}
        self._taken: list[tuple[Seat, BrowserContext]] = []

    def take(self, width: int, scheme: str, locale: str = "en-US", *, motion: bool = False) -> BrowserContext:
        kind = (width, scheme, locale, motion)
        if free := self._free.get(kind):
            context = free.pop()
        else:
            context = self._browser.new_context(
                viewport={"width": width, "height": 860},
                color_scheme="dark" if scheme == "dark" else "light",
                locale=locale,
                reduced_motion="no-preference" if motion else "reduce",
            )
            context.set_default_timeout(PATIENCE)
        self._taken.append((kind, context))
        return context

    def leave(self) -> None:
        """Clear the contexts that are in use."""
        for kind, context in self._taken:
            for page in context.pages:
                if page.url.startswith("http"):  # by the browser: the page may be on its way to another
                    origin = "/".join(page.url.split("/")[:3])
                    what = {"origin": origin, "storageTypes": "local_storage"}
                    context.new_cdp_session(page).send("Storage.clearDataForOrigin", what)
                page.close()
            context.clear_cookies()
            self._free.setdefault(kind, []).append(context)
        self._taken.clear()


@pytest.fixture(scope="session")
def seats_of() -> dict[Browser, Seats]:
    """The seats at each browser: contexts are kept from module to module."""
    return {}


@pytest.fixture(scope="module")
def seats(browser: Browser, seats_of: dict[Browser, Seats]) -> Seats:
    return seats_of.setdefault(browser, Seats(browser))


@pytest.fixture
def person(portal: Server, seats: Seats) -> Iterator[OpenPerson]:
    """A function that seats somebody at a browser, signed in as administrator or with a token; `at` is the server.

    They have asked their machine for less motion, except with `motion`: drawing what fades and slides takes a third of
    the processor time of these tests.
    """

    def seat(
        token: str | None = None,
        *,
        width: int = 1280,
        scheme: str = "light",
        at: Server | None = None,
        by_form: bool = False,
        locale: str = "en-US",
        motion: bool = False,
    ) -> Person:
        server = at or portal
        someone = Person(seats.take(width, scheme, locale, motion=motion).new_page(), server.management)
        someone.watch()
        (someone.sign_in if by_form else someone.begin)(token or server.admin_token)
        return someone

    yield seat
    seats.leave()
