"""Types of liveness attempts: frames, verdicts, and the names of errors.

Names are those of the contract (sections 8 and 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from mien.vision.types import FaceBox, Pixels


class Mode(StrEnum):
    """The mode of a session, active or passive: `livenessOperationMode`."""

    PASSIVE = "Passive"
    PASSIVE_ACTIVE = "PassiveActive"


class Decision(StrEnum):
    """The contract's `livenessDecision`."""

    REAL = "realface"
    SPOOF = "spoofface"
    UNCERTAIN = "uncertain"


class LivenessError(StrEnum):
    """The reason why an attempt has no decision, as sent to the client (`livenessError`).

    The second half never comes from the judge: the client or the session detects those.
    """

    NO_FACE_DETECTED = "NoFaceDetected"
    FACE_TRACKING_FAILED = "FaceTrackingFailed"
    HEAD_TURN_NOT_PERFORMED = "HeadTurnNotPerformed"
    MOUTH_NOT_VISIBLE = "FaceMouthRegionNotVisible"
    EYES_NOT_VISIBLE = "FaceEyeRegionNotVisible"
    BLUR = "ExcessiveImageBlurDetected"
    BRIGHTNESS = "ExcessiveFaceBrightness"
    MASK = "FaceWithMaskDetected"
    TIMED_OUT = "TimedOut"
    UNEXPECTED = "Unexpected"

    NONE = "None"
    INVALID_TOKEN = "InvalidToken"  # noqa: S105  # the contract's name of an error
    CAMERA_PERMISSION_DENIED = "CameraPermissionDenied"
    CAMERA_STARTUP_FAILURE = "CameraStartupFailure"
    SMILE_NOT_PERFORMED = "SmileNotPerformed"
    SERVER_REQUEST_TIMED_OUT = "ServerRequestTimedOut"
    ENVIRONMENT_NOT_SUPPORTED = "EnvironmentNotSupported"
    USER_CANCELED_SESSION = "UserCanceledSession"
    USER_CANCELED_ACTIVE_MOTION = "UserCanceledActiveMotion"
    USER_CANCELED_ACTIVE_MOTION_PROMPT = "UserCanceledActiveMotionPrompt"
    UNEXPECTED_CLIENT_ERROR = "UnexpectedClientError"
    UNEXPECTED_SERVER_ERROR = "UnexpectedServerError"
    CLIENT_VERSION_NOT_SUPPORTED = "ClientVersionNotSupported"
    VERIFY_IMAGE_NOT_PROVIDED = "VerifyImageNotProvided"


class RecognitionError(StrEnum):
    """Why the frames could not be compared with the reference, as the client is told (`recognitionError`)."""

    NONE = "None"
    GENERIC_FAILURE = "GenericFailure"
    FACE_NOT_FRONTAL = "FaceNotFrontal"
    EYES_NOT_VISIBLE = "FaceEyeRegionNotVisible"
    BRIGHTNESS = "ExcessiveFaceBrightness"
    BLUR = "ExcessiveImageBlurDetected"
    FACE_NOT_FOUND = "FaceNotFound"
    SEVERAL_FACES = "MultipleFaceFound"
    CONTENT_DECODING = "ContentDecodingError"
    IMAGE_TOO_LARGE = "ImageSizeIsTooLarge"
    IMAGE_TOO_SMALL = "ImageSizeIsTooSmall"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    MOUTH_NOT_VISIBLE = "FaceMouthRegionNotVisible"
    MASK = "FaceWithMaskDetected"


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """One frame of an attempt's video.

    Attributes:
        image: a JPEG file as the client sent it, or upright BGR pixels, uint8 (h, w, 3).
        time_ms: time when the camera took it, by the client's clock, since the start of the challenge.
        sequence: its number; the client counts from 0 and leaves none out.
    """

    image: bytes | Pixels
    time_ms: int
    sequence: int


@dataclass(frozen=True, slots=True)
class AttemptProblem:
    """A named reason why an attempt has no decision; never counted as an attack.

    Attributes:
        liveness: the contract's code, which is also the attempt's `error.code`.
        recognition: the reason against recognition; `NONE` if there is none.
        message: one sentence for the attempt's `error.message`; reveals nothing about the person.
        feedback: key of the contract's feedback strings (section 11), or "None".
    """

    liveness: LivenessError
    recognition: RecognitionError
    message: str
    feedback: str = "None"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one method.

    Attributes:
        name: the method, such as "reflection"; fixed, so that audit entries can be compared.
        score: in [0, 1], 1 for a live person, 0 for an attack; None if there is too little data.
        measured: the numbers behind the score, by name.
    """

    name: str
    score: float | None
    measured: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class BestFrame:
    """The frame that shows the face best: sharp, frontal, eyes open.

    Attributes:
        jpeg: the file, as the client sent it if it sent JPEG.
        box: the face rectangle in its pixels.
        time_ms: time of the frame since the start of the challenge.
    """

    jpeg: bytes
    box: FaceBox
    time_ms: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The evidence from an attempt's frames.

    Attributes:
        decision: None exactly when there is a problem.
        problem: why there is no decision.
        evidence: every method that was tried, also when there is a problem.
        reasons: names of the methods that prevented `realface`; empty if it is.
        best: None when no frame shows a face.
        match_confidence: confidence that the best frame shows the reference's person, in [0, 1] with 0.5 at the
            recogniser's operating point; None without a reference or without a frontal face.
        model_version: names this judge's methods and calibration.
    """

    decision: Decision | None
    problem: AttemptProblem | None
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...] = ()
    best: BestFrame | None = None
    match_confidence: float | None = None
    model_version: str = ""

    def score(self, name: str) -> float | None:
        """The score of one method; None when it was not tried or found too little."""
        return next((evidence.score for evidence in self.evidence if evidence.name == name), None)

    def evidence_json(self) -> dict[str, object]:
        """The evidence for an audit entry: scores and measured numbers by method, rounded."""
        return {
            evidence.name: {
                "score": None if evidence.score is None else round(evidence.score, 3),
                **{name: round(value, 4) for name, value in evidence.measured.items()},
            }
            for evidence in self.evidence
        }
