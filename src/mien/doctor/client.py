"""Calls an endpoint, with timing, rate limits and explained failures."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpx

from mien.contract.headers import KEY_HEADER, SERVER_MILLISECONDS, TRANSACTIONS
from mien.doctor.address import ServiceAddress

_LONGEST_BODY: Final = 1 << 20
_MOST_WAITS: Final = 2
_BODY_TIMEOUTS: Final = 4
"""Time limit of a response body, as a multiple of the timeout."""

_TIER: Final = re.compile(r"Face ([FSE])\d pricing tier")
_ALLOWED: Final = {"F": (20, 60.0), "S": (10, 1.0), "E": (10, 1.0)}
"""Rate limit of each tier, as calls and seconds (contract, section 10)."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The response to a request.

    Attributes:
        method: HTTP method.
        path: path of the request, without the query.
        status: HTTP status.
        headers: response headers by name in lower case.
        body: the first megabyte of the body.
        seconds: duration until the last byte.
        sent_at: time of sending by this machine's clock, in seconds since 1970.
        tls: version and certificate of the connection; empty without TLS.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    sent_at: float
    tls: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, or None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def html(self) -> bool:
        """Whether the body is a web page."""
        kind = self.headers.get("content-type", "").lower()
        return "html" in kind or self.body.lstrip()[:14].lower().startswith((b"<!doctype", b"<html"))

    @property
    def error(self) -> Mapping[str, Any]:
        """The error object in the body; empty if there is none."""
        body = self.json()
        if not isinstance(body, dict):
            return {}
        found = body.get("error", body if "message" in body else None)
        return found if isinstance(found, dict) else {}

    @property
    def hint(self) -> str:
        """The hint of a Mien server; empty from other servers."""
        inner = self.error.get("innererror")
        details = inner.get("details") if isinstance(inner, dict) else None
        hint = details.get("hint") if isinstance(details, dict) else None
        return hint if isinstance(hint, str) else ""

    @property
    def server_seconds(self) -> float | None:
        """The processing time that the service reports."""
        text = self.headers.get(SERVER_MILLISECONDS, "")
        return int(text) / 1000 if text.isdigit() else None

    @property
    def skew(self) -> float | None:
        """The seconds by which this machine's clock is ahead of the server's; None without a date."""
        try:
            told = parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return None
        # The date has whole seconds, so the exact time is half a second later on average.
        return self.sent_at + self.seconds / 2 - (told + 0.5)

    @property
    def retry_after(self) -> float | None:
        """The seconds to wait, if the response has them."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else None


class LimitReached(Exception):  # noqa: N818  a finding, not an error
    """A call reached the rate limit, and the wait would exceed the patience."""


class Trouble(Exception):  # noqa: N818  a finding, not an error
    """There was no response.

    Attributes:
        kind: "dns", "refused", "timeout", "tls", "proxy", "reset" or "other".
        reason: error text of the library.
        certificate: OpenSSL's number for why a certificate was refused; 0 for other reasons.
    """

    def __init__(self, kind: str, reason: str, certificate: int = 0) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Wait:
    """A response 429.

    Attributes:
        answer: the response.
        seconds: requested wait; None if the response has none.
        own: earlier calls of this client within the tier's window.
        allowed: calls that the tier allows in that window; None if the response does not name the tier.
    """

    answer: HttpAnswer
    seconds: float | None
    own: int
    allowed: int | None


class EndpointClient:
    """Calls one endpoint.

    Args:
        target: the endpoint.
        key: sent with the calls that need it; None for no key.
        seconds: timeout of a call.
        authority: file with additional trusted certificate authorities.
        patience: maximum wait after a response 429, in seconds.
        interval: minimum seconds between the starts of two calls, so that the rate limit is not reached.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        target: ServiceAddress,
        key: str | None = None,
        *,
        seconds: float = 10.0,
        authority: Path | None = None,
        patience: float = 5.0,
        interval: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.target = target
        self.key = key
        self.answers: list[HttpAnswer] = []
        self.waits: list[Wait] = []
        self.transactions = 0
        self.seconds = seconds
        self._patience = patience
        self._interval = interval
        self._begun = -math.inf
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=target.endpoint,
            verify=trusted(authority),
            timeout=seconds,
            headers={"User-Agent": f"mien-doctor/{version('mien')}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        body: Any = None,
        with_key: bool = True,
    ) -> HttpAnswer:
        """Make a call; after a response 429, wait and repeat it if the patience allows.

        Raises:
            Trouble: there was no response.
            LimitReached: the wait would be longer, or is unknown.
        """
        for turn in range(_MOST_WAITS + 1):
            answer = self._call(method, path, params, content, body, with_key=with_key)
            if answer.status != 429:
                return answer
            wait = answer.retry_after
            self.waits.append(self._wait(answer))
            if turn == _MOST_WAITS or wait is None or wait > self._patience:
                raise LimitReached
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, answer: HttpAnswer) -> Wait:
        """Return the wait, with how many calls this client has made and the tier allows."""
        tier = _TIER.search(str(answer.error.get("message", "")))
        allowed, window = _ALLOWED["F" if tier is None else tier[1]]
        counted = [one for one in self.answers if one.status != 429 and one.path.startswith("/face/")]
        own = [one for one in counted if answer.sent_at - one.sent_at < window]
        return Wait(answer, answer.retry_after, len(own), None if tier is None else allowed)

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | None,
        body: Any,
        *,
        with_key: bool,
    ) -> HttpAnswer:
        headers = {KEY_HEADER: self.key} if with_key and self.key is not None else {}
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        request = self._client.build_request(method, path, params=params, content=content, headers=headers)
        early = self._begun + self._interval - time.monotonic()
        if early > 0:
            self._sleep(early)
        self._begun = time.monotonic()
        sent_at, start = time.time(), time.perf_counter()
        try:
            response = self._client.send(request, stream=True)
            try:
                tls = _tls_of(response)
                taken = b""
                for chunk in response.iter_bytes():
                    taken += chunk
                    if time.perf_counter() - start > _BODY_TIMEOUTS * self.seconds:
                        raise Trouble("timeout", "the response does not end")
                    if len(taken) > _LONGEST_BODY:
                        break
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise trouble_of(error) from error
        seconds = time.perf_counter() - start
        answered = {name.lower(): value for name, value in response.headers.items()}
        answer = HttpAnswer(method, path, response.status_code, answered, taken, seconds, sent_at, tls)
        self.answers.append(answer)
        self.transactions += TRANSACTIONS in answered
        return answer


def trusted(authority: Path | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's authorities, those of Python's SDKs, and the given ones.

    Raises:
        OSError: the file cannot be read.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    for file in (authority, Path(bundle) if bundle and Path(bundle).is_file() else None):
        if file is not None:
            context.load_verify_locations(file)
    return context


def _tls_of(response: httpx.Response) -> Mapping[str, Any]:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    if secured is None:
        return {}
    return {"version": secured.version(), "certificate": secured.getpeercert() or {}}


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def trouble_of(error: httpx.HTTPError) -> Trouble:
    """Describe why there was no response."""
    reason = str(error) or type(error).__name__
    told = next((trouble for cause in _causes(error) if (trouble := _trouble_below(cause, reason))), None)
    if told is not None:
        return told
    kinds = ((httpx.ProxyError, "proxy"), (httpx.TimeoutException, "timeout"), (httpx.RemoteProtocolError, "reset"))
    kind = next((kind for errors, kind in kinds if isinstance(error, errors)), "other")
    return Trouble(kind, type(error).__name__ if kind == "timeout" else reason)


def _trouble_below(cause: BaseException, reason: str) -> Trouble | None:
    """Describe an error of the operating system or of OpenSSL; None for any other."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Trouble("tls", cause.verify_message or reason, cause.verify_code or -1)
    if isinstance(cause, ssl.SSLError):
        return Trouble("tls", cause.reason or reason)
    kinds = (
        (socket.gaierror, "dns"),
        (ConnectionRefusedError, "refused"),
        (ConnectionResetError, "reset"),
        (BrokenPipeError, "reset"),
    )
    return next((Trouble(kind, reason) for errors, kind in kinds if isinstance(cause, errors)), None)
