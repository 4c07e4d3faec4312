"""Signing in and out: a plain form, without scripts, that takes a token once and gives a cookie for it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mien.events import AuditLog
from mien.gateway.exchange import Request as Head
from mien.gateway.origin import OriginFinder
from mien.management.errors import ManagementError
from mien.management.guard import Receive, Scope, Send
from mien.management.login import Login
from mien.portal.session import COOKIE, Session, Sessions

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

_LONGEST: Final = 16 * 1024
_PAGE: Final = Template((Path(__file__).parent / "static" / "sign_in.html").read_text(encoding="utf-8"))


class SignIn:
    """Answers the two paths that nobody needs to be signed in for.

    Args:
        login: recognises tokens.
        sessions: makes cookies.
        audit: told who came and went.
        origin: finds out, past trusted proxies, who asks and whether by HTTPS.
    """

    def __init__(self, login: Login, sessions: Sessions, audit: AuditLog, origin: OriginFinder) -> None:
        self._origin = origin
        self._login = login
        self._sessions = sessions
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if request.method != "POST":
            wanted = request.query_params.get("next", "/")
            answer = self._page(wanted) if request.url.path == SIGN_IN else RedirectResponse("/", 303)
        elif request.url.path == SIGN_OUT:
            answer = await self._leave(request)
        else:
            answer = await self._enter(request)
        await answer(scope, receive, send)

    async def _enter(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return self._page("/", "That is too long to be a token.", 413)
        wanted, secret = form.get("next", "/"), form.get("token", "").strip()
        if not secret:
            return self._page(wanted, "Give a token.", 400)
        head = Head(request.scope, request.receive)
        try:
            actor = await self._login.identify(f"Bearer {secret}", str(self._origin.client(head) or ""))
        except ManagementError as error:
            said = (
                "This token is not valid: it is wrong, expired or revoked, or has no role here."
                if error.status == 401
                else error.message
            )
            return self._page(wanted, said, error.status, dict(error.headers))
        session, cookie = await to_thread.run_sync(self._sessions.begin, actor, secret)
        await to_thread.run_sync(self._note, session, "portal.sign_in")
        answer = RedirectResponse(inside(wanted), 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            expires=session.until,
            path="/",
            secure=self._origin(head).startswith("https:"),
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _leave(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        session = await to_thread.run_sync(self._sessions.read, cookie) if cookie else None
        if session is not None:
            await to_thread.run_sync(self._note, session, "portal.sign_out")
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    def _note(self, session: Session, action: str) -> None:
        role = {"role": session.actor.role.value}
        self._audit.record(actor=session.actor.name, action=action, resource_id=None, details=role)

    @staticmethod
    def _page(wanted: str, trouble: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
        said = f'<p class="trouble" id="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
        described = 'aria-describedby="trouble" aria-invalid="true"' if trouble else 'aria-describedby="hint"'
        page = _PAGE.substitute(trouble=said, described=described, next=escape(inside(wanted), quote=True))
        kept = {name: value for name, value in (headers or {}).items() if name.lower() == "retry-after"}
        return HTMLResponse(page, status, kept)


def inside(wanted: str) -> str:
    r"""Return a path of this portal to go to: what was wanted, or the first page when it leads elsewhere.

    Browsers take `//host` and `/\host` for other hosts, and leave control characters out.
    """
    plain = wanted.startswith("/") and wanted.isprintable() and not wanted.startswith(("//", "/\\"))
    return wanted if plain and not wanted.startswith((SIGN_IN, SIGN_OUT)) else "/"


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None when it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            return None
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
