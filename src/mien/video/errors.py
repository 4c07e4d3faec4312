"""Errors of videos; no text contains a camera's password."""

from __future__ import annotations

from mien.messages import MessageError


class VideoError(MessageError):
    """Base of the errors of this package. The text says what is wrong and what to do."""


class SourceError(VideoError):
    """An address is not a video source, or a file cannot be read."""


class ZoneError(VideoError, ValueError):
    """A zone is not a polygon inside the picture."""


class VideoExtraMissingError(VideoError):
    """PyAV is not installed."""

    def __init__(self) -> None:
        super().__init__("Cameras need the video extra. Install it: pip install 'mien[video]'")
