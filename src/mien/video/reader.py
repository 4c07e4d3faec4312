"""The thread that reads a live stream, keeps the newest frame, and opens the stream again after a failure.

FFmpeg's error texts contain the address with its password, so they are never passed on; `problem_of` gives a text
without it.
"""

from __future__ import annotations

import atexit
import ctypes
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import av
import av._core
import av.error
import structlog

from mien.clock import Clock
from mien.video.health import HealthMeter
from mien.video.mjpeg import TOO_LARGE, BoundedBody, NoPictureError
from mien.video.redaction import redacted

_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_OPEN_S: Final = 10.0
_SETTLED_S: Final = 10.0
"""After a stream has sent pictures for so many seconds, the delays before reconnecting start again at the first one."""
MJPEG: Final = "mpjpeg"
"""FFmpeg's name of Motion JPEG over HTTP."""
NOT_MJPEG: Final = "the camera's answer is not Motion JPEG"
MAX_SIDE: Final = 8192
"""Maximum width and height of a picture."""
_LEAVE_S: Final = 5.0
"""Seconds for which the end of the process waits for threads that are inside FFmpeg."""
_MAX_BLOCK: Final = 256 << 20
"""Most bytes that FFmpeg takes at once: a picture of the largest size in 24-bit colour has 201 MB."""

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """The parameters for opening a stream.

    Attributes:
        address: the address with its credentials; never shown.
        format: FFmpeg's name of the demuxer; it is never guessed from the data.
        options: options of the demuxer.
        arrival_clock: whether the stream has no clock, so that the time of arrival is used.
    """

    address: str = field(repr=False)
    format: str
    options: Mapping[str, str]
    arrival_clock: bool = False


@dataclass(frozen=True, slots=True)
class Newest:
    """A decoded frame with its time of arrival: UTC, and in seconds of our monotonic clock."""

    frame: av.VideoFrame
    taken_at: datetime
    at_s: float


def limit_blocks() -> None:
    """Make FFmpeg refuse blocks of memory whose length only the stream tells, such as a description of 1 GB."""
    ffmpeg = ctypes.CDLL(av._core.__file__)  # a module of PyAV, through which FFmpeg's functions are found
    ffmpeg.av_max_alloc.argtypes, ffmpeg.av_max_alloc.restype = [ctypes.c_size_t], None
    ffmpeg.av_max_alloc(_MAX_BLOCK)


_READERS: Final[WeakSet[StreamReader]] = WeakSet()
"""All readers that were started, for the end of the process."""


@atexit.register
def _leave() -> None:
    """Stop all readers: Python must not end while threads are inside the decoder, or the process can hang or abort."""
    readers, deadline = list(_READERS), time.monotonic() + _LEAVE_S
    for reader in readers:
        reader.stop()
    for reader in readers:
        reader.join(max(0.0, deadline - time.monotonic()))


class StreamReader:
    """Reads one stream until it is stopped.

    Args:
        opening: how to open it.
        meter: receives the counts.
        clock: the clock for the times of frames.
        stall_s: seconds without a frame after which it is opened again.
    """

    def __init__(self, opening: Opening, meter: HealthMeter, clock: Clock, stall_s: float) -> None:
        self._opening = opening
        self._name = redacted(opening.address)
        self._meter = meter
        self._clock = clock
        self._stall_s = stall_s
        self._stop = threading.Event()
        self._there = threading.Condition()
        self._newest: Newest | None = None
        self._first_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="mien-stream", daemon=True)

    def start(self) -> None:
        """Start reading."""
        _READERS.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to stop; a read in progress ends within the stall time."""
        self._stop.set()
        with self._there:
            self._there.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; return whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def newest(self, patience_s: float) -> Newest | None:
        """Take the newest frame; None if none arrives in time."""
        with self._there:
            if self._newest is None and not self._stop.is_set():
                self._there.wait(patience_s)
            found, self._newest = self._newest, None
            return found

    def _run(self) -> None:
        delay = _FIRST_DELAY_S
        again = False
        while not self._stop.is_set():
            if again:
                self._meter.opened_again()
            self._first_s = None
            problem = "the stream ended"
            try:
                self._read()
            except NoPictureError as error:
                problem = str(error)
            except Exception as error:  # whatever a camera sends: its thread goes on
                problem = self._problem(error)
            if self._stop.is_set():
                return
            self._meter.disconnected(problem)
            if self._settled():
                delay = _FIRST_DELAY_S
            _log.warning("camera disconnected", source=self._name, problem=problem, again_in_s=round(delay, 1))
            # Cameras that lost power together must not all be reconnected at the same moment.
            self._stop.wait(delay * random.uniform(0.8, 1.2))  # noqa: S311  no secret
            delay = min(2 * delay, _LONGEST_DELAY_S)
            again = True

    def _settled(self) -> bool:
        """Whether pictures came for a while: a server that only accepts connections has not settled."""
        return self._first_s is not None and time.monotonic() - self._first_s > _SETTLED_S

    def _problem(self, error: Exception) -> str:
        """Describe what ended a connection."""
        if self._opening.format == MJPEG and self._first_s is None and isinstance(error, _NOTHING):
            return NOT_MJPEG
        return problem_of(error)

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, BoundedBody | None]]:
        """Open the stream; Motion JPEG through a body that bounds its parts."""
        opening, timeout = self._opening, (_OPEN_S, self._stall_s)
        options = dict(opening.options)
        if opening.format != MJPEG:
            with av.open(opening.address, "r", opening.format, options=options, timeout=timeout) as container:
                yield container, None
            return
        options["raw_packet_size"] = "65536"
        with av.open(opening.address, "r", "data", options=options, timeout=timeout) as answer:
            body = BoundedBody(answer, _OPEN_S, self._stall_s)
            try:
                with av.open(body, "r", MJPEG, options={"fflags": "nobuffer"}) as container:
                    yield container, body
            except av.error.FFmpegError:
                body.check()
                raise
            body.check()

    def _read(self) -> None:
        with self._opened() as (container, body):
            if not container.streams.video:
                message = "no video"
                raise ValueError(message)
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"  # decoding whole frames in parallel would delay each by as many frames
            stream.codec_context.thread_count = 1
            last = time.monotonic()
            for packet in container.demux(stream):
                if self._stop.is_set():
                    return
                for frame in _decoded(packet):
                    last = time.monotonic()
                    self._take(frame, last)
                if body is not None:
                    body.complete()
                if time.monotonic() - last > self._stall_s:
                    raise NoPictureError(self._stall_s)

    def _take(self, frame: av.VideoFrame, now_s: float) -> None:
        if max(frame.width, frame.height) > MAX_SIDE:
            raise ValueError(TOO_LARGE)
        at = self._clock.now()
        media_s = None if self._opening.arrival_clock or frame.pts is None else frame.time
        self._meter.frame(now_s, at, (frame.width, frame.height), media_s)
        self._first_s = now_s if self._first_s is None else self._first_s
        with self._there:
            self._newest = Newest(frame, at, now_s)
            self._there.notify_all()


def _decoded(packet: av.Packet[VideoStream]) -> list[av.VideoFrame]:
    """The frames of a packet; a damaged packet has none, and the next key frame recovers."""
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return []


_NOTHING: Final[tuple[type[Exception], ...]] = (av.error.EOFError, av.error.InvalidDataError)
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (av.error.HTTPUnauthorizedError, "the camera refused the user name or password (401)"),
    (av.error.HTTPForbiddenError, "the camera refused access (403)"),
    (av.error.HTTPNotFoundError, "the camera has no such stream (404)"),
    (av.error.HTTPClientError, "the camera refused the request"),
    (av.error.HTTPServerError, "the camera answered with an error of its own (5xx)"),
    (av.error.ExitError, "no data in time"),
    (av.error.EOFError, "the stream ended"),
    (av.error.InvalidDataError, "the data is not a video that can be decoded"),
    (av.error.DecoderNotFoundError, "the video's codec is not supported"),
    (av.error.ProtocolNotFoundError, "the protocol is not supported"),
    (av.error.DemuxerNotFoundError, "this build cannot read such devices"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionResetError, "the connection was reset"),
    (TimeoutError, "no answer in time"),
    (PermissionError, "permission denied"),
    (FileNotFoundError, "there is no such device or file"),
)


def problem_of(error: Exception) -> str:
    """Describe the failure of a stream without its address."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, av.error.FFmpegError | OSError):
        return (error.strerror or "input/output error").lower()
    return str(error) if type(error) is ValueError else "the stream failed"
