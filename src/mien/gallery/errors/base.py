"""The base of all errors of the gallery."""

from __future__ import annotations

from mien.messages import MessageError


class GalleryError(MessageError):
    """Base of the errors of the gallery; the text may be shown as a hint."""
