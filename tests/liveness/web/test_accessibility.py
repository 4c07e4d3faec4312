"""Can everybody use the component: by keyboard, by screen reader, in their language, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.liveness.web.conftest import OpenApplication
from tests.liveness.web.fake_channel import Plan
from tests.liveness.web.test_component import SHORT, begin_positioning
from tests.npm import node_modules

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en"), ("dark", "fa")])
def test_axe_finds_nothing(application: OpenApplication, axe: str, scheme: str, locale: str) -> None:
    app = application(color_scheme=scheme)
    app.page.evaluate(axe)

    def check() -> list[str]:
        found = app.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found["violations"]]

    app.begin(Plan(feedback=["MoveCloser"] * 1000), {"locale": locale})
    assert check() == []
    app.go_on()
    app.page.locator(".said:not(:empty)").wait_for()
    assert check() == []


def test_by_keyboard(application: OpenApplication) -> None:
    app, plan = application(), Plan(challenge=SHORT)
    focused = "document.querySelector('mien-face-liveness').shadowRoot.activeElement?.textContent"
    keyboard = app.page.keyboard
    app.page.locator("#before").focus()
    app.begin(plan)
    assert app.page.evaluate(focused) == "Face check"  # so that a screen reader begins here, and Enter does nothing
    keyboard.press("Enter")
    reached = []
    for _ in range(4):
        keyboard.press("Tab")
        reached.append(app.page.evaluate(focused))
    assert {"Cancel", "Continue"} <= set(reached)
    assert "Before" not in reached
    while app.page.evaluate(focused) != "Continue":
        keyboard.press("Tab")
    keyboard.press("Enter")
    assert app.outcome()["value"]["digest"] == plan.digest()
    assert app.page.evaluate("document.activeElement.id") == "before"


def test_a_screen_reader_hears_what_to_do(application: OpenApplication) -> None:
    app = application()
    begin_positioning(app)
    status = app.page.get_by_role("status")
    status.filter(has_text="Come closer.").wait_for()
    expect(status).to_have_attribute("aria-live", "polite")
    dialog = app.page.get_by_role("dialog", name="Face check")
    expect(dialog.get_by_role("group", name="What your camera sees")).to_have_count(1)
    expect(dialog.get_by_role("button")).to_have_text(["Cancel"])
    assert app.page.evaluate("document.querySelector('mien-face-liveness').shadowRoot.querySelector(':modal') !== null")


def test_the_warning_about_flashes_cannot_be_skipped(application: OpenApplication) -> None:
    app = application()
    app.begin(Plan(), {"skipInstructions": True})
    expect(app.page.get_by_text("Your place")).to_have_count(0)
    app.page.get_by_role("note").get_by_text("Flashing colours").wait_for()


LANGUAGES = (
    # locale, own texts; language, direction, title, button
    ("en", None, "en", "ltr", "Face check", "Continue"),
    ("pt", None, "pt", "ltr", "Verificação do rosto", "Continuar"),
    ("pt-PT", None, "pt-PT", "ltr", "Verificação do rosto", "Continuar"),
    ("fa", None, "fa", "rtl", "بررسی صورت", "ادامه"),
    ("fa-IR", {"Title": "سلام"}, "fa-IR", "rtl", "سلام", "ادامه"),
    ("ar", None, "ar", "rtl", "فحص الوجه", "متابعة"),
    ("de-AT", None, "de-AT", "ltr", "Gesichtsprüfung", "Weiter"),
    ("fr", None, "fr", "ltr", "Vérification du visage", "Continuer"),
    ("es-MX", None, "es-MX", "ltr", "Comprobación del rostro", "Continuar"),
    ("zh-Hans", None, "zh-Hans", "ltr", "人脸检查", "继续"),
    ("he", {"Continue": "המשך"}, "he", "rtl", "Face check", "המשך"),
    ("pl", {"Title": "Kontrola twarzy"}, "pl", "ltr", "Kontrola twarzy", "Continue"),
    ("xx", None, "en", "ltr", "Face check", "Continue"),
)


def test_languages(application: OpenApplication) -> None:
    app = application()
    for locale, own, *expected in LANGUAGES:
        app.begin(Plan(), {"locale": locale, "languageDictionary": own})
        dialog = app.page.locator("dialog")
        texts = [app.page.locator("h2").inner_text(), app.page.locator("button.primary").inner_text()]
        assert [dialog.get_attribute("lang"), dialog.get_attribute("dir"), *texts] == expected
        app.page.keyboard.press("Escape")
        app.error()


def test_every_language_has_every_text(application: OpenApplication) -> None:
    app = application()
    keys = app.page.evaluate(
        """async () => {
            const { languages } = await import("/liveness/web/v1/mien-face-liveness.js");
            return Object.values(languages).map((texts) => Object.keys(texts).sort().join());
        }"""
    )
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_everything_is_in_view(application: OpenApplication) -> None:
    app = application(viewport={"width": 320, "height": 568})
    overflow = "() => { const d = document.querySelector('mien-face-liveness').shadowRoot.querySelector('dialog');"
    overflow += " return d.scrollWidth - d.clientWidth; }"
    sizes = [(320, 568), (390, 844), (844, 390), (568, 320), (1280, 800)]
    app.begin(Plan(feedback=["MoveCloser"] * 1000))
    for width, height in sizes:
        app.page.set_viewport_size({"width": width, "height": height})
        assert app.page.evaluate(overflow) <= 0
    app.go_on()
    app.page.locator(".said:not(:empty)").wait_for()
    for width, height in sizes:
        app.page.set_viewport_size({"width": width, "height": height})
        assert app.page.evaluate(overflow) <= 0
        for selector in (".said", ".oval", ".foot button.cancel"):
            box = app.page.locator(selector).bounding_box()
            assert box is not None
            assert box["x"] >= 0, (selector, width)
            assert box["y"] >= 0, (selector, height)
            assert box["x"] + box["width"] <= width + 0.5, (selector, width)
            assert box["y"] + box["height"] <= height + 0.5, (selector, height)
        oval = app.page.locator(".oval").bounding_box()
        assert oval is not None
        assert oval["width"] / oval["height"] == pytest.approx(0.75, abs=0.02)
        assert oval["height"] >= 0.4 * height
