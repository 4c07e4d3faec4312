"""Configurations as JSON: stored, exported and returned as the same text."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from mien.doors.errors import InvalidDoorError
from mien.value_errors import predicate

T = TypeVar("T")

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type; creating one takes milliseconds, so each is cached."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind)
    return adapter


def dump(value: object) -> str:
    """Return a configuration as JSON."""
    return _adapter(type(value)).dump_json(value).decode()


def load(kind: type[T], text: str | bytes) -> T:
    """Parse the output of `dump`; names of a newer version that this one does not know are ignored.

    Raises:
        InvalidDoorError: the configuration is invalid.
    """
    try:
        loaded: T = _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidDoorError("{where}: {reason}", where=where or "it", reason=predicate(first)) from None
    return loaded
