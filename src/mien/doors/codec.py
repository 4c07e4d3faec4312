"""Configurations as JSON: what is stored, exported and answered is the same text."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from mien.doors.errors import InvalidDoorError
from mien.value_errors import predicate

T = TypeVar("T")

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes a type; building one takes milliseconds, so each is kept."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind)
    return adapter


def dump(value: object) -> str:
    """Return a configuration as JSON."""
    return _adapter(type(value)).dump_json(value).decode()


def load(kind: type[T], text: str | bytes) -> T:
    """Read what `dump` wrote; names of a newer version that this one does not know are passed over.

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
