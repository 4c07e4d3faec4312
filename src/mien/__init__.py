"""Mien: a self-hosted face service that speaks the Azure AI Face API.

As a library: `from mien import FaceEngine` (see `mien.vision`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.lazy import lazily

if TYPE_CHECKING:
    from mien.vision import FaceEngine, Want

__all__ = ["FaceEngine", "Want"]

__getattr__ = lazily(__name__, FaceEngine="vision", Want="vision")
