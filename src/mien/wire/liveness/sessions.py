"""The operations on liveness sessions: create, get, list, audit, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from mien.clock import Clock
from mien.contract.catalogue import row
from mien.contract.limits import TOP
from mien.contract.liveness_versions import LIVENESS_VERSIONS, SINGLE_MODAL, WITH_ATTEMPTS, LivenessVersion
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.gateway.origin import OriginFinder
from mien.liveness.errors import (
    InvalidSessionStartError,
    ModeNotAvailableError,
    NoReferenceFaceError,
    SessionError,
    SessionImageNotFoundError,
    SessionNotFoundError,
    SeveralReferenceFacesError,
)
from mien.liveness.records import Session
from mien.liveness.service import Liveness
from mien.wire.body import BodyLimits
from mien.wire.context import EMPTY, answer
from mien.wire.fields import QueryOptions, whole
from mien.wire.liveness.body import body_schema, read_create_body
from mien.wire.liveness.json import (
    audit_entries,
    created_json,
    created_schema,
    entry_schema,
    item_json,
    item_schema,
    session_json,
    session_schema,
)
from mien.wire.liveness.options import parse_options
from mien.wire.schemas import TEXT, Json, array, described, in_path, operation, query
from mien.workers import WorkerPool

T = TypeVar("T")

NOT_FOUND: Final = row("liveness_session.not_found")
_START = row("liveness_session.start_invalid")
_TOP = row("liveness_session.top_invalid")
_NO_FACE = row("common.no_face")
_MODE_NOT_AVAILABLE = row("mien.liveness_mode_not_available")
_SEVERAL_FACES = row("common.several_faces")

_NO_CONTENT: Final = Response(204)


@dataclass(frozen=True, slots=True)
class LivenessContext:
    """Dependencies of the liveness handlers.

    Attributes:
        liveness: the sessions and attempts.
        workers: the worker pool for blocking and computing work.
        limits: size and time limits of request bodies.
        origin: determines the server's URL as the caller sees it.
        clock: the clock.
        public_endpoint: the server's URL for browsers; None for the one that the caller used.
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
            Problem: the work raised a session error.
        """
        try:
            return await self.workers.run(work)
        except SessionError as error:
            raise _explain(error) from error


def _explain(error: SessionError) -> Exception:
    if isinstance(error, SessionNotFoundError | SessionImageNotFoundError):
        return NOT_FOUND.problem(hint=f"{str(error)[0].upper()}{str(error)[1:]}.")
    if isinstance(error, InvalidSessionStartError):
        return _START.problem()
    if isinstance(error, ModeNotAvailableError):
        return _MODE_NOT_AVAILABLE.problem(hint=str(error))
    if isinstance(error, NoReferenceFaceError):
        return _NO_FACE.problem()
    if isinstance(error, SeveralReferenceFacesError):
        return _SEVERAL_FACES.problem(hint=f"{error}.")
    return error


def _read_page(request: Request) -> tuple[str, int]:
    """Return `start` and `top`; empty values count as absent.

    Raises:
        Problem: `top` is not 1 to 1000.
    """
    given = request.query_value("top")
    top = TOP[1] if not given else whole(given)
    if top is None or not TOP[0] <= top <= TOP[1]:
        raise _TOP.problem()
    return (request.query_value("start") or "").strip(), top


_PAGE = QueryOptions(
    (
        query("start", TEXT, "Id of the last entry of the page before."),
        query(
            "top",
            {"type": "integer", "minimum": TOP[0], "maximum": TOP[1], "default": TOP[1]},
            "How many entries at most.",
        ),
    ),
    _read_page,
)
_SESSION_ID = in_path("sessionId")


@dataclass(frozen=True, slots=True)
class SessionFamily:
    """The operations on sessions of one kind.

    Attributes:
        context: dependencies of the handlers.
        verify: whether the kind compares the face with a verify image.
    """

    context: LivenessContext
    verify: bool

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        kind = self._kind
        channel = f"/detect{kind}/singleModal"
        old, new = f"{channel}/sessions", f"/detect{kind}-sessions"
        action = f"{channel.strip('/').lower()}/sessions"

        def operations(path: str, versions: frozenset[str]) -> list[Operation]:
            one = f"{path}/{{sessionId}}"
            return [
                Operation(
                    f"{kind}Session - Create", "POST", path, self.create, versions, f"{action}/action", 1,
                    describe=self._describe_create,
                ),
                Operation(
                    f"{kind}Session - Get Result", "GET", one, self.get, versions, f"{action}/read", 1,
                    describe=self._describe_get,
                ),
                Operation(
                    f"{kind}Session - Delete", "DELETE", one, self.delete, versions, f"{action}/delete", 1,
                    describe=self._describe_delete,
                ),
            ]  # fmt: skip

        return [
            *operations(old, SINGLE_MODAL),
            *operations(new, WITH_ATTEMPTS),
            Operation(
                f"{kind}Session - List", "GET", old, self.page, SINGLE_MODAL, f"{action}/read", 1,
                describe=described(
                    f"get{kind}Sessions", "Lists sessions by ascending id.", parameters=_PAGE.parameters,
                    result=array(item_schema()), says="The sessions.",
                ),
            ),
            Operation(
                f"{kind}Session - Get Audit Entries", "GET", f"{old}/{{sessionId}}/audit", self.audit, SINGLE_MODAL,
                f"{action}/audit/read", 1, describe=self._describe_audit,
            ),
        ]  # fmt: skip

    @property
    def _kind(self) -> str:
        return "LivenessWithVerify" if self.verify else "Liveness"

    def _describe_create(self, version_name: str) -> Json:
        version = LIVENESS_VERSIONS[version_name]
        return operation(
            f"create{self._kind}Session",
            "Makes a session. Its authToken goes to the client, which shows that a person is there"
            + (" and is the one of the verify image." if self.verify else "."),
            body=body_schema(version, verify=self.verify),
            result=created_schema(version, verify=self.verify),
            says="The session and the token for its client.",
        )

    def _describe_get(self, version_name: str) -> Json:
        return operation(
            f"get{self._kind}SessionResult",
            "Returns a session with what came of it. A session is kept for 48 hours.",
            parameters=[_SESSION_ID],
            result=session_schema(LIVENESS_VERSIONS[version_name], verify=self.verify),
            says="The session.",
        )

    def _describe_delete(self, version_name: str) -> Json:
        return operation(
            f"delete{self._kind}Session",
            "Erases a session, its attempts and images; its token opens nothing from then on.",
            parameters=[_SESSION_ID],
            status=200 if LIVENESS_VERSIONS[version_name].single_modal else 204,
        )

    def _describe_audit(self, version_name: str) -> Json:
        return operation(
            f"get{self._kind}SessionAuditEntries",
            "Lists what the attempts of a session left behind, newest first, with the scores behind the decision.",
            parameters=[_SESSION_ID, *_PAGE.parameters],
            result=array(entry_schema(LIVENESS_VERSIONS[version_name])),
            says="The entries.",
        )

    async def create(self, exchange: Exchange) -> Response:
        """Create a session and return the token for the client."""
        version, context = _version(exchange), self.context
        body = await read_create_body(exchange.request, context.limits, version, self.verify)
        endpoint = urlsplit((context.public_endpoint or context.origin(exchange.request)).rstrip("/"))
        channel = f"/face/{version.name}/detectLiveness{'WithVerify' if self.verify else ''}/singleModal"
        options = replace(
            parse_options(body.fields, version, verify=self.verify),
            endpoint=f"{endpoint.scheme}://{endpoint.netloc}",
            route=endpoint.path + channel,  # clients resolve the route against the host, so it includes the base path
        )
        image = body.image if self.verify else None
        resource_id = exchange.resource_id

        def work() -> Response:
            session = context.liveness.create(resource_id, options, image)
            return answer(created_json(session, version))

        return await context.run(work)

    async def get(self, exchange: Exchange) -> Response:
        """Return a session with its result."""
        version = _version(exchange)
        return await self._read(exchange, lambda session: session_json(session, version))

    async def audit(self, exchange: Exchange) -> Response:
        """Return a page of a session's audit entries, newest first."""
        version, (start, top) = _version(exchange), _PAGE.read(exchange.request)
        # 0 and an empty value mean the beginning, as in the contract's example.
        before = int(start) if start.isdecimal() and len(start) < 10 else 0 if not start else None
        if before is None:
            raise _START.problem(hint="It is the id of an audit entry: a whole number.")

        def shape(session: Session) -> list[dict[str, Any]]:
            entries = audit_entries(session, version)
            return [entry for entry in entries if not before or entry["id"] < before][:top]

        return await self._read(exchange, shape)

    async def page(self, exchange: Exchange) -> Response:
        """Return a page of sessions by ascending id."""
        start, top = _PAGE.read(exchange.request)
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions

        def work() -> Response:
            found = sessions.page(resource_id, with_verify=self.verify, start=start, top=top)
            return answer([item_json(session) for session in found])

        return await self.context.run(work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a session with all its data."""
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


def _version(exchange: Exchange) -> LivenessVersion:
    return LIVENESS_VERSIONS[exchange.version]
