"""Liveness sessions: creating, reading, listing, auditing, deleting; their images; the resource's settings."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from mien.clock import Clock
from mien.contract.catalogue import row
from mien.contract.liveness_versions import LIVENESS_VERSIONS, MONITORED, SINGLE_MODAL, WITH_ATTEMPTS, LivenessVersion
from mien.contract.versions import V1_2_PREVIEW
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Exchange, Operation, Response
from mien.gateway.origin import OriginFinder
from mien.liveness.errors import (
    InvalidStartError,
    ModeNotAvailableError,
    NoFaceError,
    SessionError,
    SessionImageNotFoundError,
    SessionNotFoundError,
    SeveralFacesError,
)
from mien.liveness.records import Session
from mien.liveness.service import Liveness
from mien.wire.body import CLOSE, BodyLimits
from mien.wire.context import EMPTY, answer
from mien.wire.fields import whole
from mien.wire.liveness import docs
from mien.wire.liveness.body import INVALID_BODY, parse_options, read_create_body
from mien.wire.liveness.json import audit_entries, created_json, item_json, session_json
from mien.wire.training import timestamp
from mien.workers import WorkerPool

T = TypeVar("T")

NOT_FOUND: Final = row("liveness_session.not_found")
_START = row("liveness_session.start_invalid")
_TOP = row("liveness_session.top_invalid")
_NO_FACE = row("common.no_face")
_MODE_NOT_AVAILABLE = row("mien.liveness_mode_not_available")
_SEVERAL_FACES = row("common.several_faces")

_MOST: Final = 1000
_NO_CONTENT: Final = Response(204)
_BINARY: Final = b"application/octet-stream"
_ASSETS_LIFE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LivenessContext:
    """What the handlers of liveness stand on.

    Attributes:
        liveness: sessions and attempts.
        workers: where everything that blocks or computes runs.
        limits: how much a client may send.
        origin: finds out under which address the caller sees the server.
        clock: tells the time.
        public_endpoint: under which address browsers find the server; None for the one that the caller used.
    """

    liveness: Liveness
    workers: WorkerPool
    limits: BodyLimits
    origin: OriginFinder
    clock: Clock
    public_endpoint: str | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a worker thread.

        Raises:
            Problem: the sessions refused.
        """
        try:
            return await self.workers.run(work)
        except SessionError as error:
            raise _explain(error) from error


def _explain(error: SessionError) -> Exception:
    if isinstance(error, SessionNotFoundError | SessionImageNotFoundError):
        return NOT_FOUND.problem(hint=f"{str(error)[0].upper()}{str(error)[1:]}.")
    if isinstance(error, InvalidStartError):
        return _START.problem()
    if isinstance(error, ModeNotAvailableError):
        return _MODE_NOT_AVAILABLE.problem(hint=str(error))
    if isinstance(error, NoFaceError):
        return _NO_FACE.problem()
    if isinstance(error, SeveralFacesError):
        return _SEVERAL_FACES.problem(hint=f"{error}.")
    return error


@dataclass(frozen=True, slots=True)
class SessionFamily:
    """The operations on sessions of one kind.

    Attributes:
        context: what they stand on.
        verify: whether the kind compares the face with a reference.
    """

    context: LivenessContext
    verify: bool

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        kind = "LivenessWithVerify" if self.verify else "Liveness"
        channel = f"/detect{kind}/singleModal"
        old, new = f"{channel}/sessions", f"/detect{kind}-sessions"
        action = f"{channel.strip('/').lower()}/sessions"
        about = docs.about(verify=self.verify)

        def operations(path: str, versions: frozenset[str]) -> list[Operation]:
            one = f"{path}/{{sessionId}}"
            return [
                Operation(
                    f"{kind}Session - Create", "POST", path, self.create, versions, f"{action}/action", 1,
                    describe=about.create,
                ),
                Operation(
                    f"{kind}Session - Get Result", "GET", one, self.get, versions, f"{action}/read", 1,
                    describe=about.get,
                ),
                Operation(
                    f"{kind}Session - Delete", "DELETE", one, self.delete, versions, f"{action}/delete", 1,
                    describe=about.delete,
                ),
            ]  # fmt: skip

        return [
            *operations(old, SINGLE_MODAL),
            *operations(new, WITH_ATTEMPTS),
            Operation(
                f"{kind}Session - List", "GET", old, self.page, SINGLE_MODAL, f"{action}/read", 1,
                describe=about.page,
            ),
            Operation(
                f"{kind}Session - Get Audit Entries", "GET", f"{old}/{{sessionId}}/audit", self.audit, SINGLE_MODAL,
                f"{action}/audit/read", 1, describe=about.audit,
            ),
        ]  # fmt: skip

    async def create(self, exchange: Exchange) -> Response:
        """Make a session and return the token for the client."""
        version, context = _version(exchange), self.context
        body = await read_create_body(exchange.request, context.limits, version, self.verify)
        endpoint = urlsplit((context.public_endpoint or context.origin(exchange.request)).rstrip("/"))
        channel = f"/face/{version.name}/detectLiveness{'WithVerify' if self.verify else ''}/singleModal"
        options = replace(
            parse_options(body.fields, version, verify=self.verify),
            endpoint=f"{endpoint.scheme}://{endpoint.netloc}",
            route=endpoint.path + channel,  # clients resolve it against the endpoint: a base path goes with the route
        )
        image = body.image if self.verify else None
        resource_id = exchange.resource_id

        def work() -> Response:
            session = context.liveness.create(resource_id, options, image)
            return answer(created_json(session, version))

        return await context.run(work)

    async def get(self, exchange: Exchange) -> Response:
        """Return a session with what came of it."""
        version = _version(exchange)
        return await self._read(exchange, lambda session: session_json(session, version))

    async def audit(self, exchange: Exchange) -> Response:
        """Return a page of what the attempts of a session left behind, newest first."""
        version, (start, top) = _version(exchange), _page(exchange)
        # 0 and nothing mean the beginning, as in the contract's example.
        before = int(start) if start.isdecimal() and len(start) < 10 else 0 if not start else None
        if before is None:
            raise _START.problem(hint="It is the id of an audit entry: a whole number.")

        def shape(session: Session) -> list[dict[str, Any]]:
            entries = audit_entries(session, version)
            return [entry for entry in entries if not before or entry["id"] < before][:top]

        return await self._read(exchange, shape)

    async def page(self, exchange: Exchange) -> Response:
        """Return a page of sessions, by ascending id."""
        start, top = _page(exchange)
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions

        def work() -> Response:
            found = sessions.page(resource_id, with_verify=self.verify, start=start, top=top)
            return answer([item_json(session) for session in found])

        return await self.context.run(work)

    async def delete(self, exchange: Exchange) -> Response:
        """Erase a session with everything that is its own."""
        resource_id, session_id = exchange.resource_id, exchange.parameters["sessionId"]
        sessions = self.context.liveness.sessions
        await self.context.run(lambda: sessions.delete(resource_id, session_id, with_verify=self.verify))
        return EMPTY if _version(exchange).single_modal else _NO_CONTENT

    async def _read(self, exchange: Exchange, shape: Callable[[Session], Any]) -> Response:
        resource_id, session_id = exchange.resource_id, exchange.parameters["sessionId"]
        sessions = self.context.liveness.sessions
        return await self.context.run(
            lambda: answer(shape(sessions.get(resource_id, session_id, with_verify=self.verify)))
        )


@dataclass(frozen=True, slots=True)
class SessionExtras:
    """Session images, and what a resource chooses for its sessions."""

    context: LivenessContext

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        images, settings, token = "/sessionImages/{sessionImageId}", "/settings", "/settings/getClientAssetsAccessToken"

        def image(path: str, versions: frozenset[str]) -> Operation:
            return Operation(
                "LivenessSession - Get Session Image", "GET", path, self.image, versions, "sessionimages/read", 1,
                describe=docs.image,
            )  # fmt: skip

        return [
            image(f"/session{images}", frozenset({V1_2_PREVIEW.name})),
            image(images, WITH_ATTEMPTS),
            Operation(
                "Settings - Get", "GET", settings, self.get_settings, MONITORED, "settings/read", 1,
                describe=docs.get_settings,
            ),
            Operation(
                "Settings - Patch", "PATCH", settings, self.patch_settings, MONITORED, "settings/write", 1,
                describe=docs.patch_settings,
            ),
            Operation(
                "Settings - Get Client Assets Access Token", "GET", token, self.assets_token, MONITORED,
                "settings/read", 1, describe=docs.assets_token,
            ),
        ]  # fmt: skip

    async def image(self, exchange: Exchange) -> Response:
        """Return the kept image of an attempt."""
        resource_id, image_id = exchange.resource_id, exchange.parameters["sessionImageId"]
        sessions = self.context.liveness.sessions
        found = await self.context.run(lambda: sessions.image(resource_id, image_id))
        return Response(body=found, content_type=_BINARY)

    async def get_settings(self, exchange: Exchange) -> Response:
        """Return what the resource chose."""
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions
        return await self.context.run(lambda: _settings(sessions.abuse_monitoring(resource_id)))

    async def patch_settings(self, exchange: Exchange) -> Response:
        """Choose, and return what the resource chose."""
        enabled = _enabled(await _json_body(exchange, self.context.limits))
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions

        def work() -> Response:
            if enabled is not None:
                sessions.set_abuse_monitoring(resource_id, enabled=enabled)
            return _settings(sessions.abuse_monitoring(resource_id))

        return await self.context.run(work)

    async def assets_token(self, exchange: Exchange) -> Response:
        """Return a token for the client's files: Mien serves its own to anybody, so the token opens nothing."""
        del exchange
        token = secrets.token_urlsafe(32)
        return answer(
            {
                "expiry": timestamp(self.context.clock.now() + _ASSETS_LIFE),
                "accessToken": token,
                "base64AccessToken": base64.b64encode(token.encode()).decode(),
            }
        )


def liveness_operations(context: LivenessContext) -> list[Operation]:
    """Return the rows of all liveness operations that take a key."""
    return [
        *SessionFamily(context, verify=False).operations(),
        *SessionFamily(context, verify=True).operations(),
        *SessionExtras(context).operations(),
    ]


def _version(exchange: Exchange) -> LivenessVersion:
    return LIVENESS_VERSIONS[exchange.version]


def _page(exchange: Exchange) -> tuple[str, int]:
    """Read `start` and `top`; empty ones count as absent.

    Raises:
        Problem: `top` is not 1 to 1000.
    """
    given = exchange.request.query_value("top")
    top = _MOST if not given else whole(given)
    if top is None or not 1 <= top <= _MOST:
        raise _TOP.problem()
    return (exchange.request.query_value("start") or "").strip(), top


async def _json_body(exchange: Exchange, limits: BodyLimits) -> Mapping[str, Any]:
    try:
        value = json.loads(await exchange.request.read(limits.json_bytes, limits.seconds))
    except BodyTooLargeError as error:
        raise INVALID_BODY.problem(headers=CLOSE if error.endless else ()) from None
    except (ValueError, RecursionError):
        raise INVALID_BODY.problem(hint="The body must be JSON.") from None
    if not isinstance(value, dict):
        raise INVALID_BODY.problem(hint="The body must be a JSON object.")
    return {name.lower(): entry for name, entry in value.items()}


def _enabled(body: Mapping[str, Any]) -> bool | None:
    """Return the choice in a body, or None when it leaves the choice as it is.

    The draft's schema wraps it in `livenessAbuseMonitoring`, its example does not: both are read.

    Raises:
        Problem: it is not a boolean.
    """
    wrapped = body.get("livenessabusemonitoring", body)
    if wrapped is None:
        return None
    inner = {name.lower(): value for name, value in wrapped.items()} if isinstance(wrapped, dict) else {"enabled": ""}
    given = inner.get("enabled")
    if isinstance(given, str):
        given = {"true": True, "false": False}.get(given.strip().lower(), given)
    if given is not None and not isinstance(given, bool):
        raise INVALID_BODY.problem(hint='Send {"livenessAbuseMonitoring": {"enabled": true}}, or false.')
    return given


def _settings(enabled: bool) -> Response:
    return answer({"livenessAbuseMonitoring": {"enabled": enabled}})
