"""Session images, and a resource's settings for its liveness sessions."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from mien.contract.liveness_versions import MONITORED, WITH_ATTEMPTS
from mien.contract.versions import V1_2_PREVIEW
from mien.gateway.errors import BodyTooLargeError
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import CLOSE, BodyLimits
from mien.wire.context import answer
from mien.wire.liveness.options import INVALID_BODY
from mien.wire.liveness.sessions import LivenessContext, SessionFamily
from mien.wire.schemas import BOOLEAN, DATE, TEXT, Json, described, in_path, json_body, operation, record
from mien.wire.training import timestamp

_BINARY: Final = b"application/octet-stream"
_ASSETS_LIFE: Final = timedelta(days=1)
_SETTINGS: Final[Json] = record({"livenessAbuseMonitoring": record({"enabled": BOOLEAN})})


def _describe_image(version: str) -> Json:
    del version
    plain = operation(
        "getSessionImage",
        "Returns the image of an attempt, of a session with enableSessionImage.",
        parameters=[in_path("sessionImageId", {"type": "string", "minLength": 44, "maxLength": 44})],
        says="The image, a JPEG.",
    )
    plain["responses"]["200"]["content"] = {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    return plain


@dataclass(frozen=True, slots=True)
class SessionExtras:
    """The handlers of session images and of a resource's settings."""

    context: LivenessContext

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        images, settings, token = "/sessionImages/{sessionImageId}", "/settings", "/settings/getClientAssetsAccessToken"

        def image(path: str, versions: frozenset[str]) -> Operation:
            return Operation(
                "LivenessSession - Get Session Image", "GET", path, self.image, versions, "sessionimages/read", 1,
                describe=_describe_image,
            )  # fmt: skip

        return [
            image(f"/session{images}", frozenset({V1_2_PREVIEW.name})),
            image(images, WITH_ATTEMPTS),
            Operation(
                "Settings - Get", "GET", settings, self.get_settings, MONITORED, "settings/read", 1,
                describe=described(
                    "getSettings", "Returns what the resource chose for its sessions.", result=_SETTINGS,
                    says="The settings.",
                ),
            ),
            Operation(
                "Settings - Patch", "PATCH", settings, self.patch_settings, MONITORED, "settings/write", 1,
                describe=described(
                    "patchSettings", "Chooses whether sessions made from now on report abuse.",
                    body=json_body(_SETTINGS), result=_SETTINGS, says="The settings.",
                ),
            ),
            Operation(
                "Settings - Get Client Assets Access Token", "GET", token, self.assets_token, MONITORED,
                "settings/read", 1, describe=described(
                    "getClientAssetsAccessToken",
                    "Returns a token for the client's files. Mien serves its own client to anybody: the token opens "
                    "nothing.",
                    result=record({"expiry": DATE, "accessToken": TEXT, "base64AccessToken": TEXT}), says="The token.",
                ),
            ),
        ]  # fmt: skip

    async def image(self, exchange: Exchange) -> Response:
        """Return the stored image of an attempt."""
        resource_id, image_id = exchange.resource_id, exchange.parameters["sessionImageId"]
        sessions = self.context.liveness.sessions
        found = await self.context.run(lambda: sessions.image(resource_id, image_id))
        return Response(body=found, content_type=_BINARY)

    async def get_settings(self, exchange: Exchange) -> Response:
        """Return the resource's settings."""
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions
        return await self.context.run(lambda: _settings(sessions.abuse_monitoring(resource_id)))

    async def patch_settings(self, exchange: Exchange) -> Response:
        """Change and return the resource's settings."""
        enabled = _enabled(await _json_body(exchange, self.context.limits))
        resource_id, sessions = exchange.resource_id, self.context.liveness.sessions

        def work() -> Response:
            if enabled is not None:
                sessions.set_abuse_monitoring(resource_id, enabled=enabled)
            return _settings(sessions.abuse_monitoring(resource_id))

        return await self.context.run(work)

    async def assets_token(self, exchange: Exchange) -> Response:
        """Return a token for the client's files; it grants nothing, because Mien serves these files without a token."""
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
    """Return all liveness operations with a key."""
    return [
        *SessionFamily(context, verify=False).operations(),
        *SessionFamily(context, verify=True).operations(),
        *SessionExtras(context).operations(),
    ]


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
    """Return the setting in a body; None if it is absent.

    The draft's schema wraps it in `livenessAbuseMonitoring`, its example does not; both are accepted.

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
