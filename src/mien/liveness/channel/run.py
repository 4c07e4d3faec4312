"""One client's way from `hello` to a result, whatever carries its messages: see docs/liveness-protocol.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum, auto
from statistics import median_low
from typing import Any, Final, TypeVar

import structlog

from mien.liveness.attempts import Admission, Begun
from mien.liveness.attestation import AttestationError
from mien.liveness.challenge import LONGEST_MS, Challenge
from mien.liveness.channel import messages
from mien.liveness.channel.arrival import EmptyBuffer
from mien.liveness.channel.context import ChannelContext
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.errors import AttemptOverError, LockedOutError, Refusal, TokenRefusedError
from mien.liveness.guidance import STEADY_FRAMES, Feedback, Glance, glance
from mien.liveness.recording import FrameError, Recording, parse_frame
from mien.liveness.records import NO_BOX, ClientRequest, Outcome
from mien.liveness.reports import (
    CameraReport,
    CaptureReport,
    ReportError,
    WithoutFlashes,
    read_camera,
    read_capture,
    read_proof,
    report_json,
)
from mien.liveness.types import LivenessError, RecognitionError
from mien.liveness.verdicts import conclude
from mien.vision.errors import VisionError
from mien.workers import OverloadedError

T = TypeVar("T")

HELLO_SECONDS: Final = 10.0
_JUDGING_SECONDS: Final = 60.0
_EARLY_MS: Final = 500
_RETRY_SECONDS: Final = 5
_SWIFT_SECONDS: Final = 0.5
"""Looking at a positioning frame takes less unless the server is busy; what exceeds it is not the client's time."""
_AGAIN_SECONDS: Final = 0.25
"""How long messages that may have arrived in time are waited for once more."""
_DELAYS: Final = 25
"""Positioning frames by which the client's usual delay is measured: the newest ones."""

_log = structlog.get_logger("mien.liveness")


class _Phase(Enum):
    HELLO = auto()
    POSITIONING = auto()
    CHALLENGE = auto()
    JUDGING = auto()
    OVER = auto()


class Run:
    """One client's way; feed it what the client sends, and send what it says.

    Its methods are called one after the other, by one task.

    Attributes:
        over: set when nothing more is to come.
        session_gone: whether the token was refused because its session does not exist.

    Args:
        context: its dependencies.
        request: how the client came.
        send: takes a message for the client; must not raise when the client is gone.
    """

    def __init__(
        self, context: ChannelContext, request: ClientRequest, send: Callable[[Json], Awaitable[None]]
    ) -> None:
        self.over = asyncio.Event()
        self.session_gone = False
        self._context = context
        self._request = request
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._phase = _Phase.HELLO
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._admission: Admission | None = None
        self._begun: Begun | None = None
        self._challenge: Challenge | None = None
        self._recording: Recording | None = None
        self._buffer: EmptyBuffer | None = None
        self._sent_at = 0.0
        self._accepted_at = 0.0
        self._delays: list[float] = []
        self._newest: tuple[int, bytes] | None = None
        self._last_number = -1
        self._looking = False
        self._looking_since = 0.0
        self._busy_seconds = 0.0
        self._glance: Glance | None = None
        self._steady = 0
        self._token = ""
        self._camera: CameraReport | None = None
        self._proven: bool | None = None
        self._attested: str | None = None
        self._capture: CaptureReport | None = None
        self._flashes = True
        self._in(HELLO_SECONDS)

    # What the client sends

    async def text(self, message: str) -> None:
        """Take a text message."""
        try:
            said = messages.read_message(message)
            kind = said.get("type")
            if kind == "hello" and self._phase is _Phase.HELLO:
                await self.hello(said)
            elif kind == "end" and self._phase is _Phase.CHALLENGE:
                self._capture = read_capture(said.get("capture"))
                await self._end()
            elif kind == "camera" and self._phase is _Phase.POSITIONING:
                self._camera = read_camera(said.get("camera"))
                await self._refuse_virtual()
            elif kind == "cancel":
                await self._cancel(said.get("reason"))
            elif self._phase is _Phase.HELLO:
                raise ProtocolError("the first message is hello")
            elif kind in {"hello", "end"} and self._phase is not _Phase.OVER:
                raise ProtocolError(f"{kind} does not belong here")
        except (ProtocolError, ReportError) as error:
            await self._broken(str(error))

    async def binary(self, message: bytes) -> None:
        """Take a frame."""
        try:
            if self._phase is _Phase.HELLO:
                raise ProtocolError("the first message is hello")
            if self._phase not in {_Phase.POSITIONING, _Phase.CHALLENGE}:
                return
            frame = parse_frame(message, self._context.limits)
            if frame.positioning:
                self._delays.append((self._context.now() - self._accepted_at) * 1000 - frame.time_ms)
                self._position(frame.sequence, frame.jpeg)  # one that was on its way when the challenge came is ignored
                return
            if self._recording is None or self._buffer is None:
                raise ProtocolError("there is no challenge yet")
            earliest = (self._buffer.took(frame.time_ms) - self._sent_at) * 1000
            self._recording.add(frame, message, self._elapsed_ms(), earliest)
        except (ProtocolError, FrameError) as error:
            await self._broken(str(error))

    async def lost(self) -> None:
        """Take note that the client is gone."""
        await self._cancel(LivenessError.USER_CANCELED_SESSION.value)

    # From hello to the challenge

    async def hello(self, said: Json) -> None:
        """Take the first message; `said` has the token.

        Raises:
            ProtocolError: it is malformed.
        """
        context = self._context
        self._in(None)  # asking the database takes the server's time, not the client's
        token = said.get("token")
        device, user = messages.identifier(said, "deviceCorrelationId"), messages.identifier(said, "userCorrelationId")
        chosen = messages.identifier(said, "clientRequestId")
        request = replace(self._request, client_request_id=chosen)
        self._camera, proof = read_camera(said.get("camera")), read_proof(said.get("client"))
        if not isinstance(token, str):
            await self._fail(LivenessError.INVALID_TOKEN, "hello has no token")
            return
        if not context.has_place(token, self.address):
            await self._full()
            return
        attempts = context.liveness.attempts
        admission = await self._guarded(lambda: attempts.admit(token, request, device=device, user=user))
        if admission is None or not self._is(_Phase.HELLO):  # refused, or too late
            return
        options = admission.session.options
        if options.device_set_in_client is (device is None):
            raise ProtocolError(
                "deviceCorrelationId is missing" if device is None else "deviceCorrelationId was set by the server"
            )
        if user is not None and not options.user_set_in_client:
            raise ProtocolError("userCorrelationId was set by the server")
        if options.with_verify and admission.session.reference is None:
            await self._fail(LivenessError.VERIFY_IMAGE_NOT_PROVIDED, "the session was made without a verify image")
            return
        self._flashes = said.get("flashes") is not False or context.policy.without_flashes is WithoutFlashes.OFF
        self._proven = context.policy.proves(proof, admission.nonce)
        refused = await self._refuse_script() or await self._refuse_virtual()
        if refused or await self._refuse_attestation(said.get("attestation"), admission.nonce):
            return
        if not context.has_place(token, self.address):  # others came while the database was asked
            await self._full()
            return
        before = context.open.get(token)
        context.open[token] = self
        self._token = token
        if before is not None:
            await before.replaced()
        self._admission = admission
        self._phase = _Phase.POSITIONING
        self._in(context.limits.positioning_seconds)
        self._accepted_at = context.now()
        await self._send(messages.accepted(admission, context.limits, context.place, flashes=self._flashes))

    @property
    def address(self) -> str:
        """The client's address."""
        return self._request.address

    async def replaced(self) -> None:
        """Give way to another connection of the same session."""
        await self._cancel(LivenessError.USER_CANCELED_SESSION.value)

    async def _refuse_script(self) -> bool:
        """Refuse another script than the server's, where the operator asks for that; tell whether it was refused."""
        if self._proven or not self._context.policy.own_script:
            return False
        await self._fail(LivenessError.CLIENT_VERSION_NOT_SUPPORTED, "only this server's own component is served")
        return True

    async def _refuse_attestation(self, said: object, nonce: str) -> bool:
        """Refuse an attestation that proves nothing, or none where one is required; tell whether it was refused."""
        try:
            self._attested = self._context.policy.attestations.check(said, nonce)
        except AttestationError as error:
            await self._fail(LivenessError.ENVIRONMENT_NOT_SUPPORTED, str(error))
            return True
        return False

    async def _refuse_virtual(self) -> bool:
        """Refuse a camera that is a program, unless the operator allows it; tell whether it was refused."""
        if self._camera is None or not self._camera.virtual or self._context.policy.virtual_cameras:
            return False
        message = f"the camera {self._camera.label!r} is a program, not a device: choose another camera"
        await self._fail(LivenessError.ENVIRONMENT_NOT_SUPPORTED, message)
        return True

    def _position(self, number: int, jpeg: bytes) -> None:
        """Look at a frame, unless one is being looked at: then remember it as the next, in place of an older one."""
        if self._phase is not _Phase.POSITIONING or number <= self._last_number:
            return
        self._last_number = number
        self._newest = (number, jpeg)
        if not self._looking:
            self._looking = True
            self._start(self._look())

    async def _look(self) -> None:
        try:
            while self._newest is not None and self._phase is _Phase.POSITIONING:
                (number, jpeg), self._newest = self._newest, None
                context = self._context
                self._looking_since = context.now()
                try:
                    seen = await context.glances.run(glance, context.finder, jpeg, context.place, self._glance)
                except VisionError:
                    seen = Glance(Feedback.LOOK_AT_CAMERA)
                self._count_look()
                if not self._is(_Phase.POSITIONING):  # the client went meanwhile
                    return
                self._glance = seen
                self._steady = self._steady + 1 if seen.feedback is Feedback.NONE else 0
                await self._send(messages.feedback(number, seen))
                if self._steady >= STEADY_FRAMES:
                    await self._begin()
                    return
        except OverloadedError:
            await self._full()
        except Exception:
            await self._fault("looking at a frame failed")
        finally:
            self._looking = False

    def _count_look(self) -> None:
        """Count what the look at a frame took longer than it does on a server that is not busy."""
        now = self._context.now()
        self._busy_seconds += max(0.0, now - self._looking_since - _SWIFT_SECONDS)
        self._looking_since = now

    async def _begin(self) -> None:
        admission = self._admission
        assert admission is not None
        limits = self._context.limits
        mode = admission.session.options.mode
        attempts = self._context.liveness.attempts
        seconds = LONGEST_MS / 1000 + limits.grace_seconds + _JUDGING_SECONDS
        begun = await self._guarded(lambda: attempts.begin(admission, seconds))
        if begun is None:
            return
        if self._phase is not _Phase.POSITIONING:  # the client went while the attempt was being recorded
            await self._guarded(lambda: attempts.cancel(admission, begun))
            return
        challenge = Challenge.draw(begun.nonce, mode, flashes=self._flashes)
        self._begun, self._challenge = begun, challenge
        self._recording = Recording(admission.session.id, begun.number, challenge.duration_ms, limits, self._usual_ms())
        self._phase = _Phase.CHALLENGE
        self._sent_at = self._context.now()
        self._buffer = EmptyBuffer(self._context.now)
        self._in(challenge.duration_ms / 1000 + limits.grace_seconds)  # how late is too late, the judge decides
        await self._send(messages.challenged(begun, challenge))

    # From the challenge to the end

    async def _end(self) -> None:
        admission, begun, challenge, recording = self._admission, self._begun, self._challenge, self._recording
        assert admission is not None
        assert begun is not None
        assert challenge is not None
        assert recording is not None
        if self._elapsed_ms() < challenge.duration_ms - _EARLY_MS:
            raise ProtocolError("end came before the end of the challenge")
        self._phase = _Phase.JUDGING
        self._in(None)
        self._unwatch()
        self._start(self._judge(admission, begun, challenge, recording))

    async def _judge(self, admission: Admission, begun: Begun, challenge: Challenge, recording: Recording) -> None:
        context = self._context
        box = self._glance.box if self._glance else None
        try:
            outcome, recognition = await context.workers.run(
                lambda: conclude(
                    context.judge,
                    context.liveness.attempts,
                    admission,
                    begun,
                    challenge=challenge,
                    recording=recording,
                    box=box,
                    reports=report_json(
                        self._camera,
                        self._proven,
                        self._capture,
                        origin=self._request.origin,
                        flashes=self._flashes,
                        attested=self._attested,
                    ),
                    capped=not self._flashes and context.policy.without_flashes is not WithoutFlashes.REAL,
                )
            )
        except AttemptOverError as over:
            await self._fail(LivenessError.INVALID_TOKEN, str(over))
        except OverloadedError:
            await self._record(LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full")
            await self._full()
        except Exception:
            await self._fault("judging an attempt failed")
        else:
            if outcome.decision is None:
                error = LivenessError(outcome.error_code or LivenessError.UNEXPECTED.value)
                await self._fail(error, outcome.error_message, recognition=recognition)
            else:
                await self._close(messages.result(admission, begun, outcome))

    # Ends that are none

    async def _cancel(self, reason: object) -> None:
        if self._phase in {_Phase.OVER, _Phase.JUDGING}:
            return
        known = isinstance(reason, str) and reason in set(LivenessError)
        error = LivenessError(str(reason)) if known else LivenessError.USER_CANCELED_SESSION
        admission, begun = self._admission, self._begun
        self._phase = _Phase.OVER
        if admission is not None and begun is not None:
            attempts = self._context.liveness.attempts
            await self._guarded(lambda: attempts.cancel(admission, begun), quiet=True)
        await self._fail(error, "the client gave up")

    async def _broken(self, message: str) -> None:
        """End a run whose client breaks the protocol; within a challenge that counts as a failure."""
        if self._phase is _Phase.CHALLENGE:
            self._phase = _Phase.JUDGING
            await self._record(LivenessError.UNEXPECTED_CLIENT_ERROR, message, suspicious=True)
        await self._fail(LivenessError.UNEXPECTED_CLIENT_ERROR, message)

    async def _expire(self) -> None:
        if self._phase is _Phase.CHALLENGE:
            if self._buffer is not None and not self._buffer.empty:  # the rest may be here: the server is busy
                self._in(_AGAIN_SECONDS)
                return
            self._phase = _Phase.JUDGING
            await self._record(LivenessError.TIMED_OUT, "The client did not answer the challenge in time.")
            await self._fail(LivenessError.TIMED_OUT, "the challenge took too long")
        elif self._phase is _Phase.POSITIONING:
            if self._looking:
                self._count_look()
            busy, self._busy_seconds = self._busy_seconds, 0.0
            if busy > 0:
                self._in(busy)
                return
            seen = self._glance is not None and self._glance.face is not None
            error = LivenessError.TIMED_OUT if seen else LivenessError.NO_FACE_DETECTED
            recognition = RecognitionError.NONE if seen else RecognitionError.FACE_NOT_FOUND
            await self._fail(error, "the face did not come into place in time", recognition=recognition)
        elif self._phase is _Phase.HELLO:
            await self._fail(LivenessError.TIMED_OUT, "no hello came")

    async def _full(self) -> None:
        await self._fail(LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full", retry=_RETRY_SECONDS)

    async def _fault(self, event: str) -> None:
        session = self._admission.session.id if self._admission else None
        _log.exception(event, session=session)
        await self._record(LivenessError.UNEXPECTED_SERVER_ERROR, "A fault of the server.")
        await self._fail(LivenessError.UNEXPECTED_SERVER_ERROR, "a fault of the server")

    async def _record(self, error: LivenessError, message: str, *, suspicious: bool = False) -> None:
        """Record that the attempt, if one has begun, has failed."""
        admission, begun, recording = self._admission, self._begun, self._recording
        if admission is None or begun is None:
            return
        outcome = Outcome(
            box=(self._glance.box if self._glance else None) or NO_BOX,
            digest=recording.digest() if recording else "",
            content_length=recording.size if recording else 0,
            error_code=error.value,
            error_message=message,
        )
        attempts = self._context.liveness.attempts
        await self._guarded(lambda: attempts.finish(admission, begun, outcome, suspicious=suspicious), quiet=True)

    async def _guarded(self, work: Callable[[], T], *, quiet: bool = False) -> T | None:
        """Ask the database in a thread; None when it refused and the client was told (unless `quiet`)."""
        try:
            return await self._context.glances.run(work)
        except AttemptOverError:
            return None
        except TokenRefusedError as error:
            self.session_gone = error.refusal is Refusal.GONE
            failure, text, retry = LivenessError.INVALID_TOKEN, str(error), 0
            left = 0 if error.refusal in {Refusal.USED_UP, Refusal.GONE, Refusal.EXPIRED} else None
        except LockedOutError as error:
            failure, text, retry = LivenessError.UNEXPECTED_CLIENT_ERROR, str(error), error.retry_after
            left = None
        except OverloadedError:
            failure, text, retry = LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full", _RETRY_SECONDS
            left = None
        if not quiet:
            await self._fail(failure, text, retry=retry, left=left)
        return None

    async def _fail(
        self,
        error: LivenessError,
        message: str,
        *,
        recognition: RecognitionError = RecognitionError.NONE,
        retry: int = 0,
        left: int | None = None,
    ) -> None:
        if left is None:
            begun, admission = self._begun, self._admission
            before = admission.attempts_left if admission else int(retry > 0)  # not known: whoever waits may try again
            left = begun.attempts_left if begun else before
        await self._close(messages.failure(error, message, recognition, left, retry))

    async def _close(self, last: Json) -> None:
        if self.over.is_set():
            return
        self._phase = _Phase.OVER
        self._in(None)
        self._unwatch()
        if self._context.open.get(self._token) is self:
            del self._context.open[self._token]
        self._count(last)
        try:
            await self._send(last)
        finally:
            self.over.set()

    def _unwatch(self) -> None:
        if self._buffer is not None:
            self._buffer.close()

    def _is(self, phase: _Phase) -> bool:
        """Tell the phase as it is now: others may have changed it while one waited."""
        return self._phase is phase

    def _usual_ms(self) -> float:
        """The client's delay so far: from a frame's capture until it is here (median)."""
        return max(0.0, median_low(self._delays[-_DELAYS:])) if self._delays else 0.0

    def _elapsed_ms(self) -> float:
        return (self._context.now() - self._sent_at) * 1000

    def _count(self, last: Json) -> None:
        """Count an attempt whose challenge was sent."""
        context, admission, recording = self._context, self._admission, self._recording
        if context.count is not None and admission is not None and recording is not None:
            seconds = self._elapsed_ms() / 1000
            context.count(admission.resource_id, last.get("livenessError", ""), seconds, recording.size)

    def _in(self, seconds: float | None) -> None:
        """Set when the phase ends by itself; None for not at all."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, lambda: self._start(self._expire()))

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
