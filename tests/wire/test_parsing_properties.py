"""Whatever a client writes into a query or a body, the answer is the contract's: never a crash, never a 500."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.contract.attributes import ATTRIBUTES_OF
from mien.contract.catalogue import ROWS
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.problem import Problem
from mien.contract.versions import VERSIONS, Version
from mien.gateway.exchange import Request
from mien.wire.body import BodyLimits, read_json
from mien.wire.detect_query import DetectQuery, parse_detect_query
from mien.wire.router import Router

NAMES = (
    "detectionModel",
    "recognitionModel",
    "returnFaceId",
    "returnFaceAttributes",
    "returnFaceLandmarks",
    "returnRecognitionModel",
    "faceIdTimeToLive",
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *("true", "false", "TRUE", " true", "1", "", "detection_01", "detection_02", "DETECTION_03"),
            *("recognition_01", "recognition_04", "60", "59", "86400", "+60", "٦٠", "6e1", "-1"),
            *("headPose", "mask,blur", "age,,smile", "gender", "qualityForRecognition", "makeup"),
        ]
    ),
    st.text(max_size=40),
)
MESSAGES = {(row.status, row.code, row.message) for row in ROWS}


def request(query: str, body: bytes = b"") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"method": "POST", "path": "/", "headers": [], "query_string": query.encode("ascii", "ignore")}
    return Request(scope, receive)


@contextmanager
def refused_by_the_catalogue() -> Iterator[None]:
    """Let pass what works and what is refused with a row of the catalogue in well-formed JSON."""
    refusal: Problem | None = None
    try:
        yield
    except Problem as problem:
        refusal = problem
    if refusal is not None:
        assert any(
            (refusal.status, refusal.code) == (status, code) and as_pattern(message).fullmatch(refusal.message)
            for status, code, message in MESSAGES
        ), refusal
        json.loads(refusal.body())


def as_pattern(message: str) -> re.Pattern[str]:
    """A catalogue's message, whose `<words>` stand for what differs from call to call."""
    return re.compile(re.sub(r"<[\\\w -]+>", ".+", re.escape(message)), re.DOTALL)


def check(parsed: DetectQuery, version: Version) -> None:
    assert parsed.attributes <= ATTRIBUTES_OF[parsed.detection_model] & version.attributes
    assert FACE_ID_SECONDS[0] <= parsed.seconds <= FACE_ID_SECONDS[1]
    assert not (parsed.landmarks and parsed.detection_model == "detection_02")
    assert parsed.recognition_model.startswith("recognition_0")


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8),
    st.sampled_from(VERSIONS),
    st.sampled_from([str, str.lower, str.upper]),
)
def test_queries_are_understood_or_refused_by_the_catalogue(
    pairs: list[tuple[str, str]], version: Version, spell: Any
) -> None:
    query = urlencode([(spell(name), value) for name, value in pairs])
    with refused_by_the_catalogue():
        check(parse_detect_query(request(query), version), version)


@given(st.text(alphabet=st.characters(max_codepoint=126), max_size=80), st.sampled_from(VERSIONS))
def test_raw_query_strings(query: str, version: Version) -> None:
    with refused_by_the_catalogue():
        check(parse_detect_query(request(query), version), version)


@given(
    st.booleans(),
    st.booleans(),
    st.sampled_from(["detection_01", "detection_03"]),
    st.integers(*FACE_ID_SECONDS),
    st.data(),
)
def test_good_queries_are_read_as_written(
    face_ids: bool, landmarks: bool, model: str, seconds: int, data: st.DataObject
) -> None:
    version = data.draw(st.sampled_from(VERSIONS))
    known = sorted(ATTRIBUTES_OF[model] & version.attributes)
    attributes = data.draw(st.lists(st.sampled_from(known), unique=True))
    query = (
        f"returnFaceId={str(face_ids).lower()}&returnFaceLandmarks={landmarks}&detectionModel={model}"
        f"&recognitionModel=recognition_04&faceIdTimeToLive={seconds}&returnFaceAttributes={quote(','.join(attributes))}"
    )
    parsed = parse_detect_query(request(query), version)
    assert parsed == DetectQuery(
        model, "recognition_04", face_ids, landmarks, recognition_model_named=False,
        attributes=frozenset(attributes), seconds=seconds,
    )  # fmt: skip


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
async def test_json_bodies(body: bytes) -> None:
    with refused_by_the_catalogue():
        found = await read_json(request("", body), BodyLimits())
        assert all(name == name.lower() for name in found)


@given(st.text(max_size=60), st.sampled_from(["GET", "POST", "PUT"]))
def test_paths(path: str, method: str) -> None:
    with pytest.raises(Problem) as caught:
        Router([]).match(method, f"/{path}")
    json.loads(caught.value.body())
