"""The pages as a person sees them: headless Chromium, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.browser import PATIENCE, launched
from tests.conftest import Server

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/docs", "/docs?version=v1.0", "/docs/errors"])
def test_a_page_is_whole_by_itself_and_fits(server: Server, browser: Browser, path: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    troubles: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    try:
        answer = page.goto(server.endpoint + path)
        assert answer is not None
        assert answer.status == 200
        assert page.locator("h1").inner_text()
        assert [text for text in troubles if "favicon" not in text] == []
        assert hosts == {server.endpoint.split("/")[2]}
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{overflow} pixels too wide"
    finally:
        context.close()


def test_from_an_operation_to_the_errors_and_back(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    try:
        page.goto(server.endpoint + "/docs")
        page.get_by_role("link", name="Errors").click()
        expect(page.locator("h1")).to_have_text("Errors")
        expect(page.locator("td code", has_text="InvalidImageSize").first).to_be_attached()
        page.get_by_role("link", name="Documentation").click()
        expect(page.locator("summary", has_text="Face - Detect")).to_have_count(1)
    finally:
        page.close()
