"""Derive the outcome from an attempt's frames: replays are refused, the rest is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any, Final

from mien.liveness.attempts import Admission, Attempts, Begun
from mien.liveness.challenge import Challenge
from mien.liveness.ports import FrameJudge
from mien.liveness.recording import Recording
from mien.liveness.records import NO_BOX, AttemptResult
from mien.liveness.types import Decision, Judgement, LivenessError, RecognitionError
from mien.vision.types import FaceBox

REPEATED: Final = "repetition"
"""Name of the evidence that a video was shown before."""
CAPPED: Final = "withoutFlashes"
"""Name of the reason for `uncertain` if only the operator's policy prevents `realface`."""
REPORTED: Final = "client"
"""Key of the client's reports about itself in the evidence."""


def conclude(
    judge: FrameJudge,
    attempts: Attempts,
    admission: Admission,
    begun: Begun,
    *,
    challenge: Challenge,
    recording: Recording,
    box: FaceBox | None,
    reports: Mapping[str, Any] | None = None,
    capped: bool = False,
) -> tuple[AttemptResult, RecognitionError]:
    """Judge an attempt and record its result; computes for about a second in the calling thread.

    Args:
        judge: judges frames.
        attempts: records outcomes.
        admission: the admission of the attempt.
        begun: the attempt.
        challenge: the challenge.
        recording: the recording of the client.
        box: position of the face before the challenge, for outcomes without a frame.
        reports: the client's reports about itself, stored with the evidence.
        capped: whether the operator wants `uncertain` instead of `realface`; it does not count as a failure.

    Returns:
        The recorded outcome, and the message about recognition for the client.

    Raises:
        AttemptOverError: the attempt has already ended; nothing was recorded.
    """
    start = perf_counter()
    options, reference = admission.session.options, admission.session.reference
    outcome = AttemptResult(
        box=box or NO_BOX, digest=recording.digest(), content_length=recording.size, flashes=challenge.flashing
    )
    recognition, image, suspicious, identical = RecognitionError.NONE, None, False, None
    repeats = attempts.repeats(admission, recording.image_hashes) if recording.frames else []
    if not recording.frames:
        outcome = replace(
            outcome,
            error_code=LivenessError.NO_FACE_DETECTED.value,
            error_message="No frame of the challenge reached the server.",
        )
    elif repeats:
        outcome = replace(outcome, decision=Decision.SPOOF, reasons=(REPEATED,), evidence={REPEATED: {"score": 0.0}})
        suspicious = True
    else:
        verdict = judge.judge(
            recording.frames, challenge, reference.embedding if reference else None, recording.arrivals
        )
        confidence = None if verdict.match_confidence is None else round(float(verdict.match_confidence), 8)
        identical = None if confidence is None else confidence >= options.confidence_threshold
        outcome = _with_verdict(outcome, verdict)
        if options.with_verify:
            outcome = replace(outcome, confidence=confidence, identical=identical)
        problem = verdict.problem
        recognition = problem.recognition if problem else RecognitionError.NONE
        image = verdict.best.jpeg if verdict.best else None
        blameless = problem is not None and problem.liveness is LivenessError.UNEXPECTED_SERVER_ERROR
        suspicious = verdict.decision in {Decision.SPOOF, Decision.UNCERTAIN} or (identical is False and not blameless)
    if capped and outcome.decision is Decision.REAL:
        outcome, suspicious = replace(outcome, decision=Decision.UNCERTAIN, reasons=(CAPPED,)), identical is False
    if reports:
        outcome = replace(outcome, evidence={**outcome.evidence, REPORTED: reports})
    outcome = replace(outcome, latency_ms=round((perf_counter() - start) * 1000))
    recorded = attempts.finish(
        admission,
        begun,
        outcome,
        image=image,
        image_hashes=recording.image_hashes,
        repeats=repeats,
        suspicious=suspicious,
    )
    return recorded, recognition


def _with_verdict(outcome: AttemptResult, verdict: Judgement) -> AttemptResult:
    """Return an outcome with what the judge found of the liveness."""
    best, problem = verdict.best, verdict.problem
    return replace(
        outcome,
        decision=verdict.decision,
        box=best.box if best else outcome.box,
        time_ms=best.time_ms if best else 0,
        error_code=problem.liveness.value if problem else None,
        error_message=problem.message if problem else "",
        evidence=verdict.evidence_json(),
        reasons=tuple(verdict.reasons),
        judge_version=verdict.model_version,
    )
