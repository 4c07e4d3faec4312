"""The messages of the liveness channel as JSON: see docs/liveness-protocol.md."""

from __future__ import annotations

import json
from typing import Any, Final

from mien.liveness.attempts import Admission, Begun
from mien.liveness.challenge import Challenge
from mien.liveness.guidance import PositioningView, TargetArea
from mien.liveness.recording import FrameLimits
from mien.liveness.records import AttemptResult
from mien.liveness.types import LivenessError, RecognitionError

Json = dict[str, Any]

_QUALITY: Final = 0.85
_LONGEST_TEXT: Final = 16 * 1024
_LONGEST_ID: Final = 64


class ProtocolError(Exception):
    """A message breaks the protocol; the text gives the reason and is sent to the client."""


def read_message(text: str) -> Json:
    """Return the content of a text message.

    Raises:
        ProtocolError: it is too long, or not a JSON object.
    """
    if len(text) > _LONGEST_TEXT:
        raise ProtocolError("the message is too long")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProtocolError("a text message is a JSON object")
    return said


def identifier(said: Json, name: str) -> str | None:
    """Return an id that the client chose, or None.

    Raises:
        ProtocolError: it is not a text of 1 to 64 characters.
    """
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_ID:
        raise ProtocolError(f"{name} is a text of 1 to {_LONGEST_ID} characters")
    return value


def accepted(admission: Admission, limits: FrameLimits, place: TargetArea, *, flashes: bool = True) -> Json:
    """Return the message to a client whose token was accepted."""
    return {
        "type": "accepted",
        "attemptsLeft": admission.attempts_left,
        "mode": admission.session.options.mode.value,
        "frame": {
            "side": limits.side,
            "format": "image/jpeg",
            "quality": _QUALITY,
            "maxBytes": limits.frame_bytes,
        },
        "positioning": {"fps": limits.positioning_fps, "seconds": limits.positioning_seconds},
        "challenge": {
            "fps": limits.challenge_fps,
            "maxFrames": limits.frames,
            "maxTotalBytes": limits.total_bytes,
            "graceSeconds": limits.grace_seconds,
            "flashes": flashes,
        },
        "guidance": {
            "centerX": place.center_x,
            "centerY": place.center_y,
            "tolerance": place.tolerance,
            "minWidth": place.min_width,
            "maxWidth": place.max_width,
        },
    }


def feedback(number: int, seen: PositioningView) -> Json:
    """Return the message about a positioning frame."""
    said: Json = {"type": "feedback", "sequence": number, "key": seen.feedback.value}
    if seen.face is not None:
        names = ("left", "top", "width", "height")
        said["face"] = {name: round(value, 4) for name, value in zip(names, seen.face, strict=True)}
    return said


def challenged(begun: Begun, challenge: Challenge) -> Json:
    """Return the message with the challenge."""
    return {
        "type": "challenge",
        "attemptId": begun.number,
        "challenge": challenge.to_json(),
        "durationMs": challenge.duration_ms,
    }


def result(admission: Admission, begun: Begun, outcome: AttemptResult) -> Json:
    """Return the message about a decision."""
    said: Json = {
        "type": "result",
        "resultId": str(begun.request_id),
        "digest": outcome.digest,
        "attemptId": begun.number,
    }
    if not outcome.flashes:
        said["flashes"] = False
    if admission.session.options.send_results and outcome.decision is not None:
        said["livenessDecision"] = outcome.decision.value
        if outcome.confidence is not None:
            said["verifyResult"] = {"matchConfidence": outcome.confidence, "isIdentical": outcome.identical}
    return said


def failure(
    error: LivenessError,
    message: str,
    recognition: RecognitionError = RecognitionError.NONE,
    left: int = 0,
    retry: int = 0,
) -> Json:
    """Return the message that says why there is no result.

    Args:
        error: the name that the client's promise is rejected with.
        message: for developers.
        recognition: the reasons against recognition.
        left: attempts that may still begin.
        retry: seconds to wait before.
    """
    return {
        "type": "failure",
        "livenessError": error.value,
        "recognitionError": recognition.value,
        "message": message,
        "attemptsLeft": left,
        "retryAfterSeconds": retry,
    }
