"""Open the addresses of streams and read their frames.

| address | source |
|---|---|
| `rtsp://…`, `rtsps://…` | a camera, over TCP or UDP |
| `http://…`, `https://…` | Motion JPEG |
| `/dev/video0`, `webcam:0` | a webcam of this machine (V4L2) |
| anything else | a file |

A thread reads each live source and keeps only the newest frame; it opens the source again, after a growing delay,
whenever it ends, fails or stalls. A file is read at the pace of its consumer, frame by frame, to its end. Instead of
a camera it is played at its own pace (`paced`), and frames that would be late are left out.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import av
import av.error
from av.stream import Disposition
from av.video.stream import VideoStream

from mien.clock import Clock, SystemClock
from mien.video.errors import SourceError
from mien.video.frames import Frame
from mien.video.health import Health, HealthMeter
from mien.video.mjpeg import TOO_LARGE
from mien.video.reader import MAX_SIDE, MJPEG, Opening, StreamReader, limit_blocks, problem_of
from mien.video.redaction import redacted
from mien.video.zones import NOTHING_HIDDEN, Zones

STALL_S: Final = 4.5
"""Seconds without a frame after which a stream is opened again; including detection, a stall is noticed within 5 s."""
_TEXT: Final = {"ansi", "bintext", "idf", "xbin"}
"""FFmpeg's decoders that draw text."""
_LATE_S: Final = 0.5
"""Seconds after which a frame of a paced file is left out."""


class Transport(StrEnum):
    """The transport of RTSP."""

    TCP = "tcp"
    UDP = "udp"


class Source(Protocol):
    """The frames of one address.

    Attributes:
        name: the address for display, without credentials.
        live: whether frames are lost if they are not taken in time.
        meter: counts for the health of the source.
    """

    name: str
    live: bool
    meter: HealthMeter

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames until the source ends or is closed; yields None if no frame arrives for a while.

        Raises:
            SourceError: a file cannot be read.
        """
        ...

    def health(self) -> Health:
        """The state of the source."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


def open_source(
    address: str | Path,
    *,
    transport: Transport = Transport.TCP,
    zones: Zones = NOTHING_HIDDEN,
    stall_s: float = STALL_S,
    clock: Clock | None = None,
    paced: bool = False,
) -> Source:
    """Open a source; a live one connects when its frames are requested.

    Args:
        address: see the module's docstring.
        transport: transport of RTSP.
        zones: zones whose privacy zones are blacked out in every frame.
        stall_s: seconds without a frame after which a live source is opened again.
        clock: clock for the times of frames; the machine's when None.
        paced: whether a file is played at its own pace, like the pictures of a camera.

    Raises:
        SourceError: the address is invalid, or there is no such file; the text has no credentials.
    """
    limit_blocks()
    clock = clock or SystemClock()
    if isinstance(address, Path):
        return FileSource(address, zones, clock, paced)
    text = address.strip()
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in {"rtsp", "rtsps", "http", "https"}:
        _check_host(text)
        opening = _rtsp(text, Transport(transport)) if scheme.startswith("rtsp") else _mjpeg(text)
        return LiveSource(redacted(text), opening, zones, clock, stall_s)
    if webcam := re.fullmatch(r"(?:webcam:|/dev/video)(\d{1,3})", text):
        return LiveSource(f"/dev/video{webcam[1]}", _webcam(int(webcam[1])), zones, clock, stall_s)
    if text.lower().startswith("file:"):
        return FileSource(Path(unquote(urlsplit(text).path)), zones, clock, paced)
    if scheme:
        raise SourceError(
            "{scheme}:// is no video source; use rtsp://, rtsps://, http://, https:// or a file", scheme=scheme
        )
    if not text:
        raise SourceError("the address is empty")
    return FileSource(Path(text), zones, clock, paced)


def _check_host(address: str) -> None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise SourceError("{address} is no address: check its host and port", address=redacted(address)) from None
    if not parts.hostname or port == 0 or any(ord(sign) <= 32 for sign in address):
        raise SourceError("{address} is no address: it has no host, or blanks in it", address=redacted(address))


def _rtsp(address: str, transport: Transport) -> Opening:
    # Sound is not decoded: its packets would count as data of a stream whose pictures stall.
    return Opening(
        address,
        "rtsp",
        {
            "rtsp_transport": transport.value,
            "allowed_media_types": "video",
            "fflags": "nobuffer",
            "max_delay": "200000",
            "analyzeduration": "3000000",
            "protocol_whitelist": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto",
        },
    )


def _mjpeg(address: str) -> Opening:
    # The format is fixed: a web server must not be able to select a playlist that reads files of this machine.
    return Opening(
        address,
        MJPEG,
        {"fflags": "nobuffer", "protocol_whitelist": "http,https,tcp,tls,httpproxy", "reconnect": "0"},
        arrival_clock=True,
    )


def _webcam(number: int) -> Opening:
    return Opening(f"/dev/video{number}", "v4l2", {})


@dataclass
class LiveSource:
    """A stream that runs whether it is read or not; see `Source`."""

    name: str
    opening: Opening = field(repr=False)
    zones: Zones
    clock: Clock
    stall_s: float
    live: bool = field(default=True, init=False)
    meter: HealthMeter = field(init=False, repr=False)
    _reader: StreamReader | None = field(default=None, init=False, repr=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        self.meter = HealthMeter(self.stall_s)

    def frames(self) -> Iterator[Frame | None]:
        """See `Source.frames`; yields the newest frame each time."""
        reader = self._reader
        if reader is None:
            reader = self._reader = StreamReader(self.opening, self.meter, self.clock, self.stall_s)
            reader.start()
        while not self._closed.is_set():
            newest = reader.newest(0.25)
            yield None if newest is None else Frame(newest.frame, self.zones, newest.taken_at, newest.at_s)

    def health(self) -> Health:
        """See `Source.health`."""
        return self.meter.read(time.monotonic())

    def close(self) -> None:
        """See `Source.close`."""
        self._closed.set()
        if self._reader is not None:
            self._reader.stop()


def _is_film(stream: VideoStream) -> bool:
    """Whether a stream has pictures of a camera: no cover of a sound file, and no text that FFmpeg would draw."""
    return not stream.disposition & Disposition.attached_pic and stream.codec_context.name not in _TEXT


@dataclass
class FileSource:
    """A file, read frame by frame; see `Source`.

    Raises:
        SourceError: there is no such file.
    """

    path: Path
    zones: Zones
    clock: Clock
    paced: bool = False
    name: str = field(init=False)
    live: bool = field(default=False, init=False)
    meter: HealthMeter = field(init=False, repr=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        self.name = str(self.path)
        self.meter = HealthMeter(float("inf"))
        if not self.path.is_file():
            raise SourceError("there is no file {path}", path=self.path)

    def frames(self) -> Iterator[Frame | None]:
        """See `Source.frames`."""
        begun = self.clock.now()
        seen = False
        try:
            with av.open(self.path, options={"protocol_whitelist": "file"}) as container:
                stream = next((one for one in container.streams.video if _is_film(one)), None)
                if stream is None:
                    raise SourceError("{path} has no video", path=self.path)
                stream.thread_type = "SLICE"
                step = float(1 / stream.average_rate) if stream.average_rate else 0.04
                last = -step
                for frame in container.decode(stream):
                    if self._closed.is_set():
                        return
                    if max(frame.width, frame.height) > MAX_SIDE:
                        raise SourceError(
                            "the picture of {path} is larger than {most} pixels", path=self.path, most=MAX_SIDE
                        )
                    # Some files have no times, or times that step back: their frames are spaced evenly.
                    at_s = frame.time if frame.pts is not None and frame.time > last else last + step
                    last, seen = at_s, True
                    taken_at = begun + timedelta(seconds=at_s)
                    self.meter.frame(at_s, taken_at, (frame.width, frame.height), None)
                    if self.paced and self._late(taken_at):
                        self.meter.skipped(1)
                        continue
                    yield Frame(frame, self.zones, taken_at, at_s)
        except SourceError:
            self.meter.disconnected(TOO_LARGE)
            raise
        except (av.error.FFmpegError, OSError) as error:
            if not seen:
                problem = problem_of(error)
                self.meter.disconnected(problem)
                raise SourceError("{path} cannot be read as video: {reason}", path=self.path, reason=problem) from None
        self.meter.disconnected("the file has ended")

    def _late(self, taken_at: datetime) -> bool:
        """Wait for the moment of a frame; returns whether it passed too long ago."""
        ahead_s = (taken_at - self.clock.now()).total_seconds()
        if ahead_s > 0:
            self._closed.wait(ahead_s)
        return ahead_s < -_LATE_S

    def health(self) -> Health:
        """See `Source.health`; rates are by the file's clock."""
        last = self.meter.last_s
        return self.meter.read(last)

    def close(self) -> None:
        """See `Source.close`."""
        self._closed.set()
