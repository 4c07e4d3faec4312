import json
import string
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.wire.conftest import resource

from mien.accounts import Resource
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.gateway.request_log import RequestLog, describe


def logged(*, request_log: bool = True) -> Resource:
    return resource(name="front-desk", request_log=request_log)


async def handler(_exchange: Exchange) -> Response:
    raise NotImplementedError


async def receive() -> dict[str, Any]:
    raise NotImplementedError


def exchange(caller: Resource | None, path: str, query: str, headers: list[tuple[bytes, bytes]]) -> Exchange:
    scope = {
        "method": "POST",
        "path": path,
        "query_string": query.encode("latin-1"),
        "headers": headers,
        "client": ("127.0.0.1", 5),
    }
    operation = Operation("Face - Detect", "POST", "/detect", handler)
    return Exchange(Request(scope, receive), operation, "v1.2", {}, str(uuid4()), caller)


def line(call: Exchange, response: Response) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(describe(call.request, call, response, 0.0123)))
    return fields


def test_a_line_tells_what_is_needed_to_find_a_mistake() -> None:
    caller = logged()
    client_id = str(uuid4())
    headers = [
        (b"ocp-apim-subscription-key", b"0123456789abcdef0123456789abcdef"),
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"5000"),
        (b"x-ms-client-request-id", client_id.encode()),
        (b"user-agent", b"azsdk-python-ai-vision-face/1.0.0b2 Python/3.11"),
    ]
    call = exchange(caller, "/face/v1.2/detect", "returnFaceId=true&detectionModel=detection_9", headers)
    body = json.dumps({"error": {"code": "BadArgument", "message": "'detectionModel' is invalid."}}).encode()
    told = line(call, Response(400, body))
    assert told["request_id"] == call.request_id
    assert told["client_request_id"] == client_id
    assert (told["resource"], told["resource_id"]) == ("front-desk", str(caller.id))
    assert (told["method"], told["path"], told["status"]) == ("POST", "/face/v1.2/detect", 400)
    assert told["query"] == [["returnfaceid", "true"], ["detectionmodel", "detection_9"]]
    assert ["content-type", "application/octet-stream"] in told["headers"]
    assert ["ocp-apim-subscription-key", "***"] in told["headers"]
    assert ["user-agent", "azsdk-python-ai-vision-face/1.0.0b2 Python/3.11"] in told["headers"]
    assert told["error"] == json.loads(body)
    assert (told["milliseconds"], told["bytes_in"], told["bytes_out"]) == (12.3, 5000, len(body))


def test_bodies_of_successes_are_never_written() -> None:
    told = line(exchange(logged(), "/face/v1.2/detect", "", []), Response(200, b'[{"faceId": "secret-face"}]'))
    assert "secret-face" not in json.dumps(told)
    assert "error" not in told


@pytest.mark.parametrize("caller", [None, logged(request_log=False)])
def test_off_is_off(caller: Resource | None) -> None:
    lines: list[object] = []
    call = exchange(caller, "/face/v1.2/detect", "", [])
    log = RequestLog(lines.append)
    log(call.request, call, Response(), 0.1)
    log(call.request, None, Response(), 0.1)
    assert lines == []


HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
SECRETS = st.one_of(
    HEX,
    HEX.map(str.upper),
    st.text(string.ascii_letters + string.digits, min_size=84, max_size=84),
    st.tuples(*[st.text(string.ascii_letters + string.digits + "-_", min_size=10, max_size=60)] * 3).map(
        lambda parts: "eyJ" + ".".join(parts)
    ),
    st.text(string.ascii_letters + string.digits + "-_", min_size=43, max_size=43),
)
WRAPS = st.sampled_from(["{}", " {} ", "Bearer {}", "x{}y", "key={}", '"{}"', "a/{}/b", "{}{}"])
ENCODINGS = st.sampled_from(
    [
        lambda text: text,
        quote,
        lambda text: "".join(f"%{ord(sign):02X}" for sign in text),
        lambda text: quote("".join(f"%{ord(sign):02x}" for sign in text)),
        lambda text: quote(quote("".join(f"%{ord(sign):02x}" for sign in text))),
    ]
)
PLACES = st.sampled_from(["path", "query value", "query name", "key query", "error", "error name", "client id"])
HEADERS = st.sampled_from(
    ["ocp-apim-subscription-key", "authorization", "cookie", "x-api-key", "x-anything", "referer", "user-agent", "host"]
)


# A token as the name of a query parameter, which the gateway writes in lower case.
@example("eyJ0000000000.0000000000.0000000000", "{}", str, {"query name"}, set())
@given(SECRETS, WRAPS, ENCODINGS, st.sets(PLACES, min_size=1), st.sets(HEADERS))
def test_no_key_or_token_ever_appears(secret: str, wrap: str, encode: Any, places: set[str], names: set[str]) -> None:
    text = encode(wrap.format(*[secret] * wrap.count("{}")))
    headers = [(name.encode(), text.encode("latin-1")) for name in sorted(names)]
    query, path, error = "a=b", "/face/v1.2/detect", {"error": {"code": "c", "message": "m"}}
    if "query value" in places:
        query += f"&other={quote_plus(text)}"
    if "query name" in places:
        query += f"&{quote_plus(text)}=1"
    if "key query" in places:
        query += f"&subscription-key={quote_plus(text)}"
    if "path" in places:
        path += f"/{text}"
    if "error" in places:
        error["error"]["message"] = f"it was {text}."
    if "error name" in places:
        error[text] = {}
    if "client id" in places:
        headers.append((b"x-ms-client-request-id", text.encode("latin-1")))
    told = json.dumps(line(exchange(logged(), path, query, headers), Response(401, json.dumps(error).encode())))
    for _ in range(6):
        assert secret.lower() not in told.lower()
        told = unquote(unquote_plus(told))


@given(st.binary(max_size=200), st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=60))), st.text())
def test_any_call_can_be_written_down(body: bytes, headers: list[tuple[bytes, bytes]], query: str) -> None:
    call = exchange(logged(), "/" + query, quote(query), headers)
    line(call, Response(500, body))
