"""Takes a picture of every page of a running portal: on a desktop and a phone, in light and dark.

Look at them before a change of the pages is called done:

    mien serve --dev --port 0 --ready-file ready.json &
    python tools/portal_screenshots.py ready.json pictures --photo me.jpg --photo me-again.jpg --photo you.jpg

With photos the pages under “Try it” are used as a person would: the first is detected and looked for, the first is
compared with the second. Pages of groups and persons are found by their links. Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS: Final = {"desktop": 1280, "phone": 390}
SCHEMES: Final = ("light", "dark")
_LISTED: Final = "nav[aria-label='Pages'] a, nav.tabs a, .page .btn[href^='/']"
_NAMED: Final = ".page td a[href^='/people'], .page td a[href^='/directory']"


def main() -> None:
    """Take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ready_file", type=Path, help="what `mien serve --ready-file` wrote")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--photo", type=Path, action="append", default=[], help="photo to try out; up to two")
    parser.add_argument("--only", default="", help="only pages whose path has this in it")
    given = parser.parse_args()
    told = json.loads(given.ready_file.read_text())
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=["--no-sandbox"]
        )
        for size, width in WIDTHS.items():
            for scheme in SCHEMES:
                _take_all(browser, told, given.folder, (size, width), scheme, given.photo, given.only)
        browser.close()


def _take_all(
    browser: Browser, told: dict[str, str], folder: Path, size: tuple[str, int], scheme: str, photos: list[Path],
    only: str,
) -> None:  # fmt: skip
    name, width = size
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(told["management"] + "/sign-in")
    page.screenshot(path=folder / f"sign-in.{name}.{scheme}.png", full_page=True)
    page.get_by_label("Token").fill(told["admin_token"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator(".page h1").wait_for()
    waiting, seen = [page.url], set[str]()
    while waiting:
        url = waiting.pop(0)
        path = url.removeprefix(told["management"]).partition("?")[0]
        if path in seen:
            continue
        seen.add(path)
        page.goto(url)
        page.locator(".page h1").wait_for()
        page.wait_for_function("window.socket?.connected && window.did_handshake")
        page.get_by_text("Loading …", exact=True).wait_for(state="detached")
        links = "links => links.map(one => one.href).filter(one => one.startsWith(location.origin))"
        waiting += page.locator(f"{_LISTED}, {_NAMED}").evaluate_all(links)
        if only not in path:
            continue
        _use(page, path, photos)
        page.evaluate("document.fonts.ready")
        for element in page.locator(".chart svg").all():
            element.wait_for()
        _fit(page, width)
        title = path.strip("/").replace("/", "-") or "overview"
        page.screenshot(path=folder / f"{title}.{name}.{scheme}.png")
        page.set_viewport_size({"width": width, "height": 860})
    context.close()


def _use(page: Page, path: str, photos: list[Path]) -> None:
    """Do on a page what a person would, where there is something to see only then."""
    if path == "/keys":
        page.get_by_role("button", name="Show the keys").click()
        page.locator("[data-key='2']").wait_for()
    drops = page.locator(".drop input[type=file]")
    if not path.startswith("/try") or len(photos) < drops.count():
        return
    for place in range(drops.count()):
        drops.nth(place).set_input_files(photos[place])
        page.get_by_text("Looking for").wait_for()
        page.get_by_text("Looking for").wait_for(state="detached")
    page.wait_for_timeout(300)


def _fit(page: Page, width: int) -> None:
    """Make the window as high as the page, whose header stays at the top of the window."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(8000, max(860, height))})
    page.wait_for_timeout(250)


if __name__ == "__main__":
    main()
