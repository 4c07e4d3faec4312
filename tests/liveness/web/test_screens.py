"""Every page that the component shows: what hinders, what came of it, and what the person can do about it.

With `MIEN_SCREENSHOTS` set to a folder, every page is photographed there, upright and on its side, in the language of
`MIEN_SCREENSHOT_LOCALE`: look at them after a change of the pages.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.liveness.web.conftest import Application, LaunchBrowser, OpenApplication
from tests.liveness.web.fake_channel import Plan
from tests.liveness.web.test_component import SHORT
from tests.npm import node_modules

from mien.liveness import reports
from mien.liveness.types import LivenessError

pytestmark = pytest.mark.timeout(600)

SHOWN = {"skipOutcome": False}
LOCALE = os.environ.get("MIEN_SCREENSHOT_LOCALE", "en")
SIZES = {"upright": (390, 844), "side": (844, 390), "desk": (1280, 800)}

FAIL = """([name, times]) => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    let left = times;
    navigator.mediaDevices.getUserMedia = (wanted) =>
        left-- > 0 ? Promise.reject(new DOMException("told to fail", name)) : open(wanted);
}"""
"""The camera fails so many times as browsers report it, then works."""

HOLD_THE_LAST_PAGE = """() => {
    const wait = window.setTimeout;
    window.setTimeout = (call, ms, ...rest) => wait(call, ms === 1600 ? 1e8 : ms, ...rest);
}"""
"""The page that says that all is done goes by itself; here it stays until Escape."""

PAINTED = """([colour, fps, times]) => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    let left = times;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        if (left-- <= 0) return open(wanted);
        const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
        const paint = canvas.getContext("2d");
        const stream = canvas.captureStream(0);
        let count = 0;
        setInterval(() => {
            paint.fillStyle = colour;
            paint.fillRect(0, 0, 640, 480);
            paint.fillStyle = "#777";
            paint.fillRect(count++ % 600, 0, 8, 8);
            stream.getVideoTracks()[0].requestFrame();
        }, 1000 / fps);
        return stream;
    };
}"""
"""A camera that shows one colour so many times a second."""


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


Look = Callable[[Application, str], None]


@pytest.fixture
def look(axe: str) -> Look:
    """Checks a page: accessible, in view at every size; photographs it where that is asked for."""
    folder = os.environ.get("MIEN_SCREENSHOTS")

    def check(app: Application, name: str) -> None:
        app.page.evaluate(axe)
        found = app.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found] == []
        for kind, (width, height) in SIZES.items():
            app.page.set_viewport_size({"width": width, "height": height})
            wide = "() => { const d = document.querySelector('mien-face-liveness').shadowRoot.querySelector('dialog');"
            assert app.page.evaluate(wide + " return d.scrollWidth - d.clientWidth; }") <= 0, (name, kind)
            if folder:
                app.page.screenshot(path=Path(folder) / f"{name}-{LOCALE}-{kind}.png")

    return check


def text(app: Application, key: str) -> str:
    """A text of the language that the tests run in."""
    told: str = app.page.evaluate(
        "async ([locale, key]) => (await import('/liveness/web/v1/mien-face-liveness.js')).languages[locale][key]",
        [LOCALE, key],
    )
    return told


def begin(app: Application, plan: Plan, properties: dict[str, Any] | None = None) -> None:
    app.begin(plan, {**SHOWN, "locale": LOCALE, **(properties or {})})
    app.go_on()


def shows(app: Application, key: str) -> None:
    """Wait for a page with this title."""
    expect(app.page.locator(".notice h2")).to_have_text(text(app, key), use_inner_text=True)


def press(app: Application, key: str) -> None:
    app.page.get_by_role("button", name=text(app, key), exact=True).click()


def test_the_first_page(application: OpenApplication, look: Look) -> None:
    app = application()
    app.begin(Plan(), {**SHOWN, "locale": LOCALE})
    look(app, "intro")
    app.page.keyboard.press("Escape")
    assert app.error()["livenessError"] == "UserCanceledSession"  # somebody who stops is asked nothing more


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NotFoundError", "CameraMissing"),
        ("NotReadableError", "CameraInUse"),
        ("AbortError", "CameraInUse"),
        ("TypeError", "CameraStartupFailure"),
    ],
)
def test_a_camera_that_fails_works_on_the_second_try(
    application: OpenApplication, look: Look, name: str, reason: str
) -> None:
    app, plan = application(), Plan(challenge=SHORT)
    app.page.evaluate(FAIL, [name, 1])
    begin(app, plan)
    shows(app, reason)
    if name != "AbortError":
        look(app, reason)
    press(app, "TryAgain")
    assert app.outcome()["value"]["digest"] == plan.digest()
    assert len(plan.hellos) == 1


@pytest.mark.heavy
def test_a_camera_that_fails_tells_the_application_why(application: OpenApplication) -> None:
    app = application()
    app.page.evaluate(FAIL, ["NotReadableError", 9])
    begin(app, Plan())
    press(app, "Cancel")
    error = app.error()
    assert (error["livenessError"], error["reason"]) == ("CameraStartupFailure", "CameraInUse")


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        (None, "CameraPermissionDeniedAdvice"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140", "CameraPermissionDeniedAdviceAndroid"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "CameraPermissionDeniedAdviceIos"),
    ],
    ids=["computer", "Android", "iOS"],
)
def test_permission_refused_tells_how_to_give_it(
    application: OpenApplication, denying: Browser, look: Look, agent: str | None, key: str
) -> None:
    app = application(other=denying, user_agent=agent)
    begin(app, Plan())
    shows(app, "CameraPermissionDenied")
    app.page.get_by_role("status").get_by_text(text(app, key)).wait_for()
    look(app, key)
    press(app, "Cancel")
    assert app.error()["livenessError"] == "CameraPermissionDenied"


@pytest.fixture(scope="module")
def denying(launch: LaunchBrowser) -> Browser:
    return launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny")


@pytest.mark.heavy
def test_a_page_that_may_not_use_cameras(application: OpenApplication, look: Look) -> None:
    app = application(headers={"Permissions_Policy": "camera=()"})
    begin(app, Plan())
    shows(app, "CameraForbidden")
    look(app, "CameraForbidden")
    press(app, "Close")
    error = app.error()
    assert (error["livenessError"], error["reason"]) == ("CameraPermissionDenied", "CameraForbidden")


@pytest.mark.heavy
def test_virtual_cameras_are_refused_by_default(application: OpenApplication, look: Look) -> None:
    app, plan = application(), Plan(claims={"vc": False})  # Chromium's own is one
    begin(app, plan)
    shows(app, "CameraVirtual")
    look(app, "CameraVirtual")
    press(app, "Cancel")
    error = app.error()
    assert (error["livenessError"], error["reason"]) == ("CameraStartupFailure", "CameraVirtual")
    assert plan.hellos == []


@pytest.mark.heavy
def test_a_virtual_camera_that_the_server_refuses(application: OpenApplication) -> None:
    app = application()
    begin(app, Plan(at={"hello": {"livenessError": "EnvironmentNotSupported", "message": "it is a program"}}))
    shows(app, "CameraVirtual")


def test_component_and_server_know_the_same_virtual_cameras(application: OpenApplication) -> None:
    source = application().page.evaluate("fetch('/liveness/web/v1/mien-face-liveness.js').then((a) => a.text())")
    listed = source.partition("const VIRTUAL = [")[2].partition("]")[0]
    assert [part.strip(' "\n') for part in listed.split(",")[:-1]] == list(reports._VIRTUAL)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("colour", "fps", "reason"),
    [("#777777", 9, "CameraSlow"), ("#050505", 30, "SceneDark"), ("#fdfdfd", 30, "SceneBright")],
)
def test_what_may_be_ignored(application: OpenApplication, look: Look, colour: str, fps: int, reason: str) -> None:
    app, plan = application(), Plan(challenge=SHORT)
    app.page.evaluate(PAINTED, [colour, fps, 9])
    begin(app, plan, {"minimumFrameRate": 15 if reason == "CameraSlow" else 0})
    shows(app, reason)
    look(app, reason)
    press(app, "ContinueAnyway")
    assert app.outcome()["value"]["digest"] == plan.digest()


@pytest.mark.heavy
def test_a_camera_that_is_far_too_slow(application: OpenApplication) -> None:
    app = application()
    app.page.evaluate(PAINTED, ["#777777", 3, 1])
    begin(app, Plan(challenge=SHORT), {"minimumFrameRate": 15})
    app.page.locator(".notice h2").wait_for()
    expect(app.page.get_by_role("button", name=text(app, "ContinueAnyway"))).to_have_count(0)
    press(app, "Cancel")
    assert app.error()["livenessError"] == "CameraStartupFailure"


def test_a_failure_and_another_attempt(application: OpenApplication, look: Look) -> None:
    app = application()
    failure = {"livenessError": "FaceTrackingFailed", "recognitionError": "MultipleFaceFound", "attemptsLeft": 2}
    plan = Plan(challenge=SHORT, at={"end": failure})
    app.page.evaluate(
        """() => {
            window.problems = [];
            document.querySelector("mien-face-liveness").addEventListener(
                "problem", ({ detail }) => window.problems.push([detail.livenessError, detail.attemptsLeft]));
        }"""
    )
    app.page.evaluate(HOLD_THE_LAST_PAGE)
    begin(app, plan)
    shows(app, "MultipleFaceFound")
    app.page.get_by_text(text(app, "AttemptsLeft").replace("{count}", "2")).wait_for()
    look(app, "failure")
    plan.at, plan._asked = {}, False
    plan.positioning.clear()
    plan.frames.clear()
    press(app, "TryAgain")
    app.page.locator(".sign.good").wait_for()
    shows(app, "Done")
    look(app, "done")
    app.page.keyboard.press("Escape")
    assert app.outcome()["value"]["digest"] == plan.digest()
    assert app.page.evaluate("window.problems") == [["FaceTrackingFailed", 2]]
    assert len(plan.hellos) == 2


@pytest.mark.heavy
def test_no_attempt_is_left(application: OpenApplication, look: Look) -> None:
    app = application()
    begin(app, Plan(challenge=SHORT, at={"end": {"livenessError": "FaceWithMaskDetected", "attemptsLeft": 0}}))
    app.page.locator(".notice h2").wait_for()
    look(app, "over")
    expect(app.page.locator(".notice button")).to_have_text([text(app, "Close")])
    press(app, "Close")
    assert app.error()["livenessError"] == "FaceWithMaskDetected"


@pytest.mark.heavy
def test_a_wait_before_the_next_attempt(application: OpenApplication, look: Look) -> None:
    app = application()
    locked = {"livenessError": "UnexpectedClientError", "attemptsLeft": 1, "retryAfterSeconds": 15}
    begin(app, Plan(at={"hello": locked}))
    shows(app, "Unexpected")
    again = app.page.get_by_role("button", name=text(app, "TryAgain"))
    expect(again).to_be_disabled()
    look(app, "wait")
    app.page.clock.install()
    app.page.keyboard.press("Escape")
    assert app.error()["retryAfterSeconds"] == 15


@pytest.mark.heavy
@pytest.mark.parametrize(("decision", "key"), [("realface", "Confirmed"), ("uncertain", "NotConfirmed")])
def test_a_decision_that_the_client_is_told(application: OpenApplication, look: Look, decision: str, key: str) -> None:
    app, plan = application(), Plan(challenge=SHORT, outcome={"livenessDecision": decision})
    app.page.evaluate(HOLD_THE_LAST_PAGE)
    begin(app, plan)
    shows(app, key)
    if key == "NotConfirmed":
        look(app, "not-confirmed")
        press(app, "Close")
    else:
        app.page.keyboard.press("Escape")
    assert app.outcome()["value"]["livenessDecision"] == decision


def test_every_error_has_words(application: OpenApplication) -> None:
    """No name of the protocol is ever shown: not of an error that is known, nor of a new one."""
    found = application().page.evaluate(
        """async (names) => {
            const { explain, languages } = await import("/liveness/web/v1/mien-face-liveness.js");
            return Object.keys(languages).flatMap((locale) => names.map((livenessError) => {
                const { title, advice } = explain({ livenessError }, locale);
                return [locale, livenessError, title, advice];
            }));
        }""",
        [*(error.value for error in LivenessError if error is not LivenessError.NONE), "ErrorOfTomorrow"],
    )
    names = {error.value for error in LivenessError} | {"ErrorOfTomorrow"}
    english = {name: (title, advice) for locale, name, title, advice in found if locale == "en"}
    for locale, name, shown, advice in found:
        assert shown, (locale, name)
        assert advice, (locale, name)
        assert not names & {shown, advice}, (locale, name)
        assert locale == "en" or (shown, advice) != english[name], (locale, name)


class TestCameraPicker:
    TWO = """() => {
        const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.enumerateDevices = async () => [
            ...(await list()).filter(({ kind }) => kind === "videoinput").slice(0, 1),
            { kind: "videoinput", deviceId: "second", label: "Camera at the back" },
        ];
        window.opened = [];
        navigator.mediaDevices.getUserMedia = async ({ video, audio }) => {
            window.opened.push(video.deviceId?.exact ?? null);
            return open({ audio, video: { ...video, deviceId: undefined } });
        };
    }"""

    @pytest.mark.heavy
    def test_another_camera(self, application: OpenApplication, look: Look) -> None:
        app, plan = application(), Plan(feedback=["MoveCloser"] * 1000)
        app.page.evaluate(self.TWO)
        begin(app, plan)
        picker = app.page.locator(".picker select")
        picker.wait_for()
        look(app, "positioning")
        with app.page.expect_event("console", lambda message: message.text == "changed"):
            app.page.evaluate(
                """() => document.querySelector("mien-face-liveness").addEventListener(
                    "camerachange", ({ detail }) => detail.deviceId === "second" && console.log("changed"))"""
            )
            picker.select_option("second")
        while len(plan.hellos) < 2:
            app.page.wait_for_timeout(20)
        assert app.page.evaluate("window.opened") == [None, "second"]
        assert plan.said == [{"type": "cancel", "reason": "UserCanceledSession"}]  # nothing counted yet
        app.page.keyboard.press("Escape")
        assert app.error()["livenessError"] == "UserCanceledSession"
        begin(app, Plan())  # it is remembered
        app.page.locator("video").wait_for()
        while app.page.evaluate("window.opened.length") < 3:
            app.page.wait_for_timeout(20)
        assert app.page.evaluate("window.opened[2]") == "second"

    @pytest.mark.heavy
    def test_instead_of_a_virtual_one(self, application: OpenApplication, look: Look) -> None:
        app = application()
        app.page.evaluate(self.TWO)
        begin(app, Plan(claims={"vc": False}))
        picker = app.page.locator(".picker select")
        picker.wait_for()
        expect(picker.locator("option")).to_have_text(["Camera at the back"])
        look(app, "instead")
        press(app, "TryAgain")
        while app.page.evaluate("window.opened.length") < 2:
            app.page.wait_for_timeout(20)
        assert app.page.evaluate("window.opened") == [None, "second"]


@pytest.mark.heavy
def test_the_pages_of_an_attempt(application: OpenApplication, look: Look) -> None:
    app = application()
    turn = {"direction": "left", "startMs": 1000, "durationMs": 5000}
    flashes = [{"startMs": 0, "durationMs": 6200, "color": "#00FFFF"}]
    plan = Plan(at={"end": "silence"}, challenge={"durationMs": 6200, "flashes": flashes, "turns": [turn]})
    begin(app, plan)
    app.page.locator(".arrow.left").wait_for(state="visible")
    look(app, "turn")
    app.page.locator(".spinner").wait_for(state="visible")
    look(app, "checking")
    app.page.keyboard.press("Escape")
    assert app.error()["livenessError"] == "UserCanceledSession"


CALM: dict[str, Any] = {
    "durationMs": 900,
    "flashes": [{"startMs": 0, "durationMs": 900, "color": "#FFFFFF"}],
    "turns": [{"direction": "up", "startMs": 200, "durationMs": 600}],
}


class TestWithoutFlashes:
    def plan(self) -> Plan:
        challenge = {"fps": 15, "maxFrames": 300, "maxTotalBytes": 16777216, "graceSeconds": 10, "flashes": False}
        return Plan(claims={"wf": True}, accepted={"challenge": challenge}, challenge=CALM)

    @pytest.mark.heavy
    def test_the_person_chooses_it(self, application: OpenApplication, look: Look) -> None:
        app, plan = application(), self.plan()
        app.begin(plan, {**SHOWN, "locale": LOCALE})
        look(app, "intro-calm")
        press(app, "WithoutFlashes")
        assert app.outcome()["value"]["digest"] == plan.digest()
        assert plan.hellos[0]["flashes"] is False

    @pytest.mark.heavy
    def test_the_application_chooses_it(self, application: OpenApplication) -> None:
        app, plan = application(), self.plan()
        app.begin(plan, {"withoutFlashes": True})
        expect(app.page.get_by_role("note")).to_have_count(0)
        app.go_on()
        assert app.outcome()["value"]["digest"] == plan.digest()
        assert plan.hellos[0]["flashes"] is False

    @pytest.mark.heavy
    def test_where_the_server_does_not_allow_it(self, application: OpenApplication) -> None:
        app = application()
        app.begin(Plan())
        expect(app.page.get_by_role("button", name="Continue without flashing colours")).to_have_count(0)
        app.page.keyboard.press("Escape")
        app.error()
        app.begin(Plan(), {"withoutFlashes": True})
        assert app.error()["livenessError"] == "UnexpectedClientError"

    @pytest.mark.heavy
    @pytest.mark.parametrize("granted", [True, False])
    def test_a_server_that_flashes_all_the_same(self, application: OpenApplication, granted: bool) -> None:
        app = application()
        plan = self.plan() if granted else Plan(claims={"wf": True})
        if granted:
            plan.challenge = Plan().challenge
        app.begin(plan, {"withoutFlashes": True})
        app.go_on()
        assert app.error()["livenessError"] == "UnexpectedServerError"
