"""Maps the errors of services to the contract's error responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mien.contract.catalogue import Row, row
from mien.contract.problem import Problem
from mien.fetching.fetch import ContentTooLargeError, FetchError, FetchFailure
from mien.gateway.errors import BodyTimeoutError, BodyTooLargeError
from mien.models.errors import ModelError
from mien.search.errors import SearchServerError, TrainedIndexError
from mien.vision.errors import (
    ImageTooLargeError,
    ImageTooSmallError,
    UnreadableImageError,
    UnsupportedAttributeError,
)
from mien.wire.body import CLOSE
from mien.wire.gateway_faults import GATEWAY
from mien.workers import OverloadedError

_TOO_SMALL = row("common.image_too_small")
_TOO_BIG = row("common.image_too_big")
_INVALID_URL = row("common.url_invalid")
_DOWNLOAD = row("common.url_not_downloaded")
_UNREADABLE = row("common.image_unreadable")
_ATTRIBUTES = row("detect.attributes_invalid")
_TIMEOUT = row("legacy.timeout")
_UNAVAILABLE = row("mien.unavailable")
_INTERNAL = row("mien.internal")


def _with_text(entry: Row) -> Callable[[Exception], Problem]:
    """Answer with a row and the exception's text, if any, as hint."""
    return lambda error: entry.problem(hint=str(error) or None)


def _overloaded(error: OverloadedError) -> Problem:
    return _UNAVAILABLE.problem(headers=[(b"retry-after", b"%d" % error.retry_after)])


def _unsupported(error: UnsupportedAttributeError) -> Problem:
    return _ATTRIBUTES.problem(hint=f"{error.attribute} is not supported by this build: {error.reason}")


def _fetch(error: FetchError) -> Problem:
    entry = _INVALID_URL if error.failure is FetchFailure.INVALID else _DOWNLOAD
    return entry.problem(hint=error.hint)


_TABLE: dict[type[Exception], Callable[[Any], Problem]] = {
    **GATEWAY,
    OverloadedError: _overloaded,
    BodyTooLargeError: lambda error: _TOO_BIG.problem(
        hint=f"the most is {error.limit} bytes", headers=CLOSE if error.endless else ()
    ),
    BodyTimeoutError: lambda _error: _TIMEOUT.problem(headers=CLOSE),
    ImageTooSmallError: _with_text(_TOO_SMALL),
    ImageTooLargeError: _with_text(_TOO_BIG),
    ContentTooLargeError: _with_text(_TOO_BIG),
    UnreadableImageError: _with_text(_UNREADABLE),
    UnsupportedAttributeError: _unsupported,
    FetchError: _fetch,
    # A model pack is missing or broken; the exception's text is for the operator, in the log.
    ModelError: lambda _error: _UNAVAILABLE.problem(headers=[(b"retry-after", b"60")]),
    # A trained index is missing or damaged; the log has the command that repairs it.
    TrainedIndexError: lambda _error: _UNAVAILABLE.problem(headers=[(b"retry-after", b"60")]),
    SearchServerError: lambda _error: _UNAVAILABLE.problem(headers=[(b"retry-after", b"10")]),
}


def explain(error: Exception) -> Problem:
    """Return the error response for an exception; an unexpected one becomes a 500 without details."""
    if isinstance(error, Problem):
        return error
    for kind in type(error).__mro__:
        answer = _TABLE.get(kind)
        if answer is not None:
            return answer(error)
    return _INTERNAL.problem()
