"""Measures the cost of the gateway per call: hosts, keys or tokens, network rules, roles, rates, approvals, metrics.

    python bench/front_door.py [--rounds 40] [--database postgresql://…] [--redis redis://…]

One uvicorn process serves the same trivial operation twice, through a `Gateway` without steps and observers and through
one with everything on. One client with a connection to each calls them alternately; medians and minima of the round
trip in milliseconds. The difference of the medians is the cost of the gateway. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey

from mien.accounts import DEVELOPMENT_TERMS, AccessRequests, Accounts
from mien.clock import SystemClock
from mien.events import AuditLog, Recorder
from mien.gateway.call_counter import CallObserver
from mien.gateway.checks import Checks
from mien.gateway.exchange import Exchange, Operation, Receive, Response, Route, Scope, Send
from mien.gateway.gateway import Gateway
from mien.gateway.keysets import KeySets
from mien.gateway.rates import RateLimits, TierRates
from mien.gateway.request_log import RequestLog
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import AUDIENCE, TokenVerifier
from mien.settings import Settings, usable_cores
from mien.storage import Database, MasterKey, Vault, migrate
from mien.wire.faults import explain

ISSUER = "https://issuer.example"
NAME = "bench"
HOST = f"{NAME}.cognitiveservices.localhost"


async def answer(_exchange: Exchange) -> Response:
    return Response(body=b"[]")


class OneRoute:
    """Returns the same operation for every path."""

    match_found = Route(
        Operation("Face - Verify", "POST", "/verify", answer, action="verify", transactions=1), "v1.2", {}
    )

    def match(self, method: str, path: str, endpoint: Callable[[], str]) -> Route:
        """Return the operation."""
        del method, path, endpoint
        return self.match_found


class Both:
    """Two gateways behind one socket, by path."""

    def __init__(self, bare: Gateway, full: Gateway, checks: Checks) -> None:
        self._gateways = {"/bare": bare, "/full": full}
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._gateways[scope["path"]](scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._checks.close()
        await send({"type": "lifespan.shutdown.complete"})


def call(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    connection.request("POST", path, b"{}", headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(body.decode())


def timed(connection: http.client.HTTPConnection, path: str, headers: dict[str, str], repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        call(connection, path, headers)
        found.append((time.perf_counter() - start) * 1e3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--database", help="URL of an empty database; SQLite in a temporary folder when absent")
    parser.add_argument("--redis", help="URL of a Redis; counts in memory when absent")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = Settings(data_dir=Path(folder), database_url=chosen.database).sqlalchemy_url
        clock, database = SystemClock(), Database(url)
        migrate(database)
        vault = Vault(database, MasterKey(os.urandom(32)), clock)
        accounts = Accounts(database, vault, clock)
        resource = accounts.create(NAME, terms=DEVELOPMENT_TERMS, custom_subdomain=NAME)
        AccessRequests(database, clock, AuditLog(database, clock, vault)).approve_for_development(resource)
        key = accounts.keys(resource.id).key1
        signer = RSAKey.generate_key(2048, {"kid": "a"})
        keys = KeySets(ISSUER, f"{ISSUER}/keys", fetch=lambda _url: b'{"keys":[%s]}' % _public(signer))
        checks = Checks(
            accounts,
            short_tokens=ShortTokens(vault.keyed_hash, clock),
            verifier=TokenVerifier({ISSUER: keys}, clock, audiences=[AUDIENCE]),
            rates=RateLimits(TierRates(paid_per_second=1_000_000), chosen.redis),
            in_place=database.is_sqlite,
        )
        recorder = Recorder(database, clock)
        recorder.start()
        router = OneRoute()
        full = Gateway(router, checks.steps(), explain, [CallObserver(recorder), RequestLog()])
        both = Both(Gateway(router, [], explain), full, checks)
        config = uvicorn.Config(both, port=0, loop="uvloop", http="httptools", log_config=None, lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        short = ShortTokens(vault.keyed_hash, clock).issue(key, resource)
        callers: dict[str, tuple[str, dict[str, str]]] = {
            "no steps": ("/bare", {}),
            "key": ("/full", {"Ocp-Apim-Subscription-Key": key}),
            "token of the exchange": ("/full", {"Authorization": f"Bearer {short}"}),
            "token of an issuer": ("/full", {"Authorization": f"Bearer {_token(signer)}"}),
        }
        measure(port, callers, chosen.rounds)
        server.should_exit = True
        thread.join()
        recorder.stop()
        database.close()


def _public(signer: RSAKey) -> bytes:
    return json.dumps(signer.as_dict(private=False)).encode()


def _token(signer: RSAKey) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "oid": "bench", "exp": now + 3600, "roles": ["Cognitive Services User"]}
    return jwt.encode({"alg": "RS256", "kid": "a"}, claims, signer)


def measure(port: int, callers: dict[str, tuple[str, dict[str, str]]], rounds: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    found: dict[str, list[float]] = {name: [] for name in callers}
    for warm in (True, *[False] * rounds):
        for name, (path, headers) in callers.items():
            times = timed(connection, path, {"Host": HOST, **headers}, 200 if warm else 50)
            found[name] += [] if warm else times
    print(f"{platform.machine()}, {usable_cores()} cores, load {os.getloadavg()[0]:.1f}")
    base, least = statistics.median(found["no steps"]), min(found["no steps"])
    for name, values in found.items():
        median = statistics.median(values)
        added = f"  adds p50 {median - base:6.3f}  min {min(values) - least:6.3f}" if name != "no steps" else ""
        print(f"{name:24} p50 {median:7.3f}  min {min(values):7.3f}{added}")
    connection.close()


if __name__ == "__main__":
    main()
