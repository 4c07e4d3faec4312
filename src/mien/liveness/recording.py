"""The frames of one attempt as they arrive (limited in number and size, in order, with times), and their digest."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Final

from mien.liveness.timing import Arrivals
from mien.liveness.types import TimedFrame
from mien.vision.errors import VisionError
from mien.vision.image_header.reading import read_header
from mien.vision.image_header.types import ImageFormat

PROTOCOL: Final = "mien-liveness.1"

_HEADER: Final = struct.Struct(">II")
_POSITIONING: Final = 0x8000_0000
_SLACK_MS: Final = 1000
_LARGEST_SIDE: Final = 1920


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How much a client may send.

    Attributes:
        side: required pixels of a frame's longer side.
        frame_bytes: longest JPEG.
        frames: most frames of an attempt.
        total_bytes: most bytes of an attempt.
        positioning_fps: how often a client may show a frame while it finds its place.
        challenge_fps: how often while the challenge runs.
        positioning_seconds: how long finding one's place may take.
        grace_seconds: maximum delay of the last message after the end of the challenge.
        late_ms: allowed delay of frames in addition to twice the client's usual delay; see `timing`.
    """

    side: int = 640
    frame_bytes: int = 256 * 1024
    frames: int = 300
    total_bytes: int = 12 * 1024 * 1024
    positioning_fps: int = 5
    challenge_fps: int = 15
    positioning_seconds: float = 60.0
    grace_seconds: float = 10.0
    late_ms: float = 2000.0


class FrameError(ValueError):
    """A frame breaks the protocol; the text says how."""


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame of the channel.

    Attributes:
        time_ms: time of the frame, by the client's clock.
        sequence: its number within its phase.
        positioning: whether it was taken before the challenge.
        jpeg: the file.
    """

    time_ms: int
    sequence: int
    positioning: bool
    jpeg: bytes


def parse_frame(message: bytes, limits: FrameLimits) -> RecordedFrame:
    """Read a binary message.

    Raises:
        FrameError: it is not a header and a JPEG of the allowed size.
    """
    if len(message) <= _HEADER.size:
        raise FrameError("a frame is a header of 8 bytes and a JPEG")
    if len(message) - _HEADER.size > limits.frame_bytes:
        raise FrameError(f"a frame has at most {limits.frame_bytes} bytes")
    time_ms, number = _HEADER.unpack_from(message)
    jpeg = message[_HEADER.size :]
    try:
        header = read_header(jpeg)
    except VisionError as error:
        raise FrameError("a frame is not a JPEG") from error
    if header.format is not ImageFormat.JPEG or max(header.width, header.height) > _LARGEST_SIDE:
        raise FrameError(f"a frame is a JPEG of at most {_LARGEST_SIDE} pixels a side")
    return RecordedFrame(time_ms, number & ~_POSITIONING, bool(number & _POSITIONING), jpeg)


@dataclass(slots=True)
class Recording:
    """The challenge frames of one attempt.

    Attributes:
        session_id: session id; part of the digest.
        attempt: number of the attempt; part of the digest.
        duration_ms: of the challenge.
        limits: how much a client may send.
        usual_ms: the client's delay before the challenge.
        frames: the frames so far.
        arrivals_ms: time when each was read from the socket, since the challenge was sent.
        earliest_ms: earliest possible arrival of each, since then.
        image_hashes: SHA-256 of each JPEG.
        size: bytes of all messages so far.
    """

    session_id: str
    attempt: int
    duration_ms: int
    limits: FrameLimits
    usual_ms: float = 0.0
    frames: list[TimedFrame] = field(default_factory=list)
    arrivals_ms: list[float] = field(default_factory=list)
    earliest_ms: list[float] = field(default_factory=list)
    image_hashes: list[bytes] = field(default_factory=list)
    size: int = 0
    _messages: list[bytes] = field(default_factory=list)

    def add(self, frame: RecordedFrame, message: bytes, elapsed_ms: float, earliest_ms: float | None = None) -> None:
        """Add a frame.

        Args:
            frame: the frame.
            message: the whole message of the frame.
            elapsed_ms: since the challenge was sent, by the server's clock.
            earliest_ms: its earliest possible arrival; None for `elapsed_ms`.

        Raises:
            FrameError: it is out of order, too early for its claimed time, too late, or one too many.
        """
        if len(self.frames) >= self.limits.frames or self.size + len(message) > self.limits.total_bytes:
            raise FrameError(f"an attempt has at most {self.limits.frames} frames and {self.limits.total_bytes} bytes")
        if self.frames:
            last = self.frames[-1]
            if frame.sequence <= last.sequence or frame.time_ms < last.time_ms:
                raise FrameError("frames come in the order in which they were taken")
        if frame.time_ms > elapsed_ms + _SLACK_MS:
            raise FrameError("a frame came before the time at which it says it was taken")
        if frame.time_ms > self.duration_ms + self.limits.grace_seconds * 1000:
            raise FrameError("a frame was taken after the end of the challenge")
        self.frames.append(TimedFrame(frame.jpeg, frame.time_ms, frame.sequence))
        self.arrivals_ms.append(elapsed_ms)
        self.earliest_ms.append(elapsed_ms if earliest_ms is None else earliest_ms)
        self.image_hashes.append(hashlib.sha256(frame.jpeg).digest())
        self._messages.append(hashlib.sha256(message).digest())
        self.size += len(message)

    @property
    def arrivals(self) -> Arrivals:
        """The arrival times of the frames."""
        return Arrivals(tuple(self.arrivals_ms), self.usual_ms, self.limits.late_ms, tuple(self.earliest_ms))

    def digest(self) -> str:
        """Return the digest over all messages, as the client can compute it too: 64 upper-case hex digits."""
        head = f"{PROTOCOL}\n{self.session_id}\n{self.attempt}\n".encode()
        return hashlib.sha256(head + b"".join(self._messages)).hexdigest().upper()
