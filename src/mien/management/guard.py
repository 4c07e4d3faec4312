"""Checks every control-plane request before routing: authentication, body size, valid text.

FastAPI reads bodies before it runs dependencies; the guard authenticates the caller before the body is read.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import structlog

from mien.contract.headers import CLIENT_REQUEST_ID, wire_name
from mien.gateway.throttled_log import ThrottledLog
from mien.management.errors import ManagementError, internal_error, storage_error
from mien.management.login import Actor

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Api = Callable[[Scope, Receive, Send], Awaitable[None]]

ACTOR: Final = "mien.actor"
"""Key of the actor in the ASGI scope."""
IDENTIFY: Final = "mien.identify"
"""Key in the ASGI scope of what authenticates the request again, for answers that last."""

_JSON: Final = b"application/json"
_DEPTH: Final = 32
_ODD: Final = re.compile("[\x00\ud800-\udfff]")
_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,200}")

_log = structlog.get_logger("mien.management")


class Guard:
    """An ASGI application around the routes.

    Args:
        api: the routes.
        identify: authenticates the caller by Authorization header and address.
        address: returns the caller's address.
        open_paths: paths that need no token.
        neighbour: identifies a trusted caller without a token by path, scope and headers; else None.
        templates: returns the routes' paths with `{names}`; as on Azure, literal parts match in any letter case.
        body_limit: maximum size of a body, in bytes.
        body_seconds: time limit for a body.
    """

    def __init__(
        self,
        api: Api,
        identify: Callable[[str | None, str], Awaitable[Actor]],
        *,
        address: Callable[[Scope], str],
        open_paths: Iterable[str],
        neighbour: Callable[[str, Scope, Mapping[bytes, bytes]], Actor | None],
        templates: Callable[[], Iterable[str]],
        body_limit: int,
        body_seconds: float,
    ) -> None:
        self._api = api
        self._identify = identify
        self._address = address
        self._open = frozenset(open_paths)
        self._neighbour = neighbour
        self._templates = templates
        self._literals: dict[int, list[list[str | None]]] | None = None
        self._limit = body_limit
        self._seconds = body_seconds
        self._throttled = ThrottledLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, value)
        request_id = str(uuid.uuid4())
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *_platform(request_id, headers)]
            await send(message)

        try:
            await self._admit(scope, headers, receive, answer)
        except ManagementError as error:
            await _refuse(answer, error)
        except Exception as error:  # every error response must be JSON
            if problem := storage_error(error):
                self._throttled.warning(_log, "storage failed", reason=problem.message, request_id=request_id)
                if not begun:
                    await _refuse(answer, problem)
                return
            _log.error("request failed", request_id=request_id, traceback="".join(traceback.format_exception(error)))
            if not begun:
                await _refuse(answer, internal_error())

    async def _admit(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        scope["path"] = path = self._canonical(scope["path"])
        scope.pop("raw_path", None)
        if _ODD.search(path) or b"%00" in scope.get("query_string", b""):
            raise ManagementError(400, "InvalidRequestUri", "The address holds a zero byte.")
        if path not in self._open:
            given = headers.get(b"authorization")
            text = None if given is None else given.decode("latin-1")
            scope[IDENTIFY] = partial(self._identify, text, self._address(scope))
            scope[ACTOR] = self._neighbour(path, scope, headers) or await scope[IDENTIFY]()
            body = await self._body(headers, receive)
        else:
            body = b""  # the body of an open path is not read
        if body:
            _check_json(body)
            scope["headers"] = [
                *((name, value) for name, value in scope["headers"] if name != b"content-type"),
                (b"content-type", b"application/json"),
            ]
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._api(scope, replay, send)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > self._limit:
            raise self._too_long()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ManagementError(400, "ClientClosedRequest", "The connection ended within the request.")
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    if size > self._limit:
                        raise self._too_long()
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise ManagementError(408, "RequestTimeout", "The request body did not come in time.") from None

    def _too_long(self) -> ManagementError:
        text = f"The request content is longer than {self._limit} bytes."
        return ManagementError(413, "RequestContentTooLarge", text, headers={"Connection": "close"})

    def _canonical(self, path: str) -> str:
        """Return a path with its literal parts in the routes' letter case."""
        if self._literals is None:
            self._literals = {}
            for template in self._templates():
                pattern = [None if part.startswith("{") else part for part in template.split("/")]
                self._literals.setdefault(len(pattern), []).append(pattern)
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        parts = path.split("/")
        for pattern in self._literals.get(len(parts), ()):
            pairs = list(zip(pattern, parts, strict=True))
            if all(literal is None or literal.lower() == part.lower() for literal, part in pairs):
                return "/".join(part if literal is None else literal for literal, part in pairs)
        return path


def _check_json(body: bytes) -> None:
    """Refuse bodies that are not JSON, or contain text that databases cannot store.

    Raises:
        ManagementError: 400.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        text = "The request content was invalid and could not be deserialized: it is not JSON."
        raise ManagementError(400, "InvalidRequestContent", text) from None
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > _DEPTH:
            raise ManagementError(400, "InvalidRequestContent", "The request content is nested too deeply.")
        if isinstance(value, str) and _ODD.search(value):
            text = "The request content holds a zero byte or half of a surrogate pair."
            raise ManagementError(400, "InvalidRequestContent", text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ManagementError(400, "InvalidRequestContent", "The request content holds a number beyond all bounds.")
        if isinstance(value, dict):
            pending += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            pending += [(item, depth + 1) for item in value]


def _platform(request_id: str, headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    told = [
        (b"x-ms-request-id", request_id.encode()),
        (b"cache-control", b"no-store"),  # responses may contain keys
        (b"x-content-type-options", b"nosniff"),
    ]
    for name in (wire_name(CLIENT_REQUEST_ID), b"x-ms-correlation-request-id"):
        given = headers.get(name)
        if given is not None and _REQUEST_ID.fullmatch(given):
            told.append((name, given))
    return told


async def _refuse(send: Send, error: ManagementError) -> None:
    body = json.dumps(error.body(), separators=(",", ":"), ensure_ascii=False).encode()
    headers = [(b"content-type", _JSON), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
