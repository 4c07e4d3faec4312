"""Bound what one picture of a Motion JPEG stream may take: FFmpeg's demuxer collects a part of any length.

FFmpeg fetches the bytes, as they are, and its demuxer reads them through `BoundedBody`.
"""

from __future__ import annotations

import errno
import time
from typing import Final

import av.error
from av.container import InputContainer

MAX_PART: Final = 32 << 20
"""Most bytes from one picture to the next. A photo of 8192 × 8192 pixels in high quality has 20 MB."""


TOO_LARGE: Final = "the picture is too large"
"""The problem of a picture with too many bytes or pixels."""


class NoPictureError(Exception):
    """Data arrives, but no picture.

    Args:
        seconds: for how long there was none.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no picture for {seconds:g} s")


class BoundedBody:
    """The body of an HTTP answer as a file for a demuxer.

    Args:
        answer: the answer, opened with FFmpeg's format `data`.
        first_s: seconds within which the first picture must be complete.
        next_s: seconds within which each further picture must be complete.
    """

    def __init__(self, answer: InputContainer, first_s: float, next_s: float) -> None:
        self._packets = answer.demux()
        self._patience_s = first_s
        self._next_s = next_s
        self._since = time.monotonic()
        self._bytes = 0
        self._rest = b""
        self._failure: Exception | None = None

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, as soon as there are some; none at the end and after a failure.

        FFmpeg reads on after a failure, and PyAV prints all exceptions but the first: `check` raises it instead.
        """
        if self._failure is not None:
            return b""
        try:
            return self._read(size)
        except Exception as error:  # see above
            ended = isinstance(error, av.error.OSError) and error.errno == errno.EIO
            self._failure = None if ended else error  # so FFmpeg calls the end of a body without a length
            return b""

    def check(self) -> None:
        """Raise what ended the body.

        Raises:
            NoPictureError: no picture was complete in time.
            ValueError: a picture is too large.
            av.error.FFmpegError: the connection failed.
        """
        if self._failure is not None:
            raise self._failure

    def _read(self, size: int) -> bytes:
        while not self._rest:
            packet = next(self._packets, None)
            if packet is None:
                return b""
            self._rest = bytes(packet)
        if time.monotonic() - self._since > self._patience_s:
            raise NoPictureError(self._patience_s)
        given, self._rest = self._rest[:size], self._rest[size:]
        self._bytes += len(given)
        if self._bytes > MAX_PART:
            raise ValueError(TOO_LARGE)
        return given

    def complete(self) -> None:
        """Begin to count anew: a picture was complete."""
        self._bytes, self._since, self._patience_s = 0, time.monotonic(), self._next_s
