"""Finds the operation of a method and path, and suggests one if there is none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from mien.contract.catalogue import row
from mien.contract.paths import PREFIX, misplaced, renamed_sessions
from mien.contract.versions import KNOWN, STABLE
from mien.gateway.exchange import Operation, Route

_NOT_FOUND = row("gateway.not_found")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ENDPOINT = "https://HOST"
_LONGEST_HINTED = 300


class Router:
    """The table of operations.

    As on Azure, literal segments match in any letter case, and doubled and trailing slashes are ignored. Parameters
    keep their letter case.
    """

    def __init__(self, operations: Iterable[Operation], pages: Iterable[Operation] = ()) -> None:
        """Build the table.

        Args:
            operations: operations below `/face/{version}`.
            pages: pages with their own paths, without parameters.
        """
        self.operations = tuple(operations)
        self._versions = {name.lower(): name for name in KNOWN}
        self._pages = {(page.method, _segments(page.template.lower())): page for page in pages}
        # version → number of segments → (segments, operations by method); parameters are segments in braces
        self._table: dict[str, dict[int, list[tuple[tuple[str, ...], dict[str, Operation]]]]] = {}
        for operation in self.operations:
            for version in operation.versions:
                self._add(self._table.setdefault(version, {}), operation)

    @staticmethod
    def _add(table: dict[int, list[tuple[tuple[str, ...], dict[str, Operation]]]], operation: Operation) -> None:
        segments = tuple(part if part[0] == "{" else part.lower() for part in _segments(operation.template))
        rows = table.setdefault(len(segments), [])
        for known, methods in rows:
            if known == segments:
                methods[operation.method] = operation
                return
        rows.append((segments, {operation.method: operation}))
        # Literal segments before parameters, so that `/persons/abc` never hides `/persons/search`.
        rows.sort(key=lambda entry: [part[0] == "{" for part in entry[0]])

    def match(self, method: str, path: str, endpoint: Callable[[], str] = lambda: _ENDPOINT) -> Route:
        """Return the operation for an upper-case method and a decoded path.

        Args:
            method: in upper case.
            path: decoded.
            endpoint: returns the server's URL as the caller sees it, for hints.

        Raises:
            Problem: 404, with a hint if a similar operation exists.
        """
        given = _segments(path)
        if len(given) > 2 and given[0].lower() == PREFIX:
            version = self._versions.get(given[1].lower())
            if version is not None:
                found, parameters = self._find(version, given[2:])
                operation = found.get(method)
                if operation is not None:
                    return Route(operation, version, parameters)
        lowered = tuple(part.lower() for part in given)
        page = self._pages.get((method, lowered)) or (self._pages.get(("GET", lowered)) if method == "HEAD" else None)
        if page is not None:
            return Route(page, "", _NOTHING)
        raise _NOT_FOUND.problem(hint=self._misplaced(method, given, endpoint) or self._hint(method, given))

    def _find(self, version: str, given: tuple[str, ...]) -> tuple[Mapping[str, Operation], Mapping[str, str]]:
        """Return the operations of a path below the version, by method, and the values of its parameters."""
        lowered = tuple(part.lower() for part in given)
        for segments, methods in self._table.get(version, {}).get(len(given), ()):
            if segments == lowered:
                return methods, _NOTHING
            if all(part[0] == "{" or part == low for part, low in zip(segments, lowered, strict=True)):
                names = zip(segments, given, strict=True)
                return methods, {part[1:-1]: value for part, value in names if part[0] == "{"}
        return {}, _NOTHING

    def _misplaced(self, method: str, given: tuple[str, ...], endpoint: Callable[[], str]) -> str | None:
        """Explain how to configure a client that adds the path of its calls to an endpoint that already has a path."""
        if sum(map(len, given)) > _LONGEST_HINTED:
            return None
        for read in misplaced(given, KNOWN):
            methods, _parameters = self._find(read.version, read.rest)
            if methods:
                operation = methods.get(method) or next(iter(methods.values()))
                return f"{read.advice(endpoint())} The call is {_call(operation, read.version)}."
        return None

    def _hint(self, method: str, given: tuple[str, ...]) -> str | None:
        """Suggest a similar call; None if there is none."""
        rest = given[1:] if given and given[0].lower() == PREFIX else given
        without_prefix = rest is given
        version = self._versions.get(rest[0].lower()) if rest else None
        if version is not None:
            return self._hint_below(method, version, rest[1:])
        if rest and _looks_like_version(rest[0]):
            operation = self._nearest(method, STABLE.name, rest[1:])
            known = ", ".join(KNOWN)
            example = f" Did you mean {_call(operation, STABLE.name)}?" if operation else ""
            return f"{rest[0]} is not an API version of this server; it has {known}.{example}"
        operation = self._nearest(method, STABLE.name, rest)
        if operation is None:
            return None
        missing = "/face/{version}" if without_prefix else "the API version"
        return f"The path lacks {missing}. Did you mean {_call(operation, STABLE.name)}?"

    def _hint_below(self, method: str, version: str, rest: tuple[str, ...]) -> str | None:
        methods, _parameters = self._find(version, rest)
        if methods and method in methods:
            return f"The path lacks /face. Did you mean {_call(methods[method], version)}?"
        if methods:
            right = " or ".join(_call(operation, version) for operation in methods.values())
            return f"{method} is not a method of this path. Did you mean {right}?"
        renamed = renamed_sessions(rest)
        methods, _parameters = self._find(version, renamed) if renamed else ({}, _NOTHING)
        if methods:
            right = _call(methods.get(method) or next(iter(methods.values())), version)
            return f"{version} has liveness sessions under another path. Did you mean {right}?"
        for other in reversed(KNOWN):
            methods, _parameters = self._find(other, rest)
            if methods:
                right = " or ".join(_call(operation, other) for operation in methods.values())
                return f"{version} does not have this operation. Did you mean {right}?"
        operation = self._nearest(method, version, rest)
        return None if operation is None else f"Did you mean {_call(operation, version)}?"

    def _nearest(self, method: str, version: str, rest: tuple[str, ...]) -> Operation | None:
        """Return a version's operation with the most similar path."""
        if not rest:
            return None
        methods, _parameters = self._find(version, rest)
        if methods:
            return methods.get(method) or next(iter(methods.values()))
        if sum(map(len, rest)) > _LONGEST_HINTED:
            return None
        lowered = [part.lower() for part in rest]
        wanted = "/".join(lowered)
        paths = {
            "/".join(_filled(segments, lowered)): methods
            for length, rows in self._table.get(version, {}).items()
            for segments, methods in rows
            if abs(length - len(rest)) <= 1
        }
        close = difflib.get_close_matches(wanted, paths, n=1, cutoff=0.7)
        if not close:
            return None
        return paths[close[0]].get(method) or next(iter(paths[close[0]].values()))


def _filled(segments: tuple[str, ...], given: Sequence[str]) -> list[str]:
    """Insert the caller's ids into a template, so that only literal segments are compared."""
    ids = dict(enumerate(given))
    return [ids.get(place, "") if part[0] == "{" else part for place, part in enumerate(segments)]


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _looks_like_version(segment: str) -> bool:
    text = segment.lower().removeprefix("v")
    return bool(text) and text[0].isdigit()


def _call(operation: Operation, version: str) -> str:
    return f"{operation.method} /face/{version}{operation.template}"
