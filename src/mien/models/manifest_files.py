"""Reads manifests: built-in ones, and the operator's own files."""

from __future__ import annotations

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
        message = f"{where} is not TOML: {error}"
        raise ManifestError(message) from error
    except ValidationError as error:
        raise invalid(where, error) from error


def invalid(where: str, error: ValidationError) -> ManifestError:
    """Return pydantic's errors as one error that names each field."""
    return ManifestError(f"{where} is not valid: {'; '.join(map(_mistake, error.errors()))}")


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


def unknown_pack(name: str, known: Mapping[str, Manifest]) -> UnknownPackError:
    """Create the error for an unknown pack name."""
    return UnknownPackError(f"no model pack is called {name!r}; known: {', '.join(sorted(known))} (`mien models list`)")
