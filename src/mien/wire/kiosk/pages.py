"""The kiosk page and its calls. A kiosk's key is in the fragment of the page's URL, so that no log contains it.

The calls are not part of the Face API. They serve only the page, and return codes but never scores.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from limits import RateLimitItem, RateLimitItemPerMinute

from mien.accounts import Feature
from mien.contract.versions import V1_2_PREVIEW
from mien.doors.check_in import LOOK_SECONDS, CheckInAnswer, CheckIns
from mien.doors.errors import EventNotFoundError, InvalidDoorError, NotConfiguredError
from mien.doors.kiosks import Kiosk, Kiosks
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Exchange, Handler, Operation, Response
from mien.gateway.local_counts import LocalCounts
from mien.gateway.origin import OriginFinder
from mien.liveness.errors import ModeNotAvailableError
from mien.wire.body import BodyLimits
from mien.wire.page_headers import camera_page_headers
from mien.workers import WorkerPool

T = TypeVar("T")

PATH: Final = "/kiosk"
KIOSK_FEATURES: Final = frozenset({Feature.IDENTIFICATION, Feature.VIDEO_IDENTIFICATION})
"""The approvals that a resource needs; kiosks with liveness need that approval too."""
_HEADER: Final = b"mien-kiosk-key"
_CHANNEL: Final = f"/face/{V1_2_PREVIEW.name}/detectLiveness/singleModal"
_JSON_BYTES: Final = 4096
_PAGE_HEADERS: Final = camera_page_headers("'self' ws: wss:")
_FILES: Final = {
    "kiosk.js": b"text/javascript; charset=utf-8",
    "texts.js": b"text/javascript; charset=utf-8",
    "kiosk.css": b"text/css; charset=utf-8",
}

_WRONG_KEYS: Final = RateLimitItemPerMinute(10)
_CALLS: Final = RateLimitItemPerMinute(60)
_CHECK_INS: Final = RateLimitItemPerMinute(20)
_CODES: Final = RateLimitItemPerMinute(6)


@dataclass(frozen=True, slots=True)
class KioskParts:
    """The dependencies of kiosk pages.

    Attributes:
        kiosks: finds kiosks by key, and stores acceptances of the notice.
        check_ins: checks people in.
        served: returns whether a kiosk serves a client's address.
    """

    kiosks: Kiosks
    check_ins: CheckIns
    served: Callable[[Kiosk, str], bool]


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after


@dataclass(frozen=True, slots=True)
class KioskPages:
    """The page's files and calls.

    Attributes:
        parts: the dependencies of the pages.
        workers: the worker pool for blocking and computing work.
        origin: determines the server's URL as the browser sees it.
        limits: size and time limits of photos.
        public_endpoint: the server's URL for browsers; None for the one that was called.
    """

    parts: KioskParts
    workers: WorkerPool
    origin: OriginFinder
    limits: BodyLimits
    public_endpoint: str | None = None
    _rates: LocalCounts = field(default_factory=LocalCounts)

    def table(self) -> list[Operation]:
        """Return the operations of the pages."""

        def row(path: str, handler: Handler, method: str = "GET") -> Operation:
            return Operation("Kiosk", method, f"{PATH}{path}", handler, needs_key=False)

        rows = [row("", self.page)]
        rows += [row(f"/{name}", _file_handler(name, kind)) for name, kind in _FILES.items()]
        for path, call in (
            ("/notice", self.notice),
            ("/acceptances", self.accept),
            ("/sessions", self.begin),
            ("/faces", self.by_session),
            ("/photos", self.by_photo),
            ("/codes", self.by_code),
        ):
            rows.append(row(path, _json_handler(call), "POST"))
        return rows

    async def page(self, exchange: Exchange) -> Response:
        """Return the page, which is the same for all kiosks."""
        prefix = self.origin.prefix(exchange.request).encode()
        html = _read("index.html").replace(b'"/kiosk/', b'"' + prefix + b"/kiosk/")
        return Response(body=html, content_type=b"text/html; charset=utf-8", headers=_PAGE_HEADERS)

    async def notice(self, exchange: Exchange) -> dict[str, Any]:
        """Return the notice that the page shows first."""
        kiosk = await self._kiosk(exchange)
        spec = kiosk.spec
        return {
            "name": kiosk.name,
            "notice": spec.notice,
            "version": spec.version,
            "greeting": spec.greeting,
            "reception": spec.reception,
            "liveness": spec.liveness,
        }

    async def accept(self, exchange: Exchange) -> dict[str, Any]:
        """Store an acceptance of the notice."""
        kiosk = await self._kiosk(exchange)
        body = await self._body(exchange)
        version, language = _text(body, "version"), _text(body, "language")
        return {"acceptance": str(await self._run(lambda: self.parts.kiosks.accept(kiosk, version, language)))}

    async def begin(self, exchange: Exchange) -> dict[str, Any]:
        """Create a liveness session for a check-in."""
        kiosk = await self._kiosk(exchange)
        self._count(_CHECK_INS, "sessions", str(kiosk.kiosk_id))
        acceptance = await self._accepted(kiosk, _text(await self._body(exchange), "acceptance"))
        if not kiosk.spec.liveness:
            raise _RefusedError(409, "NoLiveness", "The kiosk asks for no liveness session.")
        endpoint = urlsplit((self.public_endpoint or self.origin(exchange.request)).rstrip("/"))
        where = (f"{endpoint.scheme}://{endpoint.netloc}", endpoint.path + _CHANNEL)
        session = await self._run(lambda: self.parts.check_ins.begin(kiosk, acceptance, *where))
        return {"session": session.id, "token": session.token}

    async def by_session(self, exchange: Exchange) -> dict[str, Any]:
        """Check in with a liveness session."""
        kiosk = await self._kiosk(exchange)
        body = await self._body(exchange)
        acceptance = await self._accepted(kiosk, _text(body, "acceptance"))
        session = _text(body, "session")
        return await self.check_in(kiosk, lambda: self.parts.check_ins.by_session(kiosk, acceptance, session))

    async def by_photo(self, exchange: Exchange) -> dict[str, Any]:
        """Check in with a photo, if the kiosk needs no liveness; the acceptance is in the query."""
        kiosk = await self._kiosk(exchange)
        self._count(_CHECK_INS, "photos", str(kiosk.kiosk_id))
        await self._accepted(kiosk, exchange.request.query_value("acceptance") or "")
        image = await exchange.request.read(self.limits.image_bytes, self.limits.seconds)
        return await self.check_in(kiosk, lambda: self.parts.check_ins.by_photo(kiosk, image))

    async def by_code(self, exchange: Exchange) -> dict[str, Any]:
        """Check in with the code of a badge or a visit; codes are short, so the rate of attempts is limited."""
        kiosk = await self._kiosk(exchange)
        self._count(_CODES, "codes", str(kiosk.kiosk_id))
        body = await self._body(exchange)
        await self._accepted(kiosk, _text(body, "acceptance"))
        code = _text(body, "code")
        return await self.check_in(kiosk, lambda: self.parts.check_ins.by_code(kiosk, code))

    async def _kiosk(self, exchange: Exchange) -> Kiosk:
        """Return the kiosk of the call's key, if its resource is approved and serves the client's network."""
        seen = self.origin.client(exchange.request)
        address = "" if seen is None else str(seen)
        if not self._rates.test(_WRONG_KEYS, "wrong keys", address):
            raise _too_many(_WRONG_KEYS)
        key = exchange.request.header(_HEADER) or ""
        try:
            kiosk = await self._run(lambda: self.parts.kiosks.opened_by(key))
        except _RefusedError:
            self._rates.hit(_WRONG_KEYS, "wrong keys", address)
            raise
        self._count(_CALLS, "calls", str(kiosk.kiosk_id))
        if not await self._run(lambda: self.parts.served(kiosk, address)):
            raise _RefusedError(
                403, "NotApproved", "The resource is not approved for kiosks, or does not serve this network."
            )
        return kiosk

    async def _accepted(self, kiosk: Kiosk, text: str) -> UUID:
        try:
            acceptance = UUID(text)
        except ValueError:
            acceptance = None
        if acceptance is None or not await self._run(lambda: self.parts.kiosks.is_accepted(kiosk, acceptance)):
            raise _RefusedError(403, "NotAccepted", "The notice was not accepted, or too long ago.")
        return acceptance

    async def _body(self, exchange: Exchange) -> dict[str, Any]:
        try:
            value = json.loads(await exchange.request.read(_JSON_BYTES, self.limits.seconds))
        except (ValueError, RecursionError):
            value = None
        except BodyTooLargeError:
            raise _RefusedError(413, "TooLarge", f"A body has at most {_JSON_BYTES} bytes.") from None
        if not isinstance(value, dict):
            raise _RefusedError(400, "BadRequest", "The body is a JSON object.")
        return value

    def _count(self, item: RateLimitItem, *what: str) -> None:
        if not self._rates.hit(item, *what):
            raise _too_many(item)

    async def check_in(self, kiosk: Kiosk, work: Callable[[], CheckInAnswer]) -> dict[str, Any]:
        """Return the answer to a check-in, once the door has opened or the decision to open it has expired."""
        answer = await self._run(work)
        while (opening := answer.opening) is not None:
            # No worker thread waits: the few that there are compute for everybody.
            await asyncio.sleep(LOOK_SECONDS)
            try:
                answer = await asyncio.to_thread(self.parts.check_ins.look, kiosk, opening)
            except EventNotFoundError:
                raise _RefusedError(404, "NotFound", "There is no such kiosk.") from None
        return {"outcome": answer.outcome.value, "name": answer.name}

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self.workers.run(work)
        except NotConfiguredError:
            raise _RefusedError(404, "NotFound", "There is no such kiosk.") from None
        except InvalidDoorError as error:
            raise _RefusedError(409, "Conflict", f"{error}.") from None
        except ModeNotAvailableError:
            raise _RefusedError(503, "NoLiveness", "This server cannot judge liveness.") from None


def _too_many(item: RateLimitItem) -> _RefusedError:
    return _RefusedError(429, "TooMany", "Too many calls; wait a minute.", item.get_expiry())


def _json_handler(call: Callable[[Exchange], Awaitable[dict[str, Any]]]) -> Handler:
    """Return a handler that returns results and errors as JSON."""

    async def handle(exchange: Exchange) -> Response:
        headers = [(b"cache-control", b"no-store")]
        try:
            return Response(body=json.dumps(await call(exchange)).encode(), headers=headers)
        except _RefusedError as error:
            if error.retry_after is not None:
                headers.append((b"retry-after", str(error.retry_after).encode()))
            body = {"error": {"code": error.code, "message": str(error)}}
            return Response(error.status, json.dumps(body).encode(), headers=headers)

    return handle


def _file_handler(name: str, content_type: bytes) -> Handler:
    response = Response(body=_read(name), content_type=content_type, headers=((b"cache-control", b"no-cache"),))

    async def serve(exchange: Exchange) -> Response:  # noqa: ARG001  part of the handler's signature
        return response

    return serve


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise _RefusedError(400, "BadRequest", f"{name} is a text of 1 to 200 characters.")
    return value


def _read(name: str) -> bytes:
    return (files("mien.wire.kiosk") / "web" / name).read_bytes()
