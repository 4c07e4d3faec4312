"""The one token issuer of the tests: a real HTTP(S) server with a discovery document, signing keys, a sign-in page,
client credentials, and whatever tokens a test needs. `tests.issuer_products` gives it the shapes of known products."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests import local_server

from mien.clock import Clock, SystemClock
from mien.gateway.tokens import AUDIENCE
from mien.tls import ensure_certificate

CLIENT, SECRET = "mien portal", "se:cret%/é"
"""How the portal is registered."""

Answer = dict[str, Any]


class Issuer:
    """An issuer.

    Attributes:
        url: its name, `iss`.
        keys: what it signs with; the last one is the newest.
        asked: how often its keys were fetched.
        broken: whether it answers 500 to everything.
        codes: what each sign-in code was given for.
        more: claims to put into the next id tokens instead of the right ones.
        left: how often somebody was signed out.
        applications: the secrets of clients that get tokens for themselves.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.url = ""
        self.clock = clock or SystemClock()
        self.keys: list[RSAKey | ECKey] = [RSAKey.generate_key(2048, {"kid": "first"})]
        self.asked = 0
        self.broken = False
        self.codes: dict[str, dict[str, str]] = {}
        self.more: dict[str, Any] = {}
        self.left = 0
        self.applications: dict[str, str] = {}

    def listen(self, address: str) -> None:
        """Take the address that it is served at."""
        self.url = address

    def rotate(self, *, keep: bool = False) -> None:
        """Take a new key."""
        new = ECKey.generate_key("P-256", {"kid": f"key {len(self.keys)} {self.asked}"})
        self.keys = [*self.keys, new] if keep else [new]

    def token(self, *roles: str, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """Return a token that is good unless `claims` say otherwise; a claim that is None is left out."""
        now = int(self.clock.now().timestamp())
        content = {
            "iss": self.url,
            "aud": AUDIENCE,
            "oid": "anna",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "roles": list(roles),
        } | claims
        return self.sign(content, header=header, key=key)

    def sign(self, claims: dict[str, Any], *, header: dict[str, Any] | None = None, key: Any = None) -> str:
        """Return a token with these claims; those that are None are left out."""
        signer = key or self.keys[-1]
        algorithm = "ES256" if isinstance(signer, ECKey) else "RS256"
        head = {"alg": algorithm, "kid": signer.kid} | (header or {})
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in claims.items() if value is not None},
            signer,
            algorithms=[str(head["alg"])],
        )

    def answer(self, path: str) -> Answer | None:
        """What is behind a path."""
        if self.broken:
            return None
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize?tenant=1",
                "token_endpoint": f"{self.url}/token",
                "end_session_endpoint": f"{self.url}/logout",
            }
        return self.public_keys() if path == "/keys" else None

    def public_keys(self) -> Answer:
        """The keys, which somebody asks for."""
        self.asked += 1
        return {"keys": [key.as_dict(private=False, use="sig") for key in self.keys]}

    def give(self, asked: dict[str, str], name: str, role: str) -> str:
        """Return a code for somebody."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked | {"name": name, "role": role}
        return code

    def grant(self, path: str, form: dict[str, str], authorization: str) -> Answer | None:
        """Answer a request for a token; None for what no issuer takes."""
        if self.broken or path != "/token":
            return None
        return self.redeem(form, authorization)

    def redeem(self, form: dict[str, str], authorization: str) -> Answer | None:
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

    def application_of(self, form: dict[str, str], authorization: str) -> str | None:
        """Return the client that asks for a token for itself; None when its secret is wrong."""
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            name, _, secret = (
                unquote_plus(part) for part in base64.b64decode(authorization[6:]).decode().partition(":")
            )
        right = form.get("grant_type") == "client_credentials" and self.applications.get(name) == secret
        return name if right and secret else None


_PAGE = """<!doctype html><html lang="en"><title>Issuer</title><h1>Who are you?</h1>
<form method="post" action="/authorize"><input type="hidden" name="asked" value="{asked}">
<label>Name <input name="name"></label> <label>Role <input name="role"></label>
<button name="let" value="in">Go on</button> <button name="let" value="out">Turn back</button></form></html>"""


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
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
            if self.path != "/authorize":
                found = issuer.grant(self.path, form, self.headers.get("Authorization", ""))
                refused = {"error": "invalid_grant"}
                self._say(200 if found else 400, json.dumps(found or refused), "application/json")
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

    return Handler


Running = TypeVar("Running", bound=Issuer)


@contextmanager
def serving(issuer: Running, tls: Path | None = None, host: str = "127.0.0.1") -> Iterator[Running]:
    """Serve an issuer on a free port of this machine.

    Args:
        issuer: which.
        tls: folder for a certificate authority of its own (`ca.pem`); plain HTTP when None.
        host: its name in its addresses; browsers take `localhost` for another site than the portal's address.
    """
    scheme, context = "http", None
    if tls is not None:
        scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ensure_certificate(tls, {"localhost", "127.0.0.1"}, SystemClock()).chain)
    with local_server.serving(_handler(issuer), context) as port:
        issuer.listen(f"{scheme}://{host}:{port}")
        yield issuer


@contextmanager
def running_issuer(clock: Clock) -> Iterator[Issuer]:
    """Serve an issuer with a test's clock."""
    with serving(Issuer(clock)) as issuer:
        yield issuer


@contextmanager
def sign_in_issuer() -> Iterator[Issuer]:
    """Serve an issuer that people sign in at."""
    with serving(Issuer(), host="localhost") as issuer:
        yield issuer
