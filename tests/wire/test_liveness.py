"""Liveness sessions on the wire: every version's shapes, every error row, against the contract's own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.captures import captures
from tests.conftest import MASTER_KEY, sqlite_database
from tests.manual_clock import ManualClock
from tests.wire.liveness_client import LivenessService, make_liveness_service
from tests.wire.test_contract import contract, validator

from mien.accounts import ALL_FEATURES, Feature
from mien.contract.liveness_versions import LIVENESS_VERSIONS, SINGLE_MODAL
from mien.liveness.errors import TokenRefusedError
from mien.liveness.records import AttemptResult, ClientRequest
from mien.liveness.types import Decision, Mode
from mien.messages import Message
from mien.storage import MasterKey, Vault
from mien.vision.types import FaceBox

DEVICE = "723d6d03-ef33-40a8-9682-23a1feb7bccd"
BODY = {"livenessOperationMode": "Passive", "deviceCorrelationId": DEVICE}
OUTCOME = AttemptResult(
    Decision.REAL,
    FaceBox(203, 669, 646, 724),
    1200,
    "B0" * 32,
    360_000,
    confidence=0.9,
    identical=True,
    latency_ms=900,
    evidence={"reflection": {"score": 0.9}},
    judge_version="1",
)


@pytest.fixture
def service(tmp_path: Path, clock: ManualClock) -> Iterator[LivenessService]:
    database = sqlite_database(tmp_path / "mien.db")  # tests/liveness has both kinds
    made = make_liveness_service(database, Vault(database, MasterKey.from_hex(MASTER_KEY), clock), clock)
    yield made
    made.application.close()
    database.close()


def base(version: str, *, verify: bool = False) -> str:
    kind = "detectLivenessWithVerify" if verify else "detectLiveness"
    return f"/face/{version}/{kind}" + ("/singleModal/sessions" if version in SINGLE_MODAL else "-sessions")


def form(photo: bytes, **fields: str) -> dict[str, Any]:
    """Both dialects of a form, one within the other: each version finds its own."""
    flat = {**BODY, **fields}
    return {
        "files": {"Parameters": (None, json.dumps(flat)), "VerifyImage": ("verify-image", photo)},
    }


async def created(client: httpx.AsyncClient, version: str, **body: Any) -> dict[str, Any]:
    response = await client.post(base(version), json={**BODY, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def run_attempt(service: LivenessService, token: str, outcome: AttemptResult = OUTCOME, **device: str) -> AttemptResult:
    """Let a client go through an attempt, without the frames."""
    request = ClientRequest("GET", "/face/v1.2/detectLiveness/singleModal", "Mozilla/5.0", "192.0.2.7", str(uuid4()))
    admission = service.liveness.attempts.admit(token, request, **device)
    begun = service.liveness.attempts.begin(admission, 60)
    return service.liveness.attempts.finish(
        admission, begun, outcome, image=b"\xff\xd8the best frame", suspicious=outcome.decision is Decision.SPOOF
    )


def check(version: str, name: str, value: Any) -> None:
    """Hold an answer against a schema of the contract; v1.0-preview.1 has none of its own."""
    document = "v1.1-preview.1" if version == "v1.0-preview.1" else version
    schema = contract("openapi", document, "Face.json")["definitions"][name]
    if schema.get("properties"):
        validator(document, name, name).validate(value)


@pytest.mark.parametrize("version", LIVENESS_VERSIONS)
@pytest.mark.parametrize("verify", [False, True], ids=["liveness", "verify"])
async def test_a_session_from_its_making_to_its_end(
    version: str, verify: bool, service: LivenessService, photo: bytes
) -> None:
    old = version in SINGLE_MODAL
    kind = "LivenessWithVerify" if verify else "Liveness"
    body = (
        form(photo, enableSessionImage="true", returnVerifyImageHash="true")
        if verify
        else {"json": {**BODY, "enableSessionImage": "true"}}
    )
    async with service.client() as client:
        response = await client.post(base(version, verify=verify), **body)
        assert response.status_code == 200, response.text
        session = response.json()
        check(version, f"Create{kind}SessionResult" if old else f"{kind}Session", session)
        path = f"{base(version, verify=verify)}/{session['sessionId']}"
        found = (await client.get(path)).json()
        check(version, f"{kind}Session", found)
        assert found["status"] == "NotStarted"
        assert (found["id"] if old else found["sessionId"]) == session["sessionId"]

        run_attempt(service, session["authToken"])
        found = (await client.get(path)).json()
        check(version, f"{kind}Session", found)
        if old:
            assert found["status"] == "ResultAvailable"
            result, digest = found["result"], found["result"]["digest"]
            assert result["response"]["body"]["livenessDecision"] == "realface"
            entries = (await client.get(f"{path}/audit", params={"start": "0", "top": "20"})).json()
            assert entries == [result]
            check(version, "LivenessSessionAuditEntry", entries[0])
            assert result["response"]["body"].get("verifyResult") == (
                {"verifyImage": session["verifyImage"], "matchConfidence": 0.9, "isIdentical": True} if verify else None
            )
        else:
            assert found["status"] == "Succeeded"
            (attempt,) = found["results"]["attempts"]
            digest = attempt["result"]["digest"]
            assert attempt["result"].get("verifyImageHash", "").isupper() is verify
        assert digest == OUTCOME.digest

        deleted = await client.delete(path)
        assert (deleted.status_code, deleted.content) == ((200, b"") if old else (204, b""))
        assert deleted.headers.get("content-length") == ("0" if old else None)
        for call in (client.get(path), client.delete(path)):
            gone = await call
            assert (gone.status_code, gone.json()["error"]["code"]) == (404, "SessionNotFound")


async def test_the_session_image(service: LivenessService, photo: bytes) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2", enableSessionImage=True)
        run_attempt(service, session["authToken"])
        path = f"{base('v1.2')}/{session['sessionId']}"
        (attempt,) = (await client.get(path)).json()["results"]["attempts"]
        image_id = attempt["result"]["sessionImageId"]
        assert len(image_id) == 44
        for place in ("v1.2/sessionImages", "v1.3-preview.1/sessionimages", "v1.2-preview.1/session/sessionImages"):
            image = await client.get(f"/face/{place}/{image_id}")
            assert (image.content, image.headers["content-type"]) == (
                b"\xff\xd8the best frame",
                "application/octet-stream",
            )
        assert (await client.get(f"/face/v1.2-preview.1/sessionImages/{image_id}")).status_code == 404
        await client.delete(path)
        gone = await client.get(f"/face/v1.2/sessionImages/{image_id}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "SessionNotFound")


async def test_detect_takes_a_session_image(service: LivenessService, photo: bytes) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2", enableSessionImage=True)
        request = ClientRequest("GET", "/", "", "192.0.2.7")
        admission = service.liveness.attempts.admit(session["authToken"], request)
        begun = service.liveness.attempts.begin(admission, 60)
        outcome = service.liveness.attempts.finish(admission, begun, OUTCOME, image=photo)
        found = await client.post("/face/v1.2/detect", json={"sessionImageId": outcome.image_id})
        assert (found.status_code, len(found.json())) == (200, 1)


async def test_no_image_is_kept_unless_asked_for(service: LivenessService) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2")
        assert run_attempt(service, session["authToken"]).image_id is None


JSON_ROWS: list[tuple[str, str]] = [
    ("InvalidRequestBody", "{"),
    ("InvalidRequestBody", "[]"),
    ("InvalidRequestBody", json.dumps({**BODY, "deviceCorrelationIdSetInClient": "perhaps"})),
    ("InvalidRequestBody", json.dumps({**BODY, "livenessModelVersion": "1999"})),
    ("InvalidTokenLifetime", json.dumps({**BODY, "authTokenTimeToLiveInSeconds": 59})),
    ("InvalidTokenLifetime", json.dumps({**BODY, "authTokenTimeToLiveInSeconds": 86401})),
    ("InvalidTokenLifetime", json.dumps({**BODY, "authTokenTimeToLiveInSeconds": "long"})),
    ("InvalidLivenessOperationMode", json.dumps({"deviceCorrelationId": DEVICE})),
    ("InvalidLivenessOperationMode", json.dumps({**BODY, "livenessOperationMode": "Active"})),
    ("InvalidDeviceCorrelationId", json.dumps({"livenessOperationMode": "Passive"})),
    ("InvalidDeviceCorrelationId", json.dumps({**BODY, "deviceCorrelationId": ""})),
    ("InvalidDeviceCorrelationId", json.dumps({**BODY, "deviceCorrelationId": "x" * 65})),
    ("InvalidDeviceCorrelationId", json.dumps({**BODY, "deviceCorrelationIdSetInClient": True})),
]


@pytest.mark.parametrize(("code", "body"), JSON_ROWS)
async def test_rows_of_create(code: str, body: str, service: LivenessService) -> None:
    async with service.client() as client:
        response = await client.post(base("v1.2"), content=body, headers={"Content-Type": "application/json"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], response.headers["x-ms-error-code"]) == (400, code, code)
    rows = [row for row in contract("errors.json") if row["family"] == "liveness_session" and row["code"] == code]
    assert error["message"] in {row["message"] for row in rows}
    assert error["innererror"]["details"]["hint"]


@pytest.mark.parametrize(
    ("query", "message"),
    [("top=0", "Top"), ("top=1001", "Top"), ("top=x", "Top"), ("start=x", "Start")],
)
@pytest.mark.parametrize("audit", [False, True], ids=["list", "audit"])
async def test_rows_of_pages(query: str, message: str, audit: bool, service: LivenessService) -> None:
    async with service.client() as client:
        path = base("v1.1-preview.1")
        if audit:
            path = f"{path}/{(await created(client, 'v1.1-preview.1'))['sessionId']}/audit"
        response = await client.get(f"{path}?{query}")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "BadArgument")
    (row,) = [
        row
        for row in contract("errors.json")
        if row["family"] == "liveness_session" and row["message"].startswith(f"{message} parameter")
    ]
    assert error["message"] == row["message"]


async def test_lists_go_on_where_they_were_left(service: LivenessService) -> None:
    path = base("v1.2-preview.1")
    async with service.client() as client:
        ids = sorted([(await created(client, "v1.2-preview.1"))["sessionId"] for _ in range(5)])
        assert [item["id"] for item in (await client.get(path, params={"start": ""})).json()] == ids
        first = (await client.get(path, params={"top": 2})).json()
        check("v1.2-preview.1", "LivenessSessionItem", first[0])
        rest = (await client.get(path, params={"start": first[-1]["id"]})).json()
        assert [item["id"] for item in first + rest] == ids
        assert (await client.get(base("v1.2-preview.1", verify=True))).json() == []


async def test_a_token_and_a_session_end(service: LivenessService) -> None:
    async with service.client() as client:
        session = await created(client, "v1.1-preview.1", authTokenTimeToLiveInSeconds=60)
        path = f"{base('v1.1-preview.1')}/{session['sessionId']}"
        assert (await client.get(path)).json()["sessionExpired"] is False
        service.clock.advance(timedelta(seconds=60))
        assert (await client.get(path)).json()["sessionExpired"] is True
        service.clock.advance(timedelta(hours=48) - timedelta(seconds=61))
        assert (await client.get(path)).status_code == 200
        service.clock.advance(timedelta(seconds=1))
        assert (await client.get(path)).status_code == 404
        assert (await client.get(base("v1.1-preview.1"))).json() == []


async def test_an_attempt_without_a_decision(service: LivenessService) -> None:
    masked = AttemptResult(
        None, FaceBox(1, 2, 3, 4), error_code="FaceWithMaskDetected", error_message="Mask detected on face image."
    )
    async with service.client() as client:
        session = await created(client, "v1.2")
        run_attempt(service, session["authToken"], masked)
        path = f"{base('v1.2')}/{session['sessionId']}"
        found = (await client.get(path)).json()
        check("v1.2", "LivenessSession", found)
        assert found["status"] == "Running"  # attempts are left
        (attempt,) = found["results"]["attempts"]
        assert attempt["attemptStatus"] == "Failed"
        assert attempt["error"]["code"] == "FaceWithMaskDetected"
        old = (await client.get(f"{base('v1.1-preview.1')}/{session['sessionId']}")).json()
        check("v1.1-preview.1", "LivenessSession", old)
        assert old["result"]["response"]["statusCode"] == 400
        run_attempt(service, session["authToken"], masked)
        run_attempt(service, session["authToken"], masked)
        found = (await client.get(path)).json()
        assert (found["status"], [entry["attemptId"] for entry in found["results"]["attempts"]]) == (
            "Failed",
            [3, 2, 1],
        )


async def test_what_only_the_newest_version_has(service: LivenessService) -> None:
    version = "v1.3-preview.1"
    async with service.client() as client:
        session = await created(
            client,
            version,
            numberOfClientAttemptsAllowed=2,
            expectedClientIpAddress="192.0.2.0/24",
            userCorrelationId="u",
        )
        check(version, "LivenessSession", session)
        assert (session["isAbuseMonitoringEnabled"], session["expectedClientIpAddress"]) == (True, "192.0.2.0/24")
        spoof = AttemptResult(Decision.SPOOF, digest="A" * 64)
        run_attempt(service, session["authToken"], spoof)
        found = (await client.get(f"{base(version)}/{session['sessionId']}")).json()
        check(version, "LivenessSession", found)
        (attempt,) = found["results"]["attempts"]
        assert attempt["clientInformation"] == [{"ip": "192.0.2.7"}]
        assert attempt["abuseMonitoringResult"] == {"isAbuseDetected": False, "otherFlaggedSessions": []}
        for wrong in ({"numberOfClientAttemptsAllowed": 4}, {"expectedClientIpAddress": "here"}):
            response = await client.post(base(version), json={**BODY, **wrong})
            assert response.json()["error"]["code"] == "InvalidRequestBody"


async def test_settings(service: LivenessService) -> None:
    async with service.client() as client:
        settings = "/face/v1.3-preview.1/settings"
        on, off = ({"livenessAbuseMonitoring": {"enabled": value}} for value in (True, False))
        assert (await client.get(settings)).json() == on
        assert (await client.patch(settings, json=off)).json() == off
        assert (await client.get(settings)).json() == off
        check("v1.3-preview.1", "Settings", off)
        session = await created(client, "v1.3-preview.1")
        assert session["isAbuseMonitoringEnabled"] is False
        run_attempt(service, session["authToken"])
        path = f"{base('v1.3-preview.1')}/{session['sessionId']}"
        (attempt,) = (await client.get(path)).json()["results"]["attempts"]
        assert "abuseMonitoringResult" not in attempt
        assert (await client.patch(settings, json={})).json() == off
        assert (await client.patch(settings, json={"enabled": "true"})).json() == on  # as in the draft's example
        wrongs: list[Any] = [{"livenessAbuseMonitoring": {"enabled": "no"}}, {"livenessAbuseMonitoring": 1}, []]
        for wrong in wrongs:
            refused = await client.patch(settings, json=wrong)
            assert refused.json()["error"]["code"] == "InvalidRequestBody"
        token = (await client.get(f"{settings}/getClientAssetsAccessToken")).json()
        check("v1.3-preview.1", "ClientAssetsAccessTokenResponse", token)


def javascript_form(photo: bytes, boundary: str, **fields: str) -> bytes:
    """A form as the JavaScript SDK writes it: the type before the disposition, and no file name."""
    parts = [(b"verifyImage", b"application/octet-stream", photo)]
    parts += [(name.encode(), b"text/plain; charset=UTF-8", value.encode()) for name, value in fields.items()]
    out = b""
    for name, kind, data in parts:
        out += b"--%b\r\ncontent-type: %b\r\n" % (boundary.encode(), kind)
        out += b'content-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, data)
    return out + b"--%b--\r\n\r\n" % boundary.encode()


@pytest.mark.parametrize("version", ["v1.2", "v1.3-preview.1"])
async def test_the_form_of_the_javascript_sdk(version: str, service: LivenessService, photo: bytes) -> None:
    content = javascript_form(
        photo,
        "x7",
        **BODY,
        enableSessionImage="true",
        authTokenTimeToLiveInSeconds="90",
        verifyConfidenceThreshold="0.7",
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x7"}
    async with service.client(**headers) as client:
        session = (await client.post(base(version, verify=True), content=content)).json()
        check(version, "LivenessWithVerifySession", session)
        assert session["results"]["verifyReferences"] == [
            {
                "referenceType": "Color",
                "faceRectangle": {"top": 20, "left": 10, "width": 90, "height": 80},
                "qualityForRecognition": "high",
            }
        ]
        kept = service.liveness.sessions.get(service.resource_id, session["sessionId"], with_verify=True)
        assert (kept.options.token_seconds, kept.options.confidence_threshold) == (90, 0.7)
        cut = await client.post(base(version, verify=True), content=content[:-12])
        assert cut.json()["error"]["code"] == "InvalidRequestBody"


@pytest.mark.parametrize(
    ("faces", "message"), [(0, "No face detected in the image."), (2, "There is more than 1 face in the image.")]
)
async def test_a_verify_image_has_one_face(faces: int, message: str, service: LivenessService, photo: bytes) -> None:
    service.engine.count = faces
    async with service.client() as client:
        response = await client.post(base("v1.2", verify=True), **form(photo))
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["message"]) == (400, "InvalidImage", message)


async def test_a_verify_image_that_is_none(service: LivenessService, photo: bytes) -> None:
    async with service.client() as client:
        for image, code in (
            (b"x" * 2000, "InvalidImage"),
            (b"x", "InvalidImageSize"),
            (b"x" * 7_000_000, "InvalidImageSize"),
        ):
            response = await client.post(base("v1.2", verify=True), **form(image))
            assert (response.status_code, response.json()["error"]["code"]) == (400, code)
        plain = await client.post(base("v1.2", verify=True), json=BODY)
        assert plain.json()["error"]["code"] == "InvalidRequestBody"
        older = await client.post(base("v1.2-preview.1", verify=True), json=BODY)
        assert (older.status_code, set(older.json())) == (200, {"sessionId", "authToken"})


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/face/v1.2/detectlivenesswithverify-sessions", "passiveactive"),
        ("http://mien.test//face/V1.1-Preview.1/detectlivenesswithverify/singlemodal/sessions/", "PASSIVE"),
    ],
)
async def test_letter_case_does_not_matter(path: str, mode: str, service: LivenessService, photo: bytes) -> None:
    fields = {"LivenessOperationMode": mode, "devicecorrelationid": DEVICE}
    files: dict[str, Any] = {"parameters": (None, json.dumps(fields)), "verifyImage": (None, photo)}
    async with service.client() as client:
        assert (await client.post(path, files=files)).status_code == 200


async def test_sessions_of_another_resource_and_kind_are_not_there(service: LivenessService) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2")
        wrong = await client.get(f"{base('v1.2', verify=True)}/{session['sessionId']}")
        assert wrong.json()["error"]["code"] == "SessionNotFound"
        for name in (str(uuid4()), "x", "%00"):
            assert (await client.get(f"{base('v1.2')}/{name}")).status_code == 404


async def test_sessions_need_the_approval(service: LivenessService) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2")
        service.accounts.resource = replace(service.accounts.resource, features=ALL_FEATURES - {Feature.LIVENESS})
        refused = await client.post(base("v1.2"), json=BODY)
        assert (refused.status_code, refused.json()["error"]["innererror"]["code"]) == (403, "UnsupportedFeature")
        path = f"{base('v1.2')}/{session['sessionId']}"
        assert (await client.get(path)).status_code == 200  # what is there can be seen and erased
        with pytest.raises(TokenRefusedError):
            run_attempt(service, session["authToken"])
        assert (await client.delete(path)).status_code == 204


@pytest.mark.parametrize(("rules", "good"), [(("192.0.2.0/24",), True), (("198.51.100.1",), False)])
async def test_clients_come_from_where_the_network_rules_let_them(
    rules: tuple[str, ...], good: bool, service: LivenessService
) -> None:
    async with service.client() as client:
        session = await created(client, "v1.2")
    service.accounts.resource = replace(service.accounts.resource, default_action="Deny", ip_rules=rules)
    if good:
        run_attempt(service, session["authToken"])  # from 192.0.2.7
    else:
        with pytest.raises(TokenRefusedError):
            run_attempt(service, session["authToken"])


async def test_the_first_name_of_the_preview_has_nothing_else(service: LivenessService) -> None:
    async with service.client() as client:
        response = await client.post("/face/v1.0-preview.1/detect", content=b"")
        assert response.status_code == 404
        assert "does not have this operation" in response.json()["error"]["innererror"]["details"]["hint"]


@pytest.mark.parametrize("version", sorted(LIVENESS_VERSIONS))
async def test_the_documentation_has_every_route_of_the_contract(version: str, service: LivenessService) -> None:
    async with service.client() as client:
        ours = (await client.get(f"/openapi.json?version={version}")).json()["paths"]
    theirs = contract("openapi", "v1.1-preview.1" if version == "v1.0-preview.1" else version, "Face.json")["paths"]
    names = ("detectliveness", "session", "settings")
    wanted = {
        (path.lower(), method)
        for path, methods in theirs.items()
        for method in methods
        if path.lower().lstrip("/").startswith(names)
    }
    assert wanted == {
        (path.lower(), method)
        for path, methods in ours.items()
        for method in methods
        if path.lower().lstrip("/").startswith(names)
    }


def _is_recorded(request: dict[str, Any]) -> bool:
    return bool("detectliveness" in request["target"].lower() and request["method"] == "POST")


@pytest.mark.parametrize(
    ("name", "request_"), captures(_is_recorded), ids=lambda value: value if isinstance(value, str) else ""
)
async def test_replayed_requests_of_the_sdks(
    name: str, request_: dict[str, Any], service: LivenessService, photo: bytes
) -> None:
    kept = {"content-type", "accept", "user-agent", "x-ms-client-request-id"}
    headers = {key: value for key, value in request_["headers"].items() if key.lower() in kept}
    head, cut, tail = request_["body"].partition("\u00ff\u00d8\u00ff\u00e0<1200 image bytes>")
    body = head.encode("latin-1") + (photo if cut else b"") + tail.encode("latin-1")
    async with service.client(**headers) as client:
        response = await client.post(request_["target"], content=body)
    assert response.status_code == 200, response.text
    assert response.json()["authToken"].count(".") == 2


def test_every_row_is_provoked_here() -> None:
    codes = {row["code"] for row in contract("errors.json") if row["family"] == "liveness_session"}
    assert codes == {code for code, *_ in JSON_ROWS} | {"BadArgument", "SessionNotFound"}


async def test_a_mode_that_cannot_succeed_on_this_server_is_refused_with_what_mends_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    database = sqlite_database(tmp_path / "bare.db")
    hint = Message("Run `mien models pull fr-liveness`.")
    bare = make_liveness_service(
        database,
        Vault(database, MasterKey.from_hex(MASTER_KEY), clock),
        clock,
        lacks=lambda mode: hint if mode is Mode.PASSIVE else None,
    )
    try:
        async with bare.client() as client:
            for version in LIVENESS_VERSIONS:
                refused = await client.post(base(version), json=BODY)
                assert refused.status_code == 501
                error = refused.json()["error"]
                assert error["code"] == "LivenessModeNotAvailable"
                assert error["innererror"]["details"]["hint"] == hint
                assert refused.headers["x-ms-error-code"] == "LivenessModeNotAvailable"
                await created(client, version, livenessOperationMode="PassiveActive")
    finally:
        bare.application.close()
        database.close()
