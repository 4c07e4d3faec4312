"""Reads manifests, built-in ones and the operator's own files, and writes them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mien.models.errors import ManifestError, UnknownPackError
from mien.models.manifest import Manifest
from mien.value_errors import predicate

_Built = TypeVar("_Built", bound=BaseModel)


def parse_manifest(text: str, where: str) -> Manifest:
    """Parse a manifest.

    Args:
        text: TOML.
        where: name of the source in errors.

    Raises:
        ManifestError: naming each field that is missing or wrong.
    """
    return from_toml(text, where, Manifest.model_validate)


def from_toml(text: str, where: str, build: Callable[[dict[str, Any]], _Built]) -> _Built:
    """Parse TOML into a pydantic model.

    Args:
        text: TOML.
        where: name of the source in errors.
        build: validates the table.

    Raises:
        ManifestError: naming each field that is missing or wrong.
    """
    try:
        return build(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ManifestError("{where} is not TOML: {reason}", where=where, reason=error) from error
    except ValidationError as error:
        raise invalid(where, error) from error


def invalid(where: str, error: ValidationError) -> ManifestError:
    """Return pydantic's errors as one error that names each field."""
    mistakes = "; ".join(map(_mistake, error.errors()))
    return ManifestError("{where} is not valid: {mistakes}", where=where, mistakes=mistakes)


def _mistake(one: Mapping[str, Any]) -> str:
    name, said = ".".join(map(str, one["loc"])), predicate(one)
    if one["type"] == "value_error":  # our own validators' complete sentence
        return f"{name}: {said}" if name else said
    return f"{name or 'it'} {said}"


@cache
def builtin_manifests() -> Mapping[str, Manifest]:
    """Return the built-in packs, by name."""
    folder = resources.files("mien.models") / "packs"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    packs = [parse_manifest(entry.read_text(encoding="utf-8"), entry.name) for entry in files]
    return {pack.name: pack for pack in packs}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest file; see `parse_manifest`."""
    return parse_manifest(path.read_text(encoding="utf-8"), str(path))


def to_toml(manifest: Manifest) -> str:
    """Format a manifest as TOML; its inner tables become inline tables."""
    fields = manifest.model_dump(mode="json", exclude_none=True)
    return "".join(f"{key} = {_value(value)}\n" for key, value in fields.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # JSON's strings, numbers and booleans are valid TOML, except escapes of "/" and DEL, which `json` does not write.
    return json.dumps(value)


def unknown_pack(name: str, known: Mapping[str, Manifest]) -> UnknownPackError:
    """Create the error for an unknown pack name."""
    names = ", ".join(sorted(known))
    return UnknownPackError(
        "no model pack is called {name!r}; known: {names} (`mien models list`)", name=name, names=names
    )
