"""Mien: a self-hosted face service that speaks the Azure AI Face API.

As a library: `from mien import FaceEngine` (see `mien.vision`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.vision import FaceEngine, Want

__all__ = ["FaceEngine", "Want"]


def __getattr__(name: str) -> Any:
    """Import the engine when it is first asked for: commands that do not need it start at once."""
    if name in __all__:
        return getattr(importlib.import_module("mien.vision"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
