"""The liveness channel through the real ASGI application: WebSocket and POSTs, honest clients and others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
from tests.conftest import MASTER_KEY, sqlite_database
from tests.manual_clock import ManualClock
from tests.wire.conftest import KEY
from tests.wire.liveness_client import LivenessService, make_liveness_service

from mien.contract.flashes import WithoutFlashes
from mien.gateway.cors import Origins
from mien.liveness.abuse import AbusePolicy
from mien.liveness.attestation import AttestationError, Attestations, binding
from mien.liveness.challenge import Challenge
from mien.liveness.problems import server_lacks
from mien.liveness.recording import FrameLimits
from mien.liveness.records import SessionOptions
from mien.liveness.reports import ClientPolicy, script_proof
from mien.liveness.timing import Arrivals
from mien.liveness.types import (
    AttemptProblem,
    BestFrame,
    Decision,
    Evidence,
    Judgement,
    LivenessError,
    Mode,
    RecognitionError,
    TimedFrame,
)
from mien.storage import Database, MasterKey, Vault
from mien.vision.types import Embedding, Face, FaceBox, Want
from mien.wire.application import ChannelParts

PATH = "/face/v1.2/detectLiveness/singleModal"
DEVICE = "723d6d03-ef33-40a8-9682-23a1feb7bccd"
FRONTAL = np.array([[40, 40], [80, 40], [60, 60], [45, 80], [75, 80]], np.float32)


@dataclass(frozen=True)
class Seen:
    faces: tuple[Face, ...]
    width: int = 160
    height: int = 160
    photo: None = None


class ToldFinder:
    """Finds a face where it is told to."""

    def __init__(self) -> None:
        self.boxes: list[FaceBox] = [FaceBox(50, 40, 60, 80)]
        self.points = FRONTAL

    def analyze(self, image: bytes, want: Want) -> Seen:
        return Seen(tuple(Face(box, 0.9, self.points) for box in self.boxes))


class ToldJudge:
    """Decides what it is told to, and keeps what it was given."""

    def __init__(self) -> None:
        self.decision: Decision | None = Decision.REAL
        self.problem: AttemptProblem | None = None
        self.confidence: float | None = None
        self.error: Exception | None = None
        self.arrivals: Arrivals | None = None
        self.given: list[tuple[Sequence[TimedFrame], Challenge, Embedding | None]] = []

    def lacks(self, mode: Mode) -> None:
        return None

    def judge(
        self,
        frames: Sequence[TimedFrame],
        challenge: Challenge,
        reference: Embedding | None = None,
        arrivals: Arrivals | None = None,
    ) -> Judgement:
        self.arrivals = arrivals
        self.given.append((frames, challenge, reference))
        if self.error is not None:
            raise self.error
        best = BestFrame(bytes(frames[0].image), FaceBox(1, 2, 3, 4), frames[0].time_ms)
        evidence = (Evidence("reflection", 0.9, {"lag": 1.0}),)
        return Judgement(
            None if self.problem else self.decision, self.problem, evidence, (), best, self.confidence, "test-1"
        )


class Steps:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Stage:
    service: LivenessService
    finder: ToldFinder
    judge: ToldJudge
    steps: Steps
    counted: list[tuple[Any, ...]]

    def token(self, **options: Any) -> str:
        given = {"device_correlation_id": DEVICE, **options}
        made = SessionOptions(Mode.PASSIVE, endpoint="http://mien.test", route=PATH, **given)
        return self.service.liveness.create(self.service.resource_id, made).token

    def session(self, token: str) -> Any:
        return self.service.liveness.sessions.get(self.service.resource_id, claims(token)["sid"], with_verify=False)


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return read


@pytest.fixture
def make_stage(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Stage]]:
    made: list[tuple[LivenessService, Database]] = []

    def make(
        policy: AbusePolicy | None = None, concurrent: int = 64, clients: ClientPolicy | None = None, **limits: Any
    ) -> Stage:
        database = sqlite_database(tmp_path / f"{uuid4().hex}.db")
        vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
        finder, judge, steps = ToldFinder(), ToldJudge(), Steps()
        counted: list[tuple[Any, ...]] = []
        channel = ChannelParts(
            judge=judge,
            finder=finder,
            limits=FrameLimits(**limits),
            policy=clients or ClientPolicy(),
            concurrent=concurrent,
            now=steps,
            count=lambda *told: counted.append(told),
        )
        service = make_liveness_service(database, vault, clock, channel, policy)
        made.append((service, database))
        return Stage(service, finder, judge, steps, counted)

    yield make
    for service, database in made:
        service.application.close()
        database.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()


@dataclass
class Socket:
    """A client's end of a WebSocket, straight at the ASGI application."""

    incoming: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    outgoing: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None

    async def open(self, stage: Stage, path: str = PATH, protocol: str = "mien-liveness.1", **headers: str) -> Any:
        scope = {
            "type": "websocket",
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.7", 1234),
            "subprotocols": [protocol],
            "query_string": b"",
        }
        await self.incoming.put({"type": "websocket.connect"})
        application = stage.service.application(scope, self.incoming.get, self.outgoing.put)
        self.task = asyncio.get_running_loop().create_task(application)
        return await self.raw()

    async def raw(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.outgoing.get(), 20)

    async def say(self, **message: Any) -> None:
        await self.incoming.put({"type": "websocket.receive", "text": json.dumps(message)})

    async def show(self, frame: bytes) -> None:
        await self.incoming.put({"type": "websocket.receive", "bytes": frame})

    async def hear(self) -> dict[str, Any]:
        """The next message; at the end, after it, the connection is closed."""
        sent = await self.raw()
        assert sent["type"] == "websocket.send", sent
        message: dict[str, Any] = json.loads(sent["text"])
        if message["type"] in {"result", "failure"}:
            assert await self.raw() == {"type": "websocket.close", "code": 1000}
            assert self.task is not None
            await self.task
        return message

    async def leave(self) -> None:
        await self.incoming.put({"type": "websocket.disconnect", "code": 1001})
        assert self.task is not None
        await self.task


@pytest.fixture
async def sockets() -> AsyncIterator[Callable[..., Any]]:
    opened: list[Socket] = []

    async def connect(stage: Stage, **given: Any) -> Socket:
        socket = Socket()
        opened.append(socket)
        assert await socket.open(stage, **given) == {"type": "websocket.accept", "subprotocol": "mien-liveness.1"}
        return socket

    yield connect
    for socket in opened:
        if socket.task is not None and not socket.task.done():
            await socket.leave()


def jpeg(seed: int, side: int = 160) -> bytes:
    pixels = np.random.default_rng(seed).integers(90, 160, (side, side, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])


def frame(number: int, time_ms: int, image: bytes | None = None, *, positioning: bool = False) -> bytes:
    head = struct.pack(">II", time_ms, number | (0x8000_0000 if positioning else 0))
    return head + (jpeg(number) if image is None else image)


async def position(socket: Socket) -> dict[str, Any]:
    """Go on until the challenge comes."""
    for number in range(3):
        await socket.show(frame(number, number * 200, positioning=True))
        said = await socket.hear()
        assert (said["type"], said["sequence"], said["key"]) == ("feedback", number, "None")
    said = await socket.hear()
    assert said["type"] == "challenge"
    return said


async def answer(socket: Socket, stage: Stage, said: dict[str, Any], seed: int = 0, **end: Any) -> list[bytes]:
    """Answer a challenge to its end; returns the messages."""
    sent = []
    for number in range(6):
        stage.steps.seconds += said["durationMs"] / 6000
        sent.append(frame(number, round((number + 0.5) * said["durationMs"] / 6), jpeg(1000 * seed + number)))
        await socket.show(sent[-1])
    await socket.say(type="end", **end)
    return sent


async def test_an_attempt_from_hello_to_result(stage: Stage, sockets: Callable[..., Any]) -> None:
    token = stage.token(keep_image=True, send_results=True)
    socket = await sockets(stage, **{"User-Agent": "Browser"})
    await socket.say(type="hello", token=token, clientRequestId="mine", something="new")
    accepted = await socket.hear()
    assert (accepted["type"], accepted["attemptsLeft"], accepted["mode"]) == ("accepted", 3, "Passive")
    assert stage.session(token).status == "NotStarted"
    challenge = await position(socket)
    assert stage.session(token).status == "Running"
    assert (challenge["attemptId"], challenge["challenge"]["durationMs"]) == (1, challenge["durationMs"])
    await socket.show(frame(9, 9, positioning=True))  # was on its way: ignored
    sent = await answer(socket, stage, challenge)
    result = await socket.hear()
    assert (result["type"], result["livenessDecision"]) == ("result", "realface")

    session = stage.session(token)
    (attempt,) = session.attempts
    assert (str(attempt.request_id), attempt.request.client_request_id) == (result["resultId"], "mine")
    assert attempt.request.user_agent == "Browser"
    assert attempt.outcome.digest == result["digest"]
    own = hashlib.sha256(f"mien-liveness.1\n{session.id}\n1\n".encode())
    for message in sent:
        own.update(hashlib.sha256(message).digest())
    assert own.hexdigest().upper() == result["digest"]
    assert stage.service.liveness.sessions.find(stage.service.resource_id, attempt.outcome.image_id) == sent[0][8:]
    assert attempt.outcome.evidence == {"reflection": {"score": 0.9, "lag": 1.0}}
    ((frames, drawn, _reference),) = stage.judge.given
    assert [entry.image for entry in frames] == [message[8:] for message in sent]
    assert drawn.to_json() == challenge["challenge"]


async def test_the_client_is_told_the_decision_only_when_the_session_says_so(
    stage: Stage, sockets: Callable[..., Any]
) -> None:
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert set(await socket.hear()) == {"type", "resultId", "digest", "attemptId"}


async def fail(socket: Socket) -> tuple[str, str]:
    said = await socket.hear()
    assert said["type"] == "failure", said
    return said["livenessError"], said["message"]


async def test_cameras_that_are_programs_are_refused_unless_allowed(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    strict, lenient = make_stage(), make_stage(clients=ClientPolicy(virtual_cameras=True))
    virtual, real = {"label": "OBS Virtual Camera"}, {"label": "Front Camera", "width": 640}
    socket = await sockets(strict)
    await socket.say(type="hello", token=strict.token(), camera=virtual)
    error, message = await fail(socket)
    assert error == "EnvironmentNotSupported"
    assert "choose another camera" in message
    socket = await sockets(strict)
    await socket.say(type="hello", token=strict.token(), camera=real)
    assert (await socket.hear())["type"] == "accepted"
    await socket.say(type="camera", camera=virtual)  # another one was picked
    assert (await fail(socket))[0] == "EnvironmentNotSupported"

    token = lenient.token()
    socket = await sockets(lenient)
    await socket.say(type="hello", token=token, camera=real)
    await socket.hear()
    await socket.say(type="camera", camera=virtual)
    await answer(socket, lenient, await position(socket), capture={"timestamps": "camera", "dropped": 1})
    assert (await socket.hear())["type"] == "result"
    (attempt,) = lenient.session(token).attempts
    assert attempt.outcome.evidence["client"] == {"camera": "OBS Virtual Camera", "timestamps": "camera", "dropped": 1}


@pytest.mark.parametrize(
    ("policy", "flashes", "decision", "reasons"),
    [
        (WithoutFlashes.OFF, True, "realface", ()),
        (WithoutFlashes.UNCERTAIN, False, "uncertain", ("withoutFlashes",)),
        (WithoutFlashes.REAL, False, "realface", ()),
    ],
)
async def test_a_client_that_asks_for_no_flashes(
    make_stage: Callable[..., Stage],
    sockets: Callable[..., Any],
    policy: WithoutFlashes,
    flashes: bool,
    decision: str,
    reasons: tuple[str, ...],
) -> None:
    """The operator's policy says whether there are none, and what may come of it; nobody is blamed for the policy."""
    limit = AbusePolicy(free_failures=0, longest_wait=60)
    stage = make_stage(policy=limit, clients=ClientPolicy(without_flashes=lambda _: policy))
    for number in range(2):  # of one device, which does not have to wait
        token = stage.token(send_results=True)
        assert ("wf" in claims(token)) is not flashes
        socket = await sockets(stage, origin="https://shop.example")
        await socket.say(type="hello", token=token, flashes=False)
        assert (await socket.hear())["challenge"]["flashes"] is flashes
        said = await position(socket)
        assert (len(said["challenge"]["flashes"]) > 1) is flashes
        assert len(said["challenge"]["turns"]) == (0 if flashes else 3)
        await answer(socket, stage, said, seed=number)
        result = await socket.hear()
        assert (result["livenessDecision"], result.get("flashes", True)) == (decision, flashes)
        (attempt,) = stage.session(token).attempts
        assert (attempt.outcome.reasons, attempt.outcome.flashes) == (reasons, flashes)
        told = {"origin": "https://shop.example"}
        assert attempt.outcome.evidence["client"] == (told if flashes else {**told, "flashes": False})


async def test_each_resource_has_its_policy_and_its_results_tell_that_nothing_flashed(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    asked: list[UUID] = []

    def policy(resource_id: UUID) -> WithoutFlashes:
        asked.append(resource_id)
        return WithoutFlashes.REAL if len(asked) < 3 else WithoutFlashes.OFF

    stage = make_stage(clients=ClientPolicy(without_flashes=policy))
    for flashes in (False, True):  # the operator changes the resource in between
        token = stage.token(send_results=True)
        socket = await sockets(stage)
        await socket.say(type="hello", token=token, flashes=False)
        await socket.hear()
        await answer(socket, stage, await position(socket), seed=int(flashes))
        await socket.hear()
        async with stage.service.client(**{"Ocp-Apim-Subscription-Key": KEY}) as client:
            session = (await client.get(f"/face/v1.2/detectLiveness-sessions/{claims(token)['sid']}")).json()
        (attempt,) = session["results"]["attempts"]
        assert attempt["result"]["livenessDecision"] == "realface"
        assert attempt["result"].get("flashes", True) is flashes
    assert set(asked) == {stage.service.resource_id}


async def test_without_flashes_an_attack_is_still_an_attack(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    stage = make_stage(clients=ClientPolicy(without_flashes=lambda _: WithoutFlashes.UNCERTAIN))
    stage.judge.decision = Decision.SPOOF
    token = stage.token(send_results=True)
    socket = await sockets(stage)
    await socket.say(type="hello", token=token, flashes=False)
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert (await socket.hear())["livenessDecision"] == "spoofface"


async def test_attestations_are_verified_and_may_be_required(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    class Own:
        def verify(self, token: str, binding: bytes) -> None:
            if token != binding.hex():
                raise AttestationError("the attestation was not made for this session")

    stage = make_stage(clients=ClientPolicy(attestations=Attestations({"own": Own()}, required=True)))
    token = stage.token()
    body = token.split(".")[1]
    nonce = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["nonce"]
    for attestation in (None, {"kind": "own", "token": "00"}, {"kind": "another", "token": "00"}):
        socket = await sockets(stage)
        await socket.say(type="hello", token=token, attestation=attestation)
        assert (await fail(socket))[0] == "EnvironmentNotSupported"
    socket = await sockets(stage)
    await socket.say(type="hello", token=token, attestation={"kind": "own", "token": binding(nonce).hex()})
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert (await socket.hear())["type"] == "result"
    assert stage.session(token).attempts[0].outcome.evidence["client"] == {"attestation": "own"}


async def test_what_the_server_lacks_is_nobodys_failure(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    stage = make_stage(policy=AbusePolicy(free_failures=1, longest_wait=60))
    stage.judge.problem = server_lacks("Run `mien models pull fr-liveness`.")
    for number in range(4):  # of one device, none of which has to wait
        token = stage.token()
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        await socket.hear()
        await answer(socket, stage, await position(socket), seed=number)
        assert await fail(socket) == ("UnexpectedServerError", "Run `mien models pull fr-liveness`.")
        (attempt,) = stage.session(token).attempts
        assert (attempt.status, attempt.outcome.error_code) == ("Failed", "UnexpectedServerError")
        assert not attempt.outcome.abuse.detected


async def test_the_judge_is_told_when_frames_came_and_how_slow_the_client_was_before(
    stage: Stage, sockets: Callable[..., Any]
) -> None:
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    await socket.hear()
    for number in range(3):
        stage.steps.seconds += 0.35  # the frame of this moment takes 150 ms
        await socket.show(frame(number, 200 + 350 * number, positioning=True))
        await socket.hear()
    said = await socket.hear()
    await answer(socket, stage, said)
    await socket.hear()
    arrivals = stage.judge.arrivals
    assert arrivals is not None
    assert arrivals.usual_ms == pytest.approx(150)
    assert len(arrivals.times_ms) == 6
    assert list(arrivals.times_ms) == sorted(arrivals.times_ms)
    assert arrivals.times_ms[-1] == pytest.approx(said["durationMs"])


async def test_a_server_can_ask_for_its_own_script(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    script = hashlib.sha256(b"script").digest()
    stage = make_stage(clients=ClientPolicy(own_script=True, scripts=frozenset({script})))
    token = stage.token()
    body = token.split(".")[1]
    nonce = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["nonce"]
    for proof, answered in ((None, "failure"), ("0" * 64, "failure"), (script_proof(script, nonce), "accepted")):
        socket = await sockets(stage)
        await socket.say(type="hello", token=token, client={"name": "a", "proof": proof})
        said = await socket.hear()
        assert said["type"] == answered
        assert said.get("livenessError") in {None, "ClientVersionNotSupported"}


async def test_tokens_that_open_nothing(stage: Stage, sockets: Callable[..., Any], clock: ManualClock) -> None:
    expired, deleted = stage.token(token_seconds=60), stage.token()
    stage.service.liveness.sessions.delete(stage.service.resource_id, stage.session(deleted).id, with_verify=False)
    clock.advance(timedelta(seconds=60))
    for token, why in (
        (expired, "expired"),
        (deleted, "does not exist"),
        (KEY, "A key of the resource was passed"),
        ("", "not a session token"),
        (None, "no token"),
        (stage.token(expected_address="192.0.2.8"), "another address"),
    ):
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        error, message = await fail(socket)
        assert error == "InvalidToken"
        assert why in message


async def test_what_breaks_the_protocol_before_the_challenge(stage: Stage, sockets: Callable[..., Any]) -> None:
    messages: list[Any] = ["{", "[]", '"hello"', json.dumps({"type": "end"}), frame(0, 0), "x" * 20000]
    for message in messages:
        socket = await sockets(stage)
        kind = "text" if isinstance(message, str) else "bytes"
        await socket.incoming.put({"type": "websocket.receive", kind: message})
        assert (await fail(socket))[0] == "UnexpectedClientError"
    for said in (
        {"deviceCorrelationId": "mine"},
        {"userCorrelationId": "me"},
        {"clientRequestId": 1},
        {"camera": "Front Camera"},
        {"client": {"proof": 1}},
    ):
        socket = await sockets(stage)
        await socket.say(type="hello", token=stage.token(), **said)
        assert (await fail(socket))[0] == "UnexpectedClientError"
    for message in (
        b"short",
        frame(0, 0, b"no image" * 10),
        frame(0, 0, jpeg(1, 2000)),
        frame(0, 0),
        frame(0, 0, b"\xff" * 300_000),
    ):
        token = stage.token()
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        await socket.hear()
        await socket.show(message)
        assert (await fail(socket))[0] == "UnexpectedClientError"
        assert stage.session(token).attempts == ()


@pytest.mark.parametrize("broken", ["order", "sequence", "future", "early end", "flood"])
async def test_what_breaks_the_protocol_in_the_challenge_uses_the_attempt_up(
    broken: str, make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    stage = make_stage(frames=4)
    token = stage.token()
    socket = await sockets(stage)
    await socket.say(type="hello", token=token)
    await socket.hear()
    challenge = await position(socket)
    stage.steps.seconds += 1
    frames = {
        "order": [frame(0, 500), frame(1, 400)],
        "sequence": [frame(1, 400), frame(1, 500)],
        "future": [frame(0, 2500)],
        "early end": [],
        "flood": [frame(number, 100 * number) for number in range(5)],
    }[broken]
    for message in frames:
        await socket.show(message)
    if broken == "early end":
        await socket.say(type="end")
    assert (await fail(socket))[0] == "UnexpectedClientError"
    (attempt,) = stage.session(token).attempts
    assert (attempt.status, attempt.outcome.error_code) == ("Failed", "UnexpectedClientError")
    assert challenge["attemptId"] == 1


async def test_what_the_judge_finds_is_told(stage: Stage, sockets: Callable[..., Any]) -> None:
    token = stage.token()
    stage.judge.problem = AttemptProblem(LivenessError.MASK, RecognitionError.MASK, "Mask detected on face image.")
    for left, seed in ((2, 1), (1, 2), (0, 3)):
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        await socket.hear()
        await answer(socket, stage, await position(socket), seed)
        said = await socket.hear()
        assert (said["livenessError"], said["recognitionError"], said["attemptsLeft"]) == (
            "FaceWithMaskDetected",
            "FaceWithMaskDetected",
            left,
        )
    socket = await sockets(stage)
    await socket.say(type="hello", token=token)
    assert (await fail(socket))[0] == "InvalidToken"
    assert stage.session(token).status == "Failed"


async def test_a_fault_of_the_judge_is_ours(stage: Stage, sockets: Callable[..., Any]) -> None:
    token = stage.token()
    stage.judge.error = RuntimeError("broken")
    socket = await sockets(stage)
    await socket.say(type="hello", token=token)
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert (await fail(socket))[0] == "UnexpectedServerError"
    (attempt,) = stage.session(token).attempts
    assert attempt.outcome.error_code == "UnexpectedServerError"


async def test_the_same_video_again_is_a_presentation_attack(stage: Stage, sockets: Callable[..., Any]) -> None:
    for seed, decision in ((1, "realface"), (1, "spoofface"), (2, "realface")):
        token = stage.token(send_results=True)
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        await socket.hear()
        await answer(socket, stage, await position(socket), seed)
        assert (await socket.hear())["livenessDecision"] == decision
    assert len(stage.judge.given) == 2  # the repetition needed no judge


async def test_guidance(stage: Stage, sockets: Callable[..., Any]) -> None:
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    await socket.hear()
    turned = FRONTAL + np.array([[0, 0], [0, 0], [18, 0], [0, 0], [0, 0]], np.float32)
    told: list[tuple[list[FaceBox], Any, bytes | None, str]] = [
        ([], FRONTAL, None, "LookAtCamera"),
        ([FaceBox(75, 75, 10, 12)], FRONTAL, None, "MoveCloser"),
        ([FaceBox(66, 60, 28, 36)], FRONTAL, None, "ContinueToMoveCloser"),
        ([FaceBox(10, 10, 140, 140)], FRONTAL, None, "MoveBack"),
        ([FaceBox(0, 40, 60, 80)], FRONTAL, None, "FaceNotCentered"),
        ([FaceBox(50, 40, 60, 80)], turned, None, "LookInFront"),
        (
            [FaceBox(50, 40, 60, 80)],
            FRONTAL,
            bytes(cv2.imencode(".jpg", np.full((160, 160, 3), 9, np.uint8))[1]),
            "IncreaseBrightnessToMax",
        ),
        (
            [FaceBox(50, 40, 60, 80)],
            FRONTAL,
            bytes(cv2.imencode(".jpg", np.full((160, 160, 3), 250, np.uint8))[1]),
            "TooBright",
        ),
        ([FaceBox(50, 40, 60, 80), FaceBox(0, 0, 40, 40)], FRONTAL, None, "MultipleFaces"),
        ([FaceBox(50, 40, 60, 80)], FRONTAL, None, "None"),
        ([FaceBox(65, 40, 60, 80)], FRONTAL, None, "TooMuchMovement"),
    ]
    for number, (boxes, points, image, key) in enumerate(told):
        stage.finder.boxes, stage.finder.points = boxes, points
        await socket.show(frame(number, number, image, positioning=True))
        said = await socket.hear()
        assert (said["key"], "face" in said) == (key, bool(boxes))
    assert said["face"] == {"left": 0.4062, "top": 0.25, "width": 0.375, "height": 0.5}


async def test_whoever_goes_uses_the_attempt_up_only_after_the_challenge(
    stage: Stage, sockets: Callable[..., Any]
) -> None:
    token = stage.token()
    socket = await sockets(stage)
    await socket.say(type="hello", token=token)
    await socket.hear()
    await socket.leave()
    assert stage.session(token).attempts == ()
    for reason in (None, "CameraStartupFailure"):
        socket = await sockets(stage)
        await socket.say(type="hello", token=token)
        await socket.hear()
        await position(socket)
        if reason:
            await socket.say(type="cancel", reason=reason)
            assert (await fail(socket))[0] == reason
        else:
            await socket.leave()
    assert [attempt.status for attempt in stage.session(token).attempts] == ["Canceled", "Canceled"]


async def test_a_new_connection_takes_the_place_of_the_old(stage: Stage, sockets: Callable[..., Any]) -> None:
    token = stage.token()
    first, second = await sockets(stage), await sockets(stage)
    await first.say(type="hello", token=token)
    await first.hear()
    await second.say(type="hello", token=token)
    assert (await fail(first))[0] == "UserCanceledSession"
    assert (await second.hear())["type"] == "accepted"
    await answer(second, stage, await position(second))
    assert (await second.hear())["type"] == "result"


async def test_time_runs_out(make_stage: Callable[..., Stage], sockets: Callable[..., Any]) -> None:
    stage = make_stage(positioning_seconds=1)
    for boxes, error in (([], "NoFaceDetected"), ([FaceBox(0, 0, 60, 80)], "TimedOut")):
        stage.finder.boxes = boxes
        socket = await sockets(stage)
        await socket.say(type="hello", token=stage.token())
        await socket.hear()
        await socket.show(frame(0, 0, positioning=True))
        await socket.hear()
        assert (await fail(socket))[0] == error


async def test_the_time_a_busy_server_takes_to_look_is_not_the_clients(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage(positioning_seconds=2)
    see = stage.finder.analyze

    def slowly(image: bytes, want: Want) -> Seen:
        if stage.steps.seconds < 1000:
            stage.steps.seconds += 1000
            time.sleep(2.2)
        return see(image, want)

    monkeypatch.setattr(stage.finder, "analyze", slowly)
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert (await socket.hear())["type"] == "result"


async def test_a_challenge_nobody_answers(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage(grace_seconds=0.1)
    monkeypatch.setattr(Challenge, "duration_ms", 100)
    token = stage.token()
    socket = await sockets(stage)
    await socket.say(type="hello", token=token)
    await socket.hear()
    await position(socket)
    assert (await fail(socket))[0] == "TimedOut"
    (attempt,) = stage.session(token).attempts
    assert (attempt.status, attempt.outcome.error_code) == ("Failed", "TimedOut")


async def test_a_full_server_says_so(make_stage: Callable[..., Stage], sockets: Callable[..., Any]) -> None:
    stage = make_stage(concurrent=1)
    first, second = await sockets(stage), await sockets(stage)
    await first.say(type="hello", token=stage.token())
    await first.hear()
    await second.say(type="hello", token=stage.token())
    said = await second.hear()
    assert (said["livenessError"], said["retryAfterSeconds"] > 0, said["attemptsLeft"]) == (
        "ServerRequestTimedOut",
        True,
        1,
    )
    await first.say(type="cancel")
    await first.hear()
    third = await sockets(stage)
    await third.say(type="hello", token=stage.token())
    assert (await third.hear())["type"] == "accepted"


async def test_an_address_has_at_most_half_of_the_places(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    stage = make_stage(concurrent=4)
    held = [await sockets(stage) for _ in range(3)]
    for socket in held:
        await socket.say(type="hello", token=stage.token())
    assert sorted([(await socket.hear())["type"] for socket in held]) == ["accepted", "accepted", "failure"]


async def test_attempts_are_counted(stage: Stage, sockets: Callable[..., Any]) -> None:
    for problem in (None, AttemptProblem(LivenessError.BLUR, RecognitionError.BLUR, "Blurred.")):
        stage.judge.problem = problem
        socket = await sockets(stage)
        await socket.say(type="hello", token=stage.token())
        await socket.hear()
        await answer(socket, stage, await position(socket), seed=len(stage.counted))
        await socket.hear()
    assert [entry[:2] for entry in stage.counted] == [
        (stage.service.resource_id, ""),
        (stage.service.resource_id, "ExcessiveImageBlurDetected"),
    ]
    assert all(seconds > 2 and size > 1000 for _, _, seconds, size in stage.counted)


async def test_a_device_that_failed_too_often_waits(
    make_stage: Callable[..., Stage], sockets: Callable[..., Any]
) -> None:
    stage = make_stage(AbusePolicy(free_failures=0))
    stage.judge.decision = Decision.UNCERTAIN
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    await socket.hear()
    await answer(socket, stage, await position(socket))
    assert (await socket.hear())["type"] == "result"
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token())
    said = await socket.hear()
    assert (said["livenessError"], said["retryAfterSeconds"]) == ("UnexpectedClientError", 15)


async def test_sessions_with_verify(stage: Stage, sockets: Callable[..., Any], photo: bytes) -> None:
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token(with_verify=True))
    assert (await fail(socket))[0] == "VerifyImageNotProvided"
    for seed, (confidence, threshold, identical) in enumerate([(0.6, 0.5, True), (0.6, 0.7, False), (None, 0.5, None)]):
        options = SessionOptions(
            Mode.PASSIVE_ACTIVE, True, uuid4().hex, send_results=True, confidence_threshold=threshold
        )
        made = stage.service.liveness.create(stage.service.resource_id, options, photo)
        stage.judge.confidence = confidence
        socket = await sockets(stage)
        await socket.say(type="hello", token=made.token)
        await socket.hear()
        await answer(socket, stage, await position(socket), seed)
        verified = (await socket.hear()).get("verifyResult")
        assert verified == (None if confidence is None else {"matchConfidence": confidence, "isIdentical": identical})
        assert stage.judge.given[-1][2] is not None
        assert stage.judge.given[-1][1].mode is Mode.PASSIVE_ACTIVE


async def test_ids_that_the_client_sets(stage: Stage, sockets: Callable[..., Any]) -> None:
    options: dict[str, Any] = {"device_correlation_id": None, "device_set_in_client": True}
    socket = await sockets(stage)
    await socket.say(type="hello", token=stage.token(**options))
    assert (await fail(socket))[0] == "UnexpectedClientError"
    socket = await sockets(stage)
    await socket.say(
        type="hello",
        token=stage.token(**options, user_set_in_client=True),
        deviceCorrelationId="device",
        userCorrelationId="user",
    )
    assert (await socket.hear())["type"] == "accepted"


async def test_what_is_no_channel(stage: Stage) -> None:
    for path in ("/face/v1.0/detectLiveness/singleModal", "/face/v1.2/detect", f"{PATH}/more"):
        refused = await Socket().open(stage, path=path)
        assert (refused["type"], refused["status"]) == ("websocket.http.response.start", 404), path
    assert (await Socket().open(stage, path="//FACE/V1.1-preview.1/detectlivenesswithverify/SINGLEMODAL/"))["type"] == (
        "websocket.accept"
    )
    socket = Socket()
    assert await socket.open(stage, protocol="other") == {"type": "websocket.accept"}
    assert (await socket.hear())["livenessError"] == "ClientVersionNotSupported"


# The fallback


def records(*messages: bytes | dict[str, Any]) -> bytes:
    out = b""
    for message in messages:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        out += struct.pack(">BI", 2 if isinstance(message, bytes) else 1, len(content)) + content
    return out


async def test_an_attempt_over_posts(stage: Stage) -> None:
    token = stage.token(send_results=True)
    origin = {"Origin": "https://shop.example"}
    async with stage.service.client(Authorization=f"Bearer {token}", **origin) as client:
        preflight = await client.options(f"{PATH}/attempts")
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, origin["Origin"])
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        begun = await client.post(f"{PATH}/attempts", json={"type": "hello"})
        assert begun.headers["access-control-allow-origin"] == origin["Origin"]
        channel, (accepted,) = begun.json()["channel"], begun.json()["messages"]
        assert accepted["type"] == "accepted"
        path = f"{PATH}/attempts/{channel}"

        async def post(*messages: bytes | dict[str, Any]) -> list[dict[str, Any]]:
            response = await client.post(path, content=records(*messages))
            assert response.status_code == 200, response.text
            told: list[dict[str, Any]] = response.json()["messages"]
            return told

        heard: list[dict[str, Any]] = []
        for number in range(3):
            heard += await post(frame(number, number, positioning=True))
        while not heard or heard[-1]["type"] != "challenge":
            heard += await post()
        challenge = heard[-1]
        stage.steps.seconds += challenge["durationMs"] / 1000
        (result,) = await post(frame(0, 100), frame(1, 200), {"type": "end"})
        assert (result["type"], result["livenessDecision"]) == ("result", "realface")
        over = await client.post(path)
        assert over.json()["error"]["code"] == "LivenessChannelNotFound"


@pytest.mark.parametrize("stalls", ["before the frames are read", "long before"])
async def test_only_while_the_server_stands_still_frames_of_posts_wait_for_it(stage: Stage, stalls: str) -> None:
    async with stage.service.client(Authorization=f"Bearer {stage.token()}") as client:
        path = f"{PATH}/attempts/{(await client.post(f'{PATH}/attempts', json={})).json()['channel']}"
        heard: list[dict[str, Any]] = []
        for number in range(3):
            response = await client.post(path, content=records(frame(number, number, positioning=True)))
            heard += response.json()["messages"]
        while not heard or heard[-1]["type"] != "challenge":
            heard += (await client.post(path)).json()["messages"]
        stage.steps.seconds += 9  # the loop's next turn is so late by the server's clock
        if stalls == "long before":
            for _ in range(2):
                await client.post(path)
        shown = [frame(number, 400 * number, jpeg(number)) for number in range(4)]
        (result,) = (await client.post(path, content=records(*shown, {"type": "end"}))).json()["messages"]
    assert result["type"] == "result"
    assert stage.judge.arrivals is not None
    assert stage.judge.arrivals.times_ms == pytest.approx([9000] * 4)
    waited = 9000 if stalls == "before the frames are read" else 0
    assert stage.judge.arrivals.earliest_ms == pytest.approx([9000 - waited] * 4, abs=20)


async def test_errors_of_the_fallback(stage: Stage) -> None:
    deleted = stage.token()
    stage.service.liveness.sessions.delete(stage.service.resource_id, stage.session(deleted).id, with_verify=False)
    path = f"{PATH}/attempts"
    for headers, status, code, hint in (
        ({}, 401, "InvalidAuthToken", "A key of the resource was passed"),  # the client's default header
        ({"Authorization": "Bearer x"}, 401, "InvalidAuthToken", "not a session token"),
        ({"Authorization": f"Bearer {deleted}"}, 404, "LivenessSessionNotFound", "deleted"),
    ):
        async with stage.service.client(**headers) as client:
            response = await client.post(path, json={})
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (status, code)
            details = error["innererror"]["details"]
            assert hint in details["hint"]
            assert details["livenessError"] == "InvalidToken"
    token = stage.token()
    async with stage.service.client(Authorization=f"Bearer {token}") as client:
        assert (await client.post(path, content=b"{")).json()["error"]["code"] == "InvalidRequestBody"
        channel = (await client.post(path, json={})).json()["channel"]
        for body in (b"\x02", b"\x03\0\0\0\0", b"\x01\0\0\0\x05abc"):
            cut = await client.post(f"{path}/{channel}", content=body)
            assert cut.json()["error"]["code"] == "InvalidRequestBody"
        stranger = await client.post(f"{path}/{channel}", headers={"Authorization": f"Bearer {stage.token()}"})
        assert stranger.json()["error"]["code"] == "LivenessChannelNotFound"
        both = await asyncio.gather(*(client.post(f"{path}/{channel}") for _ in range(2)))
        assert sorted(response.status_code for response in both) == [200, 409]


async def test_a_silent_client_of_the_fallback_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.wire.liveness.posts._SILENT_SECONDS", 0.1)
    async with stage.service.client(Authorization=f"Bearer {stage.token()}") as client:
        channel = (await client.post(f"{PATH}/attempts", json={})).json()["channel"]
        await asyncio.sleep(0.3)
        gone = await client.post(f"{PATH}/attempts/{channel}")
        assert gone.json()["error"]["code"] == "LivenessChannelNotFound"


def test_the_origins_that_may_connect() -> None:
    some = Origins.parse("https://shop.example, https://Other.example/")
    assert some.allow("https://shop.example")
    assert some.allow("https://other.example")
    assert some.allow(None)
    assert not some.allow("https://evil.example")
    assert some.headers("https://evil.example") == ()
    assert dict(some.headers("https://shop.example"))[b"access-control-allow-origin"] == b"https://shop.example"
    assert replace(some, allowed=frozenset({"*"})).allow("https://evil.example")
