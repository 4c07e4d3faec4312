"""The web component of liveness sessions, and a demo page.

With `mien serve --dev`, the demo's endpoints act as an application's own server: they create a session and get its
result with a resource's key. Otherwise the page asks for a token.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from mien.contract.catalogue import row
from mien.contract.headers import KEY_HEADER
from mien.contract.versions import V1_2_PREVIEW
from mien.gateway.exchange import Exchange, Handler, Operation, Receive, Response, Scope, Send
from mien.gateway.origin import OriginFinder
from mien.liveness.types import Mode
from mien.liveness.web import Asset, assets, demo_file
from mien.wire.body import BodyLimits
from mien.wire.page_headers import camera_page_headers

DEMO_PATH: Final = "/liveness/demo"

_ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
_MODES: Final = {"passive": "Passive", "passiveactive": "PassiveActive"}
_VERSION: Final = V1_2_PREVIEW.name  # the only version with audit entries
_SECONDS: Final = 30.0
_NOT_FOUND = row("gateway.not_found")

_PAGE_HEADERS: Final = camera_page_headers("'self' ws: wss: http: https:")


@dataclass(frozen=True, slots=True)
class LivenessPages:
    """The component's files and the demo page.

    Attributes:
        key: returns the key for the demo's sessions; None outside of development mode.
        server: the application itself, which the demo calls like any other client.
        origin: determines the server's URL as the browser sees it.
        lacks: returns the reason why the server cannot serve a mode, or None; the demo offers only available modes.
        limits: size and time limits of the verify image.
    """

    server: _ASGI
    key: Callable[[], str] | None = None
    origin: OriginFinder = field(default_factory=OriginFinder)
    lacks: Callable[[Mode], str | None] | None = None
    limits: BodyLimits = field(default_factory=BodyLimits)

    def table(self) -> list[Operation]:
        """Return the operations of the pages."""

        def page(name: str, path: str, handler: Handler, method: str = "GET") -> Operation:
            return Operation(name, method, path, handler, needs_key=False)

        rows = [page("Liveness client", asset.path, _file_handler(asset)) for asset in assets()]
        rows.append(page("Liveness demo", DEMO_PATH, self.demo))
        rows += [
            page("Liveness demo", f"{DEMO_PATH}/{name}", _demo_file(name, kind))
            for name, kind in (("demo.js", b"text/javascript; charset=utf-8"), ("demo.css", b"text/css; charset=utf-8"))
        ]
        if self.key is not None:
            rows += [
                page("Liveness demo", f"{DEMO_PATH}/session", self.create, "POST"),
                page("Liveness demo", f"{DEMO_PATH}/session", self.result),
                page("Liveness demo", f"{DEMO_PATH}/image", self.image),
            ]
        return rows

    async def demo(self, exchange: Exchange) -> Response:
        """Return the demo page."""
        html = demo_file("index.html")
        if self.key:
            html = html.replace(b'data-dev="false"', b'data-dev="true"')
        if self.lacks is not None and self.lacks(Mode.PASSIVE) is not None:
            html = html.replace(b'data-passive="true"', b'data-passive="false"')
        html = html.replace(b'"/liveness/', b'"' + self.origin.prefix(exchange.request).encode() + b"/liveness/")
        return Response(body=html, content_type=b"text/html; charset=utf-8", headers=_PAGE_HEADERS)

    async def create(self, exchange: Exchange) -> Response:
        """Create a session in the mode of `?mode=`; the body, if any, is the verify image."""
        request = exchange.request
        _from_own_page(exchange)
        mode = _MODES.get((request.query_value("mode") or "").lower(), "Passive")
        body = {
            "livenessOperationMode": mode,
            "deviceCorrelationId": str(uuid4()),
            "enableSessionImage": True,
            "sendResultsToClient": False,
        }
        image = await request.read(self.limits.image_bytes, self.limits.seconds)
        async with self._client(exchange) as client:
            if image:
                parts: dict[str, Any] = {
                    "Parameters": (None, json.dumps(body).encode(), "application/json"),
                    "VerifyImage": ("verify.jpg", image, "application/octet-stream"),
                }
                answer = await client.post("detectLivenessWithVerify/singleModal/sessions", files=parts)
            else:
                answer = await client.post("detectLiveness/singleModal/sessions", json=body)
        return _combined({"session": answer})

    async def result(self, exchange: Exchange) -> Response:
        """Return a session's state and its audit entries."""
        _from_own_page(exchange)
        path = _session_path(exchange)
        async with self._client(exchange) as client:
            session = await client.get(path)
            audit = await client.get(f"{path}/audit")
        return _combined({"session": session, "audit": audit})

    async def image(self, exchange: Exchange) -> Response:
        """Return a session's image, by its id, as base64."""
        _from_own_page(exchange)
        async with self._client(exchange) as client:
            answer = await client.get(f"session/sessionImages/{_id(exchange)}")
        if answer.status_code != 200:
            return _combined({"image": answer})
        return Response(body=json.dumps({"jpeg": base64.b64encode(answer.content).decode()}).encode())

    def _client(self, exchange: Exchange) -> httpx.AsyncClient:
        """Return a client of this server that acts as an application's server."""
        assert self.key is not None
        address = exchange.request.scope.get("client") or ("127.0.0.1", 0)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.server, client=(address[0], address[1])),
            base_url=f"{self.origin.without_prefix(exchange.request)}/face/{_VERSION}/",
            headers={KEY_HEADER: self.key()},
            timeout=_SECONDS,
        )


def _file_handler(asset: Asset) -> Handler:
    """Return a handler that returns a file."""
    headers = tuple((name.encode(), value.encode()) for name, value in asset.headers.items())
    response = Response(body=asset.body, content_type=asset.content_type.encode(), headers=headers)

    async def serve(exchange: Exchange) -> Response:  # noqa: ARG001  part of the handler's signature
        return response

    return serve


def _demo_file(name: str, content_type: bytes) -> Handler:
    """Return a handler that returns a file of the demo."""
    response = Response(body=demo_file(name), content_type=content_type, headers=((b"cache-control", b"no-cache"),))

    async def serve(exchange: Exchange) -> Response:  # noqa: ARG001  part of the handler's signature
        return response

    return serve


def _from_own_page(exchange: Exchange) -> None:
    """Refuse requests from pages of other sites, because the demo acts with a key that the browser does not have."""
    site = exchange.request.header(b"sec-fetch-site")
    if site not in {None, "same-origin"}:
        raise _NOT_FOUND.problem(hint="The demo answers its own page only.")


def _id(exchange: Exchange) -> str:
    """Return the `?id=` of a request if it cannot change the path of a URL."""
    given = exchange.request.query_value("id") or ""
    if not given or not all(letter.isalnum() or letter in "-_" for letter in given):
        raise _NOT_FOUND.problem(hint="The demo asks for an id of a session or an image.")
    return given


def _session_path(exchange: Exchange) -> str:
    verify = exchange.request.query_value("verify") == "true"
    family = "detectLivenessWithVerify" if verify else "detectLiveness"
    return f"{family}/singleModal/sessions/{_id(exchange)}"


def _combined(answers: Mapping[str, httpx.Response]) -> Response:
    """Return the bodies of several responses, with the highest of their statuses."""
    body = {name: answer.json() if answer.content else None for name, answer in answers.items()}
    return Response(max(answer.status_code for answer in answers.values()), json.dumps(body).encode())
