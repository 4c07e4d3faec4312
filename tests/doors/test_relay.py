"""The HTTP relay against a real server: addresses are judged, time is bounded, a failure is a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_network

import pytest
from tests.doors.parts import granted_event as event

from mien.doors.actuators.config import RelayActuator
from mien.doors.actuators.relay import Relay
from mien.doors.openings import ActuatorError
from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import FetchPolicy
from mien.storage.claims import elapsed

NEAR = FetchPolicy(AddressPolicy(allow_private=True))
got: list[tuple[str, str, bytes, str | None]] = []
release = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got.append((self.command, self.path, body, self.headers["Authorization"]))
        if self.path.startswith("/slow"):
            release.wait(60)
        status = {"/gone": 500, "/moved": 302}.get(self.path, 204)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/open")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def base() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    got.clear()
    release.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    release.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_request_is_sent_once(base: str) -> None:
    config = RelayActuator(url=f"{base}/relay?timer={{seconds}}", body='{"open": {seconds}}', token="hush")
    assert Relay(config, 4.0, NEAR).open(event(), elapsed() + 60) == "the relay answered with status 204"
    assert got == [("POST", "/relay?timer=4", b'{"open": 4}', "Bearer hush")]
    Relay(RelayActuator(url=f"{base}/x", method="GET"), 4.0, NEAR).open(event(), elapsed() + 60)
    assert got[1][:2] == ("GET", "/x")


def test_private_addresses_must_be_allowed(base: str) -> None:
    config = RelayActuator(url=f"{base}/relay")
    with pytest.raises(ActuatorError, match="MIEN_RELAY_ALLOW"):
        Relay(config, 4.0, FetchPolicy(AddressPolicy(settings="MIEN_RELAY"))).open(event(), elapsed() + 60)
    assert got == []
    listed = FetchPolicy(AddressPolicy(allowed_networks=(ip_network("127.0.0.0/8"),)))
    assert Relay(config, 4.0, listed).open(event(), elapsed() + 60)


def test_failures(base: str) -> None:
    for path, words in (("/gone", "status 500"), ("/moved", "status 302")):
        with pytest.raises(ActuatorError, match=words):
            Relay(RelayActuator(url=base + path), 4.0, NEAR).open(event(), elapsed() + 60)
    assert [path for _, path, _, _ in got] == ["/gone", "/moved"], "no redirect is followed"
    with pytest.raises(ActuatorError, match="in time"):
        Relay(RelayActuator(url=f"{base}/slow?key=hush"), 4.0, NEAR).open(event(), elapsed() + 1)
    with pytest.raises(ActuatorError, match="too late"):
        Relay(RelayActuator(url=base), 4.0, NEAR).open(event(), elapsed() - 1)
    with pytest.raises(ActuatorError, match="could not be reached"):
        Relay(RelayActuator(url="http://127.0.0.1:9/"), 4.0, FetchPolicy(AddressPolicy(True))).open(
            event(), elapsed() + 60
        )
