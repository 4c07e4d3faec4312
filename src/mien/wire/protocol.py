"""Uvicorn's HTTP protocol, mended where its own ways would reach a client."""

from __future__ import annotations

import re
import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mien.contract.catalogue import row
from mien.gateway.exchange import JSON_TYPE

_NOT_HTTP = row("mien.not_http")
_H2C_OFFER = re.compile(rb"\r\nupgrade(?=[ \t]*:[ \t]*h2c)", re.IGNORECASE)
_LONGEST_HEAD = 16384


class HttpProtocol(HttpToolsProtocol):
    """Give it to uvicorn as `http=`.

    It answers in the contract's JSON to what is not HTTP, and declines an offer of HTTP/2 over plain text. Java's own
    client makes that offer with every first request, and uvicorn's parser drops the body of a request that makes one.
    """

    def data_received(self, data: bytes) -> None:
        """Hide the offer in the head of a request, then go on as ever."""
        # While a body comes its cycle is open; its bytes must not be touched.
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation leaves the None of the start out
        if (cycle is None or cycle.response_complete) and b"h2c" in data[:_LONGEST_HEAD]:
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _H2C_OFFER.sub(b"\r\nx-declined-upgrade", head) + end + rest
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer and close; `msg` is uvicorn's text, which says nothing beyond ours."""
        del msg
        body = _NOT_HTTP.problem().body()
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: %b\r\ncontent-length: %d\r\nx-ms-error-code: %b\r\n"
            b"apim-request-id: %b\r\nconnection: close\r\n\r\n"
        )
        values = (JSON_TYPE, len(body), _NOT_HTTP.code.encode(), str(uuid.uuid4()).encode())
        self.transport.write(head % values + body)
        self.transport.close()
