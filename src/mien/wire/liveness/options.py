"""The fields of the body that creates a liveness session, each with its schema and parser."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final, Generic, TypeVar

from mien.contract.catalogue import row
from mien.contract.limits import (
    LIVENESS_ATTEMPTS,
    LIVENESS_ID_LENGTH,
    LIVENESS_TOKEN_SECONDS,
    LIVENESS_TOKEN_SECONDS_DEFAULT,
)
from mien.contract.liveness_versions import LivenessVersion
from mien.liveness.records import SessionOptions
from mien.liveness.types import Mode
from mien.wire.fields import shown, whole
from mien.wire.schemas import BOOLEAN, TEXT, UNIT, Json

INVALID_BODY = row("liveness_session.body_invalid")
_LIFETIME_INVALID = row("liveness_session.lifetime_invalid")
_MODE_INVALID = row("liveness_session.mode_invalid")
_DEVICE_INVALID = row("liveness_session.device_invalid")

REQUIRED: Final = "livenessOperationMode"
"""The only required field."""

_MODES: Final = {mode.value.lower(): mode for mode in Mode}
_BOOLEANS: Final = {"true": True, "false": False}
_CORRELATION: Final[Json] = {"type": "string", "minLength": 1, "maxLength": LIVENESS_ID_LENGTH}
_DEFAULT_THRESHOLD: Final = 0.5

T = TypeVar("T")


def option_schemas(version: LivenessVersion, *, verify: bool) -> Json:
    """Return the schemas of a version's fields by name."""
    named = ((field.name(version, verify), field.schema(version)) for field in _FIELDS)
    return {name: schema for name, schema in named if name is not None}


def parse_options(fields: Mapping[str, Any], version: LivenessVersion, *, verify: bool) -> SessionOptions:
    """Parse the options of a session; endpoint and route are not set.

    Args:
        fields: values by name in lower case.
        version: version, which determines the fields.
        verify: whether the session compares with a verify image.

    Raises:
        Problem: a value is missing or is not allowed.
    """
    call = _Call(fields, version, verify)
    device, device_in_client = _device(call)
    user, user_in_client = _user(call)
    return SessionOptions(
        mode=_MODE.read(call),
        with_verify=verify,
        device_correlation_id=device,
        device_set_in_client=device_in_client,
        user_correlation_id=user,
        user_set_in_client=user_in_client,
        token_seconds=_SECONDS.read(call),
        attempts_allowed=_ATTEMPTS.read(call),
        send_results=_SEND_RESULTS.read(call),
        keep_image=_KEEP_IMAGE.read(call),
        model_version=_MODEL.read(call),
        return_image_hash=_IMAGE_HASH.read(call),
        confidence_threshold=_THRESHOLD.read(call),
        expected_address=_ADDRESS.read(call),
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """The input of parsers: values by lower-case name, the version, and whether the session verifies."""

    fields: Mapping[str, Any]
    version: LivenessVersion
    verify: bool


@dataclass(frozen=True, slots=True)
class _Field(Generic[T]):
    """A field of the body.

    Attributes:
        name: returns its name in a version, for sessions with or without verification; None if it does not exist.
        schema: returns its schema in a version.
        parse: parses a value, None for a field that was not sent; raises Problem.
        absent: the value in versions without the field.
    """

    name: Callable[[LivenessVersion, bool], str | None]
    schema: Callable[[LivenessVersion], Json]
    parse: Callable[[str, Any, LivenessVersion], T]
    absent: T

    def read(self, call: _Call) -> T:
        """Return the parsed value; raises Problem."""
        name = self.name(call.version, call.verify)
        return self.absent if name is None else self.parse(name, call.fields.get(name.lower()), call.version)


def _mode(name: str, given: Any, _version: LivenessVersion) -> Mode:
    mode = _MODES.get(given.strip().lower()) if isinstance(given, str) else None
    if mode is None:
        told = "It is missing." if given is None else f"It is {shown(given)}."
        raise _MODE_INVALID.problem(hint=f"{told} {name} is Passive or PassiveActive.")
    return mode


def _flag(name: str, given: Any, _version: LivenessVersion) -> bool:
    """Parse a boolean, which Azure's samples also send as text."""
    if given is None or given == "":
        return False
    value = _BOOLEANS.get(given.strip().lower()) if isinstance(given, str) else given
    if not isinstance(value, bool):
        raise INVALID_BODY.problem(hint=f"{name} is true or false, not {shown(given)}.")
    return value


def _device_id(name: str, given: Any, _version: LivenessVersion) -> str | None:
    if given is not None and not isinstance(given, str):
        raise _DEVICE_INVALID.problem(hint=f"{name} is a text, best a GUID.")
    return given or None


def _user_id(name: str, given: Any, _version: LivenessVersion) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > LIVENESS_ID_LENGTH):
        raise INVALID_BODY.problem(hint=f"{name} is a text of at most {LIVENESS_ID_LENGTH} characters.")
    return given or None


def _seconds(_name: str, given: Any, _version: LivenessVersion) -> int:
    low, high = LIVENESS_TOKEN_SECONDS
    if given is None:
        return LIVENESS_TOKEN_SECONDS_DEFAULT
    seconds = whole(given)
    if seconds is None or not low <= seconds <= high:
        raise _LIFETIME_INVALID.problem(hint=f"It is {shown(given)}.")
    return seconds


def _attempts(name: str, given: Any, _version: LivenessVersion) -> int:
    low, high = LIVENESS_ATTEMPTS
    if given is None:
        return low
    attempts = whole(given)
    if attempts is None or not low <= attempts <= high:
        raise INVALID_BODY.problem(hint=f"{name} is {low} to {high}.")
    return attempts


def _threshold(name: str, given: Any, _version: LivenessVersion) -> float:
    if given is None or given == "":
        return _DEFAULT_THRESHOLD
    try:
        value = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise INVALID_BODY.problem(hint=f"{name} is a number from 0 to 1, not {shown(given)}.")
    return value


def _model(name: str, given: Any, version: LivenessVersion) -> str | None:
    if given is None or given == "":
        return None
    known = {label.lower(): label for label in version.models}
    model = known.get(given.strip().lower()) if isinstance(given, str) else None
    if model is None:
        raise INVALID_BODY.problem(hint=f"{name} is one of {', '.join(version.models)}, or absent.")
    return model


def _address(name: str, given: Any, _version: LivenessVersion) -> str | None:
    if given is None or given == "":
        return None
    try:
        if not isinstance(given, str):
            raise ValueError
        ip_network(given.strip(), strict=False)
    except ValueError:
        hint = f"{name} is an IP address or a network in CIDR form, not {shown(given)}."
        raise INVALID_BODY.problem(hint=hint) from None
    return given.strip()


def _device(call: _Call) -> tuple[str | None, bool]:
    in_client, given = _DEVICE_IN_CLIENT.read(call), _DEVICE.read(call)
    if in_client and given:
        raise _DEVICE_INVALID.problem(
            hint="deviceCorrelationIdSetInClient is true: then the client sends it, and it must be absent here."
        )
    if not in_client and not given:
        raise _DEVICE_INVALID.problem(
            hint="Send deviceCorrelationId, a GUID of your own for each end user's device, or "
            "deviceCorrelationIdSetInClient: true to leave it to the client."
        )
    if given and len(given) > LIVENESS_ID_LENGTH:
        raise _DEVICE_INVALID.problem(hint=f"It has {len(given)} characters.")
    return given, in_client


def _user(call: _Call) -> tuple[str | None, bool]:
    in_client, given = _USER_IN_CLIENT.read(call), _USER.read(call)
    if in_client and given:
        raise INVALID_BODY.problem(hint="userCorrelationIdSetInClient is true: then userCorrelationId must be absent.")
    return given, in_client


def _always(name: str) -> Callable[[LivenessVersion, bool], str | None]:
    return lambda _version, _verify: name


def _with_abuse(name: str) -> Callable[[LivenessVersion, bool], str | None]:
    return lambda version, _verify: name if version.abuse else None


def _with_hash(name: str) -> Callable[[LivenessVersion, bool], str | None]:
    return lambda version, verify: name if verify and version.image_hash else None


def _fixed(schema: Json) -> Callable[[LivenessVersion], Json]:
    return lambda _version: schema


_TOKEN_SECONDS: Final[Json] = {
    "type": "integer",
    "minimum": LIVENESS_TOKEN_SECONDS[0],
    "maximum": LIVENESS_TOKEN_SECONDS[1],
    "default": LIVENESS_TOKEN_SECONDS_DEFAULT,
}
_NUMBER_OF_ATTEMPTS: Final[Json] = {
    "type": "integer",
    "minimum": LIVENESS_ATTEMPTS[0],
    "maximum": LIVENESS_ATTEMPTS[1],
    "default": LIVENESS_ATTEMPTS[0],
}
_OFF: Final[Json] = {**BOOLEAN, "default": False}

_MODE: Final = _Field(_always(REQUIRED), _fixed({"enum": list(Mode)}), _mode, Mode.PASSIVE)
_SEND_RESULTS: Final = _Field(
    lambda version, _verify: "sendResultsToClient" if version.send_results else None, _fixed(BOOLEAN), _flag, False
)
_DEVICE_IN_CLIENT: Final = _Field(_always("deviceCorrelationIdSetInClient"), _fixed(_OFF), _flag, False)
_KEEP_IMAGE: Final = _Field(
    lambda version, _verify: "enableSessionImage" if version.images else None, _fixed(BOOLEAN), _flag, False
)
_MODEL: Final = _Field(
    lambda version, _verify: version.model_field, lambda version: {"enum": list(version.models)}, _model, None
)
_IMAGE_HASH: Final = _Field(_with_hash("returnVerifyImageHash"), _fixed(BOOLEAN), _flag, False)
_THRESHOLD: Final = _Field(_with_hash("verifyConfidenceThreshold"), _fixed(UNIT), _threshold, _DEFAULT_THRESHOLD)
_DEVICE: Final = _Field(_always("deviceCorrelationId"), _fixed(_CORRELATION), _device_id, None)
_SECONDS: Final = _Field(
    _always("authTokenTimeToLiveInSeconds"), _fixed(_TOKEN_SECONDS), _seconds, LIVENESS_TOKEN_SECONDS_DEFAULT
)
_ATTEMPTS: Final = _Field(
    _with_abuse("numberOfClientAttemptsAllowed"), _fixed(_NUMBER_OF_ATTEMPTS), _attempts, LIVENESS_ATTEMPTS[1]
)
_USER: Final = _Field(_with_abuse("userCorrelationId"), _fixed(_CORRELATION), _user_id, None)
_USER_IN_CLIENT: Final = _Field(_with_abuse("userCorrelationIdSetInClient"), _fixed(_OFF), _flag, False)
_ADDRESS: Final = _Field(_with_abuse("expectedClientIpAddress"), _fixed(TEXT), _address, None)

_FIELDS: Final[tuple[_Field[Any], ...]] = (
    _MODE, _SEND_RESULTS, _DEVICE_IN_CLIENT, _KEEP_IMAGE, _MODEL, _IMAGE_HASH, _THRESHOLD, _DEVICE, _SECONDS, _ATTEMPTS,
    _USER, _USER_IN_CLIENT, _ADDRESS,
)  # fmt: skip
"""All fields, in their order in the schema."""
