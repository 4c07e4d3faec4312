"""Sign-in and sign-out without scripts: at the issuer or with an admin token; both set a cookie."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import parse_qs, urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mien.events import AuditLog
from mien.gateway.exchange import Request as Head
from mien.gateway.origin import OriginFinder
from mien.management.errors import ManagementError
from mien.management.guard import Receive, Scope, Send
from mien.management.login import Actor, Backoff, Login
from mien.portal.openid import CALLBACK, PATIENCE, START, OpenId, SignInError
from mien.portal.session import COOKIE, PortalSession, PortalSessions
from mien.portal.texts import COOKIE as LANGUAGE
from mien.portal.texts import LANGUAGES, STORE_ZONE, language, mark, said, set_language, t

PREFIX_HEADER: Final = "x-forwarded-prefix"

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

OPEN: Final = frozenset({SIGN_IN, SIGN_OUT, START, CALLBACK})
"""Paths that need no sign-in."""

BEGUN: Final = "mien_signing_in"
"""Cookie during the sign-in at the issuer; not `SameSite=Strict`, because the issuer redirects back."""

_YEAR: Final = 365 * 24 * 3600
_LONGEST: Final = 16 * 1024
_LONGEST_PATH: Final = 1024
_STATIC: Final = Path(__file__).parent / "static"
_PAGE: Final = Template((_STATIC / "sign_in.html").read_text(encoding="utf-8"))
_ONWARD: Final = Template((_STATIC / "onward.html").read_text(encoding="utf-8"))


class SignIn:
    """Answers the paths that need no sign-in.

    Args:
        login: authenticates tokens.
        sessions: the open sessions.
        audit: the audit log; records sign-in and sign-out.
        origin: determines the caller's address and scheme behind trusted proxies.
        openid: signs people in at the issuer; None if only admin tokens are accepted.
    """

    def __init__(
        self,
        login: Login,
        sessions: PortalSessions,
        audit: AuditLog,
        origin: OriginFinder,
        openid: OpenId | None = None,
    ) -> None:
        self._origin = origin
        self._login = login
        self._sessions = sessions
        self._audit = audit
        self._openid = openid
        self._backoff = Backoff()  # for forged redirects, each of which costs a call to the issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        path = request.url.path
        if path in {START, CALLBACK}:
            answer = await self._at_issuer(request) if request.method == "GET" else RedirectResponse(SIGN_IN, 303)
        elif request.method != "POST":
            wanted = request.query_params.get("next", "/")
            answer = self._show(request, wanted) if path == SIGN_IN else RedirectResponse("/", 303)
        elif path == SIGN_OUT:
            answer = await self._leave(request)
        else:
            answer = await self._enter(request)
        await answer(scope, receive, send)

    def _show(self, request: Request, wanted: str) -> Response:
        """Return the page in the chosen language, which is stored in a cookie."""
        chosen = request.query_params.get("language", "")
        if chosen not in LANGUAGES:
            return self._page(request, wanted)
        set_language(chosen)
        answer = self._page(request, wanted)
        answer.set_cookie(LANGUAGE, chosen, max_age=_YEAR, path="/", samesite="strict")
        return answer

    async def _at_issuer(self, request: Request) -> Response:
        """Redirect a person to the issuer, or complete the sign-in of one who returns."""
        if self._openid is None:
            return RedirectResponse(SIGN_IN, 303)
        head = Head(request.scope, request.receive)
        callback = self._origin(head) + CALLBACK
        wanted = own_path(request.query_params.get("next", "/"))
        try:
            if request.url.path == START:
                address, cookie = await self._openid.begin(wanted if len(wanted) <= _LONGEST_PATH else "/", callback)
                answer: Response = RedirectResponse(address, 303)
                lasts = int(PATIENCE.total_seconds())
                answer.set_cookie(
                    BEGUN,
                    cookie,
                    max_age=lasts,
                    path=_base(request) + SIGN_IN,
                    secure=callback.startswith("https:"),
                    httponly=True,
                    samesite="lax",
                )
                return answer
            actor, wanted = await self._come_back(self._openid, request, head, callback)
        except SignInError as error:
            answer = self._page(request, wanted, str(error), error.status)
        else:
            # A page that redirects: after the issuer's redirect alone, SameSite=Strict cookies would not be sent.
            answer = _redirect_page(_base(request) + own_path(wanted), t("You are signed in."))
            await self._begin(answer, head, actor, None)
        answer.delete_cookie(BEGUN, path=_base(request) + SIGN_IN, httponly=True, samesite="lax")
        return answer

    async def _come_back(self, openid: OpenId, request: Request, head: Head, callback: str) -> tuple[Actor, str]:
        address = str(self._origin.client(head) or "")
        try:
            return await openid.end(dict(request.query_params), request.cookies.get(BEGUN), callback)
        except SignInError as error:
            if self._backoff.wait(address):
                raise SignInError(t("Too many sign-ins failed from this address: wait a minute."), 429) from error
            self._backoff.failed(address)
            raise

    async def _enter(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return self._page(request, "/", t("This is too long to be a token."), 413)
        wanted, secret = form.get("next", "/"), form.get("token", "").strip()
        if not secret:
            return self._page(request, wanted, t("Enter a token."), 400)
        head = Head(request.scope, request.receive)
        try:
            address = str(self._origin.client(head) or "")
            actor = await self._login.identify(f"Bearer {secret}", address)  # not translated
        except ManagementError as error:
            why = (
                t("This token is not valid: it is wrong, expired or revoked, or has no role here.")
                if error.status == 401
                else said(error.message)
            )
            return self._page(request, wanted, why, error.status, dict(error.headers))
        answer = RedirectResponse(own_path(wanted), 303)
        await self._begin(answer, head, actor, secret)
        return answer

    async def _begin(self, answer: Response, head: Head, actor: Actor, secret: str | None) -> None:
        session, cookie = await to_thread.run_sync(self._sessions.begin, actor, secret)
        await to_thread.run_sync(self._note, session, "portal.sign_in")
        answer.set_cookie(
            COOKIE,
            cookie,
            expires=session.until,
            path="/",
            secure=self._origin(head).startswith("https:"),
            httponly=True,
            samesite="strict",
        )

    async def _leave(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        session = await to_thread.run_sync(self._sessions.read, cookie) if cookie else None
        answer: Response = RedirectResponse(SIGN_IN, 303)
        if session is not None:
            await to_thread.run_sync(self._sessions.end, session)
            await to_thread.run_sync(self._note, session, "portal.sign_out")
            if session.at_issuer and self._openid is not None:
                back = self._origin(Head(request.scope, request.receive)) + SIGN_IN
                if address := await self._openid.leave(back):
                    # A separate page: our policy does not allow forms to redirect to other sites.
                    answer = _redirect_page(
                        address, t("You are signed out here. Now you are signed out at the issuer.")
                    )
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    def _note(self, session: PortalSession, action: str) -> None:
        role = {"role": session.actor.role.value}
        self._audit.record(actor=session.actor.name, action=action, resource_id=None, details=role)

    def _page(
        self, request: Request, wanted: str, trouble: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        said = f'<p class="trouble" id="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
        described = 'aria-describedby="trouble" aria-invalid="true"' if trouble else 'aria-describedby="hint"'
        wanted = own_path(wanted)
        issuer = ""
        if self._openid is not None:
            address = f"{_base(request)}{START}?{urlencode({'next': wanted})}"
            issuer = _ISSUER.substitute(
                address=escape(address, quote=True),
                sign_in=escape(t("Sign in with your organisation")),
                hint=escape(t("You give your password to {name} only.", name=self._openid.name)),
                other=escape(t("or")),
            )
        page = _PAGE.substitute(
            trouble=said,
            described=described,
            next=escape(wanted, quote=True),
            base=escape(_base(request), quote=True),
            issuer=issuer,
            focus="" if issuer else "autofocus",
            language=language(),
            zone=STORE_ZONE,
            languages=_languages(_base(request), wanted),
            sign_in=escape(t("Sign in")),
            token=escape(t("Token")),
            hint=_HINT.sub(r"<code>\1</code>", escape(t(_WHERE))),
            choose=escape(t("Language"), quote=True),
        )
        kept = {name: value for name, value in (headers or {}).items() if name.lower() == "retry-after"}
        return HTMLResponse(page, status, kept)


_ISSUER: Final = Template(
    '<a class="go" href="$address">$sign_in</a>\n  <p class="hint">$hint</p>\n  <p class="or">$other</p>'
)
_WHERE: Final = mark("An admin token: `mien serve --dev` prints one, `mien admin token create NAME` creates one.")
_HINT: Final = re.compile("`([^`]+)`")


def _languages(base: str, wanted: str) -> str:
    """Return the links to this page in the other languages."""
    links = []
    for code, name in LANGUAGES.items():
        address = escape(f"{base}{SIGN_IN}?{urlencode({'language': code, 'next': wanted})}", quote=True)
        now = ' aria-current="true"' if code == language() else ""
        links.append(f'<a href="{address}" lang="{code}" hreflang="{code}"{now}>{name}</a>')
    return " ".join(links)


def _base(request: Request) -> str:
    """Return the base path of a proxy; `Portal` accepts the header from trusted proxies only."""
    return request.headers.get(PREFIX_HEADER, "")


def _redirect_page(address: str, said: str) -> Response:
    """Return a page that redirects at once, or with its link."""
    return HTMLResponse(
        _ONWARD.substitute(
            address=escape(address, quote=True),
            said=escape(said),
            language=language(),
            title=escape(t("Signing in and out")),
            wait=escape(t("One moment")),
            onward=escape(t("Go on")),
        )
    )


def own_path(wanted: str) -> str:
    r"""Return the requested path if it is in this portal, else that of the first page.

    Browsers treat `//host` and `/\host` as other hosts, and drop control characters.
    """
    plain = wanted.startswith("/") and wanted.isprintable() and not wanted.startswith(("//", "/\\"))
    return wanted if plain and not wanted.startswith((SIGN_IN, SIGN_OUT)) else "/"


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None if it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            return None
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
