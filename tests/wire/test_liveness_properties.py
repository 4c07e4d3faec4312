"""Whatever a client sends, the liveness channel and the parsers of its bodies end in an answer, never in a fault."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.examples import examples
from tests.wire.test_liveness_channel import PATH, Socket, Stage, frame, make_stage, stage

from mien.contract.liveness_versions import LIVENESS_VERSIONS
from mien.contract.problem import Problem
from mien.liveness.recording import FrameError, FrameLimits, RecordedFrame, Recording, parse_frame
from mien.wire.liveness.options import parse_options
from mien.wire.multipart import MultipartError, parse_multipart

__all__ = ["make_stage", "stage"]  # fixtures

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "livenessoperationmode",
    "sendresultstoclient",
    "devicecorrelationid",
    "devicecorrelationidsetinclient",
    "usercorrelationid",
    "usercorrelationidsetinclient",
    "authtokentimetoliveinseconds",
    "numberofclientattemptsallowed",
    "enablesessionimage",
    "livenessmodelversion",
    "livenesssinglemodalmodel",
    "returnverifyimagehash",
    "verifyconfidencethreshold",
    "expectedclientipaddress",
]
VALUES = JSON | st.sampled_from(["Passive", "PASSIVEACTIVE", "true", "False", "600", 0.5, "192.0.2.0/24", ""])


@examples(60)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.sampled_from(list(LIVENESS_VERSIONS)), st.booleans())
def test_any_fields_make_options_or_a_row_of_the_catalogue(fields: dict[str, Any], name: str, verify: bool) -> None:
    try:
        options, status = parse_options(fields, LIVENESS_VERSIONS[name], verify=verify), 200
    except Problem as problem:
        status = problem.status
    else:
        assert 60 <= options.token_seconds <= 86400
        assert 1 <= options.attempts_allowed <= 3
        assert 0 <= options.confidence_threshold <= 1
        assert (options.device_correlation_id is None) is options.device_set_in_client
    assert status in {200, 400}


@examples(60)
@given(st.text(st.characters(max_codepoint=255), max_size=60), st.binary(max_size=400))
def test_any_body_is_a_form_or_is_not(content_type: str, body: bytes) -> None:
    for sent in (content_type, "multipart/form-data; boundary=x"):
        try:
            parts = parse_multipart(sent, body)
        except MultipartError:
            continue
        assert all(isinstance(data, bytes) for data in parts.values())


@examples(60)
@given(st.dictionaries(st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True), st.binary(max_size=200), max_size=5))
def test_a_form_is_read_as_it_was_written(fields: dict[str, bytes]) -> None:
    written = httpx.Request(
        "POST", "http://x", files={name: ("f", data) for name, data in fields.items()} or {"a": ("f", b"")}
    )
    wanted = {name.lower(): data for name, data in fields.items()} or {"a": b""}
    assert parse_multipart(written.headers["content-type"], written.read()) == wanted


@examples(60)
@given(st.binary(max_size=64) | st.builds(lambda tail: b"\0" * 8 + b"\xff\xd8\xff" + tail, st.binary(max_size=64)))
def test_any_bytes_are_a_frame_or_are_not(message: bytes) -> None:
    try:
        parse_frame(message, FrameLimits())
    except FrameError:
        return
    assert message[8:11] == b"\xff\xd8\xff"


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 50), st.integers(0, 5000)), max_size=20))
def test_a_recording_is_in_order_and_within_its_time(frames: list[tuple[int, int, int]]) -> None:
    recording = Recording("s", 1, 3000, FrameLimits(frames=10, grace_seconds=1))
    for time_ms, number, elapsed in frames:
        try:
            recording.add(RecordedFrame(time_ms, number, False, b"j"), b"m", elapsed)
        except FrameError:
            continue
        assert time_ms <= min(elapsed + 1000, 4000)
    kept = recording.frames
    assert len(kept) <= 10
    assert all(a.time_ms <= b.time_ms and a.sequence < b.sequence for a, b in itertools.pairwise(kept))
    assert len(recording.digest()) == 64


def _hello(token: Any) -> str:
    return json.dumps({"type": "hello", "token": token})


MESSAGES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(frame, st.integers(0, 9), st.integers(0, 9000), positioning=st.booleans()),
        JSON.map(_hello),
        st.sampled_from([json.dumps({"type": kind}) for kind in ("end", "cancel", "hello", "other")]),
        st.text(max_size=40),
    ),
    max_size=6,
)


@pytest.mark.parametrize("admitted", [False, True], ids=["stranger", "admitted"])
@examples(30, HealthCheck.function_scoped_fixture)
@given(messages=MESSAGES)
def test_any_messages_end_in_a_failure_or_in_silence(stage: Stage, admitted: bool, messages: list[bytes | str]) -> None:
    async def talk() -> None:
        socket = Socket()
        await socket.open(stage, path=PATH)
        if admitted:
            await socket.say(type="hello", token=stage.token())
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            await socket.incoming.put({"type": "websocket.receive", kind: message})
        await socket.incoming.put({"type": "websocket.disconnect", "code": 1001})
        assert socket.task is not None
        await asyncio.wait_for(socket.task, 20)
        said = [json.loads(sent["text"]) for sent in drained(socket) if sent["type"] == "websocket.send"]
        failures = {message["livenessError"] for message in said if message["type"] == "failure"}
        assert failures <= {"UnexpectedClientError", "InvalidToken", "UserCanceledSession"}

    asyncio.run(talk())


def drained(socket: Socket) -> list[dict[str, Any]]:
    out = []
    while not socket.outgoing.empty():
        out.append(socket.outgoing.get_nowait())
    return out


def test_the_header_is_big_endian() -> None:
    assert frame(3, 258, b"\xff")[:8] == struct.pack(">II", 258, 3) == b"\0\0\x01\x02\0\0\0\x03"
