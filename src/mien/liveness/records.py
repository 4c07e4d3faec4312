"""Sessions and attempts as they are stored, and as JSON to be encrypted."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import numpy as np

from mien.liveness.types import Decision, Mode
from mien.vision.types import Embedding, FaceBox

MODEL_VERSION: Final = "2024-11-15"
"""The contract's name for the newest liveness model (v1.2); Mien's own is in the evidence of the audit entries."""

NO_BOX: Final = FaceBox(0, 0, 0, 0)


class SessionStatus(StrEnum):
    """The state of a session or attempt; the contract's `OperationState`."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The configuration of a session.

    Attributes:
        mode: with head turns or without.
        with_verify: whether the face is compared with a reference.
        device_correlation_id: names the end user's device; None when the client sets it.
        device_set_in_client: whether the client does.
        user_correlation_id: names the end user, or None.
        user_set_in_client: whether the client may name the user.
        token_seconds: life of the token, 60 to 86400.
        attempts_allowed: 1 to 3.
        send_results: whether the client receives the decision.
        keep_image: whether the best frame of an attempt is stored.
        model_version: model version requested by the caller, or None.
        return_image_hash: whether results carry the verify image's hash.
        confidence_threshold: from which confidence on two faces are identical.
        expected_address: IP address or CIDR network of the client, or None.
        endpoint: under which address the client finds the server.
        route: path of the client's channel.
    """

    mode: Mode
    with_verify: bool = False
    device_correlation_id: str | None = None
    device_set_in_client: bool = False
    user_correlation_id: str | None = None
    user_set_in_client: bool = False
    token_seconds: int = 600
    attempts_allowed: int = 3
    send_results: bool = False
    keep_image: bool = False
    model_version: str | None = None
    return_image_hash: bool = False
    confidence_threshold: float = 0.5
    expected_address: str | None = None
    endpoint: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class VerifyReference:
    """The face that a live one is compared with.

    Attributes:
        embedding: its template; the image itself is not stored.
        box: position of the face in the verify image.
        quality: `low`, `medium` or `high`, as the contract's qualityForRecognition.
        image_hash: SHA-256 of the image file, upper-case hex.
    """

    embedding: Embedding
    box: FaceBox
    quality: str
    image_hash: str


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """Address and headers of a client, for the audit entry.

    Attributes:
        method: HTTP method.
        path: without the host.
        user_agent: the header, or "".
        address: IP address.
        client_request_id: id chosen by the client, or None.
        content_type: content type of what it sent.
        origin: origin of the page that it runs in, "" for none.
    """

    method: str
    path: str
    user_agent: str
    address: str
    client_request_id: str | None = None
    content_type: str = "image/jpeg"
    origin: str = ""


@dataclass(frozen=True, slots=True)
class FlaggedSession:
    """Another session that belongs to the suspected abuse."""

    session_id: str
    attempt: int
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class AbuseReport:
    """The abuse-monitoring result of an attempt."""

    detected: bool
    others: tuple[FlaggedSession, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of an attempt.

    Attributes:
        decision: None when the attempt failed.
        box: position of the face in the session image.
        time_ms: time of that frame.
        digest: digest of what the client sent, 64 upper-case hex digits; "" if nothing was evaluated.
        content_length: bytes that the client sent.
        error_code: name of the reason why there is no decision, or None.
        error_message: error message for the caller.
        image_id: id of the stored session image, or None.
        confidence: confidence that the face is the reference's, or None.
        identical: whether that is enough, or None.
        latency_ms: from the client's end to the decision.
        evidence: scores by method.
        reasons: methods that prevented `realface`.
        judge_version: names the judge's methods and calibration.
        abuse: None when monitoring is off.
        flashes: whether the screen flashed colours; False if only turns of the head bind the video to the attempt.
    """

    decision: Decision | None = None
    box: FaceBox = NO_BOX
    time_ms: int = 0
    digest: str = ""
    content_length: int = 0
    error_code: str | None = None
    error_message: str = ""
    image_id: str | None = None
    confidence: float | None = None
    identical: bool | None = None
    latency_ms: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    judge_version: str = ""
    abuse: AbuseReport | None = None
    flashes: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a session.

    Attributes:
        number: from 1.
        status: its state.
        request_id: id that the client receives as `resultId`.
        started_at: time when its challenge was sent.
        finished_at: None while it runs.
        request: the client's request.
        outcome: None while it runs and after it was cancelled.
    """

    number: int
    status: SessionStatus
    request_id: UUID
    started_at: datetime
    finished_at: datetime | None
    request: ClientRequest
    outcome: AttemptResult | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its attempts.

    Attributes:
        id: lower-case hyphenated GUID.
        options: options of the session.
        token: the client's authToken.
        created_at: time of its creation.
        token_expires_at: from then on the token opens nothing.
        started_at: time when its first challenge was sent, or None.
        expired: whether the token had expired when the session was read.
        reference: None without a verify image.
        abuse_monitoring: whether it was on when the session was created.
        attempts: newest first.
    """

    id: str
    options: SessionOptions
    token: str
    created_at: datetime
    token_expires_at: datetime
    started_at: datetime | None
    expired: bool
    reference: VerifyReference | None
    abuse_monitoring: bool
    attempts: tuple[Attempt, ...] = ()

    @property
    def over(self) -> bool:
        """Whether no further attempt is accepted."""
        real = any(entry.outcome and entry.outcome.decision is Decision.REAL for entry in self.attempts)
        return self.expired or real or len(self.attempts) >= self.options.attempts_allowed

    @property
    def status(self) -> SessionStatus:
        """The session's state: that of its newest attempt, or running after a failure while attempts are left."""
        if not self.attempts:
            return SessionStatus.NOT_STARTED
        newest = self.attempts[0].status
        if newest in {SessionStatus.FAILED, SessionStatus.CANCELED} and not self.over:
            return SessionStatus.RUNNING
        return newest


def pack_reference(reference: VerifyReference | None) -> dict[str, Any] | None:
    """Return a reference as JSON."""
    if reference is None:
        return None
    made = reference.embedding
    vector = np.ascontiguousarray(made.vector, dtype="<f4").tobytes()
    return {
        "vector": base64.b64encode(vector).decode(),
        "fingerprint": made.fingerprint,
        "norm": float(made.norm),
        "box": asdict(reference.box),
        "quality": reference.quality,
        "hash": reference.image_hash,
    }


def unpack_reference(packed: Mapping[str, Any] | None) -> VerifyReference | None:
    """Return a reference from its JSON."""
    if packed is None:
        return None
    vector = np.frombuffer(base64.b64decode(packed["vector"]), dtype="<f4").astype(np.float32, copy=False)
    embedding = Embedding(vector=vector, fingerprint=packed["fingerprint"], norm=packed["norm"])
    return VerifyReference(embedding, FaceBox(**packed["box"]), packed["quality"], packed["hash"])


def unpack_options(packed: Mapping[str, Any]) -> SessionOptions:
    """Return options from their JSON."""
    options = SessionOptions(**packed)
    return replace(options, mode=Mode(options.mode))


def unpack_outcome(packed: Mapping[str, Any] | None) -> AttemptResult | None:
    """Return an outcome from its JSON."""
    if packed is None:
        return None
    fields = dict(packed)
    if (abuse := fields["abuse"]) is not None:
        others = tuple(FlaggedSession(**entry) for entry in abuse["others"])
        fields["abuse"] = AbuseReport(abuse["detected"], others)
    if fields["decision"] is not None:
        fields["decision"] = Decision(fields["decision"])
    fields["box"] = FaceBox(**fields["box"])
    fields["reasons"] = tuple(fields["reasons"])
    return AttemptResult(**fields)
