"""Describe pydantic's errors in plain sentences: `MIEN_PORT must be a whole number`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

UNKNOWN: Final = "has a wrong value"
"""The text for a mistake that has no text of its own here."""


def predicate(mistake: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, as the rest of a sentence that begins with the value's name.

    Args:
        mistake: one of a pydantic error's `errors()`.
    """
    say = _WORDS.get(str(mistake["type"]))
    return UNKNOWN if say is None else say(mistake.get("ctx") or {})


def _own(context: Mapping[str, Any]) -> str:
    return str(context.get("error", UNKNOWN))


def _said(text: str) -> Callable[[Mapping[str, Any]], str]:
    return text.format_map


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": _said("is required"),
    "extra_forbidden": _said("is not known"),
    "value_error": _own,
    "string_type": _said("must be a string"),
    "string_too_short": _said("must have at least {min_length} characters"),
    "string_too_long": _said("must have at most {max_length} characters"),
    "string_pattern_mismatch": _said("is malformed"),
    "bool_type": _said("must be true or false"),
    "bool_parsing": _said("must be true or false"),
    "int_type": _said("must be a whole number"),
    "int_parsing": _said("must be a whole number"),
    "int_from_float": _said("must be a whole number"),
    "float_type": _said("must be a number"),
    "float_parsing": _said("must be a number"),
    "greater_than": _said("must be greater than {gt}"),
    "greater_than_equal": _said("must be at least {ge}"),
    "less_than": _said("must be less than {lt}"),
    "less_than_equal": _said("must be at most {le}"),
    "list_type": _said("must be a list"),
    "dict_type": _said("must be an object"),
    "model_attributes_type": _said("must be an object"),
    "too_short": _said("must have at least {min_length} items"),
    "too_long": _said("must have at most {max_length} items"),
    "enum": _said("must be one of {expected}"),
    "literal_error": _said("must be one of {expected}"),
    "uuid_parsing": _said("must be a UUID"),
    "uuid_type": _said("must be a UUID"),
    "datetime_parsing": _said("must be a moment in ISO 8601"),
    "datetime_from_date_parsing": _said("must be a moment in ISO 8601"),
    "datetime_type": _said("must be a moment in ISO 8601"),
    "timezone_aware": _said("must be a moment with a time zone"),
    "url_parsing": _said("must be a URL"),
    "url_scheme": _said("must be a URL with the scheme {expected_schemes}"),
    "finite_number": _said("must be a finite number"),
    "path_type": _said("must be a path"),
    "time_delta_parsing": _said("must be a length of time, in seconds or ISO 8601"),
    "tuple_type": _said("must be a list"),
    "set_type": _said("must be a list"),
    "frozen_set_type": _said("must be a list"),
    "json_invalid": _said("must be JSON"),
    "ip_any_address": _said("must be an IP address"),
    "ip_any_network": _said("must be a network such as 10.0.0.0/8"),
    "is_instance_of": _said("has a wrong value"),
    "multiple_of": _said("must be a multiple of {multiple_of}"),
}
