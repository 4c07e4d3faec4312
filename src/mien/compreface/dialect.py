"""The ASGI application of CompreFace's routes, behind the gateway of the Face API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mien.compreface.faults import API_KEY_HEADER, UNDEFINED, CompreFaceProblem, explain
from mien.compreface.handlers import Handlers
from mien.compreface.subjects import CompreFaceSubjects
from mien.contract.headers import KEY_HEADER, wire_name
from mien.gallery.gallery import Gallery
from mien.gallery.recognisers import Recognisers
from mien.gateway.checks import Checks
from mien.gateway.exchange import Operation, Receive, Route, Scope, Send
from mien.gateway.gateway import Gateway, Observer
from mien.vision.ports import Engine
from mien.wire.application import Dialect
from mien.wire.body import BodyLimits
from mien.workers import WorkerPool

PREFIX: Final = "/api/v1/"
"""The common prefix of the paths."""

_NAME: Final = "{subject}"
_KEY: Final = wire_name(API_KEY_HEADER)
_FACE_KEY: Final = wire_name(KEY_HEADER)


class CompreFace:
    """CompreFace's API as an ASGI application.

    Args:
        handlers: the routes.
        checks: the checks that a request must pass.
        observers: called with every response.
    """

    def __init__(self, handlers: Handlers, checks: Checks, observers: Sequence[Observer] = ()) -> None:
        self._gateway = Gateway(
            _Router(handlers.operations()), checks.steps(), explain, observers, origin=checks.origin
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request; the key may be in `x-api-key`."""
        headers = list(scope["headers"])
        names = {name for name, _ in headers}
        if _FACE_KEY not in names:
            headers += [(_FACE_KEY, value) for name, value in headers if name == _KEY][:1]
        await self._gateway({**scope, "headers": headers}, receive, send)


def compreface(
    gallery: Gallery, recognisers: Recognisers, engine: Engine, limits: BodyLimits, observers: Sequence[Observer] = ()
) -> Dialect:
    """Return CompreFace's API on a gallery, for `mien.wire.application.ApplicationParts`."""

    def make(workers: WorkerPool, checks: Checks) -> CompreFace:
        return CompreFace(
            Handlers(CompreFaceSubjects(gallery, recognisers), engine, workers, limits), checks, observers
        )

    return Dialect(PREFIX, make)


class _Router:
    """Finds the operation of a path by templates whose segments in braces are parameters."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._rows = [(operation, _segments(operation.template)) for operation in operations]
        # Literal segments before parameters, so that `delete` in `faces/delete` is not read as an image id.
        self._rows.sort(key=lambda row: [part[0] == "{" for part in row[1]])

    def match(self, method: str, path: str, endpoint: Callable[[], str]) -> Route:  # noqa: ARG002  only the Face API's hints use it
        """Return the operation of a method and path.

        Raises:
            CompreFaceProblem: there is none.
        """
        given = _segments(path)
        for operation, segments in self._rows:
            if operation.method == method and len(segments) <= len(given):
                if segments[-1] == _NAME:  # a subject's name may contain slashes
                    given_here = (*given[: len(segments) - 1], "/".join(given[len(segments) - 1 :]))
                else:
                    given_here = given
                if len(given_here) != len(segments):
                    continue
                pairs = list(zip(segments, given_here, strict=True))
                if all(part[0] == "{" or part == word.lower() for part, word in pairs):
                    return Route(operation, "", {part[1:-1]: word for part, word in pairs if part[0] == "{"})
        raise CompreFaceProblem(404, UNDEFINED, f"There is no {method} {path[:100]} among CompreFace's routes here")


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)
