"""A token issuer: a real HTTP server with a discovery document and signing keys, and whatever tokens a test needs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from mien.clock import Clock
from mien.gateway.tokens import AUDIENCE


class Issuer:
    """An issuer.

    Attributes:
        url: its name, `iss`.
        keys: what it signs with; the last one is the newest.
        asked: how often its keys were fetched.
        broken: whether it answers 500 to everything.
    """

    def __init__(self, clock: Clock) -> None:
        self.url = ""
        self.clock = clock
        self.keys: list[RSAKey | ECKey] = [RSAKey.generate_key(2048, {"kid": "first"})]
        self.asked = 0
        self.broken = False

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
        signer = key or self.keys[-1]
        algorithm = "ES256" if isinstance(signer, ECKey) else "RS256"
        head = {"alg": algorithm, "kid": signer.kid} | (header or {})
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in content.items() if value is not None},
            signer,
            algorithms=[str(head["alg"])],
        )

    def answer(self, path: str) -> dict[str, Any] | None:
        """What is behind a path."""
        if self.broken:
            return None
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            self.asked += 1
            return {"keys": [key.as_dict(private=False, use="sig") for key in self.keys]}
        return None


@contextmanager
def running_issuer(clock: Clock) -> Iterator[Issuer]:
    """Serve an issuer on a free port of this machine."""
    issuer = Issuer(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.answer(self.path)
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
