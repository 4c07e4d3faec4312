"""A liveness server of the tests' own: it speaks the channel's protocol, and does what a test tells it to.

It also serves pages, so that a browser can be sent to it. Every session is a `Plan`, found by the session id in the
token; what the client sends is kept in it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from mien.liveness.web import assets

CHALLENGE: dict[str, Any] = {
    "mode": "PassiveActive",
    "durationMs": 2800,
    "flashes": [
        {"startMs": 0, "durationMs": 300, "color": "#202020"},
        {"startMs": 300, "durationMs": 300, "color": "#FFFFFF"},
        {"startMs": 600, "durationMs": 300, "color": "#2040FF"},
        {"startMs": 900, "durationMs": 1900, "color": "#FFFF00"},
    ],
    "turns": [{"direction": "left", "startMs": 1000, "durationMs": 1200}],
}
ACCEPTED: dict[str, Any] = {
    "type": "accepted",
    "attemptsLeft": 3,
    "mode": "PassiveActive",
    "frame": {"side": 320, "format": "image/jpeg", "quality": 0.8, "maxBytes": 262144},
    "positioning": {"fps": 10, "seconds": 60},
    "challenge": {"fps": 15, "maxFrames": 300, "maxTotalBytes": 16777216, "graceSeconds": 10},
    "guidance": {"centerX": 0.5, "centerY": 0.5, "tolerance": 0.15, "minWidth": 0.22, "maxWidth": 0.65},
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Allow-Methods": "POST",
}


@dataclass(frozen=True)
class Frame:
    """A frame as it came."""

    time: int
    sequence: int
    jpeg: bytes
    message: bytes


@dataclass
class Plan:
    """What the server does in one session, and what it got.

    Attributes:
        feedback: keys that positioning frames are answered with, in their order; then comes the challenge.
        challenge: what is asked.
        accepted: what is added to the answer to `hello`.
        outcome: what is added to the result.
        at: what happens instead at a step ("hello", "frame", "challenge", "end"): a `failure` to send, or "silence"
            or "close".
        websocket: whether WebSockets work.
        claims: what is added to the token, which allows virtual cameras: Chromium's own is one.
        tell_client: what results hold besides, as with `sendResultsToClient`.
    """

    feedback: list[str] = field(default_factory=lambda: ["MoveCloser", "None"])
    challenge: Mapping[str, Any] = field(default_factory=lambda: CHALLENGE)
    accepted: Mapping[str, Any] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)
    at: Mapping[str, Mapping[str, Any] | str] = field(default_factory=dict)
    websocket: bool = True
    claims: Mapping[str, Any] = field(default_factory=dict)
    sid: str = field(default_factory=lambda: str(uuid4()))
    hellos: list[dict[str, Any]] = field(default_factory=list)
    positioning: list[Frame] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    _asked: bool = False

    def hear(self, message: dict[str, Any] | bytes) -> list[Mapping[str, Any] | str]:
        """Take a client's message; return what the server does."""
        if isinstance(message, bytes):
            return self._frame(message)
        if message["type"] == "hello":
            self.hellos.append(message)
            return self._instead("hello") or [{**ACCEPTED, **self.accepted}]
        self.said.append(message)
        if message["type"] == "end":
            done = {"type": "result", "resultId": str(uuid4()), "digest": self.digest(), "attemptId": 1, **self.outcome}
            return self._instead("end") or [done, "close"]
        self.gone.set()
        return []

    def _instead(self, step: str) -> list[Mapping[str, Any] | str]:
        action = self.at.get(step)
        if action is None:
            return []
        return [action] if isinstance(action, str) else [{"type": "failure", **action}, "close"]

    def _frame(self, message: bytes) -> list[Mapping[str, Any] | str]:
        time_ms, number = struct.unpack(">II", message[:8])
        frame = Frame(time_ms, number & 0x7FFFFFFF, message[8:], message)
        if not number >> 31:
            self.frames.append(frame)
            return []
        self.positioning.append(frame)
        instead = self._instead("frame")
        if instead:
            return instead
        asked = len(self.positioning) - 1
        if asked < len(self.feedback):
            return [{"type": "feedback", "sequence": frame.sequence, "key": self.feedback[asked]}]
        if self._asked:
            return []
        self._asked = True
        challenge = {"type": "challenge", "attemptId": 1, "challenge": self.challenge}
        return self._instead("challenge") or [challenge | {"durationMs": self.challenge["durationMs"]}]

    def digest(self) -> str:
        """The digest over the challenge's frames, as the protocol defines it."""
        whole = hashlib.sha256(f"mien-liveness.1\n{self.sid}\n1\n".encode())
        for frame in self.frames:
            whole.update(hashlib.sha256(frame.message).digest())
        return whole.hexdigest().upper()


class FakeServer:
    """The server, in a thread of its own."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _start(self) -> int:
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_get("/channel", self._socket)
        application.router.add_route("OPTIONS", "/{path:.*}", self._preflight)
        application.router.add_post("/channel/attempts", self._hello)
        application.router.add_post("/channel/attempts/{channel}", self._post)
        application.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(application, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await asyncio.sleep(0.1)  # in which connections are closed

    def page(self, path: str, html: str, **headers: str) -> str:
        """Serve a page; return its URL."""
        self.pages[path] = (html, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.origin + path

    def token(self, plan: Plan) -> str:
        """The token of a session that goes as planned."""
        self.plans[plan.sid] = plan
        now = int(time.time())
        claims: dict[str, Any] = {"endpoint": self.origin, "route": "/channel", "sid": plan.sid}
        claims |= {"mode": "PassiveActive", "vc": True, "iat": now, "exp": now + 600, **plan.claims}

        def part(content: Mapping[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

        return f"{part({'alg': 'ES256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"

    def _plan(self, token: str) -> Plan:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return self.plans[claims["sid"]]

    async def _page(self, request: web.Request) -> web.Response:
        for asset in assets():
            if asset.path == request.path:
                headers = asset.headers | {"content-type": asset.content_type}
                return web.Response(body=asset.body, headers=headers)
        if request.path not in self.pages:
            return web.Response(status=404)
        html, extra = self.pages[request.path]
        return web.Response(text=html, headers={"content-type": "text/html; charset=utf-8"} | extra)

    async def _preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers=_CORS)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if any(not plan.websocket for plan in self.plans.values()):
            return web.Response(status=400)
        socket = web.WebSocketResponse(protocols=("mien-liveness.1",))
        await socket.prepare(request)
        plan: Plan | None = None
        async for raw in socket:
            if raw.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                break
            message = json.loads(raw.data) if raw.type is WSMsgType.TEXT else raw.data
            if plan is None:
                plan = self._plan(message["token"])
                plan.paths.append(request.path_qs)
            for action in plan.hear(message):
                if action == "close":
                    await socket.close()
                elif not isinstance(action, str):
                    await socket.send_json(action)
        if plan is not None:
            plan.gone.set()
        return socket

    async def _hello(self, request: web.Request) -> web.Response:
        plan = self._plan(request.headers["Authorization"].removeprefix("Bearer "))
        plan.paths.append(request.path_qs)
        messages = plan.hear(await request.json())
        failed = [action for action in messages if not isinstance(action, str) and action["type"] == "failure"]
        if failed:
            details = {"code": "InvalidAuthToken", "message": "no", "innererror": {"details": failed[0]}}
            return web.json_response({"error": details}, status=401, headers=_CORS)
        return web.json_response({"channel": plan.sid, "messages": messages}, headers=_CORS)

    async def _post(self, request: web.Request) -> web.Response:
        plan = self.plans[request.match_info["channel"]]
        plan.paths.append(request.path_qs)
        body = await request.read()
        answers: list[Mapping[str, Any] | str] = []
        while body:
            kind, size = struct.unpack(">BI", body[:5])
            content, body = body[5 : 5 + size], body[5 + size :]
            answers += plan.hear(json.loads(content) if kind == 1 else content)
        messages = [answer for answer in answers if not isinstance(answer, str)]
        return web.json_response({"messages": messages}, headers=_CORS)
