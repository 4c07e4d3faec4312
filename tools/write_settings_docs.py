"""Writes docs/settings.md from the descriptions in `mien.settings` (`make docs`)."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from mien.settings import GROUPS
from mien.settings.group import SettingsGroup

TARGET = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

HEAD = """# Settings

This page tells you what each setting does, by theme.

Every setting is an environment variable; none is needed. Options of `mien serve` win over the environment.
This page is generated from the descriptions in `src/mien/settings/` by `make docs`; edit those.
A variable whose name begins with `MIEN_` and is not listed here is reported when the server starts, with the closest
name.
"""

TABLE = """
## {title}

| variable | type | default | what it does |
|---|---|---|---|
"""

PLAIN = {Path: "path", str: "text", int: "whole number", float: "number", bool: "true or false", SecretStr: "secret"}


def render() -> str:
    """Return the page."""
    return HEAD + "".join(map(_section, GROUPS))


def _section(group: type[SettingsGroup]) -> str:
    title = (group.__doc__ or "").strip().removesuffix(".")
    return TABLE.format(title=title) + "".join(_row(name, info) for name, info in group.model_fields.items())


def _row(name: str, info: FieldInfo) -> str:
    kind = _kind(info.annotation) + _range(info.metadata)
    description = (info.description or "").replace("|", "\\|")
    return f"| `MIEN_{name.upper()}` | {kind} | {_default(info)} | {description} |\n"


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " · ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is types.UnionType:
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return PLAIN[annotation]


def _range(metadata: list[Any]) -> str:
    words = []
    for limit in metadata:
        if isinstance(limit, Ge):
            words.append(f"≥ {limit.ge}")
        if isinstance(limit, Gt):
            words.append(f"> {limit.gt}")
        if isinstance(limit, Le):
            words.append(f"≤ {limit.le}")
    return f", {' and '.join(words)}" if words else ""


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None or info.default is None:
        return "see there" if info.default_factory is not None else "none"
    if isinstance(info.default, bool):
        return f"`{str(info.default).lower()}`"
    return f"`{info.default}`"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET}")
