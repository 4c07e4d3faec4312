"""Chromium, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start Chromium; the test is skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the Debian package chromium")
    return playwright.chromium.launch(executable_path=chromium, args=[*_ARGUMENTS, *arguments])


@contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    """Start Playwright and Chromium for a while."""
    with sync_playwright() as playwright:
        browser = launch(playwright, *arguments)
        yield browser
        browser.close()
