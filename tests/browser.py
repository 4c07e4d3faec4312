"""Chromium, without a window: one for all modules of a process that ask for no other arguments."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect, sync_playwright

PATIENCE = 90_000
"""Milliseconds that a page of a busy machine may take to show something."""

expect.set_options(timeout=PATIENCE)

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class _Driver:
    """Playwright's process and the Chromium that is shared: they are started once and live until the session ends.

    Between its calls Playwright leaves its event loop marked as the running one, and nobody else may run one in this
    thread. Modules with asynchronous tests come between those with a browser, so the mark is there only while
    somebody uses the driver.
    """

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._users = 0
        self._browser: Browser | None = None
        self.browsers: list[Browser] = []
        """Those that are open."""

    @contextmanager
    def used(self) -> Iterator[Playwright]:
        if self._playwright is None:
            self._playwright = sync_playwright().start()
            self._loop = asyncio.get_running_loop()
        self._users += 1
        asyncio._set_running_loop(self._loop)
        try:
            yield self._playwright
        finally:
            self._users -= 1
            if not self._users:
                asyncio._set_running_loop(None)

    def browser(self, playwright: Playwright) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = launch(playwright)
            self.browsers.append(self._browser)
        return self._browser

    def shown(self) -> list[tuple[str, str]]:
        if not self._users:
            return []
        pages = [page for browser in self.browsers for context in browser.contexts for page in context.pages]
        found = []
        for page in pages:
            with suppress(Error):  # it was closed, or does not answer
                found.append((page.url, page.locator("body").inner_text(timeout=5000)))
        return found

    def stop(self) -> None:
        if self._playwright is not None:
            with self.used() as playwright:
                if self._browser is not None:
                    self._browser.close()
                playwright.stop()
            self._playwright = self._browser = None


_DRIVER = _Driver()
used_playwright = _DRIVER.used
"""Playwright, for a while."""
stop_playwright = _DRIVER.stop
"""Ends Playwright and its browser, if they were started."""
shown = _DRIVER.shown
"""The address and the text of each open page."""


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start Chromium; the test is skipped where there is none.

    Without arguments it is the headless shell where there is one: it draws no window around the page, which saves a
    third of the processor time of the portal's tests. It has no camera.
    """
    shells = () if arguments else ("chromium-headless-shell",)
    chromium = next(filter(None, map(shutil.which, (*shells, "chromium", "chromium-browser"))), None)
    if chromium is None:
        pytest.skip("needs the Debian package chromium")
    return playwright.chromium.launch(executable_path=chromium, args=[*_ARGUMENTS, *arguments])


@contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    """Return Chromium for a while: one of its own with these arguments, else the shared one.

    Whoever uses the shared one closes the contexts that they make.
    """
    with used_playwright() as playwright:
        if not arguments:
            yield _DRIVER.browser(playwright)
            return
        browser = launch(playwright, *arguments)
        _DRIVER.browsers.append(browser)
        try:
            yield browser
        finally:
            _DRIVER.browsers.remove(browser)
            browser.close()
