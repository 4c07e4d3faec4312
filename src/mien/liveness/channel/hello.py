"""The first phase: the client says `hello` with its token, and is admitted or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mien.contract.flashes import WithoutFlashes
from mien.liveness.attempts import Admission
from mien.liveness.attestation import AttestationError
from mien.liveness.channel import messages
from mien.liveness.channel.claims import DeviceClaims, refusal_of_camera
from mien.liveness.channel.connection import Phase
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.channel.positioning import Positioning
from mien.liveness.reports import read_camera, read_proof
from mien.liveness.types import LivenessError

HELLO_SECONDS: Final = 10.0


class Hello(Phase):
    """Waits for the first message."""

    async def text(self, kind: object, said: Json) -> None:
        """Handle the first message."""
        if kind != "hello":
            raise ProtocolError("the first message is hello")
        line, context = self.line, self.line.context
        line.expire_in(None)  # the database query takes the server's time, not the client's
        token = said.get("token")
        device, user = messages.identifier(said, "deviceCorrelationId"), messages.identifier(said, "userCorrelationId")
        request = replace(line.request, client_request_id=messages.identifier(said, "clientRequestId"))
        camera, proof = read_camera(said.get("camera")), read_proof(said.get("client"))
        if not isinstance(token, str):
            await self.fail(LivenessError.INVALID_TOKEN, "hello has no token")
            return
        if not context.has_place(token, request.address):
            await self.full()
            return
        attempts = context.liveness.attempts

        def admit() -> tuple[Admission, WithoutFlashes]:
            admission = attempts.admit(token, request, device=device, user=user)
            return admission, context.policy.without_flashes(admission.resource_id)

        found = await self.guarded(admit)
        if found is None or not self.is_current():  # refused, or too late
            return
        admission, without_flashes = found
        admitted = _Admitted(self, admission)
        await admitted.go_on(
            token,
            DeviceClaims(
                camera=camera,
                proven=context.policy.proves(proof, admission.nonce),
                flashes=said.get("flashes") is not False or without_flashes is WithoutFlashes.OFF,
                without_flashes=without_flashes,
            ),
            device=device,
            user=user,
            attestation=said.get("attestation"),
        )

    async def frame(self, _message: bytes, _waited: float = 0.0) -> None:
        """Refuse a frame."""
        raise ProtocolError("the first message is hello")

    async def expire(self) -> None:
        """End, because no message arrived."""
        await self.fail(LivenessError.TIMED_OUT, "no hello came")


class _Admitted(Phase):
    """The second half of `hello`: the token is accepted, and the session's rules are known."""

    def __init__(self, hello: Hello, admission: Admission) -> None:
        super().__init__(hello.line)
        self._admission = admission
        hello.line.phase = self

    @property
    def attempts_left(self) -> int:
        """The number of attempts left by the admission."""
        return self._admission.attempts_left

    async def go_on(
        self, token: str, claims: DeviceClaims, *, device: str | None, user: str | None, attestation: object
    ) -> None:
        """Refuse the client by the rules of the session and the operator, or begin to position it.

        Raises:
            ProtocolError: an id is missing, or was set by the server.
        """
        line, context, admission = self.line, self.line.context, self._admission
        options = admission.session.options
        if options.device_set_in_client is (device is None):
            raise ProtocolError(
                "deviceCorrelationId is missing" if device is None else "deviceCorrelationId was set by the server"
            )
        if user is not None and not options.user_set_in_client:
            raise ProtocolError("userCorrelationId was set by the server")
        if options.with_verify and admission.session.reference is None:
            await self.fail(LivenessError.VERIFY_IMAGE_NOT_PROVIDED, "the session was made without a verify image")
            return
        if not claims.proven and context.policy.own_script:
            message = "only this server's own component is served"
            await self.fail(LivenessError.CLIENT_VERSION_NOT_SUPPORTED, message)
            return
        if refusal := refusal_of_camera(claims.camera, context.policy):
            await self.fail(LivenessError.ENVIRONMENT_NOT_SUPPORTED, refusal)
            return
        try:
            attested = context.policy.attestations.check(attestation, admission.nonce)
        except AttestationError as error:
            await self.fail(LivenessError.ENVIRONMENT_NOT_SUPPORTED, str(error))
            return
        if not context.has_place(token, line.request.address):  # others connected during the database query
            await self.full()
            return
        await line.take_place(token)
        if line.ending:  # yet another connection has taken the place
            return
        line.enter(Positioning(line, admission, replace(claims, attested=attested)), context.limits.positioning_seconds)
        await line.send(messages.accepted(admission, context.limits, context.place, flashes=claims.flashes))
