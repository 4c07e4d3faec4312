"""Sources: files, Motion JPEG from a real web server, and what goes wrong."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from structlog.testing import capture_logs
from tests.manual_clock import ManualClock
from tests.video.clips import SIZE, mjpeg_server, picture, write_clip

from mien.clock import SystemClock
from mien.video.errors import SourceError
from mien.video.frames import Frame
from mien.video.health import Health
from mien.video.motion import MotionGate
from mien.video.sources import FileSource, LiveSource, Source, open_source
from mien.video.zones import Zone, ZoneKind, Zones

PATIENCE_S = 60.0
HIDDEN = Zones((Zone(ZoneKind.PRIVACY, ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))),))


def some(source: Source, count: int) -> list[Frame]:
    """Return the next frames; fails when they do not come."""
    found: list[Frame] = []
    begun = time.monotonic()
    frames = source.frames()
    for frame in frames:
        if frame is not None:
            found.append(frame)
        if len(found) == count:
            return found
        assert time.monotonic() - begun < PATIENCE_S, f"{len(found)} of {count} frames; {source.health()}"
    return found


def until(source: Source, reached: Callable[[Health], bool]) -> Health:
    """Read until the source's health is as wanted; fails when it does not become so."""
    begun = time.monotonic()
    for _ in source.frames():
        if reached(source.health()):
            break
        assert time.monotonic() - begun < PATIENCE_S, source.health()
    return source.health()


@pytest.fixture
def opened() -> Iterator[Callable[..., Source]]:
    """Opens sources that are closed after the test."""
    sources: list[Source] = []

    def one(address: str | Path, **options: object) -> Source:
        sources.append(open_source(address, **options))  # type: ignore[arg-type]
        return sources[-1]

    yield one
    for source in sources:
        source.close()


def test_a_file_gives_every_frame_in_order(tmp_path: Path) -> None:
    source = open_source(write_clip(tmp_path / "clip.mp4", 20, rate=10))
    frames = [frame for frame in source.frames() if frame is not None]
    assert [round(frame.at_s, 3) for frame in frames] == [index / 10 for index in range(20)]
    assert (frames[0].width, frames[0].height) == SIZE
    assert frames[3].taken_at > frames[2].taken_at
    assert np.abs(frames[5].pixels().astype(int) - picture(5)).mean() < 4
    assert not source.live
    assert source.health().problem == "the file has ended"


def test_reduced_pictures_and_brightness_show_the_same(tmp_path: Path) -> None:
    (frame, *_) = [one for one in open_source(write_clip(tmp_path / "clip.mp4", 2)).frames() if one]
    assert frame.reduced(160).shape == (120, 160, 3)
    assert frame.reduced(1000).shape == (240, 320, 3)
    assert np.abs(frame.luma(32, 24).astype(int) - frame.reduced(32).mean(axis=2)).mean() < 25
    assert frame.luma(32, 24).shape == (24, 32)


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_no_view_of_a_frame_shows_a_privacy_zone(tmp_path: Path, codec: str) -> None:
    name = "clip.mp4" if codec == "libx264" else "clip.avi"
    clip = write_clip(tmp_path / name, 2, draw=lambda _: np.full((240, 320, 3), 200, np.uint8), codec=codec)
    for frame in open_source(clip, zones=HIDDEN).frames():
        assert frame is not None
        for pixels in (frame.pixels(), frame.reduced(320), frame.reduced(96), frame.luma(80, 60)):
            height, width = pixels.shape[:2]
            inside = pixels[int(height * 0.4) : int(height * 0.6) + 1, int(width * 0.4) : int(width * 0.6) + 1]
            assert not inside.any()
            assert pixels[0, 0].all()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "empty"),
        ("ftp://camera/1", "no video source"),
        ("rtsp://", "no host"),
        ("rtsp://user:secret@:554/x", "no host"),
        ("rtsp://user:secret@cam:0/x", "host"),
        ("rtsp://user:secret@cam:99999/x", "host and port"),
        ("rtsp://user:sec ret@cam/x", "blanks"),
        ("/nowhere/clip.mp4", "there is no file"),
        ("file:///nowhere/clip.mp4", "there is no file"),
    ],
)
def test_what_is_no_source_is_refused_without_its_password(address: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as raised:
        open_source(address)
    assert "secret" not in str(raised.value)


def test_addresses_are_told_apart(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a clip.mp4", 1)
    for address in (clip.as_uri(), f"file:{clip}", clip):
        assert isinstance(open_source(address), FileSource)
    assert isinstance(open_source(str(clip)), FileSource)
    for address in ("webcam:1", "/dev/video1"):
        webcam = open_source(address)
        assert isinstance(webcam, LiveSource)
        assert webcam.name == "/dev/video1"
    assert open_source("RTSPS://u:p@cam/1").name == "rtsps://***@cam/1"
    assert "p@cam" not in repr(open_source("rtsp://u:p@cam/1"))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    for name, content in (("text.mp4", b"no video " * 200), ("empty.mp4", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match="cannot be read as video"):
            list(open_source(tmp_path / name).frames())


def test_a_file_that_cannot_be_read_says_so_in_its_health(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    source = open_source(tmp_path / "empty.mp4")
    with pytest.raises(SourceError):
        next(source.frames())
    assert source.health().problem == "the data is not a video that can be decoded"


def test_a_file_in_place_of_a_camera_never_runs_ahead_of_the_clock(tmp_path: Path) -> None:
    clock = SystemClock()
    source = open_source(write_clip(tmp_path / "clip.mp4", 12, rate=10), paced=True, clock=clock)
    seen = [(frame.taken_at, clock.now()) for frame in source.frames() if frame is not None]
    assert seen
    assert all(taken_at <= now for taken_at, now in seen)


def test_a_file_in_place_of_a_camera_leaves_out_what_came_too_late(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    source = open_source(write_clip(tmp_path / "clip.mp4", 40, rate=10), paced=True, clock=clock)
    frames = source.frames()
    assert next(frames) is not None
    clock.advance(timedelta(seconds=2))
    later = next(frames)
    assert later is not None
    assert later.at_s == pytest.approx(1.5)
    assert source.health().dropped == 14
    source.close()
    assert list(frames) == []


def turned(clip: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a quarter turn into the header of a clip, as a phone that is held upright does."""
    content = bytearray(clip.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (one << 16 for one in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    clip.write_bytes(content)
    return clip


@pytest.mark.parametrize(
    ("matrix", "corner", "size"),
    [
        ((0, 1, -1, 0), (0, -1), (240, 320)),
        ((-1, 0, 0, -1), (-1, -1), (320, 240)),
        ((0, -1, 1, 0), (-1, 0), (240, 320)),
    ],
)
def test_a_phones_film_is_seen_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """The white corner, left above in the file, is where the header turns it."""
    lying = np.full((240, 320, 3), 60, np.uint8)
    lying[:80, :80] = 250
    clip = turned(write_clip(tmp_path / "clip.mp4", 3, draw=lambda _: lying), matrix)
    (frame, *_) = [one for one in open_source(clip).frames() if one]
    assert (frame.width, frame.height) == size
    for pixels in (frame.pixels(), frame.reduced(160), frame.luma(size[0] // 10, size[1] // 10)):
        grey = pixels.reshape(*pixels.shape[:2], -1).mean(axis=2)
        assert grey[corner] > 200
        assert np.count_nonzero([grey[y, x] > 200 for y in (0, -1) for x in (0, -1)]) == 1


def test_a_camera_may_change_its_resolution(tmp_path: Path) -> None:
    """Two parts of one stream: as a camera sends them whose settings are changed meanwhile."""
    sizes = ((320, 240), (640, 360))
    parts = [
        write_clip(tmp_path / f"{size[0]}.h264", 5, draw=partial(picture, size=size)).read_bytes() for size in sizes
    ]
    (tmp_path / "both.h264").write_bytes(b"".join(parts))
    gate, seen = MotionGate(HIDDEN), []
    for frame in open_source(tmp_path / "both.h264", zones=HIDDEN).frames():
        assert frame is not None
        assert frame.pixels().shape == (frame.height, frame.width, 3)
        assert not frame.pixels()[frame.height // 2, frame.width // 2].any()
        gate.moves(frame)
        seen.append((frame.width, frame.height))
    assert list(dict.fromkeys(seen)) == list(sizes)


def test_a_camera_without_colour_is_seen(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "grey.avi"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray"
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index)[..., 0], format="gray")))
        container.mux(stream.encode(None))
    for index, frame in enumerate(open_source(tmp_path / "grey.avi").frames()):
        assert frame is not None
        assert np.abs(frame.pixels().astype(int) - picture(index)[..., :1]).max() < 4
        assert frame.luma(32, 24).shape == (24, 32)


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    stamps = [0, 40, 50, 300, 301, 900]
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    times = [frame.at_s for frame in open_source(tmp_path / "clip.mkv").frames() if frame]
    assert times == pytest.approx([stamp / 1000 for stamp in stamps], abs=2e-3)


def test_a_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "clip.mkv", 60).read_bytes()
    (tmp_path / "short.mkv").write_bytes(whole[: len(whole) // 2])
    assert 5 < len(list(open_source(tmp_path / "short.mkv").frames())) < 60


def test_motion_jpeg_comes_from_a_web_server(opened: Callable[..., Source]) -> None:
    with mjpeg_server() as server:
        source = opened(server.url)
        frames = some(source, 5)
        assert (frames[0].width, frames[0].height) == SIZE
        assert frames[0].pixels().max() > 200
        health = source.health()
        assert health.connected
        assert health.size == SIZE
        assert health.last_frame_at is not None


def test_a_web_server_that_asks_for_a_password_gets_it(opened: Callable[..., Source]) -> None:
    with mjpeg_server("cam:p4ss") as server:
        address = server.url.replace("http://", "http://cam:p4ss@")
        assert len(some(opened(address), 2)) == 2
        with capture_logs() as logs:
            refused = opened(address.replace("p4ss", "wr0ng"))
            health = until(refused, lambda one: one.problem is not None and "password" in one.problem)
        assert health.problem == "the camera refused the user name or password (401)"
        assert not health.connected
        assert logs
        assert "wr0ng" not in repr(logs)


def test_a_stream_that_ends_is_opened_again(opened: Callable[..., Source]) -> None:
    with mjpeg_server() as server:
        source = opened(server.url)
        some(source, 2)
        server.hang_up.set()
        lost = until(source, lambda one: not one.connected)
        assert lost.problem is not None
        server.hang_up.clear()
        again = until(source, lambda one: one.connected)
        assert again.reconnects >= 1
        assert server.calls >= 2


def test_a_stalled_stream_is_noticed_and_opened_again(opened: Callable[..., Source]) -> None:
    with mjpeg_server() as server:
        source = opened(server.url, stall_s=1.0)
        some(source, 2)
        before = source.health().reconnects  # it may have stalled on a busy machine, too
        server.sending.clear()
        until(source, lambda one: one.reconnects > before and not one.connected)
        server.sending.set()
        assert until(source, lambda one: one.connected).connected


def test_a_page_that_is_no_stream_is_told(opened: Callable[..., Source]) -> None:
    with mjpeg_server() as server:
        missing = until(opened(server.url + "x"), lambda one: one.problem != "no frame has come yet")
        assert missing.problem == "the camera has no such stream (404)"
    refused = until(opened("http://127.0.0.1:9/x"), lambda one: one.problem != "no frame has come yet")
    assert refused.problem == "the connection was refused"


def test_a_missing_webcam_is_told(opened: Callable[..., Source]) -> None:
    health = until(opened("webcam:98"), lambda one: one.problem != "no frame has come yet")
    assert health.problem == "there is no such device or file"


def test_threads_have_left_the_decoder_when_the_process_ends() -> None:
    program = """
import atexit, sys, threading
atexit.register(lambda: print("left:", [one.name for one in threading.enumerate() if one.name == "mien-stream"]))
from mien.video.sources import open_source
assert next(one for one in open_source(sys.argv[1]).frames() if one is not None)
print("seen:", [one.name for one in threading.enumerate() if one.name == "mien-stream"])
"""
    with mjpeg_server() as server:
        ended = subprocess.run(
            [sys.executable, "-c", program, server.url], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        )
    assert ended.stdout == "seen: ['mien-stream']\nleft: []\n"
    assert ended.stderr == ""
