"""Sessions, attempts and audit entries as the JSON of each version."""

from __future__ import annotations

from typing import Final

from mien.contract.limits import LIVENESS_TOKEN_SECONDS
from mien.contract.liveness_versions import LivenessVersion
from mien.liveness.records import MODEL_VERSION, Attempt, AttemptResult, Session, VerifyReference
from mien.liveness.types import Decision
from mien.vision.types import FaceBox
from mien.wire.context import without_none
from mien.wire.schemas import BOOLEAN, DATE, GUID, TEXT, UNIT, Json, array, record
from mien.wire.training import timestamp

_STATES: Final[Json] = {"enum": ["NotStarted", "Running", "Succeeded", "Failed", "Canceled"]}
_BOX: Final[Json] = record({name: {"type": "integer"} for name in ("top", "left", "width", "height")})
_QUALITY: Final[Json] = {"enum": ["low", "medium", "high"]}
_VERIFY_IMAGE: Final[Json] = record({"faceRectangle": _BOX, "qualityForRecognition": _QUALITY})
_COUNT: Final[Json] = {"type": "integer", "minimum": 1}
_VERIFIED: Final[Json] = {"matchConfidence": UNIT, "isIdentical": BOOLEAN}
_DECISION: Final[Json] = {"enum": list(Decision)}
_OPTIONAL_OF_ITEM: Final = ("sessionStartDateTime", "deviceCorrelationId", "authTokenTimeToLiveInSeconds")
_FILE: Final = "video.webp"
"""The file name of videos in Azure's client; the schema requires one."""


def created_schema(version: LivenessVersion, *, verify: bool) -> Json:
    """Return the schema of `created_json`."""
    if not version.single_modal:
        return session_schema(version, verify=verify)
    created: Json = {"sessionId": GUID, "authToken": TEXT}
    if verify:
        created["verifyImage"] = _VERIFY_IMAGE
    return record(created, optional=["verifyImage"])


def created_json(session: Session, version: LivenessVersion) -> Json:
    """Return the response to a call that created a session."""
    if not version.single_modal:
        return session_json(session, version)
    reference = session.reference
    return without_none(
        {
            "sessionId": session.id,
            "authToken": session.token,
            "verifyImage": None if reference is None else _verify_image(reference),
        }
    )


def item_schema() -> Json:
    """Return the schema of `item_json`."""
    low, high = LIVENESS_TOKEN_SECONDS
    properties: Json = {
        "id": GUID,
        "createdDateTime": DATE,
        "sessionStartDateTime": DATE,
        "sessionExpired": BOOLEAN,
        "deviceCorrelationId": TEXT,
        "authTokenTimeToLiveInSeconds": {"type": "integer", "minimum": low, "maximum": high},
    }
    return record(properties, optional=_OPTIONAL_OF_ITEM)


def item_json(session: Session) -> Json:
    """Return a session as an entry of a list."""
    return without_none(
        {
            "id": session.id,
            "createdDateTime": timestamp(session.created_at),
            "sessionStartDateTime": None if session.started_at is None else timestamp(session.started_at),
            "sessionExpired": session.expired,
            "deviceCorrelationId": session.options.device_correlation_id,
            "authTokenTimeToLiveInSeconds": session.options.token_seconds,
        }
    )


def session_schema(version: LivenessVersion, *, verify: bool) -> Json:
    """Return the schema of `session_json`."""
    if version.single_modal:
        item = item_schema()
        status: Json = {"enum": ["NotStarted", "Started", "ResultAvailable"]}
        properties = {**item["properties"], "status": status, "result": entry_schema(version)}
        return record(properties, optional=[*_OPTIONAL_OF_ITEM, "result"])
    results: Json = {"attempts": array(_attempt_schema(version, verify=verify))}
    if verify:
        reference = record({"referenceType": {"enum": ["Color"]}, **_VERIFY_IMAGE["properties"]})
        results["verifyReferences"] = array(reference)
    properties = {
        "sessionId": GUID,
        "authToken": TEXT,
        "status": _STATES,
        "modelVersion": TEXT,
        "results": record(results),
    }
    if version.abuse:
        properties |= {"isAbuseMonitoringEnabled": BOOLEAN, "expectedClientIpAddress": TEXT}
    return record(properties, optional=["expectedClientIpAddress"])


def session_json(session: Session, version: LivenessVersion) -> Json:
    """Return a session with its result."""
    if version.single_modal:
        entries = audit_entries(session, version)
        status = "ResultAvailable" if entries else "Started" if session.attempts else "NotStarted"
        return {**item_json(session), "status": status, **({"result": entries[0]} if entries else {})}
    results: Json = {"attempts": [_attempt_json(session, entry, version) for entry in session.attempts]}
    if session.options.with_verify:
        references = [] if session.reference is None else [_reference_json(session.reference)]
        results = {"verifyReferences": references, **results}
    return without_none(
        {
            "sessionId": session.id,
            "authToken": session.token,
            "status": session.status.value,
            "modelVersion": session.options.model_version or MODEL_VERSION,
            "isAbuseMonitoringEnabled": session.abuse_monitoring if version.abuse else None,
            "expectedClientIpAddress": session.options.expected_address if version.abuse else None,
            "results": results,
        }
    )


def entry_schema(version: LivenessVersion) -> Json:
    """Return the schema of an entry of `audit_entries`."""
    number: Json = {"type": "integer"}
    target = record({"faceRectangle": _BOX, "fileName": TEXT, "timeOffsetWithinFile": number, "imageType": TEXT})
    body: Json = {
        "livenessDecision": _DECISION,
        "target": target,
        "modelVersionUsed": {"enum": list(version.models)},
        "verifyResult": record({"verifyImage": _VERIFY_IMAGE, **_VERIFIED}),
        "error": record({"code": TEXT, "message": TEXT}),
        "flashes": BOOLEAN,
        "judge": TEXT,
        "reasons": array(TEXT),
        "evidence": {"type": "object"},
    }
    request = {"url": TEXT, "method": TEXT, "contentLength": number, "contentType": TEXT, "userAgent": TEXT}
    entry: Json = {
        "id": _COUNT,
        "sessionId": GUID,
        "requestId": GUID,
        "clientRequestId": TEXT,
        "receivedDateTime": DATE,
        "request": record(request, optional=["contentLength", "userAgent"]),
        "response": record(
            {"body": record(body, optional=body), "statusCode": number, "latencyInMilliseconds": number}
        ),
        "digest": TEXT,
    }
    if version.images:
        entry |= {"sessionImageId": TEXT, "verifyImageHash": TEXT}
    return record(entry, optional=["sessionImageId", "verifyImageHash"])


def audit_entries(session: Session, version: LivenessVersion) -> list[Json]:
    """Return the audit entries of a session's attempts, newest first."""
    return [
        _audit_entry(session, entry, entry.outcome, version) for entry in session.attempts if entry.outcome is not None
    ]


def _audit_entry(session: Session, attempt: Attempt, outcome: AttemptResult, version: LivenessVersion) -> Json:
    request = attempt.request
    options = session.options
    return without_none(
        {
            "id": attempt.number,
            "sessionId": session.id,
            "requestId": str(attempt.request_id),
            "clientRequestId": request.client_request_id or str(attempt.request_id),
            "receivedDateTime": timestamp(attempt.started_at),
            "request": {
                "url": request.path,
                "method": request.method,
                "contentLength": outcome.content_length,
                "contentType": request.content_type,
                "userAgent": request.user_agent,
            },
            "response": {
                "body": _audit_body(session, outcome, version),
                "statusCode": 200 if outcome.decision else 400,
                "latencyInMilliseconds": outcome.latency_ms,
            },
            "digest": outcome.digest,
            "sessionImageId": outcome.image_id if version.images else None,
            "verifyImageHash": _image_hash(session) if version.image_hash and options.return_image_hash else None,
        }
    )


def _audit_body(session: Session, outcome: AttemptResult, version: LivenessVersion) -> Json:
    judged = {
        "judge": outcome.judge_version or None,
        "reasons": list(outcome.reasons) or None,
        "evidence": dict(outcome.evidence) or None,
    }
    if outcome.decision is None:
        error = {"code": outcome.error_code or "Unexpected", "message": outcome.error_message}
        return without_none({"error": error, **judged})
    verify = None
    if session.reference is not None and outcome.confidence is not None:
        verify = {
            "verifyImage": _verify_image(session.reference),
            "matchConfidence": outcome.confidence,
            "isIdentical": outcome.identical,
        }
    return without_none(
        {
            "livenessDecision": outcome.decision.value,
            "target": {
                "faceRectangle": box_json(outcome.box),
                "fileName": _FILE,
                "timeOffsetWithinFile": outcome.time_ms,
                "imageType": "Color",
            },
            "modelVersionUsed": session.options.model_version or version.models[-1],
            "verifyResult": verify,
            "flashes": None if outcome.flashes else False,
            **judged,
        }
    )


def _attempt_schema(version: LivenessVersion, *, verify: bool) -> Json:
    targets = record({"color": record({"faceRectangle": _BOX})})
    result: Json = {"livenessDecision": _DECISION, "targets": targets, "digest": TEXT, "sessionImageId": TEXT}
    result["flashes"] = BOOLEAN
    if verify:
        result |= {"verifyResult": record(_VERIFIED), "verifyImageHash": TEXT}
    optional = frozenset(result) - {"targets", "digest"}
    attempt: Json = {
        "attemptId": _COUNT,
        "attemptStatus": _STATES,
        "result": record(result, optional=optional),
        "error": record({"code": TEXT, "message": TEXT, "targets": targets}),
    }
    if version.abuse:
        flagged = record({"attemptId": _COUNT, "sessionId": GUID, "sessionImageId": TEXT}, optional=["sessionImageId"])
        attempt |= {
            "clientInformation": array(record({"ip": TEXT})),
            "abuseMonitoringResult": record({"isAbuseDetected": BOOLEAN, "otherFlaggedSessions": array(flagged)}),
        }
    return record(attempt, optional=frozenset(attempt) - {"attemptId", "attemptStatus"})


def _attempt_json(session: Session, attempt: Attempt, version: LivenessVersion) -> Json:
    outcome = attempt.outcome
    shown: Json = {"attemptId": attempt.number, "attemptStatus": attempt.status.value}
    if outcome is not None and outcome.decision is not None:
        shown["result"] = _result_json(session, outcome)
    elif outcome is not None:
        shown["error"] = {
            "code": outcome.error_code or "Unexpected",
            "message": outcome.error_message,
            "targets": _targets(outcome.box),
        }
    if version.abuse:
        shown["clientInformation"] = [{"ip": attempt.request.address}]
        if outcome is not None and outcome.abuse is not None:
            shown["abuseMonitoringResult"] = {
                "isAbuseDetected": outcome.abuse.detected,
                "otherFlaggedSessions": [
                    without_none(
                        {
                            "attemptId": other.attempt,
                            "sessionId": other.session_id,
                            "sessionImageId": other.image_id,
                        }
                    )
                    for other in outcome.abuse.others
                ],
            }
    return shown


def _result_json(session: Session, outcome: AttemptResult) -> Json:
    verify = None
    if session.options.with_verify and outcome.confidence is not None:
        verify = {"matchConfidence": outcome.confidence, "isIdentical": outcome.identical}
    return without_none(
        {
            "livenessDecision": outcome.decision.value if outcome.decision else None,
            "targets": _targets(outcome.box),
            "digest": outcome.digest,
            "sessionImageId": outcome.image_id,
            "verifyResult": verify,
            "verifyImageHash": _image_hash(session) if session.options.return_image_hash else None,
            "flashes": None if outcome.flashes else False,
        }
    )


def box_json(box: FaceBox) -> Json:
    """Return a face rectangle."""
    return {"top": box.top, "left": box.left, "width": box.width, "height": box.height}


def _targets(box: FaceBox) -> Json:
    return {"color": {"faceRectangle": box_json(box)}}


def _verify_image(reference: VerifyReference) -> Json:
    return {"faceRectangle": box_json(reference.box), "qualityForRecognition": reference.quality}


def _reference_json(reference: VerifyReference) -> Json:
    return {"referenceType": "Color", **_verify_image(reference)}


def _image_hash(session: Session) -> str | None:
    return session.reference.image_hash if session.reference else None
