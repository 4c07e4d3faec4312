"""A running server: the request log is switched while it runs, and an alert reaches a webhook on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pytest
from tests.conftest import Server, StartServer
from tests.waiting import until

from mien.accounts.types import ResourceChange
from mien.events import Condition
from mien.services import Services, open_services
from mien.settings import Settings

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJlc2lnbmF0dXJl"


@pytest.fixture(scope="module")
def running(start_server: StartServer) -> Server:
    return start_server(
        metrics_seconds="0.1", alert_seconds="1", webhook_allow_private="true", log_format="json", log_level="info"
    )


@pytest.fixture(scope="module")
def services(running: Server) -> Iterator[Services]:
    """What another process has: here, the test's own."""
    opened = open_services(Settings(data_dir=running.data_dir, webhook_allow_private=True))
    yield opened
    opened.close()


def lines(server: Server) -> list[dict[str, object]]:
    written = server.log.read_text().rpartition("\n")[0]  # the server may be in the middle of a line
    found = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("logger") == "mien.requests"]


def test_the_request_log_is_switched_while_the_server_runs(running: Server, services: Services) -> None:
    resource = services.accounts.resources()[0]
    with running.client() as client:

        def call() -> str:
            path = f"/face/v1.2/facelists/none?subscription-key={running.key2}&token={TOKEN}"
            headers = {"x-ms-client-request-id": str(uuid4()), "Authorization": f"Bearer {TOKEN}"}
            answer = client.get(path, headers=headers | {"X-Odd": f"a{running.key1}b"})
            assert answer.status_code == 404
            assert answer.headers["x-ms-client-request-id"] == headers["x-ms-client-request-id"]
            return answer.headers["apim-request-id"]

        call()
        assert lines(running) == []
        services.accounts.update(resource.id, ResourceChange(request_log=True))
        until(lambda: call() in {line["request_id"] for line in lines(running)})
        services.accounts.update(resource.id, ResourceChange(request_log=False))
        until(lambda: call() not in {line["request_id"] for line in lines(running)})
        before = len(lines(running))
        call()
        call()
        assert len(lines(running)) == before
    line = lines(running)[0]
    assert (line["resource"], line["status"], line["path"]) == (resource.name, 404, "/face/v1.2/facelists/none")
    assert "FaceListNotFound" in json.dumps(line["error"])
    for secret in (running.key1, running.key2, TOKEN):
        assert secret not in running.log.read_text()


def test_an_alert_reaches_its_webhook(running: Server, services: Services) -> None:
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as receiver:
        threading.Thread(target=lambda: receiver.serve_forever(0.02), daemon=True).start()
        resource = services.accounts.resources()[0]
        condition = Condition("ClientErrors", 1, operation="PersonGroup - Get")
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        rule, _ = services.alerts.create("errors", condition, resource_id=resource.id, url=url)
        with running.client() as client:
            assert client.get("/face/v1.2/persongroups/none").status_code == 404
        until(lambda: len(got) > 0)
        until(lambda: [one.state for one in services.alerts.deliveries(rule.id)] == ["delivered"])
        receiver.shutdown()
    assert [(one["event"], one["value"]) for one in got] == [("fired", 1)]
    assert got[0]["resource"] == {"id": str(resource.id), "name": resource.name}
