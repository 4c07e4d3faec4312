"""An issuer that people sign in at: a page to say who one is, codes that are good once, PKCE, a client secret."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.gateway.issuer import Issuer

from mien.clock import SystemClock

CLIENT, SECRET = "mien portal", "se:cret%/é"


class SignInIssuer(Issuer):
    """An issuer with pages.

    Attributes:
        codes: what each code was given for.
        more: claims to put into the next id tokens instead of the right ones.
        left: how often somebody was signed out.
    """

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.codes: dict[str, dict[str, str]] = {}
        self.more: dict[str, Any] = {}
        self.left = 0

    def answer(self, path: str) -> dict[str, Any] | None:
        found = super().answer(path)
        if found is not None and "jwks_uri" in found:
            found |= {
                "authorization_endpoint": f"{self.url}/authorize?tenant=1",
                "token_endpoint": f"{self.url}/token",
                "end_session_endpoint": f"{self.url}/logout",
            }
        return found

    def give(self, asked: dict[str, str], name: str, role: str) -> str:
        """Return a code for somebody."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked | {"name": name, "role": role}
        return code

    def redeem(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return an id token for a code; None for what no issuer takes."""
        scheme, _, encoded = authorization.partition(" ")
        account = base64.b64decode(encoded).decode()
        right = urlencode({"": CLIENT})[1:] + ":" + urlencode({"": SECRET})[1:]
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (scheme, account) != ("Basic", right) or asked is None:
            return None
        if form["redirect_uri"] != asked["redirect_uri"] or challenge != asked["code_challenge"]:
            return None
        claims = {"aud": CLIENT, "nonce": asked["nonce"], "preferred_username": asked["name"]} | self.more
        roles = [asked["role"]] if asked["role"] else []
        return {"token_type": "Bearer", "access_token": "x", "id_token": self.token(*roles, **claims)}


_PAGE = """<!doctype html><html lang="en"><title>Issuer</title><h1>Who are you?</h1>
<form method="post" action="/authorize"><input type="hidden" name="asked" value="{asked}">
<label>Name <input name="name"></label> <label>Role <input name="role"></label>
<button name="let" value="in">Go on</button> <button name="let" value="out">Turn back</button></form></html>"""


@contextmanager
def sign_in_issuer() -> Iterator[SignInIssuer]:
    """Serve an issuer on a free port, under a name that browsers take for another site than the portal's address."""
    issuer = SignInIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/authorize":
                wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256", "tenant": "1"}
                if wanted.items() <= asked.items() and "openid" in asked["scope"].split():
                    self._say(200, _PAGE.format(asked=escape(json.dumps(asked), quote=True)), "text/html")
                else:
                    self._say(400, f"not asked as it should be: {asked}", "text/plain")
            elif url.path == "/logout":
                issuer.left += 1
                self._go(asked["post_logout_redirect_uri"])
            else:
                found = issuer.answer(url.path)
                self._say(200 if found is not None else 500, json.dumps(found), "application/json")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if self.path == "/token":
                found = None if issuer.broken else issuer.redeem(form, self.headers.get("Authorization", ""))
                self._say(200 if found else 400, json.dumps(found or {"error": "invalid_grant"}), "application/json")
                return
            asked = json.loads(form["asked"])
            back = {"state": asked["state"], "iss": issuer.url}
            if form["let"] == "in":
                back["code"] = issuer.give(asked, form["name"], form.get("role", ""))
            else:
                back["error"] = "access_denied"
            self._go(asked["redirect_uri"] + "?" + urlencode(back))

        def _go(self, to: str) -> None:
            self.send_response(302)
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _say(self, status: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
