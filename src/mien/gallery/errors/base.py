"""The base of all errors of the gallery."""

from __future__ import annotations

from mien.messages import MessageError


class GalleryError(MessageError):
    """Base of everything that the gallery raises on purpose; the text is fit for a hint."""
