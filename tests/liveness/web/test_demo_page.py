"""The demo page and the component on a real server, with a camera that shows no face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect
from tests.browser import PATIENCE
from tests.conftest import Server
from tests.liveness.web.conftest import PAGE
from tests.liveness.web.fake_channel import FakeServer
from tests.npm import node_modules

from mien.liveness.web import MANIFEST_PATH

pytestmark = pytest.mark.timeout(600)

WITHOUT_WEBSOCKETS = """() => {
    window.WebSocket = class { constructor() { throw new Error("no WebSockets here"); } };
    window.posted = [];
    const send = window.fetch;
    window.fetch = async (...request) => {
        const response = await send(...request);
        response.clone().json().then(({ messages }) => window.posted.push(...(messages ?? [])));
        return response;
    };
}"""


OF_THE_DEVICE = """Object.defineProperty(MediaStreamTrack.prototype, "label", { get: () => "Camera of the device" })"""
"""Chromium's own camera is a virtual one, which servers refuse."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def create_token(server: Server) -> str:
    body = {"livenessOperationMode": "Passive", "deviceCorrelationId": "browser"}
    with server.client() as client:
        answer = client.post("/face/v1.2/detectLiveness-sessions", json=body)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["authToken"]
    return token


def test_the_page_for_everybody(server: Server, browser: Browser) -> None:
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{server.endpoint}/liveness/demo")
    page.evaluate(axe)

    def check() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
            assert [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found] == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0

    check()
    page.get_by_role("button", name="Start").click()
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("#outcome").wait_for()
    expect(page.locator("#decision")).to_have_text("The check was stopped.")
    expect(page.locator("#decision")).to_have_attribute("data-name", "UserCanceledSession")
    assert json.loads(page.locator("#session").text_content() or "")["status"] == "NotStarted"
    for summary in page.locator("summary").all():
        summary.click()
    check()
    assert troubles == []
    context.close()


def test_a_server_that_is_not_for_trying_out_asks_for_a_token(server: Server, page: Page) -> None:
    """The page's other form: what the server says of its mode is changed on the way."""
    html = httpx.get(f"{server.endpoint}/liveness/demo", trust_env=False).text
    other = html.replace('data-dev="true"', 'data-dev="false"')
    page.route("**/liveness/demo", lambda route: route.fulfill(body=other, content_type="text/html"))
    page.goto(f"{server.endpoint}/liveness/demo")
    expect(page.locator("input[type=file]")).not_to_be_visible()
    page.get_by_label("authToken").fill(create_token(server))
    page.get_by_role("button", name="Start").click()
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("#outcome").wait_for()
    expect(page.locator("#decision")).to_have_attribute("data-name", "UserCanceledSession")


def test_an_application_of_another_origin(server: Server, page: Page) -> None:
    """By WebSocket and by POSTs, under the policy that docs/liveness-integration.md names, with the module's hash."""
    application = FakeServer()
    try:
        module = httpx.get(server.endpoint + MANIFEST_PATH, trust_env=False).json()["module"]
        address = f'src="{server.endpoint}{module["path"]}" crossorigin integrity="{module["integrity"]}"'
        html = PAGE.replace('src="{module}"', address).format(tag="mien-face-liveness")
        socket = server.endpoint.replace("http", "ws")
        policy = f"default-src 'none'; script-src {server.endpoint}; connect-src {server.endpoint} {socket}; "
        policy += "img-src data:; require-trusted-types-for 'script'"
        page.add_init_script(OF_THE_DEVICE)
        page.goto(application.page("/page", html, Content_Security_Policy=policy))
        page.evaluate("async () => { await customElements.whenDefined('mien-face-liveness'); }")
        heard: list[dict[str, Any]] = []

        def connect(socket: WebSocket) -> None:
            socket.on("framereceived", lambda frame: heard.append(json.loads(frame)))

        page.on("websocket", connect)
        for transport in ("WebSocket", "POST"):
            if transport == "POST":
                page.evaluate(WITHOUT_WEBSOCKETS)
            heard.clear()
            page.evaluate(
                """(token) => {
                    window.outcome = null;
                    const element = document.querySelector("mien-face-liveness");
                    element.minimumFrameRate = 0;
                    element.start(token).catch(
                        (error) => { window.outcome = error.livenessError; });
                }""",
                create_token(server),
            )
            page.locator("dialog button.primary").click()
            while not any(message["type"] == "feedback" for message in heard):
                assert page.evaluate("window.outcome") is None
                page.wait_for_timeout(50)
                heard.extend(page.evaluate("window.posted ?? []"))
            assert {message["key"] for message in heard if message["type"] == "feedback"} == {"LookAtCamera"}
            page.keyboard.press("Escape")
            while (error := page.evaluate("window.outcome")) is None:
                page.wait_for_timeout(20)
            assert error == "UserCanceledSession"
    finally:
        application.close()
