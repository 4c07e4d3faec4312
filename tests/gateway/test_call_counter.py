from typing import Any

from tests.manual_clock import ManualClock

from mien.events import Recorder
from mien.events.metrics import NOBODY
from mien.events.recorder import Counts
from mien.gateway.call_counter import CallObserver
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.storage import Database


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"12345", "more_body": False}


async def handler(_exchange: Exchange) -> Response:
    raise NotImplementedError


def request(*headers: tuple[bytes, bytes]) -> Request:
    return Request({"method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)


async def test_what_the_front_door_tells_is_counted(sqlite: Database) -> None:
    recorder = Recorder(sqlite, ManualClock())
    observe = CallObserver(recorder)
    operation = Operation("Face - Detect", "POST", "/detect", handler, transactions=1)

    def told(asked: Request, response: Response, **options: Any) -> dict[str, int]:
        before = recorder.totals()
        exchange = Exchange(asked, operation, "v1.2", {}, "id", **options)
        observe(asked, exchange, response, 0.25)
        code = next((value.decode() for name, value in response.headers if name == b"x-ms-error-code"), "")
        key = (NOBODY, "Face - Detect", response.status, code)
        old = before.get(key, Counts()).columns()
        return {name: value - old[name] for name, value in recorder.totals()[key].columns().items() if value}

    chunked = request()
    await chunked.read(100, 1)
    good = told(chunked, Response(200, b"[]"))
    assert {name: good[name] for name in ("calls", "data_in", "data_out", "transactions")} == {
        "calls": 1,
        "data_in": 5,
        "data_out": 2,
        "transactions": 1,
    }
    assert good["latency_sum"] == 250_000
    unread = request((b"content-length", b"123456"))
    blocked = told(unread, Response(429, b"{}", headers=((b"x-ms-error-code", b"429"),)), blocked=True)
    assert (blocked["blocked"], blocked["data_in"]) == (1, 123456)
    assert "transactions" not in blocked
    refused = told(unread, Response(403, b"{}", headers=((b"x-ms-error-code", b"InvalidRequest"),)))
    assert "blocked" not in refused
    observe(unread, None, Response(404, b"{}"), 0.1)
    assert recorder.totals()[NOBODY, "Unknown", 404, ""].calls == 1
