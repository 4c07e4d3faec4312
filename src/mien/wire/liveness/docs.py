"""Liveness sessions as OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mien.contract.liveness_versions import LIVENESS_VERSIONS, LivenessVersion
from mien.liveness.types import Decision, Mode
from mien.wire import schemas
from mien.wire.schemas import BOOLEAN, DATE, GUID, TEXT, UNIT, Json, array, in_path, json_body, query, record

_STATES: Final[Json] = {"enum": ["NotStarted", "Running", "Succeeded", "Failed", "Canceled"]}
_BOX: Final[Json] = record({name: {"type": "integer"} for name in ("top", "left", "width", "height")})
_QUALITY: Final[Json] = {"enum": ["low", "medium", "high"]}
_VERIFY_IMAGE: Final[Json] = record({"faceRectangle": _BOX, "qualityForRecognition": _QUALITY})
_COUNT: Final[Json] = {"type": "integer", "minimum": 1}
_VERIFIED: Final[Json] = {"matchConfidence": UNIT, "isIdentical": BOOLEAN}
_DECISION: Final[Json] = {"enum": list(Decision)}
_SETTINGS: Final[Json] = record({"livenessAbuseMonitoring": record({"enabled": BOOLEAN})})
_CORRELATION: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 64}
_SESSION_ID: Final[Json] = in_path("sessionId")
_PAGE: Final = (
    query("start", TEXT, "Id of the last entry of the page before."),
    query("top", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000}, "How many entries at most."),
)


@dataclass(frozen=True, slots=True)
class About:
    """Descriptions of the operations on sessions of one kind; `name` goes into their ids."""

    name: str
    verify: bool

    def create(self, version: str) -> Json:
        """Return the OpenAPI operation object of creating a session."""
        chosen = LIVENESS_VERSIONS[version]
        fields = _fields(chosen, verify=self.verify)
        return schemas.operation(
            f"create{self.name}Session",
            "Makes a session. Its authToken goes to the client, which shows that a person is there"
            + (" and is the one of the verify image." if self.verify else "."),
            body=_body(chosen, fields, verify=self.verify),
            result=self._created(chosen),
            says="The session and the token for its client.",
        )

    def get(self, version: str) -> Json:
        """Return the OpenAPI operation object of reading a session."""
        return schemas.operation(
            f"get{self.name}SessionResult",
            "Returns a session with what came of it. A session is kept for 48 hours.",
            parameters=[_SESSION_ID],
            result=self._session(LIVENESS_VERSIONS[version]),
            says="The session.",
        )

    def delete(self, version: str) -> Json:
        """Return the OpenAPI operation object of deleting a session."""
        return schemas.operation(
            f"delete{self.name}Session",
            "Erases a session, its attempts and images; its token opens nothing from then on.",
            parameters=[_SESSION_ID],
            status=200 if LIVENESS_VERSIONS[version].single_modal else 204,
        )

    def page(self, version: str) -> Json:
        """Return the OpenAPI operation object of listing sessions."""
        del version
        return schemas.operation(
            f"get{self.name}Sessions",
            "Lists sessions by ascending id.",
            parameters=_PAGE,
            result=array(_item()),
            says="The sessions.",
        )

    def audit(self, version: str) -> Json:
        """Return the OpenAPI operation object of a session's audit entries."""
        return schemas.operation(
            f"get{self.name}SessionAuditEntries",
            "Lists what the attempts of a session left behind, newest first, with the scores behind the decision.",
            parameters=[_SESSION_ID, *_PAGE],
            result=array(_entry(LIVENESS_VERSIONS[version])),
            says="The entries.",
        )

    def _created(self, version: LivenessVersion) -> Json:
        if not version.single_modal:
            return self._session(version)
        created: Json = {"sessionId": GUID, "authToken": TEXT}
        if self.verify:
            created["verifyImage"] = _VERIFY_IMAGE
        return record(created, optional=["verifyImage"])

    def _session(self, version: LivenessVersion) -> Json:
        if version.single_modal:
            item = _item()
            status: Json = {"enum": ["NotStarted", "Started", "ResultAvailable"]}
            properties = {**item["properties"], "status": status, "result": _entry(version)}
            return record(properties, optional=[*_OPTIONAL_OF_ITEM, "result"])
        results: Json = {"attempts": array(_attempt(version, verify=self.verify))}
        if self.verify:
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


def about(*, verify: bool) -> About:
    """Return the descriptions of one kind of sessions."""
    return About("LivenessWithVerify" if verify else "Liveness", verify)


def image(version: str) -> Json:
    """Return the OpenAPI operation object of a session image."""
    del version
    described = schemas.operation(
        "getSessionImage",
        "Returns the image of an attempt, of a session with enableSessionImage.",
        parameters=[in_path("sessionImageId", {"type": "string", "minLength": 44, "maxLength": 44})],
        says="The image, a JPEG.",
    )
    described["responses"]["200"]["content"] = {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    return described


def get_settings(version: str) -> Json:
    """Return the OpenAPI operation object of reading the settings."""
    del version
    return schemas.operation(
        "getSettings", "Returns what the resource chose for its sessions.", result=_SETTINGS, says="The settings."
    )


def patch_settings(version: str) -> Json:
    """Return the OpenAPI operation object of changing the settings."""
    del version
    return schemas.operation(
        "patchSettings",
        "Chooses whether sessions made from now on report abuse.",
        body=json_body(_SETTINGS),
        result=_SETTINGS,
        says="The settings.",
    )


def assets_token(version: str) -> Json:
    """Return the OpenAPI operation object of the token for the client's files."""
    del version
    return schemas.operation(
        "getClientAssetsAccessToken",
        "Returns a token for the client's files. Mien serves its own client to anybody: the token opens nothing.",
        result=record({"expiry": DATE, "accessToken": TEXT, "base64AccessToken": TEXT}),
        says="The token.",
    )


_OPTIONAL_OF_ITEM: Final = ("sessionStartDateTime", "deviceCorrelationId", "authTokenTimeToLiveInSeconds")


def _item() -> Json:
    properties: Json = {
        "id": GUID,
        "createdDateTime": DATE,
        "sessionStartDateTime": DATE,
        "sessionExpired": BOOLEAN,
        "deviceCorrelationId": TEXT,
        "authTokenTimeToLiveInSeconds": {"type": "integer", "minimum": 60, "maximum": 86400},
    }
    return record(properties, optional=_OPTIONAL_OF_ITEM)


def _fields(version: LivenessVersion, *, verify: bool) -> Json:
    fields: Json = {"livenessOperationMode": {"enum": list(Mode)}}
    if version.send_results:
        fields["sendResultsToClient"] = BOOLEAN
    fields["deviceCorrelationIdSetInClient"] = {**BOOLEAN, "default": False}
    if version.images:
        fields["enableSessionImage"] = BOOLEAN
    if version.model_field:
        fields[version.model_field] = {"enum": list(version.models)}
    if verify and version.image_hash:
        fields |= {"returnVerifyImageHash": BOOLEAN, "verifyConfidenceThreshold": UNIT}
    fields |= {
        "deviceCorrelationId": _CORRELATION,
        "authTokenTimeToLiveInSeconds": {"type": "integer", "minimum": 60, "maximum": 86400, "default": 600},
    }
    if version.abuse:
        fields |= {
            "numberOfClientAttemptsAllowed": {"type": "integer", "minimum": 1, "maximum": 3, "default": 1},
            "userCorrelationId": _CORRELATION,
            "userCorrelationIdSetInClient": {**BOOLEAN, "default": False},
            "expectedClientIpAddress": TEXT,
        }
    return fields


def _body(version: LivenessVersion, fields: Json, *, verify: bool) -> Json:
    optional = frozenset(fields) - {"livenessOperationMode"}
    plain = record(fields, optional=optional)
    if not verify:
        return json_body(plain)
    binary: Json = {"type": "string", "format": "binary"}
    if version.form_only:
        form = record({**fields, "verifyImage": binary}, optional=optional)
        return {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    form = record({"Parameters": plain, "VerifyImage": binary})
    body = json_body(plain)
    body["content"]["multipart/form-data"] = {"schema": form}
    return body


def _attempt(version: LivenessVersion, *, verify: bool) -> Json:
    targets = record({"color": record({"faceRectangle": _BOX})})
    result: Json = {"livenessDecision": _DECISION, "targets": targets, "digest": TEXT, "sessionImageId": TEXT}
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


def _entry(version: LivenessVersion) -> Json:
    number: Json = {"type": "integer"}
    target = record({"faceRectangle": _BOX, "fileName": TEXT, "timeOffsetWithinFile": number, "imageType": TEXT})
    body: Json = {
        "livenessDecision": _DECISION,
        "target": target,
        "modelVersionUsed": {"enum": list(version.models)},
        "verifyResult": record({"verifyImage": _VERIFY_IMAGE, **_VERIFIED}),
        "error": record({"code": TEXT, "message": TEXT}),
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
