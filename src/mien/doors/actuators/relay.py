"""A relay behind an HTTP request, sent as carefully as webhooks: names are resolved once and addresses are judged."""

from __future__ import annotations

from dataclasses import replace

import httpcore

from mien.doors.actuators.config import RelayActuator
from mien.doors.events import Event
from mien.doors.openings import ActuatorError
from mien.fetching.fetch import FetchError, FetchPolicy
from mien.fetching.sending import send
from mien.storage.claims import elapsed


class Relay:
    """A relay at an address that an operator configured.

    Args:
        config: the URL and the body.
        seconds: for how long it is asked to open.
        policy: which addresses may be connected to.
    """

    def __init__(self, config: RelayActuator, seconds: float, policy: FetchPolicy) -> None:
        self._config = config
        self._seconds = f"{seconds:g}"
        self._policy = policy

    def open(self, event: Event, until: float) -> str:
        """Send the request once, without following redirects; see `mien.doors.openings.Actuator`."""
        left = until - elapsed()
        if left <= 0:
            raise ActuatorError("it was too late to send the request")
        policy = replace(self._policy, total_seconds=left, connect_seconds=left, read_seconds=left)
        try:
            status = self._send(event, policy)
        except FetchError as error:
            raise ActuatorError(str(error)) from None
        except httpcore.TimeoutException:
            raise ActuatorError("the relay did not answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, UnicodeError):
            raise ActuatorError("the relay could not be reached") from None
        if not 200 <= status < 300:
            raise ActuatorError(f"the relay answered with status {status}")
        return f"the relay answered with status {status}"

    def close(self) -> None:
        """Does nothing: no connection stays open."""

    def _send(self, event: Event, policy: FetchPolicy) -> int:
        config = self._config
        body = config.body.replace("{seconds}", self._seconds).encode()
        headers = {"Mien-Decision": str(event.event_id).encode()}
        if body:
            headers["Content-Type"] = config.content_type.encode("latin-1", "replace")
        if config.token is not None:
            headers["Authorization"] = b"Bearer " + config.token.encode("ascii")
        return send(config.method, config.url.replace("{seconds}", self._seconds), body, headers, policy)
