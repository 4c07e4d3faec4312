"""Checks of every request to the portal: sign-in, same origin, safe headers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from anyio import to_thread
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from mien.gateway.exchange import Request
from mien.management.guard import Api, Message, Receive, Scope, Send
from mien.portal.parts import PortalParts
from mien.portal.session import COOKIE, SESSION, UPLOAD_FRAME, PortalSession, PortalSessions
from mien.portal.sign_in import OPEN, PREFIX_HEADER, SIGN_IN, SignIn
from mien.portal.texts import language, preferred, set_language, set_time_zone, t

_LOST: Final = Template((Path(__file__).parent / "static" / "lost.html").read_text(encoding="utf-8"))
_SAFE: Final = frozenset({"GET", "HEAD"})
_log = structlog.get_logger("mien.portal")


class Portal:
    """The ASGI application of the portal.

    The interface is loaded with the first request of a signed-in person, so that the server starts faster and an unused
    portal takes no memory.

    Args:
        parts: the dependencies.
    """

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts
        self._sessions = PortalSessions(parts.database, parts.vault, parts.tokens, parts.clock, parts.session_life)
        self._sign_in = SignIn(parts.login, self._sessions, parts.audit, parts.network.origin, parts.openid)
        self._policy = _policy(parts.local_endpoint)
        self._origin = parts.network.origin
        self._loading = asyncio.Lock()
        self._interface: Api | None = None
        self._running: AbstractAsyncContextManager[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        scope = self._below_base_path(scope)
        headers = _headers(scope)
        cookies = headers.get(b"cookie", b"").decode("latin-1")
        set_language(preferred(cookies, headers.get(b"accept-language", b"").decode("latin-1")))
        set_time_zone(cookies)
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self._serve(scope, receive, self._guarded(scope, send))

    def _below_base_path(self, scope: Scope) -> Scope:
        """Return the scope for the pages, with the base path in its header only if a trusted proxy sent it."""
        request = Request({**scope, "method": scope.get("method", "GET")}, _nothing)
        prefix, path = self._origin.prefix(request), self._origin.path(request)
        kept = [pair for pair in scope["headers"] if pair[0] != PREFIX_HEADER.encode()]
        if not prefix:
            return {**scope, "headers": kept}
        kept.append((PREFIX_HEADER.encode(), prefix.encode()))
        return {**scope, "headers": kept, "path": path, "raw_path": path.encode()}

    def _is_same_origin(self, scope: Scope, headers: dict[bytes, bytes], *, origin_needed: bool = False) -> bool:
        """Return whether a request comes from a page of the same origin, according to the browser."""
        method = scope.get("method", "GET")
        page = headers.get(b"origin", b"").decode("latin-1")
        if page:
            hosts = {headers.get(b"host", b"").decode("latin-1"), self._host(scope)}
            return urlsplit(page).netloc.lower() in {host.lower() for host in hosts}
        return headers.get(b"sec-fetch-site") == b"same-origin" or (method in _SAFE and not origin_needed)

    def _host(self, scope: Scope) -> str:
        """Return the host and port that the browser requested, behind trusted proxies."""
        return urlsplit(self._origin(Request({**scope, "method": "GET"}, _nothing))).netloc

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        path, method = scope["path"], scope["method"]
        if method not in _SAFE and not self._is_same_origin(scope, headers):
            answer = Response(t("This request comes from another page."), 403, media_type="text/plain")
            await answer(scope, receive, send)
        elif method not in _SAFE and not self._is_small_enough(headers):
            await Response(t("The request body is too long."), 413, media_type="text/plain")(scope, receive, send)
        elif path in OPEN:
            await self._sign_in(scope, receive, send)
        elif (session := await self._session(headers)) is None:
            await _sign_in_first(scope)(scope, receive, send)
        else:
            scope[SESSION] = session
            with suppress(ClientDisconnect):  # the page was reloaded or left while it sent a photo
                await (await self._load())(scope, receive, send)

    def _is_small_enough(self, headers: dict[bytes, bytes]) -> bool:
        """Return whether the Content-Length is at most that of a photo; browsers always send it."""
        length = headers.get(b"content-length", b"")
        return length.isdigit() and int(length[:20]) <= self._parts.image_limit + UPLOAD_FRAME

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a page's WebSocket if the origin is ours; pages of other origins can open one with our cookie."""
        headers = _headers(scope)
        session = await self._session(headers) if self._is_same_origin(scope, headers, origin_needed=True) else None
        if session is None:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        scope[SESSION] = session
        await (await self._load())(scope, receive, send)

    async def _session(self, headers: dict[bytes, bytes]) -> PortalSession | None:
        value = _cookie(headers)
        return await to_thread.run_sync(self._sessions.read, value) if value else None

    async def _load(self) -> Api:
        if self._interface is None:
            async with self._loading:
                if self._interface is None:
                    self._interface, self._running = await self._start()
        return self._interface

    async def _start(self) -> tuple[Api, AbstractAsyncContextManager[Any]]:
        def build() -> Any:
            from mien.portal.interface import build_interface  # noqa: PLC0415  takes a second and much memory

            return build_interface(self._parts, self._sessions)

        interface = await to_thread.run_sync(build)
        running: AbstractAsyncContextManager[Any] = interface.router.lifespan_context(interface)
        await running.__aenter__()
        _log.info("the portal is loaded")
        return interface, running

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
                continue
            if self._running is not None:
                await self._running.__aexit__(None, None, None)
            await send({"type": "lifespan.shutdown.complete"})
            return

    def _guarded(self, scope: Scope, send: Send) -> Send:
        cached = scope["path"].startswith("/_nicegui/") and "/client/" not in scope["path"]
        base = _headers(scope).get(PREFIX_HEADER.encode(), b"")
        lost_page = _not_found_page(base.decode("latin-1"))
        lost = False

        async def answer(message: Message) -> None:
            nonlocal lost
            if message["type"] == "http.response.start":
                lost = message["status"] == 404 and not scope["path"].startswith("/_nicegui/")
                if lost:
                    message["headers"] = [
                        (b"content-type", b"text/html; charset=utf-8"),
                        (b"content-length", b"%d" % len(lost_page)),
                    ]
                added = [*self._policy, *(() if cached else [(b"cache-control", b"no-store")])]
                names = {name for name, _ in added}
                kept = [
                    _with_base_path(pair, base) for pair in message.get("headers", ()) if pair[0].lower() not in names
                ]
                message["headers"] = [*kept, *added]
            elif lost:
                if message.get("more_body"):
                    return
                message["body"] = lost_page
            await send(message)

        return answer


def _not_found_page(base: str) -> bytes:
    """Return the page for unknown paths."""
    page = _LOST.substitute(
        base=escape(base, quote=True),
        language=language(),
        title=escape(t("No such page")),
        heading=escape(t("There is no such page")),
        about=escape(t("The address may be of another version, or mistyped.")),
        onward=escape(t("To the overview")),
    )
    return page.encode()


def _policy(endpoint: str) -> list[tuple[bytes, bytes]]:
    """Return the security headers of all responses: content only from this server, no framing."""
    split = urlsplit(endpoint)
    content = (
        "default-src 'self'; "
        # Vue compiles templates in the browser, and the library uses inline scripts
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; frame-src {split.scheme}://{split.netloc}; "
        "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", content.encode()),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]


def _with_base_path(header: tuple[bytes, bytes], base: bytes) -> tuple[bytes, bytes]:
    """Add the base path to the target of a redirect within the portal."""
    name, value = header
    within = name.lower() == b"location" and value.startswith(b"/") and not value.startswith(b"//")
    return (name, base + value) if base and within else header


def _headers(scope: Scope) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in pairs:
        found[name] = found[name] + b"; " + value if name == b"cookie" and name in found else value
    return found


async def _nothing() -> Message:
    return {"type": "http.request"}


def _cookie(headers: dict[bytes, bytes]) -> str | None:
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def _sign_in_first(scope: Scope) -> Response:
    """Redirect page loads to the sign-in; refuse requests of scripts, which cannot follow."""
    if scope["method"] in _SAFE and not scope["path"].startswith("/_nicegui"):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='')}", 303)
    return Response(t("Sign in first."), 401, media_type="text/plain")
