"""The web component in a real browser, with the browser's fake camera and a server that does as it is told."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, expect
from tests.liveness.web.conftest import PAGE, Application, LaunchBrowser, OpenApplication
from tests.liveness.web.fake_channel import CHALLENGE, FakeServer, Plan

from mien.liveness.reports import ClientPolicy, read_camera, read_capture
from mien.liveness.types import LivenessError, RecognitionError
from mien.liveness.web import MANIFEST_PATH, MODULE_PATH, assets

pytestmark = pytest.mark.timeout(600)

VERSION = json.loads(next(asset for asset in assets() if asset.path == MANIFEST_PATH).body)["version"]
FEWEST = 4
"""Frames of a challenge that even a busy machine gets sent; an idle one sends about forty."""

SHORT: dict[str, Any] = {
    "durationMs": 400,
    "flashes": [{"startMs": 0, "durationMs": 400, "color": "#00FF40"}],
    "turns": [],
}
LONG: dict[str, Any] = {
    "durationMs": 120_000,
    "flashes": [{"startMs": 0, "durationMs": 120_000, "color": "#202020"}],
    "turns": [{"direction": "left", "startMs": 200, "durationMs": 119_000}],
}
"""A challenge that is still under way when a busy machine comes to look at it."""
RECORD_COLOURS = """() => {
    window.seen = [];
    const look = (now) => {
        const dialog = document.querySelector("mien-face-liveness").shadowRoot.querySelector("dialog");
        if (dialog) window.seen.push([now, dialog.style.backgroundColor]);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
RECORD_TEXTS = """() => {
    window.texts = [];
    const root = document.querySelector("mien-face-liveness").shadowRoot;
    const look = () => {
        const said = root.querySelector(".said");
        if (said && said.textContent !== window.texts.at(-1)) window.texts.push(said.textContent);
    };
    new MutationObserver(look).observe(root, { childList: true, characterData: true, subtree: true });
}"""
"""Records every change, not what is there when a busy machine draws."""
CAMERAS = """() => {
    const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await get(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_a_run_from_start_to_result(application: OpenApplication) -> None:
    app, plan = application(), Plan()
    app.page.evaluate(CAMERAS)
    app.page.evaluate(RECORD_COLOURS)
    app.page.locator("#before").focus()
    app.begin(plan)
    app.go_on()
    outcome = app.outcome()
    assert outcome["value"].keys() == {"resultId", "digest"}
    assert outcome["value"]["digest"] == plan.digest()
    assert [said["type"] for said in plan.said] == ["end"]
    assert plan.hellos[0]["client"].keys() == {"name", "version"}
    assert plan.hellos[0]["client"]["version"] == VERSION
    assert "deviceCorrelationId" not in plan.hellos[0]
    assert plan.paths == ["/channel"]  # the token is in no address
    assert app.page.evaluate("window.tracks.map((track) => track.readyState)") == ["ended"]
    expect(app.page.locator("dialog")).to_have_count(0)
    assert app.page.evaluate("document.activeElement.id") == "before"
    assert app.troubles == []

    assert [frame.sequence for frame in plan.positioning] == list(range(len(plan.positioning)))
    times = [frame.time for frame in plan.frames]
    assert len(times) >= FEWEST
    assert times == sorted(times)
    assert all(0 <= time <= CHALLENGE["durationMs"] + 2000 for time in times)
    assert [frame.sequence for frame in plan.frames] == list(range(len(times)))
    picture = cv2.imdecode(np.frombuffer(plan.frames[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert max(picture.shape[:2]) == 320
    assert app.page.evaluate("window.seen.length") > 0


def test_what_the_client_reports(application: OpenApplication) -> None:
    """Camera, script and capture, as docs/liveness-protocol.md names them and the server reads them."""
    app, plan = application(), Plan(claims={"nonce": "nonce of the session"})
    app.begin(plan, {"minimumFrameRate": 1, "skipOutcome": False})
    app.go_on()
    app.outcome()
    hello, end = plan.hellos[0], plan.said[-1]
    script = next(asset for asset in assets() if asset.path == MODULE_PATH).body
    policy = ClientPolicy(scripts=frozenset({hashlib.sha256(script).digest()}))
    assert policy.proves(hello["client"]["proof"], "nonce of the session") is True
    assert policy.proves(hello["client"]["proof"], "nonce of another") is False
    camera = read_camera(hello["camera"])
    assert camera is not None
    assert camera.virtual
    assert (camera.label, camera.cameras) == ("fake_device_0", 1)
    assert camera.width is not None
    assert camera.width >= 320
    capture = read_capture(end["capture"])
    assert capture is not None
    assert capture.timestamps in {"camera", "callback"}
    assert capture.measured["captured"] == len(plan.frames)
    assert capture.measured.keys() == {"captured", "dropped", "delayMs", "longestDelayMs", "roundTripMs", "frameRate"}
    assert 0 <= capture.measured["delayMs"] <= capture.measured["longestDelayMs"]


def test_colours_are_shown_when_the_challenge_says(application: OpenApplication) -> None:
    app, plan = application(), Plan()
    app.page.evaluate(RECORD_COLOURS)
    app.begin(plan)
    app.go_on()
    app.outcome()
    seen: list[tuple[float, str]] = app.page.evaluate("window.seen.map(([time, colour]) => [time, colour])")
    coloured = [at for at, (_time, colour) in enumerate(seen) if colour]
    # All callbacks of one animation frame get the same time. Ours ran before the component's or after it, so that it
    # saw what that one set in this frame or in the one before.
    first = coloured[0]
    starts = {seen[first][0], seen[first - 1][0]}

    def expected(time: float) -> str:
        flash = next((f for f in reversed(CHALLENGE["flashes"]) if f["startMs"] <= time), CHALLENGE["flashes"][0])
        return rgb(flash["color"])

    def fits(start: float) -> bool:
        return all(seen[at][1] in {expected(seen[at][0] - start), expected(seen[at - 1][0] - start)} for at in coloured)

    assert any(fits(start) for start in starts)
    # A busy machine may skip a colour that was to be seen for 0.3 s, so that only their order is certain.
    order = [colour for at, (_time, colour) in enumerate(seen) if colour and seen[at - 1][1] != colour]
    wanted = [rgb(flash["color"]) for flash in CHALLENGE["flashes"]]
    assert order == [colour for colour in wanted if colour in order]
    assert order[-1] == wanted[-1]
    assert len(order) >= 2


def test_the_person_is_guided(application: OpenApplication) -> None:
    app = application()
    plan = Plan(feedback=["MoveCloser"] * 8 + ["WordFromTheFuture"] * 8 + ["None"] * 8)
    app.page.evaluate(RECORD_TEXTS)
    app.begin(plan)
    app.go_on()
    app.page.locator(".arrow.left").wait_for(state="visible")
    app.outcome()
    texts = app.page.evaluate("window.texts")
    said = [text for text in texts if text and not text.startswith("Checking")]  # that may be over at once
    assert "Come closer." in said
    assert said.count("Look at the camera.") == 2  # at first, and for a key that it does not know
    assert said[-3:] == ["Good. Keep still.", "Turn your head to the left.", "Look straight ahead."]


@pytest.mark.parametrize(
    ("plan", "error", "recognition"),
    [
        (Plan(at={"hello": {"livenessError": "InvalidToken", "recognitionError": "None"}}), "InvalidToken", "None"),
        (Plan(at={"frame": {"livenessError": "NoFaceDetected"}}), "NoFaceDetected", "None"),
        (
            Plan(
                challenge=SHORT,
                at={"end": {"livenessError": "FaceWithMaskDetected", "recognitionError": "FaceWithMaskDetected"}},
            ),
            "FaceWithMaskDetected",
            "FaceWithMaskDetected",
        ),
        (Plan(at={"frame": "close"}), "UnexpectedServerError", "None"),
        (Plan(at={"end": {"livenessError": "SomethingNew"}}, challenge=SHORT), "Unexpected", "None"),
        (Plan(challenge=SHORT, outcome={"digest": "0" * 64}), "UnexpectedServerError", "None"),
        (Plan(challenge=SHORT | {"flashes": []}), "UnexpectedServerError", "None"),
        (
            Plan(
                challenge=SHORT
                | {
                    "flashes": [
                        {"startMs": at * 100, "durationMs": 100, "color": ("#000000", "#FFFFFF")[at % 2]}
                        for at in range(12)
                    ]
                }
            ),
            "UnexpectedServerError",
            "None",
        ),
    ],
    ids=["token", "face", "mask", "closed", "new-name", "digest", "empty", "flashes-too-often"],
)
def test_what_goes_wrong_has_its_name(application: OpenApplication, plan: Plan, error: str, recognition: str) -> None:
    app = application()
    app.begin(plan)
    app.go_on()
    rejected = app.error()
    assert (rejected["livenessError"], rejected["recognitionError"]) == (error, recognition)
    assert rejected["livenessError"] in set(LivenessError)
    expect(app.page.locator("dialog")).to_have_count(0)


def test_what_is_no_token_is_not_sent_anywhere(application: OpenApplication) -> None:
    app = application()
    app.page.evaluate(CAMERAS)
    for token in ("", "no token", "a.b.c", "e30.e30.e30"):
        app.begin_with(token)
        assert app.error()["livenessError"] == "InvalidToken"
    assert app.page.evaluate("window.tracks.length") == 0


def test_a_server_that_says_nothing(application: OpenApplication) -> None:
    app, plan = application(), Plan(at={"hello": "silence"})
    app.page.clock.install()
    app.begin(plan)
    app.go_on()
    app.page.wait_for_function(
        "document.querySelector('mien-face-liveness').shadowRoot.querySelector('.said').textContent === 'Connecting…'"
    )
    while not plan.hellos:
        app.page.wait_for_timeout(20)
    app.page.clock.run_for(16000)
    assert app.error()["livenessError"] == "ServerRequestTimedOut"
    plan.gone.wait(60)
    assert plan.said == [{"type": "cancel", "reason": "ServerRequestTimedOut"}]


def test_posts_where_websockets_do_not_work(application: OpenApplication) -> None:
    app, plan = application(), Plan(websocket=False)
    app.begin(plan)
    app.go_on()
    assert app.outcome()["value"]["digest"] == plan.digest()
    assert len(plan.frames) >= FEWEST
    assert set(plan.paths) == {"/channel/attempts", f"/channel/attempts/{plan.sid}"}
    assert "token" not in plan.hellos[0]


def test_a_network_that_is_too_slow(application: OpenApplication) -> None:
    app, plan = application(), Plan()
    app.page.evaluate(
        """() => {
            let asked = 0;
            Object.defineProperty(WebSocket.prototype, "bufferedAmount", { get() { return ++asked > 5 ? 1e6 : 0; } });
        }"""
    )
    app.begin(plan)
    app.go_on()
    assert app.outcome()["value"]["digest"] == plan.digest()
    assert len(plan.frames) == 5
    assert [frame.sequence for frame in plan.frames] == list(range(5))


def test_a_refusal_over_posts(application: OpenApplication) -> None:
    app = application()
    app.begin(Plan(websocket=False, at={"hello": {"livenessError": "InvalidToken", "attemptsLeft": 0}}))
    app.go_on()
    error = app.error()
    assert (error["livenessError"], error["attemptsLeft"]) == ("InvalidToken", 0)


class TestCamera:
    def test_denied(self, application: OpenApplication, denying: Browser) -> None:
        app, plan = application(other=denying), Plan()
        app.begin(plan)
        app.go_on()
        assert app.error()["livenessError"] == "CameraPermissionDenied"
        assert plan.hellos == []

    def test_none(self, application: OpenApplication, launch: LaunchBrowser) -> None:
        app, plan = application(other=launch("--use-fake-ui-for-media-stream")), Plan()
        app.begin(plan)
        app.go_on()
        assert app.error()["livenessError"] == "CameraStartupFailure"
        assert plan.hellos == []

    def test_one_that_is_not_there(self, application: OpenApplication) -> None:
        app = application()
        app.begin(Plan(), {"mediaInfoDeviceId": "gone"})
        app.go_on()
        assert app.error()["livenessError"] == "CameraStartupFailure"

    def test_taken_away(self, application: OpenApplication) -> None:
        app, plan = application(), Plan(feedback=["MoveCloser"] * 1000)
        app.page.evaluate(CAMERAS)
        app.begin(plan)
        app.go_on()
        while not plan.positioning:
            app.page.wait_for_timeout(20)
        app.page.evaluate("window.tracks[0].dispatchEvent(new Event('ended'))")
        assert app.error()["livenessError"] == "CameraStartupFailure"
        plan.gone.wait(60)
        assert plan.said == [{"type": "cancel", "reason": "CameraStartupFailure"}]

    def test_a_page_that_is_not_secure(self, application: OpenApplication, denying: Browser) -> None:
        app = application(other=denying)
        app.page.goto(f"http://application.test:{app.fake.port}/page")
        app.page.evaluate("async () => { await customElements.whenDefined('mien-face-liveness'); }")
        app.begin(Plan())
        assert app.error()["livenessError"] == "EnvironmentNotSupported"


@pytest.fixture(scope="module")
def denying(launch: LaunchBrowser) -> Browser:
    """A browser whose user says no to cameras."""
    return launch(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream=deny",
        "--host-resolver-rules=MAP application.test 127.0.0.1",
    )


class TestCancel:
    def test_before_the_camera(self, application: OpenApplication) -> None:
        app, plan = application(), Plan()
        app.begin(plan)
        app.page.keyboard.press("Escape")
        assert app.error()["livenessError"] == "UserCanceledSession"
        assert plan.hellos == []

    def test_while_the_face_is_placed(self, application: OpenApplication) -> None:
        app, plan = application(), Plan(feedback=["MoveCloser"] * 1000)
        app.page.evaluate(CAMERAS)
        app.begin(plan)
        app.go_on()
        while not plan.positioning:
            app.page.wait_for_timeout(20)
        app.page.locator(".foot button.cancel").click()
        assert app.error()["livenessError"] == "UserCanceledSession"
        plan.gone.wait(60)
        assert plan.said == [{"type": "cancel", "reason": "UserCanceledSession"}]
        assert app.page.evaluate("window.tracks[0].readyState") == "ended"

    def test_while_the_head_turns(self, application: OpenApplication) -> None:
        app, plan = application(), Plan(challenge=LONG)
        app.begin(plan)
        app.go_on()
        app.page.locator(".arrow.left").wait_for(state="visible")
        app.page.keyboard.press("Escape")
        assert app.error()["livenessError"] == "UserCanceledActiveMotion"
        plan.gone.wait(60)
        assert plan.said == [{"type": "cancel", "reason": "UserCanceledActiveMotion"}]

    def test_by_taking_the_element_away(self, application: OpenApplication) -> None:
        app, plan = application(), Plan()
        app.begin(plan)
        app.page.evaluate("document.querySelector('mien-face-liveness').remove()")
        assert app.error()["livenessError"] == "UserCanceledSession"

    def test_then_once_more(self, application: OpenApplication) -> None:
        app = application()
        app.begin(Plan())
        app.page.keyboard.press("Escape")
        app.error()
        plan = Plan(challenge=SHORT)
        app.begin(plan)
        app.go_on()
        assert app.outcome()["value"]["digest"] == plan.digest()


def test_the_names_of_errors_are_the_servers(application: OpenApplication) -> None:
    found = application().page.evaluate(
        """async () => {
            const { LivenessError, RecognitionError } = await import("/liveness/web/v1/mien-face-liveness.js");
            return [Object.values(LivenessError), Object.values(RecognitionError)];
        }"""
    )
    assert set(found[0]) == set(LivenessError)
    assert set(found[1]) == set(RecognitionError)


def test_only_one_attempt_at_a_time(application: OpenApplication) -> None:
    app = application()
    app.begin(Plan())
    second = app.page.evaluate(
        "(token) => document.querySelector('mien-face-liveness').start(token).catch((error) => error.livenessError)",
        app.fake.token(Plan()),
    )
    assert second == "UnexpectedClientError"
    expect(app.page.locator("dialog")).to_have_count(1)


def test_ids_that_the_client_sets(application: OpenApplication) -> None:
    app = application()
    claims = {"dcs": True, "ucs": True}
    first, second = Plan(claims=claims, challenge=SHORT), Plan(claims=claims, challenge=SHORT)
    for plan, own in ((first, {}), (second, {"deviceCorrelationId": "phone", "userCorrelationId": "user"})):
        app.begin(plan, own)
        app.go_on()
        app.outcome()
    assert re.fullmatch(r"[0-9a-f-]{36}", first.hellos[0]["deviceCorrelationId"])
    assert "userCorrelationId" not in first.hellos[0]
    assert second.hellos[0]["deviceCorrelationId"] == "phone"
    assert second.hellos[0]["userCorrelationId"] == "user"


class TestAzureShape:
    def test_its_name_and_properties(self, application: OpenApplication) -> None:
        app, plan = application("azure-ai-vision-face-ui"), Plan(challenge=SHORT)
        styles = {
            "buttonStyles": "border-radius: 0px; color: rgb(1, 2, 3);",
            "feedbackMessageStyles": "color: rgb(4, 5, 6);",
        }
        text = {"fontSize": "20px", "fontFamily": "serif", "brightnessImagePath": "data:,", "locale": "pt-BR"}
        own = {"languageDictionary": {"Continue": "Vamos"}}
        app.begin(plan, {**styles, **text, **own})
        button = app.page.get_by_role("button", name="Vamos")
        assert button.evaluate("(e) => getComputedStyle(e).color") == "rgb(1, 2, 3)"
        assert app.page.locator("dialog").evaluate("(e) => getComputedStyle(e).fontSize") == "20px"
        assert app.page.locator("dialog").evaluate("(e) => getComputedStyle(e).fontFamily") == "serif"
        expect(app.page.locator(".bright img")).to_have_attribute("src", "data:,")
        app.page.get_by_role("heading", name="Verificação do rosto").wait_for()
        button.click()
        assert app.page.locator(".said").evaluate("(e) => getComputedStyle(e).color") == "rgb(4, 5, 6)"
        assert app.outcome()["value"]["digest"] == plan.digest()

    def test_properties_that_were_set_before_the_module_came(self, application: OpenApplication) -> None:
        app = application()
        found = app.page.evaluate(
            """() => {
                const element = document.createElement("x-later");
                element.locale = "fa";
                customElements.define("x-later", class extends customElements.get("mien-face-liveness") {});
                document.body.append(element);
                return [element.locale, Object.hasOwn(element, "locale")];
            }"""
        )
        assert found == ["fa", False]

    def test_attributes(self, application: OpenApplication) -> None:
        app = application()
        found = app.page.evaluate(
            """() => {
                const element = document.querySelector("mien-face-liveness");
                element.setAttribute("skipInstructions", "");
                element.setAttribute("locale", "fa");
                element.setAttribute("fontsize", "2rem");
                element.removeAttribute("fontsize");
                return [element.skipInstructions, element.locale, element.fontSize ?? null];
            }"""
        )
        assert found == [True, "fa", None]

    def test_the_older_element(self, application: OpenApplication) -> None:
        app = application("azure-ai-vision-faceanalyzer")
        plan = Plan(challenge=SHORT, outcome={"livenessDecision": "realface"})
        app.page.evaluate(
            """(token) => {
                const element = document.createElement("azure-ai-vision-faceanalyzer");
                element.token = token;
                element.addEventListener("analyzed", (event) => {
                    const { status, resultDigest } = event.result.livenessResult;
                    window.outcome = { status: element.LivenessStatus[status], digest: resultDigest,
                        same: event.detail === event.result };
                });
                document.body.append(element);
            }""",
            app.fake.token(plan),
        )
        app.go_on()
        assert app.outcome() == {"status": "Live", "digest": plan.digest(), "same": True}

    def test_the_older_element_says_why_not(self, application: OpenApplication) -> None:
        app = application("azure-ai-vision-faceanalyzer")
        app.page.evaluate(
            """(token) => {
                const element = document.querySelector("azure-ai-vision-faceanalyzer");
                element.addEventListener("analyzed", ({ result: { livenessResult: { status, failureReason } } }) => {
                    window.outcome = [element.LivenessStatus[status], element.LivenessFailureReason[failureReason]];
                });
                element.token = token;
                element.analyzeOnceAgain();
            }""",
            app.fake.token(Plan(at={"frame": {"livenessError": "NoFaceDetected"}})),
        )
        app.go_on()
        assert app.outcome() == ["Failed", "NoFaceDetected"]


def test_on_another_origin_under_a_strict_policy(application: OpenApplication) -> None:
    """A page of an application, isolated, that allows the module by its hash and nothing that is inline."""
    api = FakeServer()
    try:
        module = next(asset for asset in assets() if "immutable" in asset.cache_control and asset.path.endswith(".js"))
        socket = api.origin.replace("http", "ws")
        policy = (
            f"default-src 'none'; script-src {api.origin}; connect-src {api.origin} {socket}; "
            "img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        html = PAGE.replace(
            'src="{module}"', f'src="{api.origin}{module.path}" crossorigin integrity="{module.integrity}"'
        )
        app = application(
            html=html,
            headers={
                "Content_Security_Policy": policy,
                "Cross_Origin_Embedder_Policy": "require-corp",
                "Cross_Origin_Opener_Policy": "same-origin",
            },
        )
        assert app.page.evaluate("crossOriginIsolated")
        for plan in (Plan(challenge=SHORT), Plan(challenge=SHORT, websocket=False)):
            api.plans.clear()
            app.begin_with(api.token(plan))
            app.go_on()
            assert app.outcome()["value"]["digest"] == plan.digest()
        assert [text for text in app.troubles if "WebSocket" not in text] == []
    finally:
        api.close()


def test_reduced_motion(application: OpenApplication) -> None:
    app = application(reduced_motion="reduce")
    app.begin(Plan(challenge=LONG))
    app.go_on()
    app.page.locator(".arrow.left").wait_for(state="visible")
    assert app.page.locator(".arrow svg").evaluate("(e) => getComputedStyle(e).animationName") == "none"
    assert app.page.locator(".spinner").evaluate("(e) => getComputedStyle(e).animationName") == "none"
    app.page.keyboard.press("Escape")
    app.error()


def begin_positioning(app: Application, properties: dict[str, Any] | None = None) -> None:
    app.begin(Plan(feedback=["MoveCloser"] * 1000), properties)
    app.go_on()
    app.page.wait_for_function(
        "document.querySelector('mien-face-liveness').shadowRoot.querySelector('video').videoWidth > 0"
    )
