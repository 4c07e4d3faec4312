"""An error answer of the contract, as an exception, and the JSON envelope that it leaves in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


class Problem(Exception):  # noqa: N818  an answer, not a bug: named as RFC 9457 names it
    """The error response to a request that cannot be served.

    Attributes:
        status: HTTP status.
        code: the contract's error code, also sent as header `x-ms-error-code`.
        message: the contract's message, exactly.
        hint: additional information from Mien; sent in `innererror.details.hint`.
        doc: path of the page that explains the error; sent only together with a hint.
        explanation: one sentence on what the error means; the text of `innererror` when there is a hint.
        inner: an `innererror` (code, message) that the contract itself prescribes.
        details: further members of `innererror.details`; only together with a hint.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        doc: str | None = None,
        explanation: str | None = None,
        inner: tuple[str, str] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.doc = doc
        self.explanation = explanation
        self.inner = inner
        self.headers = tuple(headers)
        self.details = dict(details or {})

    def body(self) -> bytes:
        """Return the compact JSON envelope.

        Without a hint it is exactly the contract's `{"error":{"code":…,"message":…}}`, so that recorded lengths hold.
        """
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner or self.hint:
            code, message = self.inner or (self.code, self.explanation or self.message)
            error["innererror"] = {"code": code, "message": message}
        if self.hint:
            doc = {"doc": self.doc} if self.doc else {}
            error["innererror"]["details"] = {"hint": self.hint, **doc, **self.details}
        return json.dumps({"error": error}, separators=(",", ":"), ensure_ascii=False).encode()
