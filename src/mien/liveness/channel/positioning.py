"""The second phase: the client sends frames until the face is in place, and then gets its challenge."""

from __future__ import annotations

from dataclasses import replace
from statistics import median_low
from typing import Final

from mien.liveness.attempts import Admission
from mien.liveness.challenge import LONGEST_MS, Challenge
from mien.liveness.channel import messages
from mien.liveness.channel.attempt import Challenged, ShownAttempt
from mien.liveness.channel.claims import DeviceClaims, refusal_of_camera
from mien.liveness.channel.connection import ClientConnection, Phase
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.guidance import STEADY_FRAMES, Feedback, PositioningView, glance
from mien.liveness.recording import Recording, parse_frame
from mien.liveness.reports import read_camera
from mien.liveness.types import LivenessError, RecognitionError
from mien.vision.errors import VisionError
from mien.workers import OverloadedError

_JUDGING_SECONDS: Final = 60.0
_SWIFT_SECONDS: Final = 0.5
"""Usual maximum time for a positioning frame; if it takes longer, the server is busy, and the client is not to
blame."""
_DELAYS: Final = 25
"""Positioning frames by which the client's usual delay is measured: the newest ones."""


class Positioning(Phase):
    """Examines positioning frames, one at a time, and sends feedback.

    Args:
        line: the client's connection.
        admission: the admission of its token.
        claims: the claims of the client.
    """

    def __init__(self, line: ClientConnection, admission: Admission, claims: DeviceClaims) -> None:
        super().__init__(line)
        self._admission = admission
        self._claims = claims
        self._accepted_at = line.context.now()
        self._delays: list[float] = []
        self._newest: tuple[int, bytes] | None = None
        self._last_number = -1
        self._looking = False
        self._looking_since = 0.0
        self._busy_seconds = 0.0
        self._glance: PositioningView | None = None
        self._steady = 0

    @property
    def attempts_left(self) -> int:
        """The number of attempts left by the admission."""
        return self._admission.attempts_left

    async def text(self, kind: object, said: Json) -> None:
        """Record a change of the camera."""
        if kind != "camera":
            await super().text(kind, said)
            return
        self._claims = replace(self._claims, camera=read_camera(said.get("camera")))
        if refusal := refusal_of_camera(self._claims.camera, self.line.context.policy):
            await self.fail(LivenessError.ENVIRONMENT_NOT_SUPPORTED, refusal)

    async def frame(self, message: bytes, _waited: float = 0.0) -> None:
        """Examine a frame; if one is being examined, keep it as the next one in place of an older one."""
        context = self.line.context
        frame = parse_frame(message, context.limits)
        if not frame.positioning:
            raise ProtocolError("there is no challenge yet")
        self._delays.append((context.now() - self._accepted_at) * 1000 - frame.time_ms)
        if frame.sequence <= self._last_number:
            return
        self._last_number = frame.sequence
        self._newest = (frame.sequence, frame.jpeg)
        if not self._looking:
            self._looking = True
            self.line.start(self._look())

    async def expire(self) -> None:
        """Extend the deadline by the time that a busy server took; end if there is none to add."""
        if self._looking:
            self._count_look()
        busy, self._busy_seconds = self._busy_seconds, 0.0
        if busy > 0:
            self.line.expire_in(busy)
            return
        seen = self._glance is not None and self._glance.face is not None
        error = LivenessError.TIMED_OUT if seen else LivenessError.NO_FACE_DETECTED
        recognition = RecognitionError.NONE if seen else RecognitionError.FACE_NOT_FOUND
        await self.fail(error, "the face did not come into place in time", recognition=recognition)

    async def _look(self) -> None:
        context = self.line.context
        try:
            while self._newest is not None and self.is_current():
                (number, jpeg), self._newest = self._newest, None
                self._looking_since = context.now()
                try:
                    seen = await context.glances.run(glance, context.finder, jpeg, context.place, self._glance)
                except VisionError:
                    seen = PositioningView(Feedback.LOOK_AT_CAMERA)
                self._count_look()
                if not self.is_current():  # the client has disconnected
                    return
                self._glance = seen
                self._steady = self._steady + 1 if seen.feedback is Feedback.NONE else 0
                await self.line.send(messages.feedback(number, seen))
                if self._steady >= STEADY_FRAMES:
                    await self._begin()
                    return
        except OverloadedError:
            await self.full()
        except Exception:
            await self.line.phase.fault("looking at a frame failed")
        finally:
            self._looking = False

    def _count_look(self) -> None:
        """Add the time that examining a frame took beyond the usual time on an idle server."""
        now = self.line.context.now()
        self._busy_seconds += max(0.0, now - self._looking_since - _SWIFT_SECONDS)
        self._looking_since = now

    async def _begin(self) -> None:
        """Start an attempt and send its challenge."""
        line, context, admission = self.line, self.line.context, self._admission
        attempts = context.liveness.attempts
        seconds = LONGEST_MS / 1000 + context.limits.grace_seconds + _JUDGING_SECONDS
        begun = await self.guarded(lambda: attempts.begin(admission, seconds))
        if begun is None:
            return
        if not self.is_current():  # the client went while the attempt was being recorded
            await self.guarded(lambda: attempts.cancel(admission, begun))
            return
        challenge = Challenge.draw(begun.nonce, admission.session.options.mode, flashes=self._claims.flashes)
        shown = ShownAttempt(
            admission=admission,
            begun=begun,
            challenge=challenge,
            recording=Recording(
                admission.session.id, begun.number, challenge.duration_ms, context.limits, self._usual_ms()
            ),
            claims=self._claims,
            box=self._glance.box if self._glance else None,
            sent_at=context.now(),
        )
        # How late is too late, the judge decides.
        line.enter(Challenged(line, shown), challenge.duration_ms / 1000 + context.limits.grace_seconds)
        await line.send(messages.challenged(begun, challenge))

    def _usual_ms(self) -> float:
        """The client's median delay so far, from the capture of a frame until its arrival."""
        return max(0.0, median_low(self._delays[-_DELAYS:])) if self._delays else 0.0
