"""The React and the Vue component of the package, bundled as an application's are, in a real browser."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.liveness.web.conftest import OpenApplication
from tests.liveness.web.fake_channel import Plan
from tests.liveness.web.test_component import SHORT
from tests.npm import node_modules

from mien.liveness import web

pytestmark = pytest.mark.timeout(600)

REACT = """
import { StrictMode, createElement as element, useState } from "react";
import { createRoot } from "react-dom/client";
import { FaceLiveness } from "mien-face-liveness/react";

const common = { locale: "fr", skipOutcome: true, minimumFrameRate: 0 };
window.heard = [];
function App() {
  const [token, setToken] = useState(window.tokens[0]);
  window.setToken = setToken;
  if (token === null) return element("p", { id: "gone" }, "gone");
  const told = (kind) => (value) => window.heard.push([kind, value.digest ?? value.livenessError]);
  return element(FaceLiveness, { ...common, authToken: token, onResult: told("result"), onError: told("error") });
}
createRoot(document.querySelector("#app")).render(element(StrictMode, null, element(App)));
"""
VUE = """
import { createApp, h, ref } from "vue";
import { FaceLiveness } from "mien-face-liveness/vue";

const settings = { locale: "fr", skipOutcome: true, minimumFrameRate: 0 };
window.heard = [];
const token = ref(window.tokens[0]);
window.setToken = (value) => { token.value = value; };
const told = (kind) => (value) => window.heard.push([kind, value.digest ?? value.livenessError]);
createApp({
  render: () => token.value === null
    ? h("p", { id: "gone" }, "gone")
    : h(FaceLiveness, { authToken: token.value, settings, onResult: told("result"), onError: told("error") }),
}).mount("#app");
"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">
<body><main id="app"></main></body></html>"""


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[[str], str]:
    """Bundles an application as its developers would."""
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for name in ("react", "react-dom", "scheduler", "vue", "@vue"):
        (modules / name).symlink_to(node_modules() / name)
    (modules / "mien-face-liveness").symlink_to(Path(web.__file__).parent / "package")

    def build(source: str) -> str:
        (tmp_path / "app.js").write_text(source)
        esbuild = node_modules() / ".bin" / "esbuild"
        options = ["--bundle", "--format=esm", "--preserve-symlinks", '--define:process.env.NODE_ENV="development"']
        command = [str(esbuild), "app.js", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return build


@pytest.mark.parametrize(
    "source", [pytest.param(REACT, id="React"), pytest.param(VUE, id="Vue", marks=pytest.mark.heavy)]
)
def test_a_framework(application: OpenApplication, bundle: Callable[[str], str], source: str) -> None:
    app = application(html=PAGE)
    plans = [Plan(challenge=SHORT) for _ in range(3)]
    tokens = [app.fake.token(plan) for plan in plans]
    app.page.evaluate("(tokens) => { window.tokens = tokens; }", tokens)
    app.page.add_script_tag(content=bundle(source), type="module")

    app.page.get_by_role("button", name="Continuer").click()
    assert heard(app.page, 1) == [["result", plans[0].digest()]]
    assert len(plans[0].hellos) == 1  # strict mode starts nothing twice

    app.page.evaluate("window.setToken(window.tokens[1])")
    app.page.get_by_role("button", name="Annuler").click()
    assert heard(app.page, 2)[1] == ["error", "UserCanceledSession"]

    app.page.evaluate("window.setToken(window.tokens[2])")
    app.page.get_by_role("button", name="Continuer").wait_for()
    app.page.evaluate("window.setToken(null)")
    app.page.locator("#gone").wait_for()
    assert len(heard(app.page, 2)) == 2  # nobody is told about a component that was taken away
    expect(app.page.locator("dialog")).to_have_count(0)
    assert app.troubles == []


def heard(page: Page, count: int) -> list[list[str]]:
    page.wait_for_function("(count) => window.heard.length >= count", arg=count)
    found: list[list[str]] = page.evaluate("window.heard")
    return found
