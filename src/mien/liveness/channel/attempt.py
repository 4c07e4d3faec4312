"""The last two phases: the client answers its challenge, and the answer is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from mien.contract.flashes import WithoutFlashes
from mien.liveness.attempts import Admission, Begun
from mien.liveness.challenge import Challenge
from mien.liveness.channel import messages
from mien.liveness.channel.arrival import EmptyBuffer
from mien.liveness.channel.claims import DeviceClaims
from mien.liveness.channel.connection import ClientConnection, Phase
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.errors import AttemptOverError
from mien.liveness.recording import Recording, parse_frame
from mien.liveness.records import NO_BOX, AttemptResult
from mien.liveness.reports import CaptureReport, read_capture, report_json
from mien.liveness.types import LivenessError
from mien.liveness.verdicts import conclude
from mien.vision.types import FaceBox
from mien.workers import OverloadedError

_EARLY_MS: Final = 500
_AGAIN_SECONDS: Final = 0.25
"""How long messages that may have arrived in time are waited for once more."""

_log = structlog.get_logger("mien.liveness")


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """An attempt whose challenge was sent.

    Attributes:
        admission: the admission of the token.
        begun: the recorded attempt.
        challenge: the challenge of the client.
        recording: the frames so far; it grows.
        claims: the claims of the client.
        box: last position of the face; None if it was not seen.
        sent_at: time when the challenge was sent, in seconds of the context's clock.
    """

    admission: Admission
    begun: Begun
    challenge: Challenge
    recording: Recording
    claims: DeviceClaims
    box: FaceBox | None
    sent_at: float


class _AttemptPhase(Phase):
    """A phase of a begun attempt: how it ends is recorded."""

    def __init__(self, line: ClientConnection, shown: ShownAttempt) -> None:
        super().__init__(line)
        self.shown = shown

    @property
    def attempts_left(self) -> int:
        """The number that was recorded when the attempt began."""
        return self.shown.begun.attempts_left

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the challenge was sent."""
        return (self.line.context.now() - self.shown.sent_at) * 1000

    async def record(self, error: LivenessError, message: str, *, suspicious: bool = False) -> None:
        """Record that the attempt has failed."""
        shown = self.shown
        outcome = AttemptResult(
            box=shown.box or NO_BOX,
            digest=shown.recording.digest(),
            content_length=shown.recording.size,
            error_code=error.value,
            error_message=message,
        )
        attempts = self.line.context.liveness.attempts
        await self.guarded(
            lambda: attempts.finish(shown.admission, shown.begun, outcome, suspicious=suspicious), quiet=True
        )

    async def fault(self, event: str) -> None:
        """Record a fault of the server, and end."""
        _log.exception(event, session=self.shown.admission.session.id)
        await self.record(LivenessError.UNEXPECTED_SERVER_ERROR, "A fault of the server.")
        await self.fail(LivenessError.UNEXPECTED_SERVER_ERROR, "a fault of the server")

    def count(self, last: Json) -> None:
        """Count the attempt in the metrics."""
        context, shown = self.line.context, self.shown
        if context.count is not None:
            error = last.get("livenessError", "")
            context.count(shown.admission.resource_id, error, self.elapsed_ms / 1000, shown.recording.size)


class Challenged(_AttemptPhase):
    """Receives the frames of the answer."""

    def __init__(self, line: ClientConnection, shown: ShownAttempt) -> None:
        super().__init__(line, shown)
        self._buffer = EmptyBuffer(line.context.now)
        line.on_close = self._close

    async def text(self, kind: object, said: Json) -> None:
        """Handle the end of the answer."""
        if kind != "end":
            await super().text(kind, said)
            return
        capture = read_capture(said.get("capture"))
        if self.elapsed_ms < self.shown.challenge.duration_ms - _EARLY_MS:
            raise ProtocolError("end came before the end of the challenge")
        self._buffer.close()
        judging = Judging(self.line, self.shown)
        self.line.enter(judging, None)
        self.line.start(judging.judge(capture))

    @property
    def stalled(self) -> float:
        """Return the seconds for which the server has stalled since the challenge began."""
        return self._buffer.stalled

    async def frame(self, message: bytes, waited: float = 0.0) -> None:
        """Store a frame; a positioning frame that was sent before the challenge arrived is ignored."""
        frame = parse_frame(message, self.line.context.limits)
        if not frame.positioning:
            here = min(self._buffer.took(frame.time_ms), self.line.context.now() - waited)
            earliest = (here - self.shown.sent_at) * 1000
            self.shown.recording.add(frame, message, self.elapsed_ms, earliest)

    async def expire(self) -> None:
        """End a challenge that was not answered in time, unless the rest of the answer may already have arrived."""
        if not self._buffer.empty:  # the server is busy
            self.line.expire_in(_AGAIN_SECONDS)
            return
        self.line.ending = True
        await self.record(LivenessError.TIMED_OUT, "The client did not answer the challenge in time.")
        await self.fail(LivenessError.TIMED_OUT, "the challenge took too long")

    async def cancel(self, error: LivenessError) -> None:
        """Record that the client gave up."""
        self.line.ending = True
        attempts, shown = self.line.context.liveness.attempts, self.shown
        await self.guarded(lambda: attempts.cancel(shown.admission, shown.begun), quiet=True)
        await self.fail(error, "the client gave up")

    async def broken(self, message: str) -> None:
        """Record a breach of the protocol, which counts as a failure here."""
        self.line.ending = True
        await self.record(LivenessError.UNEXPECTED_CLIENT_ERROR, message, suspicious=True)
        await self.fail(LivenessError.UNEXPECTED_CLIENT_ERROR, message)

    def _close(self, last: Json) -> None:
        self._buffer.close()
        self.count(last)


class Judging(_AttemptPhase):
    """Waits for the decision, which further messages of the client do not change."""

    async def cancel(self, error: LivenessError) -> None:
        """Ignore the message: the answer is complete."""

    async def judge(self, capture: CaptureReport | None) -> None:
        """Evaluate the answer, record the decision and send it to the client."""
        context, shown = self.line.context, self.shown
        claims = shown.claims
        try:
            outcome, recognition = await context.workers.run(
                lambda: conclude(
                    context.judge,
                    context.liveness.attempts,
                    shown.admission,
                    shown.begun,
                    challenge=shown.challenge,
                    recording=shown.recording,
                    box=shown.box,
                    reports=report_json(
                        claims.camera,
                        claims.proven,
                        capture,
                        origin=self.line.request.origin,
                        flashes=claims.flashes,
                        attested=claims.attested,
                    ),
                    capped=not claims.flashes and claims.without_flashes is not WithoutFlashes.REAL,
                )
            )
        except AttemptOverError as over:
            await self.fail(LivenessError.INVALID_TOKEN, str(over))
        except OverloadedError:
            await self.record(LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full")
            await self.full()
        except Exception:
            await self.fault("judging an attempt failed")
        else:
            if outcome.decision is None:
                error = LivenessError(outcome.error_code or LivenessError.UNEXPECTED.value)
                await self.fail(error, outcome.error_message, recognition=recognition)
            else:
                await self.line.close(messages.result(shown.admission, shown.begun, outcome))
