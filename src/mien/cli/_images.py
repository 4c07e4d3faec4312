"""The image files that are accepted, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.vision.decode import ImageRules

if TYPE_CHECKING:
    from mien.settings import Settings


def image_rules(settings: Settings) -> ImageRules:
    """Return the rules that an engine applies to image files."""
    return ImageRules(settings.max_image_bytes, settings.more_image_formats)
